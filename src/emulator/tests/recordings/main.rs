//! Recorded traffic replayed: each request again, against an emulator in the state that the recording implies, with the clock
//! moved as the recorded dates moved. Compares what clients act on; what may differ is listed with its reason.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod judge;

use std::{collections::BTreeMap, time::Duration};

use amlco_emulator::{
    CLIENT_ID, CLIENT_SECRET, ComputeSeed, Config, Effect, Emulator, Event, Fault, GroupSeed, IdentitySeed, Match,
    ResourceSeed, SUBSCRIPTION, Seed, TENANT, WorkspaceSeed, spawn,
};
use jiff::{SignedDuration, Timestamp, fmt::rfc2822};
use serde::Deserialize;
use serde_json::{Value, json};

use self::judge::{ALLOWED, Difference, Judge};

#[derive(Deserialize)]
struct Recordings {
    sequences: Vec<Sequence>,
    exchanges: Vec<Single>,
}

#[derive(Deserialize)]
struct Sequence {
    name: String,
    /// Of the headers only the date and the operation URL are known.
    #[serde(default)]
    condensed: bool,
    /// Computes that exist before.
    #[serde(default)]
    there: Vec<Value>,
    /// What stands behind attached computes.
    #[serde(default)]
    resources: Vec<ResourceSeed>,
    /// How long the create took, by `createdOn` and `modifiedOn`.
    #[serde(default)]
    create_lasts: Option<SignedDuration>,
    exchanges: Vec<Exchange>,
}

#[derive(Deserialize)]
struct Single {
    name: String,
    implies: String,
    exchange: Exchange,
}

#[derive(Deserialize)]
struct Exchange {
    request: Asked,
    response: Answered,
}

#[derive(Deserialize)]
struct Asked {
    method: String,
    target: String,
    body: Option<Value>,
}

#[derive(Deserialize, Debug)]
struct Answered {
    status: u16,
    headers: BTreeMap<String, String>,
    body: Value,
}

/// One emulator with the group and workspace of a recording.
struct Stage {
    emulator: Emulator,
    client: reqwest::Client,
    token: String,
    group: String,
    workspace: String,
}

impl Stage {
    async fn new(target: &str, location: &str, computes: Vec<Value>, mut seed: Seed) -> Self {
        let parts: Vec<&str> = target.split(['/', '?']).collect();
        let (group, workspace) = (parts[4].to_owned(), parts[8].to_owned());
        seed.subscriptions[0].resource_groups = vec![GroupSeed {
            name: group.clone(),
            lock: None,
            workspaces: vec![WorkspaceSeed {
                name: workspace.clone(),
                location: location.into(),
                tags: BTreeMap::new(),
                computes: computes.into_iter().map(ComputeSeed::from).collect(),
            }],
        }];
        let _ = rustls::crypto::ring::default_provider().install_default();
        let emulator = spawn(Config { time_scale: 0.0, seed, ..Config::default() }).await.unwrap();
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().unwrap();
        let form = format!(
            "grant_type=client_credentials&client_id={CLIENT_ID}&client_secret={CLIENT_SECRET}&scope=https://management.azure.com/.default"
        );
        let url = format!("{}/{TENANT}/oauth2/v2.0/token", emulator.url());
        let answer: Value = client.post(url).body(form).send().await.unwrap().json().await.unwrap();
        let token = answer["access_token"].as_str().unwrap().to_owned();
        Self { emulator, client, token, group, workspace }
    }

    async fn send(&self, method: &str, url: &str, body: Option<&Value>) -> (u16, reqwest::header::HeaderMap, Value) {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.client.request(method, url).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let text = answer.text().await.unwrap();
        let body = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() };
        (status, headers, body)
    }

    fn url(&self, target: &str) -> String {
        let recorded = target.split('/').nth(2).unwrap();
        format!("{}{}", self.emulator.url(), target.replace(recorded, SUBSCRIPTION))
    }

    async fn put(&self, name: &str, body: &Value) {
        let (group, workspace) = (&self.group, &self.workspace);
        let url = format!(
            "{}/subscriptions/{SUBSCRIPTION}/resourceGroups/{group}/providers/Microsoft.MachineLearningServices/workspaces/{workspace}/computes/{name}?api-version=2022-10-01",
            self.emulator.url()
        );
        let (status, _, answer) = self.send("PUT", &url, Some(body)).await;
        assert_eq!(status, 201, "{answer}");
        self.emulator.advance(SignedDuration::from_secs(23));
    }

    /// Makes an instance like a recorded one, which was given a size and an identity.
    async fn with_instance(self, recorded: &Value) -> Self {
        let inner = json!({"vmSize": recorded["properties"]["properties"]["vmSize"]});
        let properties = json!({"computeType": "ComputeInstance", "properties": inner});
        let body = json!({"location": "eastus", "identity": {"type": "SystemAssigned"}, "properties": properties});
        self.put(recorded["name"].as_str().unwrap(), &body).await;
        self.emulator.advance(SignedDuration::from_mins(3));
        self
    }

    fn event(&self, event: &Value) {
        self.emulator.event(serde_json::from_value::<Event>(event.clone()).unwrap()).unwrap();
    }
}

fn recordings() -> Recordings {
    serde_json::from_str(include_str!("../data/recordings.json")).unwrap()
}

fn ours(recorded: &Value, subscription: &str) -> Value {
    serde_json::from_str(&recorded.to_string().replace(subscription, SUBSCRIPTION)).unwrap()
}

/// Replays a sequence: operation URLs are those that the emulator gave for the same request.
async fn replay(judge: &Judge, sequence: &Sequence) {
    let first = &sequence.exchanges[0];
    let location = first.response.headers["azure-asyncoperation"].split("/locations/").nth(1).unwrap();
    let location = location.split('/').next().unwrap();
    let subscription = first.request.target.split('/').nth(2).unwrap();
    let resources = sequence
        .resources
        .iter()
        .cloned()
        .map(|resource| ResourceSeed { id: resource.id.replace(subscription, SUBSCRIPTION), ..resource });
    let seed = Seed { resources: resources.collect(), ..Seed::default() };
    let stage = Stage::new(&first.request.target, location, sequence.there.clone(), seed).await;
    if let Some(time) = sequence.create_lasts {
        let matches = Match { method: Some("PUT".into()), ..Match::default() };
        stage.emulator.add_fault(Fault { matches, nth: 1, times: 1, effect: Effect::OperationLasts { time } });
    }
    let mut operations: BTreeMap<String, String> = BTreeMap::new();
    let mut before: Option<Timestamp> = None;
    for (index, Exchange { request, response }) in sequence.exchanges.iter().enumerate() {
        let name = format!("{} #{index} {}", sequence.name, request.method);
        let date: Timestamp = rfc2822::parse(&response.headers["date"]).unwrap().timestamp();
        if let Some(before) = before {
            stage.emulator.advance(date.duration_since(before));
        }
        before = Some(date);
        let operation = |text: &str| text.split("/computeOperationsStatus/").nth(1).map(|rest| rest[..36].to_owned());
        let url = match operation(&request.target) {
            Some(id) => operations[&id].clone(),
            None => stage.url(&request.target),
        };
        let sent = request.body.as_ref().map(|body| ours(body, subscription));
        let (status, headers, body) = stage.send(&request.method, &url, sent.as_ref()).await;
        if status != response.status {
            judge.differs(
                &format!("{name}: status"),
                Difference::Value,
                &format!("{status}, recorded {}", response.status),
            );
        }
        if !sequence.condensed {
            judge.headers(&name, &response.headers, &headers);
        }
        judge.body(&name, &ours(&response.body, subscription), &body, true);
        if let Some(id) = response.headers.get("azure-asyncoperation").and_then(|url| operation(url)) {
            operations.insert(id, headers["azure-asyncoperation"].to_str().unwrap().to_owned());
        }
    }
    stage.emulator.stop().await;
}

/// The PUT body that a recorded cluster was made with, as far as its GET tells.
fn made_from(inner: &Value) -> Value {
    let mut settings = json!({"vmSize": "STANDARD_DS2_V2", "osType": "Linux", "scaleSettings": {"maxNodeCount": 4}});
    for name in ["vmSize", "vmPriority", "scaleSettings", "remoteLoginPortPublicAccess", "enableNodePublicIp"] {
        if let Some(value) = inner.get(name) {
            settings[name] = value.clone();
        }
    }
    json!({"location": "eastus", "properties": {"computeType": "AmlCompute", "properties": settings}})
}

const IDENTITY: &str = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/fl-test-msi";

/// Puts an emulator into the state that a single recorded exchange implies.
async fn stage_for(single: &Single) -> Stage {
    let target = &single.exchange.request.target;
    let mut seed = Seed::default();
    seed.identities.push(IdentitySeed {
        id: IDENTITY.into(),
        principal_id: "0953d067-5681-4744-bfaf-b75b1bb482f1".into(),
        client_id: "3adff742-0142-45a6-8142-3d94f944cafb".into(),
    });
    let limited = json!([{"subscription": SUBSCRIPTION, "location": "eastus", "totalDedicatedCores": 4}]);
    if single.implies == "quota-reached" {
        seed.quotas = serde_json::from_value(limited).unwrap();
    }
    let mut stage = Stage::new(target, "eastus", Vec::new(), seed).await;
    let recorded = &single.exchange.response.body;
    let resource = recorded.pointer("/value/0").unwrap_or(recorded);
    let inner = &resource["properties"]["properties"];
    let path = target.split('?').next().unwrap();
    let name = path.split("/computes/").nth(1).or(resource["name"].as_str()).unwrap_or("none");
    let name = name.split('/').next().unwrap();
    let max = inner["scaleSettings"]["maxNodeCount"].as_u64().unwrap_or(4);
    let mut body = made_from(inner);
    match single.implies.as_str() {
        "nothing" => return stage,
        "no-workspace" => {
            stage.event(&json!({"event": "workspaceDeleted", "workspace": stage.workspace}));
            return stage;
        }
        "failed" => body["properties"]["properties"]["vmSize"] = json!("STANDARD_NC6S_V3"),
        "user-identity" => {
            body["identity"] = json!({"type": "UserAssigned", "userAssignedIdentities": {IDENTITY: {}}});
        }
        "instance" => return stage.with_instance(resource).await,
        "cluster-and-instance" => stage = stage.with_instance(&recorded["value"][1]).await,
        "quota-reached" | "cluster" | "public-ip" | "resizing" | "running" | "idle" | "disk-full" => {}
        other => panic!("no such state: {other}"),
    }
    stage.put(name, &body).await;
    match single.implies.as_str() {
        "resizing" => stage.event(&json!({"event": "runSubmitted", "compute": name, "nodes": 2})),
        "running" | "idle" | "disk-full" | "quota-reached" => {
            stage.event(&json!({"event": "runSubmitted", "compute": name, "nodes": max, "run": "r"}));
            stage.emulator.advance(SignedDuration::from_mins(4));
        }
        _ => {}
    }
    match single.implies.as_str() {
        "idle" => stage.event(&json!({"event": "runFinished", "compute": name})),
        "disk-full" => {
            let count = inner["errors"][0]["error"]["details"].as_array().unwrap().len();
            stage.event(&json!({"event": "nodesUnusable", "compute": name, "count": count}));
            stage.event(&json!({"event": "runFinished", "compute": name}));
            if inner["allocationState"] == "Resizing" {
                stage.emulator.advance(SignedDuration::from_secs(121));
            }
        }
        _ => {}
    }
    stage
}

async fn replay_single(judge: &Judge, single: &Single) {
    let stage = stage_for(single).await;
    let Exchange { request, response } = &single.exchange;
    let (status, headers, body) = stage.send(&request.method, &stage.url(&request.target), None).await;
    if status != response.status {
        let text = format!("{status}, recorded {}: {body}", response.status);
        judge.differs(&format!("{}: status", single.name), Difference::Value, &text);
    }
    let subscription = request.target.split('/').nth(2).unwrap();
    let mut recorded_headers = response.headers.clone();
    // Some recorders unpacked compressed bodies and kept the headers of the packed ones.
    recorded_headers.remove("content-length");
    judge.headers(&single.name, &recorded_headers, &headers);
    judge.body(&single.name, &ours(&response.body, subscription), &body, false);
    stage.emulator.stop().await;
}

#[tokio::test]
async fn recorded_exchanges_are_answered_alike() {
    let recordings = recordings();
    let judge = Judge::default();
    for sequence in &recordings.sequences {
        replay(&judge, sequence).await;
    }
    for single in &recordings.exchanges {
        replay_single(&judge, single).await;
    }
    let found = judge.found.borrow();
    assert!(found.is_empty(), "{} differences:\n{}", found.len(), found.join("\n"));
    for (used, (path, kind, why)) in judge.used.borrow().iter().zip(ALLOWED) {
        assert!(*used, "the allowance for {path} ({kind:?}: {why}) is not needed any more");
    }
    let exchanges: usize = recordings.sequences.iter().map(|sequence| sequence.exchanges.len()).sum();
    println!("{} recorded exchanges agree", exchanges + recordings.exchanges.len());
}

#[tokio::test]
async fn altered_answer_is_noticed() {
    let recordings = recordings();
    let single = recordings.exchanges.iter().find(|single| single.name == "get-empty").unwrap();
    let stage = stage_for(single).await;
    let effect = Effect::ProvisioningState { value: "succeeded".into() };
    stage.emulator.add_fault(Fault { matches: Match::default(), nth: 1, times: 0, effect });
    let judge = Judge::default();
    let (_, _, body) = stage.send("GET", &stage.url(&single.exchange.request.target), None).await;
    let subscription = single.exchange.request.target.split('/').nth(2).unwrap();
    judge.body("altered", &ours(&single.exchange.response.body, subscription), &body, false);
    assert_eq!(judge.found.borrow().len(), 1, "{:?}", judge.found.borrow());
    stage.emulator.stop().await;
}
