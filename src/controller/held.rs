//! The small status that connections report: workspaces and identities say how they stand in the same conditions.
//!
//! Must not be used for computes, whose status is made by the decision core.

use crate::context::Context;
use crate::objects::{Namespaced, ObjectError};
use api::{Condition, ConditionType, find_condition};
use jiff::Timestamp;
use kube::ResourceExt;
use plan::{Because, Quota, Summary, Verdict};
use serde::Serialize;
use serde_json::Value;

/// The conditions for a verdict, given the ones that were.
pub(crate) fn conditions(verdict: &Verdict, generation: i64, before: &[Condition]) -> Vec<Condition> {
    let summary = Summary { verdict, drifted: None, quota: &Quota::Unknown, generation, now: Timestamp::now() };
    plan::summarise(&summary, before)
}

/// Applies a status if it changed, and says so in one event if Ready changed.
pub(crate) async fn report<K: Namespaced + Serialize>(
    context: &Context,
    kind: &'static str,
    object: &K,
    status: &Value,
    verdict: &Verdict,
    before: &[Condition],
) -> Result<(), ObjectError> {
    let current = serde_json::to_value(object).ok().and_then(|mut value| value.get_mut("status").map(Value::take));
    if current.as_ref() == Some(status) {
        return Ok(());
    }
    match context.objects.apply_status(object, status).await {
        Ok(_) => context.metrics.wrote_status(kind),
        // Changed or gone since it was read: its watch brings it again.
        Err(error) if error.is_outdated() => return Ok(()),
        Err(error) => return Err(error),
    }
    let (Verdict::Ready(because) | Verdict::Working(because) | Verdict::Stalled(because)) = verdict else {
        return Ok(());
    };
    if find_condition(before, ConditionType::Ready).is_none_or(|ready| ready.reason != because.reason) {
        let warning = !matches!(verdict, Verdict::Ready(_));
        context.say(object, warning, "Reconcile", &because.reason, &because.message).await;
        tracing::info!(kind, name = %object.name_any(), reason = because.reason, "Reported");
    }
    Ok(())
}

/// The verdict for something missing: working while the object is young, stalled afterwards.
pub(crate) fn missing<K: Namespaced>(context: &Context, object: &K, because: Because) -> Verdict {
    let created = object.creation_timestamp().map(|time| time.0);
    let young = created.is_some_and(|at| Timestamp::now().duration_since(at) < context.settings.plan.reference_grace);
    if young { Verdict::Working(because) } else { Verdict::Stalled(because) }
}
