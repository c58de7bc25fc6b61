//! The one driver of all kinds: gather, observe, decide, act, report.
//!
//! Must not decide and must not know a kind. A pass makes at most one change in Azure. A panic in a pass stalls
//! nothing but that pass.

use crate::act::{Receipt, act};
use crate::cache::Cache;
use crate::context::{Context, Family};
use crate::gather::{Gathered, Means, gather};
use crate::memory::{Memories, Slot};
use crate::named::ObjectName;
use crate::objects::{Namespaced, ObjectError, has};
use crate::workspace::IDENTITY_SOON;
use crate::{around, observe, report, undecodable};
use api::ManagementPolicy;
use api::annotations::{FINALIZER, RECONCILE_REQUESTED_AT};
use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::Timestamp;
use kube::ResourceExt;
use kube::core::DeserializeGuard;
use kube::runtime::controller::Action as Requeue;
use plan::{Action, Case, Kind, Observation, Plan, Removal, Seen, Verdict, azure_name, decide, generation};
use serde::Serialize;
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

/// A kind the engine can drive.
pub(crate) trait Driven: Kind + Namespaced + Serialize + Send + Sync + 'static {}
impl<K> Driven for K where K: Kind + Namespaced + Serialize + Send + Sync + 'static {}

/// The driver of one kind.
pub(crate) struct Engine<K: Driven> {
    pub(crate) context: Arc<Context>,
    pub(crate) cache: Cache<K>,
    pub(crate) memories: Memories,
}

/// How soon a pass comes again that could not be carried through for Kubernetes' sake.
const AGAIN: Duration = Duration::from_secs(2);
/// How soon a pass comes again whose object has changed meanwhile: its watch mostly comes first.
const SOON: Duration = Duration::from_millis(50);
/// Looks within one pass: one is asked for, one may be needed first because of a write.
const LOOKS: usize = 2;

/// Reconciles one object; never fails, because retrying is decided, not a policy of the runtime.
pub(crate) async fn reconcile<K: Driven>(
    object: Arc<DeserializeGuard<K>>,
    engine: Arc<Engine<K>>,
) -> Result<Requeue, Infallible> {
    let metrics = &engine.context.metrics;
    let pass = async {
        match &object.0 {
            Ok(object) => pass(&engine, object).await,
            Err(invalid) => undecodable::report::<K>(&engine.context, K::NAME, invalid).await,
        }
    };
    Ok(Requeue::requeue(match AssertUnwindSafe(pass).catch_unwind().await {
        Ok(Ok(next)) => next,
        Ok(Err(error)) => {
            metrics.passed(K::NAME, "none", "kubernetes_error");
            tracing::warn!(kind = K::NAME, name = %object.name_any(), %error, "Cannot reach Kubernetes for an object");
            AGAIN
        }
        Err(_) => {
            metrics.panicked(K::NAME);
            tracing::error!(kind = K::NAME, name = %object.name_any(), "A pass panicked; this is a bug");
            engine.context.settings.plan.retry_slow.unsigned_abs()
        }
    }))
}

async fn pass<K: Driven>(engine: &Arc<Engine<K>>, cached: &K) -> Result<Duration, ObjectError> {
    let uid = plan::uid(cached).to_owned();
    let mut slot = engine.memories.take(&uid);
    let result = steps(engine, cached, &mut slot).await;
    if !matches!(result, Ok(None)) {
        engine.memories.put(&uid, slot);
    }
    // After a release nothing is remembered and nothing comes again.
    Ok(result?.unwrap_or(engine.context.settings.plan.requeue.unsigned_abs()))
}

/// gather → observe → decide → act → report. `None` when the object was released.
async fn steps<K: Driven>(
    engine: &Arc<Engine<K>>,
    cached: &K,
    slot: &mut Slot,
) -> Result<Option<Duration>, ObjectError> {
    let context = &engine.context;
    let Some(object) = newest(engine, cached, slot).await? else { return Ok(None) };
    serve_request(&object, slot);
    if object.meta().deletion_timestamp.is_some() {
        // From now on the Workspace looks whether it is the last one.
        context.workspaces.trigger(&object.namespace().unwrap_or_default(), &object.head().workspace_ref.name);
    }

    let Some(mut gathered) = gather(context, &object).await? else { return Ok(Some(IDENTITY_SOON)) };
    if let Some(value) = plan::unshown(&object, &gathered.refs) {
        gathered.refs.fingerprint = context.fingerprints.of(&context.objects, plan::uid(&object), &value).await?;
    }
    let observation = observe(engine, &object, &mut gathered, slot).await;
    let (plan, observation) = decide_with_looks(engine, &object, &mut gathered, observation, slot).await?;
    if matches!(plan.verdict, Verdict::Ready(_)) {
        // Whatever went wrong on the way here is over.
        slot.memory.setback = None;
    }
    if matches!(plan.action, Action::Create { .. }) {
        slot.memory.sent = gathered.refs.fingerprint.clone();
    }
    let receipt = act(context, &object, &gathered, &plan, slot).await?;

    let kind = K::NAME;
    context.metrics.passed(kind, plan.action.name(), outcome(&receipt));
    if plan.action != Action::Nothing {
        tracing::info!(kind, namespace = ?object.namespace(), name = %object.name_any(), action = plan.action.name(), outcome = outcome(&receipt), "Acted");
    }
    match receipt {
        Receipt::Outdated => Ok(Some(SOON)),
        Receipt::Released => {
            released(engine, &object, &gathered, &plan).await;
            Ok(None)
        }
        Receipt::Written => Ok(Some(SOON)),
        Receipt::Nothing | Receipt::Accepted => {
            let case = case(context, &object, &gathered, &observation, slot);
            let (status, broken) = plan::report(&case, &plan);
            let next = next(context, &plan, &receipt);
            report::write(context, &object, slot, status, broken, &plan.verdict).await?;
            Ok(Some(next))
        }
        Receipt::Failed => {
            let case = case(context, &object, &gathered, &observation, slot);
            let failed =
                Plan { changes: plan.changes.clone(), drifted: plan.drifted, owned: plan.owned, ..decide(&case) };
            let (status, broken) = plan::report(&case, &failed);
            let next = failed.next.unsigned_abs();
            report::write(context, &object, slot, status, broken, &failed.verdict).await?;
            Ok(Some(next))
        }
    }
}

fn next(context: &Context, plan: &Plan, receipt: &Receipt) -> Duration {
    match receipt {
        Receipt::Accepted => context.settings.plan.transition.unsigned_abs(),
        Receipt::Nothing | Receipt::Written | Receipt::Released | Receipt::Failed | Receipt::Outdated => {
            plan.next.unsigned_abs()
        }
    }
}

fn outcome(receipt: &Receipt) -> &'static str {
    match receipt {
        Receipt::Nothing => "nothing",
        Receipt::Written => "written",
        Receipt::Released => "released",
        Receipt::Accepted => "accepted",
        Receipt::Failed => "failed",
        Receipt::Outdated => "outdated",
    }
}

fn case<'a, K: Kind>(
    context: &'a Context,
    object: &'a K,
    gathered: &'a Gathered,
    observation: &'a Observation,
    slot: &'a Slot,
) -> Case<'a, K> {
    Case {
        object,
        refs: &gathered.refs,
        observation,
        memory: &slot.memory,
        settings: &context.settings.plan,
        now: Timestamp::now(),
    }
}

/// The object as it is: from the cache, unless that is older than what we wrote ourselves, or it is seen for the
/// first time. `None` if there is none of that UID any more.
async fn newest<K: Driven>(engine: &Engine<K>, cached: &K, slot: &mut Slot) -> Result<Option<K>, ObjectError> {
    let version = |text: Option<&str>| text.and_then(|text| text.parse::<u64>().ok());
    let written = version(slot.written.as_deref());
    let behind = written
        .is_some_and(|written| version(cached.meta().resource_version.as_deref()).is_none_or(|have| have < written));
    if slot.met && !behind {
        return Ok(Some(cached.clone()));
    }
    slot.met = true;
    let live = engine.context.objects.get::<K>(&cached.namespace().unwrap_or_default(), &cached.name_any()).await?;
    Ok(live.filter(|live| live.uid() == cached.uid()))
}

/// A new value of the reconcile-now annotation ends a wait after an error and has Azure looked at.
fn serve_request<K: Kind>(object: &K, slot: &mut Slot) {
    let requested = object.annotations().get(RECONCILE_REQUESTED_AT).cloned();
    if requested.is_some() && requested != slot.requested {
        slot.memory.setback = None;
        slot.poll_at = None;
        slot.wants_look = true;
    }
    slot.requested = requested;
}

async fn observe<K: Driven>(
    engine: &Arc<Engine<K>>,
    object: &K,
    gathered: &mut Gathered,
    slot: &mut Slot,
) -> Observation {
    let context = &engine.context;
    let compute = azure_name(object);
    let Some(means) = &gathered.means else {
        return Observation { seen: Seen::Unknown, looked: false, at: None, trouble: None };
    };
    register(engine, object, gathered);
    slot.look = Some(means.look.clone());
    if slot.memory.write.as_ref().is_some_and(|write| write.running) {
        let interval = context.settings.plan.transition.unsigned_abs();
        observe::poll(means, &gathered.refs, slot, generation(object), interval).await;
    }
    gathered.refs.around = around::known(engine, object, means).await;
    let observation = observe::known(means, compute, slot, context.settings.azure_timeout).await;
    slot.see(observation.trouble.as_ref(), generation(object), Timestamp::now());
    if slot.wants_look || observe::is_overtaken(&observation, slot) {
        slot.wants_look = false;
        return look(means, object, slot, observation).await;
    }
    observation
}

/// A GET of the compute. What it fails with is a setback; one that succeeds heals what a look or a token failed with,
/// and nothing else.
async fn look<K: Driven>(means: &Means, object: &K, slot: &mut Slot, before: Observation) -> Observation {
    let observation = observe::look(means, azure_name(object), slot, before).await;
    match &observation.trouble {
        Some(failure) => slot.set_back(failure.clone(), generation(object), Timestamp::now()),
        None if slot.memory.setback.as_ref().is_some_and(|s| is_of_a_look(&s.failure)) => slot.memory.setback = None,
        None => {}
    }
    observation
}

/// Has the object woken when its compute changes in a shared look.
fn register<K: Driven>(engine: &Arc<Engine<K>>, object: &K, gathered: &Gathered) {
    let Some(means) = &gathered.means else { return };
    let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
    let weak = Arc::downgrade(engine);
    let who = format!("{} {namespace}/{name}", K::NAME);
    let wake = Arc::new(move || {
        let Some(engine) = weak.upgrade().filter(|engine| engine.cache.get(&namespace, &name).is_some()) else {
            return false;
        };
        engine.cache.trigger(&namespace, &name);
        true
    });
    means.look.register(azure_name(object), &who, wake);
}

/// Decides; where the decision asks for a look, looks and decides again.
async fn decide_with_looks<K: Driven>(
    engine: &Arc<Engine<K>>,
    object: &K,
    gathered: &mut Gathered,
    mut observation: Observation,
    slot: &mut Slot,
) -> Result<(Plan, Observation), ObjectError> {
    let context = &engine.context;
    for _ in 0..LOOKS {
        let plan = decide(&case(context, object, gathered, &observation, slot));
        let Some(means) = gathered.means.as_ref().filter(|_| plan.action == Action::Look) else {
            return Ok((plan, observation));
        };
        observation = look(means, object, slot, observation).await;
        if observation.is_fresh() && gathered.refs.around.belongs_to_look(object, &observation.seen) {
            match around::fresh(engine, object, means).await? {
                Ok(around) => gathered.refs.around = around,
                Err(failure) => {
                    slot.set_back(failure.clone(), generation(object), Timestamp::now());
                    observation.trouble = Some(failure);
                }
            }
        }
    }
    Ok((decide(&case(context, object, gathered, &observation, slot)), observation))
}

fn is_of_a_look(failure: &plan::Failure) -> bool {
    matches!(failure.attempt, plan::Attempt::Look | plan::Attempt::Authenticate)
}

/// The object is let go: it is said, and its workspace may be let go as well.
async fn released<K: Driven>(engine: &Arc<Engine<K>>, object: &K, gathered: &Gathered, plan: &Plan) {
    let namespace = object.namespace().unwrap_or_default();
    if let Some(means) = &gathered.means {
        means.look.unregister(azure_name(object), &format!("{} {namespace}/{}", K::NAME, object.name_any()));
        means.look.hasten();
    }
    if let Verdict::Working(because) = &plan.verdict {
        engine.context.say(object, false, "Release", &because.reason, &because.message).await;
    }
    engine.context.workspaces.trigger(&namespace, &object.head().workspace_ref.name);
}

impl<K: Driven> Family for Engine<K> {
    fn users_of_workspace(&self, namespace: &str, workspace: &str) -> Vec<String> {
        let objects = self.cache.in_namespace(namespace);
        let uses = |object: &&K| object.head().workspace_ref.name == workspace;
        objects.iter().filter_map(|object| object.0.as_ref().ok()).filter(uses).map(ResourceExt::name_any).collect()
    }

    fn is_user_leaving(&self, namespace: &str, workspace: &str) -> bool {
        let leaves =
            |object: &K| object.head().workspace_ref.name == workspace && object.meta().deletion_timestamp.is_some();
        self.cache.in_namespace(namespace).iter().any(|object| object.0.as_ref().is_ok_and(leaves))
    }

    fn holders<'a>(&'a self, namespace: &'a str, workspace: &'a str) -> BoxFuture<'a, Result<usize, ObjectError>> {
        async move {
            let live = self.context.objects.list::<K>(namespace).await?;
            let needs = |object: &&K| {
                let head = object.head();
                // One that only looks, or leaves its compute in Azure, needs nothing for its delete.
                let lets_go = head.management == ManagementPolicy::Observe || head.removal == Removal::Retain;
                head.workspace_ref.name == workspace && has(*object, FINALIZER) && !lets_go
            };
            Ok(live.iter().filter(needs).count())
        }
        .boxed()
    }

    fn trigger_users_of_workspace(&self, namespace: &str, workspace: &str) {
        self.users_of_workspace(namespace, workspace).iter().for_each(|name| self.cache.trigger(namespace, name));
    }

    fn trigger_users_of_secret(&self, secret: &ObjectName) {
        self.trigger_those(&secret.0, |object| object.secrets().iter().any(|wanted| wanted.name == secret.1));
    }

    fn trigger_users_of_config_map(&self, config_map: &ObjectName) {
        let uses = |object: &K| object.config_maps().iter().any(|wanted| wanted.name == config_map.1);
        self.trigger_those(&config_map.0, uses);
    }

    fn forget_gone(&self) {
        let there: BTreeSet<String> = self.cache.everywhere().iter().filter_map(|object| object.uid()).collect();
        self.memories.keep_only(&there);
    }

    fn secrets(&self) -> BTreeSet<ObjectName> {
        self.referred(|object| object.secrets().into_iter().map(|secret| secret.name).collect())
    }

    fn config_maps(&self) -> BTreeSet<ObjectName> {
        self.referred(|object| object.config_maps().into_iter().map(|config_map| config_map.name).collect())
    }
}

impl<K: Driven> Engine<K> {
    /// Has those objects of a namespace looked at again.
    fn trigger_those(&self, namespace: &str, wanted: impl Fn(&K) -> bool) {
        for object in self.cache.in_namespace(namespace) {
            if object.0.as_ref().is_ok_and(&wanted) {
                self.cache.trigger(namespace, &object.name_any());
            }
        }
    }

    /// What all objects refer to, each in its own namespace.
    fn referred(&self, names: impl Fn(&K) -> Vec<String>) -> BTreeSet<ObjectName> {
        let objects = self.cache.everywhere();
        let of = |object: &K| {
            let namespace = object.namespace().unwrap_or_default();
            names(object).into_iter().map(|name| (namespace.clone(), name)).collect::<Vec<_>>()
        };
        objects.iter().filter_map(|object| object.0.as_ref().ok()).flat_map(of).collect()
    }
}
