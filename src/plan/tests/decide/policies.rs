//! Observing only, pausing, and what either must never do.
//!
//! Must not cover adoption or replacement.

use crate::support::*;
use api::{ConditionStatus, ConditionType};
use plan::{AcceptedWrite, Action, OperationKind};
use serde_json::{Value, json};

fn observing(over: &Value) -> Given {
    let mut spec = json!({"managementPolicy": "Observe"});
    overlay(&mut spec, over);
    given(&spec)
}

#[test]
fn observed_compute_is_reported_and_never_claimed_or_changed() {
    let other = json!({"tags": {OWNER_UID: "uid-7", OWNER_OBJECT: "team-b/other"}});
    for (spec, there, reason) in [
        (json!({}), azure(&json!({})), "Observed"),
        (json!({}), azure(&other), "Observed"),
        (
            json!({"scale": {"maxNodes": 9}, "vmSize": "x", "tags": {"a": "b"}, "replacePolicy": "Recreate"}),
            azure(&json!({})),
            "Observed",
        ),
    ] {
        for given in [observing(&spec).lists(there.clone()), observing(&spec).claimed().sees(there)] {
            let plan = given.decide();
            assert_eq!((ready(&plan), &plan.action), (reason, &Action::Nothing));
        }
    }
}

#[test]
fn observed_difference_is_ready_drifted_and_planned() {
    let spec = json!({"scale": {"maxNodes": 9}, "tags": {"a": "b"}});
    let given = observing(&spec).lists(azure(&json!({"tags": {OWNER_UID: null, OWNER_OBJECT: null}})));
    let plan = given.decide();
    assert_eq!(fields(&plan), ["spec.scale.maxNodes", "spec.tags[a]"], "our own tags are not missed");
    let status = given.reports();
    assert!(holds(&status, ConditionType::Ready) && holds(&status, ConditionType::Drifted));
    assert!(!holds(&status, ConditionType::Reconciling));
    assert_eq!(status.common.azure.unwrap().applied_generation, None);
}

#[test]
fn observed_absence_and_failure_stall_and_movement_is_waited_for() {
    let plan = observing(&json!({})).lists_nothing().decide();
    assert_eq!((stalled(&plan), &plan.action), ("NotFound", &Action::Nothing));
    let state = |state: &str| observing(&json!({})).lists(azure(&json!({"properties": {"provisioningState": state}})));
    assert_eq!(stalled(&state("Failed").decide()), "ProvisioningFailed");
    assert_eq!(working(&state("Creating").decide()), "Creating");
}

#[test]
fn pause_stops_every_write_and_a_value_nobody_knows_denies() {
    for value in ["true", "True", "yes", "", "0", "no", "flase"] {
        for given in [
            holding(&json!({"scale": {"maxNodes": 9}})).sees(azure(&json!({}))),
            given(&json!({})).claimed().sees_nothing(),
            given(&json!({})).sees_nothing(),
            holding(&json!({})).deleted(0).sees(azure(&json!({}))),
            holding(&json!({"deletionPolicy": "Retain"})).deleted(0).sees(azure(&json!({}))),
        ] {
            let given = given.annotate(PAUSED, value);
            let plan = given.decide();
            assert_eq!((&plan.verdict, &plan.action), (&plan::Verdict::Paused, &Action::Nothing), "{value}");
            assert!(holds(&given.reports(), ConditionType::Paused));
        }
    }
    for value in ["false", "False"] {
        let given = holding(&json!({"scale": {"maxNodes": 9}})).sees(azure(&json!({}))).annotate(PAUSED, value);
        assert_eq!(given.decide().action.name(), "scale");
    }
}

#[test]
fn pause_keeps_what_was_reported_and_leaves_the_generation_unobserved() {
    let before = holding(&json!({"vmSize": "STANDARD_D4_V2"})).sees(azure(&json!({}))).reports();
    let paused = holding(&json!({"vmSize": "STANDARD_D4_V2"})).with(|g| g.object.status = Some(before.clone()));
    let paused =
        paused.edited(&json!({"tags": {"a": "b"}, "identity": {"type": "SystemAssigned"}})).sees(azure(&json!({})));
    let after = paused.annotate(PAUSED, "true").reports();
    assert_eq!(after.common.observed_generation, before.common.observed_generation);
    assert_eq!(condition(&after, ConditionType::Stalled), condition(&before, ConditionType::Stalled));
    assert_eq!(after.common.plan, before.common.plan, "the plan that was reported stays");
    assert_eq!(after.common.azure, before.common.azure, "nothing is noted as set that was not set");
}

#[test]
fn end_of_a_pause_reports_anew() {
    let given = holding(&json!({})).sees(azure(&json!({})));
    let paused = given.clone().annotate(PAUSED, "true").reports();
    let status = given.with(|g| g.object.status = Some(paused)).reports();
    assert_eq!(condition(&status, ConditionType::Paused), None);
    assert_eq!(condition(&status, ConditionType::Ready).unwrap().status, ConditionStatus::True);
}

#[test]
fn running_write_goes_on_while_paused_and_is_reported() {
    let write = AcceptedWrite { kind: OperationKind::Scale, at: now(), running: true, digest: 1, times: 1 };
    let given = holding(&json!({})).sees(azure(&json!({}))).with(|g| g.memory.write = Some(write));
    assert_eq!(given.annotate(PAUSED, "true").reports().common.operation.unwrap().name, "Scale");
}
