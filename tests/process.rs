//! The operator as a process: what it says when something is missing, how it ends, which flags it refuses.
//!
//! Must not test what it does with objects.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what a test stands on fails as the test itself does")]

mod stage;

use serde_json::json;
use stage::{BINARY, PATIENCE, Stage, azure_flags, cluster};
use std::process::{Command, Output};
use support::operator::{Launch, Operator};
use support::plane::{Options, Plane};
use support::wait::until;

fn run(args: &[&str]) -> Output {
    Command::new(BINARY).args(args).env_clear().output().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn wrong_flags_are_usage_errors_and_wrong_values_failures() {
    assert_eq!(run(&["run", "--no-such-flag"]).status.code(), Some(2));
    assert_eq!(run(&["run", "--azure-cloud", "moon"]).status.code(), Some(2));
    for (args, words) in [
        (&["run", "--requeue-interval", "soon"][..], "--requeue-interval \"soon\" is no duration"),
        (&["run", "--azure-resource-manager", "https://x"][..], "only goes with --azure-cloud custom"),
        (&["run", "--azure-cloud", "custom"][..], "--azure-cloud custom needs --azure-resource-manager"),
        (
            &[
                "run",
                "--azure-cloud",
                "custom",
                "--azure-resource-manager",
                "http://example.org",
                "--azure-authority",
                "https://x",
            ][..],
            "not https",
        ),
    ] {
        let output = run(args);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {}", said(&output));
        assert!(said(&output).contains(words), "{args:?}: {}", said(&output));
    }
}

#[test]
fn every_flag_of_run_has_a_variable_and_a_group() {
    let help = said(&run(&["run", "--help"]));
    for heading in ["Azure:", "Process:", "Kubernetes:", "Pace:"] {
        assert!(help.contains(heading), "{heading} in\n{help}");
    }
    let flags = help.matches("\n      --").count();
    let variables = help.matches("[env: AMLCO_").count();
    assert!(flags > 15, "{help}");
    assert_eq!(flags, variables, "{help}");
}

#[test]
fn crds_prints_every_definition() {
    let output = run(&["crds"]);
    assert!(output.status.success());
    let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/crds")).unwrap();
    let files = folder.filter(|file| file.as_ref().unwrap().file_name() != "kustomization.yaml").count();
    assert!(files > 0);
    assert_eq!(said(&output).matches("kind: CustomResourceDefinition").count(), files);
}

#[tokio::test(flavor = "multi_thread")]
async fn readyz_names_the_definitions_that_are_missing_and_turns_when_they_come() {
    let plane = Plane::start(Options::default()).await.unwrap();
    let flags = azure_flags("https://127.0.0.1:9", "https://127.0.0.1:9", "");
    let flags: Vec<String> = flags.into_iter().filter(|f| f != "--azure-ca-file" && !f.is_empty()).collect();
    let operator = Operator::spawn(&Launch::new(BINARY, plane.admin_kubeconfig()).args(flags)).unwrap();
    let url = operator.url().await.unwrap();
    let get = async |path: &str| {
        let answer = reqwest::get(format!("{url}{path}")).await.map_err(|e| e.to_string())?;
        let status = answer.status().as_u16();
        Ok::<_, String>((status, answer.text().await.map_err(|e| e.to_string())?))
    };
    let missing = async || match get("/readyz").await? {
        (503, text) if text.contains("computeclusters.compute.azureml.dev is not installed") => Ok(text),
        (status, text) => Err(format!("{status} {text}")),
    };
    let text = until("readyz names what is missing", PATIENCE, missing).await.unwrap();
    assert!(text.contains("apply the files in crds/ or install the chart"), "{text}");
    assert_eq!(get("/livez").await.unwrap().0, 200);

    plane.apply(&format!("{}\n", String::from_utf8(run(&["crds"]).stdout).unwrap())).await.unwrap();
    until("it is ready", PATIENCE, async || match get("/readyz").await? {
        (200, _) => Ok(()),
        (status, text) => Err(format!("{status} {text}")),
    })
    .await
    .unwrap();
    let status = operator.stop(PATIENCE).await.unwrap();
    assert_eq!(status.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_count_requests_and_passes_without_names() {
    let stage = Stage::start("metrics").await;
    stage.apply(&cluster("cpu-cluster", &json!({}))).await;
    stage.until_ready("cpu-cluster").await;
    let url = stage.operator().url().await.unwrap();
    let text = reqwest::get(format!("{url}/metrics")).await.unwrap().text().await.unwrap();
    for line in [
        "amlco_azure_requests_total{operation=",
        "amlco_passes_total{kind=\"ComputeCluster\",action=\"create\",outcome=\"accepted\"} 1",
    ] {
        assert!(text.contains(line), "{line} in\n{text}");
    }
    assert!(!text.contains("cpu-cluster") && !text.contains(&stage.namespace), "names are no labels:\n{text}");
    assert!(!text.contains("amlco_panics_total{") && !text.contains("amlco_contract_violations_total{"), "{text}");
    let status = stage.operator().stop(PATIENCE).await.unwrap();
    assert_eq!(status.code(), Some(0));
}
