//! What else stands for an object's resource: other objects of its kind, and other computes in its workspace.
//!
//! Must not judge: who may attach is decided from these facts. Objects of all namespaces are looked at, because
//! whoever attaches a resource twice breaks the first attachment, whosever it is.

use crate::engine::{Driven, Engine};
use crate::failure;
use crate::gather::Means;
use crate::objects::ObjectError;
use arm::{Compute, WorkspaceId, same_resource};
use kube::ResourceExt;
use plan::{Around, Attempt, Failure, Kind, Rival, azure_name};

/// What the caches know.
pub(crate) async fn known<K: Driven>(engine: &Engine<K>, object: &K, means: &Means) -> Around {
    if !Around::concerns(object) {
        return Around::default();
    }
    let objects = engine.cache.everywhere();
    let others = objects.iter().filter_map(|other| other.0.as_ref().ok());
    let rivals = rivals(engine, object, &means.workspace, others);
    if object.marks().is_empty() {
        return Around { rivals, ..Around::default() };
    }
    let computes = means.look.snapshot(engine.context.settings.azure_timeout).await;
    Around { rivals, attached: attached(object, computes.all()), fresh: false }
}

/// What the API server and Azure say now. Nothing is attached without it, and nothing changed that another object means
/// as well.
pub(crate) async fn fresh<K: Driven>(
    engine: &Engine<K>,
    object: &K,
    means: &Means,
) -> Result<Result<Around, Failure>, ObjectError> {
    let mut objects = Vec::new();
    for namespace in engine.cache.served() {
        objects.extend(engine.context.objects.list_lenient::<K>(namespace.as_deref()).await?);
    }
    let rivals = rivals(engine, object, &means.workspace, objects.iter());
    if object.marks().is_empty() {
        return Ok(Ok(Around { rivals, attached: Vec::new(), fresh: true }));
    }
    let computes = match means.client.list_computes(&means.workspace).await {
        Ok(computes) => computes,
        Err(error) => return Ok(Err(failure::of(Attempt::Look, &error))),
    };
    Ok(Ok(Around { rivals, attached: attached(object, computes.iter()), fresh: true }))
}

fn rivals<'a, K: Driven>(
    engine: &Engine<K>,
    object: &K,
    workspace: &WorkspaceId,
    others: impl Iterator<Item = &'a K>,
) -> Vec<Rival> {
    let marks = object.marks();
    let own = azure_name(object);
    // Most have nothing in common with the object, and that is seen without reading ids.
    let near = |other: &&K| !marks.is_empty() || azure_name(*other).eq_ignore_ascii_case(own);
    let theirs = |other: &K| {
        let namespace = other.namespace().unwrap_or_default();
        let connection = engine.context.workspaces.get(&namespace, &other.head().workspace_ref.name)?;
        WorkspaceId::parse(&connection.spec.resource_id).ok()
    };
    others.filter(near).filter_map(|other| Rival::of(object, workspace, other, theirs(other).as_ref())).collect()
}

fn attached<'a, K: Kind>(object: &K, computes: impl Iterator<Item = &'a Compute>) -> Vec<String> {
    let (own, marks) = (azure_name(object), object.marks());
    let other = |compute: &&Compute| !compute.name.eq_ignore_ascii_case(own) && same_resource(&marks, &compute.marks());
    computes.filter(other).map(|compute| compute.name.clone()).collect()
}
