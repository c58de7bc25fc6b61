//! Attachments under test, and what Azure answers for them.
//!
//! Must not judge anything.

use crate::support::{CREATED_ON, Given, OWNER_OBJECT, OWNER_UID, UID, WORKSPACE, of, overlay};
use api::{AttachedCompute, SecretKeyRef};
use plan::{Secret, SecretState};
use serde_json::{Value, json};

pub(crate) const VM: &str = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/ml/providers/Microsoft.Compute/virtualMachines/dsvm";
pub(crate) const AKS: &str = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/ml/providers/Microsoft.ContainerService/managedClusters/aks";

/// An object of this name, UID and creation time.
pub(crate) fn object(name: &str, uid: &str, created: &str, spec: &Value) -> AttachedCompute {
    let mut object = json!({
        "apiVersion": "compute.azureml.dev/v1alpha1", "kind": "AttachedCompute",
        "metadata": {"name": name, "namespace": "team-a", "uid": uid, "generation": 1, "creationTimestamp": created},
        "spec": {"workspaceRef": {"name": "research"}},
    });
    overlay(&mut object["spec"], spec);
    serde_json::from_value(object).unwrap()
}

/// A case of the one object that most tests have.
pub(crate) fn attachment(spec: &Value) -> Given<AttachedCompute> {
    of(object("dsvm", UID, "2026-01-01T00:00:00Z", spec)).with(|given| given.refs.around.fresh = true)
}

/// A machine with a key in a Secret.
pub(crate) fn machine(over: &Value) -> Value {
    let key = json!({"secretRef": {"name": "vm", "key": "id"}});
    let mut spec = json!({"type": "VirtualMachine", "virtualMachine":
        {"resourceId": VM, "credentials": {"username": "azureuser", "privateKey": key}}});
    overlay(&mut spec, over);
    spec
}

/// A case of the machine, its key there.
pub(crate) fn machine_case(over: &Value) -> Given<AttachedCompute> {
    attachment(&machine(over)).with(|given| secret(given, "vm", "id", "FAKE KEY"))
}

/// Puts a value into a case.
pub(crate) fn secret(given: &mut Given<AttachedCompute>, name: &str, key: &str, value: &str) {
    let wanted = SecretKeyRef { name: name.into(), key: key.into() };
    given.refs.secrets.insert(wanted, SecretState::Value(Secret::new(value)));
}

/// What Azure answers for an attachment of ours, with tags.
pub(crate) fn answer(name: &str, kind: &str, resource: Option<&str>, own: &Value) -> Value {
    json!({
        "id": format!("{WORKSPACE}/computes/{name}"), "name": name, "location": "westeurope",
        "tags": {OWNER_UID: UID, OWNER_OBJECT: format!("team-a/{name}")},
        "properties": {"computeType": kind, "resourceId": resource, "provisioningState": "Succeeded",
            "createdOn": CREATED_ON, "isAttachedCompute": true, "provisioningErrors": null, "properties": own},
    })
}

/// What Azure answers for the machine: credentials are null, and so are tags (recorded of the service).
pub(crate) fn machine_answer(over: &Value) -> Value {
    let own = json!({"virtualMachineSize": "Standard_D2_v3", "sshPort": 22, "address": "20.0.0.1",
        "administratorAccount": null});
    let mut body = answer("dsvm", "VirtualMachine", Some(VM), &own);
    body["tags"] = Value::Null;
    overlay(&mut body, over);
    body
}
