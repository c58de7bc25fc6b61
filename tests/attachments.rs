//! Attachments from apply to gone, on a real control plane and the emulator: every type, Secrets, duplicates, detaching.
//!
//! Must not look inside the operator: only at objects and at what Azure was asked.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what a test stands on fails as the test itself does")]

mod stage;

use emulator::{Entry, Event};
use serde_json::{Value, json};
use stage::{Stage, condition, is_ready, path, ready_message, ready_reason};

const GROUP: &str = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/data/providers";

/// An AttachedCompute of the workspace `research`.
fn attached(name: &str, spec: &Value) -> String {
    stage::compute("AttachedCompute", name, &[spec])
}

fn id(what: &str) -> String {
    format!("{GROUP}/Microsoft.{what}")
}

fn account(secret: &str) -> Value {
    json!({"username": "azureuser", "password": {"secretRef": {"name": secret, "key": "password"}}})
}

fn machine(name: &str) -> Value {
    json!({"type": "VirtualMachine", "virtualMachine":
        {"resourceId": id(&format!("Compute/virtualMachines/{name}")), "credentials": account("ssh")}})
}

/// One of each type, and two of AKS. A pool's name in Azure has at most 16 characters, like all of these.
fn one_of_each() -> Vec<(&'static str, Value)> {
    let plain = |kind: &str, member: &str, what: &str| json!({"type": kind, member: {"resourceId": id(what)}});
    let token = json!({"secretRef": {"name": "ssh", "key": "password"}});
    vec![
        ("kubernetes", plain("Kubernetes", "kubernetes", "ContainerService/managedClusters/jobs")),
        ("arc", plain("Kubernetes", "kubernetes", "Kubernetes/connectedClusters/edge")),
        (
            "aks-attached",
            json!({"type": "Aks", "aks": {"attach": {"resourceId": id("ContainerService/managedClusters/old")}}}),
        ),
        ("aks-created", json!({"type": "Aks", "aks": {"create": {"vmSize": "Standard_D3_v2", "nodeCount": 3}}})),
        ("machine", machine("dsvm")),
        (
            "spark-host",
            json!({"type": "HdInsight", "hdInsight": {"resourceId": id("HDInsight/clusters/spark"), "credentials": account("ssh")}}),
        ),
        (
            "databricks",
            json!({"type": "Databricks", "databricks": {"resourceId": id("Databricks/workspaces/lake"), "accessToken": token}}),
        ),
        ("lake", plain("DataLakeAnalytics", "dataLakeAnalytics", "DataLakeAnalytics/accounts/lake")),
        ("factory", plain("DataFactory", "dataFactory", "DataFactory/factories/movers")),
        ("pool", plain("SynapseSpark", "synapseSpark", "Synapse/workspaces/w/bigDataPools/p")),
        ("batch", plain("Batch", "batch", "Batch/batchAccounts/b")),
    ]
}

async fn start(name: &str) -> Stage {
    let stage = Stage::start(name).await;
    secret(&stage, "emulator-Passw0rd").await;
    stage
}

async fn secret(stage: &Stage, password: &str) {
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "ssh"}, "stringData": {"password": password}});
    stage.apply(&secret.to_string()).await;
}

/// Waits until the attachment satisfies a predicate.
async fn until_object(stage: &Stage, name: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    stage.until_object("attachedcompute", name, what, wanted).await
}

async fn ready(stage: &Stage, name: &str) -> Value {
    until_object(stage, name, "the attachment is Ready", is_ready).await
}

async fn says(stage: &Stage, name: &str, reason: &str) -> Value {
    until_object(stage, name, &format!("the attachment says {reason}"), |object| ready_reason(object) == reason).await
}

/// Requests on one compute, by method.
fn asked(stage: &Stage, method: &str, name: &str) -> Vec<Entry> {
    let whole = path(name);
    stage.requests(method, "/computes/").into_iter().filter(|entry| entry.path.eq_ignore_ascii_case(&whole)).collect()
}

/// The resources behind attachments, by id: whether each is alive.
fn resources(stage: &Stage) -> Vec<(String, String)> {
    let world = stage.emulator.world();
    let all = world["resources"].as_object().cloned().unwrap_or_default();
    all.into_iter().map(|(id, resource)| (id, resource["state"].as_str().unwrap_or_default().to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_type_is_attached_by_one_put_rests_and_is_detached_with_its_resource_alive() {
    let stage = start("attached-types").await;
    for (name, spec) in one_of_each() {
        stage.apply(&attached(name, &spec)).await;
    }
    for (name, _) in one_of_each() {
        let object = ready(&stage, name).await;
        assert_eq!(object["status"]["azure"]["owned"], true, "{name}");
    }
    let writes = stage.writes();
    stage.rest(20).await;
    assert_eq!(stage.writes(), writes, "at rest nothing is written, also of what no list shows");
    for (name, _) in one_of_each() {
        assert_eq!(asked(&stage, "PUT", name).len(), 1, "{name}");
    }
    let batch = asked(&stage, "PUT", "batch");
    assert!(batch[0].query.contains("api-version=2020-02-02"), "{}", batch[0].query);
    let before = resources(&stage);
    assert!(before.len() >= 11, "{before:?}");

    stage.kubectl(&["delete", "attachedcompute", "--all", "--wait=false"]).await;
    for (name, _) in one_of_each() {
        stage.until_gone("attachedcompute", name).await;
        let deletes = asked(&stage, "DELETE", name);
        assert_eq!(deletes.len(), 1, "{name}");
        assert!(deletes[0].query.contains("underlyingResourceAction=Detach"), "{name}: {}", deletes[0].query);
    }
    assert_eq!(resources(&stage), before, "everything that was attached is as it was");
}

#[tokio::test(flavor = "multi_thread")]
async fn created_aks_cluster_is_deleted_only_by_its_policy() {
    let stage = start("attached-aks").await;
    let spec = |policy: &str| json!({"type": "Aks", "deletionPolicy": policy, "aks": {"create": {"location": "westus2"}, "purpose": "DevTest"}});
    for (name, policy) in [("aks-deleted", "Delete"), ("aks-kept", "Detach")] {
        stage.apply(&attached(name, &spec(policy))).await;
        let object = ready(&stage, name).await;
        assert!(object["status"]["attachedResource"].is_string(), "{object}");
    }
    let sent = &asked(&stage, "PUT", "aks-deleted")[0].request_body;
    assert_eq!((&sent["location"], &sent["properties"]["computeLocation"]), (&json!("eastus"), &json!("westus2")));
    let cluster = |object: Value| object["status"]["attachedResource"].as_str().unwrap().to_ascii_lowercase();
    let deleted = cluster(ready(&stage, "aks-deleted").await);
    let kept = cluster(ready(&stage, "aks-kept").await);
    stage.kubectl(&["delete", "attachedcompute", "--all"]).await;
    let alive = |id: &str| {
        resources(&stage).into_iter().any(|(have, state)| have.eq_ignore_ascii_case(id) && state != "Deleted")
    };
    assert!(!alive(&deleted), "deletionPolicy: Delete deletes the cluster");
    assert!(alive(&kept), "Detach leaves it");
}

#[tokio::test(flavor = "multi_thread")]
async fn resource_is_attached_once_and_the_newer_goes_on_when_the_elder_is_gone() {
    let mut stage = start("attached-twice").await;
    let shouted = {
        let mut spec = machine("shared");
        let id = spec["virtualMachine"]["resourceId"].as_str().unwrap().to_uppercase();
        spec["virtualMachine"]["resourceId"] = json!(id);
        spec
    };
    let both = format!("{}\n---\n{}", attached("alpha", &machine("shared")), attached("beta", &shouted));
    stage.apply(&both).await;
    let objects =
        [stage.get("attachedcompute", "alpha").await.unwrap(), stage.get("attachedcompute", "beta").await.unwrap()];
    let order = |object: &Value| {
        let text = |key: &str| object["metadata"][key].as_str().unwrap().to_owned();
        (text("creationTimestamp"), text("uid"))
    };
    let (elder, newer) = if order(&objects[0]) < order(&objects[1]) { ("alpha", "beta") } else { ("beta", "alpha") };
    ready(&stage, elder).await;
    let waiting = says(&stage, newer, "DuplicateAttachment").await;
    assert!(
        ready_message(&waiting).contains(&format!("object {elder} of this namespace")),
        "{}",
        ready_message(&waiting)
    );
    assert!(condition(&waiting, "Stalled").is_some());

    // A restart changes nothing for either.
    stage.operator.take().unwrap().stop(stage::PATIENCE).await.unwrap();
    stage.start_operator().await;
    stage.rest(5).await;
    assert_eq!(asked(&stage, "PUT", newer).len(), 0);
    assert_eq!(asked(&stage, "PUT", elder).len(), 1, "the elder was never disturbed");

    stage.kubectl(&["delete", "attachedcompute", elder]).await;
    ready(&stage, newer).await;
    let world = stage.emulator.world().to_string();
    assert!(!world.contains(r#""brokenBy":""#), "no attachment was ever broken: {world}");
}

#[tokio::test(flavor = "multi_thread")]
async fn resource_that_somebody_attached_by_hand_is_waited_for_and_adopted_by_policy() {
    let stage = start("attached-by-hand").await;
    let account = json!({"username": "u", "password": "emulator-Passw0rd"});
    let body = json!({"location": "eastus", "properties": {"computeType": "VirtualMachine",
        "resourceId": id("Compute/virtualMachines/hers"), "properties": {"sshPort": 22, "administratorAccount": account}}});
    assert_eq!(stage.azure("PUT", &path("hers"), Some(&body)).await.0, 201);
    stage.until_azure("hers", "it is attached", |c| c["properties"]["provisioningState"] == "Succeeded").await;
    stage.apply(&attached("mine", &machine("hers"))).await;
    let waiting = says(&stage, "mine", "DuplicateAttachment").await;
    assert!(ready_message(&waiting).starts_with("compute hers of this workspace"), "{}", ready_message(&waiting));

    let mut adopting = machine("hers");
    adopting["azureName"] = json!("hers");
    adopting["adoptionPolicy"] = json!("Adopt");
    stage.apply(&attached("adopter", &adopting)).await;
    let adopted = ready(&stage, "adopter").await;
    assert_eq!(adopted["status"]["azure"]["owned"], true);
    assert_eq!(asked(&stage, "PUT", "hers").len(), 1, "adoption sends nothing: the one PUT was hers");

    stage.kubectl(&["delete", "attachedcompute", "adopter"]).await;
    ready(&stage, "mine").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_secret_is_noticed_and_rotated_by_opt_in_and_a_missing_one_blocks_no_detach() {
    let stage = start("attached-secret").await;
    stage.apply(&attached("told", &machine("told"))).await;
    let mut opted = machine("opted");
    opted["replacePolicy"] = json!("Recreate");
    stage.apply(&attached("opted", &opted)).await;
    let before = ready(&stage, "told").await;
    ready(&stage, "opted").await;
    let print = |object: &Value| object["status"]["azure"]["sentFingerprint"].as_str().unwrap_or_default().to_owned();
    assert_eq!(print(&before).len(), 25, "a mark of the key and a hash: {before}");
    assert!(!before.to_string().contains("Passw0rd"));

    secret(&stage, "another-Passw0rd").await;
    let told = says(&stage, "told", "SecretChanged").await;
    assert_eq!(told["status"]["plan"][0]["field"], "spec.virtualMachine.credentials");
    until_object(&stage, "opted", "it was attached again", |object| {
        is_ready(object) && asked(&stage, "PUT", "opted").len() == 2
    })
    .await;
    let detached = asked(&stage, "DELETE", "opted");
    assert_eq!(detached.len(), 1);
    assert!(detached[0].query.contains("underlyingResourceAction=Detach"));
    let (_, keys) = stage.azure("POST", &format!("{}/listKeys", path("opted")), None).await;
    assert_eq!(keys["administratorAccount"]["password"], "another-Passw0rd");

    secret(&stage, "emulator-Passw0rd").await;
    ready(&stage, "told").await;
    assert_eq!(asked(&stage, "PUT", "told").len(), 1, "the earlier value put back heals without a write");

    stage.kubectl(&["delete", "secret", "ssh"]).await;
    stage.apply(&attached("late", &machine("late"))).await;
    says(&stage, "late", "SecretNotFound").await;
    assert!(is_ready(&ready(&stage, "told").await), "what is attached stays Ready");
    stage.kubectl(&["delete", "attachedcompute", "--all"]).await;
    assert_eq!(asked(&stage, "DELETE", "told").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn trouble_of_what_is_attached_is_told_with_the_next_step_and_heals_untouched() {
    let stage = start("attached-trouble").await;
    let cluster = id("ContainerService/managedClusters/jobs");
    let kubernetes = json!({"type": "Kubernetes", "kubernetes": {"resourceId": cluster}});
    stage.apply(&attached("jobs", &kubernetes)).await;
    stage.apply(&attached("host", &machine("host"))).await;
    ready(&stage, "jobs").await;
    ready(&stage, "host").await;
    let host = id("Compute/virtualMachines/host");
    let change = |body: Value| {
        let event: Event = serde_json::from_value(body).unwrap();
        stage.emulator.event(event).unwrap();
    };
    let changed = |id: &str, what: Value| {
        let mut body = json!({"event": "resourceChanged", "id": id});
        body.as_object_mut().unwrap().extend(what.as_object().unwrap().clone());
        body
    };
    for (what, reason, step) in [
        (json!({"state": "Unreachable"}), "UnderlyingUnreachable", "start the cluster"),
        (json!({"state": "Running", "extension": "Missing"}), "ExtensionNotReady", "install Azure ML's extension"),
        (json!({"extension": "WithoutIdentity"}), "ExtensionNotReady", "with an identity"),
    ] {
        change(changed(&cluster, what));
        let told = until_object(&stage, "jobs", "the trouble is told", |object| {
            ready_reason(object) == reason && ready_message(object).contains(step)
        });
        assert!(condition(&told.await, "Stalled").is_some());
    }
    change(changed(&cluster, json!({"extension": "Installed"})));
    ready(&stage, "jobs").await;
    change(changed(&host, json!({"publicAddress": false})));
    let told = says(&stage, "host", "UnderlyingUnreachable").await;
    assert!(ready_message(&told).contains("public IP address"), "{}", ready_message(&told));
    change(changed(&host, json!({"publicAddress": true})));
    ready(&stage, "host").await;
    assert_eq!(
        (asked(&stage, "PUT", "jobs").len(), asked(&stage, "DELETE", "host").len()),
        (1, 0),
        "nothing was touched"
    );
}
