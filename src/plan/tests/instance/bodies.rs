//! What is sent: every field in its wire form, and the same as Microsoft's SDK sends for the same intent.
//!
//! Must not change what was captured: a body that differs is listed here with its reason.

use crate::given;
use crate::support::*;
use api::{ConfigMapKeyRef, SecretKeyRef};
use arm::WorkspaceId;
use plan::{Action, ConfigMapState, OperationKind, Script, Secret, SecretState};
use serde_json::{Value, json};

/// What the SDK sends though nobody said it: Azure's own defaults, which we leave to Azure. Said here, so that both sides
/// mean the same.
fn defaults() -> Value {
    json!({"nodePublicIp": true, "sso": true, "rootAccess": true, "releaseQuotaOnStop": false, "osPatching": false,
        "applicationSharing": "Shared"})
}

/// The body of our create for a spec, in the workspace of the capture, without the two tags that are ours alone.
fn created(spec: &Value) -> Value {
    let mut whole = defaults();
    overlay(&mut whole, spec);
    let workspace = "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg-sdk/providers/Microsoft.MachineLearningServices/workspaces/ws-sdk";
    let mut given = given(&whole);
    given.facts().id = WorkspaceId::parse(workspace).unwrap();
    let claim = format!("{UID} {workspace}/computes/ada-box");
    let mut given = given.claimed().annotate(CLAIM, &claim).sees_nothing();
    let key = SecretKeyRef { name: "ssh".into(), key: "key".into() };
    given.refs.secrets.insert(
        key,
        SecretState::Value(Secret::new(
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleKeyForTestsOnlyNotARealKey00000000 user@host\n",
        )),
    );
    let plan = given.decide();
    assert_eq!(plan.action.operation(), Some(OperationKind::Create), "{plan:?}");
    let mut body = body(&plan).clone();
    let tags = body["tags"].as_object_mut().unwrap();
    assert!(tags.remove(OWNER_UID).is_some() && tags.remove(OWNER_OBJECT).is_some());
    if tags.is_empty() {
        body.as_object_mut().unwrap().remove("tags");
    }
    body
}

/// The SDK passes words on as its user typed them; Azure reads them without case.
fn same_words(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                if ["action", "status", "frequency"].contains(&key.as_str()) {
                    *value = json!(value.as_str().unwrap().to_lowercase());
                }
                same_words(value);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(same_words),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

const SIZE: &str = "Standard_DS3_v2";
const SUBNET: &str = "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg-net/providers/Microsoft.Network/virtualNetworks/vnet-a/subnets/snet-a";
const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleKeyForTestsOnlyNotARealKey00000000 user@host";

/// Each captured create, with the spec of the same intent.
fn intents() -> Vec<(&'static str, Value)> {
    let identity = "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg-sdk/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-a";
    let app = json!({"name": "rstudio", "image": {"reference": "ghcr.io/azure/rocker-rstudio-ml-verse:latest"},
        "endpoints": [{"target": 8787, "published": 8787}], "environment": {"RSTUDIO_TOKEN": "abc", "N": "1"},
        "volumes": [{"source": "/home/azureuser/cloudfiles", "target": "/home/azureuser/cloudfiles"}]});
    let monday = json!({"name": "m", "action": "Start", "timeZone": "Europe/Berlin", "startTime": "2026-03-10T08:00:00",
        "recurrence": {"frequency": "Week", "interval": 1, "weekDays": ["Monday", "Wednesday"], "hours": [8], "minutes": [30]}});
    let weekday = json!({"name": "s", "action": "Stop", "cron": "0 18 * * 1-5", "startTime": "2026-03-10T08:00:00"});
    let morning = json!({"name": "a", "action": "Start", "timeZone": "Europe/Warsaw", "cron": "0 8 * * 1-5"});
    let evening = json!({"name": "b", "action": "Stop", "timeZone": "UTC", "enabled": false,
        "recurrence": {"frequency": "Day", "interval": 1, "hours": [19], "minutes": [0]}});
    let user =
        json!({"objectId": "00000000-0000-0000-0000-00000000abcd", "tenantId": "00000000-0000-0000-0000-00000000aaaa"});
    vec![
        ("ci-minimal", json!({"vmSize": "STANDARD_DS3_V2"})),
        ("ci-size", json!({"vmSize": "Standard_DS2_v2"})),
        ("ci-yaml-minimal", json!({"vmSize": SIZE})),
        ("ci-yaml-override", json!({"vmSize": "Standard_E4ds_v4"})),
        ("ci-description-tags", json!({"vmSize": SIZE, "description": "a box", "tags": {"team": "ml", "cost": "42"}})),
        ("ci-identity-system", json!({"vmSize": SIZE, "identity": {"type": "SystemAssigned"}})),
        ("ci-identity-user", json!({"vmSize": SIZE, "identity": {"type": "UserAssigned", "userAssigned": [identity]}})),
        ("ci-idle-60", json!({"vmSize": SIZE, "idleTimeBeforeShutdown": "1h"})),
        ("ci-no-public-ip", json!({"vmSize": SIZE, "subnet": {"id": SUBNET}, "nodePublicIp": false})),
        ("ci-subnet-id", json!({"vmSize": SIZE, "subnet": {"id": SUBNET}})),
        ("ci-vnet-and-subnet-names", json!({"vmSize": SIZE, "subnet": {"virtualNetwork": "vnet-a", "name": "snet-a"}})),
        ("ci-on-behalf-of", json!({"vmSize": SIZE, "assignedUser": user})),
        ("ci-os-patching", json!({"vmSize": SIZE, "osPatching": true})),
        ("ci-release-quota", json!({"vmSize": SIZE, "releaseQuotaOnStop": true})),
        ("ci-root-off", json!({"vmSize": SIZE, "rootAccess": false})),
        ("ci-sso-off", json!({"vmSize": SIZE, "sso": false})),
        ("ci-ssh-off-explicit", json!({"vmSize": SIZE, "ssh": {"enabled": false}})),
        ("ci-ssh-on-key", json!({"vmSize": SIZE, "ssh": {"enabled": true, "publicKey": {"value": KEY}}})),
        ("ci-custom-app", json!({"vmSize": SIZE, "customServices": [app]})),
        ("ci-schedule-cron-stop", json!({"vmSize": SIZE, "schedules": [weekday]})),
        ("ci-schedule-recurrence", json!({"vmSize": SIZE, "schedules": [monday]})),
        ("ci-schedule-start-and-stop", json!({"vmSize": SIZE, "schedules": [morning, evening]})),
    ]
}

/// Captures that have no equal of ours, and why.
const DIFFERENT: &[(&str, &str)] = &[
    ("ci-begin-update", "Azure ignores a second PUT: the idle time goes by its own POST, see change.rs"),
    ("ci-enable-sso-post", "the POST is compared in change.rs; its create is ci-sso-off"),
    ("ci-identity-pascal-spelling", "the intent of ci-identity-system, misspelt by the SDK as Systemassigned"),
    ("ci-lifecycle", "power has no body; paths and versions are compared in azureml's tests"),
    ("ci-setup-both", "the SDK names a file in the workspace's storage, we send the script itself: compared below"),
    ("ci-setup-creation", "as ci-setup-both"),
];

#[test]
fn create_is_what_the_sdk_sends_for_the_same_intent() {
    let captured = recorded("sdk_instances");
    let intents = intents();
    for (name, spec) in &intents {
        let mut theirs = captured[name][0]["body"].clone();
        let mut ours = created(spec);
        same_words(&mut theirs);
        same_words(&mut ours);
        assert_eq!(ours, theirs, "{name}");
    }
    let mut known: Vec<&str> = intents.iter().map(|(name, _)| *name).chain(DIFFERENT.iter().map(|(n, _)| *n)).collect();
    known.sort_unstable();
    let captured: Vec<&str> = captured.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(known, captured, "every captured intent is compared, or listed with its reason");
}

#[test]
fn setup_script_differs_from_the_sdks_only_in_where_its_text_is() {
    let captured = recorded("sdk_instances");
    let theirs = &captured["ci-setup-both"][0]["body"]["properties"]["properties"]["setupScripts"]["scripts"];
    let body = created(&json!({"vmSize": SIZE, "setupScripts": {
        "creation": {"inline": "#!/bin/bash\necho \"Hello World\"", "timeout": "PT10M"},
        "startup": {"inline": "echo", "arguments": ["--fast"], "timeout": "5m"}}}));
    let ours = &body["properties"]["properties"]["setupScripts"]["scripts"];
    for script in ["creationScript", "startupScript"] {
        let (mut ours, mut theirs) = (ours[script].clone(), theirs[script].clone());
        let source = ["scriptSource", "scriptData"].map(|key| ours.as_object_mut().unwrap().remove(key).unwrap());
        assert_eq!(source[0], "inline");
        theirs.as_object_mut().unwrap().retain(|key, _| !["scriptSource", "scriptData"].contains(&key.as_str()));
        assert_eq!(ours, theirs, "{script}");
    }
    // The text of an Azure Policy that Microsoft's engineers published, in base64.
    assert_eq!(ours["creationScript"]["scriptData"], "IyEvYmluL2Jhc2gKZWNobyAiSGVsbG8gV29ybGQi");
}

#[test]
fn create_sends_only_what_was_written_and_what_makes_an_instance_personal() {
    let plan = given(&json!({})).claimed().sees_nothing().decide();
    assert_eq!(
        body(&plan),
        &json!({
            "location": "westeurope",
            "tags": {OWNER_UID: UID, OWNER_OBJECT: "team-a/ada-box"},
            "properties": {"computeType": "ComputeInstance", "disableLocalAuth": true,
                "properties": {"vmSize": "STANDARD_DS3_V2", "computeInstanceAuthorizationType": "personal"}},
        })
    );
}

#[test]
fn key_comes_from_a_secret_and_local_login_is_on_with_ssh_alone() {
    let body = created(&json!({"ssh": {"enabled": true, "publicKey": {"secretRef": {"name": "ssh", "key": "key"}}}}));
    let own = &body["properties"]["properties"];
    assert_eq!(own["sshSettings"], json!({"sshPublicAccess": "Enabled", "adminPublicKey": KEY}));
    assert_eq!(body["properties"]["disableLocalAuth"], false);
    let keyless = created(&json!({"ssh": {"enabled": true}}));
    assert_eq!(keyless["properties"]["properties"]["sshSettings"], json!({"sshPublicAccess": "Enabled"}));
}

#[test]
fn sso_of_an_instance_with_a_script_for_somebody_is_left_to_azure() {
    let user = json!({"objectId": "4444", "tenantId": "2222"});
    let script = json!({"creation": {"inline": "echo"}});
    let body = created(&json!({"sso": true, "assignedUser": user, "setupScripts": script}));
    assert!(body["properties"]["properties"].get("enableSSO").is_none(), "{body}");
    let alone = created(&json!({"sso": true, "assignedUser": user}));
    assert_eq!(alone["properties"]["properties"]["enableSSO"], true);
}

fn script_of_a_config_map() -> (Given<api::ComputeInstance>, ConfigMapKeyRef) {
    let reference = json!({"configMapRef": {"name": "scripts", "key": "setup.sh"}});
    let given = given(&json!({"setupScripts": {"creation": reference}})).claimed().sees_nothing();
    (given, ConfigMapKeyRef { name: "scripts".into(), key: "setup.sh".into() })
}

#[test]
fn script_comes_from_a_config_map_to_the_byte() {
    let (mut given, key) = script_of_a_config_map();
    given.refs.config_maps.insert(key, ConfigMapState::Value(Script::new("echo\n")));
    let plan = given.decide();
    let script = &body(&plan)["properties"]["properties"]["setupScripts"]["scripts"]["creationScript"];
    assert_eq!(script, &json!({"scriptSource": "inline", "scriptData": "ZWNobwo="}));
}

#[test]
fn config_map_that_cannot_be_used_stalls_and_heals_when_it_appears() {
    let (mut given, key) = script_of_a_config_map();
    for (state, reason) in [
        (None, "ConfigMapNotFound"),
        (Some(ConfigMapState::Missing), "ConfigMapNotFound"),
        (Some(ConfigMapState::KeyMissing), "ConfigMapKeyMissing"),
        (Some(ConfigMapState::Forbidden), "ConfigMapForbidden"),
    ] {
        given.refs.config_maps.clear();
        given.refs.config_maps.extend(state.map(|state| (key.clone(), state)));
        let plan = given.decide();
        assert_eq!((stalled(&plan), &plan.action), (reason, &Action::Nothing));
        assert!(message(&plan).contains("ConfigMap scripts"), "{}", message(&plan));
    }
    given.refs.config_maps.insert(key, ConfigMapState::Value(Script::new("echo")));
    assert_eq!(given.decide().action.operation(), Some(OperationKind::Create));
}

#[test]
fn value_that_azure_cannot_be_told_stalls_and_names_its_field() {
    let schedule = |over: Value| {
        let mut schedule = json!({"name": "s", "action": "Stop", "cron": "0 18 * * *"});
        overlay(&mut schedule, &over);
        json!({"schedules": [schedule]})
    };
    for (spec, words) in [
        (schedule(json!({"timeZone": "Mars/Olympus"})), "`spec.schedules[s].timeZone` Mars/Olympus"),
        (schedule(json!({"cron": null})), "`spec.schedules[s]`"),
        (json!({"idleTimeBeforeShutdown": "soon"}), "`spec.idleTimeBeforeShutdown` soon"),
        (
            json!({"setupScripts": {"creation": {"inline": "x", "timeout": "90s"}}}),
            "`spec.setupScripts.creation.timeout` 90s",
        ),
    ] {
        let plan = given(&spec).claimed().sees_nothing().decide();
        assert_eq!(stalled(&plan), "InvalidSpec", "{spec}");
        assert!(message(&plan).contains(words), "{}", message(&plan));
    }
}

#[test]
fn script_of_a_config_map_that_is_too_long_is_not_sent_and_said() {
    let (mut given, key) = script_of_a_config_map();
    given.refs.config_maps.insert(key.clone(), ConfigMapState::Value(Script::new(&"#".repeat(65_537))));
    let plan = given.decide();
    assert_eq!((stalled(&plan), &plan.action), ("InvalidSpec", &Action::Nothing));
    let said = format!("{:?}", plan.verdict);
    assert!(said.contains("has 65537 bytes in its ConfigMap; at most 65536 are sent"), "{said}");
    given.refs.config_maps.insert(key, ConfigMapState::Value(Script::new(&"#".repeat(65_536))));
    assert_ne!(given.decide().action, Action::Nothing);
}
