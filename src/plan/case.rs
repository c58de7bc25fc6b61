//! One case to decide: the inputs together, and the plans that every phase may answer with.
//!
//! Must not hold a phase itself.

use crate::action::{Action, Because, Plan, Verdict};
use crate::classify::{Fate, classify};
use crate::failure::{Attempt, Cause, Failure};
use crate::inputs::{
    AcceptedWrite, ConfigMapState, Memory, Observation, OperationKind, Refs, SecretState, Seen, Setback, Settings,
};
use crate::kind::{Kind, annotation, generation, has_finalizer, uid};
use crate::ownership::{is_claimed, presumed, reported};
use crate::schedule::{fingerprint, hold_until, spread};
use crate::standing::Known;
use api::annotations::{FINALIZER, PAUSED};
use api::{Condition, ConditionStatus, ConditionType, find_condition};
use arm::{Compute, ComputeId};
use jiff::{SignedDuration, Timestamp};

/// The inputs of one decision.
pub struct Case<'a, K: Kind> {
    /// The object as Kubernetes has it.
    pub object: &'a K,
    /// What it refers to.
    pub refs: &'a Refs,
    /// What Azure showed.
    pub observation: &'a Observation,
    /// What the engine remembers.
    pub memory: &'a Memory,
    /// Intervals and grace periods.
    pub settings: &'a Settings,
    /// Now.
    pub now: Timestamp,
}

impl<K: Kind> Case<'_, K> {
    /// The compute that is there, as a kind looks at it.
    pub(crate) fn known<'b>(&'b self, seen: &'b Compute) -> Known<'b> {
        Known { seen, write: self.memory.write.as_ref(), now: self.now }
    }

    /// Whether writes are stopped. A value that is not understood denies.
    pub(crate) fn is_paused(&self) -> bool {
        annotation(self.object, PAUSED).is_some_and(|value| !value.eq_ignore_ascii_case("false"))
    }

    /// Whether finalizer and claim are on the object.
    pub(crate) fn is_claimed(&self, id: &ComputeId) -> bool {
        has_finalizer(self.object, FINALIZER) && is_claimed(self.object, id)
    }

    /// A plan that does nothing but say how things stand. What it does not judge, ownership and drift, stays as it was:
    /// a pass that fails half-way must not make anything forgotten.
    pub(crate) fn say(&self, verdict: Verdict, next: SignedDuration) -> Plan {
        let next = spread(next, fingerprint(&[uid(self.object).as_bytes()]));
        let owned = presumed(self.object, self.observation);
        Plan {
            action: Action::Nothing,
            digest: 0,
            verdict,
            changes: Vec::new(),
            drifted: self.was_drifted(),
            owned,
            next,
        }
    }

    fn was_drifted(&self) -> bool {
        let Seen::Present(seen) = &self.observation.seen else { return false };
        reported(self.object, seen).is_some() && self.was(ConditionType::Drifted).is_some()
    }

    /// A condition that was reported as true.
    pub(crate) fn was(&self, kind: ConditionType) -> Option<&Condition> {
        let conditions = self.object.common_status().map(|status| status.conditions.as_slice()).unwrap_or_default();
        find_condition(conditions, kind).filter(|condition| condition.status == ConditionStatus::True)
    }

    /// Work goes on by itself.
    pub(crate) fn working(&self, reason: &str, message: impl Into<String>) -> Plan {
        self.say(Verdict::Working(Because::new(reason, message)), self.settings.transition)
    }

    /// Nothing more happens until something changes.
    pub(crate) fn stalled(&self, because: Because) -> Plan {
        self.say(Verdict::Stalled(because), self.settings.requeue)
    }

    /// One action, and what is said while it is done.
    pub(crate) fn act(&self, action: Action, reason: &str, message: impl Into<String>) -> Plan {
        Plan { action, ..self.working(reason, message) }
    }

    /// Asks for a fresh look, or says why that failed.
    pub(crate) fn look(&self) -> Plan {
        match &self.observation.trouble {
            Some(failure) if self.observation.looked => self.failed(failure),
            Some(_) | None => self.act(Action::Look, "Looking", "azure is being looked at"),
        }
    }

    /// Says what follows from a failure.
    pub(crate) fn failed(&self, failure: &Failure) -> Plan {
        let disposition = classify(failure);
        // What is not held back is not tried by us: the shared look asks, and wakes the object with its news.
        let held = self.memory.setback.as_ref().filter(|setback| setback.failure.cause == failure.cause);
        let held = held.map(|setback| hold_until(setback, &disposition, self.settings, uid(self.object)));
        let next = held.filter(|until| *until > self.now).map_or(self.settings.transition, |until| self.until(until));
        let stalled = match disposition.fate {
            Fate::Retry(_) => false,
            Fate::Stalled(_) => true,
            Fate::Forbidden => self.forbidden_for(failure) >= self.settings.forbidden_grace,
        };
        let because = disposition.because;
        self.say(if stalled { Verdict::Stalled(because) } else { Verdict::Working(because) }, next)
    }

    /// How long a right has been missing, by our own tries or by the shared looks. Where that stalled the object, it
    /// stays so over a restart; Ready's own time tells nothing, because Ready was mostly false for other reasons before.
    fn forbidden_for(&self, failure: &Failure) -> SignedDuration {
        if self.was(ConditionType::Stalled).is_some_and(|stalled| stalled.reason == "Forbidden") {
            return SignedDuration::MAX;
        }
        let known = [&self.memory.setback, &self.memory.blind].into_iter().flatten();
        let since = known.filter(|known| known.failure.cause == failure.cause).map(|known| known.since).min();
        since.map_or(SignedDuration::ZERO, |since| self.now.duration_since(since))
    }

    /// If writes are held after a setback of this generation: what is said until then.
    pub(crate) fn held(&self) -> Option<Plan> {
        let setback = self.memory.setback.as_ref()?;
        let until = hold_until(setback, &classify(&setback.failure), self.settings, uid(self.object));
        (self.set_back().is_some() && self.now < until).then(|| self.failed(&setback.failure))
    }

    /// The last setback, if it is this generation's.
    pub(crate) fn set_back(&self) -> Option<&Setback> {
        self.memory.setback.as_ref().filter(|setback| setback.generation == generation(self.object))
    }

    /// How long to wait after a failure.
    pub(crate) fn until(&self, at: Timestamp) -> SignedDuration {
        at.duration_since(self.now).max(SignedDuration::from_millis(10))
    }

    /// The write that still runs, if any.
    pub(crate) fn running(&self) -> Option<&AcceptedWrite> {
        self.memory.write.as_ref().filter(|write| write.running)
    }

    /// What is said while a write runs.
    pub(crate) fn progressing(&self, kind: OperationKind) -> Plan {
        self.working(kind.progressive(), kind.doing())
    }

    /// Whether a create was accepted so recently that a 404 may only mean "not visible yet". Known from memory, and
    /// after a restart from the reported operation.
    pub(crate) fn created_just_now(&self) -> bool {
        let remembered = self.memory.write.as_ref().filter(|write| write.kind == OperationKind::Create).map(|w| w.at);
        let reported = self.object.common_status().and_then(|status| status.operation.as_ref());
        let reported = reported.filter(|operation| operation.name == "Create").map(|operation| operation.started_at.0);
        let deleted_since = self.memory.write.as_ref().is_some_and(|write| write.kind.removes());
        let at = remembered.or(reported.filter(|_| !deleted_since));
        at.is_some_and(|at| self.is_recent(at))
    }

    fn is_recent(&self, at: Timestamp) -> bool {
        self.now.duration_since(at) < self.settings.consistency_grace
    }

    /// A create that was sent moments ago and got no answer: it may have happened, and a 404 does not prove otherwise.
    pub(crate) fn unanswered_create(&self) -> Option<&Failure> {
        let setback = self.memory.setback.as_ref().filter(|setback| self.is_recent(setback.at))?;
        let silent = match &setback.failure.cause {
            Cause::Timeout | Cause::Connect { .. } | Cause::Unreadable { .. } | Cause::ForeignUrl => true,
            Cause::Http { .. }
            | Cause::ParentNotFound { .. }
            | Cause::OperationFailed { .. }
            | Cause::Provisioning { .. }
            | Cause::Throttled
            | Cause::Credential { .. } => false,
        };
        (silent && setback.failure.attempt == Attempt::Create).then_some(&setback.failure)
    }

    /// Whether a create of ours may still be on its way to show, so that a 404 proves no absence. An earlier run of the
    /// operator may have sent one without living to report it, but not after the object was deleted.
    pub(crate) fn create_may_show(&self) -> bool {
        let unfinished = self.running().is_some_and(|write| write.kind == OperationKind::Create);
        if unfinished || self.created_just_now() || self.unanswered_create().is_some() {
            return true;
        }
        let reported = self.object.common_status().and_then(|status| status.operation.as_ref());
        let deleted = self.memory.write.as_ref().is_some_and(|write| write.kind.removes())
            || [OperationKind::Delete, OperationKind::Detach]
                .iter()
                .any(|kind| reported.is_some_and(|operation| operation.name == kind.as_str()));
        let leaving_since = self.object.meta().deletion_timestamp.as_ref().map(|time| time.0);
        !deleted && leaving_since.is_some_and(|at| self.is_recent(at))
    }

    /// Missing things that may still be on their way: retried while the object is young, then stalled.
    pub(crate) fn missing(&self, because: Because) -> Plan {
        let created = self.object.meta().creation_timestamp.as_ref().map(|time| time.0);
        let age = created.map_or(SignedDuration::MAX, |at| self.now.duration_since(at));
        if age < self.settings.reference_grace {
            let rest = self.settings.reference_grace - age;
            return self.say(Verdict::Working(because), rest.min(self.settings.transition));
        }
        self.say(Verdict::Stalled(because), self.settings.requeue)
    }

    /// The first Secret or ConfigMap a create needs and that cannot be used, in words.
    pub(crate) fn missing_reference(&self) -> Option<Because> {
        self.missing_secret().or_else(|| self.missing_config_map())
    }

    fn missing_config_map(&self) -> Option<Because> {
        self.object.config_maps().iter().find_map(|wanted| {
            let name = &wanted.name;
            match self.refs.config_maps.get(wanted) {
                Some(ConfigMapState::Value(_)) => None,
                Some(ConfigMapState::KeyMissing) => Some(Because::new(
                    "ConfigMapKeyMissing",
                    format!("ConfigMap {name} has no key {}, or it is empty or no text; add the key", wanted.key),
                )),
                Some(ConfigMapState::Forbidden) => Some(Because::new(
                    "ConfigMapForbidden",
                    format!("the operator may not read ConfigMap {name}; grant it by a Role in this namespace (get and watch on that ConfigMap)"),
                )),
                Some(ConfigMapState::Missing) | None => Some(Because::new(
                    "ConfigMapNotFound",
                    format!("ConfigMap {name} is not in this namespace; create it"),
                )),
            }
        })
    }

    fn missing_secret(&self) -> Option<Because> {
        self.object.secrets().iter().find_map(|wanted| {
            let name = &wanted.name;
            match self.refs.secrets.get(wanted) {
                Some(SecretState::Value(_)) => None,
                Some(SecretState::KeyMissing) => Some(Because::new(
                    "SecretKeyMissing",
                    format!("Secret {name} has no key {}, or its value is no text; add the key", wanted.key),
                )),
                Some(SecretState::Forbidden) => Some(Because::new(
                    "SecretForbidden",
                    format!("the operator may not read Secret {name}; grant it by a Role in this namespace (get, watch and patch on that Secret)"),
                )),
                Some(SecretState::Missing) | None => Some(Because::new(
                    "SecretNotFound",
                    format!("Secret {name} is not in this namespace; create it"),
                )),
            }
        })
    }
}

/// Whether Azure proved that whatever was in the workspace is gone: the workspace or its group does not exist.
pub(crate) fn parent_is_gone(failure: &Failure) -> bool {
    const GONE: [&str; 3] = ["ParentResourceNotFound", "ResourceNotFound", "ResourceGroupNotFound"];
    let Cause::ParentNotFound { code } = &failure.cause else { return false };
    GONE.iter().any(|gone| gone.eq_ignore_ascii_case(code))
}
