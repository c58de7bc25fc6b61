//! Carries out one action: one call, one outcome. The only place that writes to Azure.
//!
//! Must not decide, and must not write on the word of a cache: the object is read once more before Azure is changed.

use crate::context::Context;
use crate::failure;
use crate::gather::{Gathered, Means};
use crate::memory::Slot;
use crate::objects::{Namespaced, ObjectError};
use api::annotations::FINALIZER;
use arm::{ComputeId, UnderlyingAction};
use azureml::Accepted;
use jiff::Timestamp;
use plan::{AcceptedWrite, Action, Body, Kind, OperationKind, Plan, Refs};
use std::sync::Arc;

/// How an action went.
#[derive(Debug)]
pub(crate) enum Receipt {
    /// There was nothing to do.
    Nothing,
    /// The object's metadata was written; its watch brings it again.
    Written,
    /// The finalizer is off: there is nothing more to report.
    Released,
    /// Azure accepted.
    Accepted,
    /// Azure refused, or did not answer.
    Failed,
    /// The object has changed since it was read: decide again on the new one.
    Outdated,
}

/// Carries out the action of a plan.
pub(crate) async fn act<K: Kind + Namespaced>(
    context: &Arc<Context>,
    object: &K,
    gathered: &Gathered,
    plan: &Plan,
    slot: &mut Slot,
) -> Result<Receipt, ObjectError> {
    match &plan.action {
        Action::Nothing | Action::Look => Ok(Receipt::Nothing),
        Action::Claim { claim } => written(context.objects.claim(object, FINALIZER, claim).await, Receipt::Written),
        Action::Unclaim => written(context.objects.release(object, FINALIZER).await, Receipt::Written),
        Action::Release => written(context.objects.release(object, FINALIZER).await, Receipt::Released),
        Action::Create { .. }
        | Action::Scale { .. }
        | Action::Update { .. }
        | Action::Post { .. }
        | Action::Delete
        | Action::Detach => {
            let Some(means) = &gathered.means else { return Ok(Receipt::Nothing) };
            write(context, object, (means, &gathered.refs), plan, slot).await
        }
    }
}

fn written(result: Result<(), ObjectError>, receipt: Receipt) -> Result<Receipt, ObjectError> {
    match result {
        Ok(()) => Ok(receipt),
        Err(error) if error.is_outdated() => Ok(Receipt::Outdated),
        Err(error) => Err(error),
    }
}

/// One write to Azure, for the object as it is now.
async fn write<K: Kind + Namespaced>(
    context: &Arc<Context>,
    object: &K,
    (means, refs): (&Means, &Refs),
    plan: &Plan,
    slot: &mut Slot,
) -> Result<Receipt, ObjectError> {
    let Some(kind) = plan.action.operation() else { return Ok(Receipt::Nothing) };
    if !is_current(context, object).await? {
        return Ok(Receipt::Outdated);
    }
    let Ok(id) = means.workspace.compute(plan::azure_name(object)) else { return Ok(Receipt::Nothing) };
    let now = Timestamp::now();
    let answer = call(means, &id, &plan.action).await.map_err(|error| failure::of(kind.into(), &error));
    // Whatever it was, what was seen before is no longer the truth.
    slot.own_look = None;
    match answer {
        Ok(accepted) => {
            take(slot, kind, plan.digest, accepted, now);
            means.look.hasten();
            Ok(Receipt::Accepted)
        }
        Err(failure) => {
            let failure = plan::without_secrets(refs, failure);
            slot.set_back(failure, plan::generation(object), Timestamp::now());
            Ok(Receipt::Failed)
        }
    }
}

/// Whether the object still is the one that was decided on: same UID, generation, and not deleted meanwhile.
async fn is_current<K: Kind + Namespaced>(context: &Context, object: &K) -> Result<bool, ObjectError> {
    let meta = object.meta();
    let (namespace, name) = (meta.namespace.as_deref().unwrap_or_default(), meta.name.as_deref().unwrap_or_default());
    let live = context.objects.get::<K>(namespace, name).await?;
    Ok(live.is_some_and(|live| {
        let live = live.meta();
        live.uid == meta.uid
            && live.generation == meta.generation
            && live.deletion_timestamp.is_some() == meta.deletion_timestamp.is_some()
            && live.annotations == meta.annotations
            && live.finalizers == meta.finalizers
    }))
}

async fn call(means: &Means, id: &ComputeId, action: &Action) -> Result<Accepted, azureml::Error> {
    let client = &means.client;
    match action {
        Action::Create { body } | Action::Update { body } => client.put_compute(id, body.expose()).await,
        Action::Scale { body } => client.patch_compute(id, body.expose()).await,
        Action::Post { action, body } => client.act_on_compute(id, *action, body.as_ref().map(Body::expose)).await,
        Action::Delete => client.delete_compute(id, UnderlyingAction::Delete).await,
        Action::Detach => client.delete_compute(id, UnderlyingAction::Detach).await,
        Action::Nothing | Action::Look | Action::Claim { .. } | Action::Unclaim | Action::Release => Ok(Accepted::Done),
    }
}

/// Remembers what Azure accepted.
fn take(slot: &mut Slot, kind: OperationKind, digest: u64, accepted: Accepted, now: Timestamp) {
    let before = slot.memory.write.take().filter(|write| write.kind == kind && write.digest == digest);
    let times = before.map_or(1, |write| write.times.saturating_add(1));
    let (operation, retry_after) = match accepted {
        Accepted::Running { url, retry_after, .. } => (url, retry_after),
        Accepted::Done | Accepted::Absent => (None, None),
    };
    let running = operation.is_some();
    slot.operation = operation;
    slot.poll_at = retry_after.and_then(|wait| now.checked_add(wait).ok());
    slot.memory.write = Some(AcceptedWrite { kind, at: now, running, digest, times });
}
