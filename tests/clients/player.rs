//! A Python program with one of Microsoft's clients in it, set up by its environment alone, and the emulator it talks to.
//!
//! Must not judge what comes back.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use emulator::{Config, Emulator, GroupSeed, Seed, SubscriptionSeed, ThrottleSeed, WorkspaceSeed};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::venv::{Client, directory};

/// Where the captured intents happened.
pub(crate) const SUBSCRIPTION: &str = "11111111-2222-3333-4444-555555555555";
/// Resource group of the captured intents.
pub(crate) const GROUP: &str = "rg-sdk";
/// Workspace of the captured intents.
pub(crate) const WORKSPACE: &str = "ws-sdk";
/// Region of that workspace.
pub(crate) const LOCATION: &str = "westeurope";

/// How long an intent may take; the longest waits for some 20 s.
const PATIENCE: Duration = Duration::from_secs(300);
/// Virtual seconds in a second: nodes, which take minutes, are there when a client looks a second time.
const TIME_SCALE: f64 = 100.0;

/// The same where operations take their time: an instance is made in a tenth of a second.
const FAST: f64 = 1_500.0;

/// An emulator with the one workspace of the captured intents, and budgets that no client exhausts.
async fn world() -> Emulator {
    at(TIME_SCALE).await
}

/// The same, with time so fast that clients need not wait for long, though nothing is done at once.
pub(crate) async fn fast_world() -> Emulator {
    at(FAST).await
}

async fn at(time_scale: f64) -> Emulator {
    let workspace =
        WorkspaceSeed { name: WORKSPACE.into(), location: LOCATION.into(), tags: Default::default(), computes: vec![] };
    let group = GroupSeed { name: GROUP.into(), lock: None, workspaces: vec![workspace] };
    let subscription = SubscriptionSeed {
        id: SUBSCRIPTION.into(),
        tenant: emulator::TENANT.into(),
        resource_groups: vec![group],
        policies: vec![],
    };
    let seed = Seed { subscriptions: vec![subscription], throttle: ThrottleSeed::unlimited(), ..Seed::default() };
    emulator::spawn(Config { time_scale, seed, ..Config::default() }).await.unwrap()
}

/// Where a client is pointed to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    subscription: &'static str,
    group: &'static str,
    workspace: &'static str,
}

impl Place {
    /// The workspace of the captured intents.
    pub(crate) const CAPTURED: Self = Self { subscription: SUBSCRIPTION, group: GROUP, workspace: WORKSPACE };
    /// The workspace of a stage.
    pub(crate) const STAGE: Self = Self { subscription: emulator::SUBSCRIPTION, group: "ml", workspace: "demo" };
}

/// A command that runs a Python program with a client, knowing the emulator by its environment only. `home` is all that it
/// may keep.
pub(crate) fn command(client: Client, program: &Path, emulator: &Emulator, place: Place, home: &Path) -> Command {
    let base = emulator.tls_url();
    let metadata = format!("{base}/metadata/endpoints?api-version=2019-05-01");
    let mut command = Command::new(client.python());
    command.arg(program).env_clear();
    // Without a path no shared library of the system is found by some builds of Python.
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    let (ca, home) = (emulator.ca_file().display().to_string(), home.display().to_string());
    let settings = [
        ("HOME", home.as_str()),
        ("AZURE_CONFIG_DIR", &home),
        ("PYTHONDONTWRITEBYTECODE", "1"),
        ("NO_PROXY", "127.0.0.1"),
        ("REQUESTS_CA_BUNDLE", &ca),
        ("SSL_CERT_FILE", &ca),
        ("ARM_CLOUD_METADATA_URL", &metadata),
        ("AZURE_RESOURCE_MANAGER", base),
        ("AZURE_TENANT_ID", emulator::TENANT),
        ("AZURE_CLIENT_ID", emulator::CLIENT_ID),
        ("AZURE_CLIENT_SECRET", emulator::CLIENT_SECRET),
        ("EMULATOR_MANAGEMENT_URL", emulator.management_url()),
        ("SUBSCRIPTION_ID", place.subscription),
        ("RESOURCE_GROUP", place.group),
        ("WORKSPACE", place.workspace),
    ];
    command.envs(settings).kill_on_drop(true);
    command
}

/// One step as it went: what it returned or raised, and what the emulator was sent meanwhile.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    /// `{"ok": true, "returned": …}` or `{"ok": false, "raised": …, "message": …}`.
    pub(crate) outcome: Value,
    /// As the captured intents list them.
    pub(crate) requests: Vec<Value>,
}

/// A client that plays intents, one after the other.
pub(crate) struct Player {
    client: Client,
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    home: TempDir,
    /// What it talks to, if that is its own.
    _emulator: Option<Emulator>,
}

impl Player {
    /// Starts the client and a world of its own, in which each intent finds no computes and operations take no time.
    pub(crate) async fn start(client: Client) -> Self {
        let emulator = world().await;
        let mut player = Self::at(client, &emulator, Place::CAPTURED, &[("ALONE", "yes")]);
        player._emulator = Some(emulator);
        player
    }

    /// Starts the client in a world that others use, too.
    pub(crate) fn beside(client: Client, emulator: &Emulator) -> Self {
        Self::at(client, emulator, Place::STAGE, &[])
    }

    fn at(client: Client, emulator: &Emulator, place: Place, more: &[(&str, &str)]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let program = match client {
            Client::Ml => "azure_ai_ml.py",
            Client::Core => "azureml_core.py",
            Client::Stable | Client::Preview => "management.py",
        };
        let log = std::fs::File::create(home.path().join("stderr")).unwrap();
        let mut command = command(client, &directory().join("python").join(program), emulator, place, home.path());
        let command = command.envs(more.iter().copied()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().unwrap();
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { client, child, input, output, home, _emulator: None }
    }

    /// Plays one step that has to go well.
    pub(crate) async fn act(&mut self, step: Value) -> Value {
        let told = self.play(&json!([step])).await.remove(0);
        assert_eq!(told.outcome["ok"], true, "{}: {step}: {}", self.client.release(), told.outcome);
        told.outcome
    }

    /// Plays the steps of one intent.
    pub(crate) async fn play(&mut self, steps: &Value) -> Vec<Told> {
        let line = format!("{}\n", json!({"steps": steps}));
        self.input.write_all(line.as_bytes()).await.unwrap();
        let line = tokio::time::timeout(PATIENCE, self.output.next_line()).await;
        let line = line.unwrap_or_else(|_| panic!("{} does not come back from {steps}", self.client.release()));
        let Some(line) = line.unwrap() else {
            let status = self.child.wait().await.unwrap();
            let log = std::fs::read_to_string(self.home.path().join("stderr")).unwrap_or_default();
            panic!("{} ended ({status}) at {steps}:\n{log}", self.client.release());
        };
        let mut told: Value = serde_json::from_str(&line).unwrap();
        let Value::Array(steps) = told["steps"].take() else { panic!("no steps in {line}") };
        steps
            .into_iter()
            .map(|mut step| {
                let requests = step["requests"].take().as_array().cloned().unwrap_or_default();
                Told { outcome: step["outcome"].take(), requests }
            })
            .collect()
    }
}
