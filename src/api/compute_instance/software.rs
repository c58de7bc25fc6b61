//! What is put on an instance: setup scripts and applications of one's own.
//!
//! Must not look into a script; what it does is its author's.

use crate::{ConfigMapKeyRef, limits, rules};
use kube::KubeSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Scripts that set an instance up. They run as root.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SetupScripts {
    /// Runs once, when the instance is created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creation: Option<SetupScript>,
    /// Runs at every start, the first one included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub startup: Option<SetupScript>,
}

/// One shell script. Not a place for secrets: who may read the instance in Azure may read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = rules::script_source())]
#[serde(rename_all = "camelCase")]
pub struct SetupScript {
    /// The script itself, at most 64 KiB.
    #[schemars(length(min = 1, max = limits::SCRIPT))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inline: Option<String>,
    /// A ConfigMap's key that holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map_ref: Option<ConfigMapKeyRef>,
    /// Its arguments, $1 and on.
    #[schemars(length(max = limits::ARGUMENTS), inner(length(min = 1, max = limits::ARGUMENT)))]
    #[x_kube(merge_strategy = ListMerge::Atomic, validation = rules::script_arguments())]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<String>,
    /// How long it may take, 1 minute to 1 day, in ISO 8601 or Go form (PT20M, 20m). Azure's default is 15 minutes.
    #[schemars(length(min = 1, max = limits::DURATION))]
    #[x_kube(validation = rules::script_timeout())]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<String>,
}

/// An application in a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct CustomService {
    /// Its name, as the studio shows it.
    #[schemars(length(min = 1, max = limits::SERVICE_NAME))]
    #[x_kube(validation = rules::service_name())]
    pub name: String,
    /// Its image.
    pub image: CustomImage,
    /// Ports under which it can be reached.
    #[schemars(length(min = 1, max = limits::ENDPOINTS))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["published".into()]))]
    pub endpoints: Vec<ServiceEndpoint>,
    /// Environment variables. Not a place for secrets: who may read the instance in Azure may read them.
    #[schemars(schema_with = "crate::crds::environment_schema")]
    #[x_kube(validation = rules::variable_names())]
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub environment: BTreeMap<String, String>,
    /// Folders of the instance that it sees.
    #[schemars(length(max = limits::VOLUMES))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["target".into()]))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<CustomVolume>,
}

/// A container image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct CustomImage {
    /// Its reference, such as ghcr.io/azure/rocker-rstudio-ml-verse:latest. Azure pulls it without credentials.
    #[schemars(length(min = 1, max = limits::IMAGE))]
    #[x_kube(validation = rules::image_reference())]
    pub reference: String,
}

/// A port of an application. The bounds are those of Microsoft's SDK (azureml-api.md b.4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceEndpoint {
    /// Port in the container, 1025 to 65535.
    #[schemars(range(min = 1025, max = 65_535))]
    pub target: i32,
    /// Port of the instance, 1025 to 65535.
    #[schemars(range(min = 1025, max = 65_535))]
    pub published: i32,
}

/// A folder of the instance, seen in a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct CustomVolume {
    /// The folder on the instance, such as /home/azureuser/cloudfiles.
    #[schemars(length(min = 1, max = limits::PATH))]
    #[x_kube(validation = rules::absolute_path("source"))]
    pub source: String,
    /// Where it stands in the container.
    #[schemars(length(min = 1, max = limits::PATH))]
    #[x_kube(validation = rules::absolute_path("target"))]
    pub target: String,
    /// Whether it can only be read.
    #[serde(default)]
    pub read_only: bool,
}
