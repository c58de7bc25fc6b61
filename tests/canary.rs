//! Canaries: values that must never be seen, put wherever a secret can be, and looked for in everything the operator says.
//!
//! Must not look into the operator: only at what anybody can read of it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, and its helpers are tests as well")]

mod stage;

use serde_json::json;
use stage::Stage;
use support::wait::until;

/// What must not be seen, by where it is kept.
struct Canary {
    kept_in: &'static str,
    value: &'static str,
}

const CLIENT_SECRET: Canary = Canary { kept_in: "the client secret", value: "emulator-client-secret" };
const PASSWORD: Canary = Canary { kept_in: "the password", value: "Canary-Password-7131" };
const KEY: Canary = Canary { kept_in: "the public key", value: "AAAAC3NzaC1lZDI1NTE5CANARYKEY" };

async fn nothing_is_seen_of(stage: &Stage, canaries: &[Canary]) {
    for (place, text) in stage.emitted().await {
        assert!(!text.is_empty(), "{place} cannot be empty");
        for canary in canaries {
            assert!(!text.contains(canary.value), "{} is seen in {place}", canary.kept_in);
        }
    }
}

async fn secret(stage: &Stage) {
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "ssh"},
        "stringData": {"password": PASSWORD.value, "key": format!("ssh-ed25519 {}", KEY.value)},
    });
    stage.apply(&secret.to_string()).await;
}

fn cluster() -> String {
    let key = json!({"secretRef": {"name": "ssh", "key": "key"}});
    let password = json!({"secretRef": {"name": "ssh", "key": "password"}});
    stage::cluster("cpu", &json!({"ssh": {"enabled": true, "publicKey": key, "password": password}}))
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_seen_nowhere_while_all_goes_well() {
    let stage = Stage::with("canary-well", stage::seed(), &[("log-level", "debug")]).await;
    secret(&stage).await;
    stage.apply(&cluster()).await;
    stage.until_ready("cpu").await;
    // Azure was told, or the test would prove nothing.
    let told = stage.requests("PUT", "/computes/cpu");
    let body = told.first().unwrap().request_body.to_string();
    assert!(body.contains(KEY.value) && body.contains("adminUserPassword"), "{body}");
    nothing_is_seen_of(&stage, &[CLIENT_SECRET, PASSWORD, KEY]).await;
    stage.kubectl(&["delete", "computecluster", "cpu", "--wait=false"]).await;
    stage.until_gone("computecluster", "cpu").await;
    nothing_is_seen_of(&stage, &[CLIENT_SECRET, PASSWORD, KEY]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_seen_nowhere_when_azure_repeats_them_in_its_refusals() {
    let stage = Stage::with("canary-refused", stage::seed(), &[("log-level", "debug")]).await;
    let echo = format!("the account azureuser with {} and {} is refused", PASSWORD.value, KEY.value);
    let refusal = json!({"error": {"code": "UserError", "message": echo}});
    let fault = json!({
        "match": {"method": "PUT", "path": "*/computes/cpu"}, "times": 1,
        "effect": {"kind": "respond", "status": 400, "body": refusal},
    });
    stage.emulator.add_fault(serde_json::from_value(fault).unwrap());
    secret(&stage).await;
    stage.apply(&cluster()).await;
    let refused = until("Azure has refused", stage::PATIENCE, async || {
        let object = stage.cluster("cpu").await.unwrap();
        let message = stage::ready_message(&object).to_owned();
        if message.contains("is refused") { Ok(message) } else { Err(message) }
    });
    let message = refused.await.unwrap();
    assert!(message.contains("[redacted]"), "{message}");
    nothing_is_seen_of(&stage, &[CLIENT_SECRET, PASSWORD, KEY]).await;
}
