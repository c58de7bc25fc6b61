//! The enumerations of Azure ML, open at the end: a value nobody knows yet is carried, never an error.
//!
//! Must not decide what a state means for an object; that is the decision core's.

use std::fmt;

/// Declares an open enumeration that compares without case and keeps what it does not know.
macro_rules! open_enum {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$vmeta])* #[doc = concat!("`", $text, "` on the wire.")] $variant,)+
            /// A value this version does not know, as Azure wrote it.
            Unknown(String),
        }

        impl $name {
            /// Reads a value as Azure writes it, in any case.
            pub fn parse(text: &str) -> Self {
                $(if text.eq_ignore_ascii_case($text) { return Self::$variant; })+
                Self::Unknown(text.to_owned())
            }

            /// The canonical spelling on the wire.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)+
                    Self::Unknown(text) => text,
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

open_enum!(
    /// `properties.provisioningState` of a compute (azureml-api.md c.1).
    ProvisioningState {
        Updating = "Updating",
        Creating = "Creating",
        Deleting = "Deleting",
        Succeeded = "Succeeded",
        Failed = "Failed",
        Canceled = "Canceled",
    }
);

impl ProvisioningState {
    /// Whether Azure has come to rest. An unknown state counts as moving, because waiting harms nothing.
    pub fn is_terminal(&self) -> bool {
        match self {
            Self::Succeeded | Self::Failed | Self::Canceled => true,
            Self::Updating | Self::Creating | Self::Deleting | Self::Unknown(_) => false,
        }
    }
}

open_enum!(
    /// The discriminator `properties.computeType`.
    ComputeType {
        AmlCompute = "AmlCompute",
        ComputeInstance = "ComputeInstance",
        Kubernetes = "Kubernetes",
        Aks = "AKS",
        VirtualMachine = "VirtualMachine",
        HdInsight = "HDInsight",
        Databricks = "Databricks",
        DataFactory = "DataFactory",
        DataLakeAnalytics = "DataLakeAnalytics",
        SynapseSpark = "SynapseSpark",
        // Only the 2020 API knows it (azureml-api.md b).
        Batch = "Batch",
    }
);

/// Which of Azure ML's api-versions is spoken of a compute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// The newest stable one.
    #[default]
    Newest,
    /// The one of 2020, for what no newer one knows.
    Legacy,
}

impl ComputeType {
    /// The api-version that knows this type. Batch accounts are attached by Microsoft's first SDK on 2020-02-02 and are in
    /// the enumeration of no newer version, whose LIST leaves them out (azureml-api.md b).
    pub fn dialect(&self) -> Dialect {
        match self {
            Self::Batch => Dialect::Legacy,
            Self::AmlCompute
            | Self::ComputeInstance
            | Self::Kubernetes
            | Self::Aks
            | Self::VirtualMachine
            | Self::HdInsight
            | Self::Databricks
            | Self::DataFactory
            | Self::DataLakeAnalytics
            | Self::SynapseSpark
            | Self::Unknown(_) => Dialect::Newest,
        }
    }
}

open_enum!(
    /// `allocationState` of a cluster: whether nodes are being added or removed right now.
    AllocationState {
        Steady = "Steady",
        Resizing = "Resizing",
    }
);

open_enum!(
    /// `vmPriority` of a cluster.
    VmPriority {
        Dedicated = "Dedicated",
        LowPriority = "LowPriority",
    }
);

open_enum!(
    /// `osType` of a cluster's nodes.
    OsType {
        Linux = "Linux",
        Windows = "Windows",
    }
);

open_enum!(
    /// `remoteLoginPortPublicAccess`; `NotSpecified` only before creation, the service settles it.
    RemoteLogin {
        Enabled = "Enabled",
        Disabled = "Disabled",
        NotSpecified = "NotSpecified",
    }
);

open_enum!(
    /// `state` of an instance: its power, its setup and its troubles in one word (azureml-api.md c.2). `Ready` is a
    /// word of older versions for `Running`; `StartFailed` and `StopFailed` are not published as states, but errors
    /// name them.
    InstanceState {
        Creating = "Creating",
        CreateFailed = "CreateFailed",
        Deleting = "Deleting",
        Running = "Running",
        Ready = "Ready",
        JobRunning = "JobRunning",
        Restarting = "Restarting",
        RestartFailed = "RestartFailed",
        Resizing = "Resizing",
        ResizeFailed = "ResizeFailed",
        Reimaging = "Reimaging",
        ReimageFailed = "ReimageFailed",
        SettingUp = "SettingUp",
        SetupFailed = "SetupFailed",
        UserSettingUp = "UserSettingUp",
        UserSetupFailed = "UserSetupFailed",
        Starting = "Starting",
        StartFailed = "StartFailed",
        Stopping = "Stopping",
        StopFailed = "StopFailed",
        Stopped = "Stopped",
        Unusable = "Unusable",
    }
);

impl InstanceState {
    /// Whether it is on the way to another state. `Unknown`, and what this version does not know, counts as moving.
    pub fn is_moving(&self) -> bool {
        match self {
            Self::Creating
            | Self::Deleting
            | Self::Restarting
            | Self::Resizing
            | Self::Reimaging
            | Self::SettingUp
            | Self::UserSettingUp
            | Self::Starting
            | Self::Stopping
            | Self::Unknown(_) => true,
            Self::CreateFailed
            | Self::Running
            | Self::Ready
            | Self::JobRunning
            | Self::RestartFailed
            | Self::ResizeFailed
            | Self::ReimageFailed
            | Self::SetupFailed
            | Self::UserSetupFailed
            | Self::StartFailed
            | Self::StopFailed
            | Self::Stopped
            | Self::Unusable => false,
        }
    }
}

open_enum!(
    /// `lastOperation.operationName` of an instance.
    InstanceOperation {
        Create = "Create",
        Start = "Start",
        Stop = "Stop",
        Restart = "Restart",
        Resize = "Resize",
        Reimage = "Reimage",
        Delete = "Delete",
    }
);

open_enum!(
    /// `lastOperation.operationTrigger` of an instance: who stopped or started it.
    OperationTrigger {
        User = "User",
        Schedule = "Schedule",
        IdleShutdown = "IdleShutdown",
    }
);

open_enum!(
    /// `nodeState` in an answer of `listNodes`.
    NodeState {
        Idle = "idle",
        Running = "running",
        Preparing = "preparing",
        Unusable = "unusable",
        Leaving = "leaving",
        Preempted = "preempted",
    }
);

open_enum!(
    /// `status` of a long operation. Only three values are terminal (azureml-api.md a.4).
    OperationStatus {
        InProgress = "InProgress",
        Succeeded = "Succeeded",
        Failed = "Failed",
        Canceled = "Canceled",
    }
);

/// `identity.type` of a resource; both spellings of the double form are read (`A,B` and `A, B`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum IdentityType {
    /// No identity.
    None,
    /// An identity that lives and dies with the resource.
    SystemAssigned,
    /// One or more identities made elsewhere.
    UserAssigned,
    /// Both kinds at once.
    SystemAndUserAssigned,
    /// A value this version does not know, as Azure wrote it.
    Unknown(String),
}

impl IdentityType {
    /// Reads a value as Azure writes it, in any case and with or without a space after the comma.
    pub fn parse(text: &str) -> Self {
        let folded: String = text.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_lowercase();
        match folded.as_str() {
            "none" => Self::None,
            "systemassigned" => Self::SystemAssigned,
            "userassigned" => Self::UserAssigned,
            "systemassigned,userassigned" | "userassigned,systemassigned" => Self::SystemAndUserAssigned,
            _ => Self::Unknown(text.to_owned()),
        }
    }

    /// The canonical spelling on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Self::None => "None",
            Self::SystemAssigned => "SystemAssigned",
            Self::UserAssigned => "UserAssigned",
            Self::SystemAndUserAssigned => "SystemAssigned,UserAssigned",
            Self::Unknown(text) => text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_is_read_in_any_case_and_kept_when_unknown() {
        assert_eq!(ProvisioningState::parse("succeeded"), ProvisioningState::Succeeded);
        assert_eq!(ProvisioningState::parse("Rehydrating").as_str(), "Rehydrating");
        assert!(!ProvisioningState::parse("Rehydrating").is_terminal());
    }

    #[test]
    fn double_identity_is_read_with_and_without_space() {
        assert_eq!(IdentityType::parse("SystemAssigned, UserAssigned"), IdentityType::SystemAndUserAssigned);
        assert_eq!(IdentityType::parse("Systemassigned"), IdentityType::SystemAssigned);
    }
}
