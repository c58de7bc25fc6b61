//! What a cluster (AmlCompute) has of its own: the inner `properties` of a compute.
//!
//! Must not repeat the envelope, and must not default what Azure left out.

use crate::compute::{Compute, int, text};
use crate::{AllocationState, ArmError, ComputeType, OsType, RemoteLogin, VmPriority};
use serde_json::Value;

impl Compute {
    /// The cluster's own part; `None` if the compute is of another type.
    pub fn aml_compute(&self) -> Option<AmlCompute> {
        (self.compute_type == ComputeType::AmlCompute).then(|| AmlCompute::from_body(&self.body))
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
    /// Whether nodes are being added or removed right now.
    pub fn is_resizing(&self) -> bool {
        self.allocation_state == Some(AllocationState::Resizing)
    }

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
