//! Workspace: a connection to an existing Azure ML workspace.
//!
//! Must not create anything in Azure.

use crate::{Condition, limits, rules};
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
    doc = "A connection to an existing Azure ML workspace. Creates nothing in Azure.",
    derive = "PartialEq",
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].status",
        description = "Whether the workspace can be used"
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].reason",
        description = "Why, in one word"
    ),
    printcolumn(
        name = "Location",
        type_ = "string",
        json_path = ".status.location",
        description = "The workspace's region"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "Resource ID",
        type_ = "string",
        json_path = ".spec.resourceId",
        description = "ARM id of the workspace",
        priority = 1
    ),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].message",
        description = "Why, for people",
        priority = 1
    )
)]
#[serde(rename_all = "camelCase")]
pub struct WorkspaceSpec {
    /// ARM id of the workspace. Cannot change.
    #[schemars(length(min = 1, max = limits::ARM_ID))]
    #[x_kube(validation = rules::workspace_id(), validation = rules::fixed_id("resourceId"))]
    pub resource_id: String,
    /// The identity that looks and writes.
    pub identity_ref: IdentityRef,
    /// How often Azure is looked at, 10 s to 1 h, in ISO 8601 or Go form (PT1M, 1m).
    #[schemars(length(min = 1, max = limits::DURATION))]
    #[x_kube(validation = rules::duration("observeInterval", 10, 3600, "10 seconds to 1 hour, in ISO 8601 or Go form, such as PT1M or 90s"))]
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
    /// Its kind: AzureIdentity (of this namespace) or ClusterAzureIdentity (lent by an administrator).
    pub kind: IdentityKind,
    /// Its name.
    #[schemars(length(min = 1, max = limits::OBJECT_NAME))]
    #[x_kube(validation = rules::object_name("identityRef.name"))]
    pub name: String,
}

/// What is known of the workspace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkspaceStatus {
    /// The generation this status speaks of; -1 until the first report.
    #[schemars(range(min = -1, max = limits::GENERATION))]
    #[serde(default = "crate::status::never_observed")]
    pub observed_generation: i64,
    /// Ready, Reconciling and Stalled as kstatus reads them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = limits::CONDITIONS))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// The workspace's region.
    #[schemars(length(max = limits::AZURE_WORD))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
}
