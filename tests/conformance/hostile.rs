//! Requests that nobody should send, made by schemathesis from the published documents, against both listeners.
//!
//! Must not judge what is accepted: it asks for refusals in ARM's shape, and for no answer of 500 and above.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use emulator::{BudgetSeed, CLIENT_ID, CLIENT_SECRET, Config, Emulator, SUBSCRIPTION, Seed, TENANT, ThrottleSeed};
use serde_json::{Value, json};
use support::conformance::{Difference, Judge, Section};
use support::python;

use crate::TMP;
use crate::contract::DOCUMENTS;

/// Cases that are drawn for each operation, beside those that cover its schema one by one.
const CASES: u32 = 10;

/// The seed of what is drawn: the same requests in every run.
const SEED: u32 = 4;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/hostile")
}

/// The program, in a virtual environment of its own.
fn program() -> PathBuf {
    let environment = Path::new(TMP).join("venv-schemathesis");
    python::environment(&folder().join("requirements.txt"), &environment).unwrap().join("schemathesis")
}

/// A folder with the documents, their references led to the files beside them.
fn documents() -> tempfile::TempDir {
    let made = tempfile::tempdir().unwrap();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/azureml/openapi");
    for entry in std::fs::read_dir(&from).unwrap() {
        let path = entry.unwrap().path();
        let mut text = std::fs::read_to_string(&path).unwrap();
        for (published, here) in
            [("v3/types.json", "types-v3.json"), ("v3/managedidentity.json", "managedidentity-v5.json")]
        {
            for depth in 4..8 {
                let up = "../".repeat(depth);
                text = text
                    .replace(&format!("\"{up}common-types/resource-management/{published}"), &format!("\"./{here}"));
            }
        }
        std::fs::write(made.path().join(path.file_name().unwrap()), text).unwrap();
    }
    made
}

/// An emulator that never says "too many", a compute of every type that it knows, and a token for it.
async fn target() -> (Emulator, String) {
    support::install_crypto();
    let endless = BudgetSeed { capacity: 1_000_000, per_second: 1_000_000.0 };
    let throttle = ThrottleSeed { reads: endless, writes: endless, deletes: endless, ..ThrottleSeed::default() };
    let emulator =
        emulator::spawn(Config { seed: Seed { throttle, ..Seed::default() }, ..Config::default() }).await.unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let form = format!(
        "grant_type=client_credentials&client_id={CLIENT_ID}&client_secret={CLIENT_SECRET}&scope=https://management.azure.com/.default"
    );
    let url = format!("{}/{TENANT}/oauth2/v2.0/token", emulator.url());
    let answer: Value = client.post(url).body(form).send().await.unwrap().json().await.unwrap();
    let token = answer["access_token"].as_str().unwrap().to_owned();
    for (name, kind) in [("cpu", "AmlCompute"), ("instance", "ComputeInstance")] {
        let settings = json!({"vmSize": "STANDARD_DS2_V2", "scaleSettings": {"maxNodeCount": 2}});
        let body = json!({"location": "eastus", "properties": {"computeType": kind, "properties": settings}});
        let url = format!(
            "{}/subscriptions/{SUBSCRIPTION}/resourceGroups/ml/providers/Microsoft.MachineLearningServices/workspaces/demo/computes/{name}?api-version=2024-04-01",
            emulator.url()
        );
        let status = client.put(url).bearer_auth(&token).json(&body).send().await.unwrap().status();
        assert_eq!(status, 201, "{name}");
    }
    emulator.advance(jiff::SignedDuration::from_mins(10));
    (emulator, token)
}

/// One run of schemathesis.
struct Attack<'a> {
    emulator: &'a Emulator,
    token: &'a str,
    version: &'a str,
    document: &'a str,
    url: &'a str,
    /// The compute that most requests are about.
    compute: &'a str,
    cases: u32,
    phases: &'a str,
}

impl Attack<'_> {
    async fn run(&self) -> Output {
        let documents = documents();
        let real = json!({"version": self.version, "path": {
            "subscriptionId": SUBSCRIPTION, "resourceGroupName": "ml", "workspaceName": "demo",
            "computeName": self.compute, "location": "eastus"}});
        let mut command = Command::new(program());
        command.arg("run").arg(documents.path().join(self.document)).args(["--url", self.url]);
        command.args(["--phases", self.phases, "--checks", "not_a_server_error,arm_shaped"]);
        command.args(["--no-shrink", "--workers", "1", "--suppress-health-check", "all", "--warnings", "off"]);
        command.args(["--max-examples", &self.cases.to_string(), "--seed", &SEED.to_string()]);
        command.args(["--header", &format!("Authorization: Bearer {}", self.token)]);
        command.arg("--tls-verify").arg(self.emulator.ca_file());
        command.env("SCHEMATHESIS_HOOKS", "hooks").env("PYTHONPATH", folder()).env("REAL", real.to_string());
        command.env("PYTHONDONTWRITEBYTECODE", "1").env("NO_PROXY", "127.0.0.1").current_dir(documents.path());
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        drop(documents);
        output
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_requests_are_refused_in_arms_shape() {
    let mut section = Section::new(Judge::Contract, "hostile requests");
    section.note(format!(
        "schemathesis: its coverage of every schema, and {CASES} cases drawn for each operation, seed {SEED}."
    ));
    for (version, document) in DOCUMENTS {
        for (listener, compute) in [("HTTP", "cpu"), ("TLS", "instance")] {
            let (emulator, token) = target().await;
            let url = if listener == "TLS" { emulator.tls_url() } else { emulator.url() };
            let (emulator, token) = (&emulator, token.as_str());
            let phases = "coverage,fuzzing";
            let output = Attack { emulator, token, version, document, url, compute, cases: CASES, phases }.run().await;
            let journal = emulator.journal();
            let last = journal.last().map_or(0, |entry| entry.seq);
            let broken = journal.iter().filter(|entry| entry.status.is_some_and(|status| status >= 500));
            let broken = broken.map(|entry| format!("{} {} was answered {:?}", entry.method, entry.path, entry.status));
            let mut differences: Vec<Difference> = broken.map(|what| Difference { what, reason: None }).collect();
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(last > 100, "only {last} requests were sent:\n{said}");
            if !output.status.success() {
                differences.push(Difference { what: said, reason: None });
            }
            section.tried(format!("{version} over {listener}"), differences);
            section.note(format!("{version} over {listener}: {last} requests."));
        }
    }
    section.write(TMP).unwrap();
    let wrong = section.unexplained();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_in_another_shape_is_noticed() {
    let (emulator, token) = target().await;
    let effect = json!({"kind": "respond", "status": 400, "body": {"message": "no"}});
    let fault = json!({"match": {"path": "/usages"}, "times": 0, "effect": effect});
    emulator.add_fault(serde_json::from_value(fault).unwrap());
    let (version, document) = DOCUMENTS[0];
    let (emulator, token, url) = (&emulator, token.as_str(), emulator.url());
    let output =
        Attack { emulator, token, version, document, url, compute: "cpu", cases: 1, phases: "fuzzing" }.run().await;
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success() && said.contains("/usages"), "{said}");
}
