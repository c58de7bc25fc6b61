//! What Azure takes and never shows again: told apart by fingerprints of what was sent.
//!
//! Must not compare values, which are not kept anywhere, and must not take a new key of fingerprints for a new value.

use crate::case::Case;
use crate::inputs::{ConfigMapState, Refs, Secret, SecretState, WorkspaceState};
use crate::kind::Kind;
use crate::ownership::reported;
use crate::rules::{Change, Difference};
use api::{AzureResource, ConfigMapKeyRef, SecretKeyRef};
use arm::Compute;

/// A field that Azure takes and never shows again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteOnly {
    /// Path in the object, as people know it.
    pub field: &'static str,
    /// JSON pointer in the PUT body.
    pub pointer: &'static str,
    /// The reason where a change of it cannot be carried out.
    pub reason: &'static str,
}

/// The value that would be sent for what Azure never shows again, to be hashed; `None` where there is nothing of that
/// kind or a Secret of it is missing.
pub fn unshown<K: Kind>(object: &K, refs: &Refs) -> Option<Secret> {
    let WorkspaceState::Ready(workspace) = &refs.workspace else { return None };
    let field = object.write_only()?;
    let known = |wanted: &SecretKeyRef| matches!(refs.secrets.get(wanted), Some(SecretState::Value(_)));
    let script = |wanted: &ConfigMapKeyRef| matches!(refs.config_maps.get(wanted), Some(ConfigMapState::Value(_)));
    if !object.secrets().iter().all(known) || !object.config_maps().iter().all(script) {
        return None;
    }
    let desired = object.desired(refs, workspace).ok()?;
    desired.pointer(field.pointer).map(|value| Secret::new(&value.to_string()))
}

/// A fingerprint is `<mark of the key>-<hash>`; only those of one key can be compared.
fn same_key(one: &str, other: &str) -> bool {
    let mark = |print: &str| print.split_once('-').map(|(mark, _)| mark.to_owned());
    mark(one).is_some() && mark(one) == mark(other)
}

/// Whether what was sent is no longer what is declared.
pub(crate) fn difference<K: Kind>(case: &Case<'_, K>, seen: &Compute) -> Option<Difference> {
    let field = case.object.write_only()?.field;
    let sent = to_report(case, reported(case.object, seen))?;
    let now = case.refs.fingerprint.as_deref()?;
    (same_key(&sent, now) && sent != now).then(|| Difference {
        field: field.into(),
        from: "what was sent".into(),
        to: "what is declared now".into(),
        change: Change::Recreate,
    })
}

/// The write-only field that a difference is of, or a part of.
pub(crate) fn of<K: Kind>(object: &K, difference: &Difference) -> Option<WriteOnly> {
    object.write_only().filter(|field| difference.field.starts_with(field.field))
}

/// Whether a difference is one that nobody made in Azure: what was sent there stays as it was sent.
pub(crate) fn is_of<K: Kind>(case: &Case<'_, K>, difference: &Difference) -> bool {
    of(case.object, difference).is_some()
}

/// The fingerprint to remember of this incarnation: what was sent when it was made. Where that is not known, or was
/// hashed with a key that is lost, what is declared now counts as what was sent.
pub(crate) fn to_report<K: Kind>(case: &Case<'_, K>, old: Option<&AzureResource>) -> Option<String> {
    case.object.write_only()?;
    let now = case.refs.fingerprint.as_ref();
    let sent = case.memory.sent.as_ref();
    match (old.and_then(|old| old.sent_fingerprint.as_ref()), now) {
        (Some(old), Some(now)) if !same_key(old, now) => Some(now.clone()),
        (Some(old), _) => Some(old.clone()),
        (None, now) => sent.or(now).cloned(),
    }
}
