//! `nodes`: the command a person runs to reach the machines of a cluster.
//!
//! Must not ask Azure for nodes itself: what the command asked, and how often, is what is shown.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails, also in the functions beside it"
)]

mod stage;

use emulator::{Entry, Event, Seed};
use serde_json::{Value, json};
use stage::{BINARY, PATIENCE, Stage, azure_flags, cluster};
use std::process::Command;
use support::wait::until;

/// How a run of the command ended.
#[derive(Debug)]
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

/// Runs `nodes` as somebody with a kubeconfig of their own, and these further arguments.
fn nodes(stage: &Stage, args: &[&str]) -> Said {
    let url = stage.emulator.tls_url();
    let output = Command::new(BINARY)
        .arg("nodes")
        .args(["--namespace", &stage.namespace])
        .args(azure_flags(url, url, &stage.emulator.ca_file().display().to_string()))
        .args(args)
        .env_clear()
        .env("KUBECONFIG", stage.plane.admin_kubeconfig())
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// Every time nodes were asked for.
fn asked(stage: &Stage) -> Vec<Entry> {
    stage.requests("POST", "/listNodes")
}

/// A cluster that people may log in to.
fn with_ssh(min: u32) -> Value {
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGZv3wzQZB1nS4b1bqkq3S8rXqk0yPj2m9c0v5o0w1aB somebody";
    json!({
        "scale": {"maxNodes": 4, "minNodes": min, "idleTimeBeforeScaleDown": "P1D"},
        "ssh": {"enabled": true, "adminUsername": "mladmin", "publicKey": {"value": key}},
    })
}

/// The cluster with so many nodes that can be used.
async fn until_nodes(stage: &Stage, name: &str, count: u64) -> Value {
    let steady = |object: &Value| {
        let nodes = &object["status"]["nodes"];
        let usable = nodes["idle"].as_u64().unwrap_or_default() + nodes["running"].as_u64().unwrap_or_default();
        usable == count && object["status"]["allocationState"] == "Steady"
    };
    stage.until_cluster(name, &format!("it has {count} nodes"), steady).await
}

/// One value of a node as the table shows it.
fn cell(node: &Value, field: &str) -> String {
    let value = &node[field];
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    if value.is_null() { "-".into() } else { text }
}

/// The table of the nodes Azure answered: columns three blanks apart, no blanks at the end of a line.
fn table(answer: &Value) -> String {
    let header = ["NODE", "STATE", "RUN", "PRIVATE IP", "PUBLIC IP", "PORT"].map(str::to_owned);
    let fields = ["nodeId", "nodeState", "runId", "privateIpAddress", "publicIpAddress", "port"];
    let rows = answer["nodes"].as_array().unwrap().iter().map(|node| fields.map(|field| cell(node, field)));
    let rows: Vec<[String; 6]> = std::iter::once(header).chain(rows).collect();
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let width = rows.iter().map(|row| row[column].len()).max().unwrap();
            line.push_str(&format!("{cell:width$}   "));
        }
        text.push_str(&format!("{}\n", line.trim_end()));
    }
    text
}

/// The commands for one node.
fn commands(node: &Value, user: &str, key: &str) -> String {
    let (id, address, port) = (cell(node, "nodeId"), cell(node, "publicIpAddress"), cell(node, "port"));
    format!("\n# {id}\nssh -i {key} -p {port} {user}@{address}\nscp -i {key} -P {port} FILE {user}@{address}:\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_are_listed_with_the_commands_to_reach_them() {
    let stage = Stage::start("nodes").await;
    stage.apply(&cluster("trainer", &with_ssh(2))).await;
    until_nodes(&stage, "trainer", 2).await;
    let run = Event::RunSubmitted { compute: "trainer".into(), nodes: 1, run: Some("run-7".into()) };
    stage.emulator.event(run).unwrap();
    stage.until_cluster("trainer", "one node runs a job", |object| object["status"]["nodes"]["running"] == 1).await;

    let said = nodes(&stage, &["trainer"]);

    let asked = asked(&stage);
    assert_eq!(asked.len(), 1, "the command asks once, and the operator never did: {asked:?}");
    let answer = &asked[0].response_body;
    let listed = answer["nodes"].as_array().unwrap();
    let runs: Vec<String> = listed.iter().map(|node| cell(node, "runId")).collect();
    assert_eq!(runs, ["run-7", "-"], "{answer}");
    let mut expected = table(answer);
    for node in listed {
        expected.push_str(&commands(node, "mladmin", "~/.ssh/id_ed25519"));
    }
    assert_eq!((said.code, said.out, said.err.as_str()), (Some(0), expected, ""));

    // With a key of one's own.
    let said = nodes(&stage, &["trainer", "--identity-file", "keys/ml"]);
    let expected = listed.iter().map(|node| commands(node, "mladmin", "keys/ml")).collect::<String>();
    assert!(said.out.ends_with(&expected), "{}", said.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn operator_never_asks_for_nodes() {
    let stage = Stage::start("nodes-at-rest").await;
    stage.apply(&cluster("trainer", &with_ssh(1))).await;
    until_nodes(&stage, "trainer", 1).await;
    stage.emulator.clear_journal();
    let looks = async || match stage.requests("GET", "/workspaces/demo/computes").len() {
        looks @ 0..10 => Err(format!("{looks} looks")),
        looks => Ok(looks),
    };
    until("the operator has looked ten times more", PATIENCE, looks).await.unwrap();
    assert_eq!(asked(&stage), [], "listNodes is a POST and spends the budget of writes");
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_cannot_be_reached_get_no_commands() {
    let stage = Stage::start("nodes-closed").await;
    stage.apply(&cluster("empty", &with_ssh(0))).await;
    stage.apply(&cluster("no-ssh", &json!({"scale": {"maxNodes": 1, "minNodes": 1}}))).await;
    let subnet = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/net/providers/Microsoft.Network/virtualNetworks/ml/subnets/nodes";
    let mut closed = with_ssh(1);
    closed["subnet"] = json!({"id": subnet});
    closed["nodePublicIp"] = json!(false);
    stage.apply(&cluster("closed", &closed)).await;
    stage.until_ready("empty").await;
    until_nodes(&stage, "no-ssh", 1).await;
    until_nodes(&stage, "closed", 1).await;

    let said = nodes(&stage, &["empty"]);
    let sentence = "the cluster has no nodes now; it makes some when jobs need them\n";
    assert_eq!((said.code, said.out.as_str()), (Some(0), sentence));

    let said = nodes(&stage, &["no-ssh"]);
    let expected = format!("{}\nSSH is off on this cluster (spec.ssh)\n", table(&asked(&stage)[1].response_body));
    assert_eq!((said.code, said.out), (Some(0), expected));

    let said = nodes(&stage, &["closed"]);
    let answer = asked(&stage)[2].response_body.clone();
    assert_eq!(answer["nodes"][0]["publicIpAddress"], Value::Null);
    assert!(said.out.starts_with(&table(&answer)), "{}", said.out);
    assert!(said.out.contains("no public IP; reach them from within their virtual network"), "{}", said.out);
    assert!(!said.out.contains("ssh -i") && !said.out.contains("scp -i"), "{}", said.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn command_says_what_is_missing() {
    // Without an operator: nothing holds what is taken away here.
    let stage = Stage::without_operator("nodes-missing", Seed::default(), &[]).await;
    stage.apply(&cluster("trainer", &json!({}))).await;
    stage.apply(&cluster("lost", &json!({"workspaceRef": {"name": "gone"}}))).await;
    let refused = |args: &[&str], code: i32, words: &[&str]| {
        let said = nodes(&stage, args);
        assert_eq!((said.code, said.out.as_str()), (Some(code), ""), "{}", said.err);
        for word in words {
            assert!(said.err.contains(word), "{word:?} is not in {:?}", said.err);
        }
        assert!(!said.err.contains("emulator-client-secret") && !said.err.contains("eyJ"), "{}", said.err);
    };

    refused(&[], 2, &["<CLUSTER>"]);
    refused(&["nothere"], 1, &["error: ComputeCluster nothere is not in namespace", &stage.namespace]);
    refused(&["lost"], 1, &["error: Workspace gone is not in namespace"]);
    refused(&["trainer"], 1, &["error: Azure has no cluster trainer yet", "describe amlcc trainer"]);

    let wrong = r#"{"stringData":{"clientSecret":"wrong"}}"#;
    stage.kubectl(&["patch", "secret", "azure", "--type=merge", "-p", wrong]).await;
    refused(&["trainer"], 1, &["cannot list the nodes of compute trainer", "AADSTS7000215", "client secret is wrong"]);
    let none = r#"[{"op":"remove","path":"/data/clientSecret"}]"#;
    stage.kubectl(&["patch", "secret", "azure", "--type=json", "-p", none]).await;
    refused(&["trainer"], 1, &["error: Secret azure has no text under clientSecret"]);
    stage.kubectl(&["delete", "secret", "azure"]).await;
    refused(&["trainer"], 1, &["error: Secret azure is not in namespace"]);
    stage.kubectl(&["delete", "azureidentity", "--all"]).await;
    refused(&["trainer"], 1, &["error: AzureIdentity", "is not in namespace"]);
}
