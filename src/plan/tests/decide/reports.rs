//! What is reported: conditions, the part of Azure, identities, nodes, advice.
//!
//! Must not judge actions.

use crate::support::*;
use api::{ConditionStatus, ConditionType};
use plan::{AcceptedWrite, OperationKind};
use proptest::prelude::*;
use serde_json::{Value, json};

#[test]
fn first_report_speaks_of_its_generation_and_explains_itself() {
    let status = given(&json!({})).reports();
    assert_eq!(status.common.observed_generation, 1);
    assert!(holds(&status, ConditionType::Reconciling));
    assert_eq!(condition(&status, ConditionType::Ready).unwrap().status, ConditionStatus::False);
    assert_eq!(condition(&status, ConditionType::Drifted), None, "nothing was compared yet");
}

#[test]
fn transition_time_moves_only_when_the_status_of_a_condition_does() {
    let working = given(&json!({})).claimed().sees_nothing();
    let first = working.reports();
    let later = working.with(|g| {
        g.object.status = Some(first.clone());
        g.now = g.now.checked_add(secs(100)).unwrap();
    });
    let at = |status, kind| condition(status, kind).unwrap().last_transition_time.clone();
    let second = later.clone().sees(azure(&json!({"properties": {"provisioningState": "Creating"}}))).reports();
    assert_eq!(at(&second, ConditionType::Ready), at(&first, ConditionType::Ready));
    let third = later.sees(azure(&json!({}))).reports();
    assert!(at(&third, ConditionType::Ready).0 > at(&first, ConditionType::Ready).0);
    assert_eq!(condition(&third, ConditionType::Reconciling), None);
}

#[test]
fn azure_part_tells_id_region_state_incarnation_and_first_time() {
    let status = given(&json!({"tags": {"team": "x"}, "identity": {"type": "SystemAssigned"}})).claimed();
    let identity = json!({"type": "SystemAssigned", "principalId": "p", "tenantId": "t"});
    let there = azure(&json!({"tags": {"team": "x"}, "identity": identity}));
    let status = status.sees(there).reports();
    let part = status.common.azure.unwrap();
    assert_eq!(part.resource_id, format!("{WORKSPACE}/computes/cpu-cluster"));
    assert_eq!((part.location.as_deref(), part.provisioning_state.as_deref()), (Some("westeurope"), Some("Succeeded")));
    assert_eq!((part.created_at.as_deref(), part.owned), (Some(CREATED_ON), true));
    assert_eq!((part.applied_generation, part.managed_tags.as_slice()), (Some(1), &["team".to_owned()][..]));
    assert!(part.managed_identity && part.first_ready_at.is_some());
    let identity = status.common.identity.unwrap();
    assert_eq!((identity.principal_id.as_deref(), identity.tenant_id.as_deref()), (Some("p"), Some("t")));
    assert_eq!(status.allocation_state.as_deref(), Some("Steady"));
    assert_eq!(status.nodes.unwrap().current, 0);
}

#[test]
fn another_incarnation_starts_its_history_anew() {
    let there = azure(&json!({"properties": {"createdOn": "2026-01-01T00:30:00Z", "provisioningState": "Creating"}}));
    let write = AcceptedWrite { kind: OperationKind::Create, at: now(), running: true, digest: 0, times: 1 };
    let anew = holding(&json!({})).sees(there).with(|g| g.memory.write = Some(write));
    let part = anew.reports().common.azure.unwrap();
    assert_eq!((part.first_ready_at, part.applied_generation), (None, None));
}

#[test]
fn proven_absence_clears_what_was_reported_of_azure_and_a_list_without_a_young_create_does_not() {
    assert_eq!(holding(&json!({})).sees_nothing().reports().common.azure, None);
    let creating = holding(&json!({})).reporting(&json!({"provisioningState": "Creating", "firstReadyAt": null}));
    let write = AcceptedWrite { kind: OperationKind::Create, at: now(), running: false, digest: 0, times: 1 };
    let status = creating.lists_nothing().with(|g| g.memory.write = Some(write)).reports();
    assert!(status.common.azure.is_some(), "Azure shows a young compute now and then only");
}

#[test]
fn late_list_makes_nothing_forgotten_that_was_reported_of_a_compute() {
    let error = arm::ArmError { code: "QuotaExceeded".into(), ..arm::ArmError::default() };
    let cause = plan::Cause::OperationFailed { error };
    let failure = plan::Failure { attempt: plan::Attempt::Scale, cause, retry_after: None };
    let setback = plan::Setback { failure, attempts: 1, at: now(), since: now(), generation: 1 };
    let late = holding(&json!({})).lists_nothing().with(|g| g.memory.setback = Some(setback));
    assert_eq!(late.decide().action, plan::Action::Look);
    assert!(late.reports().common.azure.unwrap().first_ready_at.is_some());
    let observed = holding(&json!({"managementPolicy": "Observe"})).lists_nothing();
    assert_eq!(observed.decide().action, plan::Action::Look);
}

#[test]
fn client_ids_of_user_assigned_identities_are_reported() {
    let mut there = recorded("user_assigned");
    there["name"] = json!("cpu-cluster");
    let status = given(&json!({"managementPolicy": "Observe"})).lists(there).reports();
    let ids = status.common.identity.unwrap().client_ids;
    assert_eq!(ids.values().collect::<Vec<_>>(), ["3adff742-0142-45a6-8142-3d94f944cafb"]);
}

#[test]
fn advice_is_given_for_what_bills_what_may_be_taken_and_what_crosses_regions() {
    let ssh = json!({"enabled": true, "password": {"secretRef": {"name": "s", "key": "k"}}});
    let spec = json!({"scale": {"maxNodes": 101, "minNodes": 1}, "vmPriority": "LowPriority", "location": "eastus", "ssh": ssh});
    let status = given(&spec).reports();
    let reasons: Vec<&str> = status.common.advice.iter().map(|advice| advice.reason.as_str()).collect();
    assert_eq!(reasons, ["MinimumNodesBillAlways", "ManyNodes", "NodesMayBePreempted", "OtherRegion", "PasswordLogin"]);
    assert!(given(&json!({"scale": {"maxNodes": 100, "minNodes": 0}})).reports().common.advice.is_empty());
}

#[test]
fn drift_is_not_denied_by_a_pass_that_compared_nothing() {
    let scaled = azure(&json!({"properties": {"properties": {"scaleSettings": {"maxNodeCount": 7}}}}));
    let drifted = holding(&json!({"driftPolicy": "Report"})).lists(scaled);
    let status = drifted.reports();
    assert!(holds(&status, ConditionType::Drifted));
    let blind = drifted.with(|g| {
        g.object.status = Some(status);
        g.observation.at = None;
    });
    assert!(holds(&blind.look_fails(timeout(plan::Attempt::Look)).reports(), ConditionType::Drifted));
}

/// Any JSON of a little depth.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-zA-Z0-9 .:/-]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[a-zA-Z]{1,8}", inner, 0..3).prop_map(|map| json!(map)),
        ]
    })
}

/// Places in Azure's answer that a decision reads.
const POINTERS: [&str; 17] = [
    "/id",
    "/location",
    "/tags",
    "/identity",
    "/identity/type",
    "/properties/createdOn",
    "/properties/computeType",
    "/properties/computeLocation",
    "/properties/provisioningState",
    "/properties/provisioningErrors",
    "/properties/properties",
    "/properties/properties/vmSize",
    "/properties/properties/scaleSettings",
    "/properties/properties/scaleSettings/maxNodeCount",
    "/properties/properties/nodeStateCounts",
    "/properties/properties/errors",
    "/properties/properties/remoteLoginPortPublicAccess",
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn decision_is_total_whatever_azure_answers(at in 0..POINTERS.len(), value in any_json(), step in 0..4_usize) {
        let mut there = azure(&json!({"identity": {"type": "SystemAssigned"}}));
        if let Some(place) = there.pointer_mut(POINTERS[at]) {
            *place = value;
        }
        let spec = json!({"scale": {"maxNodes": 9}, "adoptionPolicy": "Adopt", "replacePolicy": "Recreate", "tags": {"a": "b"}});
        let given = [given(&spec), given(&spec).claimed(), holding(&spec), holding(&spec).deleted(60)][step].clone();
        given.sees(there).decide();
    }
}
