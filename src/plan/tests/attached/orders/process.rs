//! One process of the operator at work in the disorder: a pass from caches to a decision, and what it sends.
//!
//! Must not be cleverer than the real engine: what it reads anew, and when, is the same.

use super::{Attached, Pending, Slot, World, later, name, uid, workspace};
use crate::objects::secret;
use crate::support::{CLAIM, FINALIZER, Given, compute, of, secs, timeout};
use api::AttachedCompute;
use arm::Compute;
use jiff::SignedDuration;
use plan::{
    AcceptedWrite, Action, Around, Attempt, Kind, Observation, OperationKind, Plan, Rival, Seen, Setback, decide,
    report,
};
use serde_json::Value;
use std::collections::BTreeMap;

impl World {
    fn around(
        object: &AttachedCompute,
        others: &[AttachedCompute],
        list: &BTreeMap<String, Value>,
        fresh: bool,
    ) -> Around {
        let rival = |other: &AttachedCompute| Rival::of(object, &workspace(), other, Some(&workspace()));
        let twin = |body: &Value| -> Option<String> {
            let seen: Compute = compute(body.clone());
            let other = !seen.name.eq_ignore_ascii_case(plan::azure_name(object));
            (other && arm::same_resource(&object.marks(), &seen.marks())).then_some(seen.name)
        };
        Around {
            rivals: others.iter().filter_map(rival).collect(),
            attached: list.values().filter_map(twin).collect(),
            fresh,
        }
    }

    /// One pass of a process over an object, up to the write it decides on.
    pub(super) fn prepare(&mut self, process: usize, at: usize) {
        let Some(object) = self.processes[process].objects.get(at).cloned() else { return };
        if !self.objects.iter().any(|live| uid(live) == uid(&object)) {
            return;
        }
        let mut slot = self.processes[process].slots.get(uid(&object)).cloned().unwrap_or_default();
        self.poll(&object, &mut slot);
        let list = self.processes[process].list.clone();
        let (listed_at, list) = list.map_or((None, BTreeMap::new()), |(at, list)| (Some(at), list));
        let mut given = of(object.clone());
        secret(&mut given, "vm", "id", "KEY");
        given.now = self.now;
        given.memory = slot.memory.clone();
        given.refs.around = Self::around(&object, &self.processes[process].objects, &list, false);
        let shared = |seen| Observation { seen, looked: false, at: listed_at, trouble: None };
        given.observation = match slot.own_look.clone().filter(|(_, at)| listed_at.is_none_or(|listed| listed < *at)) {
            Some((seen, at)) => Observation { seen, looked: false, at: Some(at), trouble: None },
            None if listed_at.is_none() => shared(Seen::Unknown),
            None => shared(
                list.get(name(&object)).map_or(Seen::Absent, |body| Seen::Present(Box::new(compute(body.clone())))),
            ),
        };
        let mut plan = decide(&given.case());
        for _ in 0..2 {
            if plan.action == Action::Look {
                self.look(&object, &mut given, &mut slot);
                plan = decide(&given.case());
            }
        }
        if matches!(plan.verdict, plan::Verdict::Ready(_)) {
            slot.memory.setback = None;
            given.memory.setback = None;
        }
        self.processes[process].slots.insert(uid(&object).to_owned(), slot);
        self.pending.push(Pending { process, object, plan, given });
    }

    fn look(&mut self, object: &AttachedCompute, given: &mut Given<AttachedCompute>, slot: &mut Slot) {
        if !self.calm && self.random.percent(5) {
            given.observation.looked = true;
            given.observation.trouble = Some(timeout(Attempt::Look));
            return;
        }
        let list = self.listed();
        let seen = list.get(name(object)).map_or(Seen::Absent, |body| Seen::Present(Box::new(compute(body.clone()))));
        slot.own_look = Some((seen.clone(), self.now));
        if seen == Seen::Absent {
            given.refs.around = Self::around(object, &self.objects, &list, true);
        }
        given.observation = Observation { seen, looked: true, at: Some(self.now), trouble: None };
    }

    fn poll(&self, object: &AttachedCompute, slot: &mut Slot) {
        let Some(write) = slot.memory.write.as_mut().filter(|write| write.running) else { return };
        let there = self.azure.get(name(object));
        let ended = match write.kind {
            OperationKind::Detach => there.is_none(),
            OperationKind::Create
            | OperationKind::Scale
            | OperationKind::Update
            | OperationKind::Post(_)
            | OperationKind::Delete => there.is_none_or(|attached| attached.ready_at <= self.now),
        };
        write.running = !ended;
    }

    /// Sends what was decided, unless the object has changed meanwhile.
    pub(super) fn commit(&mut self, pending: Pending) -> Result<(), String> {
        let Pending { process, object, plan, mut given } = pending;
        let Some(at) = self.objects.iter().position(|live| uid(live) == uid(&object)) else { return Ok(()) };
        let live = self.objects[at].metadata.clone();
        match &plan.action {
            Action::Nothing | Action::Look => {}
            Action::Claim { claim } => {
                if live.deletion_timestamp.is_none() {
                    let meta = &mut self.objects[at].metadata;
                    meta.finalizers = Some(vec![FINALIZER.into()]);
                    meta.annotations.get_or_insert_default().insert(CLAIM.into(), claim.clone());
                    self.note(&format!("claimed by {} {}", name(&object), uid(&object)));
                }
                return Ok(());
            }
            Action::Release | Action::Unclaim => {
                self.objects[at].metadata.finalizers = None;
                self.note(&format!("{} of {}", plan.action.name(), name(&object)));
                self.drop_released();
                return Ok(());
            }
            Action::Create { .. } | Action::Detach => {
                let meta = &object.metadata;
                let current = live.generation == meta.generation
                    && live.deletion_timestamp.is_some() == meta.deletion_timestamp.is_some()
                    && live.annotations == meta.annotations
                    && live.finalizers == meta.finalizers;
                if !current {
                    return Ok(());
                }
                self.write(process, &object, &plan, &mut given)?;
            }
            other @ (Action::Scale { .. } | Action::Update { .. } | Action::Post { .. } | Action::Delete) => {
                return Err(format!("an attachment is never sent {other:?}"));
            }
        }
        let (status, broken) = report(&given.case(), &plan);
        if let Some(rule) = broken {
            return Err(format!("kstatus: {rule}"));
        }
        if self.objects[at].metadata == object.metadata && self.objects[at].status == object.status {
            self.objects[at].status = Some(serde_json::from_value(status).unwrap());
        }
        Ok(())
    }

    fn write(
        &mut self,
        process: usize,
        object: &AttachedCompute,
        plan: &Plan,
        given: &mut Given<AttachedCompute>,
    ) -> Result<(), String> {
        let kind = plan.action.operation().unwrap();
        let (trouble, calm) = (self.random.below(10), self.calm);
        let answered = calm || trouble > 1;
        if calm || trouble != 0 {
            self.carry_out(object, kind)?;
        }
        let slot = self.processes[process].slots.entry(uid(object).to_owned()).or_default();
        slot.own_look = None;
        if answered {
            slot.memory.write =
                Some(AcceptedWrite { kind, at: self.now, running: true, digest: plan.digest, times: 1 });
        } else {
            let failure = timeout(if kind == OperationKind::Create { Attempt::Create } else { Attempt::Detach });
            let generation = object.metadata.generation.unwrap();
            slot.memory.setback = Some(Setback { failure, attempts: 1, at: self.now, since: self.now, generation });
        }
        given.memory = slot.memory.clone();
        Ok(())
    }

    fn carry_out(&mut self, object: &AttachedCompute, kind: OperationKind) -> Result<(), String> {
        let resource = object.spec.resource_id().unwrap().to_owned();
        self.note(&format!("{kind:?} {} {}", name(object), uid(object)));
        if kind == OperationKind::Detach {
            let gone = later(self.now, secs(3));
            match self.azure.get_mut(name(object)) {
                Some(attached) if attached.made_by.as_deref() == Some(uid(object)) => attached.gone_at = Some(gone),
                Some(attached) => return Err(format!("{} detaches what {:?} made", uid(object), attached.made_by)),
                None => {}
            }
            return Ok(());
        }
        let twin = self.azure.iter().find(|(theirs, attached)| {
            theirs.as_str() != name(object)
                && attached.made_by.is_some()
                && attached.resource.eq_ignore_ascii_case(&resource)
        });
        if let Some((twin, _)) = twin {
            return Err(format!("{} attaches what {twin} has attached", name(object)));
        }
        let hides =
            if !self.calm && self.random.percent(20) { secs(self.random.below(20)) } else { SignedDuration::ZERO };
        let made = Attached { made_by: Some(uid(object).to_owned()), ..self.attached(&resource, hides) };
        self.azure.entry(name(object).to_owned()).or_insert(made);
        Ok(())
    }
}
