//! Microsoft's own SDK, unmodified, reads the clusters that the operator made.
//!
//! Must not skip: where Python or its packages are missing, the test fails and says what to install.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::stage::{self, Stage, WORKSPACE, cluster, path};
use crate::venv::{Client, directory, succeed};

/// What a client makes of the workspace's list and of each compute.
fn read(client: Client, stage: &Stage, names: &[&str]) -> Value {
    let output = Command::new(client.python())
        .arg(directory().join("python/list_and_get.py"))
        .args([stage.emulator.tls_url(), WORKSPACE])
        .args(names)
        .env("REQUESTS_CA_BUNDLE", stage.emulator.ca_file())
        .env("TENANT_ID", emulator::TENANT)
        .env("CLIENT_ID", emulator::CLIENT_ID)
        .env("CLIENT_SECRET", emulator::CLIENT_SECRET)
        .env("NO_PROXY", "127.0.0.1")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output();
    serde_json::from_str(&succeed("list_and_get.py", output)).unwrap()
}

/// A public key that nobody has the private one of.
const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGZv3wzQZB1nS4b1bqkq3S8rXqk0yPj2m9c0v5o0w1aB mladmin@example";
/// A user-assigned identity and a subnet; Azure answers the identity's group in lower case (azureml-api.md f.5).
const USER_IDENTITY: &str = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/ids/providers/Microsoft.ManagedIdentity/userAssignedIdentities/trainer";
const SUBNET: &str = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/net/providers/Microsoft.Network/virtualNetworks/ml/subnets/nodes";

/// Three clusters that together have every value an AmlCompute can carry.
async fn declare(stage: &Stage) {
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "ssh"}, "stringData": {"id.pub": KEY},
    });
    stage.apply(&secret.to_string()).await;
    let plain = json!({"scale": {"maxNodes": 4, "minNodes": 0, "idleTimeBeforeScaleDown": "PT40M"}});
    stage.apply(&cluster("cpu-cluster", &plain)).await;
    let rich = json!({
        "azureName": "gpu-one",
        "location": "westeurope",
        "vmSize": "STANDARD_NC4AS_T4_V3",
        "vmPriority": "LowPriority",
        "osType": "Linux",
        "scale": {"maxNodes": 2, "minNodes": 1, "idleTimeBeforeScaleDown": "30m"},
        "ssh": {"enabled": true, "adminUsername": "mladmin", "publicKey": {"secretRef": {"name": "ssh", "key": "id.pub"}}},
        "identity": {"type": "SystemAssigned"},
        "tags": {"team": "vision"},
        "description": "nodes for vision",
        "nodePublicIp": true,
    });
    stage.apply(&cluster("gpu-cluster", &rich)).await;
    let closed = json!({
        "subnet": {"id": SUBNET},
        "nodePublicIp": false,
        "identity": {"type": "UserAssigned", "userAssigned": [USER_IDENTITY]},
    });
    stage.apply(&cluster("closed", &closed)).await;
}

/// A time as Azure writes it, as the script prints it: cut to the millisecond.
fn time(text: &Value) -> Value {
    let at: Timestamp = text.as_str().unwrap().parse().unwrap();
    json!({"class": "datetime", "at": at.strftime("%Y-%m-%dT%H:%M:%S%.3f+00:00").to_string()})
}

/// Every place at which two values differ, with both.
fn differing(place: &str, left: &Value, right: &Value) -> Vec<String> {
    match (left, right) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            let none = json!("(no such field)");
            let of = |map: &serde_json::Map<String, Value>, key: &String| map.get(key).unwrap_or(&none).clone();
            keys.iter().flat_map(|key| differing(&format!("{place}.{key}"), &of(a, key), &of(b, key))).collect()
        }
        (left, right) if left == right => Vec::new(),
        (left, right) => vec![format!("{place}: the SDK has {left}, expected was {right}")],
    }
}

/// What the newest SDK has to make of a compute. `own` holds what differs between the three; names and ids that
/// Azure gave come from the object's status, times from Azure's answer to somebody else.
fn expected(object: &Value, azure: &Value, own: &Value) -> Value {
    let status = &object["status"];
    assert_eq!(status["azure"]["createdAt"], azure["properties"]["createdOn"], "the object speaks of this incarnation");
    let mut tags = json!({
        "azureml-operator-uid": object["metadata"]["uid"],
        "azureml-operator-object":
            format!("{}/{}", object["metadata"]["namespace"].as_str().unwrap(), object["metadata"]["name"].as_str().unwrap()),
    });
    tags.as_object_mut().unwrap().extend(object["spec"]["tags"].as_object().cloned().unwrap_or_default());
    let name = own["name"].as_str().unwrap();
    json!({
        "class": "ComputeResource",
        "id": path(name),
        "name": name,
        "type": "Microsoft.MachineLearningServices/workspaces/computes",
        "location": "eastus",
        "tags": tags,
        "sku": null,
        "system_data": null,
        "identity": own["identity"],
        "properties": {
            "class": "AmlCompute",
            "compute_type": "AmlCompute",
            "compute_location": own["compute_location"],
            "created_on": time(&azure["properties"]["createdOn"]),
            "modified_on": time(&azure["properties"]["modifiedOn"]),
            "description": object["spec"]["description"],
            "disable_local_auth": false,
            "is_attached_compute": false,
            "provisioning_state": status["azure"]["provisioningState"],
            "provisioning_errors": null,
            "resource_id": null,
            "properties": settings(status, &azure["properties"]["properties"], own),
        },
    })
}

/// The part that is an AmlCompute's own. Allocation and node counts are what the object's status says.
fn settings(status: &Value, azure: &Value, own: &Value) -> Value {
    let nodes = &status["nodes"];
    json!({
        "class": "AmlComputeProperties",
        "allocation_state": status["allocationState"],
        "allocation_state_transition_time": time(&azure["allocationStateTransitionTime"]),
        "current_node_count": nodes["current"],
        "target_node_count": nodes["target"],
        "node_state_counts": {
            "class": "NodeStateCounts",
            "idle_node_count": nodes["idle"],
            "leaving_node_count": nodes["leaving"],
            "preempted_node_count": nodes["preempted"],
            "preparing_node_count": nodes["preparing"],
            "running_node_count": nodes["running"],
            "unusable_node_count": nodes["unusable"],
        },
        "enable_node_public_ip": own["enable_node_public_ip"],
        "errors": null,
        "isolated_network": false,
        "os_type": "Linux",
        "property_bag": {},
        "remote_login_port_public_access": own["remote_login"],
        "scale_settings": {
            "class": "ScaleSettings",
            "max_node_count": own["scale"][0],
            "min_node_count": own["scale"][1],
            "node_idle_time_before_scale_down": {"class": "timedelta", "seconds": own["scale"][2]},
        },
        "subnet": own["subnet"],
        "user_account_credentials": own["user"],
        "virtual_machine_image": null,
        "vm_priority": own["vm_priority"],
        "vm_size": own["vm_size"],
    })
}

/// The same as release 1.0 knows it: fewer fields, and other classes around identities.
fn as_of_stable(mut compute: Value) -> Value {
    compute.as_object_mut().unwrap().remove("system_data").unwrap();
    if let Some(identity) = compute["identity"].as_object_mut() {
        identity["class"] = json!("Identity");
        for user in
            identity["user_assigned_identities"].as_object_mut().into_iter().flat_map(|users| users.values_mut())
        {
            user["class"] =
                json!("ComponentsSgqdofSchemasIdentityPropertiesUserassignedidentitiesAdditionalproperties");
        }
    }
    compute["properties"].as_object_mut().unwrap().remove("disable_local_auth").unwrap();
    let own = compute["properties"]["properties"].as_object_mut().unwrap();
    for later in ["enable_node_public_ip", "isolated_network", "property_bag", "virtual_machine_image"] {
        own.remove(later).unwrap();
    }
    compute
}

/// An identity of the newest SDK's class.
fn identity(kind: &str, principal: &Value, users: &Value) -> Value {
    json!({
        "class": "ManagedServiceIdentity",
        "type": kind,
        "principal_id": principal,
        "tenant_id": emulator::TENANT,
        "user_assigned_identities": users,
    })
}

/// What differs between the clusters: that of the object of this name, whose status and whose compute these are.
fn own(object: &str, status: &Value, azure: &Value) -> Value {
    match object {
        "cpu-cluster" => json!({
            "name": "cpu-cluster", "identity": null, "compute_location": "eastus", "enable_node_public_ip": null,
            "remote_login": "Enabled", "scale": [4, 0, 2400.0], "subnet": null, "user": null,
            "vm_priority": "Dedicated", "vm_size": "STANDARD_D2_V2",
        }),
        "gpu-cluster" => json!({
            "name": "gpu-one", "identity": identity("SystemAssigned", &status["identity"]["principalId"], &Value::Null),
            "compute_location": "westeurope", "enable_node_public_ip": true,
            "remote_login": "Enabled", "scale": [2, 1, 1800.0], "subnet": null,
            "user": {
                "class": "UserAccountCredentials", "admin_user_name": "mladmin", "admin_user_password": null,
                "admin_user_ssh_public_key": KEY,
            },
            "vm_priority": "LowPriority", "vm_size": "STANDARD_NC4AS_T4_V3",
        }),
        "closed" => {
            let user = USER_IDENTITY.replace("resourceGroups", "resourcegroups");
            let users = json!({&user: {
                "class": "UserAssignedIdentity",
                "client_id": status["identity"]["clientIds"][&user],
                "principal_id": azure["identity"]["userAssignedIdentities"][&user]["principalId"],
            }});
            json!({
                "name": "closed", "identity": identity("UserAssigned", &Value::Null, &users),
                "compute_location": "eastus", "enable_node_public_ip": false,
                "remote_login": "Disabled", "scale": [4, 0, 120.0], "subnet": {"class": "ResourceId", "id": SUBNET},
                "user": null, "vm_priority": "Dedicated", "vm_size": "STANDARD_D2_V2",
            })
        }
        other => panic!("no cluster {other} was declared"),
    }
}

/// What the newest SDK has to read, by name in Azure, once every cluster is at rest.
async fn settled(stage: &Stage) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    for (object, idle) in [("cpu-cluster", 0), ("gpu-cluster", 1), ("closed", 0)] {
        let seen = stage.until_cluster(object, "it is Ready and its nodes are idle", |seen| {
            let nodes = &seen["status"]["nodes"]["idle"];
            stage::is_ready(seen) && *nodes == idle && seen["status"]["allocationState"] == "Steady"
        });
        let seen = seen.await;
        let name = seen["spec"]["azureName"].as_str().unwrap_or(object);
        let (status, azure) = stage.azure("GET", &path(name), None).await;
        assert_eq!(status, 200);
        let own = own(object, &seen["status"], &azure);
        all.insert(name.to_owned(), expected(&seen, &azure, &own));
    }
    all
}

/// Shows that it was the SDK itself that asked, and how often.
fn asked_by_the_sdk(stage: &Stage, client: Client) {
    let journal = stage.emulator.journal();
    let asked = journal.iter().filter(|entry| {
        let agent = entry.request_headers.get("user-agent").map_or("", String::as_str);
        agent.contains("azsdk-python-mgmt-machinelearningservices/") && entry.path.contains("/computes")
    });
    let asked: Vec<_> = asked.map(|entry| (entry.method.as_str(), entry.status, entry.query.clone())).collect();
    assert_eq!(asked.len(), 4, "one list and three gets: {asked:?}");
    for (method, status, query) in asked {
        assert_eq!((method, status), ("GET", Some(200)));
        assert!(query.contains(&format!("api-version={}", client.api_version())), "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn microsofts_sdk_lists_and_gets_the_operators_clusters_whole() {
    // Before anything runs: it may have to be installed.
    [Client::Preview, Client::Stable].iter().for_each(|client| drop(client.python()));
    let stage = Stage::start("sdk").await;
    declare(&stage).await;
    let newest = settled(&stage).await;
    let stable: BTreeMap<String, Value> =
        newest.iter().map(|(name, one)| (name.clone(), as_of_stable(one.clone()))).collect();

    for (client, expected) in [(Client::Preview, &newest), (Client::Stable, &stable)] {
        stage.emulator.clear_journal();
        let read = read(client, &stage, &["cpu-cluster", "gpu-one", "closed"]);
        let listed = read["list"].as_array().unwrap();
        let listed: BTreeMap<&str, &Value> = listed.iter().map(|one| (one["name"].as_str().unwrap(), one)).collect();
        for (how, seen) in [("get", &read["get"]), ("list", &json!(listed))] {
            let wrong = differing(how, seen, &json!(expected));
            assert!(wrong.is_empty(), "{}:\n{}", client.release(), wrong.join("\n"));
        }
        asked_by_the_sdk(&stage, client);
    }
}
