//! Everything a decision may look at: what the object refers to, what Azure showed, what the engine remembers.
//!
//! Must not read anything itself. Time comes in as an argument; secret values have neither Debug nor Serialize.

use crate::action::Because;
use crate::failure::Failure;
use crate::rivals::Around;
use api::{ConfigMapKeyRef, SecretKeyRef};
use arm::{Compute, ComputeAction, Usage, VmSize, WorkspaceId};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::fmt;

/// A secret value. It can be put into a body and compared, never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a value read from a Secret; line ends at its end are dropped, because files end with one.
    pub fn new(value: &str) -> Self {
        Self(value.trim_end_matches(['\r', '\n']).to_owned())
    }

    /// The value, for the body it belongs into.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// A script. It can be put into a body, never shown: people write secrets into scripts.
#[derive(Clone, PartialEq, Eq)]
pub struct Script(String);

impl Script {
    /// Wraps a script, to the byte.
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The script, for the body it belongs into.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// What became of one reference to a key of a Secret or ConfigMap.
#[derive(Clone)]
pub enum Lent<T> {
    /// There is no such object.
    Missing,
    /// It has no such key, or what is there is empty or no text.
    KeyMissing,
    /// The operator may not read it.
    Forbidden,
    /// What is there.
    Value(T),
}

/// What became of one reference to a Secret's key.
pub type SecretState = Lent<Secret>;

/// What became of one reference to a ConfigMap's key.
pub type ConfigMapState = Lent<Script>;

/// What became of the reference to the Workspace.
#[derive(Clone, Debug)]
pub enum WorkspaceState {
    /// There is no such Workspace object.
    Missing,
    /// It exists but cannot be used now; why, in its own words.
    Unready {
        /// Its reason.
        reason: String,
        /// Its message.
        message: String,
        /// Whether nothing more happens there until something changes.
        stalled: bool,
    },
    /// It can be used.
    Ready(Box<WorkspaceFacts>),
}

/// A usable workspace.
#[derive(Clone, Debug)]
pub struct WorkspaceFacts {
    /// Its ARM id.
    pub id: WorkspaceId,
    /// Its region; `None` until Azure told it.
    pub location: Option<String>,
    /// Why the Workspace object is stalled, if it is.
    pub trouble: Option<Because>,
    /// Whether it, its identity and its Secret are held for the deletes that will need them.
    pub held: bool,
    /// Whether the Workspace object is being deleted: nothing new starts there.
    pub deleting: bool,
    /// How often Azure is looked at.
    pub observe_interval: SignedDuration,
}

/// What the object refers to.
#[derive(Clone)]
pub struct Refs {
    /// Its workspace.
    pub workspace: WorkspaceState,
    /// Its Secrets' values.
    pub secrets: BTreeMap<SecretKeyRef, SecretState>,
    /// Its ConfigMaps' texts.
    pub config_maps: BTreeMap<ConfigMapKeyRef, ConfigMapState>,
    /// VM sizes of its location; `None` while unknown, which refuses nothing.
    pub sizes: Option<Vec<VmSize>>,
    /// Usages of its location; `None` while unknown.
    pub usages: Option<Vec<Usage>>,
    /// Fingerprint of what would be sent and Azure never shows; `None` where it cannot be told.
    pub fingerprint: Option<String>,
    /// What else stands for its resource.
    pub around: Around,
}

impl Refs {
    /// A workspace, and nothing else known.
    pub fn of(workspace: WorkspaceState) -> Self {
        Self {
            workspace,
            secrets: BTreeMap::new(),
            config_maps: BTreeMap::new(),
            sizes: None,
            usages: None,
            fingerprint: None,
            around: Around::default(),
        }
    }
}

/// What Azure showed of the compute.
#[derive(Clone, Debug, PartialEq)]
pub enum Seen {
    /// Nothing yet.
    Unknown,
    /// It is not there.
    Absent,
    /// It is there.
    Present(Box<Compute>),
}

/// What is known of the compute, and how well.
#[derive(Clone, Debug)]
pub struct Observation {
    /// What was seen.
    pub seen: Seen,
    /// Whether it was asked for by a GET of its own in this very pass. Every write demands that this succeeded.
    pub looked: bool,
    /// When it was so.
    pub at: Option<Timestamp>,
    /// Why the newest look failed, if it did.
    pub trouble: Option<Failure>,
}

impl Observation {
    /// Whether a GET of its own succeeded in this very pass.
    pub fn is_fresh(&self) -> bool {
        self.looked && self.trouble.is_none()
    }
}

/// Which long operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperationKind {
    /// PUT of a new compute.
    Create,
    /// PATCH of its scale settings.
    Scale,
    /// PUT of changed tags or identity.
    Update,
    /// An action of its own (POST).
    Post(ComputeAction),
    /// DELETE with what lies under it.
    Delete,
    /// DELETE that leaves what lies under it.
    Detach,
}

impl OperationKind {
    /// The name in status.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "Create",
            Self::Scale => "Scale",
            Self::Update => "Update",
            Self::Post(action) => action.as_str(),
            Self::Delete => "Delete",
            Self::Detach => "Detach",
        }
    }

    /// The reason while it runs.
    pub fn progressive(self) -> &'static str {
        match self {
            Self::Create => "Creating",
            Self::Scale => "Scaling",
            Self::Update => "Updating",
            Self::Post(ComputeAction::Start) => "Starting",
            Self::Post(ComputeAction::Stop) => "Stopping",
            Self::Post(ComputeAction::Restart) => "Restarting",
            Self::Post(
                ComputeAction::SetIdleShutdown
                | ComputeAction::SetSchedules
                | ComputeAction::SetCustomServices
                | ComputeAction::SetSso,
            ) => "Configuring",
            Self::Delete => "Deleting",
            Self::Detach => "Detaching",
        }
    }

    /// Whether the compute is gone afterwards.
    pub fn removes(self) -> bool {
        match self {
            Self::Delete | Self::Detach => true,
            Self::Create | Self::Scale | Self::Update | Self::Post(_) => false,
        }
    }

    /// What Azure is doing while it runs, for people.
    pub(crate) fn doing(self) -> &'static str {
        match self {
            Self::Create => "azure is making the compute",
            Self::Scale => "azure is changing the scale settings",
            Self::Update => "azure is changing tags or identity",
            Self::Post(ComputeAction::Start) => "azure is starting the compute",
            Self::Post(ComputeAction::Stop) => "azure is stopping the compute",
            Self::Post(ComputeAction::Restart) => "azure is restarting the compute",
            Self::Post(ComputeAction::SetIdleShutdown) => "azure is changing the idle shutdown",
            Self::Post(ComputeAction::SetSchedules) => "azure is changing the schedules",
            Self::Post(ComputeAction::SetCustomServices) => "azure is changing the custom applications",
            Self::Post(ComputeAction::SetSso) => "azure is switching single sign-on",
            Self::Delete => "azure is deleting the compute",
            Self::Detach => "azure is detaching the compute; the resource under it stays",
        }
    }
}

/// A write that Azure accepted.
#[derive(Clone, Debug)]
pub struct AcceptedWrite {
    /// Which.
    pub kind: OperationKind,
    /// When.
    pub at: Timestamp,
    /// Whether its long operation still runs, as far as is known.
    pub running: bool,
    /// Fingerprint of what was to change; equal fingerprints mean the same attempt again.
    pub digest: u64,
    /// How often in a row this same change was accepted.
    pub times: u32,
}

/// The last thing that went wrong, until something succeeds.
#[derive(Clone, Debug)]
pub struct Setback {
    /// What.
    pub failure: Failure,
    /// How often in a row.
    pub attempts: u32,
    /// When last.
    pub at: Timestamp,
    /// When first.
    pub since: Timestamp,
    /// For which generation; a new one is tried at once.
    pub generation: i64,
}

/// What the engine remembers of one object. All of it may be lost at any time.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// The last write Azure accepted.
    pub write: Option<AcceptedWrite>,
    /// The last thing that went wrong.
    pub setback: Option<Setback>,
    /// Fingerprint of what the last create sent and Azure never shows.
    pub sent: Option<String>,
    /// Why the shared looks show nothing new, while they do not.
    pub blind: Option<Setback>,
}

/// Intervals and grace periods of the operator.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How long an object at rest is left alone; the shared looks wake it when Azure changes.
    pub requeue: SignedDuration,
    /// How often an operation under way is asked for.
    pub transition: SignedDuration,
    /// How old an object must be before a missing reference stalls it: things applied together arrive in any order.
    pub reference_grace: SignedDuration,
    /// How long a 403 is retried before it stalls: role assignments take minutes to spread.
    pub forbidden_grace: SignedDuration,
    /// How long after a create a 404 is read as "not visible yet".
    pub consistency_grace: SignedDuration,
    /// First wait after a failure that heals by itself.
    pub retry_fast: SignedDuration,
    /// First wait after a failure that may need somebody.
    pub retry_slow: SignedDuration,
    /// First wait after a failure that needs somebody.
    pub retry_very_slow: SignedDuration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            requeue: SignedDuration::from_mins(10),
            transition: SignedDuration::from_secs(10),
            reference_grace: SignedDuration::from_secs(15),
            forbidden_grace: SignedDuration::from_mins(10),
            consistency_grace: SignedDuration::from_secs(30),
            retry_fast: SignedDuration::from_secs(2),
            retry_slow: SignedDuration::from_secs(30),
            retry_very_slow: SignedDuration::from_mins(5),
        }
    }
}

/// A request body. It may hold a password, so it shows only its size.
#[derive(Clone, PartialEq)]
pub struct Body(serde_json::Value);

impl Body {
    /// Wraps a body.
    pub fn new(value: serde_json::Value) -> Self {
        Self(value)
    }

    /// The body, for the wire.
    pub fn expose(&self) -> &serde_json::Value {
        &self.0
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body(…)")
    }
}
