//! What a workstation (ComputeInstance) has of its own: the inner `properties` of a compute.
//!
//! Must not repeat the envelope, default what Azure left out, or hold a script, which may have secrets in it.

use crate::compute::{Compute, int, text};
use crate::{ArmError, ComputeType, InstanceOperation, InstanceState, OperationTrigger};
use serde_json::Value;

impl Compute {
    /// The instance's own part; `None` if the compute is of another type.
    pub fn compute_instance(&self) -> Option<ComputeInstance> {
        (self.compute_type == ComputeType::ComputeInstance).then(|| ComputeInstance::from_body(&self.body))
    }
}

/// `properties.properties` of an instance (azureml-api.md b.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComputeInstance {
    /// What it is doing; null in the answer of a PUT and for moments after.
    pub state: Option<InstanceState>,
    /// The operation that ran last, or runs.
    pub last_operation: Option<LastOperation>,
    /// Applications as Azure lists them: a name for people and a URL.
    pub applications: Vec<Application>,
    /// Its address from outside, where it has one.
    pub public_ip: Option<String>,
    /// Its address inside the network.
    pub private_ip: Option<String>,
    /// Whether its SSH port is open.
    pub ssh_is_open: bool,
    /// The administrator's name, which Azure chooses.
    pub ssh_user: Option<String>,
    /// The SSH port, which Azure chooses.
    pub ssh_port: Option<i64>,
    /// Who made it.
    pub created_by: Option<Person>,
    /// For whom it was made, if for somebody else.
    pub assigned_user: Option<Person>,
    /// Its operating system's image.
    pub os_image: Option<OsImage>,
    /// Errors that may stand beside Succeeded.
    pub errors: Vec<ArmError>,
}

/// `lastOperation` of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastOperation {
    /// Which.
    pub name: InstanceOperation,
    /// `InProgress`, `Succeeded`, or the operation's own failure, such as `StartFailed`.
    pub status: String,
    /// By whom: a person or program, a schedule, or because nobody used it.
    pub trigger: Option<OperationTrigger>,
    /// When it began, as Azure writes it (RFC 3339).
    pub time: Option<String>,
}

/// One application of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    /// `displayName`, such as `Jupyter Lab`.
    pub name: String,
    /// `endpointUri`.
    pub url: String,
}

/// Somebody, by the ids of Microsoft Entra.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Object id.
    pub object_id: String,
    /// Tenant id.
    pub tenant_id: Option<String>,
    /// Name for people, where Azure tells it.
    pub name: Option<String>,
}

/// `osImageMetadata` of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OsImage {
    /// Version it runs.
    pub current: Option<String>,
    /// Newest version.
    pub latest: Option<String>,
    /// Whether the two are the same.
    pub is_latest: Option<bool>,
}

fn person(value: &Value, pointer: &str, id: &str, tenant: &str) -> Option<Person> {
    let value = value.pointer(pointer)?;
    Some(Person {
        object_id: text(value, id).filter(|id| !id.is_empty())?,
        tenant_id: text(value, tenant),
        name: text(value, "/userName"),
    })
}

impl ComputeInstance {
    fn from_body(body: &Value) -> Self {
        let null = Value::Null;
        let own = body.pointer("/properties/properties").unwrap_or(&null);
        let applications = own.get("applications").and_then(Value::as_array).into_iter().flatten();
        let last = own.get("lastOperation").filter(|last| last.is_object());
        let image = own.get("osImageMetadata").filter(|image| image.is_object());
        let ssh = text(own, "/sshSettings/sshPublicAccess");
        Self {
            state: text(own, "/state").map(|state| InstanceState::parse(&state)),
            last_operation: last.and_then(|last| {
                Some(LastOperation {
                    name: InstanceOperation::parse(&text(last, "/operationName")?),
                    status: text(last, "/operationStatus").unwrap_or_default(),
                    trigger: text(last, "/operationTrigger").map(|trigger| OperationTrigger::parse(&trigger)),
                    time: text(last, "/operationTime"),
                })
            }),
            applications: applications
                .filter_map(|app| {
                    Some(Application { name: text(app, "/displayName")?, url: text(app, "/endpointUri")? })
                })
                .collect(),
            public_ip: text(own, "/connectivityEndpoints/publicIpAddress").filter(|ip| !ip.is_empty()),
            private_ip: text(own, "/connectivityEndpoints/privateIpAddress").filter(|ip| !ip.is_empty()),
            ssh_is_open: ssh.is_some_and(|access| access.eq_ignore_ascii_case("Enabled")),
            ssh_user: text(own, "/sshSettings/adminUserName"),
            ssh_port: int(own, "/sshSettings/sshPort"),
            created_by: person(own, "/createdBy", "/userId", "/userOrgId"),
            assigned_user: person(own, "/personalComputeInstanceSettings/assignedUser", "/objectId", "/tenantId"),
            os_image: image.map(|image| OsImage {
                current: text(image, "/currentImageVersion"),
                latest: text(image, "/latestImageVersion"),
                is_latest: image.get("isLatestOsImageVersion").and_then(Value::as_bool),
            }),
            errors: ArmError::list(own.get("errors")),
        }
    }

    /// Whether it is on the way from one state to another. A state nobody knows counts as moving: waiting harms
    /// nothing.
    pub fn is_moving(&self) -> bool {
        self.state.as_ref().is_some_and(InstanceState::is_moving)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The GET answer recorded on 2022-09-07 by azure-sdk-for-python after a start (azureml-api.md c.2), shortened.
    fn recorded() -> Value {
        json!({"name":"test3","properties":{"computeType":"ComputeInstance","provisioningState":"Succeeded","properties":{
            "vmSize":"STANDARD_DS2_V2","sshSettings":{"sshPublicAccess":"Disabled","adminUserName":"azureuser","sshPort":4000,"adminPublicKey":null},
            "errors":[],"connectivityEndpoints":{"publicIpAddress":"20.47.224.123","privateIpAddress":"10.0.0.4"},
            "applications":[{"displayName":"ssh","endpointUri":"https://test3.eastus2euap.instances.azureml.ms/tree/"},{"displayName":"Jupyter Lab","endpointUri":"https://test3.eastus2euap.instances.azureml.ms/lab"}],
            "state":"Running","lastOperation":{"operationName":"Start","operationTime":"2022-09-07T21:58:06.275+00:00","operationStatus":"Succeeded","operationTrigger":"User"},
            "createdBy":{"userOrgId":"72f988bf-86f1-41af-91ab-2d7cd011db47","userId":"a5c00c33-4ba0-41e0-a6fa-417c06836048"},
            "personalComputeInstanceSettings":null,
            "osImageMetadata":{"currentImageVersion":"22.08.19","latestImageVersion":"22.08.19","isLatestOsImageVersion":true}}}})
    }

    #[test]
    fn recorded_instance_is_read() {
        let compute = Compute::from_value(recorded()).unwrap();
        let instance = compute.compute_instance().unwrap();
        assert_eq!(instance.state, Some(InstanceState::Running));
        let last = instance.last_operation.clone().unwrap();
        assert_eq!((last.name, last.trigger), (InstanceOperation::Start, Some(OperationTrigger::User)));
        assert_eq!(instance.applications[1].name, "Jupyter Lab");
        assert_eq!(instance.created_by.unwrap().object_id, "a5c00c33-4ba0-41e0-a6fa-417c06836048");
        assert_eq!((instance.assigned_user, instance.ssh_port, instance.ssh_is_open), (None, Some(4000), false));
        assert!(!compute.is_moving());
        assert_eq!(compute.aml_compute(), None);
    }

    #[test]
    fn instance_that_starts_moves_though_it_is_provisioned() {
        for (state, moves) in [("Starting", true), ("Stopped", false), ("JobRunning", false), ("Pondering", true)] {
            let mut body = recorded();
            body["properties"]["properties"]["state"] = json!(state);
            assert_eq!(Compute::from_value(body).unwrap().is_moving(), moves, "{state}");
        }
    }

    #[test]
    fn answer_of_a_put_full_of_nulls_is_read() {
        let mut body = recorded();
        for key in ["state", "lastOperation", "sshSettings", "connectivityEndpoints", "applications", "errors"] {
            body["properties"]["properties"][key] = Value::Null;
        }
        let instance = Compute::from_value(body).unwrap().compute_instance().unwrap();
        assert_eq!((instance.state, instance.last_operation, instance.public_ip), (None, None, None));
    }
}
