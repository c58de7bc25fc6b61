//! Starts the watches and controllers, and ends them gracefully.
//!
//! Must not know a kind beyond its type: the registry lists them.

use crate::cache::{Cache, Part};
use crate::context::{Context, Family};
use crate::engine::{self, Driven, Engine};
use crate::memory::Memories;
use crate::metrics::Metrics;
use crate::named::ObjectName;
use crate::objects::ObjectError;
use crate::settings::Settings;
use crate::{identity, registry, undecodable, workspace};
use api::{AzureIdentity, Workspace};
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::core::DeserializeGuard;
use kube::runtime::controller::{Action as Requeue, Config, Controller};
use kube::runtime::reflector::ObjectRef;
use kube::runtime::watcher;
use kube::{Api, Client, ResourceExt};
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Told what is ready and what is missing, by name.
pub type Gates = Arc<dyn Fn(&'static str, Result<(), String>) + Send + Sync>;

/// Why the engine could not run.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A controller ended before it was told to.
    #[error("the controller of {0} ended by itself; this is a bug")]
    Ended(&'static str),
}

/// One kind, ready to run.
pub(crate) struct Runner {
    pub(crate) family: Arc<dyn Family>,
    run: Box<dyn FnOnce(&Shutdown) -> Running + Send>,
}

/// What ends when the first lists are there, and what ends with the controllers.
type Running = (BoxFuture<'static, ()>, BoxFuture<'static, ()>);

type Shutdown = futures::future::Shared<BoxFuture<'static, ()>>;

/// Names of gates.
const GATE_CRDS: &str = "custom resource definitions";
const GATE_CACHES: &str = "caches";

/// How soon missing definitions are looked for again.
const DEFINITIONS_AGAIN: Duration = Duration::from_secs(2);
/// How often watches on what nobody refers to any more are ended.
const SWEEP: Duration = Duration::from_secs(60);

/// Makes a kind ready to run.
pub(crate) fn kind<K: Driven>(context: &Arc<Context>) -> Runner {
    let engine = Arc::new(Engine::<K> { context: context.clone(), cache: Cache::new(), memories: Memories::default() });
    let family: Arc<dyn Family> = engine.clone();
    let run = move |shutdown: &Shutdown| {
        let pass = |object, engine: Arc<Engine<K>>| async move { engine::reconcile(object, engine).await };
        drive(&engine.context.clone(), &engine.cache, &engine, pass, shutdown)
    };
    Runner { family, run: Box::new(run) }
}

/// Runs everything until told to stop; work in hand is finished first.
///
/// # Errors
/// When a controller ends by itself.
pub async fn run(
    client: Client,
    settings: Settings,
    metrics: Metrics,
    gates: Gates,
    shutdown: BoxFuture<'static, ()>,
) -> Result<(), StartError> {
    let shutdown: Shutdown = shutdown.shared();
    gates(GATE_CACHES, Err("waiting for the definitions".into()));
    tokio::select! {
        () = definitions(&client, settings.kubernetes_timeout, &gates) => {}
        () = shutdown.clone() => return Ok(()),
    }
    let context = Context::new(client, settings, metrics);
    let kinds = registry::kinds(&context);
    context.set_families(kinds.iter().map(|kind| kind.family.clone()).collect());
    let (identities_ready, identities) = drive(&context, &context.identities, &context, identity_pass, &shutdown);
    let (workspaces_ready, workspaces) = drive(&context, &context.workspaces, &context, workspace_pass, &shutdown);
    let mut ready = vec![identities_ready, workspaces_ready];
    let mut running = vec![identities, workspaces];
    for kind in kinds {
        let (kind_ready, kind_running) = (kind.run)(&shutdown);
        ready.push(kind_ready);
        running.push(kind_running);
    }
    let told = context.clone();
    let caches = async move {
        gates(GATE_CACHES, Err("waiting for the first lists".into()));
        futures::future::join_all(ready).await;
        told.set_ready();
        gates(GATE_CACHES, Ok(()));
        sweep(&told).await;
    };
    let all = futures::future::join_all(running);
    tokio::select! {
        _ = all => {}
        () = caches => {}
    }
    if shutdown.peek().is_some() { Ok(()) } else { Err(StartError::Ended("a kind")) }
}

/// Waits until all definitions are served, and says which are not.
async fn definitions(client: &Client, timeout: Duration, gates: &Gates) {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    loop {
        let mut missing = Vec::new();
        for wanted in api::all_crds() {
            let name = wanted.name_any();
            match tokio::time::timeout(timeout, api.get_opt(&name)).await {
                Ok(Ok(Some(found))) if is_established(&found) => {}
                Ok(Ok(_)) => missing.push(format!("{name} is not installed")),
                Ok(Err(error)) => missing.push(format!("{name}: {error}")),
                Err(_) => missing.push(format!("{name}: the API server did not answer in time")),
            }
        }
        if missing.is_empty() {
            return gates(GATE_CRDS, Ok(()));
        }
        gates(GATE_CRDS, Err(format!("{}; apply the files in crds/ or install the chart", missing.join(", "))));
        tokio::time::sleep(DEFINITIONS_AGAIN).await;
    }
}

fn is_established(crd: &CustomResourceDefinition) -> bool {
    let conditions = crd.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions.into_iter().flatten().any(|c| c.type_ == "Established" && c.status == "True")
}

/// Ends watches on Secrets and ConfigMaps that nobody refers to any more, and forgets objects that are gone; for ever.
async fn sweep(context: &Arc<Context>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        let mut wanted: BTreeSet<ObjectName> = context.families().flat_map(|family| family.secrets()).collect();
        for identity in context.identities.everywhere() {
            if let Ok(identity) = &identity.0
                && let Some(secret) = identity::secret_of(identity)
            {
                wanted.insert((identity.namespace().unwrap_or_default(), secret.name.clone()));
            }
        }
        context.secrets.keep_only(&wanted);
        let config_maps = context.families().flat_map(|family| family.config_maps()).collect();
        context.config_maps.keep_only(&config_maps);
        context.families().for_each(|family| family.forget_gone());
    }
}

/// Watches a kind in every served namespace and hands its objects to `pass`. Returns what ends when the first lists
/// are there, and what ends with the controllers.
fn drive<K, C, F, R>(context: &Arc<Context>, cache: &Cache<K>, shared: &Arc<C>, pass: F, shutdown: &Shutdown) -> Running
where
    K: crate::objects::Namespaced + Send + Sync + 'static,
    C: Send + Sync + 'static,
    F: Fn(Arc<DeserializeGuard<K>>, Arc<C>) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Result<Requeue, Infallible>> + Send + 'static,
{
    let client = context.objects.client();
    let namespaces: Vec<Option<String>> = match context.settings.namespaces.as_slice() {
        [] => vec![None],
        some => some.iter().cloned().map(Some).collect(),
    };
    let mut parts = Vec::new();
    let mut running = Vec::new();
    let mut ready = Vec::new();
    for namespace in namespaces {
        let api: Api<DeserializeGuard<K>> = match &namespace {
            Some(namespace) => Api::namespaced(client.clone(), namespace),
            None => Api::all(client.clone()),
        };
        let (trigger, triggers) = mpsc::unbounded_channel::<ObjectRef<DeserializeGuard<K>>>();
        let triggers = stream::unfold(triggers, |mut rx| async move { rx.recv().await.map(|object| (object, rx)) });
        let controller = Controller::new(api, watcher::Config::default())
            .with_config(Config::default().concurrency(context.settings.concurrency))
            .reconcile_on(triggers)
            .graceful_shutdown_on(shutdown.clone());
        let store = controller.store();
        parts.push(Part { namespace, store: store.clone(), trigger });
        ready.push(async move { store.wait_until_ready().await.is_ok() });
        let (pass, gate) = (pass.clone(), context.clone());
        let guarded = move |object: Arc<DeserializeGuard<K>>, shared: Arc<C>| {
            let (pass, gate) = (pass.clone(), gate.clone());
            // Before all caches are filled, what is missing may only be not seen yet.
            async move {
                gate.until_ready().await;
                pass(object, shared).await
            }
        };
        let never = |_: Arc<DeserializeGuard<K>>, error: &Infallible, _: Arc<C>| match *error {};
        running.push(controller.run(guarded, never, shared.clone()).for_each(|result| async move {
            if let Err(error) = result {
                tracing::debug!(%error, "A watch or queue reports");
            }
        }));
    }
    cache.start(parts);
    (futures::future::join_all(ready).map(|_| ()).boxed(), futures::future::join_all(running).map(|_| ()).boxed())
}

async fn identity_pass(
    object: Arc<DeserializeGuard<AzureIdentity>>,
    context: Arc<Context>,
) -> Result<Requeue, Infallible> {
    const KIND: &str = "AzureIdentity";
    Ok(match &object.0 {
        Ok(identity) => connection(&context, KIND, identity::reconcile(&context, identity)).await,
        Err(invalid) => connection(&context, KIND, undecodable::report::<AzureIdentity>(&context, KIND, invalid)).await,
    })
}

async fn workspace_pass(
    object: Arc<DeserializeGuard<Workspace>>,
    context: Arc<Context>,
) -> Result<Requeue, Infallible> {
    const KIND: &str = "Workspace";
    Ok(match &object.0 {
        Ok(workspace) => connection(&context, KIND, workspace::reconcile(&context, workspace)).await,
        Err(invalid) => connection(&context, KIND, undecodable::report::<Workspace>(&context, KIND, invalid)).await,
    })
}

/// One pass of a connection, with its panics caught and its errors waited out.
async fn connection(
    context: &Context,
    kind: &'static str,
    pass: impl Future<Output = Result<Duration, ObjectError>>,
) -> Requeue {
    let retry = context.settings.plan.retry_fast.unsigned_abs();
    Requeue::requeue(match AssertUnwindSafe(pass).catch_unwind().await {
        Ok(Ok(next)) => next,
        Ok(Err(error)) => {
            tracing::warn!(kind, %error, "Cannot reach Kubernetes for an object");
            retry
        }
        Err(_) => {
            context.metrics.panicked(kind);
            tracing::error!(kind, "A pass panicked; this is a bug");
            context.settings.plan.retry_slow.unsigned_abs()
        }
    })
}
