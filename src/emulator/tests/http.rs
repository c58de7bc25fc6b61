//! The running emulator over real sockets: both planes, TLS, tokens, faults, throttling and hostile input.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::Duration;

use amlco_emulator::{CLIENT_ID, CLIENT_SECRET, Config, Emulator, SUBSCRIPTION, TENANT, spawn};
use serde_json::{Value, json};

/// An emulator and a client that trusts its certificate authority.
struct Bench {
    emulator: Emulator,
    client: reqwest::Client,
}

impl Bench {
    async fn new() -> Self {
        Self::with(Config { time_scale: 0.0, ..Config::default() }).await
    }

    async fn with(config: Config) -> Self {
        // Another test of this process may have been first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let emulator = spawn(config).await.expect("the emulator starts");
        let authority = reqwest::Certificate::from_pem(emulator.ca_pem().as_bytes()).unwrap();
        let client = reqwest::Client::builder().tls_certs_only([authority]).no_proxy().timeout(Duration::from_secs(20));
        Self { client: client.build().unwrap(), emulator }
    }

    async fn token(&self) -> String {
        let form = format!(
            "grant_type=client_credentials&client_id={CLIENT_ID}&client_secret={CLIENT_SECRET}&scope=https%3A%2F%2Fmanagement.azure.com%2F.default"
        );
        let url = format!("{}/{TENANT}/oauth2/v2.0/token", self.emulator.tls_url());
        let request = self.client.post(url).header("content-type", "application/x-www-form-urlencoded").body(form);
        let body: Value = request.send().await.unwrap().json().await.unwrap();
        body["access_token"].as_str().unwrap().to_owned()
    }
}

fn computes(base: &str, rest: &str) -> String {
    format!(
        "{base}/subscriptions/{SUBSCRIPTION}/resourceGroups/ml/providers/Microsoft.MachineLearningServices/workspaces/demo/computes{rest}?api-version=2026-05-01"
    )
}

fn cluster() -> Value {
    json!({"location": "eastus", "properties": {"computeType": "AmlCompute", "properties": {
        "vmSize": "STANDARD_D2_V2", "scaleSettings": {"maxNodeCount": 4}}}})
}

#[tokio::test]
async fn cluster_is_made_over_tls_with_a_token_from_the_emulators_own_authority() {
    let bench = Bench::new().await;
    let token = bench.token().await;
    let base = bench.emulator.tls_url().to_owned();
    let put = bench.client.put(computes(&base, "/cpu-cluster")).bearer_auth(&token).json(&cluster());
    let answer = put.send().await.unwrap();
    assert_eq!(answer.status(), 201);
    let operation = answer.headers()["azure-asyncoperation"].to_str().unwrap().to_owned();
    assert!(operation.starts_with(&base), "{operation}");
    bench.emulator.advance("PT22S".parse().unwrap());
    let poll: Value = bench.client.get(&operation).bearer_auth(&token).send().await.unwrap().json().await.unwrap();
    assert_eq!(poll["status"], "Succeeded");
    let list = bench.client.get(computes(&base, "")).bearer_auth(&token).send().await.unwrap();
    let list: Value = list.json().await.unwrap();
    assert_eq!(list["value"][0]["properties"]["provisioningState"], "Succeeded");
    assert!(list.get("nextLink").is_none());
    bench.emulator.stop().await;
}
