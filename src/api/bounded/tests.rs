//! Shows that a status of any size fits its schema once it is bounded.
//!
//! Must not repeat the limits: they are read from the definitions.

use crate::{
    Advice, AzureIdentityStatus, AzureResource, ClusterNodes, ComputeClusterStatus, ComputeInstanceStatus,
    ComputeStatus, Condition, ConditionStatus, ConditionType, Endpoint, How, IdentityReport, InstanceOperation,
    InstanceSshReport, OperationReport, OsImage, PlannedChange, ProvisioningError, ReportedUser, WorkspaceStatus,
    all_crds,
};
use crate::{
    AksReport, AksSystemService, AttachedComputeStatus, AutoPauseReport, AutoScaleReport, DataLakeAnalyticsReport,
    DatabricksReport, HostReport, KubernetesReport, SynapseSparkReport,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::{Value, json};

fn long() -> String {
    "ß".repeat(4_000)
}

fn condition(kind: ConditionType) -> Condition {
    Condition {
        kind,
        status: ConditionStatus::True,
        last_transition_time: Time(jiff::Timestamp::UNIX_EPOCH),
        observed_generation: Some(i64::MAX),
        reason: long(),
        message: long(),
    }
}

fn huge() -> ComputeClusterStatus {
    let many = 0..1_000;
    let error = ProvisioningError { code: long(), message: long(), target: Some(long()) };
    let change = PlannedChange { field: long(), from: long(), to: long(), how: How::InPlace };
    let hint = |n: usize| Advice { reason: format!("Hint{}", n % 500), message: long() };
    ComputeClusterStatus {
        common: ComputeStatus {
            observed_generation: i64::MIN,
            conditions: vec![condition(ConditionType::Ready), condition(ConditionType::Ready)],
            azure: Some(AzureResource {
                resource_id: long(),
                location: Some(long()),
                provisioning_state: Some(long()),
                created_at: Some(long()),
                first_ready_at: None,
                owned: true,
                applied_generation: Some(-7),
                sent_fingerprint: Some(long()),
                managed_tags: many.clone().map(|n| format!("tag-{}", n % 500)).chain([long()]).collect(),
                managed_identity: true,
            }),
            provisioning_errors: vec![error; 100],
            operation: Some(OperationReport { name: long(), started_at: Time(jiff::Timestamp::UNIX_EPOCH) }),
            identity: Some(IdentityReport {
                principal_id: Some(long()),
                tenant_id: Some(long()),
                client_ids: many.clone().map(|n| (n.to_string(), long())).collect(),
            }),
            plan: vec![change; 100],
            advice: many.map(hint).collect(),
        },
        allocation_state: Some(long()),
        nodes: Some(ClusterNodes { current: i64::MAX, target: -1, ..ClusterNodes::default() }),
    }
}

fn huge_instance() -> ComputeInstanceStatus {
    let user = || Some(ReportedUser { object_id: Some(long()), tenant_id: Some(long()), name: Some(long()) });
    let endpoint = |n: usize| Endpoint { name: format!("{}{}", n % 500, long()), url: long() };
    ComputeInstanceStatus {
        common: huge().common,
        power_state: Some(long()),
        last_operation: Some(InstanceOperation {
            name: Some(long()),
            status: Some(long()),
            trigger: Some(long()),
            time: Some(long()),
        }),
        restart_served: Some(long()),
        applied_power_state: Some(crate::PowerState::Running),
        managed_lists: vec![long(); 9],
        endpoints: (0..1_000).map(endpoint).collect(),
        ssh: Some(InstanceSshReport { host: long(), port: i32::MAX, user: long(), command: long() }),
        public_ip: Some(long()),
        private_ip: Some(long()),
        os_image: Some(OsImage { current: Some(long()), latest: Some(long()), is_latest: Some(false) }),
        openable_by: Some(long()),
        created_by: user(),
        assigned_user: user(),
        errors: vec![ProvisioningError { code: long(), message: long(), target: Some(long()) }; 100],
    }
}

fn huge_attachment() -> AttachedComputeStatus {
    let count = Some(i64::MAX);
    let host = || Some(HostReport { address: Some(long()), ssh_port: count, vm_size: Some(long()) });
    let service = AksSystemService { kind: long(), public_ip: Some(long()), version: Some(long()) };
    AttachedComputeStatus {
        common: huge().common,
        attached_resource: Some(long()),
        kubernetes: Some(KubernetesReport {
            namespace: Some(long()),
            default_instance_type: Some(long()),
            instance_types: (0..1_000).map(|n| format!("{}{}", n % 500, long())).collect(),
            extension_principal_id: Some(long()),
            extension_release_train: Some(long()),
        }),
        aks: Some(AksReport {
            fqdn: Some(long()),
            purpose: Some(long()),
            node_count: Some(-1),
            vm_size: Some(long()),
            system_services: vec![service; 100],
        }),
        virtual_machine: host(),
        hd_insight: host(),
        databricks: Some(DatabricksReport { workspace_url: Some(long()) }),
        data_lake_analytics: Some(DataLakeAnalyticsReport { default_store: Some(long()) }),
        synapse_spark: Some(SynapseSparkReport {
            workspace_name: Some(long()),
            pool_name: Some(long()),
            spark_version: Some(long()),
            node_count: count,
            node_size: Some(long()),
            node_size_family: Some(long()),
            auto_scale: Some(AutoScaleReport { enabled: true, min_nodes: count, max_nodes: count }),
            auto_pause: Some(AutoPauseReport { enabled: true, delay_in_minutes: Some(-1) }),
        }),
    }
}

fn status_schema(kind: &str) -> Value {
    let crd = all_crds().into_iter().find(|crd| crd.spec.names.kind == kind).unwrap();
    let crd = serde_json::to_value(crd).unwrap();
    crd.pointer("/spec/versions/0/schema/openAPIV3Schema/properties/status").unwrap().clone()
}

/// What of the value the schema refuses, by path.
fn refused(schema: &Value, value: &Value, path: &str, found: &mut Vec<String>) {
    let limit = |name: &str| schema.get(name).and_then(Value::as_f64);
    let mut over = |what: &str, size: f64| {
        let above = limit(what).is_none_or(|limit| size > limit);
        if above {
            found.push(format!("{path}: {what}"));
        }
    };
    match value {
        Value::String(text) if schema.get("enum").is_none() => over("maxLength", text.chars().count() as f64),
        Value::Number(number) => {
            let number = number.as_f64().unwrap();
            over("maximum", number);
            if limit("minimum").is_none_or(|limit| number < limit) {
                found.push(format!("{path}: minimum"));
            }
        }
        Value::Array(items) => {
            over("maxItems", items.len() as f64);
            items.iter().for_each(|item| refused(&schema["items"], item, &format!("{path}[]"), found));
        }
        Value::Object(fields) => {
            let inner = schema.get("additionalProperties");
            if inner.is_some() {
                over("maxProperties", fields.len() as f64);
            }
            for (name, field) in fields {
                let inner = inner.unwrap_or_else(|| &schema["properties"][name]);
                refused(inner, field, &format!("{path}.{name}"), found);
            }
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

fn findings(kind: &str, status: &impl serde::Serialize) -> Vec<String> {
    let mut found = Vec::new();
    refused(&status_schema(kind), &serde_json::to_value(status).unwrap(), "status", &mut found);
    found
}

#[test]
fn status_of_any_size_fits_its_schema_once_bounded() {
    let unbounded = findings("ComputeCluster", &huge());
    assert!(unbounded.len() > 20, "the check must find what is too long: {unbounded:?}");
    assert_eq!(findings("ComputeCluster", &huge().bounded()), Vec::<String>::new());

    let unbounded = findings("ComputeInstance", &huge_instance());
    assert!(unbounded.len() > 35, "the check must find what is too long: {unbounded:?}");
    assert_eq!(findings("ComputeInstance", &huge_instance().bounded()), Vec::<String>::new());

    let unbounded = findings("AttachedCompute", &huge_attachment());
    assert!(unbounded.len() > 40, "the check must find what is too long: {unbounded:?}");
    assert_eq!(findings("AttachedCompute", &huge_attachment().bounded()), Vec::<String>::new());

    let conditions = vec![condition(ConditionType::Ready), condition(ConditionType::Stalled)];
    let workspace = WorkspaceStatus { observed_generation: -5, conditions: conditions.clone(), location: Some(long()) };
    assert_eq!(findings("Workspace", &workspace.bounded()), Vec::<String>::new());
    let identity = AzureIdentityStatus { observed_generation: i64::MAX, conditions };
    assert_eq!(findings("AzureIdentity", &identity.bounded()), Vec::<String>::new());
}

#[test]
fn bounded_status_names_each_entry_of_a_set_or_map_once() {
    let status = huge().bounded().common;
    assert_eq!(status.conditions.len(), 1, "conditions are a map by type");
    let reasons: std::collections::BTreeSet<_> = status.advice.iter().map(|hint| &hint.reason).collect();
    assert_eq!(reasons.len(), status.advice.len(), "advice is a map by reason");
    let endpoints = huge_instance().bounded().endpoints;
    let names: std::collections::BTreeSet<_> = endpoints.iter().map(|endpoint| &endpoint.name).collect();
    assert_eq!((names.len(), endpoints.len() > 1), (endpoints.len(), true), "endpoints are a map by name");
    let types = huge_attachment().bounded().kubernetes.unwrap().instance_types;
    let names: std::collections::BTreeSet<_> = types.iter().collect();
    assert_eq!((names.len(), names.len() > 1), (types.len(), true), "instance types are a set");
    let azure = status.azure.unwrap();
    let tags: std::collections::BTreeSet<_> = azure.managed_tags.iter().collect();
    assert_eq!(tags.len(), azure.managed_tags.len(), "managed tags are a set");
}

#[test]
fn status_that_fits_is_left_as_it_is() {
    let small = json!({
        "observedGeneration": 3,
        "conditions": [{"type": "Ready", "status": "True", "reason": "Succeeded", "message": "as declared",
            "lastTransitionTime": "2026-01-01T00:00:00Z", "observedGeneration": 3}],
        "azure": {"resourceId": "/subscriptions/s", "owned": true, "managedTags": ["team"]},
        "nodes": {"current": 1, "target": 2, "idle": 0, "running": 1, "preparing": 0, "unusable": 0, "leaving": 0,
            "preempted": 0},
    });
    let status: ComputeClusterStatus = serde_json::from_value(small).unwrap();
    assert_eq!(status.clone().bounded(), status);
}
