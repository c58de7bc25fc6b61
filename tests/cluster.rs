//! A ComputeCluster from apply to gone, on a real control plane and the emulator.
//!
//! Must not look inside the operator: only at objects and at what Azure was asked.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what a test stands on fails as the test itself does")]

mod stage;

use serde_json::json;
use stage::{Stage, cluster, condition, path, ready_reason};

#[tokio::test(flavor = "multi_thread")]
async fn cluster_becomes_ready_by_one_put() {
    let stage = Stage::start("create").await;
    stage.apply(&cluster("cpu-cluster", &json!({}))).await;
    let object = stage.until_ready("cpu-cluster").await;

    let puts = stage.requests("PUT", "/computes/cpu-cluster");
    assert_eq!(puts.len(), 1, "{puts:?}");
    let sent = puts[0].request_body.clone();
    assert_eq!(sent["location"], "eastus");
    assert_eq!(sent["properties"]["computeLocation"], "eastus");
    assert_eq!(
        sent["properties"]["properties"],
        json!({"vmSize": "STANDARD_D2_V2", "scaleSettings": {"maxNodeCount": 4}})
    );
    assert_eq!(object["status"]["azure"]["provisioningState"], "Succeeded");
    assert_eq!(object["status"]["azure"]["owned"], true);
    assert_eq!(condition(&object, "Reconciling"), None);
    assert_eq!(ready_reason(&object), "AsDeclared");
    let (status, azure) = stage.azure("GET", &path("cpu-cluster"), None).await;
    assert_eq!((status, &azure["tags"]["azureml-operator-uid"]), (200, &object["metadata"]["uid"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn scale_change_costs_one_patch_with_all_three_fields() {
    let stage = Stage::start("scale").await;
    stage.apply(&cluster("cpu-cluster", &json!({"scale": {"maxNodes": 4, "idleTimeBeforeScaleDown": "40m"}}))).await;
    stage.until_ready("cpu-cluster").await;
    let patch = r#"{"spec":{"scale":{"maxNodes":6}}}"#;
    stage.kubectl(&["patch", "amlcc", "cpu-cluster", "--type=merge", "-p", patch]).await;
    let object = stage.until_ready("cpu-cluster").await;

    assert_eq!(object["metadata"]["generation"], 2);
    let patches = stage.requests("PATCH", "/computes/cpu-cluster");
    assert_eq!(patches.len(), 1, "{patches:?}");
    let scale = &patches[0].request_body["properties"]["properties"]["scaleSettings"];
    assert_eq!(*scale, json!({"maxNodeCount": 6, "minNodeCount": 0, "nodeIdleTimeBeforeScaleDown": "PT40M"}));
    assert_eq!(stage.requests("PUT", "/computes/").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_of_others_survive_and_tags_that_leave_the_spec_go() {
    let stage = Stage::start("tags").await;
    stage.apply(&cluster("cpu-cluster", &json!({"tags": {"team": "vision", "cost": "42"}}))).await;
    stage.until_ready("cpu-cluster").await;
    let (_, mut seen) = stage.azure("GET", &path("cpu-cluster"), None).await;
    seen["tags"]["finance"] = json!("approved");
    assert_eq!(stage.azure("PUT", &path("cpu-cluster"), Some(&seen)).await.0, 201);

    let patch = r#"{"spec":{"tags":{"cost":null,"team":"speech"}}}"#;
    stage.kubectl(&["patch", "amlcc", "cpu-cluster", "--type=merge", "-p", patch]).await;
    stage.until_ready("cpu-cluster").await;
    let azure = stage.until_azure("cpu-cluster", "tags are merged", |c| c["tags"]["team"] == "speech").await;
    assert_eq!(azure["tags"]["finance"], "approved");
    assert_eq!(azure["tags"]["cost"], serde_json::Value::Null);
    assert_eq!(azure["properties"]["properties"]["scaleSettings"]["maxNodeCount"], 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn identity_is_added_changed_and_removed() {
    let stage = Stage::start("identity").await;
    stage.apply(&cluster("cpu-cluster", &json!({}))).await;
    stage.until_ready("cpu-cluster").await;
    stage.apply(&cluster("cpu-cluster", &json!({"identity": {"type": "SystemAssigned"}}))).await;
    let with = |what: &'static str, id: &'static str| (what, id);
    let (what, principal) = with("a principal is reported", "/status/identity/principalId");
    let object =
        stage.until_cluster("cpu-cluster", what, |o| o.pointer(principal).is_some() && stage::is_ready(o)).await;
    assert!(object["status"]["identity"]["tenantId"].is_string());

    let user = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/ml/providers/Microsoft.ManagedIdentity/userAssignedIdentities/trainer";
    stage.apply(&cluster("cpu-cluster", &json!({"identity": {"type": "UserAssigned", "userAssigned": [user]}}))).await;
    let has_client =
        |o: &serde_json::Value| o["status"]["identity"]["clientIds"].as_object().is_some_and(|c| c.len() == 1);
    stage.until_cluster("cpu-cluster", "a client id is reported", |o| has_client(o) && stage::is_ready(o)).await;

    // The block leaves the manifest: what this object set is taken away again.
    stage.apply(&cluster("cpu-cluster", &json!({}))).await;
    stage
        .until_cluster("cpu-cluster", "no identity", |o| o["status"]["identity"].is_null() && stage::is_ready(o))
        .await;
    assert_eq!(stage.requests("PUT", "/computes/").len(), 4, "one create and three changes");
}

#[tokio::test(flavor = "multi_thread")]
async fn drift_is_corrected_or_reported_by_policy() {
    let stage = Stage::start("drift").await;
    stage.apply(&cluster("corrected", &json!({}))).await;
    stage.apply(&cluster("reported", &json!({"driftPolicy": "Report"}))).await;
    stage.until_ready("corrected").await;
    stage.until_ready("reported").await;
    let scale = json!({"properties": {"properties": {"scaleSettings": {"maxNodeCount": 9, "minNodeCount": 0, "nodeIdleTimeBeforeScaleDown": "PT2M"}}}});
    for name in ["corrected", "reported"] {
        assert_eq!(stage.azure("PATCH", &path(name), Some(&scale)).await.0, 202);
    }
    let max = "/properties/properties/scaleSettings/maxNodeCount";
    stage.until_azure("corrected", "the drift is corrected", |c| c.pointer(max) == Some(&json!(4))).await;
    let object = stage
        .until_cluster("reported", "drift is reported", |o| {
            condition(o, "Drifted").is_some_and(|c| c["status"] == "True")
        })
        .await;
    assert_eq!(ready_reason(&object), "Drifted");
    assert!(stage::is_ready(&object));
    assert_eq!(
        object["status"]["plan"][0],
        json!({"field": "spec.scale.maxNodes", "from": "9", "to": "4", "how": "InPlace"})
    );
    assert_eq!(stage.azure("GET", &path("reported"), None).await.1.pointer(max), Some(&json!(9)));
    // A new generation is no drift: it is carried out.
    let patch = r#"{"spec":{"scale":{"maxNodes":5}}}"#;
    stage.kubectl(&["patch", "amlcc", "reported", "--type=merge", "-p", patch]).await;
    stage.until_azure("reported", "the new generation is carried out", |c| c.pointer(max) == Some(&json!(5))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn existing_cluster_is_left_alone_until_adopted_and_then_only_tagged() {
    let stage = Stage::start("adopt").await;
    let body = json!({"location": "eastus", "tags": {"by": "hand"}, "properties": {"computeType": "AmlCompute", "properties": {
        "vmSize": "STANDARD_D2_V2", "scaleSettings": {"maxNodeCount": 4, "minNodeCount": 1, "nodeIdleTimeBeforeScaleDown": "PT7M"}}}});
    assert_eq!(stage.azure("PUT", &path("byhand"), Some(&body)).await.0, 201);
    stage.until_azure("byhand", "made by hand", |c| c["properties"]["provisioningState"] == "Succeeded").await;
    stage.emulator.clear_journal();

    stage.apply(&cluster("byhand", &json!({}))).await;
    let object = stage.until_reason("byhand", "NotOurs").await;
    assert!(condition(&object, "Stalled").is_some());
    assert!(object["metadata"]["finalizers"].is_null(), "{}", object["metadata"]);
    assert_eq!(stage.writes(), Vec::<String>::new());

    stage.kubectl(&["patch", "amlcc", "byhand", "--type=merge", "-p", r#"{"spec":{"adoptionPolicy":"Adopt"}}"#]).await;
    let object = stage.until_ready("byhand").await;
    assert_eq!(stage.writes(), ["PUT byhand"]);
    let (_, azure) = stage.azure("GET", &path("byhand"), None).await;
    assert_eq!(azure["tags"]["by"], "hand");
    assert_eq!(azure["tags"]["azureml-operator-uid"], object["metadata"]["uid"]);
    let scale = &azure["properties"]["properties"]["scaleSettings"];
    assert_eq!((&scale["minNodeCount"], &scale["nodeIdleTimeBeforeScaleDown"]), (&json!(1), &json!("PT7M")));
}

#[tokio::test(flavor = "multi_thread")]
async fn observed_cluster_is_reported_and_never_written() {
    let stage = Stage::start("observe").await;
    let body = json!({"location": "eastus", "properties": {"computeType": "AmlCompute", "properties": {
        "vmSize": "STANDARD_D2_V2", "scaleSettings": {"maxNodeCount": 2}}}});
    assert_eq!(stage.azure("PUT", &path("theirs"), Some(&body)).await.0, 201);
    stage.until_azure("theirs", "made by hand", |c| c["properties"]["provisioningState"] == "Succeeded").await;
    stage.emulator.clear_journal();
    stage.apply(&cluster("theirs", &json!({"managementPolicy": "Observe"}))).await;
    let object = stage.until_ready("theirs").await;
    assert_eq!(ready_reason(&object), "Observed");
    assert_eq!(object["status"]["plan"][0]["field"], "spec.scale.maxNodes");
    stage.kubectl(&["delete", "amlcc", "theirs", "--timeout=30s"]).await;
    assert_eq!(stage.writes(), Vec::<String>::new());
    assert_eq!(stage.azure("GET", &path("theirs"), None).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_object_takes_its_cluster_along_and_retained_one_leaves_it() {
    let stage = Stage::start("delete").await;
    stage.apply(&cluster("gone", &json!({}))).await;
    stage.apply(&cluster("kept", &json!({"deletionPolicy": "Retain"}))).await;
    stage.until_ready("gone").await;
    stage.until_ready("kept").await;
    stage.kubectl(&["delete", "amlcc", "gone", "kept", "--timeout=60s"]).await;
    assert_eq!(stage.azure("GET", &path("gone"), None).await.0, 404);
    assert_eq!(stage.azure("GET", &path("kept"), None).await.0, 200);
    let deletes = stage.requests("DELETE", "/computes/");
    assert_eq!(deletes.len(), 1);
    assert!(deletes[0].query.contains("underlyingResourceAction=Delete"), "{}", deletes[0].query);
}

#[tokio::test(flavor = "multi_thread")]
async fn cluster_deleted_while_it_is_made_leaves_nothing() {
    // Azure takes 10 s at least, so that the delete comes within the create.
    let stage = Stage::in_real_time("delete-early").await;
    stage.apply(&cluster("brief", &json!({}))).await;
    stage.until_reason("brief", "Creating").await;
    stage.kubectl(&["delete", "amlcc", "brief", "--wait=false"]).await;
    stage.until_azure("brief", "it is being deleted", |c| c["properties"]["provisioningState"] == "Deleting").await;
    stage.emulator.advance(jiff::SignedDuration::from_mins(5));
    stage.until_gone("computecluster", "brief").await;
    assert_eq!(stage.azure("GET", &path("brief"), None).await.0, 404);
    assert_eq!(stage.requests("PUT", "/computes/").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn cluster_deleted_behind_our_back_is_made_again() {
    let stage = Stage::start("behind").await;
    stage.apply(&cluster("cpu-cluster", &json!({}))).await;
    let before = stage.until_ready("cpu-cluster").await;
    let delete = format!("{}?underlyingResourceAction=Delete", path("cpu-cluster"));
    assert_eq!(stage.azure("DELETE", &delete, None).await.0, 202);
    let created = "/status/azure/createdAt";
    let again = |o: &serde_json::Value| stage::is_ready(o) && o.pointer(created) != before.pointer(created);
    stage.until_cluster("cpu-cluster", "another incarnation is Ready", again).await;
    assert_eq!(stage.requests("PUT", "/computes/").len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn immutable_change_is_refused_and_recreated_by_opt_in() {
    let stage = Stage::start("recreate").await;
    stage.apply(&cluster("cpu-cluster", &json!({}))).await;
    let before = stage.until_ready("cpu-cluster").await;
    let changed = cluster("cpu-cluster", &json!({"vmSize": "STANDARD_D3_V2"}));
    let namespaced = namespaced(&changed, &stage.namespace);
    let refusal = stage.plane.apply_expecting_refusal(&namespaced).await.unwrap();
    assert!(refusal.contains("spec.vmSize") && refusal.contains("replacePolicy"), "{refusal}");

    stage.apply(&cluster("cpu-cluster", &json!({"vmSize": "STANDARD_D3_V2", "replacePolicy": "Recreate"}))).await;
    let object = stage.until_ready("cpu-cluster").await;
    assert_ne!(object["status"]["azure"]["createdAt"], before["status"]["azure"]["createdAt"]);
    let (_, azure) = stage.azure("GET", &path("cpu-cluster"), None).await;
    assert_eq!(azure["properties"]["properties"]["vmSize"], "STANDARD_D3_V2");
    assert_eq!(stage.writes(), ["PUT cpu-cluster", "DELETE cpu-cluster", "PUT cpu-cluster"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn paused_object_writes_nothing_and_goes_on_when_released() {
    let stage = Stage::start("pause").await;
    stage.apply(&cluster("cpu-cluster", &json!({}))).await;
    stage.until_ready("cpu-cluster").await;
    stage.kubectl(&["annotate", "amlcc", "cpu-cluster", "compute.azureml.dev/paused=true"]).await;
    stage.until_cluster("cpu-cluster", "it is paused", |o| condition(o, "Paused").is_some()).await;
    stage
        .kubectl(&["patch", "amlcc", "cpu-cluster", "--type=merge", "-p", r#"{"spec":{"scale":{"maxNodes":7}}}"#])
        .await;
    stage.kubectl(&["delete", "amlcc", "cpu-cluster", "--wait=false"]).await;
    let object =
        stage.until_cluster("cpu-cluster", "it is deleting", |o| o["metadata"]["deletionTimestamp"].is_string()).await;
    assert_ne!(object["status"]["observedGeneration"], object["metadata"]["generation"]);
    stage.rest(5).await;
    assert_eq!(stage.writes(), ["PUT cpu-cluster"]);
    stage.kubectl(&["annotate", "amlcc", "cpu-cluster", "compute.azureml.dev/paused-"]).await;
    stage.until_gone("computecluster", "cpu-cluster").await;
    assert_eq!(stage.writes(), ["PUT cpu-cluster", "DELETE cpu-cluster"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_intervals_at_rest_write_nothing() {
    let stage = Stage::start("rest").await;
    stage.apply(&cluster("cpu-cluster", &json!({"tags": {"team": "vision"}}))).await;
    stage.until_ready("cpu-cluster").await;
    // One interval of grace: the shared look may be older than the last change.
    stage.rest(2).await;
    let versions = stage.versions().await;
    stage.emulator.clear_journal();
    stage.rest(30).await;
    assert_eq!(stage.writes(), Vec::<String>::new());
    assert_eq!(stage.versions().await, versions);
}

#[tokio::test(flavor = "multi_thread")]
async fn ssh_key_from_a_secret_and_low_priority_reach_azure() {
    let stage = Stage::start("ssh").await;
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILSfnLwtsDGmaKjmpxZEaVr/ydAN7PQVVdSD2JjA5WZQ me@home";
    stage.apply(&json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "ssh"}, "stringData": {"key": key, "password": "Sup3r-s3cret!"}}).to_string()).await;
    let spec = json!({"vmSize": "STANDARD_NC4AS_T4_V3", "vmPriority": "LowPriority", "location": "westeurope",
        "ssh": {"enabled": true, "adminUsername": "mladmin", "publicKey": {"secretRef": {"name": "ssh", "key": "key"}},
                "password": {"secretRef": {"name": "ssh", "key": "password"}}}});
    stage.apply(&cluster("gpu-cluster", &spec)).await;
    let object = stage.until_ready("gpu-cluster").await;
    let sent = stage.requests("PUT", "/computes/gpu-cluster")[0].request_body.clone();
    assert_eq!((&sent["location"], &sent["properties"]["computeLocation"]), (&json!("eastus"), &json!("westeurope")));
    let user = &sent["properties"]["properties"]["userAccountCredentials"];
    assert_eq!((&user["adminUserName"], &user["adminUserSshPublicKey"]), (&json!("mladmin"), &json!(key)));
    let everything =
        format!("{object}{}{}", stage.kubectl(&["get", "events", "-o", "json"]).await, stage.operator().log());
    assert!(!everything.contains("Sup3r-s3cret!") && !everything.contains("emulator-client-secret"));
    assert_eq!(object["status"]["azure"]["location"], "westeurope");
}

#[tokio::test(flavor = "multi_thread")]
async fn namespace_with_everything_in_it_goes_and_leaves_nothing_in_azure() {
    let stage = Stage::start("namespace").await;
    stage.apply(&cluster("cpu-cluster", &json!({}))).await;
    stage.until_ready("cpu-cluster").await;
    let secret = stage.get("secret", "azure").await.unwrap();
    assert!(secret["metadata"]["finalizers"].to_string().contains("compute.azureml.dev/in-use"));
    let plane = stage.plane;
    let namespace = stage.namespace.clone();
    let output = plane.kubectl(&["delete", "namespace", &namespace, "--timeout=60s"]).await.unwrap();
    assert!(output.status.success(), "{}\n{}", output.stderr, stage.operator().log_tail(60));
    assert_eq!(stage.azure("GET", &path("cpu-cluster"), None).await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_and_wait_tell_people_how_it_stands() {
    let stage = Stage::start("columns").await;
    stage.apply(&cluster("cpu-cluster", &json!({}))).await;
    stage.kubectl(&["wait", "--for=condition=Ready", "amlcc/cpu-cluster", "--timeout=60s"]).await;
    let table = stage.kubectl(&["get", "amlcc"]).await;
    for column in ["READY", "REASON", "STATE", "NODES", "VM SIZE", "WORKSPACE", "AGE"] {
        assert!(table.contains(column), "{column} in\n{table}");
    }
    for value in ["cpu-cluster", "True", "AsDeclared", "Succeeded", "0", "STANDARD_D2_V2", "research"] {
        assert!(table.contains(value), "{value} in\n{table}");
    }
}

/// The same object with a namespace of its own, for calls that take none.
fn namespaced(object: &str, namespace: &str) -> String {
    let mut object: serde_json::Value = serde_json::from_str(object).unwrap();
    object["metadata"]["namespace"] = json!(namespace);
    object.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn reconcile_now_looks_at_once_however_long_the_intervals_are() {
    let flags = [("observe-interval", "1h"), ("requeue-interval", "1h")];
    let stage = Stage::with("now", stage::seed(), &flags).await;
    stage.apply(&cluster("cpu-cluster", &json!({}))).await;
    stage.until_ready("cpu-cluster").await;
    let scale = json!({"properties": {"properties": {"scaleSettings": {"maxNodeCount": 9, "minNodeCount": 0, "nodeIdleTimeBeforeScaleDown": "PT2M"}}}});
    assert_eq!(stage.azure("PATCH", &path("cpu-cluster"), Some(&scale)).await.0, 202);
    let max = "/properties/properties/scaleSettings/maxNodeCount";
    stage.until_azure("cpu-cluster", "the drift is there", |c| c.pointer(max) == Some(&json!(9))).await;
    stage.kubectl(&["annotate", "amlcc", "cpu-cluster", "compute.azureml.dev/reconcile-requested-at=now"]).await;
    stage.until_azure("cpu-cluster", "the drift is corrected", |c| c.pointer(max) == Some(&json!(4))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn restart_of_the_operator_changes_nothing_that_is_stored() {
    let mut stage = Stage::start("restart").await;
    stage.apply(&cluster("cpu-cluster", &json!({}))).await;
    stage.until_ready("cpu-cluster").await;
    stage.rest(2).await;
    let versions = stage.versions().await;
    stage.emulator.clear_journal();
    for _ in 0..3 {
        stage.operator().kill().unwrap();
        stage.start_operator().await;
        stage.rest(3).await;
    }
    assert_eq!(stage.writes(), Vec::<String>::new());
    assert_eq!(stage.versions().await, versions);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_list_serves_all_clusters_of_a_workspace_at_rest() {
    let stage = Stage::with("lists", stage::seed(), &[("requeue-interval", "1h")]).await;
    let names = ["one", "two", "three"];
    for name in names {
        stage.apply(&cluster(&format!("cluster-{name}"), &json!({}))).await;
    }
    for name in names {
        stage.until_ready(&format!("cluster-{name}")).await;
    }
    stage.rest(2).await;
    stage.emulator.clear_journal();
    stage.rest(10).await;
    let journal = stage.emulator.journal();
    let lists = journal.iter().filter(|e| e.path.ends_with("/computes")).count();
    let others: Vec<_> = journal.iter().filter(|e| !e.path.ends_with("/computes")).map(|e| &e.path).collect();
    // The clock of the looks is the operator's; one may just be under way.
    assert!((10..=11).contains(&lists), "{lists} lists");
    assert!(others.is_empty(), "nothing else is asked at rest: {others:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn cluster_under_way_is_looked_at_once_an_interval() {
    let flags = [("transition-interval", "1s"), ("observe-interval", "1h"), ("requeue-interval", "1h")];
    let stage = Stage::with("pace", stage::seed(), &flags).await;
    stage.apply(&cluster("cpu-cluster", &json!({}))).await;
    stage.until_ready("cpu-cluster").await;
    let journal = stage.emulator.journal();
    let (first, last) = (journal.first().unwrap().at, journal.last().unwrap().at);
    let seconds = usize::try_from(last.duration_since(first).as_secs()).unwrap();
    let count = |end: &str| journal.iter().filter(|e| e.method == "GET" && e.path.ends_with(end)).count();
    // A look each second, the first one, and one that a write brought forward.
    assert!(count("/computes") <= seconds + 3, "{} lists in {seconds} s", count("/computes"));
    // Before the claim, before the PUT, and after the operation ended; polls come once a second.
    assert!(count("/computes/cpu-cluster") <= 4, "{} looks", count("/computes/cpu-cluster"));
    let polls = journal.iter().filter(|e| e.path.contains("computeOperationsStatus")).count();
    assert!(polls <= seconds + 2, "{polls} polls in {seconds} s");
}
