//! ComputeCluster: a managed cluster of nodes that scales by itself (AmlCompute).
//!
//! Must not default what Azure defaults: what the owner did not write is neither sent nor compared.

use crate::{
    AdoptionPolicy, ComputeStatus, DeletionPolicy, DriftPolicy, LocalRef, ManagedIdentity, ManagementPolicy,
    ReplacePolicy, SecretSource, SshPublicKey, Subnet,
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
    derive = "PartialEq"
)]
#[serde(rename_all = "camelCase")]
pub struct ComputeClusterSpec {
    /// The Workspace object that connects to the Azure ML workspace.
    pub workspace_ref: LocalRef,
    /// The cluster's name in Azure; metadata.name if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub azure_name: Option<String>,
    /// VM size of the nodes, such as STANDARD_D2_V2.
    pub vm_size: String,
    /// How the cluster scales.
    pub scale: ClusterScale,
    /// Region of the nodes; the workspace's if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// Dedicated or low-priority nodes; Azure's default is Dedicated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vm_priority: Option<NodePriority>,
    /// Operating system of the nodes; Azure's default is Linux.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os_type: Option<ClusterOs>,
    /// SSH access to the nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssh: Option<ClusterSsh>,
    /// Subnet of the nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subnet: Option<Subnet>,
    /// Whether nodes have public IP addresses; Azure's default is true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_public_ip: Option<bool>,
    /// Whether the network is isolated; Azure's default is false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isolated_network: Option<bool>,
    /// The cluster's managed identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<ManagedIdentity>,
    /// A text for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Azure tags. Tags that others set are left alone.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// Whether Azure may be changed.
    #[serde(default)]
    pub management_policy: ManagementPolicy,
    /// What happens in Azure when this object is deleted.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
    /// What happens when a compute of that name exists already.
    #[serde(default)]
    pub adoption_policy: AdoptionPolicy,
    /// What happens when a field differs that Azure cannot change in place.
    #[serde(default)]
    pub replace_policy: ReplacePolicy,
    /// What happens when Azure was changed by somebody else.
    #[serde(default)]
    pub drift_policy: DriftPolicy,
}

/// How a cluster scales.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterScale {
    /// The most nodes there may be.
    pub max_nodes: i32,
    /// Nodes that are always there, and always billed; Azure's default is 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_nodes: Option<i32>,
    /// How long a node may be idle before it is removed, ISO 8601 or Go form; Azure's default is PT2M.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_time_before_scale_down: Option<String>,
}

/// Dedicated or low-priority nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum NodePriority {
    /// Nodes that stay.
    Dedicated,
    /// Cheaper nodes that Azure may take back at any time.
    LowPriority,
}

/// Operating system of the nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ClusterOs {
    /// Linux.
    Linux,
    /// Windows.
    Windows,
}

/// SSH access to the nodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterSsh {
    /// Whether there is SSH access.
    #[serde(default)]
    pub enabled: bool,
    /// Name of the administrator; azureuser if absent.
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allocation_state: Option<String>,
    /// Node counts; the autoscaler's, never drift.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nodes: Option<ClusterNodes>,
}

/// Node counts of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterNodes {
    /// Nodes now.
    pub current: i64,
    /// Nodes the autoscaler is moving to.
    pub target: i64,
    /// Idle nodes.
    pub idle: i64,
    /// Nodes that run jobs.
    pub running: i64,
    /// Nodes being prepared.
    pub preparing: i64,
    /// Nodes that cannot be used.
    pub unusable: i64,
    /// Nodes leaving.
    pub leaving: i64,
    /// Low-priority nodes that Azure took back.
    pub preempted: i64,
}
