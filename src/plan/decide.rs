//! The one decision: from an object and what is known to what is done and said now.
//!
//! Must not do IO, read a clock, or know a kind. Each phase is one function; the order of the phases is the law.
//!
//! ```text
//! deleting? ── removal
//! paused? ──── nothing is written
//! workspace? ─ missing or unusable: said
//! seen ─┬─ unknown ── look
//!       ├─ absent ─── (observe: said) → size, secrets → look → claim → create
//!       └─ present ─┬ not ours ── adopt by policy: look → claim → update tags; else said
//!                   └ ours ─┬─ moving ──── wait
//!                           ├─ failed ──── never was ready: delete, make again; else said
//!                           └─ settled ─┬─ no difference: Ready
//!                                       ├─ drift, Report: Ready and Drifted
//!                                       ├─ in place: look → scale or update
//!                                       └─ else: by opt-in look → delete (then create); else said
//! ```

use crate::action::{Action, Because, Plan, Verdict};
use crate::case::Case;
use crate::inputs::{Body, Seen, WorkspaceFacts, WorkspaceState};
use crate::kind::{Kind, azure_name};
use crate::ownership::Adopted;
use crate::schedule::fingerprint;
use crate::{envelope, present, redact, removal, rivals, sizing};
use api::ManagementPolicy;
use arm::{ComputeId, Dialect};
use serde_json::{Value, json};

/// Decides one case.
pub fn decide<K: Kind>(case: &Case<'_, K>) -> Plan {
    let plan = redact::plan(case.refs, phases(case));
    match (case.object.compute_type().dialect(), &case.refs.workspace) {
        // The shared looks do not show it, so nothing wakes the object: it looks by itself, as often as they do.
        (Dialect::Legacy, WorkspaceState::Ready(facts)) => Plan { next: plan.next.min(facts.observe_interval), ..plan },
        (Dialect::Legacy | Dialect::Newest, _) => plan,
    }
}

fn phases<K: Kind>(case: &Case<'_, K>) -> Plan {
    if case.object.meta().deletion_timestamp.is_some() {
        return removal::decide(case);
    }
    if case.is_paused() {
        return case.say(Verdict::Paused, case.settings.requeue);
    }
    let workspace = match workspace(case) {
        Ok(workspace) => workspace,
        Err(plan) => return *plan,
    };
    let id = match compute_id(case, workspace) {
        Ok(id) => id,
        Err(because) => return case.stalled(because),
    };
    let desired = match case.object.desired(case.refs, workspace) {
        Ok(desired) => desired,
        Err(because) => return case.stalled(because),
    };
    if let Some(plan) = stale(case, workspace) {
        return plan;
    }
    match &case.observation.seen {
        Seen::Unknown => case.look(),
        Seen::Absent => absent(case, workspace, &id, desired),
        Seen::Present(seen) => present::decide(case, workspace, &id, &desired, seen),
    }
}

/// The workspace, if it can be used; otherwise what is said.
fn workspace<'a, K: Kind>(case: &'a Case<'_, K>) -> Result<&'a WorkspaceFacts, Box<Plan>> {
    let name = &case.object.head().workspace_ref.name;
    match &case.refs.workspace {
        WorkspaceState::Ready(facts) => Ok(facts),
        WorkspaceState::Missing => {
            let message =
                format!("Workspace {name} is not in this namespace; create it, or correct `spec.workspaceRef`");
            Err(Box::new(case.missing(Because::new("WorkspaceNotFound", message))))
        }
        WorkspaceState::Unready { reason, message, stalled } => {
            let because = Because::new(reason.clone(), format!("Workspace {name} cannot be used: {message}"));
            Err(Box::new(if *stalled {
                case.missing(because)
            } else {
                case.say(Verdict::Working(because), case.settings.transition)
            }))
        }
    }
}

/// The compute's ARM id.
pub(crate) fn compute_id<K: Kind>(case: &Case<'_, K>, workspace: &WorkspaceFacts) -> Result<ComputeId, Because> {
    let name = azure_name(case.object);
    workspace.id.compute(name).map_err(|error| Because::new("InvalidName", format!("`spec.azureName`: {error}")))
}

/// How many missed looks make what was seen too old to be called the truth.
const MISSED_LOOKS: i32 = 5;

/// What is said when the last good look is too old, or there never was one. If nothing told why, it is looked.
fn stale<K: Kind>(case: &Case<'_, K>, workspace: &WorkspaceFacts) -> Option<Plan> {
    let bound = workspace.observe_interval * MISSED_LOOKS;
    let young = case.observation.at.is_some_and(|at| case.now.duration_since(at) <= bound);
    if young && case.observation.seen != Seen::Unknown || case.observation.is_fresh() {
        return None;
    }
    Some(case.observation.trouble.as_ref().map_or_else(|| case.look(), |failure| case.failed(failure)))
}

/// Nothing there: made, unless policy, a reference or the location speaks against it.
fn absent<K: Kind>(case: &Case<'_, K>, workspace: &WorkspaceFacts, id: &ComputeId, desired: Value) -> Plan {
    if !case.observation.is_fresh() && case.object.common_status().is_some_and(|status| status.azure.is_some()) {
        // A list may be late: what was reported of a compute is forgotten only once its absence is proven.
        return case.look();
    }
    if case.object.head().management == ManagementPolicy::Observe {
        let message = format!("azure has no compute {}; managementPolicy is Observe, so it is not made", id.name());
        return case.stalled(Because::new("NotFound", message));
    }
    if let Some(write) = case.running() {
        return case.progressing(write.kind);
    }
    if case.created_just_now() {
        return case.working("Creating", "azure accepted the compute and does not show it yet");
    }
    if let Some(failure) = case.unanswered_create() {
        return case.failed(failure);
    }
    if let Some(plan) = rivals::hindrance(case, id).or_else(|| hindrance(case, workspace)) {
        return plan;
    }
    if let Some(plan) = case.held() {
        return plan;
    }
    if !rivals::is_certain(case) {
        return case.look();
    }
    if !workspace.held {
        return case.working("WaitingForWorkspace", "the workspace and its identity are not yet held for this object");
    }
    if !case.is_claimed(id) {
        return claim(case, id);
    }
    let body = create_body(case.object, desired, workspace);
    let digest = create_digest(&body);
    let action = Action::Create { body: Body::new(body) };
    Plan { owned: true, digest, ..case.act(action, "Creating", "azure is making the compute") }
}

/// Fingerprint of a create: the same again means that making the compute anew would change nothing.
pub(crate) fn create_digest(body: &Value) -> u64 {
    fingerprint(&[b"create", body.to_string().as_bytes()])
}

/// Puts finalizer and claim onto the object.
pub(crate) fn claim<K: Kind>(case: &Case<'_, K>, id: &ComputeId) -> Plan {
    let claim = crate::ownership::claim(case.object, id);
    case.act(Action::Claim { claim }, "Claiming", "the object takes hold of its compute")
}

/// Puts finalizer and claim onto the object, for the very incarnation that is there.
pub(crate) fn claim_incarnation<K: Kind>(case: &Case<'_, K>, id: &ComputeId, adopted: &Adopted) -> Plan {
    let claim = crate::ownership::claim_incarnation(case.object, id, adopted);
    case.act(Action::Claim { claim }, "Adopting", "the compute that exists is taken over")
}

/// What keeps a compute from being made, now or after a recreation's delete: told before anything is destroyed.
pub(crate) fn hindrance<K: Kind>(case: &Case<'_, K>, workspace: &WorkspaceFacts) -> Option<Plan> {
    if workspace.deleting {
        let message = "the Workspace is being deleted; nothing new is made in it";
        return Some(case.stalled(Because::new("WorkspaceDeleting", message)));
    }
    if let Some(sizing) = case.object.sizing() {
        let location = sizing.location.or(workspace.location.as_deref()).unwrap_or_default();
        if let Err(because) = sizing::check_size(&sizing, location, case.refs) {
            return Some(case.stalled(because));
        }
    }
    if let Some(pool) = case.object.node_pool() {
        let location = pool.location.or(workspace.location.as_deref()).unwrap_or_default();
        if let Err(because) = sizing::check_pool(&pool, location, case.refs) {
            return Some(case.stalled(because));
        }
    }
    if let Some(because) = case.missing_reference() {
        return Some(case.missing(because));
    }
    workspace.location.is_none().then(|| unknown_location(case, workspace))
}

fn unknown_location<K: Kind>(case: &Case<'_, K>, workspace: &WorkspaceFacts) -> Plan {
    match &workspace.trouble {
        Some(because) => case.missing(because.clone()),
        None => case.working("WaitingForWorkspace", "the workspace has not been looked at yet"),
    }
}

/// The PUT of a new compute: `location` is the workspace's, `computeLocation` the cluster's (azureml-api.md f.6).
pub(crate) fn create_body<K: Kind>(object: &K, mut body: Value, workspace: &WorkspaceFacts) -> Value {
    let location = workspace.location.as_deref().unwrap_or_default();
    body["location"] = json!(location);
    body["properties"]["computeType"] = json!(object.compute_type().as_str());
    if object.names_location() && body["properties"]["computeLocation"].is_null() {
        body["properties"]["computeLocation"] = json!(location);
    }
    body["tags"] = json!(envelope::wanted_tags(object));
    if let Some(identity) = object.head().identity {
        body["identity"] = envelope::identity_body(identity);
    }
    body
}
