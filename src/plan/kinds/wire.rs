//! What the bodies of several kinds are made of.
//!
//! Must not hold anything only one kind sends, and must not send what the owner did not write.

use crate::inputs::{Refs, SecretState, WorkspaceFacts};
use crate::rules::{Change, Compare, FieldRule, Missing};
use api::{SecretKeyRef, SshPublicKey, Subnet};
use serde_json::{Map, Value};

/// One rule of a kind's table.
pub(super) const fn rule(
    field: &'static str,
    pointer: &'static str,
    compare: Compare,
    missing: Missing,
    change: Change,
) -> FieldRule {
    FieldRule { field, pointer, compare, missing, change }
}

/// Puts a value that the owner wrote.
pub(super) fn put(map: &mut Map<String, Value>, key: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        map.insert(key.into(), value.into());
    }
}

/// The subnet's ARM id: as given, or made of its names within the workspace's subscription.
pub(super) fn subnet_id(subnet: &Subnet, workspace: &WorkspaceFacts) -> String {
    if let Some(id) = &subnet.id {
        return id.clone();
    }
    let part = |value: &Option<String>| value.clone().unwrap_or_default();
    let group = subnet.resource_group.as_deref().unwrap_or(workspace.id.resource_group());
    format!(
        "/subscriptions/{}/resourceGroups/{group}/providers/Microsoft.Network/virtualNetworks/{}/subnets/{}",
        workspace.id.subscription(),
        part(&subnet.virtual_network),
        part(&subnet.name)
    )
}

/// A Secret's value, if it is there.
pub(super) fn secret(refs: &Refs, wanted: &SecretKeyRef) -> Option<String> {
    match refs.secrets.get(wanted) {
        Some(SecretState::Value(secret)) => Some(secret.expose().to_owned()),
        Some(SecretState::Missing | SecretState::KeyMissing | SecretState::Forbidden) | None => None,
    }
}

/// A public key, wherever it is written.
pub(super) fn public_key(refs: &Refs, key: &SshPublicKey) -> Option<String> {
    key.value.clone().or_else(|| key.secret_ref.as_ref().and_then(|wanted| secret(refs, wanted)))
}
