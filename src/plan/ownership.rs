//! Whose a compute is: by its owner tags, and by the claim on the object.
//!
//! Must not be bypassed: nothing that is not ours is ever changed or deleted, recreation included.

use crate::case::Case;
use crate::inputs::{Observation, Seen};
use crate::kind::{Kind, annotation, object_tag, uid};
use crate::rules::Change;
use api::annotations::{CLAIM, OWNER_OBJECT_TAG, OWNER_UID_TAG};
use api::{AdoptionPolicy, AzureResource};
use arm::{Compute, ComputeId, same_id, same_resource};

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

/// The value of the claim annotation for one incarnation that exists: UID, ARM id and the time it was made.
pub(crate) fn claim_incarnation<K: Kind>(object: &K, id: &ComputeId, created_on: &str) -> String {
    format!("{} {created_on}", claim(object, id))
}

/// What the object claims: an ARM id, and of it one incarnation where that was adopted. A claim with another UID was
/// copied with the object and counts for nothing.
fn claimed<K: Kind>(object: &K) -> Option<(&str, Option<&str>)> {
    let (by, what) = annotation(object, CLAIM)?.split_once(' ')?;
    let (id, created_on) = what.split_once(' ').map_or((what, None), |(id, created_on)| (id, Some(created_on)));
    (by == uid(object) && !by.is_empty()).then_some((id, created_on))
}

/// The ARM id that the object claims.
pub(crate) fn claimed_id<K: Kind>(object: &K) -> Option<&str> {
    claimed(object).map(|(id, _)| id)
}

/// Whether the object claims this compute.
pub(crate) fn is_claimed<K: Kind>(object: &K, id: &ComputeId) -> bool {
    claimed_id(object).is_some_and(|claimed| same_id(claimed, &id.to_string()))
}

/// Whether what the object claims existed before it.
pub(crate) fn has_adopted<K: Kind>(object: &K) -> bool {
    claimed(object).is_some_and(|(_, created_on)| created_on.is_some())
}

/// Whether the object adopted this very incarnation of a compute whose tags cannot be changed.
pub(crate) fn adopted<K: Kind>(object: &K, seen: &Compute) -> bool {
    object.envelope() == Change::Recreate
        && claimed(object).is_some_and(|(id, created_on)| {
            created_on.is_some() && created_on == seen.created_on.as_deref() && same_id(id, &seen.id)
        })
}

/// Decides from tags first, but for what was adopted and whose tags cannot be changed: there the claim decides. A
/// compute without tags is ours only if we claim it and have reported this very incarnation: between the claim and our
/// PUT somebody else may have made one of that name.
pub(crate) fn owner<K: Kind>(case: &Case<'_, K>, id: &ComputeId, seen: &Compute) -> Owner {
    let object = case.object;
    if adopted(object, seen) {
        return Owner::Us;
    }
    let tag = |name: &str| seen.tags.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str());
    let object_tag_seen = tag(OWNER_OBJECT_TAG);
    match tag(OWNER_UID_TAG) {
        Some(owner) if owner == uid(object) && !owner.is_empty() => Owner::Us,
        Some(_) if object_tag_seen == Some(object_tag(object).as_str()) => Owner::FormerSelf,
        Some(_) => Owner::Other(object_tag_seen.unwrap_or_default().to_owned()),
        None if is_claimed(object, id) && (knows_incarnation(object, seen) || is_made_by_claim(object, seen)) => {
            Owner::Us
        }
        None => claimed_by_another(case).map_or(Owner::Nobody, Owner::Other),
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
    let tagged = seen.tags.keys().any(|key| key.eq_ignore_ascii_case(OWNER_UID_TAG));
    let known = tagged || adopted(object, seen) || knows_incarnation(object, seen);
    !known && is_claimed(object, id) && is_made_by_claim(object, seen)
}

/// Another object that has hold of this very compute, which Azure does not tell by tags.
fn claimed_by_another<K: Kind>(case: &Case<'_, K>) -> Option<String> {
    let holder = case.refs.around.rivals.iter().find(|rival| rival.same_compute && rival.claimed)?;
    Some(format!("{}/{}", holder.namespace, holder.name))
}

/// Whether what is seen is ours, for passes that end before they judge it: by the owner tag, else as it was reported.
pub(crate) fn presumed<K: Kind>(object: &K, observation: &Observation) -> bool {
    let Seen::Present(seen) = &observation.seen else { return false };
    if adopted(object, seen) {
        return true;
    }
    let tag = seen.tags.iter().find(|(key, _)| key.eq_ignore_ascii_case(OWNER_UID_TAG)).map(|(_, value)| value);
    let claims = || claimed_id(object).is_some_and(|claimed| same_id(claimed, &seen.id));
    tag.map_or_else(
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
