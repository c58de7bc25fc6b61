//! AttachedCompute: compute that was made elsewhere, attached to an Azure ML workspace.
//!
//! Must not hold a secret, nor default what Azure defaults: what the owner did not write is neither sent nor compared.

mod aks;
mod hosts;
mod kubernetes;
mod services;
mod status;

pub use aks::{
    AksAttach, AksAttachment, AksCreate, AksLoadBalancer, AksLoadBalancerType, AksNetwork, AksPurpose, AksTls,
};
pub use hosts::{HdInsightAttachment, SshCredentials, VirtualMachineAttachment};
pub use kubernetes::{InstanceType, InstanceTypeResources, KubernetesAttachment};
pub use services::{
    BatchAttachment, DataFactoryAttachment, DataLakeAnalyticsAttachment, DatabricksAttachment, SynapseSparkAttachment,
};
pub use status::{
    AksReport, AksSystemService, AttachedComputeStatus, AutoPauseReport, AutoScaleReport, DataLakeAnalyticsReport,
    DatabricksReport, HostReport, KubernetesReport, SynapseSparkReport,
};

use crate::{AdoptionPolicy, DriftPolicy, LocalRef, ManagedIdentity, ManagementPolicy, ReplacePolicy, limits, rules};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Compute that was made elsewhere, attached to an Azure ML workspace.
#[derive(Clone, Debug, PartialEq, Eq, CustomResource, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "compute.azureml.dev",
    version = "v1alpha1",
    kind = "AttachedCompute",
    namespaced,
    status = "AttachedComputeStatus",
    shortname = "amlac",
    category = "azureml",
    doc = "Compute that was made elsewhere, attached to an Azure ML workspace: a Kubernetes cluster, a virtual machine, a Databricks workspace and others.",
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
    printcolumn(name = "Type", type_ = "string", json_path = ".spec.type", description = "What is attached"),
    printcolumn(
        name = "Workspace",
        type_ = "string",
        json_path = ".spec.workspaceRef.name",
        description = "The Workspace object"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "Attached",
        type_ = "string",
        json_path = ".status.attachedResource",
        description = "ARM id or address of what is attached",
        priority = 1
    ),
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
    validation = rules::new_attached_name(),
    validation = rules::existing_azure_name(),
    validation = rules::reserved_azure_name(),
    validation = rules::fixed_azure_name()
)]
#[x_kube(
    validation = rules::member("Kubernetes", "kubernetes"),
    validation = rules::member("Aks", "aks"),
    validation = rules::member("VirtualMachine", "virtualMachine"),
    validation = rules::member("HdInsight", "hdInsight"),
    validation = rules::member("Databricks", "databricks"),
    validation = rules::member("DataLakeAnalytics", "dataLakeAnalytics"),
    validation = rules::member("DataFactory", "dataFactory"),
    validation = rules::member("SynapseSpark", "synapseSpark"),
    validation = rules::member("Batch", "batch"),
    validation = rules::identity_of_type(),
    validation = rules::delete_only_what_was_created(),
    validation = rules::ATTACHMENT.field("description"),
    validation = rules::ATTACHMENT.identity(),
    validation = rules::ATTACHMENT.tags(),
    validation = rules::ATTACHMENT.field("kubernetes.namespace"),
    validation = rules::ATTACHMENT.field("kubernetes.defaultInstanceType"),
    validation = rules::ATTACHMENT.field("kubernetes.instanceTypes"),
    validation = rules::ATTACHMENT.field("aks.purpose"),
    validation = rules::ATTACHMENT.field("aks.loadBalancer"),
    validation = rules::ATTACHMENT.tls(),
    validation = rules::CREATED_AKS.optional_word("aks.create.vmSize"),
    validation = rules::CREATED_AKS.field("aks.create.nodeCount"),
    validation = rules::CREATED_AKS.location("aks.create.location"),
    validation = rules::CREATED_AKS.network("aks.create.network"),
    validation = rules::ATTACHMENT.field("virtualMachine.sshPort"),
    validation = rules::ATTACHMENT.field("virtualMachine.credentials.username"),
    validation = rules::ATTACHMENT.optional_word("hdInsight.address"),
    validation = rules::ATTACHMENT.field("hdInsight.sshPort"),
    validation = rules::ATTACHMENT.field("hdInsight.credentials.username")
)]
#[serde(rename_all = "camelCase")]
pub struct AttachedComputeSpec {
    /// The Workspace object that connects to the Azure ML workspace. Cannot change.
    #[x_kube(validation = rules::fixed_reference("workspaceRef"))]
    pub workspace_ref: LocalRef,
    /// The compute's name in Azure; metadata.name if absent. 3 to 24 characters, 3 to 16 for Aks, 2 to 16 for SynapseSpark.
    /// Cannot change.
    #[schemars(length(min = 1, max = limits::AZURE_NAME))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub azure_name: Option<String>,
    /// What is attached: Kubernetes, Aks, VirtualMachine, HdInsight, Databricks, DataLakeAnalytics, DataFactory,
    /// SynapseSpark or Batch. The member of the same name says which one. Cannot change.
    // Not an enum in the schema: its refusal could not say what cannot be attached, and where that is explained.
    #[serde(rename = "type")]
    #[schemars(schema_with = "crate::crds::word_schema")]
    #[x_kube(validation = rules::attached_type(), validation = rules::fixed_reference("type"))]
    pub kind: AttachedType,
    /// With type Kubernetes: an AKS or Arc-enabled cluster with Azure ML's extension.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubernetes: Option<KubernetesAttachment>,
    /// With type Aks: an AKS cluster for real-time inference, the older way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aks: Option<AksAttachment>,
    /// With type VirtualMachine: an Ubuntu virtual machine or a Data Science Virtual Machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub virtual_machine: Option<VirtualMachineAttachment>,
    /// With type HdInsight: a Spark cluster of HDInsight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hd_insight: Option<HdInsightAttachment>,
    /// With type Databricks: a Databricks workspace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub databricks: Option<DatabricksAttachment>,
    /// With type DataLakeAnalytics: a Data Lake Analytics account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_lake_analytics: Option<DataLakeAnalyticsAttachment>,
    /// With type DataFactory: a data factory, or {} for one that Azure ML makes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_factory: Option<DataFactoryAttachment>,
    /// With type SynapseSpark: a Spark pool of Synapse.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub synapse_spark: Option<SynapseSparkAttachment>,
    /// With type Batch: an Azure Batch account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<BatchAttachment>,
    /// The compute's managed identity, with type Kubernetes or SynapseSpark. Changes only with replacePolicy Recreate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<ManagedIdentity>,
    /// A text for people. Changes only with replacePolicy Recreate.
    #[schemars(length(max = limits::DESCRIPTION))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Azure tags. Change only with replacePolicy Recreate.
    #[schemars(schema_with = "crate::crds::tags_schema")]
    #[x_kube(validation = rules::tag_keys(), validation = rules::no_own_tags())]
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// Whether Azure may be changed: Manage drives it to what is declared, Observe only looks and reports.
    #[serde(default)]
    pub management_policy: ManagementPolicy,
    /// What happens in Azure when this object is deleted: Detach ends the attachment and leaves the resource, Retain leaves
    /// both, Delete deletes the AKS cluster that was made by aks.create.
    #[serde(default)]
    pub deletion_policy: AttachedDeletionPolicy,
    /// What happens when a compute of that name exists already: Never leaves it alone, Adopt takes it unless another
    /// object owns it, TakeOver takes it from whoever owns it.
    #[serde(default)]
    pub adoption_policy: AdoptionPolicy,
    /// What happens when a field differs that Azure cannot change in place: Never reports it, Recreate detaches the compute
    /// and attaches it again.
    #[serde(default)]
    pub replace_policy: ReplacePolicy,
    /// What happens when Azure was changed by somebody else: Correct changes it back, Report reports it.
    #[serde(default)]
    pub drift_policy: DriftPolicy,
}

impl AttachedComputeSpec {
    /// ARM id of the resource that is attached, as its owner wrote it; absent where an address names it, or where Azure
    /// makes it.
    pub fn resource_id(&self) -> Option<&str> {
        match self.kind {
            AttachedType::Kubernetes => self.kubernetes.as_ref().map(|member| member.resource_id.as_str()),
            AttachedType::Aks => self.aks.as_ref()?.attach.as_ref().map(|attach| attach.resource_id.as_str()),
            AttachedType::VirtualMachine => self.virtual_machine.as_ref()?.resource_id.as_deref(),
            AttachedType::HdInsight => self.hd_insight.as_ref().map(|member| member.resource_id.as_str()),
            AttachedType::Databricks => self.databricks.as_ref().map(|member| member.resource_id.as_str()),
            AttachedType::DataLakeAnalytics => {
                self.data_lake_analytics.as_ref().map(|member| member.resource_id.as_str())
            }
            AttachedType::DataFactory => self.data_factory.as_ref()?.resource_id.as_deref(),
            AttachedType::SynapseSpark => self.synapse_spark.as_ref().map(|member| member.resource_id.as_str()),
            AttachedType::Batch => self.batch.as_ref().map(|member| member.resource_id.as_str()),
        }
    }
}

/// What is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum AttachedType {
    /// An AKS or Arc-enabled cluster with Azure ML's extension.
    Kubernetes,
    /// An AKS cluster for real-time inference, the older way.
    Aks,
    /// An Ubuntu virtual machine or a Data Science Virtual Machine.
    VirtualMachine,
    /// A Spark cluster of HDInsight.
    HdInsight,
    /// A Databricks workspace.
    Databricks,
    /// A Data Lake Analytics account.
    DataLakeAnalytics,
    /// A data factory.
    DataFactory,
    /// A Spark pool of Synapse.
    SynapseSpark,
    /// An Azure Batch account.
    Batch,
}

/// What happens in Azure when the object of an attachment is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AttachedDeletionPolicy {
    /// The attachment ends; the resource stays.
    #[default]
    Detach,
    /// The attachment stays, and the resource.
    Retain,
    /// The AKS cluster that was created is deleted.
    Delete,
}
