//! The controller of Workspace: a connection is proven by looking, and held while computes need it for their deletes.
//!
//! Must not write anything to Azure.

use crate::context::Context;
use crate::credentials::{Credential, Unusable};
use crate::failure;
use crate::held::{conditions, missing, report};
use crate::objects::{ObjectError, has};
use crate::undecodable;
use api::annotations::IN_USE;
use api::{IdentityKind, Workspace, WorkspaceStatus};
use arm::WorkspaceId;
use jiff::Timestamp;
use kube::ResourceExt;
use plan::{Attempt, Because, Fate, Verdict, classify};
use std::sync::Arc;
use std::time::Duration;

/// How soon it is asked again for an identity that was not looked at yet in this process.
pub(crate) const IDENTITY_SOON: Duration = Duration::from_millis(100);

/// The credential a Workspace speaks with, or why there is none; `None` while its identity was not looked at yet in
/// this process, which must not be reported: after a restart nothing has changed.
pub(crate) fn credential(context: &Context, workspace: &Workspace) -> Option<Result<Credential, Unusable>> {
    let reference = &workspace.spec.identity_ref;
    let name = &reference.name;
    match reference.kind {
        IdentityKind::ClusterAzureIdentity => Some(Err(Unusable {
            reason: "UnsupportedIdentity".into(),
            message:
                "`spec.identityRef.kind` ClusterAzureIdentity is not supported by this version; use an AzureIdentity"
                    .into(),
            stalled: true,
        })),
        IdentityKind::AzureIdentity => {
            let namespace = workspace.namespace().unwrap_or_default();
            match context.credentials.get(&(namespace.clone(), name.clone())) {
                Some(known) => Some(
                    known.map_err(|why| Unusable { message: format!("AzureIdentity {name}: {}", why.message), ..why }),
                ),
                None if context.identities.get(&namespace, name).is_some() => None,
                None if context.identities.is_undecodable(&namespace, name) => Some(Err(Unusable {
                    reason: undecodable::REASON.into(),
                    message: format!("AzureIdentity {name}: {}", undecodable::UNREADABLE),
                    stalled: true,
                })),
                None => Some(Err(Unusable {
                    reason: "IdentityNotFound".into(),
                    message: format!(
                        "AzureIdentity {name} is not in this namespace; create it, or correct `spec.identityRef`"
                    ),
                    stalled: true,
                })),
            }
        }
    }
}

/// Whether the identity (and with it the Secret) is held.
fn identity_is_held(context: &Context, workspace: &Workspace) -> bool {
    let namespace = workspace.namespace().unwrap_or_default();
    context.identities.get(&namespace, &workspace.spec.identity_ref.name).is_some_and(|identity| has(&identity, IN_USE))
}

/// One pass over a Workspace. Returns when to come again.
pub(crate) async fn reconcile(context: &Arc<Context>, workspace: &Workspace) -> Result<Duration, ObjectError> {
    let namespace = workspace.namespace().unwrap_or_default();
    let name = workspace.name_any();
    let plan = &context.settings.plan;
    let deleting = workspace.metadata.deletion_timestamp.is_some();
    if deleting || !identity_is_held(context, workspace) {
        // It counts its users, and holds its Secret, when it is looked at.
        context.identities.trigger(&namespace, &workspace.spec.identity_ref.name);
    }
    // When the last user is gone nobody tells. Asked before `needed`, so that none goes unseen in between.
    let leaving = context.families().any(|family| family.is_user_leaving(&namespace, &name));
    let needed = context.families().any(|family| !family.users_of_workspace(&namespace, &name).is_empty());
    if has(workspace, IN_USE) && (deleting || !needed) && release(context, workspace).await? {
        context.identities.trigger(&namespace, &workspace.spec.identity_ref.name);
        return Ok(plan.requeue.unsigned_abs());
    }
    if deleting && !has(workspace, IN_USE) {
        context.identities.trigger(&namespace, &workspace.spec.identity_ref.name);
        return Ok(plan.requeue.unsigned_abs());
    }
    if needed && !deleting && !has(workspace, IN_USE) && identity_is_held(context, workspace) {
        match context.objects.hold(workspace, IN_USE).await {
            Err(error) if !error.is_outdated() => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    if deleting {
        // Nothing new is to be learned of it; it only waits for its last users.
        return Ok(plan.transition.unsigned_abs());
    }
    let Some(credential) = credential(context, workspace) else { return Ok(IDENTITY_SOON) };
    let (verdict, location) = look(context, workspace, credential).await;
    let before = workspace.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    let generation = workspace.metadata.generation.unwrap_or_default();
    let known = workspace.status.as_ref().and_then(|status| status.location.clone());
    let status = WorkspaceStatus {
        observed_generation: generation,
        conditions: conditions(&verdict, generation, before),
        location: location.or(known),
    };
    report(context, "Workspace", workspace, &serde_json::json!(status.clone().bounded()), &verdict, before).await?;
    // Told when the cache has it, not when it was written: who is woken reads the cache.
    if context.is_news(&workspace.uid().unwrap_or_default(), has(workspace, IN_USE), workspace.status.as_ref()) {
        context.families().for_each(|family| family.trigger_users_of_workspace(&namespace, &name));
    }
    Ok(match verdict {
        Verdict::Ready(_) if leaving => plan.transition,
        Verdict::Ready(_) | Verdict::Paused => plan.requeue,
        Verdict::Working(_) => plan.retry_fast,
        Verdict::Stalled(_) => plan.retry_slow,
    }
    .unsigned_abs())
}

/// Takes the hold off if no compute needs it any more, by what the API server has now. Says whether it did.
async fn release(context: &Arc<Context>, workspace: &Workspace) -> Result<bool, ObjectError> {
    let namespace = workspace.namespace().unwrap_or_default();
    let name = workspace.name_any();
    for family in context.families() {
        if family.holders(&namespace, &name).await? > 0 {
            return Ok(false);
        }
    }
    match context.objects.release(workspace, IN_USE).await {
        Ok(()) => Ok(true),
        Err(error) if error.is_outdated() => Ok(false),
        Err(error) => Err(error),
    }
}

/// Looks at the workspace itself: its region, and whether it is there and may be seen.
async fn look(
    context: &Arc<Context>,
    workspace: &Workspace,
    credential: Result<Credential, Unusable>,
) -> (Verdict, Option<String>) {
    let id = match WorkspaceId::parse(&workspace.spec.resource_id) {
        Ok(id) => id,
        Err(error) => {
            return (Verdict::Stalled(Because::new("InvalidSpec", format!("`spec.resourceId`: {error}"))), None);
        }
    };
    let credential = match credential {
        Ok(credential) => credential,
        Err(why) => {
            let because = Because::new(why.reason, why.message);
            return (if why.stalled { missing(context, workspace, because) } else { Verdict::Working(because) }, None);
        }
    };
    match credential.client.workspace(&id).await {
        Ok(found) => (
            Verdict::Ready(Because::new("Connected", "the workspace is there and may be looked at")),
            Some(found.location),
        ),
        Err(error) => {
            let disposition = classify(&failure::of(Attempt::Look, &error));
            let message =
                disposition.because.message.replacen("cannot look at the compute", "cannot look at the workspace", 1);
            let because = Because::new(disposition.because.reason.clone(), message);
            let verdict = match disposition.fate {
                Fate::Retry(_) => Verdict::Working(because),
                Fate::Stalled(_) => Verdict::Stalled(because),
                Fate::Forbidden if forbidden_for(workspace) < context.settings.plan.forbidden_grace => {
                    Verdict::Working(because)
                }
                Fate::Forbidden => Verdict::Stalled(because),
            };
            (verdict, None)
        }
    }
}

/// Since when the right has been missing, by what was reported.
fn forbidden_for(workspace: &Workspace) -> jiff::SignedDuration {
    let conditions = workspace.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    let since = api::find_condition(conditions, api::ConditionType::Ready)
        .filter(|ready| ready.reason == "Forbidden")
        .map(|ready| ready.last_transition_time.0);
    since.map_or(jiff::SignedDuration::ZERO, |at| Timestamp::now().duration_since(at))
}
