//! Statuses with every field of their kind, and what the API server makes of them.
//!
//! Must not say what a status means: only that each field of the types is in the schema.

use super::{cases, dynamic, objects, plane};
use kube::ResourceExt;
use kube::api::{Patch, PatchParams, PostParams};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

fn reported() -> Value {
    let condition = |kind: &str, status: &str| {
        json!({"type": kind, "status": status, "reason": "Succeeded", "message": "as declared",
            "lastTransitionTime": "2026-01-01T00:00:00Z", "observedGeneration": 1})
    };
    json!({
        "observedGeneration": 1,
        "conditions": [condition("Ready", "True"), condition("Drifted", "False")],
        "azure": {"resourceId": "/subscriptions/s/computes/cpu-cluster", "location": "eastus",
            "provisioningState": "Succeeded", "createdAt": "2026-01-01T00:00:00.123Z", "managedIdentity": true, "sentFingerprint": "0123456789abcdef",
            "firstReadyAt": "2026-01-01T00:00:00Z", "owned": true, "appliedGeneration": 1, "managedTags": ["a", "b"]},
        "provisioningErrors": [{"code": "Quota", "message": "too little", "target": "vmSize"}, {"code": "Quota", "message": "too little"}],
        "operation": {"name": "Scale", "startedAt": "2026-01-01T00:00:00Z"},
        "identity": {"principalId": "p", "tenantId": "t", "clientIds": {"/subscriptions/s/a": "c"}},
        "plan": [{"field": "spec.vmSize", "from": "A", "to": "B", "how": "Refused"}],
        "advice": [{"reason": "MinimumNodesBillAlways", "message": "one node is always billed"}],
    })
}

/// What all computes report, and what this kind does beside it.
fn with_own(own: &Value) -> Value {
    let mut status = reported();
    status.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
    status
}

/// A cluster's status with every field.
pub(crate) fn cluster() -> Value {
    with_own(&json!({
        "allocationState": "Steady",
        "nodes": {"current": 3, "target": 4, "idle": 1, "running": 2, "preparing": 0, "unusable": 0, "leaving": 0,
            "preempted": 0},
    }))
}

/// An instance's status with every field.
pub(crate) fn instance() -> Value {
    let user = json!({"objectId": "o", "tenantId": "t", "name": "Some Body"});
    with_own(&json!({
        "powerState": "Running",
        "lastOperation": {"name": "Start", "status": "Succeeded", "trigger": "Schedule", "time": "2026-01-01T00:00:00Z"},
        "restartServed": "2026-01-01T00:00:00Z",
        "appliedPowerState": "Running",
        "managedLists": ["schedules", "customServices"],
        "endpoints": [{"name": "Jupyter", "url": "https://a/tree"}, {"name": "Terminal", "url": "https://a/terminals"}],
        "ssh": {"host": "10.0.0.1", "port": 50000, "user": "azureuser", "command": "ssh -p 50000 azureuser@10.0.0.1"},
        "publicIp": "10.0.0.1",
        "privateIp": "10.0.0.2",
        "osImage": {"current": "24.01.03", "latest": "24.02.01", "isLatest": false},
        "openableBy": "Some Body",
        "createdBy": user,
        "assignedUser": user,
        "errors": [{"code": "DiskFull", "message": "no space", "target": "disk"}],
    }))
}

/// An attachment's status with every field of every type.
pub(crate) fn attached() -> Value {
    let host = json!({"address": "vm.example.com", "sshPort": 22, "vmSize": "STANDARD_D2_V2"});
    with_own(&json!({
        "attachedResource": "/subscriptions/s/a",
        "kubernetes": {"namespace": "ml", "defaultInstanceType": "cpu", "instanceTypes": ["cpu", "gpu"],
            "extensionPrincipalId": "p", "extensionReleaseTrain": "stable"},
        "aks": {"fqdn": "aks.example.com", "purpose": "FastProd", "nodeCount": 3, "vmSize": "STANDARD_D3_V2",
            "systemServices": [{"type": "ScoringFrontEnd", "publicIp": "10.0.0.1", "version": "1"}]},
        "virtualMachine": host,
        "hdInsight": host,
        "databricks": {"workspaceUrl": "https://adb-1.2.azuredatabricks.net"},
        "dataLakeAnalytics": {"defaultStore": "adls"},
        "synapseSpark": {"workspaceName": "syn", "poolName": "pool", "sparkVersion": "3.4", "nodeCount": 3,
            "nodeSize": "Medium", "nodeSizeFamily": "MemoryOptimized",
            "autoScale": {"enabled": true, "minNodes": 3, "maxNodes": 10},
            "autoPause": {"enabled": true, "delayInMinutes": 15}},
    }))
}

/// Fields of the schema that the value does not have, by path.
fn absent(schema: &Value, value: &Value, path: &str, found: &mut Vec<String>) {
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        let inner = &value[name];
        let items = inner.as_array().cloned().unwrap_or_default();
        if inner.is_null() {
            found.push(path);
        } else if field["items"].is_object() {
            // A field counts as there if one of the items has it.
            let all: Vec<Vec<String>> = items.iter().map(|item| within(&field["items"], item, &path)).collect();
            let missed = all.first().into_iter().flatten().filter(|path| all.iter().all(|item| item.contains(path)));
            found.extend(missed.cloned());
        } else {
            found.extend(within(field, inner, &path));
        }
    }
}

fn within(schema: &Value, value: &Value, path: &str) -> Vec<String> {
    let mut found = Vec::new();
    absent(schema, value, path, &mut found);
    found
}

/// The status as its type reads and writes it.
fn typed<T: Serialize + DeserializeOwned>(status: Value) -> Value {
    serde_json::to_value(serde_json::from_value::<T>(status).unwrap()).unwrap()
}

#[tokio::test]
async fn status_of_every_field_is_stored_as_reported() {
    let plane = plane().await;
    let client = plane.admin().await.unwrap();
    let namespace = plane.namespace("status").await.unwrap();
    let kinds = [
        (cases::cluster(), cluster(), typed::<api::ComputeClusterStatus>(cluster())),
        (cases::instance(), instance(), typed::<api::ComputeInstanceStatus>(instance())),
        (cases::attached("Batch"), attached(), typed::<api::AttachedComputeStatus>(attached())),
    ];
    for (object, status, typed) in kinds {
        let kind = object["kind"].as_str().unwrap();
        let crd = api::all_crds().into_iter().find(|crd| crd.spec.names.kind == kind).unwrap();
        let crd = serde_json::to_value(crd).unwrap();
        let schema = crd.pointer("/spec/versions/0/schema/openAPIV3Schema/properties/status").unwrap();
        assert_eq!(within(schema, &status, "status"), Vec::<String>::new(), "{kind}: the sample has every field");
        let api = objects(&client, &namespace, api::GROUP, kind);
        let name = api.create(&PostParams::default(), &dynamic(&object)).await.unwrap().name_any();
        let patch = json!({"apiVersion": object["apiVersion"], "kind": kind, "status": status});
        let params = PatchParams::apply("test").force();
        let stored = api.patch_status(&name, &params, &Patch::Apply(patch)).await.unwrap();
        assert_eq!(stored.data["status"], status, "every field of {kind} is in the schema");
        assert_eq!(typed, status, "every field of {kind} is in the type");
    }
}
