//! Gathers what an object refers to, from caches and named reads; nothing is decided.
//!
//! Must not fail on what is missing: that is a fact for the decision. Only Kubernetes itself not answering is an error.

use crate::context::Context;
use crate::credentials::Credential;
use crate::looks::Look;
use crate::objects::{ObjectError, has};
use crate::undecodable;
use crate::workspace::credential;
use api::annotations::IN_USE;
use api::{ConditionType, Workspace, find_condition};
use arm::{Usage, VmSize, WorkspaceId};
use azureml::Client;
use kube::Resource;
use plan::{Kind, Refs, WorkspaceFacts, WorkspaceState};
use std::sync::Arc;

/// What an object refers to, and the means to look at Azure if there are any.
pub(crate) struct Gathered {
    pub(crate) refs: Refs,
    pub(crate) means: Option<Means>,
}

/// The means to look at Azure and to write.
pub(crate) struct Means {
    /// Speaks as the identity, in the api-version that knows the object's type.
    pub(crate) client: Client,
    pub(crate) workspace: WorkspaceId,
    pub(crate) look: Arc<Look>,
}

/// Gathers for one object. `None` while its identity was not looked at yet in this process: come again soon.
pub(crate) async fn gather<K: Kind>(context: &Arc<Context>, object: &K) -> Result<Option<Gathered>, ObjectError> {
    let namespace = object.meta().namespace.clone().unwrap_or_default();
    let name = &object.head().workspace_ref.name;
    let wanted = object.secrets();
    let secrets = context.secrets.read(&namespace, &wanted).await?;
    for secret in wanted {
        context.secrets.watch(&(namespace.clone(), secret.name), &context.on_secret_change());
    }
    let wanted = object.config_maps();
    let config_maps = context.config_maps.read(&namespace, &wanted).await?;
    for config_map in wanted {
        context.config_maps.watch(&(namespace.clone(), config_map.name), &context.on_config_map_change());
    }
    let refs = Refs { secrets, config_maps, ..Refs::of(WorkspaceState::Missing) };
    let unconnected = |workspace| Gathered { refs: Refs { workspace, ..refs.clone() }, means: None };
    let Some(workspace) = context.workspaces.get(&namespace, name) else {
        return Ok(Some(unconnected(absent(context, &namespace, name))));
    };
    let id = match WorkspaceId::parse(&workspace.spec.resource_id) {
        Ok(id) => id,
        Err(error) => {
            let state = WorkspaceState::Unready {
                reason: "WorkspaceInvalid".into(),
                message: format!("`spec.resourceId`: {error}"),
                stalled: true,
            };
            return Ok(Some(unconnected(state)));
        }
    };
    let Some(credential) = credential(context, &workspace) else { return Ok(None) };
    let credential = match credential {
        Ok(credential) => credential,
        Err(why) => {
            context.workspaces.trigger(&namespace, name);
            let state = WorkspaceState::Unready { reason: why.reason, message: why.message, stalled: why.stalled };
            return Ok(Some(unconnected(state)));
        }
    };
    let facts = facts(context, &workspace, &id);
    if !facts.held && !facts.deleting {
        context.workspaces.trigger(&namespace, name);
    }
    let (sizes, usages) = offers(context, object, &credential, &id, facts.location.as_deref()).await;
    let pace = context.pace(&workspace.spec.observe_interval);
    let look = context.looks.get(&id, &credential.client, &credential.fingerprint, pace);
    let client = credential.client.speaking(object.compute_type().dialect());
    let refs = Refs { workspace: WorkspaceState::Ready(Box::new(facts)), sizes, usages, ..refs };
    Ok(Some(Gathered { refs, means: Some(Means { client, workspace: id, look }) }))
}

/// What its region offers. Whoever is going needs no sizes.
async fn offers<K: Kind>(
    context: &Context,
    object: &K,
    credential: &Credential,
    workspace: &WorkspaceId,
    home: Option<&str>,
) -> (Option<Vec<VmSize>>, Option<Vec<Usage>>) {
    let machines = object.sizing().map(|sizing| sizing.location);
    let machines = machines.or_else(|| object.node_pool().map(|pool| pool.location));
    let wants = machines.filter(|_| object.meta().deletion_timestamp.is_none());
    let Some(location) = wants.and_then(|location| location.or(home)) else { return (None, None) };
    let Credential { client, fingerprint } = credential;
    context.offers.get(client, fingerprint, workspace.subscription(), location).await
}

/// Why the cache has no Workspace of that name to use.
fn absent(context: &Context, namespace: &str, name: &str) -> WorkspaceState {
    if !context.workspaces.is_undecodable(namespace, name) {
        return WorkspaceState::Missing;
    }
    let message = undecodable::UNREADABLE.into();
    WorkspaceState::Unready { reason: undecodable::REASON.into(), message, stalled: true }
}

fn facts(context: &Context, workspace: &Workspace, id: &WorkspaceId) -> WorkspaceFacts {
    let status = workspace.status.as_ref();
    let location = status.and_then(|status| status.location.clone());
    let conditions = status.map(|status| status.conditions.as_slice()).unwrap_or_default();
    let ready = find_condition(conditions, ConditionType::Ready);
    let is_stalled = find_condition(conditions, ConditionType::Stalled).is_some();
    let stalled = ready.filter(|_| is_stalled);
    let rest = context.pace(&workspace.spec.observe_interval).rest;
    WorkspaceFacts {
        id: id.clone(),
        location,
        trouble: stalled.map(|ready| plan::Because::new(ready.reason.clone(), ready.message.clone())),
        held: has(workspace, IN_USE),
        deleting: workspace.meta().deletion_timestamp.is_some(),
        observe_interval: rest.try_into().unwrap_or(jiff::SignedDuration::MAX),
    }
}
