//! An object that cannot be decoded stalls alone, and says so on itself.
//!
//! Must not touch Azure, nor anything but the conditions of that object.

use crate::context::Context;
use crate::engine::Driven;
use crate::objects::{MANAGER, ObjectError};
use kube::Api;
use kube::api::{ApiResource, DynamicObject, Patch, PatchParams};
use kube::core::error_boundary::InvalidObject;
use plan::{Because, Verdict};
use serde_json::json;
use std::time::Duration;

/// Reports a stalled object.
pub(crate) async fn report<K: Driven>(context: &Context, invalid: &InvalidObject) -> Result<Duration, ObjectError> {
    let next = context.settings.plan.requeue.unsigned_abs();
    let meta = &invalid.metadata;
    let (Some(namespace), Some(name)) = (&meta.namespace, &meta.name) else { return Ok(next) };
    let resource = ApiResource::erase::<K>(&());
    let api: Api<DynamicObject> = Api::namespaced_with(context.objects.client().clone(), namespace, &resource);
    let live = tokio::time::timeout(context.settings.kubernetes_timeout, api.get_opt(name));
    let Some(live) = live.await.map_err(|_| ObjectError::Timeout)?? else { return Ok(next) };
    let message: String = format!(
        "this version of the operator cannot read the object: {}; correct the field, or use an operator as new as the object",
        invalid.error
    );
    let verdict = Verdict::Stalled(Because::new("Undecodable", message));
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
        Ok(_) => tracing::warn!(kind = K::NAME, namespace, name, error = invalid.error, "Cannot decode an object"),
        Err(error) => {
            tracing::warn!(kind = K::NAME, namespace, name, %error, "Cannot say that an object cannot be decoded");
        }
    }
    Ok(next)
}
