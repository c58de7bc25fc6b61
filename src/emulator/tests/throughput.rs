//! How fast one core answers, and what ten thousand computes of all types take. A measurement, not a judgement: run it with
//! `cargo test --release -p amlco-emulator --test throughput -- --ignored --nocapture`. It must not depend on what else the
//! machine does: rates are by the time that this thread, callers and emulator together, had a core.

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

/// Time that this thread had a core (the first number of `schedstat`, in nanoseconds).
fn on_core() -> Duration {
    let spent = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(spent.split_whitespace().next().unwrap().parse().unwrap())
}

/// The attached types, where what they attach lives, and their properties.
fn attached() -> [(&'static str, &'static str, Value); 9] {
    let account = json!({"username": "azureuser", "password": "Fake-Passw0rd!"});
    [
        (
            "VirtualMachine",
            "Microsoft.Compute/virtualMachines/",
            json!({"sshPort": 22, "administratorAccount": account}),
        ),
        ("HDInsight", "Microsoft.HDInsight/clusters/", json!({"sshPort": 22, "administratorAccount": account})),
        ("Databricks", "Microsoft.Databricks/workspaces/", json!({"databricksAccessToken": "dapi0123"})),
        ("Kubernetes", "Microsoft.ContainerService/managedClusters/", json!({"namespace": "ml"})),
        ("AKS", "Microsoft.ContainerService/managedClusters/inference", json!({"loadBalancerType": "PublicIp"})),
        ("SynapseSpark", "Microsoft.Synapse/workspaces/spark/bigDataPools/", Value::Null),
        ("DataLakeAnalytics", "Microsoft.DataLakeAnalytics/accounts/", Value::Null),
        ("DataFactory", "Microsoft.DataFactory/factories/", Value::Null),
        ("Batch", "Microsoft.Batch/batchAccounts/", Value::Null),
    ]
}

/// A third each of clusters, instances and attachments.
fn compute(index: usize, types: &[(&str, &str, Value)]) -> Value {
    let properties = match index % 3 {
        0 => json!({"computeType": "AmlCompute", "properties": {
            "vmSize": "STANDARD_D2_V2", "scaleSettings": {"maxNodeCount": 4}}}),
        1 => json!({"computeType": "ComputeInstance", "properties": {"vmSize": "STANDARD_DS3_V2",
            "idleTimeBeforeShutdown": "PT30M", "schedules": {"computeStartStop": [{"action": "Start",
            "triggerType": "Cron", "cron": {"expression": "0 8 * * 1-5", "timeZone": "W. Europe Standard Time"}}]}}}),
        _ => {
            let (kind, place, properties) = &types[index / 3 % types.len()];
            let id = format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/rg/providers/{place}r{index}");
            json!({"computeType": kind, "resourceId": id, "properties": properties})
        }
    };
    json!({"name": format!("compute{index}"), "location": "eastus", "tags": {"team": "vision"}, "properties": properties})
}

fn seed(computes: usize) -> Seed {
    let mut seed = Seed { throttle: ThrottleSeed::unlimited(), ..Seed::default() };
    seed.quotas = serde_json::from_value(json!([
        {"subscription": SUBSCRIPTION, "location": "eastus", "totalClusters": 1_000_000}
    ]))
    .unwrap();
    let types = attached();
    let existing = (0..computes).map(|index| ComputeSeed::from(compute(index, &types)));
    seed.subscriptions[0].resource_groups[0].workspaces[0].computes = existing.collect();
    seed
}

#[tokio::test]
#[ignore = "a measurement"]
async fn one_core_answers_thousands_of_requests_a_second() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let seed = seed(10_000);
    let before = resident_kilobytes();
    let emulator = spawn(Config { seed, ..Config::default() }).await.unwrap();
    let now = resident_kilobytes();
    println!("10000 computes: {} kB more resident, {now} kB in all", now - before);
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
    for (what, path) in [
        ("GET of a cluster", "/compute78"),
        ("GET of an instance", "/compute79"),
        ("GET of an attachment", "/compute11"),
        ("LIST of 100", ""),
    ] {
        let url = format!("{base}{path}?api-version=2026-05-01");
        let (started, core, mut tasks) = (Instant::now(), on_core(), tokio::task::JoinSet::new());
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
        let rate = f64::from(answered) / (on_core() - core).as_secs_f64();
        println!("{what}: {rate:.0} requests a second of one core, which callers and emulator share");
    }
    let full = resident_kilobytes();
    println!("with {} exchanges in the journal: {full} kB resident", emulator.journal().len());
    emulator.stop().await;
}
