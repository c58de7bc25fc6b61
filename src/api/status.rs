//! The part of status that every compute reports.
//!
//! Must not hold anything volatile (times of looks, request ids) or secret: a status that only ages is never written.

use crate::{Condition, limits};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What every compute reports.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ComputeStatus {
    /// The generation this status speaks of; -1 until the first report.
    #[schemars(range(min = -1, max = limits::GENERATION))]
    #[serde(default = "never_observed")]
    pub observed_generation: i64,
    /// Ready, Reconciling and Stalled as kstatus reads them; Drifted, QuotaSufficient and Paused in detail.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = limits::CONDITIONS))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// The compute in Azure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub azure: Option<AzureResource>,
    /// Why provisioning failed, as Azure gives it.
    #[schemars(length(max = limits::PROVISIONING_ERRORS))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub provisioning_errors: Vec<ProvisioningError>,
    /// The long operation under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<OperationReport>,
    /// Identities to which people grant roles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<IdentityReport>,
    /// What would change, and how, where it may not or cannot be done.
    #[schemars(length(max = limits::PLAN))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plan: Vec<PlannedChange>,
    /// Hints that never block: what bills all the time, what may be taken away.
    #[schemars(length(max = limits::ADVICE))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["reason".into()]))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub advice: Vec<Advice>,
}

/// Value of `observedGeneration` before the first report: kstatus reads it as in progress.
pub(crate) fn never_observed() -> i64 {
    -1
}

/// The compute in Azure.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AzureResource {
    /// Its ARM id.
    #[schemars(length(max = limits::ARM_ID))]
    pub resource_id: String,
    /// The region of its machines.
    #[schemars(length(max = limits::AZURE_WORD))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// `provisioningState` as Azure writes it.
    #[schemars(length(max = limits::WORD))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provisioning_state: Option<String>,
    /// `createdOn` as Azure writes it; marks one incarnation.
    #[schemars(length(max = limits::TIME))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
    /// When this incarnation was first found provisioned. Absent while its create runs or has failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_ready_at: Option<Time>,
    /// Whether it belongs to this object.
    #[serde(default)]
    pub owned: bool,
    /// The last generation that was carried out in full: under `driftPolicy: Report` later differences are drift.
    #[schemars(range(min = 0, max = limits::GENERATION))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied_generation: Option<i64>,
    /// Tag keys this object set, so that they can be removed when they leave the spec.
    #[schemars(length(max = limits::MANAGED_TAGS), inner(length(max = limits::TAG_KEY)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub managed_tags: Vec<String>,
    /// Keyed hash of what was last sent and Azure never shows again (credentials), to notice when it changes. Only the
    /// operator has the key.
    #[schemars(length(max = limits::WORD))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_fingerprint: Option<String>,
    /// Whether this object set the identity, so that it can be removed when it leaves the spec.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub managed_identity: bool,
}

/// One error as Azure gives it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProvisioningError {
    /// Azure's code.
    #[schemars(length(max = limits::WORD))]
    pub code: String,
    /// Azure's message.
    #[schemars(length(max = limits::MESSAGE))]
    pub message: String,
    /// What it is about, where Azure says so.
    #[schemars(length(max = limits::VALUE))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
}

/// A long operation under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct OperationReport {
    /// Create, Scale, Update or Delete.
    #[schemars(length(max = limits::WORD))]
    pub name: String,
    /// When it was accepted.
    pub started_at: Time,
}

/// Managed identities as Azure answers them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct IdentityReport {
    /// Object id of the system-assigned identity.
    #[schemars(length(max = limits::WORD))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal_id: Option<String>,
    /// Its tenant.
    #[schemars(length(max = limits::WORD))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
    /// Client id of each user-assigned identity, by its ARM id.
    #[schemars(schema_with = "crate::crds::client_ids_schema")]
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub client_ids: BTreeMap<String, String>,
}

/// How a difference would be carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum How {
    /// By changing the compute.
    InPlace,
    /// By deleting it and making it again.
    Recreate,
    /// Not at all: policy or Azure refuses.
    Refused,
}

/// One difference between what is declared and what Azure has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlannedChange {
    /// Path of the field in the object.
    #[schemars(length(max = limits::VALUE))]
    pub field: String,
    /// What Azure has.
    #[schemars(length(max = limits::VALUE))]
    pub from: String,
    /// What is declared.
    #[schemars(length(max = limits::VALUE))]
    pub to: String,
    /// How it would be carried out: InPlace (by changing the compute), Recreate (by deleting it and making it again) or
    /// Refused (policy or Azure refuses).
    pub how: How,
}

/// One hint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Advice {
    /// One CamelCase word.
    #[schemars(length(min = 1, max = limits::WORD))]
    pub reason: String,
    /// The hint, for people.
    #[schemars(length(max = limits::VALUE))]
    pub message: String,
}
