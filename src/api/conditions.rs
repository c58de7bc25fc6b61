//! Conditions: their types, and the one shape all objects report them in.
//!
//! Must not decide which hold; that is summarised once, at the end of a decision.

use crate::limits;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Types of conditions. Ready, Reconciling and Stalled are read by kstatus (Flux, Helm, Argo CD).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum ConditionType {
    /// Azure is as declared.
    Ready,
    /// Work is under way or will be tried again. Present only while true.
    Reconciling,
    /// Nothing more happens until something changes: a person, a quota, a policy. Present only while true.
    Stalled,
    /// Azure differs from what is declared.
    Drifted,
    /// The quota of the VM family covers what is declared.
    QuotaSufficient,
    /// Writes to Azure are stopped by annotation. Present only while true.
    Paused,
}

/// Whether a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ConditionStatus {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// It is not known.
    Unknown,
}

/// One condition, as Kubernetes' API conventions shape it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Which condition: Ready, Reconciling and Stalled sum up; Drifted, QuotaSufficient and Paused tell details.
    #[serde(rename = "type")]
    pub kind: ConditionType,
    /// Whether it holds: True, False or Unknown.
    pub status: ConditionStatus,
    /// When its status last changed.
    pub last_transition_time: Time,
    /// The generation it speaks of.
    #[schemars(range(min = 0, max = limits::GENERATION))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Why, in one CamelCase word; stable, for programs.
    #[schemars(length(min = 1, max = limits::WORD))]
    pub reason: String,
    /// Why, for people.
    #[schemars(length(max = limits::MESSAGE))]
    pub message: String,
}

/// The condition of a type, if the list has it.
pub fn find(conditions: &[Condition], kind: ConditionType) -> Option<&Condition> {
    conditions.iter().find(|condition| condition.kind == kind)
}
