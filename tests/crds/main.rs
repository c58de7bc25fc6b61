//! The definitions against a real API server: what it accepts, what it refuses, and in which words.
//!
//! Must not list rules of its own: the rows stand beside the types, in src/api/tests/cases.

// A test that cannot go on fails: clippy's leave for tests does not reach the functions beside them.
#![allow(clippy::unwrap_used)]

#[path = "../../src/api/tests/cases/mod.rs"]
mod cases;
mod older;
mod reports;

use cases::{Case, Verdict};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};
use support::plane::Plane;
use tokio::sync::OnceCell;

/// The plane with our definitions; the first test installs them, as a user would, and checks that kubectl was silent.
async fn plane() -> &'static Plane {
    static INSTALLED: OnceCell<()> = OnceCell::const_new();
    let plane = Plane::shared().await.unwrap();
    let install = || async {
        for crd in api::all_crds() {
            let yaml = api::to_yaml(&crd).unwrap();
            let output = plane.kubectl_with(&["apply", "--server-side", "-f", "-"], &yaml).await.unwrap();
            assert!(output.status.success(), "{}", output.stderr);
            assert_eq!(output.stderr, "", "the API server warns about {}", crd.name_any());
        }
        let wait = ["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"];
        let output = plane.kubectl(&wait).await.unwrap();
        assert!(output.status.success(), "{}", output.stderr);
    };
    INSTALLED.get_or_init(install).await;
    plane
}

fn objects(client: &Client, namespace: &str, group: &str, kind: &str) -> Api<DynamicObject> {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, api::VERSION, kind));
    Api::namespaced_with(client.clone(), namespace, &resource)
}

/// The smallest object of each kind.
fn smallest() -> Vec<Value> {
    let smallest =
        vec![cases::attached("Batch"), cases::cluster(), cases::instance(), cases::workspace(), cases::identity()];
    assert_eq!(smallest.len(), api::all_crds().len(), "one of each kind");
    smallest
}

fn dynamic(object: &Value) -> DynamicObject {
    serde_json::from_value(object.clone()).unwrap()
}

/// What the API server says; `Ok` if it accepts.
async fn put(client: &Client, namespace: &str, case: &Case) -> Result<(), String> {
    let kind = case.object["kind"].as_str().unwrap();
    let api = objects(client, namespace, api::GROUP, kind);
    let dry_run = PostParams { dry_run: true, ..PostParams::default() };
    let Some(old) = &case.old else {
        return api.create(&dry_run, &dynamic(&case.object)).await.map(drop).map_err(|error| error.to_string());
    };
    let stored = api.create(&PostParams::default(), &dynamic(old)).await.unwrap();
    let mut new = dynamic(&case.object);
    new.metadata.resource_version = stored.resource_version();
    let answer = api.replace(&stored.name_any(), &dry_run, &new).await.map(drop).map_err(|error| error.to_string());
    api.delete(&stored.name_any(), &DeleteParams::default()).await.unwrap();
    answer
}

#[tokio::test]
async fn api_server_accepts_and_refuses_as_the_table_says() {
    let plane = plane().await;
    let client = plane.admin().await.unwrap();
    let namespace = plane.namespace("rules").await.unwrap();
    let (mut wrong, mut rows) = (Vec::new(), 0);
    for case in cases::all() {
        rows += 1;
        let answer = put(&client, &namespace, &case).await;
        let right = match (&case.verdict, &answer) {
            (Verdict::Accepted, answer) => answer.is_ok(),
            (Verdict::Rule(part) | Verdict::Schema(part), Err(message)) => message.contains(part),
            (Verdict::Rule(_) | Verdict::Schema(_), Ok(())) => false,
        };
        if !right {
            wrong.push(format!("{}: wanted {:?}, got {answer:?}", case.name, case.verdict));
        }
    }
    println!("{rows} rows put to the API server");
    assert!(wrong.is_empty(), "{} of {rows} rows are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test]
async fn refused_public_key_is_not_repeated() {
    let plane = plane().await;
    let client = plane.admin().await.unwrap();
    let namespace = plane.namespace("secret").await.unwrap();
    let ssh = json!({"enabled": true, "publicKey": {"value": "-----BEGIN OPENSSH PRIVATE KEY-----\nhunter2"}});
    let object = cases::with(cases::cluster(), "spec.ssh", ssh);
    let case = Case { name: String::new(), old: None, object, verdict: Verdict::Accepted };
    let message = put(&client, &namespace, &case).await.unwrap_err();
    assert!(
        message.contains("spec.ssh.publicKey.value: Forbidden: `ssh.publicKey.value` must be one public"),
        "{message}"
    );
    assert!(!message.contains("hunter2"), "{message}");
}

#[tokio::test]
async fn definitions_are_established_and_structural() {
    let plane = plane().await;
    let api: Api<CustomResourceDefinition> = Api::all(plane.admin().await.unwrap());
    for crd in api::all_crds() {
        let name = crd.name_any();
        let conditions = api.get(&name).await.unwrap().status.unwrap().conditions.unwrap();
        let status = |kind: &str| {
            conditions.iter().find(|condition| condition.type_ == kind).map(|condition| condition.status.clone())
        };
        assert_eq!(status("Established").as_deref(), Some("True"), "{name}");
        assert_eq!(status("NamesAccepted").as_deref(), Some("True"), "{name}");
        assert_eq!(status("NonStructuralSchema"), None, "{name}: {conditions:?}");
    }
}

#[tokio::test]
async fn new_object_says_that_it_was_never_reported() {
    let plane = plane().await;
    let client = plane.admin().await.unwrap();
    let namespace = plane.namespace("fresh").await.unwrap();
    for object in smallest() {
        let api = objects(&client, &namespace, api::GROUP, object["kind"].as_str().unwrap());
        let created = api.create(&PostParams::default(), &dynamic(&object)).await.unwrap();
        let read = api.get(&created.name_any()).await.unwrap();
        for answer in [created, read] {
            assert_eq!(answer.data["status"], json!({"observedGeneration": -1}), "{}", object["kind"]);
        }
    }
}

#[tokio::test]
async fn defaults_are_the_policies_and_nothing_azure_defaults() {
    let plane = plane().await;
    let client = plane.admin().await.unwrap();
    let namespace = plane.namespace("defaults").await.unwrap();
    let api: Api<api::ComputeCluster> = Api::namespaced(client.clone(), &namespace);
    let object: api::ComputeCluster = serde_json::from_value(cases::cluster()).unwrap();
    let created = api.create(&PostParams::default(), &object).await.unwrap();
    let defaults = json!({
        "workspaceRef": {"name": "research"}, "vmSize": "STANDARD_D2_V2", "scale": {"maxNodes": 4},
        "managementPolicy": "Manage", "deletionPolicy": "Delete", "adoptionPolicy": "Never", "replacePolicy": "Never",
        "driftPolicy": "Correct",
    });
    assert_eq!(serde_json::to_value(&created.spec).unwrap(), defaults);
    // Typed defaults and those of the schema must not differ: the operator also reads objects from files.
    assert_eq!(created.spec, object.spec);

    let api: Api<api::ComputeInstance> = Api::namespaced(client.clone(), &namespace);
    let object: api::ComputeInstance = serde_json::from_value(cases::instance()).unwrap();
    let created = api.create(&PostParams::default(), &object).await.unwrap();
    let defaults = json!({
        "workspaceRef": {"name": "research"}, "vmSize": "STANDARD_DS3_V2", "powerPolicy": "RespectSchedules",
        "managementPolicy": "Manage", "deletionPolicy": "Delete", "adoptionPolicy": "Never", "replacePolicy": "Never",
        "driftPolicy": "Correct",
    });
    assert_eq!(serde_json::to_value(&created.spec).unwrap(), defaults);
    assert_eq!(created.spec, object.spec);

    let api: Api<api::AttachedCompute> = Api::namespaced(client, &namespace);
    let object: api::AttachedCompute = serde_json::from_value(cases::attached("Batch")).unwrap();
    let created = api.create(&PostParams::default(), &object).await.unwrap();
    assert_eq!(created.spec, object.spec);
    assert_eq!(serde_json::to_value(created.spec.deletion_policy).unwrap(), "Detach");
}

#[tokio::test]
async fn kubectl_shows_the_columns_people_need() {
    let plane = plane().await;
    let client = plane.admin().await.unwrap();
    let namespace = plane.namespace("columns").await.unwrap();
    for object in smallest() {
        let api = objects(&client, &namespace, api::GROUP, object["kind"].as_str().unwrap());
        api.create(&PostParams::default(), &dynamic(&object)).await.unwrap();
    }
    let api = objects(&client, &namespace, api::GROUP, "ComputeCluster");
    let status = Patch::Merge(json!({"status": reports::cluster()}));
    api.patch_status("cpu-cluster", &PatchParams::default(), &status).await.unwrap();
    let get = async |args: &[&str]| {
        let output = plane.kubectl(&[&["get", "-n", &namespace], args].concat()).await.unwrap();
        let lines = output.stdout.lines().map(|line| line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()));
        lines.map(|cells| cells.map(str::to_owned).collect::<Vec<_>>()).collect::<Vec<_>>()
    };
    let table = get(&["amlcc"]).await;
    assert_eq!(table[0], ["NAME", "READY", "REASON", "STATE", "NODES", "VM SIZE", "WORKSPACE", "AGE"]);
    assert_eq!(table[1][..7], ["cpu-cluster", "True", "Succeeded", "Succeeded", "3", "STANDARD_D2_V2", "research"]);
    let wide = get(&["amlcc", "-o", "wide"]).await;
    assert_eq!(wide[0][8..], ["ARM ID", "MESSAGE"]);
    assert_eq!(wide[1][8..], ["/subscriptions/s/computes/cpu-cluster", "as declared"]);
    assert_eq!(get(&["amlws"]).await[0], ["NAME", "READY", "REASON", "LOCATION", "AGE"]);
    assert_eq!(get(&["amlws", "-o", "wide"]).await[0][5..], ["RESOURCE ID", "MESSAGE"]);
    assert_eq!(get(&["azid"]).await[0], ["NAME", "READY", "REASON", "TYPE", "AGE"]);
    assert_eq!(get(&["amlac"]).await[0], ["NAME", "READY", "REASON", "STATE", "TYPE", "WORKSPACE", "AGE"]);
    assert_eq!(get(&["amlac", "-o", "wide"]).await[0][7..], ["ATTACHED", "ARM ID", "MESSAGE"]);
    assert_eq!(get(&["amlci"]).await[0], ["NAME", "READY", "REASON", "STATE", "VM SIZE", "WORKSPACE", "AGE"]);
    assert_eq!(get(&["amlci", "-o", "wide"]).await[0][7..], ["OPENABLE BY", "ARM ID", "MESSAGE"]);
    let all = plane.kubectl(&["get", "-n", &namespace, "azureml", "-o", "name"]).await.unwrap().stdout;
    assert_eq!(all.lines().count(), smallest().len(), "the category names all kinds: {all}");
}

#[tokio::test]
async fn clusters_of_a_workspace_are_found_by_field_selector() {
    let plane = plane().await;
    let client = plane.admin().await.unwrap();
    let namespace = plane.namespace("select").await.unwrap();
    let api = objects(&client, &namespace, api::GROUP, "ComputeCluster");
    for (name, workspace) in [("cluster-a", "research"), ("cluster-b", "other")] {
        let object = cases::with(cases::cluster(), "metadata.name", json!(name));
        let object = cases::with(object, "spec.workspaceRef.name", json!(workspace));
        api.create(&PostParams::default(), &dynamic(&object)).await.unwrap();
    }
    let found = api.list(&kube::api::ListParams::default().fields("spec.workspaceRef.name=other")).await.unwrap();
    assert_eq!(found.items.iter().map(ResourceExt::name_any).collect::<Vec<_>>(), ["cluster-b"]);
}

#[tokio::test]
async fn instances_are_found_by_their_user_and_workspace() {
    let plane = plane().await;
    let client = plane.admin().await.unwrap();
    let namespace = plane.namespace("mine").await.unwrap();
    let api = objects(&client, &namespace, api::GROUP, "ComputeInstance");
    let other = cases::with(cases::person(), "objectId", json!("55555555-5555-5555-5555-555555555555"));
    for (name, workspace, user) in [
        ("mine-here", "research", Some(cases::person())),
        ("mine-there", "other", Some(cases::person())),
        ("theirs", "research", Some(other)),
        ("nobodys", "research", None),
    ] {
        let object = cases::with(cases::instance(), "metadata.name", json!(name));
        let object = cases::with(object, "spec.workspaceRef.name", json!(workspace));
        let object = cases::with(object, "spec.assignedUser", json!(user));
        api.create(&PostParams::default(), &dynamic(&object)).await.unwrap();
    }
    let get = async |selector: &str| {
        let args = ["get", "-n", &namespace, "amlci", "-o", "name", "--field-selector", selector];
        let output = plane.kubectl(&args).await.unwrap();
        assert!(output.status.success(), "{}", output.stderr);
        let names = output.stdout.lines().filter_map(|line| line.split('/').nth(1).map(str::to_owned));
        names.collect::<Vec<_>>()
    };
    let mine = "spec.assignedUser.objectId=44444444-4444-4444-4444-444444444444";
    assert_eq!(get(mine).await, ["mine-here", "mine-there"]);
    assert_eq!(get(&format!("{mine},spec.workspaceRef.name=other")).await, ["mine-there"]);
    assert_eq!(get("spec.assignedUser.objectId=").await, ["nobodys"]);
}

#[test]
fn what_the_rules_accept_is_understood() {
    // Admission and the operator read the same texts with two programs: they must not disagree.
    for case in cases::all().into_iter().filter(|case| matches!(case.verdict, Verdict::Accepted)) {
        let spec = &case.object["spec"];
        for path in [
            "/scale/idleTimeBeforeScaleDown",
            "/observeInterval",
            "/idleTimeBeforeShutdown",
            "/setupScripts/creation/timeout",
        ] {
            if let Some(text) = spec.pointer(path).and_then(Value::as_str) {
                assert!(arm::parse_duration(text).is_some(), "{}: {text}", case.name);
            }
        }
        if let Some(id) = spec["resourceId"].as_str() {
            assert!(arm::WorkspaceId::parse(id).is_ok(), "{}: {id}", case.name);
        }
        let members = spec.as_object().unwrap().values().chain([&spec["aks"]["attach"]]);
        let ids = spec["identity"]["userAssigned"].as_array().into_iter().flatten().chain([&spec["subnet"]["id"]]);
        let ids = ids.chain(members.map(|member| &member["resourceId"]));
        for id in ids.filter_map(Value::as_str) {
            assert!(arm::ResourceId::parse(id).is_ok(), "{}: {id}", case.name);
        }
        let name = spec["azureName"].as_str().or(case.object["metadata"]["name"].as_str()).unwrap();
        for zone in
            spec["schedules"].as_array().into_iter().flatten().filter_map(|schedule| schedule["timeZone"].as_str())
        {
            assert!(api::windows_zone(zone).is_some(), "{}: {zone}", case.name);
        }
        if ["AttachedCompute", "ComputeCluster", "ComputeInstance"].contains(&case.object["kind"].as_str().unwrap()) {
            let workspace = arm::WorkspaceId::parse(cases::WORKSPACE).unwrap();
            assert!(workspace.compute(name).is_ok(), "{}: {name}", case.name);
        }
    }
}
