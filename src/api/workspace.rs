//! Workspace: a connection to an existing Azure ML workspace.
//!
//! Must not create anything in Azure.

use crate::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A connection to an existing Azure ML workspace: its ARM id, the identity to use, how often to look.
#[derive(Clone, Debug, PartialEq, Eq, CustomResource, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "compute.azureml.dev",
    version = "v1alpha1",
    kind = "Workspace",
    namespaced,
    status = "WorkspaceStatus",
    shortname = "amlws",
    category = "azureml",
    derive = "PartialEq"
)]
#[serde(rename_all = "camelCase")]
pub struct WorkspaceSpec {
    /// ARM id of the workspace.
    pub resource_id: String,
    /// The identity that looks and writes.
    pub identity_ref: IdentityRef,
    /// How often Azure is looked at, 10 s to 1 h.
    #[serde(default = "default_interval")]
    pub observe_interval: String,
}

fn default_interval() -> String {
    "PT1M".into()
}

/// Kind of an identity object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum IdentityKind {
    /// Credentials of this namespace.
    AzureIdentity,
    /// Credentials an administrator lends to namespaces.
    ClusterAzureIdentity,
}

/// An identity object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
pub struct IdentityRef {
    /// Its kind.
    pub kind: IdentityKind,
    /// Its name.
    pub name: String,
}

/// What is known of the workspace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkspaceStatus {
    /// The generation this status speaks of; -1 until the first report.
    #[serde(default = "crate::status::never_observed")]
    pub observed_generation: i64,
    /// Ready, Reconciling and Stalled as kstatus reads them.
    #[serde(default)]
    pub conditions: Vec<Condition>,
    /// The workspace's region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
}
