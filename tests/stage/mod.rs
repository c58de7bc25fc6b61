//! A stage for tests of the whole: a real control plane, an emulator, the operator's own binary, a namespace.
//!
//! Must not know what is tested on it. One plane serves all tests of a target; each test has its own namespace,
//! emulator and operator, so that they run side by side.

#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    reason = "every test target uses a part of the stage; names say it all"
)]

use emulator::{Config, Emulator, Seed};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;
use support::operator::{Launch, Operator};
use support::plane::Plane;
use support::wait::until;
use tokio::sync::OnceCell;

/// The operator's binary, built by cargo for this test.
pub const BINARY: &str = env!("CARGO_BIN_EXE_azureml-compute-operator");
/// Namespace of the operator's ServiceAccount.
pub const SYSTEM: &str = "azureml-system";
/// Name of the operator's ServiceAccount.
pub const ACCOUNT: &str = "azureml-compute-operator";
/// The default workspace of the emulator.
pub const WORKSPACE: &str = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/ml/providers/Microsoft.MachineLearningServices/workspaces/demo";
/// All kinds of the operator.
const KINDS: &str = "workspaces,azureidentities,computeclusters,computeinstances,attachedcomputes";
/// How long anything may take; far more than it takes, because machines are noisy.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Virtual seconds per second: a create of 10 to 22 s takes a fifth of a second at most.
pub const TIME_SCALE: f64 = 100.0;

/// A stage with everything on it.
pub struct Stage {
    pub plane: &'static Plane,
    pub namespace: String,
    pub emulator: Emulator,
    pub operator: Option<Operator>,
    launch: Launch,
}

/// The plane with definitions and rights installed, and the kubeconfig of the operator's own account.
pub async fn plane() -> (&'static Plane, PathBuf) {
    static INSTALLED: OnceCell<PathBuf> = OnceCell::const_new();
    let plane = Plane::shared().await.unwrap();
    let kubeconfig = INSTALLED
        .get_or_init(|| async {
            let manifests = ["config/crd", "config/rbac"].map(|dir| kustomize(plane, dir));
            let mut all = String::new();
            for manifest in manifests {
                all.push_str("---\n");
                all.push_str(&manifest.await);
            }
            plane.install_operator(SYSTEM, ACCOUNT, &all, plane.url(), Some(plane.ca_pem())).await.unwrap()
        })
        .await;
    (plane, kubeconfig.clone())
}

async fn kustomize(plane: &Plane, directory: &str) -> String {
    let path = format!("{}/{directory}", env!("CARGO_MANIFEST_DIR"));
    let output = plane.kubectl(&["kustomize", "--load-restrictor=LoadRestrictionsNone", &path]).await.unwrap();
    assert!(output.status.success(), "kustomize {directory}: {}", output.stderr);
    output.stdout
}

/// Flags that make the operator run as fast as the emulator's clock.
pub fn fast_flags(namespace: &str) -> Vec<String> {
    let flags = [
        ("watch-namespaces", namespace),
        ("log-format", "text"),
        ("log-level", "info,amlco_controller=debug"),
        ("transition-interval", "50ms"),
        ("observe-interval", "200ms"),
        ("requeue-interval", "2s"),
        ("reference-grace", "1s"),
        ("forbidden-grace", "2s"),
        ("consistency-grace", "300ms"),
        ("retry-fast", "50ms"),
        ("retry-slow", "200ms"),
        ("retry-very-slow", "500ms"),
    ];
    flags.iter().flat_map(|(flag, value)| [format!("--{flag}"), (*value).to_owned()]).collect()
}

/// Flags that point the operator to an emulator.
pub fn azure_flags(resource_manager: &str, authority: &str, ca_file: &str) -> Vec<String> {
    let flags = [
        ("azure-cloud", "custom"),
        ("azure-resource-manager", resource_manager),
        ("azure-authority", authority),
        ("azure-ca-file", ca_file),
        ("azure-timeout", "5s"),
    ];
    flags.iter().flat_map(|(flag, value)| [format!("--{flag}"), (*value).to_owned()]).collect()
}

impl Stage {
    /// Everything up and running, the default world in Azure, the connection applied.
    pub async fn start(name: &str) -> Self {
        Self::with(name, seed(), &[]).await
    }

    /// With another world, and further flags, which come last and so win.
    pub async fn with(name: &str, seed: Seed, flags: &[(&str, &str)]) -> Self {
        let mut stage = Self::without_operator(name, seed, flags).await;
        stage.start_operator().await;
        stage
    }

    /// Everything up and running, with Azure as slow as it is.
    pub async fn in_real_time(name: &str) -> Self {
        let mut stage = Self::at(1.0, name, seed(), &[]).await;
        stage.start_operator().await;
        stage
    }

    /// Everything but the operator.
    pub async fn without_operator(name: &str, seed: Seed, flags: &[(&str, &str)]) -> Self {
        Self::at(TIME_SCALE, name, seed, flags).await
    }

    /// Everything but the operator, with that many virtual seconds in a second.
    async fn at(time_scale: f64, name: &str, seed: Seed, flags: &[(&str, &str)]) -> Self {
        let (plane, kubeconfig) = plane().await;
        let namespace = plane.namespace(name).await.unwrap();
        let config = Config { time_scale, seed, ..Config::default() };
        let emulator = emulator::spawn(config).await.unwrap();
        let url = emulator.tls_url().to_owned();
        let mut args = fast_flags(&namespace);
        args.extend(azure_flags(&url, &url, &emulator.ca_file().display().to_string()));
        // A flag given twice is a usage error of clap; the later one replaces the earlier.
        for (flag, value) in flags {
            let flag = format!("--{flag}");
            match args.iter().position(|have| *have == flag) {
                Some(at) => args[at + 1] = (*value).to_owned(),
                None => args.extend([flag, (*value).to_owned()]),
            }
        }
        let launch = Launch::new(BINARY, kubeconfig).args(args);
        let stage = Self { plane, namespace, emulator, operator: None, launch };
        stage.apply(&stage.connection()).await;
        stage
    }

    /// Starts the operator (again) and waits until it is ready.
    pub async fn start_operator(&mut self) {
        self.operator = Some(Operator::start(&self.launch, PATIENCE).await.unwrap());
    }

    /// The operator that runs.
    pub fn operator(&self) -> &Operator {
        self.operator.as_ref().unwrap()
    }

    /// Secret, right to read it, identity and Workspace `research`.
    pub fn connection(&self) -> String {
        connection(&self.namespace, &["azure", "ssh"])
    }

    /// Applies YAML with the stage's namespace.
    pub async fn apply(&self, yaml: &str) {
        self.plane.apply_in(&self.namespace, yaml).await.unwrap();
    }

    /// kubectl in the stage's namespace; its standard output.
    pub async fn kubectl(&self, args: &[&str]) -> String {
        let mut all = vec!["-n", &self.namespace];
        all.extend(args);
        let output = self.plane.kubectl(&all).await.unwrap();
        assert!(output.status.success(), "kubectl {args:?}: {}", output.stderr);
        output.stdout
    }

    /// An object as JSON; `None` if there is none.
    pub async fn get(&self, kind: &str, name: &str) -> Option<Value> {
        let out = self.kubectl(&["get", kind, name, "--ignore-not-found", "-o", "json"]).await;
        (!out.trim().is_empty()).then(|| serde_json::from_str(&out).unwrap())
    }

    /// A cluster object as JSON.
    pub async fn cluster(&self, name: &str) -> Option<Value> {
        self.get("computecluster", name).await
    }

    /// Waits until a cluster object satisfies a predicate.
    pub async fn until_cluster(&self, name: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        self.until_object("computecluster", name, what, wanted).await
    }

    /// Waits until an object satisfies a predicate; shows it and the operator's log if it does not.
    pub async fn until_object(&self, kind: &str, name: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let seen = until(what, PATIENCE, async || match self.get(kind, name).await {
            Some(object) if wanted(&object) => Ok(object),
            Some(object) => Err(format!("metadata {} status {}", object["metadata"], object["status"])),
            None => Err("no object".to_owned()),
        });
        self.explain(seen.await)
    }

    /// Waits until a cluster is Ready for its generation.
    pub async fn until_ready(&self, name: &str) -> Value {
        self.until_cluster(name, "the cluster is Ready", is_ready).await
    }

    /// Waits until Ready or Stalled carries this reason.
    pub async fn until_reason(&self, name: &str, reason: &str) -> Value {
        self.until_cluster(name, &format!("the cluster says {reason}"), |object| ready_reason(object) == reason).await
    }

    /// Waits until the object is gone.
    pub async fn until_gone(&self, kind: &str, name: &str) {
        let what = format!("{kind} {name} is gone");
        let gone = until(&what, PATIENCE, async || match self.get(kind, name).await {
            None => Ok(()),
            Some(object) => Err(object.to_string()),
        });
        self.explain(gone.await);
    }

    /// What was waited for; if it did not come, the operator's log tells more.
    fn explain<T>(&self, outcome: support::Result<T>) -> T {
        outcome.unwrap_or_else(|error| {
            let log = self.operator.as_ref().map(|operator| operator.log_tail(60)).unwrap_or_default();
            panic!("{error}\nthe operator's log ends:\n{log}")
        })
    }

    /// Everything that people and programs can read of the operator, each with its name.
    pub async fn emitted(&self) -> [(&'static str, String); 4] {
        let url = self.operator().url().await.unwrap();
        [
            ("the log", self.operator().log()),
            ("the metrics", reqwest::get(format!("{url}/metrics")).await.unwrap().text().await.unwrap()),
            ("the events", self.kubectl(&["get", "events.events.k8s.io", "-o", "json"]).await),
            ("the objects", self.kubectl(&["get", KINDS, "-o", "json"]).await),
        ]
    }

    /// Requests of the journal whose path contains a text, by method.
    pub fn requests(&self, method: &str, path: &str) -> Vec<emulator::Entry> {
        let journal = self.emulator.journal();
        journal.into_iter().filter(|e| e.method == method && e.path.contains(path)).collect()
    }

    /// Writes to Azure so far: PUT, PATCH, DELETE and POST on computes.
    pub fn writes(&self) -> Vec<String> {
        let journal = self.emulator.journal();
        let writes = journal.iter().filter(|e| e.method != "GET" && e.path.contains("/computes/"));
        writes.map(|e| format!("{} {}", e.method, e.path.rsplit('/').next().unwrap_or_default())).collect()
    }

    /// Waits until Azure shows a compute like that.
    pub async fn until_azure(&self, name: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let seen = until(what, PATIENCE, async || match self.azure("GET", &path(name), None).await {
            (200, compute) if wanted(&compute) => Ok(compute),
            (status, compute) => Err(format!("{status} {compute}")),
        });
        self.explain(seen.await)
    }

    /// Waits until Azure has been looked at that many more times: that is how long the operator had.
    pub async fn rest(&self, intervals: usize) {
        let lists = || self.requests("GET", "/computes").iter().filter(|e| e.path.ends_with("/computes")).count();
        let goal = lists() + intervals;
        let rested = until("the shared looks go on", PATIENCE * 2, async || match lists() {
            count if count >= goal => Ok(()),
            count => Err(format!("{count} of {goal} looks")),
        });
        self.explain(rested.await);
    }

    /// resourceVersions of everything the operator might write in this namespace.
    pub async fn versions(&self) -> String {
        let kinds = &format!("{KINDS},secrets,events.events.k8s.io");
        let columns = "-o=custom-columns=K:.kind,N:.metadata.name,V:.metadata.resourceVersion";
        self.kubectl(&["get", kinds, columns]).await
    }

    /// A compute as Azure answers it to somebody else.
    pub async fn azure(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        azure(self.emulator.url(), method, path, body).await
    }
}

/// The default world with budgets that a test does not exhaust: intervals are a hundred times shorter here, budgets
/// refill by the wall clock.
pub fn seed() -> Seed {
    let mut seed = Seed::default();
    let budgets = &mut seed.throttle;
    for budget in [&mut budgets.reads, &mut budgets.writes, &mut budgets.deletes] {
        budget.capacity *= 100;
        budget.per_second *= 100.0;
    }
    seed
}

/// Secret, right to read it, identity and Workspace `research` for a namespace.
pub fn connection(namespace: &str, secrets: &[&str]) -> String {
    let right = lend("secrets", "get, watch, patch", &secrets.join(", "));
    format!(
        "
apiVersion: v1
kind: Secret
metadata: {{name: azure}}
stringData: {{clientSecret: emulator-client-secret}}
---{right}---
apiVersion: compute.azureml.dev/v1alpha1
kind: AzureIdentity
metadata: {{name: {namespace}}}
spec:
  type: ServicePrincipal
  tenantId: 22222222-2222-2222-2222-222222222222
  clientId: 33333333-3333-3333-3333-333333333333
  servicePrincipal: {{clientSecret: {{secretRef: {{name: azure, key: clientSecret}}}}}}
---
apiVersion: compute.azureml.dev/v1alpha1
kind: Workspace
metadata: {{name: research}}
spec:
  resourceId: {WORKSPACE}
  identityRef: {{kind: AzureIdentity, name: {namespace}}}
"
    )
}

/// The right to read one ConfigMap.
pub fn lend_config_map(name: &str) -> String {
    lend("configmaps", "get, watch", name)
}

/// A right of the operator's account on named objects of one resource.
fn lend(resource: &str, verbs: &str, names: &str) -> String {
    format!(
        "
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {{name: azureml-compute-operator-{resource}}}
rules:
- {{apiGroups: [''], resources: [{resource}], verbs: [{verbs}], resourceNames: [{names}]}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: azureml-compute-operator-{resource}}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: azureml-compute-operator-{resource}}}
subjects:
- {{kind: ServiceAccount, name: {ACCOUNT}, namespace: {SYSTEM}}}
"
    )
}

/// A ComputeCluster with these further lines of spec.
pub fn cluster(name: &str, spec: &Value) -> String {
    let usual = json!({"vmSize": "STANDARD_D2_V2", "scale": {"maxNodes": 4}});
    compute("ComputeCluster", name, &[&usual, spec])
}

/// A ComputeInstance with these further lines of spec.
pub fn instance(name: &str, spec: &Value) -> String {
    compute("ComputeInstance", name, &[&json!({"vmSize": "STANDARD_DS3_V2"}), spec])
}

/// A compute of the Workspace `research`; what comes later in its spec goes before, and null takes a field away.
pub fn compute(kind: &str, name: &str, specs: &[&Value]) -> String {
    let mut body = json!({"workspaceRef": {"name": "research"}});
    if let Some(body) = body.as_object_mut() {
        body.extend(specs.iter().filter_map(|spec| spec.as_object()).flatten().map(|(k, v)| (k.clone(), v.clone())));
        body.retain(|_, value| !value.is_null());
    }
    let object = json!({
        "apiVersion": "compute.azureml.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": body,
    });
    object.to_string()
}

/// Path of a compute in the default workspace.
pub fn path(name: &str) -> String {
    format!("{WORKSPACE}/computes/{name}")
}

/// One request to Azure by somebody else in the newest version, with a token of the emulator's default principal; fails no
/// test by itself.
pub async fn azure(base: &str, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
    let separator = if path.contains('?') { '&' } else { '?' };
    azure_at(base, method, &format!("{path}{separator}api-version=2026-05-01"), body).await
}

/// The same in the version that the path's query says.
pub async fn azure_at(base: &str, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
    support::install_crypto();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let form = "grant_type=client_credentials&client_id=33333333-3333-3333-3333-333333333333&client_secret=emulator-client-secret&scope=https%3A%2F%2Fmanagement.azure.com%2F.default";
    let token = client
        .post(format!("{base}/22222222-2222-2222-2222-222222222222/oauth2/v2.0/token"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form)
        .send()
        .await
        .unwrap()
        .json::<Value>()
        .await
        .unwrap();
    let url = format!("{base}{path}");
    let mut request = client.request(method.parse().unwrap(), url).bearer_auth(token["access_token"].as_str().unwrap());
    if let Some(body) = body {
        request = request.json(body);
    }
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    (status, serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default())
}

/// Whether an object is Ready for its own generation.
pub fn is_ready(object: &Value) -> bool {
    let current = object["status"]["observedGeneration"] == object["metadata"]["generation"];
    current && condition(object, "Ready").is_some_and(|ready| ready["status"] == "True")
}

/// One condition.
pub fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    object["status"]["conditions"].as_array()?.iter().find(|condition| condition["type"] == kind)
}

/// Reason of Ready.
pub fn ready_reason(object: &Value) -> &str {
    condition(object, "Ready").and_then(|ready| ready["reason"].as_str()).unwrap_or_default()
}

/// Message of Ready.
pub fn ready_message(object: &Value) -> &str {
    condition(object, "Ready").and_then(|ready| ready["message"].as_str()).unwrap_or_default()
}
