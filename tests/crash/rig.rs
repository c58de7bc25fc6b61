//! A namespace, an emulator and an operator between two proxies; must not know what is done in it or when it dies.

#![allow(dead_code, unreachable_pub, missing_docs, reason = "every test target uses a part of it; names say it all")]

use crate::stage::{self, ACCOUNT, BINARY, SYSTEM, TIME_SCALE};
use crate::workload::{SECRET, Subject};
use emulator::{Config, Emulator, Seed};
use jiff::{SignedDuration, Timestamp};
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams};
use kube::{Api, Client};
use serde_json::Value;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;
use support::error::{Context, Error, Result};
use support::history::{History, watch_history};
use support::operator::{Launch, Operator};
use support::plane::Plane;
use support::proxy::{Entry, Options, Phase, Point, Proxy};
use support::wait::until;
use tokio::sync::OnceCell;

/// What the operator must not ask for, and how long, until it is believed to be done.
#[derive(Clone, Copy, Debug)]
pub struct Silence {
    of: fn(&Entry) -> bool,
    lasts: SignedDuration,
}

/// It is at rest: it writes nothing for more than one interval of looking.
pub const QUIET: Silence = Silence { of: is_write, lasts: SignedDuration::from_millis(300) };
/// It is done with what comes before: for longer than its next step takes it asks for nothing at all but the shared look,
/// which never ends. A read left over would fall into some runs of a workload and not into others.
pub const CALM: Silence =
    Silence { of: |entry| !entry.path.ends_with("/computes"), lasts: SignedDuration::from_millis(120) };
/// How long an action waits for the operator it is to kill.
const OPERATOR_WITHIN: Duration = Duration::from_secs(30);

/// Which of the two services a request went to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    Azure,
    Kubernetes,
}

/// Everything of one run.
pub struct Rig {
    pub namespace: String,
    pub client: Client,
    pub emulator: Emulator,
    pub azure: Arc<Proxy>,
    pub kubernetes: Arc<Proxy>,
    pub history: History,
    launch: Launch,
    operators: Vec<Operator>,
    began: Timestamp,
}

/// The token of the operator's ServiceAccount, once for all.
async fn token(plane: &Plane) -> Result<String> {
    static TOKEN: OnceCell<String> = OnceCell::const_new();
    TOKEN.get_or_try_init(|| plane.service_account_token(SYSTEM, ACCOUNT)).await.cloned()
}

/// Name of the Secret with the key of fingerprints, in the namespace the operator runs in.
pub const KEY_SECRET: &str = "azureml-compute-operator-fingerprint-key";

/// What the operator may do in the namespace it runs in, as its manifests grant it. Here that is the run's own, so that
/// each run has its own key and makes it.
fn own_right() -> String {
    format!(
        "apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {{name: azureml-compute-operator-own}}
rules:
- {{apiGroups: [''], resources: [secrets], verbs: [get], resourceNames: [{KEY_SECRET}]}}
- {{apiGroups: [''], resources: [secrets], verbs: [create]}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: azureml-compute-operator-own}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: azureml-compute-operator-own}}
subjects:
- {{kind: ServiceAccount, name: {ACCOUNT}, namespace: {SYSTEM}}}"
    )
}

/// Puts another value for a flag.
fn set(args: &mut [String], flag: &str, value: &str) {
    if let Some(at) = args.iter().position(|arg| arg == flag) {
        args[at + 1] = value.to_owned();
    }
}

impl Rig {
    /// Everything but the operator, with Secret, rights, identity and Workspace applied. Nothing may depend on a pass that
    /// comes by the clock, which would come in some runs and not in others: none comes.
    pub async fn new(prefix: &str) -> Result<Self> {
        Self::with(prefix, &[("--requeue-interval", "1h")]).await
    }

    /// The same with other values for these flags of the operator.
    pub async fn with(prefix: &str, flags: &[(&str, &str)]) -> Result<Self> {
        let (plane, _) = stage::plane().await;
        let namespace = plane.namespace(prefix).await?;
        // Restarts are asked for by time, and are due by the operator's clock: Azure's must not be ahead of it.
        let clock = Some(Timestamp::now() - SignedDuration::from_hours(6));
        let config = Config { time_scale: TIME_SCALE, seed: Seed { clock, ..stage::seed() }, ..Config::default() };
        let emulator = emulator::spawn(config).await.context(|| "no emulator".to_owned())?;
        let azure = Options::new(emulator.tls_url()).upstream_ca(emulator.ca_pem()).tls().rewrite_urls();
        let azure = Arc::new(Proxy::start(&azure)?);
        let kubernetes = Arc::new(Proxy::start(&Options::new(plane.url()).upstream_ca(plane.ca_pem()))?);
        let ca_file = plane.dir().join(format!("{namespace}-azure-ca.pem"));
        let ca_pem = azure.ca_pem().ok_or_else(|| Error::new("the proxy before azure has no authority"))?;
        std::fs::write(&ca_file, ca_pem).context(|| format!("cannot write {}", ca_file.display()))?;
        let file = format!("{namespace}.kubeconfig");
        let kubeconfig = plane.kubeconfig_for_token(&file, &token(plane).await?, &namespace, kubernetes.url(), None)?;
        let mut args = stage::fast_flags(&namespace);
        flags.iter().for_each(|(flag, value)| set(&mut args, flag, value));
        args.extend(stage::azure_flags(azure.url(), azure.url(), &ca_file.display().to_string()));
        let client = plane.admin().await?;
        let kinds = Subject::ALL.map(Subject::resource);
        // A new definition is not served for a moment ("storage is (re)initializing").
        let history = until("the history of the computes begins", stage::PATIENCE, async || {
            watch_history(&client, &kinds, &namespace).await.map_err(|error| format!("{error:?}"))
        });
        let history = history.await?;
        let launch = Launch::new(BINARY, kubeconfig).args(args);
        let began = Timestamp::now();
        let rig = Self { namespace, client, emulator, azure, kubernetes, history, launch, operators: vec![], began };
        // The right to the key first: it is in force when the right to the Secrets is, by which the operator waits.
        rig.apply(&own_right()).await?;
        rig.apply(&stage::connection(&rig.namespace, &["azure", SECRET])).await?;
        Ok(rig)
    }

    /// The proxy of one side.
    pub fn proxy(&self, side: Side) -> &Arc<Proxy> {
        match side {
            Side::Azure => &self.azure,
            Side::Kubernetes => &self.kubernetes,
        }
    }

    /// Starts an operator and returns when it is ready, or has ended before.
    pub async fn start_operator(&mut self, trap: Option<&Trap>) -> Result<()> {
        let operator = Operator::spawn(&self.launch)?;
        if let Some(trap) = trap {
            trap.condemn(&operator);
        }
        let ready = operator.wait_ready(stage::PATIENCE).await;
        let ended = operator.ended()?.is_some();
        self.operators.push(operator);
        match ready {
            Err(error) if !ended || trap.is_none() => Err(error),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// The newest operator.
    pub fn operator(&self) -> Result<&Operator> {
        self.operators.last().ok_or_else(|| Error::new("no operator was started"))
    }

    /// Kills the newest operator and starts another.
    pub async fn restart_operator(&mut self) -> Result<()> {
        self.operator()?.kill()?;
        self.start_operator(None).await
    }

    /// What all operators wrote, with a line between two lives.
    pub fn log(&self) -> String {
        let logs: Vec<String> = self.operators.iter().map(Operator::log).collect();
        logs.join("\n---- killed and started again ----\n")
    }

    /// Applies YAML documents as a person does by server-side apply.
    pub async fn apply(&self, yaml: &str) -> Result<()> {
        for document in yaml.split("\n---\n") {
            let object: Value = serde_saphyr::from_str(document).context(|| "no YAML".to_owned())?;
            let text = |path: &str| object.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
            let (version, kind, name) = (text("/apiVersion"), text("/kind"), text("/metadata/name"));
            let (group, version) = version.split_once('/').unwrap_or(("", &version));
            let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, &kind));
            let params = PatchParams::apply("somebody").force();
            let applied = self.objects(&resource).patch(&name, &params, &Patch::Apply(&object)).await;
            applied.context(|| format!("cannot apply {kind} {name}"))?;
        }
        Ok(())
    }

    /// Access to one kind in the run's namespace.
    pub fn objects(&self, resource: &ApiResource) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), &self.namespace, resource)
    }

    /// Sets a trap at a request to come: who is condemned dies there. With `after` the request is counted only from
    /// the answer to that request to Azure on.
    pub fn trap(&self, after: Option<Point>, side: Side, point: Point) -> Trap {
        let (sender, receiver) = mpsc::channel::<Killer>();
        let fired = Arc::new(AtomicBool::new(false));
        let sprung = Arc::clone(&fired);
        let action = move || {
            if let Ok(kill) = receiver.recv_timeout(OPERATOR_WITHIN) {
                kill();
                sprung.store(true, Ordering::SeqCst);
            }
        };
        let proxy = Arc::clone(self.proxy(side));
        let set = move || drop(proxy.arm(point, action));
        match after {
            Some(after) => drop(self.azure.arm(after.phase(Phase::AfterAnswer), set)),
            None => set(),
        }
        Trap { sender, fired }
    }

    /// Whether there is silence through both proxies, and no operator has started meanwhile.
    pub fn is_quiet(&self, since: Timestamp, wanted: Silence) -> Result<(), String> {
        let journals = [&self.azure, &self.kubernetes].map(|proxy| proxy.journal());
        let last = journals.into_iter().flatten().filter(wanted.of).max_by_key(|entry| entry.at);
        let at = last.as_ref().map_or(self.began, |entry| entry.at).max(since);
        let quiet = Timestamp::now().duration_since(at);
        if quiet >= wanted.lasts { Ok(()) } else { Err(format!("quiet for {quiet:#} after {last:?}")) }
    }

    /// All computes of all workspaces.
    pub fn computes(&self) -> Vec<Value> {
        let mut found = Vec::new();
        collect(&self.emulator.world()["subscriptions"], &mut found);
        found
    }

    /// What both proxies took so far, in the order of time.
    pub fn journal(&self) -> Vec<(Side, Entry)> {
        let of = |side| self.proxy(side).journal().into_iter().map(move |entry| (side, entry));
        let mut all: Vec<_> = of(Side::Azure).chain(of(Side::Kubernetes)).collect();
        all.sort_by_key(|(_, entry)| entry.at);
        all
    }
}

fn collect(value: &Value, found: &mut Vec<Value>) {
    for (name, member) in value.as_object().into_iter().flatten() {
        match name.as_str() {
            "computes" => found.extend(member.as_object().into_iter().flat_map(|computes| computes.values().cloned())),
            _ => collect(member, found),
        }
    }
}

/// Whether a request may change something. The form by which a token is asked for changes nothing.
pub fn is_write(entry: &Entry) -> bool {
    entry.method != "GET" && !entry.path.ends_with("/oauth2/v2.0/token")
}

type Killer = Box<dyn FnOnce() + Send>;

/// A trap that kills whom it is told to.
pub struct Trap {
    sender: mpsc::Sender<Killer>,
    fired: Arc<AtomicBool>,
}

impl Trap {
    /// This one is to die. Its request may have come already and waits for this.
    pub fn condemn(&self, operator: &Operator) {
        // Nobody listens any more if the trap was forgotten; then nobody is to die.
        drop(self.sender.send(Box::new(operator.killer())));
    }

    /// Whether it is dead.
    pub fn has_sprung(&self) -> bool {
        self.fired.load(Ordering::SeqCst)
    }
}
