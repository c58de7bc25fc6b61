//! What a decision asks for: one action, one verdict, and when to decide again.
//!
//! Must not carry out anything. The enumeration is closed: the engine matches it without a catch-all arm.

use crate::inputs::{Body, OperationKind};
use api::PlannedChange;
use arm::ComputeAction;
use jiff::SignedDuration;

/// The one thing to do now. At most one of a pass changes Azure.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Nothing.
    Nothing,
    /// Ask Azure for this compute alone (GET), then decide again.
    Look,
    /// Write finalizer and claim onto the object, in one patch that tests its UID.
    Claim {
        /// Value of the claim annotation.
        claim: String,
    },
    /// Give the claim up and take the finalizer off an object that lives: another goes first.
    Unclaim,
    /// Make the compute (PUT).
    Create {
        /// What is sent.
        body: Body,
    },
    /// Change its scale settings (PATCH).
    Scale {
        /// What is sent.
        body: Body,
    },
    /// Send it whole with changes (PUT of a GET).
    Update {
        /// What is sent.
        body: Body,
    },
    /// Ask something of it by an action of its own (POST).
    Post {
        /// What is asked.
        action: ComputeAction,
        /// What is sent; power takes no body.
        body: Option<Body>,
    },
    /// Delete it with what lies under it (DELETE).
    Delete,
    /// Let it go and leave what lies under it (DELETE with `underlyingResourceAction=Detach`).
    Detach,
    /// Take the finalizer off the object, in a patch that tests its UID.
    Release,
}

impl Action {
    /// The long operation it begins, if it writes to Azure.
    pub fn operation(&self) -> Option<OperationKind> {
        match self {
            Self::Create { .. } => Some(OperationKind::Create),
            Self::Scale { .. } => Some(OperationKind::Scale),
            Self::Update { .. } => Some(OperationKind::Update),
            Self::Post { action, .. } => Some(OperationKind::Post(*action)),
            Self::Delete => Some(OperationKind::Delete),
            Self::Detach => Some(OperationKind::Detach),
            Self::Nothing | Self::Look | Self::Claim { .. } | Self::Unclaim | Self::Release => None,
        }
    }

    /// Its name, for logs and metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Look => "look",
            Self::Claim { .. } => "claim",
            Self::Unclaim => "unclaim",
            Self::Create { .. } => "create",
            Self::Scale { .. } => "scale",
            Self::Update { .. } => "update",
            Self::Post { action, .. } => match action {
                ComputeAction::Start => "start",
                ComputeAction::Stop => "stop",
                ComputeAction::Restart => "restart",
                ComputeAction::SetIdleShutdown => "set_idle_shutdown",
                ComputeAction::SetSchedules => "set_schedules",
                ComputeAction::SetCustomServices => "set_custom_services",
                ComputeAction::SetSso => "set_sso",
            },
            Self::Delete => "delete",
            Self::Detach => "detach",
            Self::Release => "release",
        }
    }
}

/// How things stand, in one of four ways. All conditions are derived from it, once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Azure is as declared.
    Ready(Because),
    /// Work is under way, or will be tried again.
    Working(Because),
    /// Nothing more happens until something changes.
    Stalled(Because),
    /// Writes are stopped: what was reported stays, the generation is left unobserved.
    Paused,
}

/// A reason and a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Because {
    /// One CamelCase word; stable, for programs.
    pub reason: String,
    /// For people: lower-case, no secrets, nothing volatile.
    pub message: String,
}

impl Because {
    /// A reason with its message.
    pub fn new(reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self { reason: reason.into(), message: message.into() }
    }
}

/// What was decided.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The one thing to do now.
    pub action: Action,
    /// Fingerprint of the change the action makes, to notice when it has no effect.
    pub digest: u64,
    /// How things stand.
    pub verdict: Verdict,
    /// Every difference that was found.
    pub changes: Vec<PlannedChange>,
    /// Whether the differences are drift: changes by somebody else, not a new generation.
    pub drifted: bool,
    /// Whether the compute is this object's.
    pub owned: bool,
    /// When to decide again, if nothing happens before.
    pub next: SignedDuration,
}
