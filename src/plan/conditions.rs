//! Conditions are declared as data and summarised once, from the verdict.
//!
//! Must not be set anywhere along the way. Reconciling and Stalled stand only while true, and never together.

use crate::action::{Because, Verdict};
use crate::sizing::Quota;
use api::{Condition, ConditionStatus, ConditionType, find_condition};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// Longest message of a condition that we write.
const MESSAGE_LIMIT: usize = 1024;

/// What the conditions are summarised from.
pub struct Summary<'a> {
    /// How things stand.
    pub verdict: &'a Verdict,
    /// Whether Azure differs by somebody else's doing; `None` if it was not seen.
    pub drifted: Option<bool>,
    /// What the quota says.
    pub quota: &'a Quota,
    /// The generation it speaks of.
    pub generation: i64,
    /// Now.
    pub now: Timestamp,
}

/// The conditions to report, given the ones that were.
pub fn summarise(summary: &Summary<'_>, before: &[Condition]) -> Vec<Condition> {
    use ConditionStatus::{False, True};
    use ConditionType::{Paused, Ready, Reconciling, Stalled};
    let mut conditions = Vec::new();
    let mut put = |kind, status, because: &Because| conditions.push(condition(summary, before, kind, status, because));
    match summary.verdict {
        Verdict::Ready(because) => put(Ready, True, because),
        Verdict::Working(because) => {
            put(Ready, False, because);
            put(Reconciling, True, because);
        }
        Verdict::Stalled(because) => {
            put(Ready, False, because);
            put(Stalled, True, because);
        }
        Verdict::Paused => {
            let because =
                Because::new("Paused", "nothing is written to azure while the object is paused by annotation");
            put(Paused, True, &because);
            conditions.extend(before.iter().filter(|old| old.kind != Paused).cloned());
            conditions.sort_by_key(|condition| condition.kind);
            return conditions;
        }
    }
    detail(summary, before, &mut conditions);
    conditions
}

/// Drifted and QuotaSufficient: details that never change Ready.
fn detail(summary: &Summary<'_>, before: &[Condition], conditions: &mut Vec<Condition>) {
    use ConditionStatus::{False, True};
    use ConditionType::{Drifted, QuotaSufficient};
    if let Some(drifted) = summary.drifted {
        let (status, because) = match drifted {
            true => (True, Because::new("Differs", "azure was changed by somebody else; status.plan says how")),
            false => (False, Because::new("InSync", "azure was not changed by somebody else")),
        };
        conditions.push(condition(summary, before, Drifted, status, &because));
    }
    match summary.quota {
        Quota::Unknown => conditions.extend(find_condition(before, QuotaSufficient).cloned()),
        Quota::Sufficient => {
            let because = Because::new("Covered", "the quota covers the declared nodes");
            conditions.push(condition(summary, before, QuotaSufficient, True, &because));
        }
        Quota::Insufficient(message) => {
            let because = Because::new("Insufficient", message.clone());
            conditions.push(condition(summary, before, QuotaSufficient, False, &because));
        }
    }
}

fn condition(
    summary: &Summary<'_>,
    before: &[Condition],
    kind: ConditionType,
    status: ConditionStatus,
    because: &Because,
) -> Condition {
    let unchanged = find_condition(before, kind).filter(|old| old.status == status);
    Condition {
        kind,
        status,
        last_transition_time: unchanged.map_or(Time(whole_second(summary.now)), |old| old.last_transition_time.clone()),
        observed_generation: Some(summary.generation),
        reason: because.reason.clone(),
        message: because.message.chars().take(MESSAGE_LIMIT).collect(),
    }
}

/// Kubernetes keeps times in whole seconds; a finer one would differ from itself after being stored.
pub(crate) fn whole_second(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}
