//! Every captured intent is played again against the emulator: the client has to send what it sent then, and to be content.
//!
//! Must not choose: every file of a client's folder is played.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use support::conformance::{Judge, Section};

use crate::compare;
use crate::differences::Reviewed;
use crate::player::{Player, Told};
use crate::venv::{Client, directory};

/// Intents of a client by the name of their file.
fn intents(client: Client) -> BTreeMap<String, Value> {
    let folder = directory().join("captured").join(client.release());
    let files = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let read = |path: std::path::PathBuf| {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        (name, serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap())
    };
    files.map(read).collect()
}

/// Plays all intents, by so many players at once: some clients wait for seconds, whatever they are answered.
async fn played(intents: &BTreeMap<String, Value>, client: Client, players: usize) -> BTreeMap<String, Vec<Told>> {
    let waiting: Vec<(String, Value)> =
        intents.iter().rev().map(|(name, intent)| (name.clone(), intent["intent"]["steps"].clone())).collect();
    let waiting = Arc::new(Mutex::new(waiting));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..players {
        let waiting = Arc::clone(&waiting);
        tasks.spawn(async move {
            let mut player = Player::start(client).await;
            let mut told = Vec::new();
            loop {
                let next = waiting.lock().unwrap().pop();
                let Some((name, steps)) = next else { return told };
                told.push((name, player.play(&steps).await));
            }
        });
    }
    tasks.join_all().await.into_iter().flatten().collect()
}

/// Plays and judges all intents of a client, writes the report, and fails on what has no reason.
async fn judge(client: Client, players: usize, expected: usize) {
    client.python();
    let intents = intents(client);
    assert_eq!(intents.len(), expected, "every captured intent of {} is here", client.release());
    let told = played(&intents, client, players).await;
    let reviewed = Reviewed::of(client);
    let mut section = Section::new(Judge::Clients, &format!("{}: captured intents", client.release()));
    let mut steps = 0;
    for (name, intent) in &intents {
        steps += told[name].len();
        let found = compare::differences(intent, &told[name]);
        let differences = found.iter().map(|one| reviewed.judge(name, one)).collect();
        section.tried(format!("{name}: {}", intent["intent"]["name"].as_str().unwrap()), differences);
    }
    section.note(format!("{steps} calls of {} in {} intents.", client.release(), intents.len()));
    section.write(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let red = section.unexplained();
    assert!(red.is_empty(), "{} differences without a reason:\n{}", red.len(), red.join("\n"));
    let unused = reviewed.unused();
    assert!(unused.is_empty(), "rows of differences.json that nothing needs:\n{}", unused.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn azure_ai_ml_sends_what_was_captured_and_is_content() {
    judge(Client::Ml, 2, 68).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn azureml_core_sends_what_was_captured_and_is_content() {
    judge(Client::Core, 3, 49).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stable_management_sdk_sends_what_was_captured_and_is_content() {
    judge(Client::Stable, 1, 25).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn preview_management_sdk_sends_what_was_captured_and_is_content() {
    judge(Client::Preview, 1, 27).await;
}
