//! What virtual time does: changes end, nodes come and go, quota is granted. Answers no request.

use jiff::Timestamp;

use crate::{
    actions::node_key,
    compute::{
        Compute, Ended,
        nodes::{self, Grant},
    },
    operations::Outcome,
    time,
    world::{ComputeKey, World},
};

impl World {
    /// Lets everything happen that is due by `now`, in its order.
    pub(crate) fn settle(&mut self, now: Timestamp) {
        while self.agenda.first().is_some_and(|(at, _)| *at <= now)
            && let Some((at, key)) = self.agenda.pop_first()
        {
            self.nudge(&key, at);
        }
    }

    /// Notes anew when each compute is due.
    pub(crate) fn reschedule(&mut self) {
        let due = self.workspaces.iter().flat_map(|(key, workspace)| {
            let due = workspace.computes.iter().filter_map(|(name, compute)| compute.due().map(|at| (at, name)));
            due.map(move |(at, name)| (at, (key.clone(), name.clone())))
        });
        self.agenda = due.collect();
    }

    /// Notes when a compute is due, after any change of it.
    pub(crate) fn schedule(&mut self, key: &ComputeKey) {
        if let Some(due) = self.compute(key).and_then(Compute::due) {
            self.agenda.insert((due, key.clone()));
        }
    }

    /// Has a compute looked at now.
    pub(crate) fn nudge(&mut self, key: &ComputeKey, at: Timestamp) {
        self.wakes += 1;
        let ends = |compute: &Compute| {
            compute.pending.as_ref().and_then(|pending| pending.ends).is_some_and(|ends| ends <= at)
        };
        if self.compute(key).is_some_and(ends) {
            self.finish(key, at);
        }
        self.settle_nodes(key, at);
        self.settle_instance(key, at);
        self.schedule(key);
    }

    fn finish(&mut self, key: &ComputeKey, at: Timestamp) {
        let verdict = self.verdict(key).or_else(|| self.attachment_verdict(key));
        let Some(compute) = self.compute_mut(key) else { return };
        let Some(pending) = &compute.pending else { return };
        let (operation, change) = (pending.operation, pending.change.clone());
        let attached = compute.machine.attached().cloned();
        let Some(ended) = compute.finish(at, verdict) else { return };
        let outcome = match &ended {
            Ended::Succeeded | Ended::Removed { .. } => Outcome::Succeeded,
            Ended::Failed(error) => Outcome::Failed { code: error.code.clone(), message: error.message.clone() },
        };
        self.operations.end(operation, outcome);
        if let Ended::Removed { detach, linger } = ended {
            self.remove(key, detach, linger);
        }
        self.attachment_ended(key, (&change, attached), &ended, at);
    }

    /// Takes a compute away; `detach` leaves its cluster, `linger` lets so many reads still see it.
    pub(crate) fn remove(&mut self, key: &ComputeKey, detach: bool, linger: u32) {
        let Some(workspace) = self.workspaces.get_mut(&key.0) else { return };
        let Some(mut compute) = workspace.computes.remove(&key.1) else { return };
        if detach && compute.born && compute.machine.survives_detach() {
            let kept = (compute.machine.clone(), compute.compute_location.clone());
            workspace.detached.insert(key.1.clone(), kept);
        }
        if linger > 0 {
            if let Some(previous) = compute.previous.take() {
                compute = previous;
            }
            workspace.ghosts.insert(key.1.clone(), (*compute, linger));
        }
    }

    fn settle_nodes(&mut self, key: &ComputeKey, at: Timestamp) {
        let Some(compute) = self.compute_mut(key) else { return };
        compute.wake = None;
        if !has_nodes(compute) {
            return;
        }
        let made = time::ticks(compute.created_on);
        let node_key = node_key(&self.resource_id(&key.0, &key.1), &made);
        let identity = nodes::Identity { seed: self.seed, key: &node_key };
        let Some(cluster) = self.compute_mut(key).and_then(|compute| compute.machine.cluster_mut()) else { return };
        cluster.pool.advance(at, identity);
        let lacks = cluster.pool.shortfall(cluster.settings.scale);
        let grant = if lacks == 0 { Grant::default() } else { self.grant(key, lacks) };
        let Some(compute) = self.compute_mut(key) else { return };
        if let Some(cluster) = compute.machine.cluster_mut() {
            compute.wake = cluster.pool.react(at, cluster.settings.scale, &grant, identity);
        }
    }
}

/// A cluster scales once it was made, and no more once it is being deleted.
fn has_nodes(compute: &Compute) -> bool {
    compute.born && !compute.is_leaving() && compute.machine.cluster().is_some()
}
