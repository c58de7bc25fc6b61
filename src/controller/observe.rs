//! Observes one compute: the shared look, the operation that runs, and a GET of its own where a decision asks for it.
//!
//! Must not write. An operation's URL only tells sooner what the compute itself tells as well.

use crate::failure;
use crate::gather::Means;
use crate::memory::Slot;
use arm::{ArmError, OperationStatus};
use azureml::{ErrorKind, Progress};
use jiff::Timestamp;
use plan::{Attempt, Cause, Failure, Observation, OperationKind, Refs, Seen};
use std::time::Duration;

/// What is known of the compute, from the newest of the shared look and our own.
pub(crate) async fn known(means: &Means, compute: &str, slot: &Slot, patience: Duration) -> Observation {
    let shared = means.look.snapshot(patience).await;
    let own = slot.own_look.as_ref().filter(|(_, at)| shared.at.is_none_or(|shared_at| shared_at < *at));
    match own {
        Some((seen, at)) => Observation { seen: seen.clone(), looked: false, at: Some(*at), trouble: shared.trouble },
        None => Observation { seen: shared.of(compute), looked: false, at: shared.at, trouble: shared.trouble },
    }
}

/// Whether what is known is older than our last write, so that only a GET tells.
pub(crate) fn is_overtaken(observation: &Observation, slot: &Slot) -> bool {
    let Some(write) = slot.memory.write.as_ref().filter(|write| !write.running) else { return false };
    observation.at.is_none_or(|at| at <= write.at)
}

/// A GET of this compute alone.
pub(crate) async fn look(means: &Means, compute: &str, slot: &mut Slot, before: Observation) -> Observation {
    let at = Timestamp::now();
    let answer = match means.workspace.compute(compute) {
        Ok(id) => means.client.compute(&id).await,
        Err(_) => return before,
    };
    match answer {
        Ok(found) => {
            let seen = found.map_or(Seen::Absent, |compute| Seen::Present(Box::new(compute)));
            slot.own_look = Some((seen.clone(), at));
            Observation { seen, looked: true, at: Some(at), trouble: None }
        }
        Err(error) => {
            let trouble = Some(failure::of(Attempt::Look, &error));
            Observation { looked: true, trouble, ..before }
        }
    }
}

/// Asks once for the operation that runs, if it is time.
pub(crate) async fn poll(means: &Means, refs: &Refs, slot: &mut Slot, generation: i64, interval: Duration) {
    let now = Timestamp::now();
    slot.expire(now);
    let Some(url) = slot.operation.clone() else { return slot.operation_ended() };
    if slot.poll_at.is_some_and(|at| now < at) {
        return;
    }
    let kind = slot.memory.write.as_ref().map(|write| write.kind);
    slot.poll_at = now.checked_add(interval).ok();
    match means.client.poll(&url).await {
        Ok(Progress::Gone) => slot.operation_ended(),
        Ok(Progress::Reported { operation, retry_after }) => match operation.status {
            OperationStatus::Succeeded => {
                slot.operation_ended();
                if !kind.is_some_and(OperationKind::removes) {
                    slot.memory.setback = None;
                }
            }
            OperationStatus::Failed | OperationStatus::Canceled => {
                slot.operation_failed();
                let error = operation.error.unwrap_or_else(|| ArmError {
                    message: format!("the operation ended as {}", operation.status),
                    ..ArmError::default()
                });
                let cause = Cause::OperationFailed { error };
                let failure = Failure { attempt: kind.map_or(Attempt::Look, Attempt::from), cause, retry_after: None };
                slot.set_back(plan::without_secrets(refs, failure), generation, now);
            }
            OperationStatus::InProgress | OperationStatus::Unknown(_) => {
                slot.poll_at = now.checked_add(retry_after.unwrap_or(interval).max(interval)).ok();
            }
        },
        Err(error) => match error.kind() {
            // It passes: asked again later.
            ErrorKind::Timeout
            | ErrorKind::Connect
            | ErrorKind::Interrupted
            | ErrorKind::Throttled
            | ErrorKind::Tls => {}
            ErrorKind::Http { status } if *status >= 500 => {}
            // Missing rights on the subscription, a foreign or broken answer: the compute itself tells.
            ErrorKind::Http { .. }
            | ErrorKind::Unauthenticated { .. }
            | ErrorKind::ParentNotFound { .. }
            | ErrorKind::TooLarge
            | ErrorKind::NotJson
            | ErrorKind::UnexpectedShape
            | ErrorKind::Redirect { .. }
            | ErrorKind::ForeignUrl
            | ErrorKind::ForeignOperationUrl
            | ErrorKind::EndlessList
            | ErrorKind::Invalid => slot.operation_ended(),
        },
    }
}
