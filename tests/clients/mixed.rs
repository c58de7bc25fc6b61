//! Microsoft's clients and the operator on one world: people edit and delete what the operator made, the operator adopts what
//! people made.
//!
//! Must not look inside the operator: only at objects and at what Azure was asked.

use serde_json::{Value, json};

use crate::player::Player;
use crate::stage::{Stage, cluster, condition, is_ready, path, ready_reason};
use crate::venv::Client;

const MAX: &str = "/properties/properties/scaleSettings/maxNodeCount";

/// How each client sets the largest number of nodes of `cpu-cluster`.
fn resize(client: Client, nodes: u32) -> Value {
    let change = |properties: Value| json!({"$type": "ClusterUpdateParameters", "properties": properties});
    let scale = json!({"$type": "ScaleSettings", "max_node_count": nodes});
    match client {
        Client::Ml => json!({
            "call": "c = MLClient.compute.get(name); set attributes; MLClient.compute.begin_update(c)",
            "name": "cpu-cluster", "set": {"max_instances": nodes},
        }),
        Client::Core => json!({"call": "target.update(**args)", "name": "cpu-cluster", "args": {"max_nodes": nodes}}),
        Client::Stable => json!({
            "call": "begin_update", "name": "cpu-cluster",
            "parameters": {"$type": "ClusterUpdateParameters", "scale_settings": scale},
        }),
        Client::Preview => json!({
            "call": "begin_update", "name": "cpu-cluster",
            "parameters": change(json!({"$type": "ScaleSettingsInformation", "scale_settings": scale})),
        }),
    }
}

/// Number of the latest exchange so far.
pub(crate) fn now(stage: &Stage) -> u64 {
    stage.emulator.journal().last().map_or(0, |entry| entry.seq)
}

/// The client's word for itself, or `operator`.
fn sender(entry: &emulator::Entry) -> &'static str {
    let agent = entry.request_headers.get("user-agent").map(String::as_str).unwrap_or_default();
    if agent.contains("azureml-compute-operator") { "operator" } else { "client" }
}

/// Who wrote to a compute after an exchange, and how.
pub(crate) fn writes(stage: &Stage, since: u64) -> Vec<(String, String)> {
    let of_compute = |entry: &emulator::Entry| entry.method != "GET" && entry.path.contains("/computes/");
    let journal = stage.emulator.journal_since(since).into_iter().filter(of_compute);
    journal.map(|entry| (sender(&entry).to_owned(), entry.method)).collect()
}

/// The same of one compute, each as `operator PUT`.
pub(crate) fn writes_to(stage: &Stage, name: &str, since: u64) -> Vec<String> {
    let of_it = |entry: &emulator::Entry| {
        let below = entry.path.split_once("/computes/").map(|(_, below)| below.split('/').next().unwrap_or_default());
        entry.method != "GET" && below.is_some_and(|compute| compute.eq_ignore_ascii_case(name))
    };
    let journal = stage.emulator.journal_since(since).into_iter().filter(of_it);
    journal.map(|entry| format!("{} {}", sender(&entry), entry.method)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_by_each_sdk_are_put_back_once_and_reported_where_policy_says_so() {
    let stage = Stage::start("mixed-edit").await;
    stage.apply(&cluster("cpu-cluster", &json!({"tags": {"team": "vision"}}))).await;
    stage.until_ready("cpu-cluster").await;
    for (client, nodes) in [(Client::Ml, 5), (Client::Core, 6), (Client::Stable, 7), (Client::Preview, 8)] {
        let mut player = Player::beside(client, &stage.emulator);
        let since = now(&stage);
        player.act(resize(client, nodes)).await;
        let corrected = |entry: &emulator::Entry| {
            entry.seq > since
                && entry
                    .request_headers
                    .get("user-agent")
                    .is_some_and(|agent| agent.contains("azureml-compute-operator"))
        };
        let what = format!("the operator put back what {} changed", client.release());
        let back = async || match stage.emulator.journal().iter().any(|one| corrected(one) && one.method == "PATCH") {
            true => Ok(()),
            false => Err(format!("{:?}", writes(&stage, since))),
        };
        support::wait::until(&what, crate::stage::PATIENCE, back).await.unwrap();
        stage.until_azure("cpu-cluster", "four nodes at most again", |c| c.pointer(MAX) == Some(&json!(4))).await;
        let object = stage.until_ready("cpu-cluster").await;
        let azure = stage.azure("GET", &path("cpu-cluster"), None).await.1;
        assert_eq!(azure["tags"]["azureml-operator-uid"], object["metadata"]["uid"], "{}", client.release());
        assert_eq!(azure["tags"]["team"], "vision", "{}", client.release());
        let done = writes(&stage, since);
        assert_eq!(done.iter().filter(|(who, _)| who == "operator").count(), 1, "one write puts it back: {done:?}");
    }

    let report = r#"{"spec":{"driftPolicy":"Report"}}"#;
    stage.kubectl(&["patch", "amlcc", "cpu-cluster", "--type=merge", "-p", report]).await;
    stage.until_ready("cpu-cluster").await;
    let mut player = Player::beside(Client::Ml, &stage.emulator);
    let since = now(&stage);
    player.act(resize(Client::Ml, 9)).await;
    let drifted = |object: &Value| condition(object, "Drifted").is_some_and(|one| one["status"] == "True");
    stage.until_cluster("cpu-cluster", "the drift is reported", drifted).await;
    stage.rest(3).await;
    assert_eq!(writes(&stage, since), [("client".to_owned(), "PUT".to_owned())], "and nothing is written");
}

#[tokio::test(flavor = "multi_thread")]
async fn cluster_that_an_sdk_writes_anew_without_its_tags_stays_ours_and_gets_them_back() {
    let stage = Stage::start("mixed-tags").await;
    stage.apply(&cluster("cpu-cluster", &json!({"tags": {"team": "vision"}}))).await;
    let before = stage.until_ready("cpu-cluster").await;
    let mut player = Player::beside(Client::Ml, &stage.emulator);
    let since = now(&stage);
    // As a notebook does that creates its cluster each time it runs.
    let anew = json!({"$type": "AmlCompute", "name": "cpu-cluster", "size": "STANDARD_D2_V2", "max_instances": 4});
    player.act(json!({"call": "MLClient.compute.begin_create_or_update", "compute": anew})).await;
    let uid = &before["metadata"]["uid"];
    let ours = |compute: &Value| compute["tags"]["azureml-operator-uid"] == *uid && compute["tags"]["team"] == "vision";
    stage.until_azure("cpu-cluster", "it has its tags again", ours).await;
    let after = stage.until_ready("cpu-cluster").await;
    assert_eq!(after["status"]["azure"]["createdAt"], before["status"]["azure"]["createdAt"], "it is the same cluster");
    let done = writes(&stage, since);
    assert!(done.iter().all(|(_, method)| method != "DELETE"), "{done:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn cluster_that_an_sdk_deletes_is_made_again_and_its_poller_is_content() {
    let stage = Stage::start("mixed-delete").await;
    stage.apply(&cluster("cpu-cluster", &json!({}))).await;
    let mut made = stage.until_ready("cpu-cluster").await["status"]["azure"]["createdAt"].clone();
    for client in [Client::Ml, Client::Core, Client::Preview] {
        let mut player = Player::beside(client, &stage.emulator);
        let delete = match client {
            Client::Ml => json!({"call": "MLClient.compute.begin_delete", "args": {"name": "cpu-cluster"}}),
            Client::Core => json!({"call": "target.delete(**args)", "name": "cpu-cluster", "args": {}}),
            Client::Stable | Client::Preview => {
                json!({"call": "begin_delete", "name": "cpu-cluster", "underlying_resource_action": "Delete"})
            }
        };
        player.act(delete).await;
        let again = |object: &Value| is_ready(object) && object["status"]["azure"]["createdAt"] != made;
        made = stage.until_cluster("cpu-cluster", "it was made again", again).await["status"]["azure"]["createdAt"]
            .clone();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clusters_that_sdks_made_are_left_alone_until_adopted_and_stay_readable_to_them() {
    let stage = Stage::start("mixed-adopt").await;
    let core = json!({
        "call": "ComputeTarget.create(ws, name, AmlCompute.provisioning_configuration(**args))", "name": "by-core",
        "args": {"vm_size": "STANDARD_D2_V2", "max_nodes": 4, "tags": {"by": "hand"}},
    });
    let ml = json!({"call": "MLClient.compute.begin_create_or_update", "compute": {
        "$type": "AmlCompute", "name": "by-ml", "size": "STANDARD_D2_V2", "max_instances": 4, "tags": {"by": "hand"},
    }});
    for (client, name, create) in [(Client::Core, "by-core", core), (Client::Ml, "by-ml", ml)] {
        let mut player = Player::beside(client, &stage.emulator);
        player.act(create).await;
        let (_, before) = stage.azure("GET", &path(name), None).await;
        stage.apply(&cluster(name, &json!({}))).await;
        let object = stage.until_cluster(name, "it is told apart", |o| condition(o, "Stalled").is_some()).await;
        assert_eq!(ready_reason(&object), "NotOurs");
        let since = now(&stage);
        stage.rest(2).await;
        assert_eq!(writes(&stage, since), []);

        let adopt = r#"{"spec":{"adoptionPolicy":"Adopt"}}"#;
        stage.kubectl(&["patch", "amlcc", name, "--type=merge", "-p", adopt]).await;
        let object = stage.until_ready(name).await;
        let (_, after) = stage.azure("GET", &path(name), None).await;
        assert_eq!(after["properties"]["createdOn"], before["properties"]["createdOn"], "it was not made anew");
        assert_eq!(after["tags"]["azureml-operator-uid"], object["metadata"]["uid"]);
        assert_eq!(after["tags"]["by"], "hand");

        let read = match client {
            Client::Core => json!({"call": "ComputeTarget(ws, name)", "name": name}),
            Client::Ml | Client::Stable | Client::Preview => {
                json!({"call": "MLClient.compute.get", "args": {"name": name}})
            }
        };
        let seen = player.act(read).await;
        assert!(seen["returned"]["provisioning_state"].as_str().unwrap().to_lowercase().contains("succeeded"));
        stage.kubectl(&["delete", "amlcc", name, "--timeout=60s"]).await;
        assert_eq!(stage.azure("GET", &path(name), None).await.0, 404);
    }
}
