//! The definitions of all kinds, as they are put into a cluster.
//!
//! Must not be edited after generation: what is wrong in a definition is mended in the types.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;

/// Every definition, by plural name.
pub fn all_crds() -> Vec<CustomResourceDefinition> {
    vec![crate::AzureIdentity::crd(), crate::ComputeCluster::crd(), crate::Workspace::crd()]
}

/// A definition as YAML, the way it is committed.
///
/// # Errors
/// When it cannot be written as YAML, which a test rules out.
pub fn to_yaml(crd: &CustomResourceDefinition) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(crd)
}
