//! An emulator that is kept in a file: stopped, killed and started again. What a world is made of is tested beside it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{path::Path, time::Duration};

use amlco_emulator::{CLIENT_ID, CLIENT_SECRET, Config, Emulator, SUBSCRIPTION, Seed, TENANT, spawn};
use serde_json::{Value, json};

async fn start(state: &Path) -> Emulator {
    let _ = rustls::crypto::ring::default_provider().install_default();
    spawn(Config { time_scale: 0.0, state: Some(state.to_owned()), ..Config::default() }).await.unwrap()
}

fn client(emulator: &Emulator) -> reqwest::Client {
    let authority = reqwest::Certificate::from_pem(emulator.ca_pem().as_bytes()).unwrap();
    reqwest::Client::builder().tls_certs_only([authority]).no_proxy().timeout(Duration::from_secs(20)).build().unwrap()
}

async fn token(client: &reqwest::Client, emulator: &Emulator) -> String {
    let form = format!(
        "grant_type=client_credentials&client_id={CLIENT_ID}&client_secret={CLIENT_SECRET}&scope=https://management.azure.com/.default"
    );
    let url = format!("{}/{TENANT}/oauth2/v2.0/token", emulator.tls_url());
    let body: Value = client.post(url).body(form).send().await.unwrap().json().await.unwrap();
    body["access_token"].as_str().unwrap().to_owned()
}

fn compute(base: &str, name: &str) -> String {
    format!(
        "{base}/subscriptions/{SUBSCRIPTION}/resourceGroups/ml/providers/Microsoft.MachineLearningServices/workspaces/demo/computes/{name}?api-version=2026-05-01"
    )
}

async fn put(client: &reqwest::Client, emulator: &Emulator, token: &str, name: &str) -> String {
    let body = json!({"location": "eastus", "properties": {"computeType": "AmlCompute", "properties": {
        "vmSize": "STANDARD_D2_V2", "scaleSettings": {"maxNodeCount": 4}}}});
    let put = client.put(compute(emulator.tls_url(), name)).bearer_auth(token).json(&body);
    let answer = put.send().await.unwrap();
    assert_eq!(answer.status(), 201);
    answer.headers()["azure-asyncoperation"].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn operation_goes_on_after_a_restart_on_the_virtual_clock_for_a_client_that_noticed_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("state.json");
    let first = start(&file).await;
    let (client, base) = (client(&first), first.tls_url().to_owned());
    let token = token(&client, &first).await;
    let operation = put(&client, &first, &token, "cpu-cluster").await;
    first.advance("PT5S".parse().unwrap());
    first.stop().await;

    let second = start(&file).await;
    // The port is another one, the certificate authority and the token are not.
    let operation = operation.replace(&base, second.tls_url());
    let poll =
        || async { client.get(&operation).bearer_auth(&token).send().await.unwrap().json::<Value>().await.unwrap() };
    assert_eq!(poll().await["status"], "InProgress");
    second.advance("PT17S".parse().unwrap());
    assert_eq!(poll().await["status"], "Succeeded");
    let get = client.get(compute(second.tls_url(), "cpu-cluster")).bearer_auth(&token);
    let shown: Value = get.send().await.unwrap().json().await.unwrap();
    assert_eq!(shown["properties"]["provisioningState"], "Succeeded");
    second.stop().await;
}

#[tokio::test]
async fn file_is_written_while_the_emulator_runs() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("state.json");
    let emulator = start(&file).await;
    let client = client(&emulator);
    let token = token(&client, &emulator).await;
    put(&client, &emulator, &token, "remember-me").await;
    let deadline = std::time::Instant::now() + Duration::from_secs(60);
    while !std::fs::read_to_string(&file).unwrap().contains("remember-me") {
        assert!(std::time::Instant::now() < deadline, "the file does not tell of the compute");
        tokio::task::yield_now().await;
    }
    // As a kill would end it: nothing more is written.
    drop(emulator);
    let again = start(&file).await;
    assert!(again.world().to_string().contains("remember-me"));
    again.stop().await;
}

#[tokio::test]
async fn state_takes_the_place_of_the_seed() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("state.json");
    start(&file).await.stop().await;
    let empty = Seed { principals: Vec::new(), subscriptions: Vec::new(), ..Seed::default() };
    let config = Config { seed: empty, state: Some(file), ..Config::default() };
    let emulator = spawn(config).await.unwrap();
    assert!(emulator.world()["subscriptions"][SUBSCRIPTION].is_object());
    emulator.stop().await;
}

#[tokio::test]
async fn file_that_cannot_be_used_is_told_before_anything_is_served() {
    let directory = tempfile::tempdir().unwrap();
    let wrong = directory.path().join("wrong.json");
    std::fs::write(&wrong, r#"{"format": "azureml-emulator-state", "version": 99}"#).unwrap();
    for (path, part) in [
        (wrong.clone(), "wrong.json: it was written in version 99 of the format"),
        (directory.path().join("absent/state.json"), "state.json: cannot be written"),
        (directory.path().to_owned(), "state file "),
    ] {
        let error = spawn(Config { state: Some(path), ..Config::default() }).await.unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
    }
    assert!(std::fs::read_to_string(&wrong).unwrap().contains("99"), "a file that is not understood stays as it is");
}
