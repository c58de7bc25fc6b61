//! How fast one core answers, and what ten thousand computes take. A measurement, not a judgement: run it with
//! `cargo test --release -p amlco-emulator --test throughput -- --ignored --nocapture`.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on fails")]

use std::time::{Duration, Instant};

use amlco_emulator::{CLIENT_ID, CLIENT_SECRET, ComputeSeed, Config, SUBSCRIPTION, Seed, TENANT, ThrottleSeed, spawn};
use serde_json::{Value, json};

const CALLERS: usize = 16;
const TIME: Duration = Duration::from_secs(5);

fn resident_kilobytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).unwrap_or(0)
}

fn seed(computes: usize) -> Seed {
    let mut seed = Seed { throttle: ThrottleSeed::unlimited(), ..Seed::default() };
    seed.quotas = serde_json::from_value(json!([
        {"subscription": SUBSCRIPTION, "location": "eastus", "totalClusters": 1_000_000}
    ]))
    .unwrap();
    let existing = (0..computes).map(|index| {
        json!({"name": format!("cluster{index}"), "location": "eastus", "tags": {"team": "vision"},
            "properties": {"computeType": "AmlCompute", "properties": {
                "vmSize": "STANDARD_D2_V2", "scaleSettings": {"maxNodeCount": 4}}}})
    });
    seed.subscriptions[0].resource_groups[0].workspaces[0].computes = existing.map(ComputeSeed::from).collect();
    seed
}

#[tokio::test]
#[ignore = "a measurement"]
async fn one_core_answers_thousands_of_requests_a_second() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let seed = seed(10_000);
    let before = resident_kilobytes();
    let emulator = spawn(Config { seed, ..Config::default() }).await.unwrap();
    println!("10000 computes: {} kB more resident", resident_kilobytes() - before);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let form = format!(
        "grant_type=client_credentials&client_id={CLIENT_ID}&client_secret={CLIENT_SECRET}&scope=https://management.azure.com/.default"
    );
    let url = format!("{}/{TENANT}/oauth2/v2.0/token", emulator.url());
    let token: Value = client.post(url).body(form).send().await.unwrap().json().await.unwrap();
    let token = token["access_token"].as_str().unwrap().to_owned();
    let base = format!(
        "{}/subscriptions/{SUBSCRIPTION}/resourceGroups/ml/providers/Microsoft.MachineLearningServices/workspaces/demo/computes",
        emulator.url()
    );
    for (what, path) in [("GET of one", "/cluster77"), ("LIST of 100", "")] {
        let url = format!("{base}{path}?api-version=2026-05-01");
        let (started, mut tasks) = (Instant::now(), tokio::task::JoinSet::new());
        for _ in 0..CALLERS {
            let (client, url, token) = (client.clone(), url.clone(), token.clone());
            tasks.spawn(async move {
                let mut answered = 0u32;
                while started.elapsed() < TIME {
                    let answer = client.get(&url).bearer_auth(&token).send().await.unwrap();
                    assert_eq!(answer.status(), 200);
                    answer.bytes().await.unwrap();
                    answered += 1;
                }
                answered
            });
        }
        let answered: u32 = tasks.join_all().await.into_iter().sum();
        let rate = f64::from(answered) / started.elapsed().as_secs_f64();
        println!("{what}: {rate:.0} requests a second, callers and emulator on one core together");
    }
    println!("after the load: {} kB resident", resident_kilobytes());
    emulator.stop().await;
}
