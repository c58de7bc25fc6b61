//! What went wrong, in neutral words: neither the client's types nor Kubernetes'.
//!
//! Must not say what follows from it; that is the error table's.

use crate::inputs::OperationKind;
use arm::{ArmError, ComputeAction};
use jiff::SignedDuration;

/// What was being tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// Getting a token.
    Authenticate,
    /// Looking at computes.
    Look,
    /// PUT of a new compute.
    Create,
    /// PATCH of its scale settings.
    Scale,
    /// PUT of changed tags or identity.
    Update,
    /// An action of its own (POST).
    Post(ComputeAction),
    /// DELETE.
    Delete,
    /// DELETE that leaves what lies under the compute.
    Detach,
}

impl Attempt {
    /// What was tried, for a sentence: "cannot … the compute".
    pub fn verb(self) -> &'static str {
        match self {
            Self::Authenticate => "authenticate to Azure for",
            Self::Look => "look at",
            Self::Create => "create",
            Self::Scale => "scale",
            Self::Update => "update",
            Self::Post(ComputeAction::Start) => "start",
            Self::Post(ComputeAction::Stop) => "stop",
            Self::Post(ComputeAction::Restart) => "restart",
            Self::Post(ComputeAction::SetIdleShutdown) => "set the idle shutdown of",
            Self::Post(ComputeAction::SetSchedules) => "set the schedules of",
            Self::Post(ComputeAction::SetCustomServices) => "set the custom applications of",
            Self::Post(ComputeAction::SetSso) => "switch single sign-on of",
            Self::Delete => "delete",
            Self::Detach => "detach",
        }
    }
}

impl From<OperationKind> for Attempt {
    fn from(kind: OperationKind) -> Self {
        match kind {
            OperationKind::Create => Self::Create,
            OperationKind::Scale => Self::Scale,
            OperationKind::Update => Self::Update,
            OperationKind::Post(action) => Self::Post(action),
            OperationKind::Delete => Self::Delete,
            OperationKind::Detach => Self::Detach,
        }
    }
}

/// What came back, or did not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// ARM or the provider answered with an error status.
    Http {
        /// The status.
        status: u16,
        /// What it said; empty for an empty or unreadable body.
        error: ArmError,
    },
    /// The workspace, its group or subscription is not there (404 of a parent).
    ParentNotFound {
        /// ARM's code.
        code: String,
    },
    /// A long operation was accepted and then failed.
    OperationFailed {
        /// Why.
        error: ArmError,
    },
    /// The compute itself says that its provisioning failed.
    Provisioning {
        /// Why.
        error: ArmError,
    },
    /// Our own gate holds requests back until Azure's Retry-After has passed.
    Throttled,
    /// No token: what Microsoft Entra says.
    Credential {
        /// Its code, such as AADSTS7000215; empty if none was told.
        code: String,
        /// What it says, without secrets.
        message: String,
    },
    /// No answer in time.
    Timeout,
    /// No connection, or it broke.
    Connect {
        /// What the network says.
        message: String,
    },
    /// The answer is no JSON, cut short, too large, or has not the shape it should have.
    Unreadable {
        /// What is wrong with it.
        message: String,
    },
    /// The answer would lead to another host.
    ForeignUrl,
}

/// One failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What was being tried.
    pub attempt: Attempt,
    /// What came back.
    pub cause: Cause,
    /// How long Azure asks to wait at least.
    pub retry_after: Option<SignedDuration>,
}

impl Failure {
    /// The status, if there was one.
    pub fn status(&self) -> Option<u16> {
        match &self.cause {
            Cause::Http { status, .. } => Some(*status),
            Cause::ParentNotFound { .. } => Some(404),
            Cause::Throttled => Some(429),
            Cause::OperationFailed { .. }
            | Cause::Provisioning { .. }
            | Cause::Credential { .. }
            | Cause::Timeout
            | Cause::Connect { .. }
            | Cause::Unreadable { .. }
            | Cause::ForeignUrl => None,
        }
    }

    /// What ARM or the provider said, if anything.
    pub fn error(&self) -> Option<&ArmError> {
        match &self.cause {
            Cause::Http { error, .. } | Cause::OperationFailed { error } | Cause::Provisioning { error } => Some(error),
            Cause::ParentNotFound { .. }
            | Cause::Throttled
            | Cause::Credential { .. }
            | Cause::Timeout
            | Cause::Connect { .. }
            | Cause::Unreadable { .. }
            | Cause::ForeignUrl => None,
        }
    }
}
