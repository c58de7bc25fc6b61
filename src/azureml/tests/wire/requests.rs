//! What goes out, and what a good answer becomes.
//!
//! Must not test failures; the other modules do.

use crate::server::{Reply, Server};
use crate::{COMPUTES, SUBSCRIPTION, Watcher, always, client, client_with, compute, workspace};
use amlco_azureml::arm::{ComputeAction, Dialect};
use amlco_azureml::{Accepted, Call, Options, Outcome, UnderlyingAction};
use serde_json::json;
use std::sync::Arc;

#[tokio::test]
async fn every_call_has_its_verb_path_and_version() {
    let server = Server::start(|seen, _| match seen.target.split('?').next().unwrap_or_default() {
        path if path.ends_with("/listNodes") => Reply::json(200, &json!({"nodes": []})),
        path if path.ends_with("/computes/cpu-cluster") => {
            Reply::json(200, &json!({"name": "cpu-cluster", "properties": {}}))
        }
        path if path.ends_with("/demo") => Reply::json(200, &json!({"id": path, "location": "eastus"})),
        _ => Reply::json(200, &json!({"value": []})),
    })
    .await;
    let client = client(&server);
    client.workspace(&workspace()).await.unwrap();
    client.list_computes(&workspace()).await.unwrap();
    client.compute(&compute()).await.unwrap().unwrap();
    client.put_compute(&compute(), &json!({"location": "eastus"})).await.unwrap();
    client.patch_compute(&compute(), &json!({})).await.unwrap();
    client.delete_compute(&compute(), UnderlyingAction::Delete).await.unwrap();
    client.delete_compute(&compute(), UnderlyingAction::Detach).await.unwrap();
    client.list_nodes(&compute()).await.unwrap();
    client.vm_sizes(SUBSCRIPTION, "West Europe").await.unwrap();
    client.usages(SUBSCRIPTION, "eastus").await.unwrap();

    let version = "api-version=2026-05-01";
    let location = format!("/subscriptions/{SUBSCRIPTION}/providers/Microsoft.MachineLearningServices/locations");
    let workspace = COMPUTES.trim_end_matches("/computes");
    let expected = [
        format!("GET {workspace}?{version}"),
        format!("GET {COMPUTES}?{version}"),
        format!("GET {COMPUTES}/cpu-cluster?{version}"),
        format!("PUT {COMPUTES}/cpu-cluster?{version}"),
        format!("PATCH {COMPUTES}/cpu-cluster?{version}"),
        format!("DELETE {COMPUTES}/cpu-cluster?{version}&underlyingResourceAction=Delete"),
        format!("DELETE {COMPUTES}/cpu-cluster?{version}&underlyingResourceAction=Detach"),
        format!("POST {COMPUTES}/cpu-cluster/listNodes?{version}"),
        format!("GET {location}/westeurope/vmSizes?{version}"),
        format!("GET {location}/eastus/usages?{version}"),
    ];
    assert_eq!(server.lines(), expected);
}

#[tokio::test]
async fn compute_that_only_the_old_version_knows_is_asked_for_in_that_version() {
    let server = Server::start(|seen, _| match seen.target.split('?').next().unwrap_or_default() {
        path if path.ends_with("/computes/cpu-cluster") && seen.target.starts_with("GET") => {
            Reply::json(200, &json!({"name": "cpu-cluster", "properties": {}}))
        }
        path if path.ends_with("/computes") => Reply::json(200, &json!({"value": []})),
        _ => Reply::json(200, &json!({"name": "cpu-cluster", "properties": {"provisioningState": "Succeeded"}})),
    })
    .await;
    let newest = client(&server);
    let legacy = newest.speaking(Dialect::Legacy);
    legacy.list_computes(&workspace()).await.unwrap();
    legacy.compute(&compute()).await.unwrap().unwrap();
    legacy.put_compute(&compute(), &json!({"location": "eastus"})).await.unwrap();
    legacy.delete_compute(&compute(), UnderlyingAction::Detach).await.unwrap();
    newest.list_computes(&workspace()).await.unwrap();
    let version = "api-version=2020-02-02";
    let expected = [
        format!("GET {COMPUTES}?{version}"),
        format!("GET {COMPUTES}/cpu-cluster?{version}"),
        format!("PUT {COMPUTES}/cpu-cluster?{version}"),
        format!("DELETE {COMPUTES}/cpu-cluster?{version}&underlyingResourceAction=Detach"),
        format!("GET {COMPUTES}?api-version=2026-05-01"),
    ];
    assert_eq!(server.lines(), expected);
}

#[tokio::test]
async fn every_action_has_its_path_and_the_version_that_knows_it() {
    let server = always(Reply::new(200, &[], "")).await;
    let client = client(&server);
    for action in ComputeAction::ALL {
        let body = json!({"of": action.as_str()});
        let sent = (action != ComputeAction::Stop).then_some(&body);
        assert_eq!(client.act_on_compute(&compute(), action, sent).await.unwrap(), Accepted::Done, "{action:?}");
    }
    let (stable, preview) = ("2026-05-01", "2024-04-01-preview");
    let expected = [
        ("start", stable),
        ("stop", stable),
        ("restart", stable),
        ("updateIdleShutdownSetting", preview),
        ("updateSchedules", "2021-03-01-preview"),
        ("customServices", preview),
        ("enableSso", preview),
    ];
    let expected = expected.map(|(path, version)| format!("POST {COMPUTES}/cpu-cluster/{path}?api-version={version}"));
    assert_eq!(server.lines(), expected);
    let seen = server.seen();
    assert_eq!((seen[1].body.as_str(), seen[1].headers["content-length"].as_str()), ("", "0"));
    assert_eq!(seen[6].body, r#"{"of":"SetSso"}"#);
}

#[tokio::test]
async fn power_action_answered_202_runs_and_one_that_is_lost_may_have_happened() {
    let server = Server::start(|_, number| Reply::new([202, 500][number], &[], "")).await;
    let client = client(&server);
    let running = client.act_on_compute(&compute(), ComputeAction::Start, None).await.unwrap();
    assert!(matches!(running, Accepted::Running { url: None, .. }), "{running:?}");
    let lost = client.act_on_compute(&compute(), ComputeAction::Stop, None).await.unwrap_err();
    assert!(lost.may_have_taken_effect() && lost.to_string().starts_with("cannot stop compute cpu-cluster"), "{lost}");
}

#[tokio::test]
async fn request_carries_token_ids_and_agent_and_a_type_only_with_a_body() {
    let server = always(Reply::json(200, &json!({"nodes": []}))).await;
    let client = client(&server);
    client.list_nodes(&compute()).await.unwrap();
    client.patch_compute(&compute(), &json!({"a": 1})).await.unwrap();
    let seen = server.seen();
    for request in &seen {
        assert_eq!(request.headers["authorization"], "Bearer token-1");
        assert_eq!(request.headers["accept"], "application/json");
        assert_eq!(request.headers["accept-encoding"], "gzip");
        assert_eq!(request.headers["user-agent"], format!("azureml-compute-operator/{}", env!("CARGO_PKG_VERSION")));
        assert_eq!(request.headers["x-ms-client-request-id"].len(), 36);
    }
    assert_ne!(seen[0].headers["x-ms-client-request-id"], seen[1].headers["x-ms-client-request-id"]);
    assert_eq!(seen[0].headers["content-length"], "0");
    assert!(!seen[0].headers.contains_key("content-type"));
    assert_eq!(seen[1].headers["content-type"], "application/json");
    assert_eq!(seen[1].body, r#"{"a":1}"#);
}

#[tokio::test]
async fn good_answers_become_azures_vocabulary() {
    let server = Server::start(|seen, _| {
        let path = seen.target.split('?').next().unwrap_or_default();
        let body = match path.rsplit('/').next().unwrap_or_default() {
            "listNodes" => json!({"computeType": "AmlCompute", "nodes": [{"nodeId": "n1", "nodeState": "idle"}, {}]}),
            "vmSizes" => json!({"value": [{"name": "Standard_D2_v2", "vCPUs": 2}]}),
            "usages" => json!({"value": [{"name": {"value": "StandardDFamily"}, "limit": 24, "currentValue": 4}]}),
            _ => json!({"id": path, "location": "eastus", "properties": {"provisioningState": "Succeeded"}}),
        };
        Reply::json(200, &body)
    })
    .await;
    let client = client(&server);
    assert_eq!(client.workspace(&workspace()).await.unwrap().location, "eastus");
    assert_eq!(client.list_nodes(&compute()).await.unwrap().len(), 1);
    assert_eq!(client.vm_sizes(SUBSCRIPTION, "eastus").await.unwrap()[0].vcpus, 2);
    assert_eq!(client.usages(SUBSCRIPTION, "eastus").await.unwrap()[0].limit, 24);
}

#[tokio::test]
async fn location_that_would_change_the_path_is_never_sent() {
    let server = always(Reply::json(200, &json!({"value": []}))).await;
    let client = client(&server);
    for (subscription, location) in
        [(SUBSCRIPTION, "../x"), (SUBSCRIPTION, ""), (SUBSCRIPTION, "a?b"), ("a/b", "eastus"), ("", "eastus")]
    {
        assert!(client.vm_sizes(subscription, location).await.is_err(), "{subscription} {location}");
    }
    assert_eq!(server.seen().len(), 0);
}

#[tokio::test]
async fn observer_is_told_of_every_request() {
    let server = Server::start(|_, number| Reply::new([503, 404, 200][number], &[], "")).await;
    let watcher = Arc::new(Watcher::default());
    let client = client_with(&server, Options { observer: Some(watcher.clone()), ..Options::default() });
    client.workspace(&workspace()).await.unwrap_err();
    client.compute(&compute()).await.unwrap();
    client.patch_compute(&compute(), &json!({})).await.unwrap();
    let expected = [
        (Call::GetWorkspace, Outcome::ServerError, Some(503)),
        (Call::GetCompute, Outcome::ClientError, Some(404)),
        (Call::PatchCompute, Outcome::Success, Some(200)),
    ];
    assert_eq!(*watcher.0.lock().unwrap(), expected);
}
