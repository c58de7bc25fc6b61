//! ComputeCluster: a managed cluster of nodes that scales by itself (AmlCompute).
//!
//! Must not default what Azure defaults: what the owner did not write is neither sent nor compared.

use crate::bounded::cut_option;
use crate::{
    AdoptionPolicy, ComputeStatus, DeletionPolicy, DriftPolicy, LocalRef, ManagedIdentity, ManagementPolicy,
    ReplacePolicy, SecretSource, SshPublicKey, Subnet, limits, rules,
};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A managed cluster of nodes in an Azure ML workspace.
#[derive(Clone, Debug, PartialEq, Eq, CustomResource, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "compute.azureml.dev",
    version = "v1alpha1",
    kind = "ComputeCluster",
    namespaced,
    status = "ComputeClusterStatus",
    shortname = "amlcc",
    category = "azureml",
    doc = "A managed cluster of nodes in an Azure ML workspace (AmlCompute). It scales by itself between the bounds declared here.",
    derive = "PartialEq",
    selectable = ".spec.workspaceRef.name",
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].status",
        description = "Whether Azure is as declared"
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].reason",
        description = "Why, in one word"
    ),
    printcolumn(
        name = "State",
        type_ = "string",
        json_path = ".status.azure.provisioningState",
        description = "Provisioning state as Azure gives it"
    ),
    printcolumn(name = "Nodes", type_ = "integer", json_path = ".status.nodes.current", description = "Nodes now"),
    printcolumn(name = "VM Size", type_ = "string", json_path = ".spec.vmSize", description = "VM size of the nodes"),
    printcolumn(
        name = "Workspace",
        type_ = "string",
        json_path = ".spec.workspaceRef.name",
        description = "The Workspace object"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "ARM ID",
        type_ = "string",
        json_path = ".status.azure.resourceId",
        description = "ARM id of the compute",
        priority = 1
    ),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].message",
        description = "Why, for people",
        priority = 1
    ),
    validation = rules::new_azure_name(),
    validation = rules::existing_azure_name(),
    validation = rules::reserved_azure_name(),
    validation = rules::fixed_azure_name()
)]
#[x_kube(
    validation = rules::CLUSTER.word("vmSize"),
    validation = rules::CLUSTER.location("location"),
    validation = rules::CLUSTER.field("vmPriority"),
    validation = rules::CLUSTER.field("osType"),
    validation = rules::CLUSTER.field("ssh"),
    validation = rules::CLUSTER.subnet("subnet"),
    validation = rules::CLUSTER.field("nodePublicIp"),
    validation = rules::CLUSTER.field("isolatedNetwork"),
    validation = rules::CLUSTER.field("description")
)]
#[serde(rename_all = "camelCase")]
pub struct ComputeClusterSpec {
    /// The Workspace object that connects to the Azure ML workspace. Cannot change.
    #[x_kube(validation = rules::fixed_reference("workspaceRef"))]
    pub workspace_ref: LocalRef,
    /// The cluster's name in Azure; metadata.name if absent. Cannot change.
    #[schemars(length(min = 1, max = limits::AZURE_NAME))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub azure_name: Option<String>,
    /// VM size of the nodes, such as STANDARD_D2_V2. Compared without case; changes only with replacePolicy Recreate.
    #[schemars(length(min = 1, max = limits::AZURE_WORD))]
    #[x_kube(validation = rules::vm_size())]
    pub vm_size: String,
    /// How the cluster scales.
    pub scale: ClusterScale,
    /// Region of the nodes; the workspace's if absent. Changes only with replacePolicy Recreate.
    #[schemars(length(min = 1, max = limits::AZURE_WORD))]
    #[x_kube(validation = rules::location())]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    // The description of an optional enum is that of its type.
    /// Dedicated or low-priority nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vm_priority: Option<NodePriority>,
    /// Operating system of the nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os_type: Option<ClusterOs>,
    /// SSH access to the nodes. Changes only with replacePolicy Recreate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssh: Option<ClusterSsh>,
    /// Subnet of the nodes. Changes only with replacePolicy Recreate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subnet: Option<Subnet>,
    /// Whether nodes have public IP addresses. Azure's default is true. Changes only with replacePolicy Recreate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_public_ip: Option<bool>,
    /// Whether the network is isolated. Azure's default is false. Changes only with replacePolicy Recreate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isolated_network: Option<bool>,
    /// The cluster's managed identity; absent, it is neither sent nor compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<ManagedIdentity>,
    /// A text for people. Changes only with replacePolicy Recreate.
    #[schemars(length(max = limits::DESCRIPTION))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Azure tags. Tags that others set are left alone.
    #[schemars(schema_with = "crate::crds::tags_schema")]
    #[x_kube(validation = rules::tag_keys(), validation = rules::no_own_tags())]
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// Whether Azure may be changed: Manage drives it to what is declared, Observe only looks and reports.
    #[serde(default)]
    pub management_policy: ManagementPolicy,
    /// What happens in Azure when this object is deleted: Delete removes the cluster, Retain leaves it.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
    /// What happens when a compute of that name exists already: Never leaves it alone, Adopt takes it unless another
    /// object owns it, TakeOver takes it from whoever owns it.
    #[serde(default)]
    pub adoption_policy: AdoptionPolicy,
    /// What happens when a field differs that Azure cannot change in place: Never reports it, Recreate deletes the cluster
    /// and makes it again.
    #[serde(default)]
    pub replace_policy: ReplacePolicy,
    /// What happens when Azure was changed by somebody else: Correct changes it back, Report reports it.
    #[serde(default)]
    pub drift_policy: DriftPolicy,
}

/// How a cluster scales.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = rules::min_nodes_below_max())]
#[serde(rename_all = "camelCase")]
pub struct ClusterScale {
    /// The most nodes there may be, 0 to 65,000. More than 100 needs a raised limit in Azure.
    #[schemars(range(min = 0, max = limits::NODES))]
    pub max_nodes: i32,
    /// Nodes that are always there, and always billed. Azure's default is 0.
    #[schemars(range(min = 0, max = limits::NODES))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_nodes: Option<i32>,
    /// How long a node may be idle before it is removed, 1 s to 30 days, in ISO 8601 or Go form (PT40M, 40m). Azure's
    /// default is PT2M.
    #[schemars(length(min = 1, max = limits::DURATION))]
    #[x_kube(validation = rules::duration("scale.idleTimeBeforeScaleDown", 1, 30 * 86_400, "1 second to 30 days, in ISO 8601 or Go form, such as PT40M, P1D or 1h30m"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_time_before_scale_down: Option<String>,
}

/// Dedicated (nodes that stay) or LowPriority (cheaper nodes that Azure may take back at any time). Azure's default is
/// Dedicated. Changes only with replacePolicy Recreate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum NodePriority {
    /// Nodes that stay.
    Dedicated,
    /// Cheaper nodes that Azure may take back at any time.
    LowPriority,
}

/// Operating system of the nodes, Linux or Windows. Azure's default is Linux. Changes only with replacePolicy Recreate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ClusterOs {
    /// Linux.
    Linux,
    /// Windows.
    Windows,
}

/// SSH access to the nodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = rules::ssh_needs_credential(), validation = rules::ssh_only_enabled())]
#[serde(rename_all = "camelCase")]
pub struct ClusterSsh {
    /// Whether there is SSH access.
    #[serde(default)]
    pub enabled: bool,
    /// Name of the administrator; azureuser if absent.
    #[schemars(length(min = 1, max = limits::ADMIN_USERNAME))]
    #[x_kube(validation = rules::admin_username())]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin_username: Option<String>,
    /// The administrator's public key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key: Option<SshPublicKey>,
    /// The administrator's password; keys are preferred.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretSource>,
}

/// What is known of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ComputeClusterStatus {
    /// What every compute reports.
    #[serde(flatten)]
    pub common: ComputeStatus,
    /// Steady, or Resizing while nodes come or go.
    #[schemars(length(max = limits::WORD))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allocation_state: Option<String>,
    /// Node counts; the autoscaler's, never drift.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nodes: Option<ClusterNodes>,
}

impl ComputeClusterStatus {
    /// The status, cut to what its schema takes.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        let Self { common, allocation_state, nodes } = &mut self;
        common.bound();
        cut_option(allocation_state, limits::WORD);
        if let Some(ClusterNodes { current, target, idle, running, preparing, unusable, leaving, preempted }) = nodes {
            for count in [current, target, idle, running, preparing, unusable, leaving, preempted] {
                *count = (*count).clamp(0, limits::COUNT);
            }
        }
        self
    }
}

/// Node counts of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterNodes {
    /// Nodes now.
    #[schemars(range(min = 0, max = limits::COUNT))]
    pub current: i64,
    /// Nodes the autoscaler is moving to.
    #[schemars(range(min = 0, max = limits::COUNT))]
    pub target: i64,
    /// Idle nodes.
    #[schemars(range(min = 0, max = limits::COUNT))]
    pub idle: i64,
    /// Nodes that run jobs.
    #[schemars(range(min = 0, max = limits::COUNT))]
    pub running: i64,
    /// Nodes being prepared.
    #[schemars(range(min = 0, max = limits::COUNT))]
    pub preparing: i64,
    /// Nodes that cannot be used.
    #[schemars(range(min = 0, max = limits::COUNT))]
    pub unusable: i64,
    /// Nodes leaving.
    #[schemars(range(min = 0, max = limits::COUNT))]
    pub leaving: i64,
    /// Low-priority nodes that Azure took back.
    #[schemars(range(min = 0, max = limits::COUNT))]
    pub preempted: i64,
}
