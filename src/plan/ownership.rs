//! Whose a compute is: by its owner tags, and by the claim on the object.
//!
//! Must not be bypassed: nothing that is not ours is ever changed or deleted, recreation included.

use crate::case::Case;
use crate::inputs::{Observation, Seen};
use crate::kind::{Kind, annotation, object_tag, uid};
use crate::rivals::Rival;
use crate::rules::Change;
use api::annotations::{CLAIM, OWNER_OBJECT_TAG, OWNER_UID_TAG};
use api::{AdoptionPolicy, AzureResource};
use arm::{Compute, ComputeId, same_id, same_resource};
use jiff::{SignedDuration, Timestamp};

/// Whose a compute is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// This object's.
    Us,
    /// Nobody's: it carries no owner tag and this object never had it.
    Nobody,
    /// This same namespace/name, but another UID: a restored backup or a moved cluster.
    FormerSelf,
    /// Another object's; its namespace/name as the tag says.
    Other(String),
}

/// Whether the policy lets an object take what somebody has.
pub(crate) fn may_adopt(policy: AdoptionPolicy, owner: &Owner) -> bool {
    match (policy, owner) {
        (_, Owner::Us) | (AdoptionPolicy::TakeOver, _) => true,
        (AdoptionPolicy::Adopt, Owner::Nobody | Owner::FormerSelf) => true,
        (AdoptionPolicy::Adopt, Owner::Other(_)) | (AdoptionPolicy::Never, _) => false,
    }
}

/// The value of the claim annotation: UID and ARM id.
pub(crate) fn claim<K: Kind>(object: &K, id: &ComputeId) -> String {
    format!("{} {id}", uid(object))
}

/// The incarnation of a compute that a claim took over: it existed before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adopted {
    /// When Azure made it, as Azure writes it.
    pub created_on: String,
    /// When it was taken from somebody else who had it; `None` if it was nobody's.
    pub taken_at: Option<Timestamp>,
}

/// The value of the claim annotation for one incarnation that exists: UID, ARM id, the time it was made and, if somebody
/// had it, when it was taken.
pub(crate) fn claim_incarnation<K: Kind>(object: &K, id: &ComputeId, adopted: &Adopted) -> String {
    let taken = adopted.taken_at.map(|at| format!(" {at}")).unwrap_or_default();
    format!("{} {}{taken}", claim(object, id), adopted.created_on)
}

/// What the object claims: an ARM id, and of it one incarnation where that was adopted. A claim with another UID was
/// copied with the object and counts for nothing.
pub(crate) fn claimed<K: Kind>(object: &K) -> Option<(&str, Option<Adopted>)> {
    let mut words = annotation(object, CLAIM)?.split(' ');
    let (by, id) = (words.next()?, words.next()?);
    let created_on = words.next().map(str::to_owned);
    let taken_at = words.next().and_then(|at| at.parse().ok());
    (by == uid(object) && !by.is_empty()).then(|| (id, created_on.map(|created_on| Adopted { created_on, taken_at })))
}

/// The ARM id that the object claims.
fn claimed_id<K: Kind>(object: &K) -> Option<&str> {
    claimed(object).map(|(id, _)| id)
}

/// Whether the object claims this compute.
pub(crate) fn is_claimed<K: Kind>(object: &K, id: &ComputeId) -> bool {
    claimed_id(object).is_some_and(|claimed| same_id(claimed, &id.to_string()))
}

/// Whether what the object claims existed before it.
pub(crate) fn has_adopted<K: Kind>(object: &K) -> bool {
    claimed(object).is_some_and(|(_, adopted)| adopted.is_some())
}

/// Whether the claim on the object, rather than tags, says whose a compute is: tags cannot be changed, or get lost.
pub(crate) fn rests_on_claims<K: Kind>(object: &K) -> bool {
    object.envelope() == Change::Recreate
}

/// How the object adopted this very incarnation, if it did.
fn adoption<K: Kind>(object: &K, seen: &Compute) -> Option<Adopted> {
    let (id, adopted) = claimed(object).filter(|_| rests_on_claims(object))?;
    adopted.filter(|adopted| is_incarnation(adopted, seen) && same_id(id, &seen.id))
}

fn is_incarnation(adopted: &Adopted, seen: &Compute) -> bool {
    Some(adopted.created_on.as_str()) == seen.created_on.as_deref()
}

/// Whether the object adopted this very incarnation of a compute whose tags cannot be changed.
pub(crate) fn adopted<K: Kind>(object: &K, seen: &Compute) -> bool {
    adoption(object, seen).is_some()
}

/// Whose a compute is, other objects heard.
pub(crate) fn owner<K: Kind>(case: &Case<'_, K>, id: &ComputeId, seen: &Compute) -> Owner {
    let owner = alone(case, id, seen);
    if !rests_on_claims(case.object) {
        return owner;
    }
    let holds = |rival: &&Rival| match owner {
        Owner::Us => outranks(case.object, rival, seen),
        Owner::Nobody | Owner::FormerSelf | Owner::Other(_) => has_hold(case.object, rival, seen),
    };
    let mut rivals = case.refs.around.rivals.iter().filter(|rival| rival.same_compute && rival.claimed);
    match rivals.find(holds) {
        Some(holder) => Owner::Other(format!("{}/{}", holder.namespace, holder.name)),
        None => owner,
    }
}

/// Whether another object, which claims the compute, has hold of this incarnation although no tag says so.
fn has_hold<K: Kind>(object: &K, rival: &Rival, seen: &Compute) -> bool {
    match &rival.adopted {
        Some(adopted) => is_incarnation(adopted, seen),
        None => object.loses_tags() && owner_tag(seen).is_none(),
    }
}

/// Whether the other object has taken from ours what ours had, or was first where both took it at once. Who took it last
/// has it; otherwise who made it, otherwise the elder. Both sides come to the same end from the two claims alone.
fn outranks<K: Kind>(object: &K, rival: &Rival, seen: &Compute) -> bool {
    if !has_hold(object, rival, seen) {
        return false;
    }
    let ours = adoption(object, seen);
    match (&rival.adopted, &ours) {
        (None, None) => false,
        (None, Some(ours)) => ours.taken_at.is_none(),
        (Some(theirs), None) => theirs.taken_at.is_some(),
        (Some(theirs), Some(ours)) => match (theirs.taken_at, ours.taken_at) {
            (Some(theirs), Some(ours)) => (theirs, rival.uid.as_str()) > (ours, uid(object)),
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (None, None) => rival.is_elder(object),
        },
    }
}

/// The adoption of an incarnation that `owner` has. It comes after every one before it, whatever the clocks say.
pub(crate) fn adopting<K: Kind>(case: &Case<'_, K>, owner: &Owner, created_on: &str) -> Adopted {
    let before = case.refs.around.rivals.iter().filter_map(|rival| rival.adopted.as_ref()?.taken_at).max();
    let next = before.and_then(|before| before.checked_add(SignedDuration::from_millis(1)).ok());
    let taken_at = match owner {
        Owner::Other(_) => Some(next.map_or(case.now, |next| next.max(case.now))),
        Owner::Us | Owner::Nobody | Owner::FormerSelf => None,
    };
    Adopted { created_on: created_on.to_owned(), taken_at }
}

fn tag<'a>(seen: &'a Compute, name: &str) -> Option<&'a str> {
    seen.tags.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

fn owner_tag(seen: &Compute) -> Option<&str> {
    tag(seen, OWNER_UID_TAG)
}

/// Decides from tags first, but for what was adopted and whose tags cannot be changed: there the claim decides. A
/// compute without tags is ours only if we claim it and have reported this very incarnation: between the claim and our
/// PUT somebody else may have made one of that name.
fn alone<K: Kind>(case: &Case<'_, K>, id: &ComputeId, seen: &Compute) -> Owner {
    let object = case.object;
    if adopted(object, seen) {
        return Owner::Us;
    }
    let object_tag_seen = tag(seen, OWNER_OBJECT_TAG);
    match owner_tag(seen) {
        Some(owner) if owner == uid(object) && !owner.is_empty() => Owner::Us,
        Some(_) if object_tag_seen == Some(object_tag(object).as_str()) => Owner::FormerSelf,
        Some(_) => Owner::Other(object_tag_seen.unwrap_or_default().to_owned()),
        None if is_claimed(object, id) && (knows_incarnation(object, seen) || is_made_by_claim(object, seen)) => {
            Owner::Us
        }
        None => Owner::Nobody,
    }
}

/// Whether a compute without tags is what a claiming object would have made. Where Azure drops tags the claim alone
/// decides (design 3): it came after a proven absence, and a crash after the PUT leaves nothing else to tell by.
fn is_made_by_claim<K: Kind>(object: &K, seen: &Compute) -> bool {
    let marks = object.marks();
    // What Azure makes itself has no marks beforehand.
    object.loses_tags() && (marks.is_empty() || same_resource(&marks, &seen.marks()))
}

/// Whether only the claim would make it ours: then a list, which may show what was there before the claim, is no proof.
pub(crate) fn rests_on_claim<K: Kind>(case: &Case<'_, K>, id: &ComputeId, seen: &Compute) -> bool {
    let object = case.object;
    let known = owner_tag(seen).is_some() || adopted(object, seen) || knows_incarnation(object, seen);
    !known && is_claimed(object, id) && is_made_by_claim(object, seen)
}

/// Whether what is seen is ours, for passes that end before they judge it: by the owner tag, else as it was reported.
pub(crate) fn presumed<K: Kind>(object: &K, observation: &Observation) -> bool {
    let Seen::Present(seen) = &observation.seen else { return false };
    if adopted(object, seen) {
        return true;
    }
    let claims = || claimed_id(object).is_some_and(|claimed| same_id(claimed, &seen.id));
    owner_tag(seen).map_or_else(
        || knows_incarnation(object, seen) || (observation.is_fresh() && claims() && is_made_by_claim(object, seen)),
        |owner| owner == uid(object) && !owner.is_empty(),
    )
}

/// What was reported of this very incarnation.
pub(crate) fn reported<'a, K: Kind>(object: &'a K, seen: &Compute) -> Option<&'a AzureResource> {
    let azure = object.common_status()?.azure.as_ref()?;
    (azure.created_at.is_some() && azure.created_at == seen.created_on).then_some(azure)
}

fn knows_incarnation<K: Kind>(object: &K, seen: &Compute) -> bool {
    reported(object, seen).is_some_and(|azure| azure.owned)
}
