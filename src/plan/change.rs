//! Carries differences out: in place where Azure can, by recreation where policy lets it, and never for ever.
//!
//! Must not judge whether a difference may be carried out at all: drift and ownership are judged before.

use crate::action::{Action, Because, Plan};
use crate::case::Case;
use crate::decide::{create_body, create_digest, hindrance};
use crate::inputs::{AcceptedWrite, Body, OperationKind};
use crate::kind::{Kind, generation};
use crate::present::{Found, waiting};
use crate::removal::leave;
use crate::rivals::is_certain;
use crate::rules::{Change, Difference};
use crate::schedule::fingerprint;
use crate::{envelope, unshown};
use api::{ConditionType, ReplacePolicy, find_condition};
use arm::{ComputeAction, UnderlyingAction};

/// The reason while a compute that differs is deleted and made again.
const RECREATING: &str = "Recreating";

/// One step towards what is declared: what cannot change in place by opt-in first, then what can.
pub(crate) fn correct<K: Kind>(case: &Case<'_, K>, found: &Found<'_>, all: &[Difference]) -> Plan {
    let immutable = of(all, Change::Recreate);
    if !immutable.is_empty() && case.object.head().replace == ReplacePolicy::Recreate {
        let why = format!("{} cannot change in place", immutable[0].field);
        return recreate(case, found, &immutable, &why);
    }
    let Some(first) = immutable.first().filter(|_| immutable.len() == all.len()) else {
        return in_place(case, found, all);
    };
    if let Some(unshown) = unshown::of(case.object, first) {
        let message = format!(
            "{} is not what azure was sent, which cannot change it in place; put the earlier value back, or set replacePolicy: Recreate, by which the compute is {}",
            first.field,
            anew(case)
        );
        return case.stalled(Because::new(unshown.reason, message));
    }
    let message = format!(
        "{} is {} in azure and {} here, and cannot change in place; declare what azure has, use a new object with another name, or set replacePolicy: Recreate, by which the compute is {}",
        first.field,
        first.from,
        first.to,
        anew(case)
    );
    case.stalled(Because::new("ImmutableDifference", message))
}

/// How the compute is made anew, for people, and what is lost with it.
pub(crate) fn anew<K: Kind>(case: &Case<'_, K>) -> String {
    let how = match case.object.head().remade_by {
        UnderlyingAction::Delete => "deleted and made again",
        UnderlyingAction::Detach => "detached and attached again; the resource under it stays",
    };
    case.object.loss().map_or_else(|| how.to_owned(), |loss| format!("{how}, which destroys {loss}"))
}

fn of(all: &[Difference], change: Change) -> Vec<Difference> {
    all.iter().filter(|difference| difference.change == change).cloned().collect()
}

/// One change in place, the first that stands in the list: a kind's own actions, then scale, then tags and identity.
pub(crate) fn in_place<K: Kind>(case: &Case<'_, K>, found: &Found<'_>, all: &[Difference]) -> Plan {
    let action = all.iter().find_map(|difference| match difference.change {
        Change::Post(action) => Some(action),
        Change::Patch | Change::Put | Change::Recreate => None,
    });
    if let Some(action) = action {
        return post(case, found, action, &of(all, Change::Post(action)));
    }
    let patch = of(all, Change::Patch);
    if !patch.is_empty() {
        let body = Body::new(case.object.patch(found.desired, found.seen));
        return guarded(case, &patch, begin(case, Action::Scale { body }));
    }
    guarded(case, &of(all, Change::Put), begin(case, update(case, found)))
}

/// One action of the compute's own.
pub(crate) fn post<K: Kind>(case: &Case<'_, K>, found: &Found<'_>, action: ComputeAction, what: &[Difference]) -> Plan {
    let body = case.object.post(action, found.desired).map(Body::new);
    guarded(case, what, begin(case, Action::Post { action, body }))
}

/// An action, told as the operation it begins.
fn begin<K: Kind>(case: &Case<'_, K>, action: Action) -> Plan {
    match action.operation() {
        Some(kind) => case.act(action, kind.progressive(), kind.doing()),
        None => case.look(),
    }
}

/// The compute as it is, with the tags and the identity that are wanted.
pub(crate) fn update<K: Kind>(case: &Case<'_, K>, found: &Found<'_>) -> Action {
    Action::Update { body: Body::new(envelope::merge(case.object, found.seen, case.object.resend(found.seen))) }
}

/// Deletes what differs or is broken, to make it again by opt-in. What is lost with it is told first, and only the next
/// pass deletes.
pub(crate) fn recreate<K: Kind>(case: &Case<'_, K>, found: &Found<'_>, what: &[Difference], why: &str) -> Plan {
    let message = format!("{why}; the compute is {}", anew(case));
    let plan = replace(case, found, what, RECREATING, &message);
    let untold = case.object.loss().is_some() && !is_announced(case);
    match plan.action.operation() {
        Some(_) if untold => case.working(RECREATING, message),
        Some(_) | None => plan,
    }
}

/// Whether the recreation was told in a status of this generation.
fn is_announced<K: Kind>(case: &Case<'_, K>) -> bool {
    let conditions = case.object.common_status().map(|status| status.conditions.as_slice()).unwrap_or_default();
    find_condition(conditions, ConditionType::Ready)
        .is_some_and(|ready| ready.reason == RECREATING && ready.observed_generation == Some(generation(case.object)))
}

/// Deletes what is to be made again, unless making it again would fail for a reason known beforehand, or was tried in
/// just this way and left these differences: each turn destroys a compute with what runs on it.
pub(crate) fn replace<K: Kind>(
    case: &Case<'_, K>,
    found: &Found<'_>,
    what: &[Difference],
    reason: &str,
    message: &str,
) -> Plan {
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
    let (action, _) = leave(case, found.seen, case.object.head().remade_by);
    guarded(case, &[], case.act(action, reason, message))
}

/// How often the same accepted change may have no effect before it is no longer sent.
const INEFFECTIVE: u32 = 2;

/// Lets a write through only after a fresh look, not during backoff, and not if Azure accepted this same change
/// before without carrying it out (azureml-api.md f.2: a PUT may be answered 201 and ignored).
pub(crate) fn guarded<K: Kind>(case: &Case<'_, K>, what: &[Difference], plan: Plan) -> Plan {
    if let Some(held) = case.held() {
        return held;
    }
    if !is_certain(case) {
        return case.look();
    }
    let kind = plan.action.operation();
    let digest = digest(plan.action.name(), what);
    let write = case.memory.write.as_ref().filter(|write| Some(write.kind) == kind && write.digest == digest);
    let again = write.is_some_and(|write| {
        let rested = case.now.duration_since(write.at) >= case.settings.retry_very_slow;
        write.times >= INEFFECTIVE && !rested && !what.is_empty()
    });
    if again {
        let way = match plan.action {
            Action::Post { .. } => "look at it in the studio; it is tried again by itself",
            Action::Nothing
            | Action::Look
            | Action::Claim { .. }
            | Action::Unclaim
            | Action::Create { .. }
            | Action::Scale { .. }
            | Action::Update { .. }
            | Action::Delete
            | Action::Detach
            | Action::Release => "declare what azure has, or set replacePolicy: Recreate",
        };
        return case.stalled(ignored(what, "accepted but did not carry out", way));
    }
    Plan { digest, ..plan }
}

/// Fingerprint of one change: what is done, and what of the object it is for.
fn digest(action: &str, what: &[Difference]) -> u64 {
    let parts = what.iter().flat_map(|d| [d.field.as_bytes(), d.from.as_bytes(), d.to.as_bytes()]);
    fingerprint(&std::iter::once(action.as_bytes()).chain(parts).collect::<Vec<_>>())
}

/// Whether Azure accepted this very action for this very difference, as far as is remembered.
pub(crate) fn was_accepted(write: &AcceptedWrite, action: ComputeAction, what: &Difference) -> bool {
    let sent = Action::Post { action, body: None };
    Some(write.kind) == sent.operation() && write.digest == digest(sent.name(), std::slice::from_ref(what))
}

fn ignored(what: &[Difference], did: &str, way: &str) -> Because {
    let fields: Vec<&str> = what.iter().map(|d| d.field.as_str()).collect();
    Because::new("ChangeIgnored", format!("azure {did} the change of {}; {way}", fields.join(", ")))
}
