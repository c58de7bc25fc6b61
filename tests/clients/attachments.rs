//! Microsoft's SDKs and the operator on one world of attachments: SDK v1 and v2 read and detach what the operator attached, and
//! the operator adopts what they attached.
//!
//! Must not look inside the operator: only at objects, at what the SDKs make of Azure, and at what Azure was asked.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::fields::agrees;
use crate::mixed::{now, writes};
use crate::player::Player;
use crate::stage::{PATIENCE, Stage, condition, is_ready, path, ready_message, ready_reason};
use crate::venv::Client;

const VM: &str = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/data/providers/Microsoft.Compute/virtualMachines/dsvm";
const LAKEHOUSE: &str = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/data/providers/Microsoft.Databricks/workspaces/lakehouse";
const AKS: &str = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/data/providers/Microsoft.ContainerService/managedClusters/training";
const PASSWORD: &str = "Fake-Passw0rd!";
const TOKEN: &str = "dapi0123";
const KIND: &str = "attachedcompute";

/// The three that are tried, by the client that knows best what to do with each.
const THREE: [(Client, &str, &str); 3] =
    [(Client::Ml, "machine", VM), (Client::Core, "lakehouse", LAKEHOUSE), (Client::Ml, "kubernetes", AKS)];

/// An object that attaches one of the three, with these further lines of spec.
fn object(name: &str, resource: &str, spec: &Value) -> String {
    let secret = |key: &str| json!({"secretRef": {"name": "ssh", "key": key}});
    let mut body = match resource {
        VM => json!({"type": "VirtualMachine", "virtualMachine": {
            "resourceId": VM, "sshPort": 2222,
            "credentials": {"username": "azureuser", "password": secret("password")},
        }}),
        LAKEHOUSE => json!({"type": "Databricks", "databricks": {
            "resourceId": LAKEHOUSE, "accessToken": secret("token"),
        }}),
        AKS => json!({"type": "Kubernetes", "kubernetes": {"resourceId": AKS, "namespace": "azureml"}}),
        other => panic!("no object attaches {other}"),
    };
    let map = body.as_object_mut().unwrap();
    map.insert("workspaceRef".into(), json!({"name": "research"}));
    map.extend(spec.as_object().unwrap().clone());
    let metadata = json!({"name": name});
    json!({"apiVersion": "compute.azureml.dev/v1alpha1", "kind": "AttachedCompute", "metadata": metadata, "spec": body})
        .to_string()
}

/// How each client attaches one of the three; the same as its object declares.
fn attach(client: Client, name: &str, resource: &str) -> Value {
    let core = |class: &str, args: Value| {
        let call = format!("ComputeTarget.attach(ws, name, {class}.attach_configuration(**args))");
        json!({"call": call, "name": name, "args": args})
    };
    let ml = |compute: Value| json!({"call": "MLClient.compute.begin_attach", "compute": compute});
    match (client, resource) {
        (Client::Ml, VM) => ml(json!({
            "$type": "VirtualMachineCompute", "name": name, "resource_id": VM, "ssh_settings": {
                "$type": "VirtualMachineSshSettings", "admin_username": "azureuser", "admin_password": PASSWORD, "ssh_port": 2222,
            },
        })),
        (Client::Ml, AKS) => ml(json!({
            "$type": "KubernetesCompute", "name": name, "resource_id": AKS, "namespace": "azureml",
        })),
        (Client::Core, VM) => core(
            "RemoteCompute",
            json!({"resource_id": VM, "username": "azureuser", "password": PASSWORD, "ssh_port": 2222}),
        ),
        (Client::Core, LAKEHOUSE) => {
            core("DatabricksCompute", json!({"resource_id": LAKEHOUSE, "access_token": TOKEN}))
        }
        (Client::Core, AKS) => core("KubernetesCompute", json!({"resource_id": AKS, "namespace": "azureml"})),
        (client, resource) => panic!("{} does not attach {resource}", client.release()),
    }
}

/// How each client reads a compute.
fn get(client: Client, name: &str) -> Value {
    match client {
        Client::Core => json!({"call": "ComputeTarget(ws, name)", "name": name}),
        Client::Ml | Client::Stable | Client::Preview => {
            json!({"call": "MLClient.compute.get", "args": {"name": name}})
        }
    }
}

/// How each client ends an attachment.
fn detach(client: Client, name: &str) -> Value {
    match client {
        Client::Core => json!({"call": "target.detach(**args)", "name": name, "args": {}}),
        Client::Ml | Client::Stable | Client::Preview => {
            json!({"call": "MLClient.compute.begin_delete", "args": {"name": name, "action": "Detach"}})
        }
    }
}

/// Whether a client takes what it read for well; each writes that in its own way.
fn succeeded(seen: &Value) -> bool {
    seen["returned"]["provisioning_state"].as_str().is_some_and(|state| state.to_lowercase().contains("succeeded"))
}

/// The names that a client lists.
async fn listed(player: &mut Player, client: Client) -> Vec<String> {
    let list = match client {
        Client::Core => json!({"call": "ComputeTarget.list(ws, **args)", "args": {}}),
        Client::Ml | Client::Stable | Client::Preview => json!({"call": "MLClient.compute.list", "args": {}}),
    };
    let all = player.act(list).await;
    let names = all["whole"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

/// A stage on which the Secret that attachments need is there.
async fn stage(name: &str) -> Stage {
    // Before anything runs: they may have to be installed.
    [Client::Ml, Client::Core].iter().for_each(|client| drop(client.python()));
    let stage = Stage::start(name).await;
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "ssh"},
        "stringData": {"password": PASSWORD, "token": TOKEN}});
    stage.apply(&secret.to_string()).await;
    stage
}

async fn until_ready(stage: &Stage, name: &str) -> Value {
    stage.until_object(KIND, name, "it is attached", is_ready).await
}

/// What the emulator's world knows of a resource; it fails where there is none or where it was deleted.
fn underlying(stage: &Stage, id: &str) -> Value {
    let found = stage.emulator.world()["resources"][id].clone();
    assert_eq!(found["state"], "Running", "{id} is as it was: {found}");
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn attachments_of_the_operator_mean_the_same_to_each_sdk() {
    let stage = stage("attach-read").await;
    let mut objects = BTreeMap::new();
    for (_, name, resource) in THREE {
        stage.apply(&object(name, resource, &json!({"description": "for vision"}))).await;
    }
    for (_, name, _) in THREE {
        objects.insert(name, until_ready(&stage, name).await);
    }
    read_by_ml(&stage).await;
    read_by_core(&stage, &objects).await;
}

/// What they are called in each list.
const NAMES: [&str; 3] = ["kubernetes", "lakehouse", "machine"];

async fn read_by_ml(stage: &Stage) {
    let mut ml = Player::beside(Client::Ml, &stage.emulator);
    assert_eq!(listed(&mut ml, Client::Ml).await, NAMES);
    let machine = [
        ("/class", json!("VirtualMachineCompute")),
        ("/type", json!("virtualmachine")),
        ("/resource_id", json!(VM)),
        ("/description", json!("for vision")),
        ("/provisioning_state", json!("Succeeded")),
        ("/ssh_settings/ssh_port", json!(2222)),
        // Azure never shows what was sent.
        ("/ssh_settings/admin_password", Value::Null),
    ];
    agrees(&ml.act(get(Client::Ml, "machine")).await["whole"], &machine);
    let kubernetes = [
        ("/class", json!("KubernetesCompute")),
        ("/type", json!("kubernetes")),
        ("/resource_id", json!(AKS)),
        ("/namespace", json!("azureml")),
        ("/provisioning_state", json!("Succeeded")),
    ];
    agrees(&ml.act(get(Client::Ml, "kubernetes")).await["whole"], &kubernetes);
    // SDK v2 has no class for Databricks, and says so.
    let lakehouse = [("/class", json!("UnsupportedCompute")), ("/resource_id", json!(LAKEHOUSE))];
    agrees(&ml.act(get(Client::Ml, "lakehouse")).await["whole"], &lakehouse);
}

/// The objects' status says the same as the SDK.
async fn read_by_core(stage: &Stage, objects: &BTreeMap<&str, Value>) {
    let host = &objects["machine"]["status"]["virtualMachine"];
    assert_eq!(host["sshPort"], 2222);
    assert!(host["address"].is_string() && host["vmSize"].is_string(), "{host}");
    let mut core = Player::beside(Client::Core, &stage.emulator);
    assert_eq!(listed(&mut core, Client::Core).await, NAMES);
    for (name, class, kind, resource) in [
        ("machine", "RemoteCompute", "VirtualMachine", VM),
        ("lakehouse", "DatabricksCompute", "Databricks", LAKEHOUSE),
        ("kubernetes", "KubernetesCompute", "Kubernetes", AKS),
    ] {
        let seen = core.act(get(Client::Core, name)).await;
        let wanted = [
            ("/returned/class", json!(class)),
            ("/returned/is_attached", json!("True")),
            ("/whole/properties/computeType", json!(kind)),
            ("/whole/properties/resourceId", json!(resource)),
            ("/whole/properties/description", json!("for vision")),
            ("/whole/properties/provisioningState", json!("Succeeded")),
        ];
        agrees(&seen, &wanted);
        if name == "machine" {
            let own = [
                ("/whole/properties/properties/sshPort", json!(2222)),
                ("/whole/properties/properties/address", host["address"].clone()),
                ("/whole/properties/properties/virtualMachineSize", host["vmSize"].clone()),
            ];
            agrees(&seen, &own);
        }
        assert_eq!(objects[name]["status"]["attachedResource"], resource);
    }
    let keys = |name: &str| json!({"call": "target.get_credentials(**args)", "name": name, "args": {}});
    let login = [
        ("/returned/administratorAccount/username", json!("azureuser")),
        ("/returned/administratorAccount/password", json!(PASSWORD)),
    ];
    agrees(&core.act(keys("machine")).await, &login);
    let token = [("/returned/databricksAccessToken", json!(TOKEN))];
    agrees(&core.act(keys("lakehouse")).await, &token);
}

#[tokio::test(flavor = "multi_thread")]
async fn attachment_that_an_sdk_detaches_is_attached_again_once() {
    let stage = stage("attach-again").await;
    for (_, name, resource) in THREE {
        stage.apply(&object(name, resource, &json!({}))).await;
    }
    let mut made = BTreeMap::new();
    // All of them first: an attachment that is still made would be counted as somebody's write.
    for (_, name, _) in THREE {
        made.insert(name, until_ready(&stage, name).await["status"]["azure"]["createdAt"].clone());
    }
    for (client, name, resource) in THREE {
        let mut player = Player::beside(client, &stage.emulator);
        let since = now(&stage);
        player.act(detach(client, name)).await;
        let again = |object: &Value| is_ready(object) && object["status"]["azure"]["createdAt"] != made[name];
        stage.until_object(KIND, name, "it is attached again", again).await;
        stage.rest(3).await;
        let done = writes(&stage, since);
        let wanted = [("client".to_owned(), "DELETE".to_owned()), ("operator".to_owned(), "PUT".to_owned())];
        assert_eq!(done, wanted, "{name}, which {} detached", client.release());
        assert_eq!(underlying(&stage, resource)["attachments"], json!([path(name)]));
        let seen = player.act(get(client, name)).await;
        assert!(succeeded(&seen), "{seen}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn attachments_that_sdks_made_are_left_alone_until_adopted_and_never_attached_again() {
    let stage = stage("attach-adopt").await;
    for (client, name, resource) in [
        (Client::Ml, "ml-machine", VM),
        (Client::Core, "core-machine", VM),
        (Client::Core, "core-lake", LAKEHOUSE),
        (Client::Ml, "ml-kube", AKS),
        (Client::Core, "core-kube", AKS),
    ] {
        let mut player = Player::beside(client, &stage.emulator);
        player.act(attach(client, name, resource)).await;
        let (_, before) = stage.azure("GET", &path(name), None).await;
        let since = now(&stage);

        stage.apply(&object(name, resource, &json!({}))).await;
        let stalled = |object: &Value| condition(object, "Stalled").is_some();
        let told = stage.until_object(KIND, name, "it is told apart", stalled).await;
        assert_eq!(ready_reason(&told), "NotOurs", "{name}");
        assert!(ready_message(&told).contains("adoptionPolicy: Adopt"), "{}", ready_message(&told));
        stage.rest(2).await;
        assert_eq!(writes(&stage, since), [], "{name} is left alone");

        let adopt = r#"{"spec":{"adoptionPolicy":"Adopt"}}"#;
        stage.kubectl(&["patch", KIND, name, "--type=merge", "-p", adopt]).await;
        let adopted = until_ready(&stage, name).await;
        assert_eq!(adopted["status"]["azure"]["owned"], true, "{name}");
        stage.rest(2).await;
        assert_eq!(writes(&stage, since), [], "{name} is adopted without a word to azure");
        let (_, after) = stage.azure("GET", &path(name), None).await;
        assert_eq!(after["properties"]["createdOn"], before["properties"]["createdOn"]);
        let seen = player.act(get(client, name)).await;
        assert!(succeeded(&seen), "{seen}");

        stage.kubectl(&["delete", KIND, name, "--timeout=60s"]).await;
        assert_eq!(writes(&stage, since), [("operator".to_owned(), "DELETE".to_owned())], "{name}");
        assert_eq!(stage.azure("GET", &path(name), None).await.0, 404);
        assert_eq!(underlying(&stage, resource)["attachments"], json!([]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn resource_that_an_sdk_attached_under_another_name_waits_until_the_sdk_detaches_it() {
    let stage = stage("attach-twice").await;
    for (client, theirs, ours, resource) in
        [(Client::Core, "by-core", "machine", VM), (Client::Ml, "by-ml", "kubernetes", AKS)]
    {
        let mut player = Player::beside(client, &stage.emulator);
        player.act(attach(client, theirs, resource)).await;
        let since = now(&stage);
        // To adopt is to take the compute of the same name, not to take what another one holds.
        stage.apply(&object(ours, resource, &json!({"adoptionPolicy": "Adopt"}))).await;
        let told = |object: &Value| ready_reason(object) == "DuplicateAttachment";
        let told = stage.until_object(KIND, ours, "it is refused", told).await;
        assert!(ready_message(&told).contains(theirs), "{}", ready_message(&told));
        stage.rest(2).await;
        assert_eq!(writes(&stage, since), [], "what the SDK attached is not disturbed");

        player.act(detach(client, theirs)).await;
        until_ready(&stage, ours).await;
        assert_eq!(underlying(&stage, resource)["attachments"], json!([path(ours)]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn attachment_that_an_sdk_made_otherwise_is_adopted_as_it_is_and_made_anew_only_by_opt_in() {
    let stage = stage("attach-differs").await;
    let mut player = Player::beside(Client::Ml, &stage.emulator);
    let mut theirs = attach(Client::Ml, "machine", VM);
    theirs["compute"]["ssh_settings"]["ssh_port"] = json!(22);
    player.act(theirs).await;
    let since = now(&stage);
    stage.apply(&object("machine", VM, &json!({"adoptionPolicy": "Adopt"}))).await;
    let differs = |object: &Value| ready_reason(object) == "ImmutableDifference";
    let told = stage.until_object(KIND, "machine", "its port is said to differ", differs).await;
    assert!(ready_message(&told).contains("spec.virtualMachine.sshPort"), "{}", ready_message(&told));
    stage.rest(2).await;
    assert_eq!(writes(&stage, since), []);

    let anew = r#"{"spec":{"replacePolicy":"Recreate"}}"#;
    stage.kubectl(&["patch", KIND, "machine", "--type=merge", "-p", anew]).await;
    until_ready(&stage, "machine").await;
    stage.rest(2).await;
    let done: Vec<String> = writes(&stage, since).into_iter().map(|(who, method)| format!("{who} {method}")).collect();
    assert_eq!(done, ["operator DELETE", "operator PUT"]);
    let seen = player.act(get(Client::Ml, "machine")).await;
    agrees(&seen["whole"], &[("/ssh_settings/ssh_port", json!(2222)), ("/resource_id", json!(VM))]);
    assert_eq!(underlying(&stage, VM)["attachments"], json!([path("machine")]));
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_objects_detach_or_leave_the_attachment_to_the_sdks() {
    let stage = stage("attach-end").await;
    for (_, name, resource) in THREE {
        let policy = if resource == VM { json!({"deletionPolicy": "Retain"}) } else { json!({}) };
        stage.apply(&object(name, resource, &policy)).await;
    }
    for (_, name, _) in THREE {
        until_ready(&stage, name).await;
    }
    let since = now(&stage);
    stage.kubectl(&["delete", KIND, "--all", "--timeout=60s"]).await;
    for client in [Client::Ml, Client::Core] {
        let mut player = Player::beside(client, &stage.emulator);
        assert_eq!(listed(&mut player, client).await, ["machine"], "{}", client.release());
    }
    for entry in stage.requests("DELETE", "/computes/") {
        assert!(entry.query.contains("underlyingResourceAction=Detach"), "{}", entry.query);
    }
    let done = writes(&stage, since);
    assert_eq!(done, vec![("operator".to_owned(), "DELETE".to_owned()); 2]);
    for (_, _, resource) in THREE {
        underlying(&stage, resource);
    }

    // The SDK has what was retained to itself: nothing attaches it again.
    let mut player = Player::beside(Client::Core, &stage.emulator);
    player.act(detach(Client::Core, "machine")).await;
    let gone = async || match stage.azure("GET", &path("machine"), None).await.0 {
        404 => Ok(()),
        status => Err(status.to_string()),
    };
    support::wait::until("SDK v1 ended the attachment", PATIENCE, gone).await.unwrap();
    assert_eq!(underlying(&stage, VM)["attachments"], json!([]));
}
