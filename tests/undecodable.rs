//! Definitions newer than the operator: an object it cannot read stalls alone and says so, and all others go on.
//!
//! Must not share its control plane with other targets: it changes the definitions of every kind.

// A test that cannot go on fails: clippy's leave for tests does not reach the functions beside them.
#![allow(clippy::unwrap_used, clippy::panic)]

mod stage;

use serde_json::{Value, json};
use stage::{Stage, cluster, condition, is_ready, ready_message, ready_reason};
use support::wait::until;

/// Lets a definition take one more word in an enum, as a newer version of it would.
async fn extend(stage: &Stage, plural: &str, field: &str, word: &str) {
    let path = format!("/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/{field}/enum/-");
    let patch = json!([{"op": "add", "path": path, "value": word}]).to_string();
    stage.kubectl(&["patch", "crd", &format!("{plural}.compute.azureml.dev"), "--type=json", "-p", &patch]).await;
}

/// Applies until the API server takes it: a changed definition is served a moment later.
async fn apply_soon(stage: &Stage, yaml: &str) {
    let applied = until("the changed definition is served", stage::PATIENCE, async || {
        stage.plane.apply_in(&stage.namespace, yaml).await.map_err(|error| format!("{error:?}"))
    });
    applied.await.unwrap();
}

/// Waits until an object is stalled because it, or what it refers to, cannot be read.
async fn until_undecodable(stage: &Stage, kind: &str, name: &str) -> Value {
    let what = format!("{kind} {name} is undecodable");
    let seen = until(&what, stage::PATIENCE, async || {
        let object = stage.get(kind, name).await.unwrap();
        let stalled = condition(&object, "Stalled").is_some_and(|stalled| stalled["status"] == "True");
        let current = object["status"]["observedGeneration"] == object["metadata"]["generation"];
        let told =
            stalled && current && ready_reason(&object) == "Undecodable" && condition(&object, "Reconciling").is_none();
        if told { Ok(object) } else { Err(object["status"].to_string()) }
    });
    seen.await.unwrap()
}

fn workspace(name: &str, identity: &str, extra: &Value) -> String {
    let mut spec = json!({"resourceId": stage::WORKSPACE, "identityRef": {"kind": "AzureIdentity", "name": identity}});
    spec.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    object("Workspace", name, &spec)
}

fn object(kind: &str, name: &str, spec: &Value) -> String {
    json!({"apiVersion": "compute.azureml.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec})
        .to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn object_that_cannot_be_read_stalls_alone_and_others_go_on() {
    let stage = Stage::start("newer").await;
    stage.apply(&cluster("cpu", &json!({}))).await;
    stage.until_ready("cpu").await;
    extend(&stage, "computeclusters", "driftPolicy", "Ponder").await;
    apply_soon(&stage, &cluster("odd", &json!({"driftPolicy": "Ponder"}))).await;
    let odd = until_undecodable(&stage, "computecluster", "odd").await;
    let message = ready_message(&odd);
    for word in [
        "cannot read the object",
        "unknown variant Ponder, expected one of",
        "correct the field",
        "an operator as new as the object",
    ] {
        assert!(message.contains(word), "{message}");
    }
    assert!(
        stage.writes().iter().all(|write| !write.ends_with("/odd") && !write.ends_with(" odd")),
        "{:?}",
        stage.writes()
    );

    // Others are made, changed and deleted beside it.
    stage.apply(&cluster("next", &json!({}))).await;
    stage.until_ready("next").await;
    stage.apply(&cluster("cpu", &json!({"scale": {"maxNodes": 6}}))).await;
    stage.until_cluster("cpu", "the change is carried out", is_ready).await;
    stage.kubectl(&["delete", "computecluster", "next", "--wait=false"]).await;
    stage.until_gone("computecluster", "next").await;
    let version = odd["metadata"]["resourceVersion"].clone();
    assert_eq!(
        stage.cluster("odd").await.unwrap()["metadata"]["resourceVersion"],
        version,
        "it is written again and again"
    );

    stage.apply(&cluster("odd", &json!({"driftPolicy": "Report"}))).await;
    stage.until_ready("odd").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connection_that_cannot_be_read_says_so_and_so_does_what_refers_to_it() {
    let stage = Stage::start("newer").await;
    stage.apply(&cluster("cpu", &json!({}))).await;
    stage.until_ready("cpu").await;
    extend(&stage, "azureidentities", "type", "Hologram").await;
    let guid = "22222222-2222-2222-2222-222222222222";
    let spec = json!({"type": "Hologram", "tenantId": guid, "clientId": guid});
    apply_soon(&stage, &object("AzureIdentity", "odd", &spec)).await;
    stage.apply(&workspace("on-odd", "odd", &json!({}))).await;
    stage.apply(&cluster("on-odd", &json!({"workspaceRef": {"name": "on-odd"}}))).await;
    let identity = until_undecodable(&stage, "azureidentity", "odd").await;
    assert!(ready_message(&identity).contains("unknown variant Hologram"), "{}", identity["status"]);
    for kind in ["workspace", "computecluster"] {
        let object = until_undecodable(&stage, kind, "on-odd").await;
        assert!(
            ready_message(&object).contains("AzureIdentity odd: this version of the operator cannot read it"),
            "{kind}"
        );
    }
    assert!(is_ready(&stage.cluster("cpu").await.unwrap()));
}
