//! A Kubernetes cluster with Azure ML's extension.
//!
//! Must not read quantities: Kubernetes there judges them.

use crate::{limits, rules};
use kube::KubeSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An AKS or Arc-enabled Kubernetes cluster, on which Azure ML's extension is installed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct KubernetesAttachment {
    /// ARM id of the AKS cluster or of the Arc-enabled cluster. Cannot change.
    #[schemars(length(min = 1, max = limits::ARM_ID))]
    #[x_kube(validation = rules::cluster_id(), validation = rules::fixed_id("kubernetes.resourceId"))]
    pub resource_id: String,
    /// Namespace of that cluster in which jobs run; it must exist there. Azure's default is default. A cluster can be
    /// attached once for each. Changes only with replacePolicy Recreate.
    #[schemars(length(min = 1, max = limits::LABEL))]
    #[x_kube(validation = rules::label("kubernetes.namespace"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The instance type of jobs that name none. Changes only with replacePolicy Recreate.
    #[schemars(length(min = 1, max = limits::LABEL))]
    #[x_kube(validation = rules::label("kubernetes.defaultInstanceType"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_instance_type: Option<String>,
    /// Sizes that jobs can ask for. Change only with replacePolicy Recreate.
    #[schemars(length(max = limits::INSTANCE_TYPES))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub instance_types: Vec<InstanceType>,
}

/// A size that jobs can ask for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct InstanceType {
    /// Its name.
    #[schemars(length(min = 1, max = limits::LABEL))]
    #[x_kube(validation = rules::label("name"))]
    pub name: String,
    /// Labels of the nodes it runs on.
    #[schemars(schema_with = "crate::crds::labels_schema")]
    #[x_kube(validation = rules::label_keys(), validation = rules::label_values())]
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub node_selector: BTreeMap<String, String>,
    /// What a job of this size takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<InstanceTypeResources>,
}

/// What a job takes, by resource, as Kubernetes writes quantities: cpu: "4", memory: 16Gi, nvidia.com/gpu: "1".
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct InstanceTypeResources {
    /// What it surely gets.
    #[schemars(schema_with = "crate::crds::quantities_schema")]
    #[x_kube(validation = rules::quantities("requests"))]
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub requests: BTreeMap<String, String>,
    /// What it gets at most.
    #[schemars(schema_with = "crate::crds::quantities_schema")]
    #[x_kube(validation = rules::quantities("limits"))]
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub limits: BTreeMap<String, String>,
}
