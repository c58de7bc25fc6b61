//! What an attached compute stands for: the marks by which two attachments are known to mean the same resource.
//!
//! Must not judge whether two attachments may stand side by side; that is the decision core's.

use crate::compute::{Compute, int, text};
use crate::{ComputeType, same_id};
use serde_json::Value;

/// The port of SSH, which Azure ML takes where none is given (sdk-wire-notes.md 5).
pub const SSH_PORT: i64 = 22;
/// The namespace of a Kubernetes compute, where none is given (azureml-api.md b.5).
pub const DEFAULT_NAMESPACE: &str = "default";

/// One mark of a resource. Equal marks mean the same resource; a resource can have several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResourceMark {
    /// An ARM id, compared without case.
    Id(String),
    /// A namespace of a Kubernetes cluster: one cluster is attached once per namespace (azureml-api.md f.7).
    Namespace {
        /// ARM id of the cluster.
        cluster: String,
        /// The namespace.
        namespace: String,
    },
    /// A host that is reached by SSH.
    Host {
        /// Its name or address, compared without case.
        host: String,
        /// Its port.
        port: i64,
    },
}

impl ResourceMark {
    /// Whether both mean the same resource.
    pub fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Id(one), Self::Id(two)) => same_id(one, two),
            (Self::Namespace { cluster, namespace }, Self::Namespace { cluster: two, namespace: other }) => {
                same_id(cluster, two) && namespace == other
            }
            (Self::Host { host, port }, Self::Host { host: two, port: other }) => {
                host.eq_ignore_ascii_case(two) && port == other
            }
            (Self::Id(_) | Self::Namespace { .. } | Self::Host { .. }, _) => false,
        }
    }
}

/// Whether one of the marks is among the others.
pub fn same_resource(one: &[ResourceMark], other: &[ResourceMark]) -> bool {
    one.iter().any(|mark| other.iter().any(|theirs| mark.same(theirs)))
}

impl Compute {
    /// The marks of what it was attached from; none for what Azure ML makes itself.
    pub fn marks(&self) -> Vec<ResourceMark> {
        let id = text(&self.body, "/properties/resourceId").filter(|id| !id.is_empty());
        match &self.compute_type {
            ComputeType::AmlCompute | ComputeType::ComputeInstance | ComputeType::Unknown(_) => Vec::new(),
            ComputeType::Kubernetes => {
                let namespace = text(&self.body, "/properties/properties/namespace");
                let namespace = namespace.unwrap_or_else(|| DEFAULT_NAMESPACE.to_owned());
                id.map(|cluster| ResourceMark::Namespace { cluster, namespace }).into_iter().collect()
            }
            ComputeType::VirtualMachine | ComputeType::HdInsight => {
                id.map(ResourceMark::Id).into_iter().chain(host(&self.body)).collect()
            }
            ComputeType::Aks
            | ComputeType::Databricks
            | ComputeType::DataFactory
            | ComputeType::DataLakeAnalytics
            | ComputeType::SynapseSpark
            | ComputeType::Batch => id.map(ResourceMark::Id).into_iter().collect(),
        }
    }
}

/// Where it is reached. Azure fills the address in for what was attached by its id (azureml-api.md f.5).
fn host(body: &Value) -> Option<ResourceMark> {
    let host = text(body, "/properties/properties/address").filter(|host| !host.is_empty())?;
    let port = "/properties/properties/sshPort";
    // Microsoft's first SDK writes the port of a cluster as a text (sdk-wire-notes.md 5).
    let port = int(body, port).or_else(|| text(body, port)?.parse().ok()).unwrap_or(SSH_PORT);
    Some(ResourceMark::Host { host, port })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const VM: &str = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm";
    const AKS: &str = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerService/managedClusters/aks";

    fn marks(kind: &str, id: Option<&str>, own: &Value) -> Vec<ResourceMark> {
        let body = json!({"name": "c", "properties": {"computeType": kind, "resourceId": id, "properties": own}});
        Compute::from_value(body).unwrap().marks()
    }

    #[test]
    fn one_resource_is_known_whatever_the_case_of_its_id() {
        let one = marks("VirtualMachine", Some(VM), &json!({"sshPort": 22}));
        let upper = VM.to_uppercase();
        assert!(same_resource(&one, &marks("VirtualMachine", Some(&upper), &json!({}))));
        assert!(!same_resource(&one, &marks("VirtualMachine", Some(&format!("{VM}2")), &json!({}))));
        assert!(marks("VirtualMachine", None, &json!({"address": ""})).is_empty());
    }

    #[test]
    fn address_is_known_by_host_and_port_also_where_azure_filled_it_in() {
        let by_id = marks("VirtualMachine", Some(VM), &json!({"address": "Host.example", "sshPort": 22}));
        let by_address = marks("VirtualMachine", None, &json!({"address": "host.example"}));
        assert!(same_resource(&by_id, &by_address), "no port is 22");
        assert!(same_resource(&by_id, &marks("HDInsight", None, &json!({"address": "host.example", "sshPort": "22"}))));
        let other = marks("VirtualMachine", None, &json!({"address": "host.example", "sshPort": 2222}));
        assert!(!same_resource(&by_id, &other));
    }

    #[test]
    fn cluster_is_another_resource_in_each_namespace_and_for_each_of_its_types() {
        let default = marks("Kubernetes", Some(AKS), &json!(null));
        assert!(same_resource(&default, &marks("Kubernetes", Some(AKS), &json!({"namespace": "default"}))));
        assert!(!same_resource(&default, &marks("Kubernetes", Some(AKS), &json!({"namespace": "ml"}))));
        assert!(!same_resource(&default, &marks("AKS", Some(AKS), &json!({}))));
    }

    #[test]
    fn what_azure_ml_makes_itself_has_no_marks() {
        assert!(marks("AmlCompute", Some(VM), &json!({})).is_empty());
        assert!(!same_resource(&[], &[]));
    }
}
