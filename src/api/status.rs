//! The part of status that every compute reports.
//!
//! Must not hold anything volatile (times of looks, request ids) or secret: a status that only ages is never written.

use crate::Condition;
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
    #[serde(default = "never_observed")]
    pub observed_generation: i64,
    /// Ready, Reconciling and Stalled as kstatus reads them; Drifted, QuotaSufficient and Paused in detail.
    #[serde(default)]
    pub conditions: Vec<Condition>,
    /// The compute in Azure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub azure: Option<AzureResource>,
    /// Why provisioning failed, as Azure gives it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub provisioning_errors: Vec<ProvisioningError>,
    /// The long operation under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<OperationReport>,
    /// Identities to which people grant roles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<IdentityReport>,
    /// What would change, and how, where it may not or cannot be done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plan: Vec<PlannedChange>,
    /// Hints that never block: what bills all the time, what may be taken away.
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
    pub resource_id: String,
    /// The region of its machines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// `provisioningState` as Azure writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provisioning_state: Option<String>,
    /// `createdOn` as Azure writes it; marks one incarnation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
    /// When this incarnation was first found as declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_ready_at: Option<Time>,
    /// Whether it belongs to this object.
    #[serde(default)]
    pub owned: bool,
    /// The last generation that was carried out in full: under `driftPolicy: Report` later differences are drift.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied_generation: Option<i64>,
    /// Tag keys this object set, so that they can be removed when they leave the spec.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub managed_tags: Vec<String>,
    /// Whether this object set the identity, so that it can be removed when it leaves the spec.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub managed_identity: bool,
}

/// One error as Azure gives it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProvisioningError {
    /// Azure's code.
    pub code: String,
    /// Azure's message.
    pub message: String,
    /// What it is about, where Azure says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
}

/// A long operation under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct OperationReport {
    /// Create, Scale, Update or Delete.
    pub name: String,
    /// When it was accepted.
    pub started_at: Time,
}

/// Managed identities as Azure answers them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct IdentityReport {
    /// Object id of the system-assigned identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal_id: Option<String>,
    /// Its tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
    /// Client id of each user-assigned identity, by its ARM id.
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
    pub field: String,
    /// What Azure has.
    pub from: String,
    /// What is declared.
    pub to: String,
    /// How it would be carried out.
    pub how: How,
}

/// One hint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Advice {
    /// One CamelCase word.
    pub reason: String,
    /// The hint, for people.
    pub message: String,
}
