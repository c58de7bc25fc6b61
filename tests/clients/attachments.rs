//! Microsoft's SDKs and the operator on one world of attachments of every type: the SDKs read and detach what the operator
//! attached, and the operator adopts what they attached.
//!
//! Must not look inside the operator: only at objects, at what the SDKs make of Azure, and at what Azure was asked. Must not
//! know how a type differs from the others: that is in `attachable`.

use serde_json::{Value, json};

use crate::attachable::{Attachable, CLIENTS, PASSWORD, TOKEN, TYPES, UNSUPPORTED, detach, get, list};
use crate::fields::agrees;
use crate::mixed::{now, writes, writes_to};
use crate::player::Player;
use crate::stage::{self, PATIENCE, Stage, condition, is_ready, path, ready_message, ready_reason};
use crate::venv::Client;

const KIND: &str = "attachedcompute";

/// Whether a client takes what it read for well; each writes that in its own way.
fn succeeded(seen: &Value) -> bool {
    seen["returned"]["provisioning_state"].as_str().is_some_and(|state| state.to_lowercase().contains("succeeded"))
}

/// The names that a client lists.
async fn listed(player: &mut Player, client: Client) -> Vec<String> {
    let all = player.act(list(client)).await;
    let names = all["whole"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

/// The names of those that a client's API knows, as its list has them.
fn known_to(client: Client) -> Vec<&'static str> {
    let mut names: Vec<&str> = TYPES.iter().filter(|one| one.class(client).is_some()).map(|one| one.name).collect();
    names.sort_unstable();
    names
}

/// A stage on which the Secret that attachments need is there.
async fn stage(name: &str) -> Stage {
    // Before anything runs: they may have to be installed.
    CLIENTS.iter().for_each(|client| drop(client.python()));
    let stage = Stage::start(name).await;
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "ssh"},
        "stringData": {"password": PASSWORD, "token": TOKEN}});
    stage.apply(&secret.to_string()).await;
    stage
}

async fn until_ready(stage: &Stage, name: &str) -> Value {
    stage.until_object(KIND, name, "it is attached", is_ready).await
}

/// One of each type, attached by the operator, with this beside it in spec.
async fn one_of_each(stage: &Stage, spec: impl Fn(&Attachable) -> Value) -> Vec<(&'static Attachable, Value)> {
    for one in &TYPES {
        stage.apply(&one.object(one.name, &one.id(""), &spec(one))).await;
    }
    let mut made = Vec::new();
    // All of them before anybody goes on: an attachment that is still made would be counted as somebody's write.
    for one in &TYPES {
        made.push((one, until_ready(stage, one.name).await));
    }
    made
}

/// A compute as Azure answers it in the version that knows every type.
async fn azure(stage: &Stage, name: &str) -> (u16, Value) {
    let path = format!("{}?api-version={}", path(name), Client::Core.api_version());
    stage::azure_at(stage.emulator.url(), "GET", &path, None).await
}

/// What uses a resource, as the emulator's world knows it; it fails where there is none or where it was deleted.
fn users_of(stage: &Stage, id: &str) -> Value {
    let world = stage.emulator.world();
    let mut all = world["resources"].as_object().unwrap().iter();
    let (_, found) = all.find(|(known, _)| known.eq_ignore_ascii_case(id)).unwrap_or_else(|| panic!("no {id}"));
    assert_eq!(found["state"], "Running", "{id} is as it was: {found}");
    found["attachments"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn attachments_of_the_operator_mean_the_same_to_each_sdk() {
    let stage = stage("attach-read").await;
    let objects = one_of_each(&stage, |_| json!({"description": "for vision"})).await;
    for client in CLIENTS {
        let mut player = Player::beside(client, &stage.emulator);
        assert_eq!(listed(&mut player, client).await, known_to(client), "{}", client.release());
        for (one, object) in &objects {
            read(&mut player, client, one, object).await;
        }
    }
}

/// A client reads one of them: it says what the object says, in spec and status.
async fn read(player: &mut Player, client: Client, one: &Attachable, object: &Value) {
    if one.class(client).is_none() {
        let told = player.play(&json!([get(client, one.name)])).await.remove(0);
        assert_eq!(told.outcome["raised"], "ResourceNotFoundError", "{}: {}", client.release(), told.outcome);
        return;
    }
    let seen = player.act(get(client, one.name)).await;
    let id = one.id("");
    assert_eq!(object["status"]["attachedResource"], json!(id));
    let mut wanted = one.meaning(client, &id, "for vision");
    let reads: Vec<(String, Value)> = one
        .reads
        .iter()
        .filter(|(who, ..)| *who == client)
        .map(|(_, theirs, ours)| {
            let ours = object.pointer(ours).unwrap_or_else(|| panic!("{} has no {ours}: {object}", one.name));
            (format!("/whole{theirs}"), ours.clone())
        })
        .collect();
    wanted.extend(reads.iter().map(|(theirs, ours)| (theirs.as_str(), ours.clone())));
    agrees(&seen, &wanted);
    if client == Client::Core && !one.keys.is_empty() {
        let keys = player.act(json!({"call": "target.get_credentials(**args)", "name": one.name, "args": {}})).await;
        let wanted: Vec<(&str, Value)> = one.keys.iter().map(|(at, value)| (*at, json!(value))).collect();
        agrees(&keys["returned"], &wanted);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn attachment_that_an_sdk_detaches_is_attached_again_once() {
    let stage = stage("attach-again").await;
    let mut made = one_of_each(&stage, |_| json!({})).await;
    for client in [Client::Core, Client::Ml] {
        let mut player = Player::beside(client, &stage.emulator);
        let since = now(&stage);
        for (one, _) in &made {
            let told = player.play(&json!([detach(client, one.name)])).await.remove(0);
            assert_eq!(told.outcome["ok"], true, "{}: {}: {}", client.release(), one.name, told.outcome);
        }
        for (one, object) in &mut made {
            if one.class(client).is_some() {
                let before = object["status"]["azure"]["createdAt"].clone();
                let again = |object: &Value| is_ready(object) && object["status"]["azure"]["createdAt"] != before;
                *object = stage.until_object(KIND, one.name, "it is attached again", again).await;
            }
        }
        stage.rest(3).await;
        for (one, _) in &made {
            let done = writes_to(&stage, one.name, since);
            let who = format!("{}, which {} detached", one.name, client.release());
            assert_eq!(users_of(&stage, &one.id("")), json!([path(one.name)]), "{who}");
            if one.class(client).is_none() {
                // It sends its request all the same, and detaches nothing: its API does not know that compute.
                assert_eq!(done, ["client DELETE"], "{who}");
                continue;
            }
            assert_eq!(done, ["client DELETE", "operator PUT"], "{who}");
            let seen = player.act(get(client, one.name)).await;
            assert!(succeeded(&seen), "{who}: {seen}");
        }
    }
}

/// What an SDK attached.
struct Theirs {
    client: Client,
    name: String,
    one: &'static Attachable,
    id: String,
    /// As Azure shows it.
    compute: Value,
}

/// A client attaches one of each type that it can, and says so of the others.
async fn attach_all(stage: &Stage, player: &mut Player, client: Client, word: &str) -> Vec<Theirs> {
    let mut all = Vec::new();
    for one in &TYPES {
        let (name, id) = (format!("{word}-{}", one.name), one.id(word));
        let Some(step) = one.attach(client, &name, &id) else {
            let compute = json!({"$type": UNSUPPORTED, "name": name, "resource_id": id});
            let step = json!({"call": "MLClient.compute.begin_attach", "compute": compute});
            let told = player.play(&json!([step])).await.remove(0);
            assert_eq!(told.outcome["message"], "Cannot create unsupported compute type.", "{}", told.outcome);
            assert_eq!(writes_to(stage, &name, 0), Vec::<String>::new(), "{name}");
            continue;
        };
        player.act(step).await;
        let (status, compute) = azure(stage, &name).await;
        assert_eq!(status, 200, "{name}: {compute}");
        all.push(Theirs { client, name, one, id, compute });
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn attachments_that_sdks_made_are_left_alone_until_adopted_and_never_attached_again() {
    let stage = stage("attach-adopt").await;
    let mut core = Player::beside(Client::Core, &stage.emulator);
    let mut ml = Player::beside(Client::Ml, &stage.emulator);
    let (mut all, others) = tokio::join!(
        attach_all(&stage, &mut core, Client::Core, "core"),
        attach_all(&stage, &mut ml, Client::Ml, "ml"),
    );
    assert_eq!((all.len(), others.len()), (9, 3), "every type by SDK v1, three by SDK v2");
    all.extend(others);
    let since = now(&stage);
    for theirs in &all {
        stage.apply(&theirs.one.object(&theirs.name, &theirs.id, &json!({}))).await;
    }
    let stalled = |object: &Value| condition(object, "Stalled").is_some();
    for theirs in &all {
        let told = stage.until_object(KIND, &theirs.name, "it is told apart", stalled).await;
        assert_eq!(ready_reason(&told), "NotOurs", "{}", theirs.name);
        assert!(ready_message(&told).contains("adoptionPolicy: Adopt"), "{}", ready_message(&told));
    }
    stage.rest(2).await;
    assert_eq!(writes(&stage, since), [], "all are left alone");

    let names = all.iter().map(|theirs| theirs.name.as_str());
    let adopt = ["--type=merge", "-p", r#"{"spec":{"adoptionPolicy":"Adopt"}}"#];
    stage.kubectl(&["patch", KIND].into_iter().chain(names).chain(adopt).collect::<Vec<_>>()).await;
    for theirs in &all {
        let adopted = until_ready(&stage, &theirs.name).await;
        assert_eq!(adopted["status"]["azure"]["owned"], true, "{}", theirs.name);
    }
    stage.rest(2).await;
    assert_eq!(writes(&stage, since), [], "all are adopted without a word to azure");
    for Theirs { client, name, compute, .. } in &all {
        let (_, after) = azure(&stage, name).await;
        assert_eq!(after["properties"]["createdOn"], compute["properties"]["createdOn"], "{name}");
        let player = if *client == Client::Core { &mut core } else { &mut ml };
        let seen = player.act(get(*client, name)).await;
        assert!(succeeded(&seen), "{seen}");
    }

    stage.kubectl(&["delete", KIND, "--all", "--timeout=60s"]).await;
    for Theirs { name, id, .. } in &all {
        assert_eq!(writes_to(&stage, name, since), ["operator DELETE"], "{name}");
        assert_eq!(azure(&stage, name).await.0, 404, "{name}");
        assert_eq!(users_of(&stage, id), json!([]), "{name}");
    }
    for entry in stage.requests("DELETE", "/computes/") {
        assert!(entry.query.contains("underlyingResourceAction=Detach"), "{}", entry.query);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn resource_that_an_sdk_attached_under_another_name_waits_until_the_sdk_detaches_it() {
    let stage = stage("attach-twice").await;
    for (client, theirs, ours) in [(Client::Core, "by-core", "machine"), (Client::Ml, "by-ml", "kubernetes")] {
        let (one, mut player) = (Attachable::of(ours), Player::beside(client, &stage.emulator));
        let id = one.id("");
        player.act(one.attach(client, theirs, &id).unwrap()).await;
        let since = now(&stage);
        // To adopt is to take the compute of the same name, not to take what another one holds.
        stage.apply(&one.object(ours, &id, &json!({"adoptionPolicy": "Adopt"}))).await;
        let told = |object: &Value| ready_reason(object) == "DuplicateAttachment";
        let told = stage.until_object(KIND, ours, "it is refused", told).await;
        assert!(ready_message(&told).contains(theirs), "{}", ready_message(&told));
        stage.rest(2).await;
        assert_eq!(writes(&stage, since), [], "what the SDK attached is not disturbed");

        player.act(detach(client, theirs)).await;
        until_ready(&stage, ours).await;
        assert_eq!(users_of(&stage, &id), json!([path(ours)]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn attachment_that_an_sdk_made_otherwise_is_adopted_as_it_is_and_made_anew_only_by_opt_in() {
    let stage = stage("attach-differs").await;
    let mut player = Player::beside(Client::Ml, &stage.emulator);
    let machine = Attachable::of("machine");
    let id = machine.id("");
    let mut theirs = machine.attach(Client::Ml, "machine", &id).unwrap();
    theirs["compute"]["ssh_settings"]["ssh_port"] = json!(22);
    player.act(theirs).await;
    let since = now(&stage);
    stage.apply(&machine.object("machine", &id, &json!({"adoptionPolicy": "Adopt"}))).await;
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
    agrees(&seen["whole"], &[("/ssh_settings/ssh_port", json!(2222)), ("/resource_id", json!(id))]);
    assert_eq!(users_of(&stage, &id), json!([path("machine")]));
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_objects_detach_or_leave_the_attachment_to_the_sdks() {
    let stage = stage("attach-end").await;
    let retained = |one: &Attachable| one.name == "machine";
    let made = one_of_each(&stage, |one| match retained(one) {
        true => json!({"deletionPolicy": "Retain"}),
        false => json!({}),
    });
    let made = made.await;
    let since = now(&stage);
    stage.kubectl(&["delete", KIND, "--all", "--timeout=60s"]).await;
    for client in CLIENTS {
        let mut player = Player::beside(client, &stage.emulator);
        assert_eq!(listed(&mut player, client).await, ["machine"], "{}", client.release());
    }
    for entry in stage.requests("DELETE", "/computes/") {
        assert!(entry.query.contains("underlyingResourceAction=Detach"), "{}", entry.query);
    }
    for (one, _) in made {
        let (wanted, left) = match retained(one) {
            true => (vec![], json!([path(one.name)])),
            false => (vec!["operator DELETE"], json!([])),
        };
        assert_eq!(writes_to(&stage, one.name, since), wanted, "{}", one.name);
        assert_eq!(users_of(&stage, &one.id("")), left, "{}", one.name);
    }

    // The SDK has what was retained to itself: nothing attaches it again.
    let mut player = Player::beside(Client::Core, &stage.emulator);
    player.act(detach(Client::Core, "machine")).await;
    let gone = async || match stage.azure("GET", &path("machine"), None).await.0 {
        404 => Ok(()),
        status => Err(status.to_string()),
    };
    support::wait::until("SDK v1 ended the attachment", PATIENCE, gone).await.unwrap();
    assert_eq!(users_of(&stage, &Attachable::of("machine").id("")), json!([]));
}
