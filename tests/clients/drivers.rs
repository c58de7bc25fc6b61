//! Each client does all it can do with computes, waits with its own pollers, and compares what comes back.
//!
//! Must not know the steps: it knows which verbs each client has, and that each is judged.

use std::collections::BTreeSet;

use serde::Deserialize;
use support::conformance::{Difference, Judge, Section};

use crate::player::{self, Place};
use crate::venv::{Client, directory, succeed};

/// What is done to computes, and who can.
const VERBS: [(&str, [bool; 4]); 14] = [
    // azure-ai-ml, azureml-core, management 1.0, management 2.0
    ("sizes", [true, true, true, true]),
    ("create", [true, true, true, true]),
    ("get", [true, true, true, true]),
    ("list", [true, true, true, true]),
    ("update", [true, true, true, true]),
    ("nodes", [true, true, true, true]),
    ("usage", [true, true, true, true]),
    ("stop", [true, true, true, true]),
    ("start", [true, true, true, true]),
    ("restart", [true, true, true, true]),
    ("attach", [true, true, true, true]),
    ("keys", [false, true, true, true]),
    ("detach", [true, true, true, true]),
    ("delete", [true, true, true, true]),
];

/// A step as a driver tells it.
#[derive(Debug, Deserialize)]
struct Step {
    verb: String,
    subject: String,
    compared: usize,
    why: Vec<String>,
    seconds: f64,
}

/// Runs a client's driver, writes the report, and fails on what did not agree.
async fn drive(client: Client, program: &str, subjects: &[&str]) {
    client.python();
    let emulator = player::fast_world().await;
    let home = tempfile::tempdir().unwrap();
    let program = directory().join("python").join(program);
    let output = player::command(client, &program, &emulator, Place::CAPTURED, home.path()).output().await;
    let steps: Vec<Step> = serde_json::from_str(&succeed("the driver", output)).unwrap();

    let mut section = Section::new(Judge::Clients, &format!("{}: everything it can do", client.release()));
    for step in &steps {
        let mut differences: Vec<Difference> =
            step.why.iter().map(|what| Difference { what: what.clone(), reason: None }).collect();
        if step.compared == 0 {
            differences.push(Difference { what: "nothing was compared".to_owned(), reason: None });
        }
        section.tried(format!("{} {}", step.verb, step.subject), differences);
    }
    let column = [Client::Ml, Client::Core, Client::Stable, Client::Preview].iter().position(|one| *one == client);
    let done: BTreeSet<&str> = steps.iter().map(|step| step.verb.as_str()).collect();
    for (verb, who) in VERBS {
        if !who[column.unwrap()] {
            section.not_tried(verb, format!("{} has no call for it", client.release()));
        } else if !done.contains(verb) {
            let what = "no step does it".to_owned();
            section.tried(verb, vec![Difference { what, reason: None }]);
        }
    }
    let compared: usize = steps.iter().map(|step| step.compared).sum();
    let seconds: f64 = steps.iter().map(|step| step.seconds).sum();
    section.note(format!("{} steps with {compared} comparisons, {seconds:.0} s.", steps.len()));
    section.write(env!("CARGO_TARGET_TMPDIR")).unwrap();

    let attached: Vec<&str> =
        steps.iter().filter(|step| step.verb == "attach").map(|step| step.subject.as_str()).collect();
    assert_eq!(attached, subjects, "every type that {} can attach is tried", client.release());
    let red = section.unexplained();
    assert!(red.is_empty(), "{} steps did not agree:\n{}", red.len(), red.join("\n"));
    let failed: Vec<_> =
        emulator.journal().into_iter().filter(|entry| entry.status.is_none_or(|status| status >= 500)).collect();
    assert!(failed.is_empty(), "nothing ends in an error of the server: {failed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn azure_ai_ml_does_all_it_can_with_computes() {
    let attached = ["KubernetesCompute", "VirtualMachineCompute", "SynapseSparkCompute"];
    drive(Client::Ml, "drive_azure_ai_ml.py", &attached).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn azureml_core_does_all_it_can_with_computes() {
    let attached = [
        "AksCompute",
        "KubernetesCompute",
        "RemoteCompute",
        "HDInsightCompute",
        "DatabricksCompute",
        "AdlaCompute",
        "DataFactoryCompute",
        "BatchCompute",
        "SynapseCompute",
    ];
    drive(Client::Core, "drive_azureml_core.py", &attached).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stable_management_sdk_does_all_it_can_with_computes() {
    let attached = ["AKS", "VirtualMachine", "HDInsight", "Databricks", "DataLakeAnalytics", "DataFactory"];
    drive(Client::Stable, "drive_management.py", &attached).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn preview_management_sdk_does_all_it_can_with_computes() {
    let attached = [
        "AKS",
        "VirtualMachine",
        "HDInsight",
        "Databricks",
        "DataLakeAnalytics",
        "DataFactory",
        "Kubernetes",
        "SynapseSpark",
    ];
    drive(Client::Preview, "drive_management.py", &attached).await;
}
