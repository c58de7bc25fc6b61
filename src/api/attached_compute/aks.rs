//! An AKS cluster for real-time inference: one that exists, or one that Azure ML makes.
//!
//! Must not know a VM size's vCPUs: the rules do, where the size is known.

use crate::{LocalRef, Subnet, limits, rules};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An AKS cluster for real-time inference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    validation = rules::aks_source(),
    validation = rules::fixed_aks_source(),
    validation = rules::aks_is_large_enough()
)]
#[serde(rename_all = "camelCase")]
pub struct AksAttachment {
    /// A cluster that exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attach: Option<AksAttach>,
    /// A cluster that Azure ML makes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create: Option<AksCreate>,
    // The description of an optional enum is that of its type.
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<AksPurpose>,
    /// TLS of its endpoints: a certificate of one's own, or one of Microsoft's. Changes only with replacePolicy Recreate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<AksTls>,
    /// Its load balancer. Changes only with replacePolicy Recreate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_balancer: Option<AksLoadBalancer>,
}

/// An AKS cluster that exists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AksAttach {
    /// Its ARM id. Cannot change.
    #[schemars(length(min = 1, max = limits::ARM_ID))]
    #[x_kube(
        validation = rules::underlying_id("aks.attach.resourceId", "an AKS cluster", &["Microsoft.ContainerService", "managedClusters"]),
        validation = rules::fixed_id("aks.attach.resourceId")
    )]
    pub resource_id: String,
}

/// An AKS cluster that Azure ML makes. Changes only with replacePolicy Recreate and deletionPolicy Delete.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AksCreate {
    /// VM size of its nodes. Compared without case.
    #[schemars(length(min = 1, max = limits::AZURE_WORD))]
    #[x_kube(validation = rules::vm_size())]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vm_size: Option<String>,
    /// How many nodes it has, 1 to 1000. With purpose Production or DenseProd all of them together must have 12 vCPUs.
    #[schemars(range(min = 1, max = limits::AKS_NODES))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_count: Option<i32>,
    /// Its region; the workspace's if absent.
    #[schemars(length(min = 1, max = limits::AZURE_WORD))]
    #[x_kube(validation = rules::location())]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// The virtual network it is made in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<AksNetwork>,
}

/// The virtual network of an AKS cluster. Azure ML wants all four (azureml-core, `AksProvisioningConfiguration`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AksNetwork {
    /// Subnet of its nodes.
    pub subnet: Subnet,
    /// Addresses of its services, such as 10.0.0.0/16, which no subnet has.
    #[schemars(length(min = 1, max = limits::CIDR))]
    #[x_kube(validation = rules::cidr("serviceCidr"))]
    pub service_cidr: String,
    /// Address of its DNS service, within serviceCidr and not the first one.
    #[serde(rename = "dnsServiceIP")]
    #[schemars(length(min = 1, max = limits::CIDR))]
    #[x_kube(validation = rules::ip_address("dnsServiceIP"))]
    pub dns_service_ip: String,
    /// Addresses of its Docker bridge, such as 172.17.0.1/16, which no subnet has.
    #[schemars(length(min = 1, max = limits::CIDR))]
    #[x_kube(validation = rules::cidr("dockerBridgeCidr"))]
    pub docker_bridge_cidr: String,
}

/// What an AKS cluster is for: Production (Azure's FastProd), DenseProd or DevTest. Azure's default is Production. Changes
/// only with replacePolicy Recreate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AksPurpose {
    /// Production; Azure calls it FastProd.
    Production,
    /// Production with many models on few nodes.
    DenseProd,
    /// Development and tests; any size.
    DevTest,
}

/// TLS of an AKS cluster: a certificate of one's own for a name of one's own, or Microsoft's for a name of Azure's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = rules::tls_form())]
#[serde(rename_all = "camelCase")]
pub struct AksTls {
    /// A Secret of type kubernetes.io/tls of the same namespace, with the certificate and its key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<LocalRef>,
    /// The name in that certificate.
    #[schemars(length(min = 1, max = limits::OBJECT_NAME))]
    #[x_kube(validation = rules::host("aks.tls.hostname"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// First label of the name for which Microsoft makes a certificate.
    #[schemars(length(min = 1, max = limits::LABEL))]
    #[x_kube(validation = rules::label("aks.tls.leafDomainLabel"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaf_domain_label: Option<String>,
    /// Whether that name may be taken from another cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overwrite_existing_domain: Option<bool>,
}

/// Load balancer of an AKS cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = rules::load_balancer_subnet())]
#[serde(rename_all = "camelCase")]
pub struct AksLoadBalancer {
    /// Whether it is reached from outside: PublicIp, or Internal (only from its virtual network).
    #[serde(rename = "type")]
    pub kind: AksLoadBalancerType,
    /// Name of the subnet of an internal one, in the cluster's virtual network.
    #[schemars(length(min = 1, max = limits::SUBNET_NAME))]
    #[x_kube(validation = rules::arm_segment("aks.loadBalancer.subnet"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subnet: Option<String>,
}

/// Whether a load balancer is reached from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AksLoadBalancerType {
    /// Yes.
    PublicIp,
    /// Only from its virtual network.
    Internal,
}
