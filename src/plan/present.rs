//! The compute is there: whose is it, does it move, does it differ, and what follows.
//!
//! Must not change or delete what is not ours.

use crate::action::{Because, Plan, Verdict};
use crate::case::Case;
use crate::change::{anew, correct, guarded, in_place, post, recreate, replace, update};
use crate::classify::{classify, cut};
use crate::decide::{claim, claim_incarnation};
use crate::failure::{Attempt, Cause, Failure};
use crate::inputs::{OperationKind, Setback, WorkspaceFacts};
use crate::kind::{Kind, generation, uid};
use crate::ownership::{Owner, adopting, may_adopt, owner, reported, rests_on_claim, rests_on_claims};
use crate::rivals::is_certain;
use crate::rules::{Change, Difference, differences};
use crate::schedule::hold_until;
use crate::standing::Standing;
use crate::{envelope, kind, unshown};
use api::annotations::{OWNER_OBJECT_TAG, OWNER_UID_TAG};
use api::{AdoptionPolicy, DriftPolicy, How, ManagementPolicy, PlannedChange, ReplacePolicy};
use arm::{ArmError, Compute, ComputeId, ProvisioningState};
use jiff::Timestamp;
use serde_json::Value;

/// A present compute with what is declared for it.
pub(crate) struct Found<'a> {
    pub(crate) workspace: &'a WorkspaceFacts,
    pub(crate) id: &'a ComputeId,
    pub(crate) desired: &'a Value,
    pub(crate) seen: &'a Compute,
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
    if !case.observation.is_fresh() && rests_on_claim(case, id, seen) {
        return case.look();
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

/// Everything that differs: wishes that stand in no body, fields by the kind's rules, then tags and identity.
fn all_differences<K: Kind>(case: &Case<'_, K>, found: &Found<'_>) -> Vec<Difference> {
    let object = case.object;
    let mut all = object.wishes(&case.known(found.seen));
    all.extend(differences(object.rules(), |rule| object.change(rule), found.desired, &found.seen.body));
    all.extend(envelope::differences(object, found.seen));
    // What Azure does show after all is told by its own rule.
    let unshown = unshown::difference(case, found.seen);
    all.extend(unshown.filter(|unshown| !all.iter().any(|told| told.field.starts_with(&unshown.field))));
    all
}

/// What would be done about each difference, for the status.
fn changes<K: Kind>(case: &Case<'_, K>, all: &[Difference]) -> Vec<PlannedChange> {
    let replace = case.object.head().replace;
    let how = |difference: &Difference| match (difference.change, replace) {
        (Change::Patch | Change::Put | Change::Post(_), _) => How::InPlace,
        (Change::Recreate, ReplacePolicy::Recreate) => How::Recreate,
        (Change::Recreate, ReplacePolicy::Never) => How::Refused,
    };
    let change =
        |d: &Difference| PlannedChange { field: d.field.clone(), from: d.from.clone(), to: d.to.clone(), how: how(d) };
    let mut changes: Vec<PlannedChange> = all.iter().map(change).collect();
    let remade = changes.iter().any(|change| change.how == How::Recreate);
    if let Some(loss) = case.object.loss().filter(|_| remade) {
        let lost = ("what a recreation destroys".into(), loss.to_owned(), "nothing".into());
        changes.insert(0, PlannedChange { field: lost.0, from: lost.1, to: lost.2, how: How::Recreate });
    }
    changes
}

/// Only look: the state is said, differences are a plan, our own tags are not missed.
fn observe_only<K: Kind>(case: &Case<'_, K>, found: &Found<'_>, owned: bool) -> Plan {
    let own = |d: &Difference| d.field.contains(OWNER_UID_TAG) || d.field.contains(OWNER_OBJECT_TAG);
    let all: Vec<Difference> = all_differences(case, found).into_iter().filter(|d| !own(d)).collect();
    let plan = match &found.seen.provisioning_state {
        ProvisioningState::Succeeded => match case.object.standing(found.seen) {
            Standing::Settled { note } => {
                let message = if all.is_empty() { as_declared(note) } else { drift_message(&all) };
                case.say(Verdict::Ready(Because::new("Observed", message)), case.settings.requeue)
            }
            Standing::Moving(because) => case.say(Verdict::Working(because), case.settings.transition),
            Standing::Broken { because, .. } => case.stalled(because),
        },
        ProvisioningState::Failed | ProvisioningState::Canceled => case.stalled(broken(case, found.seen).0),
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
        let told = case.stalled(not_ours(case, found, owner));
        // Azure does not show when another object lets go; looking at what is known costs nothing.
        let waits = rests_on_claims(case.object) && matches!(owner, Owner::Other(_));
        return if waits { Plan { next: case.settings.transition, ..told } } else { told };
    }
    match &found.seen.provisioning_state {
        ProvisioningState::Succeeded => match case.object.standing(found.seen) {
            Standing::Settled { .. } => adopt(case, found, owner),
            Standing::Moving(because) => case.say(Verdict::Working(because), case.settings.transition),
            Standing::Broken { because, .. } => case.stalled(because),
        },
        ProvisioningState::Failed | ProvisioningState::Canceled => case.stalled(broken(case, found.seen).0),
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

/// Adoption adds our tags, and nothing the owner did not write. Where tags cannot be changed, the claim names the very
/// incarnation, and no write to Azure follows.
fn adopt<K: Kind>(case: &Case<'_, K>, found: &Found<'_>, owner: &Owner) -> Plan {
    if let Some(write) = case.running() {
        return case.progressing(write.kind);
    }
    if let Some(plan) = case.held() {
        return plan;
    }
    if !is_certain(case) {
        return case.look();
    }
    if !found.workspace.held {
        return waiting(case);
    }
    if rests_on_claims(case.object) {
        return match &found.seen.created_on {
            Some(created_on) => claim_incarnation(case, found.id, &adopting(case, owner, created_on)),
            None => case.stalled(not_ours(case, found, owner)),
        };
    }
    if !case.is_claimed(found.id) {
        return claim(case, found.id);
    }
    let all = envelope::differences(case.object, found.seen);
    let plan = case.act(update(case, found), "Adopting", "the compute that exists is taken over");
    guarded(case, &all, plan)
}

pub(crate) fn waiting<K: Kind>(case: &Case<'_, K>) -> Plan {
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

/// What is said of a compute that does not work and is not made again by itself, and whether one that never worked is.
/// The kind knows better than the provisioning state, where it knows.
fn broken<K: Kind>(case: &Case<'_, K>, seen: &Compute) -> (Because, bool) {
    if let Standing::Broken { because, again } = case.object.standing(seen) {
        return (because, again);
    }
    let why = seen.provisioning_errors.first().map_or("azure does not say why".to_owned(), |error| {
        cut(&format!("azure says {}: {}", error.code, error.message.trim_end_matches('.')))
    });
    let way = format!("mend the cause, or set replacePolicy: Recreate to have it {}", anew(case));
    let message = format!("the compute's provisioning state is {}: {why}; {way}", seen.provisioning_state);
    (Because::new("ProvisioningFailed", message), true)
}

/// It does not work. One that never was ready is deleted and made again by itself, with backoff. Anything else is mended
/// in place where the spec differs, and deleted and made again only by opt-in; where people's work would be lost, only
/// for a difference.
fn failed<K: Kind>(case: &Case<'_, K>, found: &Found<'_>) -> Plan {
    let all = all_differences(case, found);
    let drifted = is_drift(case, found, &all);
    let said = |plan: Plan| Plan { changes: changes(case, &all), drifted, ..plan };
    let (because, again) = broken(case, found.seen);
    let immutable = all.iter().any(|d| d.change == Change::Recreate);
    if never_was_ready(case, found.seen) && (again || immutable) {
        if let Some(held) = failed_create_held(case, found.seen) {
            return said(held);
        }
        let message = format!("the create failed; the compute is {}", anew(case));
        return said(replace(case, found, &[], "RecreatingFailed", &message));
    }
    let kept = drifted && case.object.head().drift == DriftPolicy::Report;
    let mends = !kept && all.iter().any(|d| d.change != Change::Recreate);
    let refused = case.set_back().is_some_and(|setback| match setback.failure.attempt {
        Attempt::Scale | Attempt::Update => true,
        Attempt::Authenticate
        | Attempt::Look
        | Attempt::Create
        | Attempt::Post(_)
        | Attempt::Delete
        | Attempt::Detach => false,
    });
    let hopeless = case.object.loss().is_none() && (refused || !mends);
    if case.object.head().replace == ReplacePolicy::Recreate && (immutable || hopeless) {
        return said(recreate(case, found, &[], "provisioning failed"));
    }
    said(if mends { in_place(case, found, &all) } else { case.stalled(because) })
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
    // What Azure cannot tell of was not changed there, but here.
    all.iter().any(|difference| !unshown::is_of(case, difference)) && applied == Some(generation(case.object))
}

/// Provisioned: wait while it moves, mend what does not work, compare what rests.
fn settled<K: Kind>(case: &Case<'_, K>, found: &Found<'_>) -> Plan {
    match case.object.standing(found.seen) {
        Standing::Moving(because) => case.say(Verdict::Working(because), case.settings.transition),
        Standing::Broken { .. } => failed(case, found),
        Standing::Settled { note } => at_rest(case, found, note),
    }
}

/// At rest: do what is asked once, then compare, and carry out or report what differs.
fn at_rest<K: Kind>(case: &Case<'_, K>, found: &Found<'_>, note: Option<String>) -> Plan {
    let all = all_differences(case, found);
    let drifted = is_drift(case, found, &all);
    let asked = case.object.request(&case.known(found.seen));
    let asked = asked.as_ref().and_then(|asked| match asked.change {
        Change::Post(action) => Some(post(case, found, action, std::slice::from_ref(asked))),
        Change::Patch | Change::Put | Change::Recreate => None,
    });
    let plan = if let Some(asked) = asked {
        asked
    } else if all.is_empty() {
        let ready = Verdict::Ready(Because::new("AsDeclared", as_declared(note)));
        case.say(ready, case.object.due(case.now).map_or(case.settings.requeue, |due| due.min(case.settings.requeue)))
    } else if drifted && case.object.head().drift == DriftPolicy::Report {
        case.say(Verdict::Ready(Because::new("Drifted", drift_message(&all))), case.settings.requeue)
    } else {
        correct(case, found, &all)
    };
    Plan { changes: changes(case, &all), drifted, ..plan }
}

fn as_declared(note: Option<String>) -> String {
    note.map_or_else(|| "azure is as declared".to_owned(), |note| format!("azure is as declared; {note}"))
}

/// The compute's name, for callers outside this module that speak of it.
pub(crate) fn name_of<'a, K: Kind>(case: &'a Case<'_, K>) -> &'a str {
    kind::azure_name(case.object)
}
