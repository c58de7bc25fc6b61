//! The contract of kstatus as a function: what a status must never say, whatever was decided.
//!
//! Must not repair anything. It runs on every report; a violation is a bug of ours.

use api::{Condition, ConditionStatus, ConditionType, find_condition};

/// Finds the first violation.
///
/// # Errors
/// Which rule is broken, as a sentence.
pub fn check(conditions: &[Condition], observed_generation: i64, generation: i64) -> Result<(), &'static str> {
    let holds = |kind| find_condition(conditions, kind).is_some_and(|c| c.status == ConditionStatus::True);
    let (ready, reconciling, stalled) =
        (holds(ConditionType::Ready), holds(ConditionType::Reconciling), holds(ConditionType::Stalled));
    let paused = holds(ConditionType::Paused);
    let mut kinds: Vec<ConditionType> = conditions.iter().map(|condition| condition.kind).collect();
    kinds.sort_unstable();
    let unique = kinds.windows(2).all(|pair| pair[0] != pair[1]);
    let rules = [
        (unique, "a condition type stands twice"),
        (find_condition(conditions, ConditionType::Ready).is_some() || paused, "Ready is missing"),
        (!(reconciling && stalled), "Reconciling and Stalled are both True"),
        (!(ready && (reconciling || stalled)), "Ready is True beside Reconciling or Stalled"),
        (ready || reconciling || stalled || paused, "not Ready, and neither Reconciling nor Stalled says why"),
        (observed_generation <= generation, "observedGeneration is ahead of generation"),
        (
            paused || conditions.iter().all(|c| c.observed_generation.is_none_or(|g| g <= observed_generation)),
            "a condition speaks of a newer generation than the status",
        ),
        (conditions.iter().all(|c| !c.reason.is_empty()), "a condition has no reason"),
    ];
    rules.into_iter().find(|(holds, _)| !holds).map_or(Ok(()), |(_, rule)| Err(rule))
}
