//! A ComputeInstance from apply to gone, on a real control plane and the emulator: which requests its life costs.
//!
//! Must not look inside the operator: only at objects and at what Azure was asked.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what a test stands on fails as the test itself does")]

mod stage;

use serde_json::{Value, json};
use stage::{ACCOUNT, SYSTEM, Stage, condition, is_ready, path, ready_reason};

const USER: &str = "44444444-4444-4444-4444-444444444444";

/// A workstation for a named user, with these further lines of spec; null takes one away.
fn instance(name: &str, spec: &Value) -> String {
    let user = json!({"assignedUser": {"objectId": USER, "tenantId": "22222222-2222-2222-2222-222222222222"}});
    stage::compute("ComputeInstance", name, &[&json!({"vmSize": "STANDARD_DS3_V2"}), &user, spec])
}

async fn until_instance(stage: &Stage, name: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    stage.until_object("computeinstance", name, what, wanted).await
}

async fn until_state(stage: &Stage, name: &str, state: &str) -> Value {
    until_instance(stage, name, state, |object| is_ready(object) && object["status"]["powerState"] == state).await
}

async fn patch(stage: &Stage, name: &str, spec: &Value) {
    let patch = json!({ "spec": spec }).to_string();
    stage.kubectl(&["patch", "amlci", name, "--type=merge", "-p", &patch]).await;
}

/// How many requests of a kind Azure was sent for the instance.
fn count(stage: &Stage, method: &str, path: &str) -> usize {
    stage.requests(method, path).iter().filter(|entry| entry.path.ends_with(path)).count()
}

/// PUT, stop, start, restart, DELETE.
fn counts(stage: &Stage, name: &str) -> [usize; 5] {
    let of = |action: &str| count(stage, "POST", &format!("/computes/{name}/{action}"));
    let whole = format!("/computes/{name}");
    [count(stage, "PUT", &whole), of("stop"), of("start"), of("restart"), count(stage, "DELETE", &whole)]
}

#[tokio::test(flavor = "multi_thread")]
async fn life_of_an_instance_costs_one_request_each_and_rest_costs_none() {
    let mut stage = Stage::start("instance-life").await;
    stage.apply(&instance("ada-box", &json!({"powerState": "Running"}))).await;
    let object = until_state(&stage, "ada-box", "Running").await;
    assert_eq!((ready_reason(&object), counts(&stage, "ada-box")), ("AsDeclared", [1, 0, 0, 0, 0]));
    assert!(object["status"]["openableBy"].as_str().unwrap().contains(USER), "{}", object["status"]);

    patch(&stage, "ada-box", &json!({"powerState": "Stopped"})).await;
    until_state(&stage, "ada-box", "Stopped").await;
    assert_eq!(counts(&stage, "ada-box"), [1, 1, 0, 0, 0]);

    patch(&stage, "ada-box", &json!({"powerState": "Running"})).await;
    until_state(&stage, "ada-box", "Running").await;
    assert_eq!(counts(&stage, "ada-box"), [1, 1, 1, 0, 0]);

    for restarts in [1, 2] {
        let value = jiff::Timestamp::now().to_string();
        let annotation = format!("compute.azureml.dev/restart-requested-at={value}");
        stage.kubectl(&["annotate", "amlci", "ada-box", "--overwrite", &annotation]).await;
        let served = |object: &Value| is_ready(object) && object["status"]["restartServed"] == value.as_str();
        until_instance(&stage, "ada-box", "the restart is served", served).await;
        assert_eq!(counts(&stage, "ada-box"), [1, 1, 1, restarts, 0], "{value}");
    }

    // Nothing at rest, and nothing again after the operator's death.
    stage.operator.take().unwrap().kill().unwrap();
    stage.start_operator().await;
    stage.rest(5).await;
    until_state(&stage, "ada-box", "Running").await;
    assert_eq!(counts(&stage, "ada-box"), [1, 1, 1, 2, 0]);

    stage.kubectl(&["delete", "amlci", "ada-box", "--wait=false"]).await;
    stage.until_gone("computeinstance", "ada-box").await;
    assert_eq!(counts(&stage, "ada-box"), [1, 1, 1, 2, 1]);
    assert_eq!(stage.azure("GET", &path("ada-box"), None).await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_change_by_their_own_posts_and_schedules_are_respected() {
    let stage = Stage::start("instance-settings").await;
    let spec = json!({"powerState": "Running", "idleTimeBeforeShutdown": "PT1H"});
    stage.apply(&instance("ada-box", &spec)).await;
    until_state(&stage, "ada-box", "Running").await;
    patch(&stage, "ada-box", &json!({"idleTimeBeforeShutdown": "2h"})).await;
    stage
        .until_azure("ada-box", "the idle time is changed", |compute| {
            compute["properties"]["properties"]["idleTimeBeforeShutdown"] == "PT120M"
        })
        .await;
    let schedule = json!([{"name": "evening", "action": "Stop", "timeZone": "Europe/Berlin", "cron": "0 19 * * 1-5"}]);
    patch(&stage, "ada-box", &json!({"schedules": schedule})).await;
    let azure = stage
        .until_azure("ada-box", "the schedule is set", |compute| {
            compute.pointer("/properties/properties/schedules/computeStartStop/0").is_some()
        })
        .await;
    let cron = azure.pointer("/properties/properties/schedules/computeStartStop/0/cron").unwrap();
    assert_eq!(cron["timeZone"], "W. Europe Standard Time");
    patch(&stage, "ada-box", &json!({"schedules": null})).await;
    let list = "/properties/properties/schedules/computeStartStop";
    stage.until_azure("ada-box", "the schedule is gone", |compute| compute.pointer(list) == Some(&json!([]))).await;
    until_state(&stage, "ada-box", "Running").await;

    stage.emulator.event(emulator::Event::ScheduledStop { compute: "demo/ada-box".into() }).unwrap();
    let object = until_state(&stage, "ada-box", "Stopped").await;
    assert_eq!(object["status"]["lastOperation"]["trigger"], "Schedule");
    stage.rest(3).await;
    assert_eq!(counts(&stage, "ada-box"), [1, 0, 0, 0, 0], "a schedule's stop is respected");
    patch(&stage, "ada-box", &json!({"powerPolicy": "Enforce"})).await;
    until_state(&stage, "ada-box", "Running").await;
    assert_eq!(counts(&stage, "ada-box"), [1, 0, 1, 0, 0]);
    for (action, times) in [("updateIdleShutdownSetting", 1), ("updateSchedules", 2)] {
        assert_eq!(count(&stage, "POST", &format!("/computes/ada-box/{action}")), times, "{action}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn script_from_a_config_map_stalls_until_it_is_there_and_its_change_is_said_to_be_immutable() {
    let stage = Stage::start("instance-script").await;
    let script = json!({"creation": {"configMapRef": {"name": "scripts", "key": "setup.sh"}, "timeout": "PT20M"}});
    stage.apply(&instance("ada-box", &json!({"setupScripts": script, "powerState": "Running"}))).await;
    let says = |reason: &'static str| move |object: &Value| ready_reason(object) == reason;
    let stalled = |object: &Value| says("ConfigMapForbidden")(object) && condition(object, "Stalled").is_some();
    until_instance(&stage, "ada-box", "the right is missing", stalled).await;
    stage
        .apply(&format!(
            "
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {{name: scripts}}
rules:
- {{apiGroups: [''], resources: [configmaps], verbs: [get, watch], resourceNames: [scripts]}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: scripts}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: scripts}}
subjects:
- {{kind: ServiceAccount, name: {ACCOUNT}, namespace: {SYSTEM}}}
"
        ))
        .await;
    until_instance(&stage, "ada-box", "the ConfigMap is missing", says("ConfigMapNotFound")).await;
    let config_map = |text: &str| {
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "scripts"}, "data": {"setup.sh": text}})
            .to_string()
    };
    stage.apply(&config_map("echo canary-one")).await;
    until_state(&stage, "ada-box", "Running").await;
    let sent = &stage.requests("PUT", "/computes/ada-box")[0].request_body;
    let sent = sent.pointer("/properties/properties/setupScripts/scripts/creationScript").unwrap();
    assert_eq!((&sent["scriptSource"], &sent["timeout"]), (&json!("inline"), &json!("20m")));
    stage.apply(&config_map("echo canary-two")).await;
    let object = until_instance(&stage, "ada-box", "the change is said", says("ScriptChanged")).await;
    assert_eq!(object["status"]["plan"][0]["how"], "Refused");
    stage.apply(&config_map("echo canary-one")).await;
    until_state(&stage, "ada-box", "Running").await;
    assert_eq!(counts(&stage, "ada-box"), [1, 0, 0, 0, 0]);
    let told = stage.kubectl(&["get", "events,amlci", "-o", "yaml"]).await + &stage.operator().log_tail(10_000);
    assert!(!told.contains("canary"), "a script is nowhere but in its ConfigMap");
}

#[tokio::test(flavor = "multi_thread")]
async fn recreation_of_a_workstation_is_told_before_its_disk_is_destroyed() {
    let stage = Stage::start("instance-remake").await;
    stage.apply(&instance("ada-box", &json!({"replacePolicy": "Recreate"}))).await;
    let before = until_state(&stage, "ada-box", "Running").await;
    patch(&stage, "ada-box", &json!({"vmSize": "STANDARD_DS2_V2"})).await;
    let bigger = |object: &Value| {
        is_ready(object) && object["status"]["azure"]["createdAt"] != before["status"]["azure"]["createdAt"]
    };
    until_instance(&stage, "ada-box", "it is made anew", bigger).await;
    assert_eq!(counts(&stage, "ada-box"), [2, 0, 0, 0, 1]);
    let deleted = stage.requests("DELETE", "/computes/ada-box")[0].query.clone();
    assert!(deleted.contains("underlyingResourceAction=Delete"), "{deleted}");
    let events = stage.kubectl(&["get", "events.events.k8s.io", "-o", "json"]).await;
    let events: Value = serde_json::from_str(&events).unwrap();
    let told = events["items"].as_array().unwrap().iter().find(|event| event["reason"] == "Recreating").unwrap();
    assert!(told["note"].as_str().unwrap().contains("destroys its local disk"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn instance_that_people_made_is_adopted_without_a_write_to_azure() {
    let stage = Stage::start("instance-adopt").await;
    let body = json!({"location": "eastus", "properties": {"computeType": "ComputeInstance",
        "properties": {"vmSize": "STANDARD_DS3_V2"}}});
    assert_eq!(stage.azure("PUT", &path("bobs-box"), Some(&body)).await.0, 201);
    let spec = json!({"assignedUser": null, "adoptionPolicy": "Adopt"});
    stage.apply(&instance("bobs-box", &spec)).await;
    let object = until_state(&stage, "bobs-box", "Running").await;
    assert_eq!((ready_reason(&object), &object["status"]["azure"]["owned"]), ("AsDeclared", &json!(true)));
    assert_eq!(counts(&stage, "bobs-box"), [1, 0, 0, 0, 0], "the one PUT is the person's");
    stage.kubectl(&["delete", "amlci", "bobs-box", "--wait=false"]).await;
    stage.until_gone("computeinstance", "bobs-box").await;
    assert_eq!(stage.azure("GET", &path("bobs-box"), None).await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn instance_that_two_objects_mean_belongs_to_one_of_them_and_goes_only_with_that_one() {
    let stage = Stage::start("instance-two").await;
    let body = json!({"location": "eastus", "properties": {"computeType": "ComputeInstance",
        "properties": {"vmSize": "STANDARD_DS3_V2"}}});
    assert_eq!(stage.azure("PUT", &path("bobs-box"), Some(&body)).await.0, 201);
    let meaning = |name: &str, policy: &str| {
        instance(name, &json!({"assignedUser": null, "azureName": "bobs-box", "adoptionPolicy": policy}))
    };
    stage.apply(&[meaning("one", "Adopt"), meaning("two", "Adopt")].join("\n---\n")).await;
    let settled = |object: &Value| is_ready(object) || ready_reason(object) == "OwnedByAnother";
    let has = async |name: &str| is_ready(&until_instance(&stage, name, "it is settled whose it is", settled).await);
    // Both may have claimed at once; in the end one has it.
    let (holder, other) = if has("one").await && !has("two").await { ("one", "two") } else { ("two", "one") };
    until_state(&stage, holder, "Running").await;
    let left = |object: &Value| ready_reason(object) == "OwnedByAnother" && condition(object, "Stalled").is_some();
    let told = until_instance(&stage, other, "it leaves it to the other one", left).await;
    assert!(stage::ready_message(&told).contains(&format!("belongs to object {holder}")), "{told}");
    stage.kubectl(&["delete", "amlci", other, "--timeout=60s"]).await;
    assert_eq!(stage.azure("GET", &path("bobs-box"), None).await.0, 200);

    stage.apply(&meaning(other, "TakeOver")).await;
    until_state(&stage, other, "Running").await;
    patch(&stage, holder, &json!({"powerState": "Stopped"})).await;
    until_instance(&stage, holder, "it was taken from it", left).await;
    stage.kubectl(&["delete", "amlci", holder, "--timeout=60s"]).await;
    assert_eq!(counts(&stage, "bobs-box"), [1, 0, 0, 0, 0], "the one PUT is the person's");
    until_state(&stage, other, "Running").await;
    stage.kubectl(&["delete", "amlci", other, "--timeout=60s"]).await;
    assert_eq!(stage.azure("GET", &path("bobs-box"), None).await.0, 404);
    assert_eq!(counts(&stage, "bobs-box"), [1, 0, 0, 0, 1]);
}
