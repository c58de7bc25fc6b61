//! A compute of a workspace: the envelope that every type has, its running change and how each state answers. Finds no computes
//! and checks no callers.

pub(crate) mod amlcompute;
pub(crate) mod attached;
pub(crate) mod identity;
pub(crate) mod instance;
pub(crate) mod machine;
pub(crate) mod nodes;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use self::{
    identity::Identity,
    instance::power::{Power, Verb},
    machine::{Kept, Look, Machine},
};
use crate::{tags::Tags, time};

/// An error inside a resource: `provisioningErrors` and `errors` hold them wrapped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ArmError {
    pub(crate) code: String,
    pub(crate) message: String,
    /// Codes and messages.
    pub(crate) details: Vec<(String, String)>,
}

impl ArmError {
    /// One without details.
    pub(crate) fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into(), details: Vec::new() }
    }

    /// `{"error": {...}}`; `details` is absent if there are none (recorded 2022, 2023).
    pub(crate) fn wrapped(&self) -> Value {
        let mut error = json!({"code": self.code, "message": self.message});
        if !self.details.is_empty() {
            let details = self.details.iter().map(|(code, message)| json!({"code": code, "message": message}));
            error["details"] = details.collect();
        }
        json!({"error": error})
    }
}

/// `provisioningState`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum State {
    Creating,
    Updating,
    Deleting,
    Succeeded,
    Failed,
}

impl State {
    /// As the service spells it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Creating => "Creating",
            Self::Updating => "Updating",
            Self::Deleting => "Deleting",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
        }
    }
}

/// What is being done to a compute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Change {
    Create,
    /// Holds what is put back if it fails.
    Update(Box<Before>),
    /// An instance is started, stopped, restarted or resized; `provisioningState` stays as it is (recorded 2022-09-07).
    Power(Verb),
    /// `detach`: the thing itself stays behind.
    Delete {
        detach: bool,
        linger: u32,
    },
}

impl Change {
    /// A word for it, for people.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update(_) => "update",
            Self::Power(verb) => verb.word(),
            Self::Delete { detach: true, .. } => "detach",
            Self::Delete { detach: false, .. } => "delete",
        }
    }
}

/// The members that an update may change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Before {
    pub(crate) kept: Kept,
    pub(crate) tags: Option<Tags>,
    pub(crate) identity: Option<Identity>,
}

/// A running change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Pending {
    pub(crate) operation: Uuid,
    /// `None`: it never ends.
    pub(crate) ends: Option<Timestamp>,
    pub(crate) change: Change,
    pub(crate) failure: Option<ArmError>,
}

/// A compute.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Compute {
    pub(crate) name: String,
    pub(crate) location: String,
    pub(crate) compute_location: String,
    pub(crate) tags: Option<Tags>,
    pub(crate) identity: Option<Identity>,
    pub(crate) description: Option<String>,
    pub(crate) disable_local_auth: bool,
    pub(crate) created_on: Timestamp,
    pub(crate) modified_on: Timestamp,
    pub(crate) state: State,
    pub(crate) errors: Vec<ArmError>,
    pub(crate) machine: Machine,
    /// Whether the thing itself was made: only then it has nodes.
    pub(crate) born: bool,
    /// In a box: few have one, and it is a quarter of a compute.
    pub(crate) pending: Option<Box<Pending>>,
    /// When it is looked at next, beside `pending`.
    pub(crate) wake: Option<Timestamp>,
    /// Reads that do not see it yet (fault).
    pub(crate) hidden_reads: u32,
    /// What a stale read shows (fault).
    pub(crate) previous: Option<Box<Compute>>,
}

/// How a change ended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Ended {
    Succeeded,
    Failed(ArmError),
    /// It is gone.
    Removed {
        detach: bool,
        linger: u32,
    },
}

/// The time between the pool being there and the service noticing: about one second in every recording.
const NOTICED: SignedDuration = SignedDuration::from_millis(-811);

impl Compute {
    /// When something is due.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        let ends = self.pending.as_ref().and_then(|pending| pending.ends);
        ends.into_iter().chain(self.wake).min()
    }

    /// Whether it is being deleted or detached.
    pub(crate) fn is_leaving(&self) -> bool {
        self.pending.as_ref().is_some_and(|pending| matches!(pending.change, Change::Delete { .. }))
    }

    /// Ends the running change at `at`; `verdict` is why it fails, if it does.
    pub(crate) fn finish(&mut self, at: Timestamp, verdict: Option<ArmError>) -> Option<Ended> {
        let pending = *self.pending.take()?;
        let failure = pending.failure.or(verdict);
        self.modified_on = at;
        if !matches!(pending.change, Change::Update(_))
            && let Some(instance) = self.machine.instance_mut()
        {
            instance.end(at, failure.as_ref());
        }
        if !self.machine.is_attached() {
            // Tags of an attached machine stay null (azureml-api f.5).
            self.tags.get_or_insert_default();
        }
        match (pending.change, failure) {
            (Change::Delete { detach, linger }, None) => return Some(Ended::Removed { detach, linger }),
            (Change::Update(before), Some(error)) => {
                let Before { kept, tags, identity } = *before;
                (self.tags, self.identity) = (tags, identity);
                self.machine.restore(kept);
                return Some(self.fail(error));
            }
            (Change::Power(_), None) => return Some(Ended::Succeeded),
            (Change::Power(_), Some(error)) => return Some(Ended::Failed(error)),
            (Change::Delete { .. }, Some(error)) => return Some(self.fail(error)),
            (Change::Create, Some(error)) => {
                // An instance whose setup failed is there and can be looked into.
                let there = self.machine.instance().is_some_and(|instance| instance.power != Power::CreateFailed);
                self.born = self.born || there;
                return Some(self.fail(error));
            }
            (Change::Create, None) => {
                if !self.born {
                    self.machine.born(time::after(at, NOTICED));
                }
                self.born = true;
            }
            (Change::Update(_), None) => {}
        }
        self.machine.complete();
        self.state = State::Succeeded;
        self.errors.clear();
        Some(Ended::Succeeded)
    }

    fn fail(&mut self, error: ArmError) -> Ended {
        self.state = State::Failed;
        self.errors = vec![error.clone()];
        if !self.born {
            self.machine.stillborn();
        }
        Ended::Failed(error)
    }

    /// What a GET shows.
    pub(crate) fn show(&self, id: &str) -> Value {
        let look = if self.born { Look::Born } else { Look::Unborn };
        let settled = self.born || self.state == State::Failed;
        self.envelope(id, &self.machine, look, &self.machine.resource_id(id, false), settled)
    }

    /// What the PUT that makes it answers.
    pub(crate) fn created(&self, id: &str) -> Value {
        self.envelope(id, &self.machine, Look::Answer, &self.machine.resource_id(id, false), false)
    }

    /// What a PUT or PATCH on it answers: what was asked for, whatever comes of it.
    pub(crate) fn changed(&self, id: &str, asked: &Machine) -> Value {
        self.envelope(id, asked, Look::Answer, &asked.resource_id(id, true), true)
    }

    /// `settled`: the service has looked at it, so that it knows its region, has no null tags and no null warnings.
    fn envelope(&self, id: &str, machine: &Machine, look: Look, resource_id: &Value, settled: bool) -> Value {
        let mut properties = json!({
            "createdOn": time::ticks(self.created_on),
            "modifiedOn": time::ticks(self.modified_on),
            "disableLocalAuth": self.disable_local_auth,
            "description": self.description,
            "resourceId": resource_id,
            "computeType": machine.kind(),
            "provisioningState": self.state.word(),
            "provisioningErrors": null,
            // Those of an attached machine stay null (recorded 2023 to 2025).
            "provisioningWarnings": if settled && !machine.is_attached() { json!({}) } else { Value::Null },
            "isAttachedCompute": machine.is_attached(),
            "properties": machine.describe(self, look)
        });
        if settled || machine.is_attached() {
            properties["computeLocation"] = json!(self.compute_location);
        }
        if !self.errors.is_empty() {
            properties["provisioningErrors"] = self.errors.iter().map(ArmError::wrapped).collect();
        }
        let mut envelope = json!({
            "id": id,
            "name": self.name,
            "type": "Microsoft.MachineLearningServices/workspaces/computes",
            "location": self.location,
            "tags": self.tags,
            "properties": properties
        });
        if let Some(identity) = &self.identity {
            envelope["identity"] = identity.describe();
        }
        envelope
    }
}
