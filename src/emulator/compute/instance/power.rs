//! The power of an instance: its states, what is done to it, from which state that is allowed and where it leads. Changes nothing.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::time;

/// `state` of an instance (azureml-api c.2); `JobRunning` is Running with a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Power {
    Creating,
    SettingUp,
    UserSettingUp,
    CreateFailed,
    SetupFailed,
    UserSetupFailed,
    Running,
    Starting,
    Stopping,
    Stopped,
    Restarting,
    Resizing,
    Deleting,
    Unusable,
    Unknown,
}

impl Power {
    /// As the API spells it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Creating => "Creating",
            Self::SettingUp => "SettingUp",
            Self::UserSettingUp => "UserSettingUp",
            Self::CreateFailed => "CreateFailed",
            Self::SetupFailed => "SetupFailed",
            Self::UserSetupFailed => "UserSetupFailed",
            Self::Running => "Running",
            Self::Starting => "Starting",
            Self::Stopping => "Stopping",
            Self::Stopped => "Stopped",
            Self::Restarting => "Restarting",
            Self::Resizing => "Resizing",
            Self::Deleting => "Deleting",
            Self::Unusable => "Unusable",
            Self::Unknown => "Unknown",
        }
    }
}

/// What is done to an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Verb {
    Create,
    Start,
    Stop,
    Restart,
    Resize,
    Delete,
}

impl Verb {
    /// `operationName`.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Create => "Create",
            Self::Start => "Start",
            Self::Stop => "Stop",
            Self::Restart => "Restart",
            Self::Resize => "Resize",
            Self::Delete => "Delete",
        }
    }

    /// How long it takes, in seconds. Create, stop and start: the ranges of the recordings (azureml-api a.4). A restart is a little
    /// more than a start, a resize about as long as a stop; neither was recorded to its end. A delete was recorded of clusters only.
    pub(crate) const fn takes(self) -> (f64, f64) {
        match self {
            Self::Create => (127.0, 154.0),
            Self::Start => (108.0, 120.0),
            Self::Stop => (63.0, 90.0),
            Self::Restart => (110.0, 150.0),
            Self::Resize => (60.0, 90.0),
            Self::Delete => (31.0, 63.0),
        }
    }

    /// How long it takes if a script of the user's runs in it: a create whose script failed was over after 254 s
    /// (azure-sdk-for-go issue 18017); a start is given about the same surplus.
    pub(crate) const fn takes_with_script(self) -> (f64, f64) {
        match self {
            Self::Create => (220.0, 260.0),
            Self::Start | Self::Restart => (190.0, 230.0),
            Self::Stop | Self::Resize | Self::Delete => self.takes(),
        }
    }

    /// The state while it is done.
    pub(crate) fn meanwhile(self) -> Power {
        match self {
            Self::Create => Power::Creating,
            Self::Start => Power::Starting,
            Self::Stop => Power::Stopping,
            Self::Restart => Power::Restarting,
            Self::Resize => Power::Resizing,
            Self::Delete => Power::Deleting,
        }
    }

    /// The state after it.
    pub(crate) fn afterwards(self) -> Power {
        match self {
            Self::Create | Self::Start | Self::Restart => Power::Running,
            Self::Stop | Self::Resize => Power::Stopped,
            Self::Delete => Power::Deleting,
        }
    }

    /// The state after it failed. A setup that failed leaves the machine (azure-sdk-for-go issue 18017, ai-studio-in-a-box issue 2);
    /// the others are not recorded: a start or resize leaves it stopped, a stop leaves it running.
    pub(crate) fn failed(self, code: &str) -> Power {
        match (self, code) {
            (Self::Create | Self::Start | Self::Restart, "SetupScriptsError") => Power::UserSetupFailed,
            (Self::Create | Self::Start | Self::Restart, "StorageMountError") => Power::SetupFailed,
            (Self::Create, _) => Power::CreateFailed,
            (Self::Start | Self::Resize, _) => Power::Stopped,
            (Self::Stop, _) => Power::Running,
            (Self::Restart | Self::Delete, _) => Power::Unusable,
        }
    }

    /// Whether it is allowed in a state in which nothing else is going on (azureml-api c.2; the ways out of failed setups and broken
    /// machines by a stop are assumed).
    pub(crate) fn allowed(self, power: Power) -> bool {
        match self {
            Self::Create => false,
            Self::Start | Self::Resize => power == Power::Stopped,
            Self::Stop => matches!(
                power,
                Power::Running | Power::SetupFailed | Power::UserSetupFailed | Power::Unusable | Power::Unknown
            ),
            Self::Restart => power == Power::Running,
            Self::Delete => true,
        }
    }

    /// Code and message of the operation that fails because it is not allowed. The start's are recorded (vscode-tools-for-ai issues
    /// 1100, 2096), the others follow its form.
    pub(crate) fn not_allowed(self, name: &str) -> (&'static str, String) {
        let (code, verb, states) = match self {
            Self::Start => ("StartComputeInstanceOnlyAllowedInStoppedState", "Start", "'stopped' state"),
            Self::Stop => ("StopComputeInstanceOnlyAllowedInRunningState", "Stop", "'running' state"),
            Self::Restart => ("RestartComputeInstanceOnlyAllowedInRunningState", "Restart", "'running' state"),
            Self::Resize => ("ResizeComputeInstanceOnlyAllowedInStoppedState", "Resize", "'stopped' state"),
            Self::Create | Self::Delete => ("BadRequest", self.word(), "another state"),
        };
        (code, format!("{verb} Azure ML Compute Instance is only allowed when the instance {name} is in {states}"))
    }
}

/// Who caused an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Trigger {
    User,
    Schedule,
    IdleShutdown,
}

impl Trigger {
    /// As the API spells it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Schedule => "Schedule",
            Self::IdleShutdown => "IdleShutdown",
        }
    }
}

/// The last operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Last {
    pub(crate) verb: Verb,
    /// When it began.
    pub(crate) at: Timestamp,
    pub(crate) trigger: Trigger,
    /// Whether it succeeded; `None`: it runs.
    pub(crate) outcome: Option<bool>,
}

impl Last {
    /// `lastOperation` (recorded 2022-09-07).
    pub(crate) fn show(self) -> Value {
        let name = self.verb.word();
        let status = match self.outcome {
            None => "InProgress".to_owned(),
            Some(true) => "Succeeded".to_owned(),
            Some(false) => format!("{name}Failed"),
        };
        json!({
            "operationName": name,
            "operationTime": time::millis(self.at),
            "operationStatus": status,
            "operationTrigger": self.trigger.word()
        })
    }
}
