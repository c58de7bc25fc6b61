//! Microsoft's clients and the operator on one world: people press the buttons of the operator's instances and delete them, the
//! operator adopts theirs.
//!
//! Must not look inside the operator: only at objects and at what Azure was asked.

use serde_json::{Value, json};

use crate::player::Player;
use crate::stage::{PATIENCE, Stage, condition, is_ready, path, ready_reason};
use crate::venv::Client;

/// A ComputeInstance with these further lines of spec.
fn instance(name: &str, spec: &Value) -> String {
    let mut body = json!({"workspaceRef": {"name": "research"}, "vmSize": "STANDARD_DS3_V2"});
    body.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    let kind = json!({"apiVersion": "compute.azureml.dev/v1alpha1", "kind": "ComputeInstance"});
    let mut object = json!({"metadata": {"name": name}, "spec": body});
    object.as_object_mut().unwrap().extend(kind.as_object().unwrap().clone());
    object.to_string()
}

/// Waits until the object is as wanted.
async fn until(stage: &Stage, name: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let look = async || match stage.get("computeinstance", name).await {
        Some(object) if wanted(&object) => Ok(object),
        Some(object) => Err(object["status"].to_string()),
        None => Err("no object".to_owned()),
    };
    let seen = support::wait::until(what, PATIENCE, look).await;
    seen.unwrap_or_else(|error| panic!("{error}\nthe operator's log ends:\n{}", stage.operator().log_tail(60)))
}

/// POSTs of the operator's own, by their last word.
fn pressed(stage: &Stage, since: u64) -> Vec<String> {
    let own = |entry: &emulator::Entry| {
        let agent = entry.request_headers.get("user-agent").map(String::as_str).unwrap_or_default();
        entry.method == "POST" && entry.path.contains("/computes/") && agent.contains("azureml-compute-operator")
    };
    let journal = stage.emulator.journal_since(since).into_iter().filter(own);
    journal.map(|entry| entry.path.rsplit('/').next().unwrap_or_default().to_owned()).collect()
}

fn now(stage: &Stage) -> u64 {
    stage.emulator.journal().last().map_or(0, |entry| entry.seq)
}

/// How each client stops `box-one`, and waits if it can.
fn stop(client: Client) -> Value {
    match client {
        Client::Ml => json!({"call": "MLClient.compute.begin_stop", "args": {"name": "box-one"}}),
        Client::Core => {
            json!({"call": "target.stop(**args)", "name": "box-one", "args": {"wait_for_completion": false}})
        }
        Client::Stable | Client::Preview => json!({"call": "stop", "name": "box-one"}),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn instance_that_people_stop_by_each_sdk_is_started_by_one_post_where_it_has_to_run() {
    let stage = Stage::start("mixed-stop").await;
    stage.apply(&instance("box-one", &json!({"powerState": "Running"}))).await;
    until(&stage, "box-one", "it runs", |object| is_ready(object) && object["status"]["powerState"] == "Running").await;
    for client in [Client::Ml, Client::Core, Client::Stable, Client::Preview] {
        let mut player = Player::beside(client, &stage.emulator);
        let since = now(&stage);
        player.act(stop(client)).await;
        let started = async || match pressed(&stage, since).contains(&"start".to_owned()) {
            true => Ok(()),
            false => Err(format!("{:?}", pressed(&stage, since))),
        };
        let what = format!("it is started after {}", client.release());
        support::wait::until(&what, PATIENCE, started).await.unwrap();
        until(&stage, "box-one", &what, |object| is_ready(object) && object["status"]["powerState"] == "Running").await;
        assert_eq!(pressed(&stage, since), ["start"]);
    }
    assert_eq!(stage.requests("PUT", "/computes/box-one").len(), 1, "it was made once");
}

#[tokio::test(flavor = "multi_thread")]
async fn instance_whose_power_is_not_declared_is_left_to_people_and_read_whole_by_each_sdk() {
    let stage = Stage::start("mixed-power").await;
    let spec = json!({
        "idleTimeBeforeShutdown": "PT3H",
        "tags": {"team": "vision"},
        "ssh": {"enabled": true, "publicKey": {"value": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleKeyForTestsOnlyNotARealKey00000000 user@host"}},
    });
    stage.apply(&instance("box-one", &spec)).await;
    until(&stage, "box-one", "it is there", is_ready).await;
    let since = now(&stage);
    let mut ml = Player::beside(Client::Ml, &stage.emulator);
    let seen = ml.act(json!({"call": "MLClient.compute.get", "args": {"name": "box-one"}})).await["whole"].clone();
    assert_eq!(seen["class"], "ComputeInstance");
    assert_eq!((&seen["state"], &seen["size"]), (&json!("Running"), &json!("STANDARD_DS3_V2")));
    assert_eq!(seen["idle_time_before_shutdown_minutes"], 180);
    assert_eq!(seen["ssh_settings"]["ssh_key_value"], spec["ssh"]["publicKey"]["value"]);
    assert_eq!(seen["tags"]["team"], "vision");
    let mut core = Player::beside(Client::Core, &stage.emulator);
    let seen = core.act(json!({"call": "ComputeTarget(ws, name)", "name": "box-one"})).await["returned"].clone();
    assert_eq!((&seen["class"], &seen["provisioning_state"]), (&json!("ComputeInstance"), &json!("Succeeded")));

    ml.act(stop(Client::Ml)).await;
    let stopped = |object: &Value| is_ready(object) && object["status"]["powerState"] == "Stopped";
    until(&stage, "box-one", "it is seen to be stopped", stopped).await;
    stage.rest(3).await;
    assert_eq!(pressed(&stage, since), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn instance_that_an_sdk_deletes_is_made_again() {
    let stage = Stage::start("mixed-box").await;
    stage.apply(&instance("box-one", &json!({}))).await;
    let before = until(&stage, "box-one", "it is there", is_ready).await["status"]["azure"]["createdAt"].clone();
    let mut player = Player::beside(Client::Ml, &stage.emulator);
    // azureml-core would wait until it is absent, which the operator does not let happen for long.
    player.act(json!({"call": "MLClient.compute.begin_delete", "args": {"name": "box-one"}})).await;
    let again = |object: &Value| is_ready(object) && object["status"]["azure"]["createdAt"] != before;
    until(&stage, "box-one", "it was made again", again).await;
    assert_eq!(stage.requests("PUT", "/computes/box-one").len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn instance_that_an_sdk_made_is_left_alone_until_adopted_and_then_never_put() {
    let stage = Stage::start("mixed-theirs").await;
    let mut player = Player::beside(Client::Ml, &stage.emulator);
    let create = json!({"call": "MLClient.compute.begin_create_or_update", "compute": {
        "$type": "ComputeInstance", "name": "by-hand", "size": "STANDARD_DS3_V2", "tags": {"by": "hand"},
    }});
    player.act(create).await;
    let (_, before) = stage.azure("GET", &path("by-hand"), None).await;
    let since = now(&stage);
    stage.apply(&instance("by-hand", &json!({}))).await;
    let object = until(&stage, "by-hand", "it is told apart", |one| condition(one, "Stalled").is_some()).await;
    assert_eq!(ready_reason(&object), "NotOurs");

    let adopt = r#"{"spec":{"adoptionPolicy":"Adopt"}}"#;
    stage.kubectl(&["patch", "amlci", "by-hand", "--type=merge", "-p", adopt]).await;
    until(&stage, "by-hand", "it is adopted", is_ready).await;
    stage.rest(2).await;
    let (_, after) = stage.azure("GET", &path("by-hand"), None).await;
    assert_eq!(after["properties"]["createdOn"], before["properties"]["createdOn"], "it was not made anew");
    assert_eq!(after["tags"]["by"], "hand");
    let wrote = stage.emulator.journal_since(since).into_iter().filter(|entry| entry.method != "GET");
    let wrote: Vec<String> = wrote.filter(|entry| entry.path.contains("/computes/")).map(|entry| entry.path).collect();
    assert_eq!(wrote, Vec::<String>::new(), "an instance takes no second PUT");
    stage.kubectl(&["delete", "amlci", "by-hand", "--timeout=60s"]).await;
    assert_eq!(stage.azure("GET", &path("by-hand"), None).await.0, 404);
}
