//! The compute is there: whose is it, does it move, does it differ, and what follows.
//!
//! Must not change or delete what is not ours.

use crate::action::{Action, Because, Plan, Verdict};
use crate::case::Case;
use crate::classify::{classify, cut};
use crate::decide::{claim, create_body, create_digest, hindrance};
use crate::failure::{Attempt, Cause, Failure};
use crate::inputs::{Body, OperationKind, Setback, WorkspaceFacts};
use crate::kind::{Kind, generation, uid};
use crate::ownership::{Owner, may_adopt, owner, reported};
use crate::removal::leave;
use crate::rules::{Change, Difference, differences};
use crate::schedule::{fingerprint, hold_until};
use crate::{envelope, kind};
use api::annotations::{OWNER_OBJECT_TAG, OWNER_UID_TAG};
use api::{AdoptionPolicy, DriftPolicy, How, ManagementPolicy, PlannedChange, ReplacePolicy};
use arm::{ArmError, Compute, ComputeId, ProvisioningState, UnderlyingAction};
use jiff::Timestamp;
use serde_json::Value;

/// A present compute with what is declared for it.
struct Found<'a> {
    workspace: &'a WorkspaceFacts,
    id: &'a ComputeId,
    desired: &'a Value,
    seen: &'a Compute,
}

/// Decides for a compute that is there.
pub(crate) fn decide<K: Kind>(
    case: &Case<'_, K>,
    workspace: &WorkspaceFacts,
    id: &ComputeId,
    desired: &Value,
    seen: &Compute,
) -> Plan {
    let found = Found { workspace, id, desired, seen };
    if seen.compute_type != case.object.compute_type() {
        let message = format!(
            "azure has a compute {} of type {}; it is never touched, choose another spec.azureName",
            id.name(),
            seen.compute_type
        );
        return strange(case.stalled(Because::new("WrongComputeType", message)));
    }
    let owner = owner(case, id, seen);
    if case.object.head().management == ManagementPolicy::Observe {
        return observe_only(case, &found, owner == Owner::Us);
    }
    match owner {
        Owner::Us => Plan { owned: true, ..ours(case, &found) },
        Owner::Nobody | Owner::FormerSelf | Owner::Other(_) => strange(foreign(case, &found, &owner)),
    }
}

/// A plan for what is not ours: no drift of ours either.
fn strange(plan: Plan) -> Plan {
    Plan { owned: false, drifted: false, ..plan }
}

/// Everything that differs: fields by the kind's rules, then tags and identity.
fn all_differences<K: Kind>(case: &Case<'_, K>, found: &Found<'_>) -> Vec<Difference> {
    let mut all = differences(case.object.rules(), found.desired, &found.seen.body);
    all.extend(envelope::differences(case.object, found.seen));
    all
}

/// What would be done about each difference, for the status.
fn changes<K: Kind>(case: &Case<'_, K>, all: &[Difference]) -> Vec<PlannedChange> {
    let replace = case.object.head().replace;
    let how = |difference: &Difference| match (difference.change, replace) {
        (Some(Change::Patch) | None, _) => How::InPlace,
        (Some(Change::Recreate), ReplacePolicy::Recreate) => How::Recreate,
        (Some(Change::Recreate), ReplacePolicy::Never) => How::Refused,
    };
    let change =
        |d: &Difference| PlannedChange { field: d.field.clone(), from: d.from.clone(), to: d.to.clone(), how: how(d) };
    all.iter().map(change).collect()
}

/// Only look: the state is said, differences are a plan, our own tags are not missed.
fn observe_only<K: Kind>(case: &Case<'_, K>, found: &Found<'_>, owned: bool) -> Plan {
    let own = |d: &Difference| d.field.contains(OWNER_UID_TAG) || d.field.contains(OWNER_OBJECT_TAG);
    let all: Vec<Difference> = all_differences(case, found).into_iter().filter(|d| !own(d)).collect();
    let plan = match &found.seen.provisioning_state {
        ProvisioningState::Succeeded => {
            let message = if all.is_empty() { "azure is as declared".into() } else { drift_message(&all) };
            case.say(Verdict::Ready(Because::new("Observed", message)), case.settings.requeue)
        }
        ProvisioningState::Failed | ProvisioningState::Canceled => case.stalled(broken(case, found.seen)),
        moving @ (ProvisioningState::Creating
        | ProvisioningState::Updating
        | ProvisioningState::Deleting
        | ProvisioningState::Unknown(_)) => moving_plan(case, moving),
    };
    Plan { changes: changes(case, &all), drifted: !all.is_empty(), owned, ..plan }
}

fn drift_message(all: &[Difference]) -> String {
    let fields: Vec<&str> = all.iter().map(|d| d.field.as_str()).take(5).collect();
    format!("azure differs in {} and is left as it is; status.plan says how", fields.join(", "))
}

/// Not ours: adopted by policy, else left alone and said.
fn foreign<K: Kind>(case: &Case<'_, K>, found: &Found<'_>, owner: &Owner) -> Plan {
    if !may_adopt(case.object.head().adoption, owner) || was_taken_from_us(case, found, owner) {
        return case.stalled(not_ours(case, found, owner));
    }
    match &found.seen.provisioning_state {
        ProvisioningState::Succeeded => adopt(case, found),
        ProvisioningState::Failed | ProvisioningState::Canceled => case.stalled(broken(case, found.seen)),
        moving @ (ProvisioningState::Creating
        | ProvisioningState::Updating
        | ProvisioningState::Deleting
        | ProvisioningState::Unknown(_)) => moving_plan(case, moving),
    }
}

/// Whether this very generation had the compute and another object took it over since. It is not taken back: two
/// objects that may both take over would do so for ever.
fn was_taken_from_us<K: Kind>(case: &Case<'_, K>, found: &Found<'_>, owner: &Owner) -> bool {
    let applied = reported(case.object, found.seen).and_then(|azure| azure.applied_generation);
    matches!(owner, Owner::Other(_)) && applied == Some(generation(case.object))
}

/// Adoption adds our tags, and nothing the owner did not write.
fn adopt<K: Kind>(case: &Case<'_, K>, found: &Found<'_>) -> Plan {
    if let Some(write) = case.running() {
        return case.progressing(write.kind);
    }
    if let Some(plan) = case.held() {
        return plan;
    }
    if !case.observation.is_fresh() {
        return case.look();
    }
    if !found.workspace.held {
        return waiting(case);
    }
    if !case.is_claimed(found.id) {
        return claim(case, found.id);
    }
    let all = envelope::differences(case.object, found.seen);
    guarded(case, &all, update(case, found, "Adopting", "the compute that exists is taken over"))
}

fn waiting<K: Kind>(case: &Case<'_, K>) -> Plan {
    case.working("WaitingForWorkspace", "the workspace and its identity are not yet held for this object")
}

/// What is said of a compute that is not ours. Another object is named only within our own namespace.
fn not_ours<K: Kind>(case: &Case<'_, K>, found: &Found<'_>, owner: &Owner) -> Because {
    let name = found.id.name();
    let namespace = case.object.meta().namespace.as_deref().unwrap_or_default();
    let (reason, whose, way) = match owner {
        Owner::Nobody | Owner::Us => {
            ("NotOurs", "was not made by this object".to_owned(), "to take it over set adoptionPolicy: Adopt")
        }
        Owner::FormerSelf => (
            "NotOurs",
            "was made by an earlier object of this name".to_owned(),
            "to take it over again set adoptionPolicy: Adopt",
        ),
        Owner::Other(object) => {
            let sibling = object.split_once('/').filter(|(theirs, _)| *theirs == namespace).map(|(_, object)| object);
            let whose = sibling.map_or("belongs to another object".to_owned(), |o| format!("belongs to object {o}"));
            let way = match case.object.head().adoption {
                AdoptionPolicy::Never | AdoptionPolicy::Adopt => "to take it from there set adoptionPolicy: TakeOver",
                AdoptionPolicy::TakeOver => "it was taken from this object, which takes it back once its spec changes",
            };
            ("OwnedByAnother", whose, way)
        }
    };
    Because::new(
        reason,
        format!("azure has a compute {name} that {whose}; it is left alone; {way}, or choose another spec.azureName"),
    )
}

/// Ours: wait while it moves, mend what failed, compare what is settled.
fn ours<K: Kind>(case: &Case<'_, K>, found: &Found<'_>) -> Plan {
    if !case.is_claimed(found.id) {
        return claim(case, found.id);
    }
    if let Some(write) = case.running() {
        return case.progressing(write.kind);
    }
    match &found.seen.provisioning_state {
        ProvisioningState::Succeeded => settled(case, found),
        ProvisioningState::Failed | ProvisioningState::Canceled => failed(case, found),
        moving @ (ProvisioningState::Creating
        | ProvisioningState::Updating
        | ProvisioningState::Deleting
        | ProvisioningState::Unknown(_)) => moving_plan(case, moving),
    }
}

fn moving_plan<K: Kind>(case: &Case<'_, K>, state: &ProvisioningState) -> Plan {
    match state {
        ProvisioningState::Creating => case.working("Creating", "azure is making the compute"),
        ProvisioningState::Updating => case.working("Updating", "azure is changing the compute"),
        ProvisioningState::Deleting => {
            case.working("Deleting", "azure is deleting the compute; what is declared is made again afterwards")
        }
        ProvisioningState::Unknown(_)
        | ProvisioningState::Succeeded
        | ProvisioningState::Failed
        | ProvisioningState::Canceled => {
            let message = format!(
                "azure reports the provisioning state {state}, which this version does not know; it is waited for"
            );
            case.working("UnknownProvisioningState", message)
        }
    }
}

/// How the compute is made anew, for people.
fn anew<K: Kind>(case: &Case<'_, K>) -> &'static str {
    match case.object.head().remade_by {
        UnderlyingAction::Delete => "deleted and made again",
        UnderlyingAction::Detach => "detached and attached again; the resource under it stays",
    }
}

/// What is said of a compute whose provisioning failed and that is not made again by itself.
fn broken<K: Kind>(case: &Case<'_, K>, seen: &Compute) -> Because {
    let why = seen.provisioning_errors.first().map_or("azure does not say why".to_owned(), |error| {
        cut(&format!("azure says {}: {}", error.code, error.message.trim_end_matches('.')))
    });
    let way = format!("mend the cause, or set replacePolicy: Recreate to have it {}", anew(case));
    Because::new(
        "ProvisioningFailed",
        format!("the compute's provisioning state is {}: {why}; {way}", seen.provisioning_state),
    )
}

/// Failed. One that never was ready is deleted and made again by itself, with backoff. Anything else is mended in place
/// where the spec differs, and deleted and made again only by opt-in.
fn failed<K: Kind>(case: &Case<'_, K>, found: &Found<'_>) -> Plan {
    let all = all_differences(case, found);
    let drifted = is_drift(case, found, &all);
    let said = |plan: Plan| Plan { changes: changes(case, &all), drifted, ..plan };
    if never_was_ready(case, found.seen) {
        if let Some(held) = failed_create_held(case, found.seen) {
            return said(held);
        }
        let message = format!("the create failed; the compute is {}", anew(case));
        return said(replace(case, found, &[], "RecreatingFailed", &message));
    }
    let kept = drifted && case.object.head().drift == DriftPolicy::Report;
    let in_place = !kept && all.iter().any(|d| d.change != Some(Change::Recreate));
    let refused = case.set_back().is_some_and(|setback| match setback.failure.attempt {
        Attempt::Scale | Attempt::Update => true,
        Attempt::Authenticate | Attempt::Look | Attempt::Create | Attempt::Delete | Attempt::Detach => false,
    });
    let immutable = all.iter().any(|d| d.change == Some(Change::Recreate));
    if case.object.head().replace == ReplacePolicy::Recreate && (refused || immutable || !in_place) {
        let message = format!("provisioning failed; the compute is {}", anew(case));
        return said(replace(case, found, &[], "Recreating", &message));
    }
    said(if in_place { change(case, found, &all) } else { case.stalled(broken(case, found.seen)) })
}

/// "Never was" is a reported incarnation of ours without a first time of having succeeded. One that is seen for the
/// first time counts as having been, unless its create is known to be under way: its status may be lost, or it was
/// adopted. Whoever is wrong here destroys a good compute, so nothing but that knowledge will do.
pub(crate) fn never_was_ready<K: Kind>(case: &Case<'_, K>, seen: &Compute) -> bool {
    if let Some(azure) = reported(case.object, seen) {
        let lost = case.object.common_status().is_none_or(|status| status.observed_generation < 0);
        return !lost && azure.owned && azure.first_ready_at.is_none();
    }
    let operation = case.object.common_status().and_then(|status| status.operation.as_ref());
    case.running().is_some_and(|write| write.kind == OperationKind::Create)
        || case.unanswered_create().is_some()
        || operation.is_some_and(|operation| operation.name == OperationKind::Create.as_str())
}

fn created(seen: &Compute) -> Option<Timestamp> {
    seen.created_on.as_deref()?.parse().ok()
}

/// What is said until a failed create may be made again. Where nobody remembers the failure (the operator restarted,
/// or the operation could not be followed), its time counts from the creation, once per generation.
fn failed_create_held<K: Kind>(case: &Case<'_, K>, seen: &Compute) -> Option<Plan> {
    let error = seen.provisioning_errors.first().cloned().unwrap_or_else(|| ArmError {
        message: format!("provisioning state {}", seen.provisioning_state),
        ..ArmError::default()
    });
    let failure = Failure { attempt: Attempt::Create, cause: Cause::Provisioning { error }, retry_after: None };
    if case.set_back().is_some() {
        return case.held().map(|held| Plan { next: held.next, ..case.failed(&failure) });
    }
    let observed = case.object.common_status().map(|status| status.observed_generation);
    let at = created(seen).filter(|_| observed == Some(generation(case.object)))?.min(case.now);
    let setback = Setback { failure, attempts: 1, at, since: at, generation: generation(case.object) };
    let disposition = classify(&setback.failure);
    let until = hold_until(&setback, &disposition, case.settings, uid(case.object));
    (case.now < until).then(|| Plan { next: case.until(until), ..case.failed(&setback.failure) })
}

/// Whether differences are drift: this very generation was carried out on this very incarnation before.
fn is_drift<K: Kind>(case: &Case<'_, K>, found: &Found<'_>, all: &[Difference]) -> bool {
    let applied = reported(case.object, found.seen).and_then(|azure| azure.applied_generation);
    !all.is_empty() && applied == Some(generation(case.object))
}

/// At rest: compare, and carry out or report what differs.
fn settled<K: Kind>(case: &Case<'_, K>, found: &Found<'_>) -> Plan {
    let all = all_differences(case, found);
    if all.is_empty() {
        let verdict = Verdict::Ready(Because::new("AsDeclared", "azure is as declared"));
        return Plan { drifted: false, ..case.say(verdict, case.settings.requeue) };
    }
    let drifted = is_drift(case, found, &all);
    let plan = if drifted && case.object.head().drift == DriftPolicy::Report {
        case.say(Verdict::Ready(Because::new("Drifted", drift_message(&all))), case.settings.requeue)
    } else {
        correct(case, found, &all)
    };
    Plan { changes: changes(case, &all), drifted, ..plan }
}

/// One step towards what is declared: what cannot change in place by opt-in first, then scale, then tags and identity.
fn correct<K: Kind>(case: &Case<'_, K>, found: &Found<'_>, all: &[Difference]) -> Plan {
    let immutable: Vec<Difference> = all.iter().filter(|d| d.change == Some(Change::Recreate)).cloned().collect();
    if !immutable.is_empty() && case.object.head().replace == ReplacePolicy::Recreate {
        let message = format!("{} cannot change in place; the compute is {}", immutable[0].field, anew(case));
        return replace(case, found, &immutable, "Recreating", &message);
    }
    let Some(first) = immutable.first().filter(|_| immutable.len() == all.len()) else {
        return change(case, found, all);
    };
    let message = format!(
        "{} is {} in azure and {} here, and cannot change in place; declare what azure has, use a new object with another name, or set replacePolicy: Recreate, by which the compute is {}",
        first.field,
        first.from,
        first.to,
        anew(case)
    );
    case.stalled(Because::new("ImmutableDifference", message))
}

/// One change in place: scale first, then tags and identity.
fn change<K: Kind>(case: &Case<'_, K>, found: &Found<'_>, all: &[Difference]) -> Plan {
    if all.iter().any(|d| d.change == Some(Change::Patch)) {
        return scale(case, found, all);
    }
    let put: Vec<Difference> = all.iter().filter(|d| d.change.is_none()).cloned().collect();
    guarded(case, &put, update(case, found, "Updating", "azure is changing tags or identity"))
}

fn scale<K: Kind>(case: &Case<'_, K>, found: &Found<'_>, all: &[Difference]) -> Plan {
    let patch: Vec<Difference> = all.iter().filter(|d| d.change == Some(Change::Patch)).cloned().collect();
    let body = Body::new(case.object.patch(found.desired, found.seen));
    let plan = case.act(Action::Scale { body }, "Scaling", "azure is changing the scale settings");
    guarded(case, &patch, plan)
}

fn update<K: Kind>(case: &Case<'_, K>, found: &Found<'_>, reason: &str, message: &str) -> Plan {
    let body = envelope::merge(case.object, found.seen, case.object.resend(found.seen));
    case.act(Action::Update { body: Body::new(body) }, reason, message)
}

/// Deletes what is to be made again, unless making it again would fail for a reason known beforehand, or was tried in
/// just this way and left these differences: each turn destroys a cluster with its jobs.
fn replace<K: Kind>(case: &Case<'_, K>, found: &Found<'_>, what: &[Difference], reason: &str, message: &str) -> Plan {
    if let Some(plan) = hindrance(case, found.workspace) {
        return plan;
    }
    if !found.workspace.held {
        return waiting(case);
    }
    let create = create_digest(&create_body(case.object, found.desired.clone(), found.workspace));
    let made = case.memory.write.as_ref().filter(|write| write.kind == OperationKind::Create && write.digest == create);
    if made.is_some() && !what.is_empty() {
        let way = "declare what azure has";
        return case.stalled(ignored(what, "made the compute anew and did not carry out", way));
    }
    let (action, _) = leave(found.seen, case.object.head().remade_by);
    guarded(case, &[], case.act(action, reason, message))
}

/// How often the same accepted change may have no effect before it is no longer sent.
const INEFFECTIVE: u32 = 2;

/// Lets a write through only after a fresh look, not during backoff, and not if Azure accepted this same change
/// before without carrying it out (azureml-api.md f.2: a PUT may be answered 201 and ignored).
fn guarded<K: Kind>(case: &Case<'_, K>, what: &[Difference], plan: Plan) -> Plan {
    if let Some(held) = case.held() {
        return held;
    }
    if !case.observation.is_fresh() {
        return case.look();
    }
    let kind = plan.action.operation();
    let parts = what.iter().flat_map(|d| [d.field.as_bytes(), d.from.as_bytes(), d.to.as_bytes()]);
    let digest = fingerprint(&std::iter::once(plan.action.name().as_bytes()).chain(parts).collect::<Vec<_>>());
    let write = case.memory.write.as_ref().filter(|write| Some(write.kind) == kind && write.digest == digest);
    let again = write.is_some_and(|write| {
        let rested = case.now.duration_since(write.at) >= case.settings.retry_very_slow;
        write.times >= INEFFECTIVE && !rested && !what.is_empty()
    });
    if again {
        let way = "declare what azure has, or set replacePolicy: Recreate";
        return case.stalled(ignored(what, "accepted but did not carry out", way));
    }
    Plan { digest, ..plan }
}

fn ignored(what: &[Difference], did: &str, way: &str) -> Because {
    let fields: Vec<&str> = what.iter().map(|d| d.field.as_str()).collect();
    Because::new("ChangeIgnored", format!("azure {did} the change of {}; {way}", fields.join(", ")))
}

/// The compute's name, for callers outside this module that speak of it.
pub(crate) fn name_of<'a, K: Kind>(case: &'a Case<'_, K>) -> &'a str {
    kind::azure_name(case.object)
}
