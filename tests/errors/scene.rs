//! A stage for troubles: faults by request, what objects say about them, and the laws that every revision keeps.
//!
//! Must not know any one trouble. Its judgement at the end covers every stored revision, not only those waited for.

use crate::stage::{Stage, condition, is_ready, ready_message, ready_reason};
use emulator::{CLIENT_SECRET, Effect, Entry, Fault, Match, Seed, ThrottleSeed};
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use support::history::{History, Revision, watch_history};
use support::wait::until;

/// How long anything may take; far more than it takes, because machines are noisy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// First waits of the operator's backoff on a fast stage, in milliseconds: fast, slow, very slow.
pub(crate) const FAST: i64 = 50;
pub(crate) const SLOW: i64 = 200;
pub(crate) const VERY_SLOW: i64 = 500;

/// Our kinds.
const CLUSTER: &str = "ComputeCluster";

/// How an object stands while something is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Retried: Reconciling.
    Working,
    /// Needs somebody: Stalled.
    Stalled,
}

/// A stage, and the recording of everything on it.
pub(crate) struct Scene {
    pub(crate) stage: Stage,
    client: kube::Client,
    history: History,
}

fn resource(api_version: &str, kind: &str) -> ApiResource {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind))
}

/// A seed whose request budgets no test reaches.
pub(crate) fn unlimited() -> Seed {
    Seed { throttle: ThrottleSeed::unlimited(), ..Seed::default() }
}

/// A fault for as long as it is not cleared.
pub(crate) fn always(method: &str, path: &str, effect: Effect) -> Fault {
    times(0, method, path, effect)
}

/// A fault for so many requests. `path` is text within the path, or a pattern with `*`.
pub(crate) fn times(times: u32, method: &str, path: &str, effect: Effect) -> Fault {
    let matches = Match { method: Some(method.into()), path: Some(path.into()), ..Match::default() };
    Fault { matches, nth: 1, times, effect }
}

/// An answer with a status and ARM's error body.
pub(crate) fn error(status: u16, code: &str, message: &str) -> Effect {
    respond(status, &[], json!({"error": {"code": code, "message": message}}))
}

/// An answer in place of the right one; the request has no effect.
pub(crate) fn respond(status: u16, headers: &[(&str, &str)], body: impl Into<Value>) -> Effect {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let body = Some(body.into()).filter(|body| !body.is_null());
    Effect::Respond { status, headers, body, when: emulator::When::BeforeEffect }
}

impl Scene {
    /// The default world without request budgets, and an operator that comes back to everything soon.
    pub(crate) async fn start(name: &str) -> Self {
        Self::with(name, unlimited(), &[]).await
    }

    /// An operator that comes back to nothing within the test: what heals here is told by a watch or a shared look.
    pub(crate) async fn patient(name: &str, flags: &[(&str, &str)]) -> Self {
        let never = [("requeue-interval", "1h"), ("retry-slow", "1h"), ("retry-very-slow", "1h")];
        Self::with(name, unlimited(), &[&never, flags].concat()).await
    }

    /// Another world, and further flags.
    pub(crate) async fn with(name: &str, seed: Seed, flags: &[(&str, &str)]) -> Self {
        let often = [("requeue-interval", "300ms")];
        let mut stage = Stage::without_operator(name, seed, &[&often, flags].concat()).await;
        let client = stage.plane.admin().await.unwrap();
        let group = format!("{}/{}", api::GROUP, api::VERSION);
        let kinds = [CLUSTER, "Workspace", "AzureIdentity"].map(|kind| resource(&group, kind));
        // A definition that is seconds old may answer "not yet": its cache fills.
        let recorded = until("the kinds can be listed", PATIENCE, async || {
            watch_history(&client, &kinds, &stage.namespace).await.map_err(|error| format!("{error:?}"))
        });
        let history = recorded.await.unwrap();
        stage.start_operator().await;
        let scene = Self { stage, client, history };
        let wanted = |object: Option<Value>| match object {
            Some(object) if condition(&object, "Ready").is_some_and(|ready| ready["status"] == "True") => Ok(()),
            other => Err(format!("{other:?}")),
        };
        scene.until_object(("Workspace", "research"), "is Ready", wanted).await;
        scene
    }

    fn api(&self, api_version: &str, kind: &str) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), &self.stage.namespace, &resource(api_version, kind))
    }

    fn ours(&self, kind: &str) -> Api<DynamicObject> {
        self.api(&format!("{}/{}", api::GROUP, api::VERSION), kind)
    }

    /// Applies one object.
    pub(crate) async fn put(&self, object: &Value) {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap();
        let api = self.api(text("/apiVersion"), text("/kind"));
        let params = PatchParams::apply("a-person").force();
        api.patch(text("/metadata/name"), &params, &Patch::Apply(object)).await.unwrap();
    }

    /// Applies an object of ours.
    pub(crate) async fn put_ours(&self, kind: &str, name: &str, spec: Value) {
        let group = format!("{}/{}", api::GROUP, api::VERSION);
        self.put(&json!({"apiVersion": group, "kind": kind, "metadata": {"name": name}, "spec": spec})).await;
    }

    /// Applies a cluster with these further lines of spec.
    pub(crate) async fn cluster(&self, name: &str, spec: Value) {
        self.put(&serde_json::from_str(&crate::stage::cluster(name, &spec)).unwrap()).await;
    }

    /// Applies a Secret with one key.
    pub(crate) async fn secret(&self, name: &str, key: &str, value: &str) {
        let metadata = json!({"name": name});
        self.put(&json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {key: value}}))
            .await;
    }

    /// Lets the operator read these Secrets, by a Role of that name.
    pub(crate) async fn may_read(&self, role: &str, secrets: &[&str]) {
        let rbac = "rbac.authorization.k8s.io";
        let metadata = json!({"name": role});
        let rule = json!({"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "watch", "patch"], "resourceNames": secrets});
        let api_version = format!("{rbac}/v1");
        self.put(&json!({"apiVersion": api_version, "kind": "Role", "metadata": metadata, "rules": [rule]})).await;
        let account =
            json!({"kind": "ServiceAccount", "name": crate::stage::ACCOUNT, "namespace": crate::stage::SYSTEM});
        let role_ref = json!({"apiGroup": rbac, "kind": "Role", "name": role});
        self.put(&json!({"apiVersion": api_version, "kind": "RoleBinding", "metadata": metadata, "roleRef": role_ref, "subjects": [account]})).await;
    }

    /// Merges a patch into one of our objects.
    pub(crate) async fn merge(&self, kind: &str, name: &str, patch: &Value) {
        self.ours(kind).patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    }

    /// Asks for one of our objects to be deleted, and does not wait.
    pub(crate) async fn delete(&self, kind: &str, name: &str) {
        let _ = self.ours(kind).delete(name, &DeleteParams::default()).await.unwrap();
    }

    /// One of our objects.
    pub(crate) async fn get(&self, kind: &str, name: &str) -> Option<Value> {
        let found = self.ours(kind).get_opt(name).await.unwrap();
        found.map(|object| serde_json::to_value(object).unwrap())
    }

    async fn until_object<T>(
        &self,
        (kind, name): (&str, &str),
        what: &str,
        wanted: impl Fn(Option<Value>) -> Result<T, String>,
    ) -> T {
        match until(&format!("{kind} {name} {what}"), PATIENCE, async || wanted(self.get(kind, name).await)).await {
            Ok(found) => found,
            Err(error) => panic!(
                "{error}\nasked last: {:#?}\nthe operator's log ends:\n{}",
                self.last(),
                self.stage.operator().log_tail(40)
            ),
        }
    }

    /// The newest requests, for a failure's message.
    fn last(&self) -> Vec<String> {
        let journal = self.stage.emulator.journal();
        let newest = journal.iter().rev().take(25).rev();
        newest.map(|entry| format!("{} {} {} {:?}", entry.at, entry.method, entry.path, entry.status)).collect()
    }

    /// Waits until an object says this: Ready False, the phase's condition true and alone, and all of these words.
    pub(crate) async fn says(&self, of: (&str, &str), phase: Phase, reason: &str, words: &[&str]) -> Value {
        let what = format!("is {phase:?} for {reason} in the words {words:?}");
        let wanted = |object: Option<Value>| match object {
            Some(object) if says(&object, phase, reason, words) => Ok(object),
            Some(object) => Err(format!("{}", object["status"])),
            None => Err("no object".to_owned()),
        };
        self.until_object(of, &what, wanted).await
    }

    /// Waits until a cluster says this.
    pub(crate) async fn cluster_says(&self, name: &str, phase: Phase, reason: &str, words: &[&str]) -> Value {
        self.says((CLUSTER, name), phase, reason, words).await
    }

    /// Waits until some revision of a cluster said this, be it for a moment only: a trouble that passes by itself.
    pub(crate) async fn cluster_said(&self, name: &str, phase: Phase, reason: &str, words: &[&str]) {
        let what = format!("{name} was {phase:?} for {reason} in the words {words:?}");
        let wanted = |revision: &Revision| {
            revision.name() == format!("{CLUSTER}/{name}") && says(&revision.object, phase, reason, words)
        };
        self.history.until(&what, PATIENCE, wanted).await.unwrap();
    }

    /// Waits until a cluster is Ready for its generation.
    pub(crate) async fn ready(&self, name: &str) -> Value {
        let wanted = |object: Option<Value>| match object {
            Some(object) if is_ready(&object) => Ok(object),
            other => Err(other.map_or("no object".to_owned(), |object| object["status"].to_string())),
        };
        self.until_object((CLUSTER, name), "is Ready", wanted).await
    }

    /// Waits until an object is gone.
    pub(crate) async fn gone(&self, name: &str) {
        let wanted = |object: Option<Value>| match object {
            None => Ok(()),
            Some(object) => Err(format!("{} {}", object["metadata"]["finalizers"], object["status"])),
        };
        self.until_object((CLUSTER, name), "is gone", wanted).await;
    }

    /// Requests on one compute so far, oldest first.
    pub(crate) fn asked(&self, method: &str, name: &str) -> Vec<Entry> {
        let end = format!("/computes/{name}");
        let journal = self.stage.emulator.journal();
        journal.into_iter().filter(|entry| entry.method == method && entry.path.ends_with(&end)).collect()
    }

    /// Numbers of PUT, PATCH and DELETE on one compute so far.
    pub(crate) fn writes(&self, name: &str) -> [usize; 3] {
        ["PUT", "PATCH", "DELETE"].map(|method| self.asked(method, name).len())
    }

    /// Waits until so many more requests of a method came for a path that ends so.
    pub(crate) async fn until_asked(&self, method: &str, end: &str, more: usize) {
        let count = || {
            let journal = self.stage.emulator.journal();
            journal.iter().filter(|entry| entry.method == method && entry.path.ends_with(end)).count()
        };
        let wanted = count() + more;
        let what = format!("{more} more {method} of …{end}");
        let asked = until(&what, PATIENCE, async || match count() {
            enough if enough >= wanted => Ok(()),
            few => Err(format!("{few} of {wanted}")),
        });
        asked.await.unwrap();
    }

    /// Sets a fault.
    pub(crate) fn fault(&self, fault: Fault) {
        self.stage.emulator.add_fault(fault);
    }

    /// Takes all faults away.
    pub(crate) fn heal(&self) {
        self.stage.emulator.clear_faults();
    }

    /// One of the operator's counters, summed over its labels.
    async fn counter(&self, name: &str) -> u64 {
        let url = self.stage.operator().url().await.unwrap();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let text = client.get(format!("{url}/metrics")).send().await.unwrap().text().await.unwrap();
        let lines = text.lines().filter(|line| line.starts_with(&format!("amlco_{name}_total")));
        lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok()).sum()
    }

    /// Passes over clusters so far.
    pub(crate) async fn passes(&self) -> u64 {
        self.counter("passes").await
    }

    /// resourceVersion and status of everything of ours.
    async fn versions(&self) -> BTreeMap<String, (String, Value)> {
        let mut versions = BTreeMap::new();
        for kind in [CLUSTER, "Workspace", "AzureIdentity"] {
            let list = self.ours(kind).list(&kube::api::ListParams::default()).await.unwrap();
            for object in list.items {
                let name = object.metadata.name.unwrap_or_default();
                let version = object.metadata.resource_version.unwrap_or_default();
                versions.insert(format!("{kind}/{name}"), (version, object.data["status"].clone()));
            }
        }
        versions
    }

    /// Proves that a trouble that lasts moves no object: over so many further passes no resourceVersion changes, once
    /// what was under way has settled. What is written again and again never settles.
    pub(crate) async fn holds_still(&self, passes: u64) {
        self.holds_still_but(passes, "").await;
    }

    /// The same for all objects but one.
    pub(crate) async fn holds_still_but(&self, passes: u64, but: &str) {
        let others = |versions: BTreeMap<String, (String, Value)>| {
            let is_other = |name: &String| !name.ends_with(&format!("/{but}"));
            versions.into_iter().filter(|(name, _)| is_other(name)).collect::<BTreeMap<_, _>>()
        };
        let still = until("no object moves while nothing changes", PATIENCE, async || {
            let before = others(self.versions().await);
            let wanted = self.passes().await + passes;
            let passed = until("the operator comes by again", PATIENCE, async || match self.passes().await {
                enough if enough >= wanted => Ok(()),
                few => Err(format!("{few} of {wanted}")),
            });
            passed.await.unwrap();
            let after = others(self.versions().await);
            let moved: Vec<_> = after.iter().filter(|(name, now)| before.get(*name) != Some(now)).collect();
            if moved.is_empty() { Ok(()) } else { Err(format!("{moved:?}")) }
        });
        still.await.unwrap();
    }

    /// Proves that a compute was not written to faster than the backoff allows: `first` milliseconds after the first
    /// refusal, twice as long after each further one, up to sixteen times.
    pub(crate) fn backed_off(&self, method: &str, name: &str, first: i64) {
        let mut asked = self.asked(method, name);
        // A refused token is renewed and tried once more at once: those two are one try.
        let mut before = None;
        asked.retain(|entry| {
            let renewed = before == Some(401) && entry.status == Some(401);
            before = if renewed { None } else { entry.status };
            !renewed
        });
        for (n, pair) in asked.windows(2).enumerate() {
            let least = first << n.min(4);
            let gap = pair[1].at.duration_since(pair[0].at).as_millis();
            // Clock steps between two processes' readings are below a millisecond; the wait counts from the answer.
            assert!(gap + 1 >= i128::from(least), "{method} {name} number {} after {gap} ms, not {least}", n + 2);
        }
    }

    /// Ends the scene: every stored revision keeps the laws, nobody panicked, and no object was written without end.
    pub(crate) async fn end(self) {
        let revisions = self.history.revisions().unwrap();
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for revision in &revisions {
            lawful(revision);
            *counts.entry(revision.name()).or_default() += 1;
        }
        let most = counts.iter().max_by_key(|(_, count)| **count).map(|(name, count)| (name.clone(), *count));
        assert!(most.as_ref().is_none_or(|(_, count)| *count <= 60), "a write storm: {most:?}");
        for counter in ["panics", "contract_violations"] {
            assert_eq!(self.counter(counter).await, 0, "{counter}");
        }
        let log = self.stage.operator().log();
        for secret in [CLIENT_SECRET, "Bearer ", "eyJ0"] {
            assert!(!log.contains(secret), "the log shows {secret}");
        }
    }
}

/// Whether an object says this.
fn says(object: &Value, phase: Phase, reason: &str, words: &[&str]) -> bool {
    let (alone, other) = match phase {
        Phase::Working => ("Reconciling", "Stalled"),
        Phase::Stalled => ("Stalled", "Reconciling"),
    };
    let stands = |kind: &str, status: &str| {
        condition(object, kind).is_some_and(|c| c["status"] == status && c["reason"] == reason)
    };
    ready_reason(object) == reason
        && stands("Ready", "False")
        && stands(alone, "True")
        && condition(object, other).is_none()
        && object["status"]["observedGeneration"] == object["metadata"]["generation"]
        && words.iter().all(|word| ready_message(object).contains(word))
}

/// What holds for every revision of every object, whatever happens.
fn lawful(revision: &Revision) {
    let (name, object) = (revision.name(), &revision.object);
    let is_true = |kind: &str| condition(object, kind).is_some_and(|condition| condition["status"] == "True");
    assert!(!(is_true("Reconciling") && is_true("Stalled")), "{name} is Reconciling and Stalled at once: {object}");
    if is_true("Ready") {
        assert!(!is_true("Reconciling") && !is_true("Stalled"), "{name} is Ready and not done: {object}");
    }
    for condition in object["status"]["conditions"].as_array().into_iter().flatten() {
        let message = condition["message"].as_str().unwrap_or_default();
        let first = message.chars().next();
        assert!(first.is_some_and(|first| !first.is_uppercase() || is_name(message)), "{name}: {message}");
        assert!(!message.ends_with('.') && message.chars().count() <= 1024, "{name}: {message}");
        assert!(!message.contains(CLIENT_SECRET) && !message.contains("eyJ0"), "{name} shows a secret: {message}");
        assert!(!message.contains('\n') && !message.contains("&s="), "{name}: {message}");
    }
}

/// Messages may begin with the name of a kind.
fn is_name(message: &str) -> bool {
    ["Workspace ", "AzureIdentity ", "Secret ", "Microsoft Entra ", "Azure "]
        .iter()
        .any(|kind| message.starts_with(kind))
}
