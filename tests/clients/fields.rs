//! Every field of an instance, set once through kubectl, as azure-ai-ml reads it from Azure.
//!
//! Must not compare with what the operator sent: what the SDK makes of it is compared with what was declared.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::player;
use crate::stage::{self, Stage, instance};
use crate::venv::{Client, directory, succeed};

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGZv3wzQZB1nS4b1bqkq3S8rXqk0yPj2m9c0v5o0w1aB ada@example";
const SUBNET: &str = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/net/providers/Microsoft.Network/virtualNetworks/ml/subnets/people";
const USER_IDENTITY: &str = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/ids/providers/Microsoft.ManagedIdentity/userAssignedIdentities/trainer";
/// The scripts below in Base64.
const CREATION: &str = "cGlwIGluc3RhbGwgbGlnaHRnYm0K";
const STARTUP: &str = "ZWNobyBnb29kIG1vcm5pbmcK";
const ADA: &str = "55555555-5555-5555-5555-555555555555";

/// What the SDK shows of an instance.
async fn shown(stage: &Stage, name: &str) -> Value {
    let home = tempfile::tempdir().unwrap();
    let program = directory().join("python/show_instance.py");
    let place = player::Place::STAGE;
    let output = player::command(Client::Ml, &program, &stage.emulator, place, home.path()).arg(name).output().await;
    serde_json::from_str(&succeed("show_instance.py", output)).unwrap()
}

/// Makes one instance and reads it.
async fn declared(prefix: &str, spec: &Value) -> (Stage, Value) {
    Client::Ml.python();
    let stage = Stage::start(prefix).await;
    let scripts = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "scripts"},
        "data": {"startup.sh": "echo good morning\n"}});
    stage.apply(&scripts.to_string()).await;
    stage.apply(&stage::lend_config_map("scripts")).await;
    stage.apply(&instance("own", spec)).await;
    stage.until_object("computeinstance", "own", "it is Ready", stage::is_ready).await;
    let shown = shown(&stage, "own").await;
    (stage, shown)
}

/// Compares by JSON pointer, and names all that differ.
pub(crate) fn agrees(shown: &Value, wanted: &[(&str, Value)]) {
    let none = Value::Null;
    let wrong: BTreeMap<&str, String> = wanted
        .iter()
        .map(|(pointer, wanted)| (*pointer, shown.pointer(pointer).unwrap_or(&none), wanted))
        .filter(|(_, found, wanted)| found != wanted)
        .map(|(pointer, found, wanted)| (pointer, format!("the SDK has {found}, wanted was {wanted}")))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}\n{shown:#}");
}

/// A spec with every field that an instance can have together.
fn every_field() -> Value {
    json!({
        "vmSize": "STANDARD_DS3_V2", "description": "for vision", "tags": {"team": "vision"},
        "ssh": {"enabled": true, "publicKey": {"value": KEY}}, "subnet": {"id": SUBNET}, "nodePublicIp": false,
        "identity": {"type": "UserAssigned", "userAssigned": [USER_IDENTITY]}, "applicationSharing": "Shared",
        "idleTimeBeforeShutdown": "1h30m", "powerState": "Running",
        "schedules": [
            {"name": "morning", "action": "Start", "timeZone": "Europe/Berlin", "cron": "0 8 * * 1-5"},
            {"name": "evening", "action": "Stop", "timeZone": "America/New_York", "enabled": false, "startTime": "2026-01-05T00:00:00",
             "recurrence": {"frequency": "Week", "interval": 1, "weekDays": ["Friday"], "hours": [19], "minutes": [0]}},
        ],
        "setupScripts": {
            "creation": {"inline": "pip install lightgbm\n", "arguments": ["a", "b"], "timeout": "PT20M"},
            "startup": {"configMapRef": {"name": "scripts", "key": "startup.sh"}},
        },
        "customServices": [{"name": "rstudio", "image": {"reference": "rstudio/rstudio:latest"},
            "endpoints": [{"target": 8787, "published": 8788}], "environment": {"A": "b"},
            "volumes": [{"source": "/home/azureuser/cloudfiles", "target": "/data", "readOnly": true}]}],
        "sso": true, "rootAccess": false, "osPatching": true, "releaseQuotaOnStop": true,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_field_of_an_instance_means_the_same_to_azure_ai_ml() {
    let (_stage, shown) = declared("every-field", &every_field()).await;
    let found = |pointer: &str| shown.pointer(pointer).cloned().unwrap_or_default();
    agrees(
        &shown,
        &[
            ("/name", json!("own")),
            ("/type", json!("computeinstance")),
            ("/size", json!("STANDARD_DS3_V2")),
            ("/state", json!("Running")),
            ("/tags/team", json!("vision")),
            ("/description", json!("for vision")),
            ("/ssh_public_access_enabled", json!(true)),
            ("/ssh_settings/ssh_key_value", json!(KEY)),
            ("/network_settings/subnet", json!(SUBNET)),
            ("/enable_node_public_ip", json!(false)),
            ("/identity/type", json!("user_assigned")),
            // The same time as Azure writes it.
            ("/idle_time_before_shutdown", json!("PT90M")),
            ("/schedules/compute_start_stop/0/action", json!("Start")),
            ("/schedules/compute_start_stop/0/state", json!("Enabled")),
            ("/schedules/compute_start_stop/0/trigger/expression", json!("0 8 * * 1-5")),
            ("/schedules/compute_start_stop/0/trigger/time_zone", json!("W. Europe Standard Time")),
            ("/schedules/compute_start_stop/1/action", json!("Stop")),
            ("/schedules/compute_start_stop/1/state", json!("Disabled")),
            ("/schedules/compute_start_stop/1/trigger/frequency", json!("Week")),
            ("/schedules/compute_start_stop/1/trigger/interval", json!(1)),
            ("/schedules/compute_start_stop/1/trigger/time_zone", json!("Eastern Standard Time")),
            ("/schedules/compute_start_stop/1/trigger/start_time", json!("2026-01-05T00:00:00")),
            ("/schedules/compute_start_stop/1/trigger/schedule/hours", json!([19])),
            ("/schedules/compute_start_stop/1/trigger/schedule/minutes", json!([0])),
            ("/schedules/compute_start_stop/1/trigger/schedule/week_days", json!(["Friday"])),
            ("/setup_scripts/creation_script/path", json!(CREATION)),
            ("/setup_scripts/creation_script/command", json!("a b")),
            ("/setup_scripts/creation_script/timeout_minutes", json!("20")),
            ("/setup_scripts/startup_script/path", json!(STARTUP)),
            ("/custom_applications/0/name", json!("rstudio")),
            ("/custom_applications/0/image/reference", json!("rstudio/rstudio:latest")),
            ("/custom_applications/0/endpoints/0/target", json!(8787)),
            ("/custom_applications/0/endpoints/0/published", json!(8788)),
            ("/custom_applications/0/environment_variables/A", json!("b")),
            ("/custom_applications/0/bind_mounts/0/source", json!("/home/azureuser/cloudfiles")),
            ("/enable_sso", json!(true)),
            ("/enable_root_access", json!(false)),
            ("/enable_os_patching", json!(true)),
            ("/release_quota_on_stop", json!(true)),
        ],
    );
    let identity = found("/identity/user_assigned_identities/0/resource_id");
    assert!(identity.as_str().is_some_and(|id| id.eq_ignore_ascii_case(USER_IDENTITY)), "{identity}");
}

#[tokio::test(flavor = "multi_thread")]
async fn instance_for_somebody_means_the_same_to_azure_ai_ml() {
    let spec = json!({"assignedUser": {"objectId": ADA, "tenantId": emulator::TENANT}, "identity": {"type": "SystemAssigned"}});
    let (_stage, shown) = declared("for-somebody", &spec).await;
    agrees(
        &shown,
        &[
            ("/create_on_behalf_of/user_object_id", json!(ADA)),
            ("/create_on_behalf_of/user_tenant_id", json!(emulator::TENANT)),
            ("/ssh_public_access_enabled", json!(false)),
            ("/identity/type", json!("system_assigned")),
            ("/schedules", Value::Null),
            ("/idle_time_before_shutdown", Value::Null),
        ],
    );
}
