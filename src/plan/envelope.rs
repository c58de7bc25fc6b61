//! Tags and identity: what the envelope of a compute should hold, and what differs.
//!
//! Must not touch tags that others set, nor an identity the owner says nothing about.

use crate::kind::{Kind, object_tag, uid};
use crate::rules::{Change, Difference};
use api::annotations::{OWNER_OBJECT_TAG, OWNER_UID_TAG};
use api::{AzureResource, ManagedIdentity, ManagedIdentityType};
use arm::{Compute, IdentityType, same_id};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The tags this object wants on its compute: its own keys, then the owner's.
pub(crate) fn wanted_tags<K: Kind>(object: &K) -> BTreeMap<String, String> {
    let mut tags = object.head().tags.clone();
    tags.insert(OWNER_UID_TAG.into(), uid(object).into());
    tags.insert(OWNER_OBJECT_TAG.into(), object_tag(object));
    tags
}

/// The identity the PUT carries: what the spec says; `None` if it says nothing.
pub(crate) fn identity_body(identity: &ManagedIdentity) -> Value {
    match identity.kind {
        ManagedIdentityType::SystemAssigned => json!({"type": "SystemAssigned"}),
        ManagedIdentityType::None => json!({"type": "None"}),
        ManagedIdentityType::UserAssigned => {
            let users: Map<String, Value> = identity.user_assigned.iter().map(|id| (id.clone(), json!({}))).collect();
            json!({"type": "UserAssigned", "userAssignedIdentities": users})
        }
    }
}

/// The identity to compare with: the spec's, or none where this object once set one and the spec no longer has any.
pub(crate) fn wanted_identity<K: Kind>(object: &K) -> Option<ManagedIdentity> {
    let head = object.head();
    if let Some(identity) = head.identity {
        return Some(identity.clone());
    }
    let was_ours = remembered(object).is_some_and(|azure| azure.managed_identity);
    was_ours.then(|| ManagedIdentity { kind: ManagedIdentityType::None, user_assigned: Vec::new() })
}

fn remembered<K: Kind>(object: &K) -> Option<&AzureResource> {
    object.common_status()?.azure.as_ref()
}

/// Keys this object once set and no longer wants.
fn dropped_tags<'a, K: Kind>(object: &'a K, wanted: &BTreeMap<String, String>) -> Vec<&'a str> {
    let managed = remembered(object).map(|azure| azure.managed_tags.as_slice()).unwrap_or_default();
    managed.iter().map(String::as_str).filter(|key| find(wanted, key).is_none()).collect()
}

/// The tag keys to remember as set by this object: the spec's, and earlier ones that are still there to be removed.
pub(crate) fn managed_tags<K: Kind>(object: &K, seen: &Compute) -> Vec<String> {
    let mut keys: Vec<String> = object.head().tags.keys().cloned().collect();
    let earlier = remembered(object).map(|azure| azure.managed_tags.as_slice()).unwrap_or_default();
    let left = earlier.iter().filter(|key| find(&seen.tags, key).is_some());
    keys.extend(left.filter(|key| !object.head().tags.keys().any(|own| own.eq_ignore_ascii_case(key))).cloned());
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// Whether to remember the identity as set by this object.
pub(crate) fn manages_identity<K: Kind>(object: &K, seen: &Compute) -> bool {
    let there = seen.identity.as_ref().is_some_and(|identity| identity.kind != IdentityType::None);
    object.head().identity.is_some() || (there && remembered(object).is_some_and(|azure| azure.managed_identity))
}

/// ARM tag names compare without case.
fn find<'a>(tags: &'a BTreeMap<String, String>, key: &str) -> Option<&'a str> {
    tags.iter().find(|(have, _)| have.eq_ignore_ascii_case(key)).map(|(_, value)| value.as_str())
}

/// What differs in tags and identity.
pub(crate) fn differences<K: Kind>(object: &K, seen: &Compute) -> Vec<Difference> {
    let change = object.envelope();
    // Where tags cannot be changed, an adopted compute never has ours, and one we made cannot lose them.
    let wanted = if change == Change::Recreate { object.head().tags.clone() } else { wanted_tags(object) };
    let differs = |field: String, from: &str, to: &str| Difference { field, from: from.into(), to: to.into(), change };
    let mut found = Vec::new();
    // Where Azure answers no tags at all, whatever was sent, their absence tells nothing.
    let told = !object.loses_tags() || seen.body.get("tags").is_some_and(|tags| !tags.is_null());
    for (key, value) in wanted.iter().filter(|_| told) {
        let have = find(&seen.tags, key);
        if have != Some(value) {
            found.push(differs(format!("spec.tags[{key}]"), have.unwrap_or("nothing"), value));
        }
    }
    for key in dropped_tags(object, &wanted) {
        if let Some(have) = find(&seen.tags, key) {
            found.push(differs(format!("spec.tags[{key}]"), have, "nothing"));
        }
    }
    if let Some(identity) = wanted_identity(object).filter(|identity| !same_identity(identity, seen)) {
        found.push(differs("spec.identity".into(), &shown(seen), &shown_wanted(&identity)));
    }
    found
}

fn same_identity(wanted: &ManagedIdentity, seen: &Compute) -> bool {
    let none = IdentityType::None;
    let kind = seen.identity.as_ref().map_or(&none, |identity| &identity.kind);
    let users: Vec<&str> =
        seen.identity.iter().flat_map(|identity| &identity.user_assigned).map(|user| user.id.as_str()).collect();
    match wanted.kind {
        ManagedIdentityType::None => *kind == IdentityType::None,
        ManagedIdentityType::SystemAssigned => *kind == IdentityType::SystemAssigned,
        ManagedIdentityType::UserAssigned => {
            let has = |id: &str| users.iter().any(|user| same_id(user, id));
            let wants = |user: &str| wanted.user_assigned.iter().any(|id| same_id(user, id));
            *kind == IdentityType::UserAssigned
                && wanted.user_assigned.iter().all(|id| has(id))
                && users.iter().all(|user| wants(user))
        }
    }
}

fn shown(seen: &Compute) -> String {
    let Some(identity) = &seen.identity else { return "None".into() };
    let users: Vec<&str> = identity.user_assigned.iter().map(|user| user.id.as_str()).collect();
    format!("{} {}", identity.kind.as_str(), users.join(" ")).trim().chars().take(256).collect()
}

fn shown_wanted(identity: &ManagedIdentity) -> String {
    format!("{:?} {}", identity.kind, identity.user_assigned.join(" ")).trim().chars().take(256).collect()
}

/// Puts wanted tags and identity into a body made from what Azure answered; everything else in it stays.
pub(crate) fn merge<K: Kind>(object: &K, seen: &Compute, mut body: Value) -> Value {
    let wanted = wanted_tags(object);
    let dropped = dropped_tags(object, &wanted);
    let mut tags: BTreeMap<String, String> = seen.tags.clone();
    tags.retain(|key, _| !dropped.iter().any(|gone| gone.eq_ignore_ascii_case(key)) && find(&wanted, key).is_none());
    tags.extend(wanted);
    body["tags"] = json!(tags);
    if let Some(identity) = wanted_identity(object) {
        body["identity"] = identity_body(&identity);
    }
    body
}
