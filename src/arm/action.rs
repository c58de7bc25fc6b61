//! What can be asked of a compute beside making, changing and deleting it: the POSTs on its own path.
//!
//! Must not know who may ask it, or when; the api-version that knows each action is the client's.

/// One action of a compute. Its answer is either a long operation (power) or done at once (everything else).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ComputeAction {
    /// Starts a stopped instance.
    Start,
    /// Stops a running instance. Its disk stays, and is billed.
    Stop,
    /// Restarts a running instance.
    Restart,
    /// Sets after how long an idle instance stops: `{"idleTimeBeforeShutdown": "PT30M"}`.
    SetIdleShutdown,
    /// Replaces all schedules of an instance: `{"computeStartStop": […]}`.
    SetSchedules,
    /// Replaces all custom applications of an instance; the body is the bare list.
    SetCustomServices,
    /// Switches single sign-on to an instance's applications: `{"enableSSO": true}`.
    SetSso,
}

impl ComputeAction {
    /// Every action there is.
    pub const ALL: [Self; 7] = [
        Self::Start,
        Self::Stop,
        Self::Restart,
        Self::SetIdleShutdown,
        Self::SetSchedules,
        Self::SetCustomServices,
        Self::SetSso,
    ];

    /// Its last path segment (azureml-api.md a.1, a.2).
    pub fn segment(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
            Self::SetIdleShutdown => "updateIdleShutdownSetting",
            Self::SetSchedules => "updateSchedules",
            Self::SetCustomServices => "customServices",
            Self::SetSso => "enableSso",
        }
    }

    /// Its name in a status.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start => "Start",
            Self::Stop => "Stop",
            Self::Restart => "Restart",
            Self::SetIdleShutdown => "SetIdleShutdown",
            Self::SetSchedules => "SetSchedules",
            Self::SetCustomServices => "SetCustomServices",
            Self::SetSso => "SetSso",
        }
    }
}
