//! What is known of an attachment.
//!
//! Must not hold a secret: what Azure was given is told by a keyed hash in what all computes report.

use crate::bounded::cut_option;
use crate::limits::cut_in_place;
use crate::{ComputeStatus, limits};
use kube::KubeSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What is known of the attachment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AttachedComputeStatus {
    /// What every compute reports.
    #[serde(flatten)]
    pub common: ComputeStatus,
    /// ARM id or address of what is attached, as Azure has it.
    #[schemars(length(max = limits::ARM_ID))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attached_resource: Option<String>,
    /// With type Kubernetes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubernetes: Option<KubernetesReport>,
    /// With type Aks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aks: Option<AksReport>,
    /// With type VirtualMachine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub virtual_machine: Option<HostReport>,
    /// With type HdInsight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hd_insight: Option<HostReport>,
    /// With type Databricks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub databricks: Option<DatabricksReport>,
    /// With type DataLakeAnalytics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_lake_analytics: Option<DataLakeAnalyticsReport>,
    /// With type SynapseSpark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub synapse_spark: Option<SynapseSparkReport>,
}

/// A Kubernetes cluster, as Azure ML has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct KubernetesReport {
    /// Namespace in which jobs run.
    #[schemars(length(max = limits::WORD))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The instance type of jobs that name none.
    #[schemars(length(max = limits::WORD))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_instance_type: Option<String>,
    /// Names of the sizes that jobs can ask for.
    #[schemars(length(max = limits::INSTANCE_TYPES), inner(length(max = limits::WORD)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub instance_types: Vec<String>,
    /// Object id of the extension's identity.
    #[schemars(length(max = limits::WORD))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extension_principal_id: Option<String>,
    /// From which train the extension is released.
    #[schemars(length(max = limits::WORD))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extension_release_train: Option<String>,
}

/// An AKS cluster, as Azure ML has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AksReport {
    /// Its full name in DNS.
    #[schemars(length(max = limits::VALUE))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fqdn: Option<String>,
    /// What it is for, as Azure writes it: FastProd, DenseProd or DevTest.
    #[schemars(length(max = limits::WORD))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// How many nodes it has.
    #[schemars(range(min = 0, max = limits::COUNT))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_count: Option<i64>,
    /// VM size of its nodes.
    #[schemars(length(max = limits::WORD))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vm_size: Option<String>,
    /// Azure ML's services on it.
    #[schemars(length(max = limits::SYSTEM_SERVICES))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub system_services: Vec<AksSystemService>,
}

/// One of Azure ML's services on an AKS cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AksSystemService {
    /// Which service, such as ScoringFrontEnd.
    #[serde(rename = "type")]
    #[schemars(length(max = limits::WORD))]
    pub kind: String,
    /// Its public IP address.
    #[schemars(length(max = limits::WORD))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_ip: Option<String>,
    /// Its version.
    #[schemars(length(max = limits::WORD))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// What is reached by SSH, as Azure ML has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct HostReport {
    /// Where it is reached.
    #[schemars(length(max = limits::VALUE))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Its SSH port.
    #[schemars(range(min = 0, max = 65_535))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssh_port: Option<i64>,
    /// Its VM size.
    #[schemars(length(max = limits::WORD))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vm_size: Option<String>,
}

/// A Databricks workspace, as Azure ML has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct DatabricksReport {
    /// Where it is opened.
    #[schemars(length(max = limits::VALUE))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace_url: Option<String>,
}

/// A Data Lake Analytics account, as Azure ML has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct DataLakeAnalyticsReport {
    /// Name of its default Data Lake Store, the only one that pipelines can read.
    #[schemars(length(max = limits::WORD))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_store: Option<String>,
}

/// A Spark pool of Synapse, as Azure ML has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SynapseSparkReport {
    /// Name of its Synapse workspace.
    #[schemars(length(max = limits::WORD))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace_name: Option<String>,
    /// Its name.
    #[schemars(length(max = limits::WORD))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool_name: Option<String>,
    /// Version of Spark.
    #[schemars(length(max = limits::WORD))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spark_version: Option<String>,
    /// How many nodes it has.
    #[schemars(range(min = 0, max = limits::COUNT))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_count: Option<i64>,
    /// Size of its nodes, such as Medium.
    #[schemars(length(max = limits::WORD))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_size: Option<String>,
    /// Family of that size.
    #[schemars(length(max = limits::WORD))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_size_family: Option<String>,
    /// How it scales by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_scale: Option<AutoScaleReport>,
    /// When it pauses by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_pause: Option<AutoPauseReport>,
}

/// How a Spark pool scales by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AutoScaleReport {
    /// Whether it does.
    pub enabled: bool,
    /// The fewest nodes.
    #[schemars(range(min = 0, max = limits::COUNT))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_nodes: Option<i64>,
    /// The most nodes.
    #[schemars(range(min = 0, max = limits::COUNT))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_nodes: Option<i64>,
}

/// When a Spark pool pauses by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AutoPauseReport {
    /// Whether it does.
    pub enabled: bool,
    /// After how many idle minutes.
    #[schemars(range(min = 0, max = limits::COUNT))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_in_minutes: Option<i64>,
}

impl AttachedComputeStatus {
    /// The status, cut to what its schema takes.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        let Self {
            common,
            attached_resource,
            kubernetes,
            aks,
            virtual_machine,
            hd_insight,
            databricks,
            data_lake_analytics,
            synapse_spark,
        } = &mut self;
        common.bound();
        cut_option(attached_resource, limits::ARM_ID);
        kubernetes.iter_mut().for_each(KubernetesReport::bound);
        aks.iter_mut().for_each(AksReport::bound);
        for HostReport { address, ssh_port, vm_size } in [virtual_machine, hd_insight].into_iter().flatten() {
            cut_option(address, limits::VALUE);
            cut_option(vm_size, limits::WORD);
            ssh_port.iter_mut().for_each(|port| *port = (*port).clamp(0, 65_535));
        }
        if let Some(DatabricksReport { workspace_url }) = databricks {
            cut_option(workspace_url, limits::VALUE);
        }
        if let Some(DataLakeAnalyticsReport { default_store }) = data_lake_analytics {
            cut_option(default_store, limits::WORD);
        }
        synapse_spark.iter_mut().for_each(SynapseSparkReport::bound);
        self
    }
}

fn bound_count(count: &mut Option<i64>) {
    count.iter_mut().for_each(|count| *count = (*count).clamp(0, limits::COUNT));
}

impl KubernetesReport {
    fn bound(&mut self) {
        let Self { namespace, default_instance_type, instance_types, extension_principal_id, extension_release_train } =
            self;
        for word in [namespace, default_instance_type, extension_principal_id, extension_release_train] {
            cut_option(word, limits::WORD);
        }
        instance_types.iter_mut().for_each(|name| cut_in_place(name, limits::WORD));
        // The list is a set.
        let mut seen = BTreeSet::new();
        instance_types.retain(|name| seen.insert(name.clone()));
        instance_types.truncate(limits::INSTANCE_TYPES);
    }
}

impl AksReport {
    fn bound(&mut self) {
        let Self { fqdn, purpose, node_count, vm_size, system_services } = self;
        cut_option(fqdn, limits::VALUE);
        cut_option(purpose, limits::WORD);
        cut_option(vm_size, limits::WORD);
        bound_count(node_count);
        system_services.truncate(limits::SYSTEM_SERVICES);
        for AksSystemService { kind, public_ip, version } in system_services {
            cut_in_place(kind, limits::WORD);
            cut_option(public_ip, limits::WORD);
            cut_option(version, limits::WORD);
        }
    }
}

impl SynapseSparkReport {
    fn bound(&mut self) {
        let Self {
            workspace_name,
            pool_name,
            spark_version,
            node_count,
            node_size,
            node_size_family,
            auto_scale,
            auto_pause,
        } = self;
        for word in [workspace_name, pool_name, spark_version, node_size, node_size_family] {
            cut_option(word, limits::WORD);
        }
        bound_count(node_count);
        if let Some(AutoScaleReport { enabled: _, min_nodes, max_nodes }) = auto_scale {
            bound_count(min_nodes);
            bound_count(max_nodes);
        }
        if let Some(AutoPauseReport { enabled: _, delay_in_minutes }) = auto_pause {
            bound_count(delay_in_minutes);
        }
    }
}
