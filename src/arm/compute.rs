//! A compute as GET and LIST answer it: the envelope that every type has.
//!
//! Must not know what one type has of its own: that is a file per type beside this one. Must not be built from PUT and
//! PATCH answers, which differ from the truth (azureml-api.md d.2). The whole body is kept, because an update is a GET,
//! a change and a PUT that must not lose what others set.

use crate::{ArmError, ComputeType, IdentityType, ProvisioningState};
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

/// The text at a place.
pub(crate) fn text(value: &Value, pointer: &str) -> Option<String> {
    value.pointer(pointer).and_then(Value::as_str).map(str::to_owned)
}

/// The whole number at a place.
pub(crate) fn int(value: &Value, pointer: &str) -> Option<i64> {
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

    /// Whether something is under way, of whatever type the compute is: its provisioning, a resize, a start.
    pub fn is_moving(&self) -> bool {
        !self.provisioning_state.is_terminal()
            || self.aml_compute().is_some_and(|cluster| cluster.is_resizing())
            || self.compute_instance().is_some_and(|instance| instance.is_moving())
    }

    /// Where the machines are: `computeLocation`, else `location`.
    pub fn region(&self) -> Option<&str> {
        self.compute_location.as_deref().or(self.location.as_deref())
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
