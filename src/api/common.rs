//! What several kinds share: references, policies, identities, networks.
//!
//! Must not hold anything only one kind needs, nor a reference that leaves its namespace.

use crate::{limits, rules};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An object of the same namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
pub struct LocalRef {
    /// Its name.
    #[schemars(length(min = 1, max = limits::OBJECT_NAME))]
    #[x_kube(validation = rules::object_name("name"))]
    pub name: String,
}

/// One key of a Secret of the same namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, KubeSchema)]
pub struct SecretKeyRef {
    /// The Secret's name.
    #[schemars(length(min = 1, max = limits::OBJECT_NAME))]
    #[x_kube(validation = rules::object_name("name"))]
    pub name: String,
    /// The key in its data.
    #[schemars(length(min = 1, max = limits::OBJECT_NAME))]
    #[x_kube(validation = rules::data_key("Secret"))]
    pub key: String,
}

/// One key of a ConfigMap of the same namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, KubeSchema)]
pub struct ConfigMapKeyRef {
    /// The ConfigMap's name.
    #[schemars(length(min = 1, max = limits::OBJECT_NAME))]
    #[x_kube(validation = rules::object_name("name"))]
    pub name: String,
    /// The key in its data.
    #[schemars(length(min = 1, max = limits::OBJECT_NAME))]
    #[x_kube(validation = rules::data_key("ConfigMap"))]
    pub key: String,
}

/// Whether Azure may be changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ManagementPolicy {
    /// Drive Azure to what is declared.
    #[default]
    Manage,
    /// Only look and report.
    Observe,
}

/// What happens in Azure when the object is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DeletionPolicy {
    /// The compute is deleted.
    #[default]
    Delete,
    /// The compute stays.
    Retain,
}

/// What happens when a compute of that name exists already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AdoptionPolicy {
    /// It is left alone.
    #[default]
    Never,
    /// It is taken over unless another object owns it.
    Adopt,
    /// It is taken over, whoever owns it.
    TakeOver,
}

/// What happens when a field differs that Azure cannot change in place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ReplacePolicy {
    /// It is reported.
    #[default]
    Never,
    /// The compute is deleted and made again.
    Recreate,
}

/// What happens when Azure was changed by somebody else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DriftPolicy {
    /// It is changed back.
    #[default]
    Correct,
    /// It is reported.
    Report,
}

/// Kind of managed identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ManagedIdentityType {
    /// Azure makes one that lives and dies with the compute.
    SystemAssigned,
    /// Identities made elsewhere.
    UserAssigned,
    /// No identity: one that is there is removed.
    None,
}

/// The managed identity of a compute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = rules::user_assigned_present(), validation = rules::user_assigned_absent())]
#[serde(rename_all = "camelCase")]
pub struct ManagedIdentity {
    /// Which kind: SystemAssigned (Azure makes one that lives and dies with the compute), UserAssigned (identities made
    /// elsewhere), None (one that is there is removed).
    #[serde(rename = "type")]
    pub kind: ManagedIdentityType,
    /// ARM ids of user-assigned identities.
    #[schemars(length(max = limits::USER_ASSIGNED), inner(length(min = 1, max = limits::ARM_ID)))]
    #[x_kube(
        merge_strategy = ListMerge::Set,
        validation = rules::user_assigned_ids(),
        validation = rules::user_assigned_once()
    )]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub user_assigned: Vec<String>,
}

/// Where the nodes' network interfaces are: a subnet's ARM id, or its names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = rules::subnet_form())]
#[serde(rename_all = "camelCase")]
pub struct Subnet {
    /// ARM id of the subnet.
    #[schemars(length(min = 1, max = limits::ARM_ID))]
    #[x_kube(validation = rules::subnet_id())]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Name of the virtual network, in the workspace's subscription.
    #[schemars(length(min = 1, max = limits::NETWORK_NAME))]
    #[x_kube(validation = rules::arm_segment("subnet.virtualNetwork"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub virtual_network: Option<String>,
    /// Name of the subnet in that network.
    #[schemars(length(min = 1, max = limits::SUBNET_NAME))]
    #[x_kube(validation = rules::arm_segment("subnet.name"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Resource group of that network; the workspace's if absent.
    #[schemars(length(min = 1, max = limits::RESOURCE_GROUP))]
    #[x_kube(validation = rules::arm_segment("subnet.resourceGroup"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_group: Option<String>,
}

/// A public key: in the object, or in a Secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = rules::public_key_source())]
#[serde(rename_all = "camelCase")]
pub struct SshPublicKey {
    /// The key itself, in OpenSSH form.
    #[schemars(length(min = 1, max = limits::SSH_PUBLIC_KEY))]
    #[x_kube(validation = rules::public_key())]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// A Secret's key that holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretKeyRef>,
}
