//! Writes a status if it says something new, and says what changed in one event.
//!
//! Must not write what is equal, and must not hold up a pass for an event.

use crate::context::Context;
use crate::engine::Driven;
use crate::memory::Slot;
use crate::objects::ObjectError;
use api::{Condition, ConditionStatus, ConditionType, find_condition};
use plan::{Because, Verdict};
use serde_json::Value;

/// Applies the status to the version of the object that was read.
pub(crate) async fn write<K: Driven>(
    context: &Context,
    object: &K,
    slot: &mut Slot,
    status: Value,
    broken: Option<&'static str>,
    verdict: &Verdict,
) -> Result<(), ObjectError> {
    if let Some(rule) = broken {
        context.metrics.broke_contract(K::NAME);
        tracing::error!(kind = K::NAME, name = object.meta().name, rule, "A status breaks the contract; this is a bug");
    }
    let current = serde_json::to_value(object).ok().and_then(|mut value| value.get_mut("status").map(Value::take));
    if current.as_ref() == Some(&status) {
        return Ok(());
    }
    match context.objects.apply_status(object, &status).await {
        Ok(version) => slot.written = version,
        // Changed or gone since it was read: its watch brings it again.
        Err(error) if error.is_outdated() => return Ok(()),
        Err(error) => return Err(error),
    }
    context.metrics.wrote_status(K::NAME);
    say(context, object, verdict).await;
    Ok(())
}

/// One event for each change of Ready's reason.
async fn say<K: Driven>(context: &Context, object: &K, verdict: &Verdict) {
    let (because, warning) = match verdict {
        Verdict::Ready(because) => (because.clone(), false),
        Verdict::Working(because) => (because.clone(), is_trouble(&because.reason)),
        Verdict::Stalled(because) => (because.clone(), true),
        Verdict::Paused => (Because::new("Paused", "writes to azure are stopped by annotation"), false),
    };
    let before: &[Condition] = object.common_status().map(|status| status.conditions.as_slice()).unwrap_or_default();
    let kind = if *verdict == Verdict::Paused { ConditionType::Paused } else { ConditionType::Ready };
    let wanted = matches!(verdict, Verdict::Ready(_) | Verdict::Paused);
    let same = find_condition(before, kind)
        .is_some_and(|old| old.reason == because.reason && (old.status == ConditionStatus::True) == wanted);
    if !same {
        context.say(object, warning, "Reconcile", &because.reason, &because.message).await;
    }
}

/// Reasons of work that goes as it should; any other reason of work is a trouble worth a warning.
fn is_trouble(reason: &str) -> bool {
    const FINE: [&str; 23] = [
        "Claiming",
        "Creating",
        "Scaling",
        "Updating",
        "Starting",
        "Stopping",
        "Restarting",
        "Configuring",
        "SettingUp",
        "UserSettingUp",
        "Resizing",
        "Reimaging",
        "Deleting",
        "Detaching",
        "Recreating",
        "RecreatingFailed",
        "Adopting",
        "Looking",
        "LookingAround",
        "Released",
        "WaitingForWorkspace",
        "IdentityNotReady",
        "Connected",
    ];
    !FINE.contains(&reason)
}
