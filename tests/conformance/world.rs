//! An emulator in the state that a tape implies, and a client that sends what was recorded.
//!
//! Must not use the operator's client: what is judged are bytes on the wire, read by nobody who hopes for the best.

use std::collections::BTreeMap;
use std::time::Duration;

use emulator::{CLIENT_ID, CLIENT_SECRET, Config, Emulator, GroupSeed, Seed, SubscriptionSeed, TENANT, WorkspaceSeed};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::tape::{Absent, Step, Tape};

/// The api-version of the steps that lead to a state.
const STEPS: &str = "2024-04-01";

/// What came back.
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// By name in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    /// `Null` if there was none; a text if it was no JSON.
    pub(crate) body: Value,
}

/// An emulator whose clock stands still, and someone who may do everything in it.
pub(crate) struct World {
    pub(crate) emulator: Emulator,
    client: reqwest::Client,
    token: String,
    /// ARM id of the workspace.
    pub(crate) workspace: String,
}

impl World {
    /// The world in which a tape begins; `random` fixes its durations.
    pub(crate) async fn of(tape: &Tape, random: u64) -> Self {
        let place = tape.place();
        let mut seed = serde_json::to_value(Seed::default()).unwrap();
        for (name, value) in &tape.seed {
            seed[name] = value.clone();
        }
        let mut seed: Seed = serde_json::from_value(seed).unwrap();
        seed.random = random;
        let workspace: WorkspaceSeed =
            serde_json::from_value(json!({"name": place.workspace, "location": tape.location})).unwrap();
        let group: GroupSeed = serde_json::from_value(json!({"name": place.group})).unwrap();
        let workspaces = if tape.absent.is_none() { vec![workspace] } else { Vec::new() };
        let group = GroupSeed { workspaces, ..group };
        let resource_groups = if tape.absent == Some(Absent::Group) { Vec::new() } else { vec![group] };
        let subscription: SubscriptionSeed =
            serde_json::from_value(json!({"id": place.subscription, "tenant": TENANT})).unwrap();
        seed.subscriptions = vec![SubscriptionSeed { resource_groups, ..subscription }];
        let workspace = format!(
            "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.MachineLearningServices/workspaces/{}",
            place.subscription, place.group, place.workspace
        );
        let world = Self::with(seed, workspace).await;
        world.walk(&tape.before).await;
        world
    }

    /// A world with this seed; `workspace` is the ARM id that steps are about.
    pub(crate) async fn with(seed: Seed, workspace: String) -> Self {
        support::install_crypto();
        let emulator = emulator::spawn(Config { time_scale: 0.0, seed, ..Config::default() }).await.unwrap();
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(60)).build().unwrap();
        let form = format!(
            "grant_type=client_credentials&client_id={CLIENT_ID}&client_secret={CLIENT_SECRET}&scope=https://management.azure.com/.default"
        );
        let url = format!("{}/{TENANT}/oauth2/v2.0/token", emulator.url());
        let answer: Value = client.post(url).body(form).send().await.unwrap().json().await.unwrap();
        let token = answer["access_token"].as_str().unwrap().to_owned();
        Self { emulator, client, token, workspace }
    }

    /// Does what leads to a state.
    pub(crate) async fn walk(&self, steps: &[Step]) {
        for step in steps {
            match step {
                Step::Put { put, body } => self.must("PUT", &format!("computes/{put}"), Some(body)).await,
                Step::Post { post } => self.must("POST", &format!("computes/{post}"), None).await,
                Step::Event { event } => {
                    let happened = serde_json::from_value(event.clone()).unwrap();
                    if let Err(why) = self.emulator.event(happened) {
                        refused(&event.to_string(), &why);
                    }
                }
                Step::Advance { advance } => self.emulator.advance(*advance),
            }
        }
    }

    async fn must(&self, method: &str, path: &str, body: Option<&Value>) {
        let target = format!("{}/{path}?api-version={STEPS}", self.workspace);
        let reply = self.send(method, &target, body).await;
        if reply.status >= 300 {
            refused(&format!("{method} {path}"), &format!("{} {}", reply.status, reply.body));
        }
    }

    /// Sends a request; `target` is a path with its query, or a whole URL that the emulator gave.
    pub(crate) async fn send(&self, method: &str, target: &str, body: Option<&Value>) -> Reply {
        let url = if target.starts_with('/') { format!("{}{target}", self.emulator.url()) } else { target.to_owned() };
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.client.request(method, url).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let header = |(name, value): (&reqwest::header::HeaderName, &reqwest::header::HeaderValue)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        let headers = answer.headers().iter().map(header).collect();
        let text = answer.text().await.unwrap();
        let body = match text.as_str() {
            "" => Value::Null,
            text => serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned())),
        };
        Reply { status, headers, body }
    }

    /// Virtual time now.
    pub(crate) fn now(&self) -> Timestamp {
        self.emulator.world()["clock"]["service"].as_str().unwrap().parse().unwrap()
    }

    /// Lets virtual time pass.
    pub(crate) fn pass(&self, seconds: u32) {
        self.emulator.advance(SignedDuration::from_secs(seconds.into()));
    }
}

/// A step that is refused leaves another state than the tape implies: the comparison shows that, and this says why.
fn refused(step: &str, why: &str) {
    eprintln!("{step} was refused: {why}");
}
