//! Plays the engine: gather, observe, decide, act, report, with a memory that may be lost at any step.
//!
//! Must not be cleverer than the real engine; what it remembers and when is the same. Bugs are put back here only.

use crate::azure::{Azure, Progress};
use crate::kubernetes::Kubernetes;
use crate::laws::{self, Lawful};
use crate::support::{compute, http, secs, timeout, workspace};
use crate::trouble::{Answer, Bug, Crash, Trouble};
use api::{ComputeCluster, ComputeClusterStatus};
use arm::ArmError;
use jiff::{SignedDuration, Timestamp};
use plan::{
    AcceptedWrite, Action, Attempt, Case, Cause, Failure, Memory, Observation, OperationKind, Plan, Refs, Seen,
    Setback, Settings, Verdict, WorkspaceState, decide, generation, report,
};
use serde_json::Value;
use std::collections::HashMap;

#[derive(Default)]
struct Slot {
    memory: Memory,
    operation: Option<u64>,
    own_look: Option<(Seen, Timestamp)>,
}

pub(crate) struct Engine {
    bug: Bug,
    settings: Settings,
    refs: Refs,
    slots: HashMap<String, Slot>,
    list: Observation,
    first_uid: Option<String>,
    doomed: bool,
    stuck: bool,
    before: Option<ComputeCluster>,
}

/// The two sides of the world the engine works on.
pub(crate) struct Sides<'a> {
    pub(crate) kubernetes: &'a mut Kubernetes,
    pub(crate) azure: &'a mut Azure,
    pub(crate) trouble: Trouble,
}

fn seen(view: Option<Value>) -> Seen {
    view.map_or(Seen::Absent, |body| Seen::Present(Box::new(compute(body))))
}

fn nothing_known() -> Observation {
    Observation { seen: Seen::Unknown, looked: false, at: None, trouble: None }
}

impl Slot {
    fn set_back(&mut self, failure: Failure, generation: i64, now: Timestamp) {
        let before = self.memory.setback.take().filter(|old| old.generation == generation);
        let same = before.as_ref().filter(|old| old.failure.cause == failure.cause).map(|old| old.since);
        let attempts = before.map_or(1, |old| old.attempts + 1);
        self.memory.setback = Some(Setback { failure, attempts, at: now, since: same.unwrap_or(now), generation });
    }

    fn end(&mut self) {
        self.operation = None;
        if let Some(write) = &mut self.memory.write {
            write.running = false;
        }
    }
}

impl Engine {
    pub(crate) fn new(bug: Bug) -> Self {
        Self {
            bug,
            settings: Settings::default(),
            refs: refs(),
            slots: HashMap::new(),
            list: nothing_known(),
            first_uid: None,
            doomed: false,
            stuck: false,
            before: None,
        }
    }

    /// The process dies: nothing is remembered.
    pub(crate) fn restart(&mut self) {
        *self = Self { first_uid: self.first_uid.take(), doomed: self.doomed, ..Self::new(self.bug) };
    }

    /// The shared look; whether it shows something new.
    pub(crate) fn refresh(&mut self, azure: &Azure, trouble: &Trouble) -> bool {
        let before = self.list.clone();
        if trouble.list_fails {
            self.list.trouble = Some(timeout(Attempt::Look));
        } else {
            let seen = seen(azure.list(trouble.list_late));
            self.list = Observation { seen, looked: false, at: Some(azure.now), trouble: None };
        }
        let news = before.seen != self.list.seen || before.trouble.is_some() != self.list.trouble.is_some();
        news && self.bug != Bug::B05
    }

    /// One pass; how long until the next.
    pub(crate) fn pass(&mut self, sides: &mut Sides<'_>) -> Result<SignedDuration, String> {
        let Some(live) = sides.kubernetes.object.clone() else { return Ok(self.settings.requeue) };
        let object = self.gather(live);
        if self.stuck {
            return Ok(self.settings.requeue);
        }
        let uid = plan::uid(&object).to_owned();
        let mut slot = self.slots.remove(&uid).unwrap_or_default();
        self.poll(&mut slot, &object, sides);
        if let Some(setback) = slot.memory.setback.as_mut().filter(|_| self.bug == Bug::B09) {
            (setback.generation, setback.at) = (generation(&object), sides.azure.now);
        }
        let mut observation = self.known(&mut slot, sides);
        let mut plan = self.judge(&slot, &object, &observation, sides.azure.now);
        for _ in 0..2 {
            if plan.action == Action::Look {
                observation = look(&mut slot, &object, observation, sides);
                plan = self.judge(&slot, &object, &observation, sides.azure.now);
            }
        }
        self.spoil(&mut plan, &observation, &mut slot);
        let next = self.finish(&mut slot, &object, plan, &observation, sides)?;
        if next.is_some() {
            self.slots.insert(uid, slot);
        } else {
            self.restart();
        }
        let next = next.unwrap_or(secs(1));
        Ok(if self.bug == Bug::B05 { SignedDuration::from_hours(10_000) } else { next })
    }

    fn gather(&mut self, live: ComputeCluster) -> ComputeCluster {
        let mut object = live.clone();
        match self.bug {
            Bug::B03 => self.doomed |= live.metadata.deletion_timestamp.is_some(),
            Bug::B04 => {
                object.metadata.uid = self.first_uid.get_or_insert_with(|| plan::uid(&live).to_owned()).clone().into();
            }
            Bug::B06 => object = self.before.replace(live).unwrap_or(object),
            Bug::None | Bug::B01 | Bug::B02 | Bug::B05 | Bug::B07 | Bug::B08 | Bug::B09 | Bug::B10 | Bug::B11 => {}
        }
        object
    }

    fn poll(&self, slot: &mut Slot, object: &ComputeCluster, sides: &Sides<'_>) {
        let reported = object.status.as_ref().and_then(|status| status.common.operation.as_ref());
        if self.bug == Bug::B01 && slot.memory.write.is_none() && reported.is_some_and(|o| o.name == "Create") {
            let at = sides.azure.now;
            slot.memory.write =
                Some(AcceptedWrite { kind: OperationKind::Create, at, running: true, digest: 0, times: 1 });
            return;
        }
        let Some(number) = slot.operation else { return };
        if sides.trouble.operation_lost {
            return slot.end();
        }
        let kind = slot.memory.write.as_ref().map(|write| write.kind);
        match sides.azure.progress(number) {
            Progress::Running => {}
            Progress::Succeeded => {
                slot.end();
                if !kind.is_some_and(OperationKind::removes) {
                    slot.memory.setback = None;
                }
            }
            Progress::Failed => {
                slot.end();
                let error =
                    ArmError { code: "QuotaExceeded".into(), message: "no cores".into(), ..ArmError::default() };
                let cause = Cause::OperationFailed { error };
                let failure = Failure { attempt: kind.map_or(Attempt::Look, Attempt::from), cause, retry_after: None };
                slot.set_back(failure, generation(object), sides.azure.now);
            }
        }
    }

    fn known(&self, slot: &mut Slot, sides: &Sides<'_>) -> Observation {
        let shared = self.list.clone();
        let own = slot.own_look.clone().filter(|(_, at)| shared.at.is_none_or(|shared| shared < *at));
        let known = match own {
            Some((seen, at)) => Observation { seen, looked: false, at: Some(at), trouble: shared.trouble },
            None => shared,
        };
        let write = slot.memory.write.as_ref().filter(|write| !write.running);
        if write.is_some_and(|write| known.at.is_none_or(|at| at <= write.at)) && !sides.trouble.look_fails {
            let seen = seen(sides.azure.get());
            slot.own_look = Some((seen.clone(), sides.azure.now));
            return Observation { seen, looked: true, at: Some(sides.azure.now), trouble: None };
        }
        known
    }

    fn judge(&self, slot: &Slot, object: &ComputeCluster, observation: &Observation, now: Timestamp) -> Plan {
        decide(&Case { object, refs: &self.refs, observation, memory: &slot.memory, settings: &self.settings, now })
    }

    /// Bugs that change what was decided.
    fn spoil(&self, plan: &mut Plan, observation: &Observation, slot: &mut Slot) {
        match (self.bug, &observation.seen) {
            (Bug::B07, Seen::Present(seen))
                if matches!(plan.verdict, Verdict::Ready(_)) && observation.at.is_some() =>
            {
                plan.action = Action::Update { body: plan::Body::new(seen.body.clone()) };
            }
            (Bug::B08, Seen::Present(seen)) => {
                let cluster = seen.aml_compute().unwrap();
                assert!(
                    seen.provisioning_state.is_terminal() || cluster.allocation_state.is_none(),
                    "B08: a value is missing"
                );
            }
            (Bug::B10, Seen::Present(_))
                if slot.memory.write.as_ref().is_some_and(|w| w.kind == OperationKind::Scale) =>
            {
                plan.action = Action::Nothing;
                plan.changes.clear();
                plan.verdict = Verdict::Ready(plan::Because::new("AsDeclared", "azure accepted it"));
            }
            _ => {}
        }
    }

    /// Acts and reports. `None` when the process died.
    fn finish(
        &mut self,
        slot: &mut Slot,
        object: &ComputeCluster,
        plan: Plan,
        observation: &Observation,
        sides: &mut Sides<'_>,
    ) -> Result<Option<SignedDuration>, String> {
        let crash = sides.trouble.crash;
        let uid = plan::uid(object).to_owned();
        if crash == Crash::BeforeEffect && plan.action != Action::Nothing {
            if self.bug == Bug::B01 && plan.action.operation().is_some() {
                self.mark(object, &plan, observation, slot, sides)?;
            }
            return Ok(None);
        }
        match &plan.action {
            // Clusters have no rivals.
            Action::Nothing | Action::Look | Action::Unclaim => {}
            Action::Claim { claim } => {
                sides.kubernetes.claim(&uid, claim);
                return Ok((crash == Crash::Never).then_some(SignedDuration::from_millis(50)));
            }
            Action::Release => {
                laws::release(sides.kubernetes, sides.azure, object)?;
                sides.kubernetes.release(&uid);
                return Ok(None);
            }
            Action::Create { .. }
            | Action::Scale { .. }
            | Action::Update { .. }
            | Action::Post { .. }
            | Action::Delete
            | Action::Detach => {
                let plan = self.act(slot, object, plan, observation, sides)?;
                if crash == Crash::AfterEffect || crash == Crash::BeforeReport {
                    return Ok(None);
                }
                self.report(slot, object, &plan, observation, sides)?;
                let wait = if slot.memory.setback.is_some() { plan.next } else { self.settings.transition };
                return Ok((crash != Crash::AfterReport).then_some(wait));
            }
        }
        if crash == Crash::BeforeReport {
            return Ok(None);
        }
        self.report(slot, object, &plan, observation, sides)?;
        Ok((crash != Crash::AfterReport).then_some(plan.next))
    }

    /// B01: the marker alone.
    fn mark(
        &self,
        object: &ComputeCluster,
        plan: &Plan,
        observation: &Observation,
        slot: &mut Slot,
        sides: &mut Sides<'_>,
    ) -> Lawful {
        let Some(kind) = plan.action.operation() else { return Ok(()) };
        slot.memory.write = Some(AcceptedWrite { kind, at: sides.azure.now, running: true, digest: 0, times: 1 });
        self.report(slot, object, plan, observation, sides)
    }

    /// One write to Azure; what is said afterwards.
    fn act(
        &mut self,
        slot: &mut Slot,
        object: &ComputeCluster,
        plan: Plan,
        observation: &Observation,
        sides: &mut Sides<'_>,
    ) -> Result<Plan, String> {
        let now = sides.azure.now;
        let mut action = plan.action.clone();
        if self.bug == Bug::B03 && self.doomed {
            action = Action::Delete;
        }
        if self.bug != Bug::B07 {
            laws::write(sides.kubernetes, sides.azure, object, &action, observation.looked)?;
        }
        let answer = sides.trouble.answer;
        let mut result = call(&action, answer, sides);
        if self.bug == Bug::B11 && answer == Answer::LostAfter {
            result = call(&action, Answer::Honest, sides);
            self.stuck = result.is_err();
        }
        slot.own_look = None;
        let Some(kind) = plan.action.operation() else { return Ok(plan) };
        match result {
            Ok(number) => {
                let before = slot.memory.write.take().filter(|w| w.kind == kind && w.digest == plan.digest);
                let times = before.map_or(1, |write| write.times + 1);
                let running = number.is_some();
                slot.memory.write = Some(AcceptedWrite { kind, at: now, running, digest: plan.digest, times });
                slot.operation = number;
                if self.bug == Bug::B02 && kind == OperationKind::Delete && object.metadata.deletion_timestamp.is_some()
                {
                    laws::release(sides.kubernetes, sides.azure, object)?;
                }
                Ok(plan)
            }
            Err(failure) => {
                slot.set_back(*failure, generation(object), now);
                let again = self.judge(slot, object, observation, now);
                Ok(Plan { changes: plan.changes, drifted: plan.drifted, owned: plan.owned, ..again })
            }
        }
    }

    fn report(
        &self,
        slot: &Slot,
        object: &ComputeCluster,
        plan: &Plan,
        observation: &Observation,
        sides: &mut Sides<'_>,
    ) -> Lawful {
        let now = sides.azure.now;
        let case = Case { object, refs: &self.refs, observation, memory: &slot.memory, settings: &self.settings, now };
        let (status, broken) = report(&case, plan);
        if let Some(rule) = broken {
            return Err(format!("kstatus: {rule}: {plan:?}"));
        }
        if object.status.as_ref().map(|before| serde_json::to_value(before).unwrap()) == Some(status.clone()) {
            return Ok(());
        }
        let after: ComputeClusterStatus = serde_json::from_value(status.clone()).unwrap();
        let observed = match &observation.seen {
            Seen::Present(seen) => Some(&seen.body),
            Seen::Absent | Seen::Unknown => None,
        };
        laws::status(object, &after, observed)?;
        if let (Some(there), Some(told)) = (&mut sides.azure.compute, &after.common.azure) {
            let same = told.created_at.as_deref() == Some(there.created_on());
            there.told_succeeded |= same && told.provisioning_state.as_deref() == Some("Succeeded");
        }
        sides.kubernetes.report(plan::uid(object), &status);
        Ok(())
    }
}

fn refs() -> Refs {
    let workspace = WorkspaceState::Ready(Box::new(workspace()));
    Refs::of(workspace)
}

fn look(slot: &mut Slot, object: &ComputeCluster, before: Observation, sides: &Sides<'_>) -> Observation {
    let now = sides.azure.now;
    if sides.trouble.look_fails {
        let failure = timeout(Attempt::Look);
        slot.set_back(failure.clone(), generation(object), now);
        return Observation { looked: true, trouble: Some(failure), ..before };
    }
    if slot.memory.setback.as_ref().is_some_and(|setback| setback.failure.attempt == Attempt::Look) {
        slot.memory.setback = None;
    }
    let seen = seen(sides.azure.get());
    slot.own_look = Some((seen.clone(), now));
    Observation { seen, looked: true, at: Some(now), trouble: None }
}

/// Sends a write; the number of its operation, if one runs.
fn call(action: &Action, answer: Answer, sides: &mut Sides<'_>) -> Result<Option<u64>, Box<Failure>> {
    let course = sides.trouble.course;
    let kind = action.operation().map_or(Attempt::Look, Attempt::from);
    match answer {
        Answer::Refused(status) => return Err(Box::new(http(kind, status, "", "refused"))),
        Answer::LostBefore => return Err(Box::new(timeout(kind))),
        Answer::Honest | Answer::LostAfter => {}
    }
    let azure = &mut sides.azure;
    let result = match action {
        Action::Create { body } | Action::Update { body } => azure.put(body.expose(), course, true).map(Some),
        Action::Scale { body } => azure.patch(body.expose(), course).map(Some),
        Action::Post { .. } => panic!("a cluster has no actions of its own"),
        Action::Delete | Action::Detach => azure.delete(course),
        Action::Nothing | Action::Look | Action::Claim { .. } | Action::Unclaim | Action::Release => Ok(None),
    };
    if answer == Answer::LostAfter { Err(Box::new(timeout(kind))) } else { result }
}
