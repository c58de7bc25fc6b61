//! A compute as GET and LIST answer it: the common envelope and the part of a cluster (AmlCompute).
//!
//! Must not be built from PUT and PATCH answers, which differ from the truth (azureml-api.md d.2). The whole body is
//! kept, because an update is a GET, a change and a PUT that must not lose what others set.

use crate::{AllocationState, ArmError, ComputeType, IdentityType, OsType, ProvisioningState, RemoteLogin, VmPriority};
use serde_json::Value;
use std::collections::BTreeMap;

/// An answer that is no compute.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the answer is no compute: {0}")]
pub struct NotACompute(&'static str);

/// One compute of a workspace.
#[derive(Clone, Debug, PartialEq)]
pub struct Compute {
    /// ARM id as Azure writes it.
    pub id: String,
    /// Its name.
    pub name: String,
    /// `location`: the workspace's region, or the cluster's on older computes (azureml-api.md f.6).
    pub location: Option<String>,
    /// `properties.computeLocation`: where the machines are.
    pub compute_location: Option<String>,
    /// Tags; null reads as none.
    pub tags: BTreeMap<String, String>,
    /// Its managed identity.
    pub identity: Option<Identity>,
    /// What kind of compute it is.
    pub compute_type: ComputeType,
    /// Where its provisioning stands.
    pub provisioning_state: ProvisioningState,
    /// Why its provisioning failed.
    pub provisioning_errors: Vec<ArmError>,
    /// `createdOn` as written: the mark of one incarnation.
    pub created_on: Option<String>,
    /// Its description.
    pub description: Option<String>,
    /// The body as Azure gave it.
    pub body: Value,
}

/// A managed identity as Azure answers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Which kinds it has.
    pub kind: IdentityType,
    /// Object id of the system-assigned identity.
    pub principal_id: Option<String>,
    /// Its tenant.
    pub tenant_id: Option<String>,
    /// User-assigned ones, ids as Azure writes them.
    pub user_assigned: Vec<UserAssignedIdentity>,
}

/// One user-assigned identity on a compute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserAssignedIdentity {
    /// ARM id.
    pub id: String,
    /// Object id.
    pub principal_id: Option<String>,
    /// Application (client) id.
    pub client_id: Option<String>,
}

fn text(value: &Value, pointer: &str) -> Option<String> {
    value.pointer(pointer).and_then(Value::as_str).map(str::to_owned)
}

fn int(value: &Value, pointer: &str) -> Option<i64> {
    value.pointer(pointer).and_then(Value::as_i64)
}

impl Compute {
    /// Reads a compute from a GET answer or one item of a LIST.
    ///
    /// # Errors
    /// When it is no object with a name and properties. Everything else may be missing or unknown.
    pub fn from_value(body: Value) -> Result<Self, NotACompute> {
        let name = text(&body, "/name").ok_or(NotACompute("it has no name"))?;
        if !body.get("properties").is_some_and(Value::is_object) {
            return Err(NotACompute("it has no properties"));
        }
        let tags = body.get("tags").and_then(Value::as_object).into_iter().flatten();
        Ok(Self {
            id: text(&body, "/id").unwrap_or_default(),
            name,
            location: text(&body, "/location"),
            compute_location: text(&body, "/properties/computeLocation"),
            tags: tags.filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned()))).collect(),
            identity: body.get("identity").and_then(Identity::from_value),
            compute_type: ComputeType::parse(&text(&body, "/properties/computeType").unwrap_or_default()),
            provisioning_state: ProvisioningState::parse(
                &text(&body, "/properties/provisioningState").unwrap_or_default(),
            ),
            provisioning_errors: ArmError::list(body.pointer("/properties/provisioningErrors")),
            created_on: text(&body, "/properties/createdOn"),
            description: text(&body, "/properties/description"),
            body,
        })
    }

    /// Where the machines are: `computeLocation`, else `location`.
    pub fn region(&self) -> Option<&str> {
        self.compute_location.as_deref().or(self.location.as_deref())
    }

    /// The cluster's own part; `None` if the compute is of another type.
    pub fn aml_compute(&self) -> Option<AmlCompute> {
        (self.compute_type == ComputeType::AmlCompute).then(|| AmlCompute::from_body(&self.body))
    }
}

impl Identity {
    fn from_value(value: &Value) -> Option<Self> {
        let kind = IdentityType::parse(value.get("type")?.as_str()?);
        let users = value.get("userAssignedIdentities").and_then(Value::as_object).into_iter().flatten();
        Some(Self {
            kind,
            principal_id: text(value, "/principalId"),
            tenant_id: text(value, "/tenantId"),
            user_assigned: users
                .filter(|(_, detail)| !detail.is_null())
                .map(|(id, detail)| UserAssignedIdentity {
                    id: id.clone(),
                    principal_id: text(detail, "/principalId"),
                    client_id: text(detail, "/clientId"),
                })
                .collect(),
        })
    }
}

/// `properties.properties` of a cluster (azureml-api.md b.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AmlCompute {
    /// Size of the nodes; Azure answers it in upper case.
    pub vm_size: Option<String>,
    /// Dedicated or low priority.
    pub vm_priority: Option<VmPriority>,
    /// Operating system of the nodes.
    pub os_type: Option<OsType>,
    /// How it scales.
    pub scale: ScaleSettings,
    /// Whether nodes are being added or removed.
    pub allocation_state: Option<AllocationState>,
    /// Nodes now.
    pub current_nodes: Option<i64>,
    /// Nodes it is moving to.
    pub target_nodes: Option<i64>,
    /// Nodes by state; `None` until Azure has counted.
    pub node_counts: Option<NodeStateCounts>,
    /// Errors of nodes and scaling, which may stand beside Succeeded.
    pub errors: Vec<ArmError>,
    /// Whether SSH ports are open from outside.
    pub remote_login: Option<RemoteLogin>,
    /// Administrator's name, where SSH was set up.
    pub admin_user_name: Option<String>,
    /// Administrator's public key, echoed by Azure.
    pub admin_public_key: Option<String>,
    /// Subnet of the nodes.
    pub subnet_id: Option<String>,
    /// Whether nodes have public IPs; absent on old computes, which means true.
    pub node_public_ip: Option<bool>,
    /// Whether the network is isolated.
    pub isolated_network: Option<bool>,
}

/// `scaleSettings` of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScaleSettings {
    /// `maxNodeCount`.
    pub max_nodes: Option<i64>,
    /// `minNodeCount`.
    pub min_nodes: Option<i64>,
    /// `nodeIdleTimeBeforeScaleDown` as Azure writes it.
    pub idle_time: Option<String>,
}

/// `nodeStateCounts` of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeStateCounts {
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
    /// Low-priority nodes taken back by Azure.
    pub preempted: i64,
}

impl AmlCompute {
    fn from_body(body: &Value) -> Self {
        let null = Value::Null;
        let own = body.pointer("/properties/properties").unwrap_or(&null);
        let flag = |pointer: &str| own.pointer(pointer).and_then(Value::as_bool);
        let counts = own.get("nodeStateCounts").filter(|c| c.is_object()).map(|c| {
            let count = |state: &str| int(c, &format!("/{state}NodeCount")).unwrap_or_default();
            NodeStateCounts {
                idle: count("idle"),
                running: count("running"),
                preparing: count("preparing"),
                unusable: count("unusable"),
                leaving: count("leaving"),
                preempted: count("preempted"),
            }
        });
        Self {
            vm_size: text(own, "/vmSize"),
            vm_priority: text(own, "/vmPriority").map(|t| VmPriority::parse(&t)),
            os_type: text(own, "/osType").map(|t| OsType::parse(&t)),
            scale: ScaleSettings {
                max_nodes: int(own, "/scaleSettings/maxNodeCount"),
                min_nodes: int(own, "/scaleSettings/minNodeCount"),
                idle_time: text(own, "/scaleSettings/nodeIdleTimeBeforeScaleDown"),
            },
            allocation_state: text(own, "/allocationState").map(|t| AllocationState::parse(&t)),
            current_nodes: int(own, "/currentNodeCount"),
            target_nodes: int(own, "/targetNodeCount"),
            node_counts: counts,
            errors: ArmError::list(own.get("errors")),
            remote_login: text(own, "/remoteLoginPortPublicAccess").map(|t| RemoteLogin::parse(&t)),
            admin_user_name: text(own, "/userAccountCredentials/adminUserName"),
            admin_public_key: text(own, "/userAccountCredentials/adminUserSshPublicKey"),
            subnet_id: text(own, "/subnet/id"),
            node_public_ip: flag("/enableNodePublicIp"),
            isolated_network: flag("/isolatedNetwork"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The GET answer recorded on 2025-11-04 by azure-powershell (azureml-api.md d.2), shortened.
    fn recorded() -> Value {
        json!({"id":"/subscriptions/s/x","name":"aml03","location":"eastus","tags":{},"properties":{
            "createdOn":"2025-11-04T09:40:51.9013157+00:00","computeType":"AmlCompute","computeLocation":"eastus",
            "provisioningState":"Succeeded","provisioningErrors":null,"provisioningWarnings":{},
            "properties":{"vmSize":"STANDARD_DS3_V2","vmPriority":"Dedicated",
                "scaleSettings":{"maxNodeCount":8,"minNodeCount":0,"nodeIdleTimeBeforeScaleDown":"PT2M"},
                "subnet":null,"currentNodeCount":0,"targetNodeCount":0,"allocationState":"Steady",
                "nodeStateCounts":{"idleNodeCount":1},"errors":null,"remoteLoginPortPublicAccess":"Enabled",
                "osType":"Linux","enableNodePublicIp":true,"propertyBag":{}}}})
    }

    #[test]
    fn recorded_cluster_is_read() {
        let compute = Compute::from_value(recorded()).unwrap();
        let cluster = compute.aml_compute().unwrap();
        assert_eq!(compute.region(), Some("eastus"));
        assert_eq!(cluster.scale.max_nodes, Some(8));
        assert_eq!(cluster.node_counts.unwrap().idle, 1);
        assert_eq!(compute.provisioning_errors, []);
    }

    #[test]
    fn failed_cluster_with_nulls_is_read() {
        let mut body = recorded();
        body["tags"] = Value::Null;
        body["properties"]["provisioningState"] = json!("Failed");
        body["properties"]["provisioningErrors"] =
            json!([{"error":{"code":"ClusterMinNodesExceedCoreQuota","message":"m"}}]);
        body["properties"]["properties"]["nodeStateCounts"] = Value::Null;
        let compute = Compute::from_value(body).unwrap();
        assert_eq!(compute.provisioning_errors[0].code, "ClusterMinNodesExceedCoreQuota");
        assert_eq!(compute.aml_compute().unwrap().node_counts, None);
    }

    #[test]
    fn answer_without_properties_is_refused() {
        assert!(Compute::from_value(json!({"name":"x","properties":null})).is_err());
        assert!(Compute::from_value(json!("text")).is_err());
    }
}
