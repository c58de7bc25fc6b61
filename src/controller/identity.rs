//! The controller of AzureIdentity: credentials become a client of Azure, and are held while deletes need them.
//!
//! Must not let a value of the Secret leave the client it is made for.

use crate::context::Context;
use crate::credentials::{Credential, IdentityName, Unusable};
use crate::failure;
use crate::held::{conditions, missing, report};
use crate::lent::Holder;
use crate::objects::{ObjectError, has};
use crate::rbac::SECRET_ACCESS;
use api::annotations::IN_USE;
use api::{AzureIdentity, AzureIdentityStatus, AzureIdentityType, IdentityKind, SecretKeyRef};
use azureml::{Client, Options, TokenSource};
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kube::core::DeserializeGuard;
use kube::{Resource, ResourceExt};
use plan::{Attempt, Because, Verdict, classify};
use std::sync::Arc;
use std::time::Duration;

/// The Secret an identity is made of.
pub(crate) fn secret_of(identity: &AzureIdentity) -> Option<&SecretKeyRef> {
    identity.spec.service_principal.as_ref()?.client_secret.as_ref().map(|source| &source.secret_ref)
}

/// One pass over an identity. Returns when to come again.
pub(crate) async fn reconcile(context: &Arc<Context>, identity: &AzureIdentity) -> Result<Duration, ObjectError> {
    let namespace = identity.namespace().unwrap_or_default();
    let name: IdentityName = (namespace.clone(), identity.name_any());
    let users = users(context, &name);
    let needed = !users.is_empty();
    if !needed && (has(identity, IN_USE) || identity.meta().deletion_timestamp.is_some()) {
        let_go(context, identity).await?;
    }
    if !needed && identity.meta().deletion_timestamp.is_some() {
        context.credentials.forget(&name);
        return Ok(context.settings.plan.requeue.unsigned_abs());
    }
    let usable = usable(context, identity, needed).await?;
    let verdict = match last_resort(context, identity, &name, usable) {
        Ok(credential) => {
            let before = context.credentials.get(&name);
            let changed = !matches!(&before, Some(Ok(old)) if old.fingerprint == credential.fingerprint);
            let because = Because::new("Authenticated", authenticated(context, identity, needed).await?);
            context.credentials.set(name.clone(), Ok(credential));
            wake(context, &namespace, &users, changed);
            Verdict::Ready(because)
        }
        Err(verdict) => {
            if let Verdict::Working(because) | Verdict::Stalled(because) = &verdict {
                let stalled = matches!(verdict, Verdict::Stalled(_));
                let unusable = Unusable { reason: because.reason.clone(), message: because.message.clone(), stalled };
                let changed = !matches!(context.credentials.get(&name), Some(Err(old)) if old == unusable);
                context.credentials.set(name.clone(), Err(unusable));
                wake(context, &namespace, &users, changed);
            }
            verdict
        }
    };
    let before = identity.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    let generation = identity.metadata.generation.unwrap_or_default();
    let status =
        AzureIdentityStatus { observed_generation: generation, conditions: conditions(&verdict, generation, before) };
    report(context, "AzureIdentity", identity, &serde_json::json!(status.clone().bounded()), &verdict, before).await?;
    let plan = &context.settings.plan;
    let leaving = users.iter().any(|workspace| workspace.meta().deletion_timestamp.is_some());
    Ok(match verdict {
        // When the last user is gone nobody tells.
        Verdict::Ready(_) if leaving || identity.meta().deletion_timestamp.is_some() => plan.transition,
        Verdict::Ready(_) | Verdict::Paused => plan.requeue,
        Verdict::Working(_) => plan.retry_fast,
        Verdict::Stalled(_) => plan.retry_slow,
    }
    .unsigned_abs())
}

/// What is said of an identity that works, and of the one thing that may still be wrong with it.
async fn authenticated(context: &Context, identity: &AzureIdentity, needed: bool) -> Result<String, ObjectError> {
    const WORKS: &str = "microsoft entra gives tokens for this identity";
    let namespace = identity.namespace().unwrap_or_default();
    let (binding, role) = if needed { right(context, &namespace).await? } else { return Ok(WORKS.into()) };
    Ok(match (binding, role) {
        (Some(_), Some(_)) => WORKS.into(),
        (Some(_) | None, _) => format!(
            "{WORKS}; its Secret is not protected from deletion, because the Role and RoleBinding that lend it are not named {SECRET_ACCESS}"
        ),
    })
}

/// An identity that is being deleted keeps the client it had, if its Secret is out of reach by now: the last deletes
/// may still need it.
fn last_resort(
    context: &Context,
    identity: &AzureIdentity,
    name: &IdentityName,
    usable: Result<Credential, Verdict>,
) -> Result<Credential, Verdict> {
    match (usable, context.credentials.get(name)) {
        (Err(_), Some(Ok(known))) if identity.metadata.deletion_timestamp.is_some() => Ok(known),
        (usable, _) => usable,
    }
}

/// The Workspaces that use an identity.
fn users(context: &Context, name: &IdentityName) -> Vec<Arc<DeserializeGuard<api::Workspace>>> {
    let uses = |workspace: &api::Workspace| {
        workspace.spec.identity_ref.kind == IdentityKind::AzureIdentity && workspace.spec.identity_ref.name == name.1
    };
    let mut workspaces = context.workspaces.in_namespace(&name.0);
    workspaces.retain(|workspace| workspace.0.as_ref().is_ok_and(uses));
    workspaces
}

fn wake(context: &Context, namespace: &str, users: &[Arc<DeserializeGuard<api::Workspace>>], changed: bool) {
    if changed {
        users.iter().for_each(|workspace| context.workspaces.trigger(namespace, &workspace.name_any()));
    }
}

/// The client that speaks as the identity, or what is to be said.
async fn usable(
    context: &Arc<Context>,
    identity: &AzureIdentity,
    needed: bool,
) -> Result<Result<Credential, Verdict>, ObjectError> {
    let stalled = |reason: &str, message: String| Ok(Err(Verdict::Stalled(Because::new(reason, message))));
    if identity.spec.kind != AzureIdentityType::ServicePrincipal {
        return stalled(
            "UnsupportedType",
            "`spec.type` WorkloadIdentity is not supported by this version; use ServicePrincipal with a client secret"
                .into(),
        );
    }
    let Some(reference) = secret_of(identity) else {
        return stalled(
            "UnsupportedCredential",
            "`spec.servicePrincipal.certificate` is not supported by this version; use clientSecret".into(),
        );
    };
    let namespace = identity.namespace().unwrap_or_default();
    context.secrets.watch(&(namespace.clone(), reference.name.clone()), &context.on_secret_change());
    let secret = match context.secrets.get(&namespace, &reference.name).await {
        Ok(Some(secret)) => secret,
        Ok(None) => {
            let message = format!("Secret {} is not in this namespace; create it", reference.name);
            return Ok(Err(missing(context, identity, Because::new("SecretNotFound", message))));
        }
        Err(error) if error.is_forbidden() => return Ok(Err(forbidden(context, identity, &reference.name))),
        Err(error) => return Err(error),
    };
    if needed && let Err(verdict) = hold(context, identity, &secret).await? {
        return Ok(Err(verdict));
    }
    let Some(value) = secret.at(reference) else {
        let message =
            format!("Secret {} has no key {}, or its value is no text; add the key", reference.name, reference.key);
        return Ok(Err(missing(context, identity, Because::new("SecretKeyMissing", message))));
    };
    authenticate(context, identity, &secret, &value).await
}

fn forbidden(context: &Context, identity: &AzureIdentity, secret: &str) -> Verdict {
    let message = format!(
        "the operator may not read Secret {secret}; grant it by a Role in this namespace (get, watch and patch on that Secret), for example by the chart's secretAccess"
    );
    missing(context, identity, Because::new("SecretForbidden", message))
}

/// Holds the lent right first, then the Secret, then the identity, so that whoever sees the identity held may rely on
/// all of them. A Secret whose right cannot be held is not held either: a namespace that is deleted would wait for
/// ever for an operator that may no longer let go.
async fn hold(
    context: &Context,
    identity: &AzureIdentity,
    secret: &Secret,
) -> Result<Result<(), Verdict>, ObjectError> {
    let namespace = identity.namespace().unwrap_or_default();
    if secret.metadata.deletion_timestamp.is_none() && hold_right(context, &namespace).await? {
        match context.objects.hold(secret, IN_USE).await {
            Ok(()) => {}
            Err(error) if error.is_forbidden() => return Ok(Err(forbidden(context, identity, &secret.name_any()))),
            Err(error) => return Err(error),
        }
    }
    if identity.metadata.deletion_timestamp.is_none() {
        context.objects.hold(identity, IN_USE).await?;
    }
    Ok(Ok(()))
}

/// Holds Role and RoleBinding by which the namespace lends its Secrets. False if they have not the name under which
/// they can be held, or are going already.
async fn hold_right(context: &Context, namespace: &str) -> Result<bool, ObjectError> {
    let (Some(binding), Some(role)) = right(context, namespace).await? else { return Ok(false) };
    if binding.metadata.deletion_timestamp.is_some() || role.metadata.deletion_timestamp.is_some() {
        return Ok(has(&binding, IN_USE) && has(&role, IN_USE));
    }
    context.objects.hold(&role, IN_USE).await?;
    context.objects.hold(&binding, IN_USE).await?;
    Ok(true)
}

async fn right(context: &Context, namespace: &str) -> Result<(Option<RoleBinding>, Option<Role>), ObjectError> {
    let none_if_forbidden = |error: ObjectError| if error.is_forbidden() { Ok(None) } else { Err(error) };
    let binding = context.objects.get::<RoleBinding>(namespace, SECRET_ACCESS).await.or_else(none_if_forbidden)?;
    let none_if_forbidden = |error: ObjectError| if error.is_forbidden() { Ok(None) } else { Err(error) };
    let role = context.objects.get::<Role>(namespace, SECRET_ACCESS).await.or_else(none_if_forbidden)?;
    Ok((binding, role))
}

/// Makes a client, or keeps the one made of the same spec and Secret, and proves it by a token.
async fn authenticate(
    context: &Arc<Context>,
    identity: &AzureIdentity,
    secret: &Secret,
    value: &plan::Secret,
) -> Result<Result<Credential, Verdict>, ObjectError> {
    let spec = &identity.spec;
    // The Secret's version would change with our own finalizer; a keyless hash of the value would be a way to guess
    // it. The value's fingerprint stays in this process and seeds nothing else.
    let digest =
        plan::fingerprint(&[value.expose().as_bytes(), secret.metadata.uid.as_deref().unwrap_or_default().as_bytes()]);
    let fingerprint: Arc<str> =
        format!("{}/{}/{}/{digest:x}", identity.uid().unwrap_or_default(), spec.tenant_id, spec.client_id).into();
    let name = (identity.namespace().unwrap_or_default(), identity.name_any());
    let known = context.credentials.get(&name).and_then(Result::ok).filter(|old| old.fingerprint == fingerprint);
    let settings = &context.settings;
    let made = match known {
        Some(known) => return Ok(Ok(known)),
        None => client(context, spec, value),
    };
    let (tokens, client) = match made {
        Ok(made) => made,
        Err(error) => return Ok(Err(refused(&error))),
    };
    let token = tokio::time::timeout(settings.azure_timeout, tokens.token()).await;
    match token {
        Ok(Ok(_)) => Ok(Ok(Credential { client, fingerprint })),
        Ok(Err(error)) => Ok(Err(refused(&error))),
        Err(_) => {
            let message = "microsoft entra did not answer in time; it is tried again";
            Ok(Err(Verdict::Working(Because::new("AzureUnavailable", message))))
        }
    }
}

fn client(
    context: &Context,
    spec: &api::AzureIdentitySpec,
    value: &plan::Secret,
) -> Result<(Arc<dyn TokenSource>, Client), azureml::Error> {
    let settings = &context.settings;
    let tokens = azureml::service_principal(
        &settings.cloud,
        &spec.tenant_id,
        &spec.client_id,
        value.expose().to_owned().into(),
    )?;
    let options = Options {
        timeout: settings.azure_timeout,
        gate: context.gate.clone(),
        observer: Some(Arc::new(context.metrics.clone())),
        ..Options::default()
    };
    let client = Client::new(&settings.cloud, tokens.clone(), options)?;
    Ok((tokens, client))
}

fn refused(error: &azureml::Error) -> Verdict {
    let disposition = classify(&failure::of(Attempt::Authenticate, error));
    let message =
        disposition.because.message.replacen("cannot authenticate to Azure for the compute", "cannot authenticate", 1);
    Verdict::Working(Because::new(disposition.because.reason, message))
}

/// The last user is gone: the Secret is let go if no other identity is made of it, then the lent right if no identity
/// of the namespace is held any more, then the identity. A crash in between finds the identity still held.
async fn let_go(context: &Arc<Context>, identity: &AzureIdentity) -> Result<(), ObjectError> {
    let namespace = identity.namespace().unwrap_or_default();
    let live = context.objects.list::<api::Workspace>(&namespace).await?;
    let uses = |w: &api::Workspace| {
        w.spec.identity_ref.kind == IdentityKind::AzureIdentity && w.spec.identity_ref.name == identity.name_any()
    };
    if live.iter().any(uses) {
        return Ok(());
    }
    let mut others = context.objects.list::<AzureIdentity>(&namespace).await?;
    others.retain(|other| other.uid() != identity.uid() && has(other, IN_USE));
    if let Some(reference) = secret_of(identity)
        && !others.iter().any(|other| secret_of(other).is_some_and(|secret| secret.name == reference.name))
    {
        match context.secrets.get(&namespace, &reference.name).await {
            Ok(Some(secret)) => context.objects.release(&secret, IN_USE).await.or_else(outdated)?,
            // The right went before: then the Secret was let go before, or was never held.
            Err(error) if error.is_forbidden() => {}
            Ok(None) => {}
            Err(error) => return Err(error),
        }
    }
    if others.is_empty() {
        let (binding, role) = right(context, &namespace).await?;
        if let Some(binding) = binding {
            context.objects.release(&binding, IN_USE).await.or_else(outdated)?;
        }
        if let Some(role) = role {
            context.objects.release(&role, IN_USE).await.or_else(outdated)?;
        }
    }
    context.objects.release(identity, IN_USE).await.or_else(outdated)
}

/// Changed or gone since it was read: its watch brings it again.
fn outdated(error: ObjectError) -> Result<(), ObjectError> {
    if error.is_outdated() { Ok(()) } else { Err(error) }
}
