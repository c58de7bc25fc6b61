//! From a decision to the status that says it.
//!
//! Must not hold anything that changes while nothing changes: equal facts give an equal status.

use crate::action::{Plan, Verdict};
use crate::case::Case;
use crate::conditions::{Summary, summarise, whole_second};
use crate::failure::Cause;
use crate::inputs::{Seen, WorkspaceState};
use crate::kind::{Kind, generation};
use crate::kstatus;
use crate::sizing::{Quota, check_quota};
use crate::standing::Standing;
use crate::{envelope, present as judged, redact, unshown};
use api::{Advice, AzureResource, ComputeStatus, IdentityReport, ManagementPolicy, OperationReport, ProvisioningError};
use arm::{ArmError, Compute, ProvisioningState};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::Value;

/// Most items a list in status holds; the schema bounds them as well.
const LIST_LIMIT: usize = 32;

/// The whole status for a decision, and the broken rule of kstatus, if any.
pub fn report<K: Kind>(case: &Case<'_, K>, plan: &Plan) -> (Value, Option<&'static str>) {
    let common = common(case, plan);
    let broken = kstatus::check(&common.conditions, common.observed_generation, generation(case.object)).err();
    let known = present(case).map(|seen| case.known(seen));
    (case.object.status(common, known.as_ref()), broken)
}

fn present<'a, K: Kind>(case: &'a Case<'_, K>) -> Option<&'a Compute> {
    match &case.observation.seen {
        Seen::Present(compute) => Some(compute),
        Seen::Absent | Seen::Unknown => None,
    }
}

fn common<K: Kind>(case: &Case<'_, K>, plan: &Plan) -> ComputeStatus {
    let before = case
        .object
        .common_status()
        .cloned()
        .unwrap_or_else(|| ComputeStatus { observed_generation: -1, ..ComputeStatus::default() });
    let seen = present(case);
    let sizing = case.object.sizing();
    let quota = sizing.map_or(Quota::Unknown, |sizing| check_quota(&sizing, case.refs));
    let summary = Summary {
        verdict: &plan.verdict,
        drifted: seen.map(|_| plan.drifted),
        quota: &quota,
        generation: generation(case.object),
        now: case.now,
    };
    let paused = plan.verdict == Verdict::Paused;
    ComputeStatus {
        observed_generation: if paused { before.observed_generation } else { generation(case.object) },
        conditions: summarise(&summary, &before.conditions),
        azure: azure(case, plan, &before),
        provisioning_errors: errors(case, plan, seen),
        operation: operation(case, seen, &before),
        identity: seen.and_then(identity),
        plan: if paused { before.plan } else { plan.changes.iter().take(LIST_LIMIT).cloned().collect() },
        advice: advice(case),
    }
}

fn azure<K: Kind>(case: &Case<'_, K>, plan: &Plan, before: &ComputeStatus) -> Option<AzureResource> {
    let seen = match &case.observation.seen {
        Seen::Unknown => return before.azure.clone(),
        // A list may be late, and a young compute is shown now and then only; what was reported of it stands.
        Seen::Absent if case.created_just_now() || !case.observation.is_fresh() => return before.azure.clone(),
        Seen::Absent => return None,
        Seen::Present(seen) => seen,
    };
    let old = before.azure.as_ref().filter(|azure| azure.created_at == seen.created_on);
    let paused = plan.verdict == Verdict::Paused;
    let owned = if paused { old.is_some_and(|azure| azure.owned) } else { plan.owned };
    let manages = case.object.head().management == ManagementPolicy::Manage;
    let in_order = matches!(plan.verdict, Verdict::Ready(_)) && plan.changes.is_empty();
    let succeeded = seen.provisioning_state == ProvisioningState::Succeeded
        && matches!(case.object.standing(seen), Standing::Settled { .. });
    // What is not known to be new counts as having been ready: it is never deleted by itself.
    let counts = succeeded || (owned && !judged::never_was_ready(case, seen));
    let first_ready = old.and_then(|azure| azure.first_ready_at.clone());
    let newly_ready = counts.then(|| Time(whole_second(case.now)));
    let applied = old.and_then(|azure| azure.applied_generation);
    Some(AzureResource {
        resource_id: seen.id.clone(),
        location: seen.region().map(str::to_owned),
        provisioning_state: Some(seen.provisioning_state.as_str().to_owned()),
        created_at: seen.created_on.clone(),
        first_ready_at: first_ready.or(newly_ready),
        owned,
        applied_generation: if manages && in_order { Some(generation(case.object)) } else { applied },
        managed_tags: match (paused, owned) {
            (true, _) => old.map(|azure| azure.managed_tags.clone()).unwrap_or_default(),
            (false, true) => envelope::managed_tags(case.object, seen),
            (false, false) => Vec::new(),
        },
        sent_fingerprint: match (paused, owned) {
            (true, _) => old.and_then(|azure| azure.sent_fingerprint.clone()),
            (false, owned) => owned.then(|| unshown::to_report(case, old)).flatten(),
        },
        managed_identity: match (paused, owned) {
            (true, _) => old.is_some_and(|azure| azure.managed_identity),
            (false, owned) => owned && envelope::manages_identity(case.object, seen),
        },
    })
}

/// Errors of provisioning, of running nodes, and of an operation that failed and left nothing behind.
fn errors<K: Kind>(case: &Case<'_, K>, plan: &Plan, seen: Option<&Compute>) -> Vec<ProvisioningError> {
    let settled = matches!(plan.verdict, Verdict::Ready(_));
    let of_resource = seen.map(|seen| seen.provisioning_errors.clone()).unwrap_or_default();
    let running = seen.map(|seen| case.object.running_errors(seen)).unwrap_or_default();
    let failed = case.memory.setback.as_ref().filter(|_| !settled).and_then(|setback| {
        let Cause::OperationFailed { error } = &setback.failure.cause else { return None };
        Some(error.clone())
    });
    let mut errors: Vec<ProvisioningError> = Vec::new();
    for error in of_resource.into_iter().chain(running).chain(failed) {
        let error = redact::error(case.refs, told(error));
        if !errors.contains(&error) && errors.len() < LIST_LIMIT {
            errors.push(error);
        }
    }
    errors
}

fn told(error: ArmError) -> ProvisioningError {
    let code = if error.code.is_empty() { "Unknown".into() } else { error.code };
    ProvisioningError { code, message: error.message, target: error.target }
}

/// The operation that runs; after a restart the reported one stands as long as Azure still moves.
fn operation<K: Kind>(case: &Case<'_, K>, seen: Option<&Compute>, before: &ComputeStatus) -> Option<OperationReport> {
    if let Some(write) = case.running() {
        return Some(OperationReport { name: write.kind.as_str().into(), started_at: Time(whole_second(write.at)) });
    }
    let moving = match seen.map(|seen| &seen.provisioning_state) {
        Some(ProvisioningState::Creating | ProvisioningState::Updating | ProvisioningState::Deleting) => true,
        Some(
            ProvisioningState::Succeeded
            | ProvisioningState::Failed
            | ProvisioningState::Canceled
            | ProvisioningState::Unknown(_),
        ) => false,
        None => case.created_just_now(),
    };
    before.operation.clone().filter(|_| moving)
}

fn identity(seen: &Compute) -> Option<IdentityReport> {
    let identity = seen.identity.as_ref()?;
    let users = &identity.user_assigned;
    let report = IdentityReport {
        principal_id: identity.principal_id.clone(),
        tenant_id: identity.tenant_id.clone(),
        client_ids: users.iter().filter_map(|user| Some((user.id.clone(), user.client_id.clone()?))).collect(),
    };
    (report != IdentityReport::default()).then_some(report)
}

fn advice<K: Kind>(case: &Case<'_, K>) -> Vec<Advice> {
    let workspace = match &case.refs.workspace {
        WorkspaceState::Ready(facts) => Some(facts.as_ref()),
        WorkspaceState::Missing | WorkspaceState::Unready { .. } => None,
    };
    let mut advice = case.object.advice(workspace);
    let unshown = case.object.write_only().filter(|_| unshown::unshown(case.object, case.refs).is_some());
    if let Some(unshown) = unshown.filter(|_| case.refs.fingerprint.is_none()) {
        let message = format!(
            "the operator has no right to the key of its fingerprints, so a change of {} goes unnoticed where azure does not show it",
            unshown.field
        );
        advice.push(Advice { reason: "SecretChangesUnseen".into(), message });
    }
    advice.truncate(LIST_LIMIT);
    advice
}
