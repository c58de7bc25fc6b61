//! What must hold on every step, judged by the truth of the model and never by the decision core.
//!
//! Must not be lenient: a law is broken or it is not; what excuses a leftover is named where it happens.

use crate::azure::Azure;
use crate::kubernetes::Kubernetes;
use crate::support::{CLAIM, FINALIZER, OWNER_OBJECT, OWNER_UID, PAUSED};
use api::{
    AdoptionPolicy, ComputeCluster, ComputeClusterStatus, ConditionType, DeletionPolicy, DriftPolicy, ManagedIdentity,
    ManagedIdentityType, ManagementPolicy, ReplacePolicy, find_condition,
};
use plan::{Action, OperationKind, check_kstatus};
use serde_json::Value;

pub(crate) type Lawful = Result<(), String>;

fn law(holds: bool, told: impl FnOnce() -> String) -> Lawful {
    if holds { Ok(()) } else { Err(told()) }
}

fn uid(object: &ComputeCluster) -> &str {
    object.metadata.uid.as_deref().unwrap()
}

fn may_adopt(object: &ComputeCluster, owner: Option<&str>, of: Option<&str>) -> bool {
    match object.spec.adoption_policy {
        AdoptionPolicy::TakeOver => true,
        AdoptionPolicy::Adopt => owner.is_none() || of == Some("team-a/cpu-cluster"),
        AdoptionPolicy::Never => false,
    }
}

/// Before a write to Azure (I2, I3, I5, I6): `acting` is the object it is done for.
pub(crate) fn write(
    kubernetes: &Kubernetes,
    azure: &Azure,
    acting: &ComputeCluster,
    action: &Action,
    looked: bool,
) -> Lawful {
    let Some(kind) = action.operation() else { return Ok(()) };
    let live = kubernetes.object.as_ref().ok_or_else(|| format!("I3: {kind:?} for an object that is gone"))?;
    law(uid(live) == uid(acting), || format!("I3: {kind:?} for another object of this name"))?;
    law(looked, || format!("I2: {kind:?} without a look in this pass"))?;
    let meta = &live.metadata;
    let annotation = |name| meta.annotations.as_ref().and_then(|a| a.get(name)).map(String::as_str);
    law(meta.finalizers.iter().flatten().any(|f| f == FINALIZER), || format!("I6: {kind:?} without finalizer"))?;
    let claimed = annotation(CLAIM).is_some_and(|claim| claim.starts_with(uid(live)));
    law(claimed, || format!("I6: {kind:?} without claim"))?;
    law(annotation(PAUSED) != Some("true"), || format!("{kind:?} while paused"))?;
    law(live.spec.management_policy == ManagementPolicy::Manage, || format!("{kind:?} of what is only observed"))?;
    let deleting = meta.deletion_timestamp.is_some();
    law(!deleting || kind == OperationKind::Delete, || format!("I3: {kind:?} while the object is being deleted"))?;
    let retained = deleting && live.spec.deletion_policy == DeletionPolicy::Retain;
    law(!retained, || "I5: Delete of what is retained".into())?;
    let Some(there) = &azure.compute else { return Ok(()) };
    let owner = there.tag(OWNER_UID);
    let known = live
        .status
        .as_ref()
        .and_then(|status| status.common.azure.as_ref())
        .is_some_and(|azure| azure.owned && azure.created_at.as_deref() == Some(there.created_on()));
    let ours = owner == Some(uid(live)) || (owner.is_none() && known);
    let adopting = kind == OperationKind::Update && may_adopt(live, owner, there.tag(OWNER_OBJECT));
    // Somebody took the finalizer while the compute was not yet shown: nobody can know that it is there.
    let unknowable = azure.get().is_none() && kubernetes.excused.iter().any(|uid| Some(uid.as_str()) == owner);
    law(ours || adopting || unknowable, || format!("I2: {kind:?} of what is not ours: {owner:?}"))?;
    let opted = live.spec.replace_policy == ReplacePolicy::Recreate;
    let spoiled = there.ours && !there.told_succeeded;
    law(kind != OperationKind::Delete || deleting || opted || spoiled, || {
        "a good compute is deleted without opt-in".into()
    })
}

/// Before the finalizer goes (I6).
pub(crate) fn release(kubernetes: &Kubernetes, azure: &Azure, acting: &ComputeCluster) -> Lawful {
    let Some(live) = kubernetes.object.as_ref().filter(|live| uid(live) == uid(acting)) else { return Ok(()) };
    law(live.metadata.deletion_timestamp.is_some(), || "I6: released while it lives".into())?;
    let spec = &live.spec;
    let stays = spec.deletion_policy == DeletionPolicy::Retain || spec.management_policy == ManagementPolicy::Observe;
    let left = azure.compute.as_ref().and_then(|compute| compute.tag(OWNER_UID)) == Some(uid(live));
    law(stays || !left, || "I6: released while its compute is there".into())
}

/// Of every status that is written (I8, I14).
pub(crate) fn status(object: &ComputeCluster, after: &ComputeClusterStatus, observed: Option<&Value>) -> Lawful {
    let generation = object.metadata.generation.unwrap();
    check_kstatus(&after.common.conditions, after.common.observed_generation, generation).map_err(str::to_owned)?;
    if let Some(before) = &object.status {
        let monotone = before.common.observed_generation <= after.common.observed_generation;
        law(monotone, || "I8: observedGeneration goes back".into())?;
        for old in &before.common.conditions {
            let new = find_condition(&after.common.conditions, old.kind).filter(|new| new.status == old.status);
            let same = new.is_none_or(|new| new.last_transition_time == old.last_transition_time);
            law(same, || format!("I8: transition time of {:?} moves alone", old.kind))?;
        }
    }
    let size = serde_json::to_string(after).unwrap().len();
    law(size <= 32 * 1024, || format!("I14: a status of {size} bytes"))?;
    let ready = find_condition(&after.common.conditions, ConditionType::Ready);
    let as_declared = ready.is_some_and(|ready| ready.reason == "AsDeclared");
    let paused = find_condition(&after.common.conditions, ConditionType::Paused).is_some();
    if as_declared && !paused {
        law(after.common.observed_generation == generation, || "I8: Ready of another generation".into())?;
        let body = observed.ok_or("I8: Ready without having seen it")?;
        law(matches(object, body), || format!("I8: Ready though Azure differs: {body}"))?;
    }
    Ok(())
}

/// Whether Azure has what the spec says, by a comparison of its own.
pub(crate) fn matches(object: &ComputeCluster, body: &Value) -> bool {
    let own = &body["properties"]["properties"];
    let scale = &own["scaleSettings"];
    let spec = &object.spec;
    let tags = spec.tags.iter().all(|(key, value)| body["tags"][key] == value.as_str());
    let min = spec.scale.min_nodes.is_none_or(|min| scale["minNodeCount"] == min);
    body["properties"]["provisioningState"] == "Succeeded"
        && body["tags"][OWNER_UID] == uid(object)
        && own["vmSize"].as_str().is_some_and(|size| size.eq_ignore_ascii_case(&spec.vm_size))
        && scale["maxNodeCount"] == spec.scale.max_nodes
        && min
        && tags
        && spec.identity.as_ref().is_none_or(|identity| same_identity(identity, body))
}

fn same_identity(identity: &ManagedIdentity, body: &Value) -> bool {
    let kind = body["identity"]["type"].as_str().unwrap_or("None");
    match identity.kind {
        ManagedIdentityType::None => kind == "None",
        ManagedIdentityType::SystemAssigned => kind == "SystemAssigned",
        ManagedIdentityType::UserAssigned => kind == "UserAssigned",
    }
}

/// When no more trouble comes, this must be reached (I1, I15, I16, I17, I20).
pub(crate) fn goal(kubernetes: &Kubernetes, azure: &Azure) -> Lawful {
    let there = azure.compute.as_ref();
    let Some(object) = &kubernetes.object else {
        let owner = there.and_then(|compute| compute.tag(OWNER_UID)).unwrap_or_default();
        let orphan = owner.starts_with("uid-") && !kubernetes.excused.iter().any(|uid| uid == owner);
        return law(!orphan, || format!("I17: an orphan of {owner} is left"));
    };
    law(object.metadata.deletion_timestamp.is_none(), || "I17: the object is still being deleted".into())?;
    let status = object.status.as_ref().ok_or("I15: nothing was ever reported")?;
    let ready = find_condition(&status.common.conditions, ConditionType::Ready).ok_or("I8: Ready is missing")?;
    let reason = ready.reason.as_str();
    let spec = &object.spec;
    let Some(there) = there else {
        let observing = spec.management_policy == ManagementPolicy::Observe && reason == "NotFound";
        return law(observing, || format!("I15: nothing is there: {reason}: {}", ready.message));
    };
    if spec.management_policy == ManagementPolicy::Observe {
        return law(["Observed", "ProvisioningFailed"].contains(&reason), || format!("I15: observed as {reason}"));
    }
    let (owner, of) = (there.tag(OWNER_UID), there.tag(OWNER_OBJECT));
    let part = status.common.azure.as_ref();
    let known = part.is_some_and(|azure| azure.owned && azure.created_at.as_deref() == Some(there.created_on()));
    // Stripped owner tags are a drift like any other while claim and incarnation are known.
    let reported = reason == "Drifted" && spec.drift_policy == DriftPolicy::Report;
    if owner != Some(uid(object)) && !(owner.is_none() && known && reported) {
        let excused = !may_adopt(object, owner, of) || there.state() == "Failed";
        let told = ["NotOurs", "OwnedByAnother", "ProvisioningFailed"].contains(&reason);
        return law(excused && told, || format!("I15: not ours ({owner:?}), told as {reason}"));
    }
    let size = there.body()["properties"]["properties"]["vmSize"].as_str().unwrap();
    let excused = match reason {
        "Drifted" => spec.drift_policy == DriftPolicy::Report,
        "ImmutableDifference" => {
            !size.eq_ignore_ascii_case(&spec.vm_size) && spec.replace_policy == ReplacePolicy::Never
        }
        "ProvisioningFailed" => there.state() == "Failed" && spec.replace_policy == ReplacePolicy::Never,
        _ => false,
    };
    law(excused || (reason == "AsDeclared" && matches(object, there.body())), || {
        format!("I15: {reason}: {}; azure has {}", ready.message, there.body())
    })
}
