//! The samples of attached computes, all together: Ready, made again by opt-in, gone with their namespace; what is attached
//! stays alive, and no secret is seen.
//!
//! Must not know a type: whatever is among the samples is put through it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, and its helpers are tests as well")]

mod stage;

use emulator::{ResourceSeed, Seed};
use serde_json::{Value, json};
use stage::Stage;
use std::path::Path;

/// Secrets of the samples, by what is in them.
const SECRETS: [&str; 4] =
    ["throwaway", "b3BlbnNzaC1rZXktdjEAAAAACmFl", "emulator-Passw0rd", "emulator-databricks-token"];

/// The documents of the samples' files that fit.
fn samples(fits: impl Fn(&str) -> bool) -> Vec<String> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/samples");
    let mut files: Vec<_> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let fitting = files.iter().filter(|path| fits(path.file_name().unwrap().to_str().unwrap()));
    fitting.map(|path| std::fs::read_to_string(path).unwrap()).collect()
}

/// The attachments among them.
fn attachments() -> Vec<String> {
    samples(|name| name.starts_with("attached-") || name == "created-aks.yaml")
}

/// What follows a key in the samples, once each.
fn values(texts: &[String], key: &str) -> Vec<String> {
    let lines = texts.iter().flat_map(|text| text.lines());
    let mut all: Vec<String> = lines.filter_map(|line| line.trim().strip_prefix(key)).map(str::to_owned).collect();
    all.sort();
    all.dedup();
    all
}

/// A stage with the samples applied and Ready, and a second right to read their Secrets.
async fn ready(prefix: &str) -> (Stage, Vec<String>) {
    let texts = attachments();
    let ids = values(&texts, "resourceId: ");
    assert!(ids.len() >= 8, "{ids:?}");
    let resources = ids.iter().map(|id| serde_json::from_value::<ResourceSeed>(json!({"id": id})).unwrap()).collect();
    let stage = Stage::with(prefix, Seed { resources, ..stage::seed() }, &[]).await;
    stage.apply(&stage::connection(&stage.namespace, &["azure", "databricks", "dsvm-ssh", "spark-ssh"])).await;
    let here = |text: &String| text.replace("namespace: team-a", &format!("namespace: {}", stage.namespace));
    for text in samples(|name| name == "secrets.yaml").iter().chain(&texts) {
        stage.apply(&here(text)).await;
    }
    let names: Vec<String> = values(&texts, "name: ").into_iter().filter(|name| is_object(&texts, name)).collect();
    for name in &names {
        stage.until_object("attachedcompute", name, "it is Ready", stage::is_ready).await;
    }
    (stage, names)
}

/// Whether a name is that of an attachment, not of what it refers to.
fn is_object(texts: &[String], name: &str) -> bool {
    texts.iter().any(|text| text.contains(&format!("metadata:\n  name: {name}\n")))
}

/// What stands behind attachments, and whether it is alive.
fn alive(stage: &Stage) -> Vec<String> {
    let world = stage.emulator.world();
    let all = world["resources"].as_object().unwrap();
    all.iter().filter(|(_, resource)| resource["state"] != "Deleted").map(|(id, _)| id.to_ascii_lowercase()).collect()
}

fn all_alive(stage: &Stage) {
    let alive = alive(stage);
    for id in values(&attachments(), "resourceId: ") {
        assert!(alive.contains(&id.to_ascii_lowercase()), "{id} is not among {alive:?}");
    }
}

/// Requests of a method, by compute, with their queries.
fn asked(stage: &Stage, method: &str) -> Vec<(String, String)> {
    let name = |path: &str| path.rsplit('/').next().unwrap().to_owned();
    stage.requests(method, "/computes/").iter().map(|entry| (name(&entry.path), entry.query.clone())).collect()
}

async fn nothing_is_seen(stage: &Stage) {
    for (place, text) in stage.emitted().await {
        assert!(!text.is_empty(), "{place}");
        for secret in SECRETS {
            assert!(!text.contains(secret), "a secret of the samples is seen in {place}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn samples_of_every_type_are_made_again_by_opt_in_and_detached_with_everything_behind_them_alive() {
    let (stage, names) = ready("again").await;
    assert_eq!(names.len(), 10, "{names:?}");
    let made = |object: &Value| object["status"]["azure"]["createdAt"].clone();
    let mut before = Vec::new();
    for name in &names {
        before.push(made(&stage.get("attachedcompute", name).await.unwrap()));
    }
    for name in &names {
        let patch = json!({"spec": {"replacePolicy": "Recreate", "description": "made again"}}).to_string();
        stage.kubectl(&["patch", "attachedcompute", name, "--type=merge", "-p", &patch]).await;
    }
    for (name, before) in names.iter().zip(&before) {
        let anew = |object: &Value| stage::is_ready(object) && made(object) != *before;
        stage.until_object("attachedcompute", name, "it is made again", anew).await;
    }
    all_alive(&stage);
    let puts = asked(&stage, "PUT");
    for name in &names {
        assert_eq!(puts.iter().filter(|(compute, _)| compute == name).count(), 2, "{name}: {puts:?}");
    }
    nothing_is_seen(&stage).await;

    stage.kubectl(&["delete", "attachedcompute", "--all", "--wait=false"]).await;
    for name in &names {
        stage.until_gone("attachedcompute", name).await;
    }
    for (name, query) in asked(&stage, "DELETE") {
        let wanted = if name == "made-inference" { "Delete" } else { "Detach" };
        assert!(query.contains(&format!("underlyingResourceAction={wanted}")), "{name}: {query}");
    }
    all_alive(&stage);
}

#[tokio::test(flavor = "multi_thread")]
async fn namespace_with_attachments_of_every_type_goes_and_leaves_only_what_was_attached() {
    let (stage, names) = ready("leaving").await;
    let output = stage.plane.kubectl(&["delete", "namespace", &stage.namespace, "--timeout=60s"]).await.unwrap();
    assert!(output.status.success(), "{}\n{}", output.stderr, stage.operator().log_tail(60));
    for name in &names {
        for version in ["2020-02-02", "2026-05-01"] {
            let url = format!("{}?api-version={version}", stage::path(name));
            let (status, _) = stage::azure_at(stage.emulator.url(), "GET", &url, None).await;
            assert_eq!(status, 404, "{name} at {version}");
        }
    }
    all_alive(&stage);
}
