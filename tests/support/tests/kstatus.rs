//! The table of how kstatus reads conditions, asserted from the real library; it must not restate how it computes.

use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{ApiResource, DeleteParams, Patch, PatchParams};
use kube::{Api, Resource};
use serde_json::{Value, json};
use support::history::{Change, watch_history};
use support::kstatus::{Judge, Status};
use support::plane::Plane;

const SOON: Duration = Duration::from_secs(30);

/// A custom resource of generation 2 with this status.
fn object(status: &Value) -> Value {
    json!({
        "apiVersion": "compute.azureml.dev/v1alpha1",
        "kind": "ComputeCluster",
        "metadata": {"name": "cpu", "namespace": "team", "generation": 2},
        "status": status,
    })
}

fn condition(kind: &str, status: &str) -> Value {
    json!({"type": kind, "status": status, "reason": "Because", "message": format!("{kind} is {status}")})
}

#[test]
fn judge_reads_conditions_as_flux_and_helm_do() {
    let judge = Judge::start().unwrap();
    let table = [
        ("ready", json!({"observedGeneration": 2, "conditions": [condition("Ready", "True")]}), Status::Current),
        (
            "ready of old",
            json!({"observedGeneration": 1, "conditions": [condition("Ready", "True")]}),
            Status::InProgress,
        ),
        ("unobserved", json!({"observedGeneration": -1}), Status::InProgress),
        (
            "not ready",
            json!({"observedGeneration": 2, "conditions": [condition("Ready", "False")]}),
            Status::InProgress,
        ),
        (
            "unknown",
            json!({"observedGeneration": 2, "conditions": [condition("Ready", "Unknown")]}),
            Status::InProgress,
        ),
        (
            "busy",
            json!({"observedGeneration": 2, "conditions": [condition("Reconciling", "True")]}),
            Status::InProgress,
        ),
        ("stalled", json!({"observedGeneration": 2, "conditions": [condition("Stalled", "True")]}), Status::Failed),
        ("no conditions", json!({"observedGeneration": 2, "conditions": []}), Status::Current),
        ("empty status", json!({}), Status::Current),
    ];

    for (name, status, expected) in table {
        let judgement = judge.judge(&object(&status)).unwrap();
        assert_eq!(judgement.status, expected, "{name}: {judgement:?}");
    }
}

#[test]
fn judge_gives_the_stalled_message_when_an_object_failed() {
    let judge = Judge::start().unwrap();

    let judgement = judge.judge(&object(&json!({"conditions": [condition("Stalled", "True")]}))).unwrap();

    assert_eq!(judgement.message, "Stalled is True");
}

#[test]
fn judge_says_terminating_when_an_object_is_being_deleted() {
    let judge = Judge::start().unwrap();
    let mut deleted = object(&json!({"observedGeneration": 2, "conditions": [condition("Ready", "True")]}));
    deleted["metadata"]["deletionTimestamp"] = json!("2026-11-21T00:00:00Z");

    assert_eq!(judge.judge(&deleted).unwrap().status, Status::Terminating);
}

#[test]
fn judge_refuses_what_is_no_object_and_goes_on() {
    let judge = Judge::start().unwrap();

    let refused = judge.judge(&json!({"metadata": {"name": "kindless"}}));

    assert!(refused.unwrap_err().to_string().contains("kindless"));
    assert_eq!(judge.judge(&object(&json!({}))).unwrap().status, Status::Current);
}

#[tokio::test]
async fn history_has_every_revision_in_order_from_the_first() {
    let plane = Plane::shared().await.unwrap();
    let namespace = plane.namespace("history").await.unwrap();
    let client = plane.admin().await.unwrap();
    let maps = Api::<ConfigMap>::namespaced(client.clone(), &namespace);
    let change = async |value: &str| {
        let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one"}, "data": {"a": value}});
        maps.patch("one", &PatchParams::apply("test"), &Patch::Apply(map)).await.unwrap()
    };
    change("before").await;
    let history = watch_history(&client, &[ApiResource::erase::<ConfigMap>(&())], &namespace).await.unwrap();

    let mut versions = Vec::new();
    for value in 0..20 {
        versions.push(change(&value.to_string()).await.meta().resource_version.clone().unwrap());
    }
    maps.delete("one", &DeleteParams::default()).await.unwrap();

    history.until("the deletion is seen", SOON, |revision| revision.change == Change::Deleted).await.unwrap();
    let revisions = history.revisions().unwrap();
    assert_eq!((revisions[0].change, revisions[0].text("/data/a")), (Change::Added, "before"));
    assert_eq!(revisions[0].name(), "ConfigMap/one");
    let modified: Vec<&str> = revisions
        .iter()
        .filter(|revision| revision.change == Change::Modified)
        .map(support::history::Revision::version)
        .collect();
    assert_eq!(modified, versions);
}
