//! An object that cannot be decoded stalls alone, and says so on itself.
//!
//! Must not touch Azure, nor anything but the conditions of that object.

use crate::context::Context;
use crate::objects::{MANAGER, Namespaced, ObjectError};
use kube::Api;
use kube::api::{ApiResource, DynamicObject, Patch, PatchParams};
use kube::core::error_boundary::InvalidObject;
use plan::{Because, Verdict};
use serde_json::json;
use std::time::Duration;

/// The reason that it, and what refers to it, give.
pub(crate) const REASON: &str = "Undecodable";

/// What those say that refer to such an object.
pub(crate) const UNREADABLE: &str =
    "this version of the operator cannot read it; correct its field, or use an operator as new as the object";

/// Reports a stalled object.
pub(crate) async fn report<K: Namespaced>(
    context: &Context,
    kind: &'static str,
    invalid: &InvalidObject,
) -> Result<Duration, ObjectError> {
    let next = context.settings.plan.requeue.unsigned_abs();
    let meta = &invalid.metadata;
    let (Some(namespace), Some(name)) = (&meta.namespace, &meta.name) else { return Ok(next) };
    let resource = ApiResource::erase::<K>(&());
    let api: Api<DynamicObject> = Api::namespaced_with(context.objects.client().clone(), namespace, &resource);
    let live = tokio::time::timeout(context.settings.kubernetes_timeout, api.get_opt(name));
    let Some(live) = live.await.map_err(|_| ObjectError::Timeout)?? else { return Ok(next) };
    let message: String = format!(
        "this version of the operator cannot read the object: {}; correct the field, or use an operator as new as the object",
        told(&invalid.error)
    );
    let verdict = Verdict::Stalled(Because::new(REASON, message));
    let generation = live.metadata.generation.unwrap_or_default();
    let before = live.data.pointer("/status/conditions").cloned().unwrap_or_default();
    let before = serde_json::from_value::<Vec<api::Condition>>(before).unwrap_or_default();
    let conditions = crate::held::conditions(&verdict, generation, &before);
    if conditions == before {
        return Ok(next);
    }
    let body = json!({
        "apiVersion": K::api_version(&()),
        "kind": K::kind(&()),
        "metadata": {"name": name, "namespace": namespace, "resourceVersion": live.metadata.resource_version},
        "status": {"observedGeneration": generation, "conditions": conditions},
    });
    let params = PatchParams::apply(MANAGER).force();
    let patch = Patch::Apply(body);
    let write = tokio::time::timeout(context.settings.kubernetes_timeout, api.patch_status(name, &params, &patch));
    match write.await.map_err(|_| ObjectError::Timeout)? {
        Ok(_) => tracing::warn!(kind, namespace, name, error = invalid.error, "Cannot decode an object"),
        Err(error) => {
            tracing::warn!(kind, namespace, name, %error, "Cannot say that an object cannot be decoded");
        }
    }
    Ok(next)
}

/// What the decoder says, as a clause of our sentence.
fn told(error: &str) -> String {
    let clause = error.replacen(". Expected", ", expected", 1);
    let mut letters = clause.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).take(TOLD_LIMIT).collect()).unwrap_or_default()
}

/// Longest that the decoder speaks: what to do comes after it.
const TOLD_LIMIT: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoder_speaks_in_a_clause_that_leaves_room_for_what_to_do() {
        assert_eq!(told("Unknown variant X. Expected one of A, B"), "unknown variant X, expected one of A, B");
        assert_eq!(told(&"Ä".repeat(2000)).chars().count(), TOLD_LIMIT);
        assert_eq!(told(""), "");
    }
}
