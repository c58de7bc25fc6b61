//! The definitions against a real API server: what it accepts, what it refuses, and in which words.
//!
//! Must not list rules of its own: the rows stand beside the types, in src/api/tests/cases.

// A test that cannot go on fails: clippy's leave for tests does not reach the functions beside them.
#![allow(clippy::unwrap_used)]

#[path = "../src/api/tests/cases/mod.rs"]
mod cases;

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
    let smallest = vec![cases::cluster(), cases::instance(), cases::workspace(), cases::identity()];
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

    let api: Api<api::ComputeInstance> = Api::namespaced(client, &namespace);
    let object: api::ComputeInstance = serde_json::from_value(cases::instance()).unwrap();
    let created = api.create(&PostParams::default(), &object).await.unwrap();
    let defaults = json!({
        "workspaceRef": {"name": "research"}, "vmSize": "STANDARD_DS3_V2", "powerPolicy": "RespectSchedules",
        "managementPolicy": "Manage", "deletionPolicy": "Delete", "adoptionPolicy": "Never", "replacePolicy": "Never",
        "driftPolicy": "Correct",
    });
    assert_eq!(serde_json::to_value(&created.spec).unwrap(), defaults);
    assert_eq!(created.spec, object.spec);
}

fn reported() -> Value {
    let condition = |kind: &str, status: &str| {
        json!({"type": kind, "status": status, "reason": "Succeeded", "message": "as declared",
            "lastTransitionTime": "2026-01-01T00:00:00Z", "observedGeneration": 1})
    };
    json!({
        "observedGeneration": 1,
        "conditions": [condition("Ready", "True"), condition("Drifted", "False")],
        "azure": {"resourceId": "/subscriptions/s/computes/cpu-cluster", "location": "eastus",
            "provisioningState": "Succeeded", "createdAt": "2026-01-01T00:00:00.123Z",
            "firstReadyAt": "2026-01-01T00:00:00Z", "owned": true, "appliedGeneration": 1, "managedTags": ["a", "b"]},
        "provisioningErrors": [{"code": "Quota", "message": "too little"}, {"code": "Quota", "message": "too little"}],
        "operation": {"name": "Scale", "startedAt": "2026-01-01T00:00:00Z"},
        "identity": {"principalId": "p", "tenantId": "t", "clientIds": {"/subscriptions/s/a": "c"}},
        "plan": [{"field": "spec.vmSize", "from": "A", "to": "B", "how": "Refused"}],
        "advice": [{"reason": "MinimumNodesBillAlways", "message": "one node is always billed"}],
    })
}

/// What all computes report, and what this kind does beside it.
fn reported_with(own: &Value) -> Value {
    let mut status = reported();
    status.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
    status
}

fn reported_cluster() -> Value {
    reported_with(&json!({
        "allocationState": "Steady",
        "nodes": {"current": 3, "target": 4, "idle": 1, "running": 2, "preparing": 0, "unusable": 0, "leaving": 0,
            "preempted": 0},
    }))
}

fn reported_instance() -> Value {
    let user = json!({"objectId": "o", "tenantId": "t", "name": "Some Body"});
    reported_with(&json!({
        "powerState": "Running",
        "lastOperation": {"name": "Start", "status": "Succeeded", "trigger": "Schedule", "time": "2026-01-01T00:00:00Z"},
        "restartServed": "2026-01-01T00:00:00Z",
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

#[tokio::test]
async fn status_of_every_field_is_stored_as_reported() {
    let plane = plane().await;
    let client = plane.admin().await.unwrap();
    let namespace = plane.namespace("status").await.unwrap();
    for (object, status) in [(cases::cluster(), reported_cluster()), (cases::instance(), reported_instance())] {
        let kind = object["kind"].as_str().unwrap();
        let api = objects(&client, &namespace, api::GROUP, kind);
        let name = api.create(&PostParams::default(), &dynamic(&object)).await.unwrap().name_any();
        let patch = json!({"apiVersion": object["apiVersion"], "kind": kind, "status": status});
        let params = PatchParams::apply("test").force();
        let stored = api.patch_status(&name, &params, &Patch::Apply(patch)).await.unwrap();
        assert_eq!(stored.data["status"], status, "every field of {kind} is in the schema");
    }
    // And the types know every one of these fields.
    let cluster: api::ComputeClusterStatus = serde_json::from_value(reported_cluster()).unwrap();
    assert_eq!(serde_json::to_value(cluster).unwrap(), reported_cluster());
    let instance: api::ComputeInstanceStatus = serde_json::from_value(reported_instance()).unwrap();
    assert_eq!(serde_json::to_value(instance).unwrap(), reported_instance());
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
    let status = Patch::Merge(json!({"status": reported_cluster()}));
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

/// The definition as an older version might have been: no rules, no bounds, no defaults, in a group of its own.
fn loosened(group: &str) -> Value {
    fn strip(schema: &mut Value) {
        if let Some(fields) = schema.as_object_mut() {
            if fields.get("type").is_some_and(Value::is_string) {
                let gone =
                    ["x-kubernetes-validations", "maxLength", "minLength", "maximum", "minimum", "maxItems", "enum"];
                fields.retain(|name, _| !gone.contains(&name.as_str()) && name != "default" && name != "maxProperties");
            }
            fields.values_mut().for_each(strip);
        }
    }
    let mut crd = regrouped(group);
    strip(&mut crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]);
    crd
}

fn regrouped(group: &str) -> Value {
    let crd = api::all_crds().into_iter().find(|crd| crd.spec.names.kind == "ComputeCluster").unwrap();
    let mut crd = serde_json::to_value(crd).unwrap();
    crd["metadata"]["name"] = json!(format!("computeclusters.{group}"));
    crd["spec"]["group"] = json!(group);
    crd["spec"]["names"]["shortNames"] = json!([]);
    crd["spec"]["names"]["categories"] = json!([]);
    crd
}

#[tokio::test]
async fn object_from_before_a_rule_can_still_be_worked_on() {
    let plane = plane().await;
    let client = plane.admin().await.unwrap();
    let namespace = plane.namespace("older").await.unwrap();
    let group = "older.azureml.dev";
    plane.apply(&loosened(group).to_string()).await.unwrap();
    let crds: Api<CustomResourceDefinition> = Api::all(client.clone());
    let ready = async || {
        let name = format!("computeclusters.{group}");
        let args = ["wait", "--for=condition=Established", "crd", &name, "--timeout=60s"];
        assert!(plane.kubectl(&args).await.unwrap().status.success());
    };
    ready().await;
    let api = objects(&client, &namespace, group, "ComputeCluster");
    let mut old = cases::with(cases::cluster(), "spec.scale.idleTimeBeforeScaleDown", json!("soon"));
    old["apiVersion"] = json!(format!("{group}/v1alpha1"));
    let old = cases::with(old, "spec.tags", json!({"azureml-operator-uid": "x"}));
    let old = cases::with(old, "spec.vmPriority", json!("Spot"));
    let create = async || api.create(&PostParams::default(), &dynamic(&old)).await.map_err(|error| error.to_string());
    support::wait::until("the older kind to be served", std::time::Duration::from_secs(30), create).await.unwrap();

    let generation = crds.get(&format!("computeclusters.{group}")).await.unwrap().metadata.generation;
    plane.apply(&regrouped(group).to_string()).await.unwrap();
    assert_ne!(crds.get(&format!("computeclusters.{group}")).await.unwrap().metadata.generation, generation);
    let refused = async || {
        let other = cases::with(old.clone(), "metadata.name", json!("another"));
        let dry_run = PostParams { dry_run: true, ..PostParams::default() };
        match api.create(&dry_run, &dynamic(&other)).await {
            Ok(_) => Err("a new object like the old one is still accepted".to_owned()),
            Err(error) => Ok(error.to_string()),
        }
    };
    support::wait::until("the rules to hold", std::time::Duration::from_secs(30), refused).await.unwrap();

    let read = api.get("cpu-cluster").await.unwrap();
    assert_eq!(read.data["spec"]["replacePolicy"], "Never", "defaults appear on what is stored");
    assert_eq!(read.data["status"]["observedGeneration"], -1);
    let merge = async |patch: Value| api.patch("cpu-cluster", &PatchParams::default(), &Patch::Merge(patch)).await;
    merge(json!({"metadata": {"finalizers": [api::annotations::FINALIZER]}})).await.unwrap();
    merge(json!({"spec": {"scale": {"maxNodes": 8}}})).await.unwrap();
    let status = Patch::Merge(json!({"status": reported_cluster()}));
    api.patch_status("cpu-cluster", &PatchParams::default(), &status).await.unwrap();
    let mended = json!({"spec": {"scale": {"idleTimeBeforeScaleDown": "40m"}, "tags": null}});
    merge(mended).await.unwrap();
    api.delete("cpu-cluster", &DeleteParams::default()).await.unwrap();
    merge(json!({"metadata": {"finalizers": []}})).await.unwrap();
    assert!(api.get_opt("cpu-cluster").await.unwrap().is_none(), "it is gone with its finalizer");
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
        let ids = spec["identity"]["userAssigned"].as_array().into_iter().flatten().chain([&spec["subnet"]["id"]]);
        for id in ids.filter_map(Value::as_str) {
            assert!(arm::ResourceId::parse(id).is_ok(), "{}: {id}", case.name);
        }
        let name = spec["azureName"].as_str().or(case.object["metadata"]["name"].as_str()).unwrap();
        for zone in
            spec["schedules"].as_array().into_iter().flatten().filter_map(|schedule| schedule["timeZone"].as_str())
        {
            assert!(api::windows_zone(zone).is_some(), "{}: {zone}", case.name);
        }
        if ["ComputeCluster", "ComputeInstance"].contains(&case.object["kind"].as_str().unwrap()) {
            let workspace = arm::WorkspaceId::parse(cases::WORKSPACE).unwrap();
            assert!(workspace.compute(name).is_ok(), "{}: {name}", case.name);
        }
    }
}
