//! Long operations and nodes: the two small answers beside the compute itself.
//!
//! Must not follow a URL; where an operation is looked at is the client's.

use crate::{ArmError, NodeState, OperationStatus};
use serde_json::Value;

/// What an operation-status URL answers (azureml-api.md a.4): no name, no times, no resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Its status; anything but Succeeded, Failed and Canceled means it still runs.
    pub status: OperationStatus,
    /// Why it failed, where it says so.
    pub error: Option<ArmError>,
}

impl Operation {
    /// Reads the answer; `None` if it has no `status`.
    pub fn from_value(value: &Value) -> Option<Self> {
        let status = OperationStatus::parse(value.get("status")?.as_str()?);
        Some(Self { status, error: value.get("error").and_then(ArmError::from_value) })
    }
}

/// One node of a cluster, from `listNodes`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// The node's id, such as `tvmps_…_d`.
    pub id: String,
    /// What it is doing.
    pub state: NodeState,
    /// The run it serves; absent when idle.
    pub run_id: Option<String>,
    /// Its address inside the network.
    pub private_ip: Option<String>,
    /// Its address from outside; absent without node public IPs.
    pub public_ip: Option<String>,
    /// The SSH port behind the public address.
    pub port: Option<i64>,
}

impl Node {
    /// Reads one item of `nodes`; `None` without an id.
    pub fn from_value(value: &Value) -> Option<Self> {
        let text = |key: &str| value.get(key).and_then(Value::as_str).filter(|t| !t.is_empty()).map(str::to_owned);
        let port = value.get("port").and_then(|p| p.as_i64().or_else(|| p.as_f64().map(|f| f as i64)));
        Some(Self {
            id: text("nodeId")?,
            state: NodeState::parse(&text("nodeState").unwrap_or_default()),
            run_id: text("runId"),
            private_ip: text("privateIpAddress"),
            public_ip: text("publicIpAddress"),
            port,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn operation_without_status_is_none_and_unknown_status_still_runs() {
        assert_eq!(Operation::from_value(&json!({})), None);
        let odd = Operation::from_value(&json!({"status":"Pondering"})).unwrap();
        assert_eq!(odd.status, OperationStatus::Unknown("Pondering".into()));
    }

    #[test]
    fn failed_operation_carries_its_error() {
        let failed = Operation::from_value(&json!({"status":"failed","error":{"code":"Q","message":"m"}})).unwrap();
        assert_eq!(failed.status, OperationStatus::Failed);
        assert_eq!(failed.error.unwrap().code, "Q");
    }
}
