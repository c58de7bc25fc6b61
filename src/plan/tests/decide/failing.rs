//! What failed: computes whose provisioning failed, looks that fail, and rights that are missing.
//!
//! Must not cover failures while an object is being deleted.

use crate::support::*;
use api::ConditionType;
use arm::ArmError;
use plan::{Action, Attempt, Cause, Failure, Setback};
use serde_json::{Value, json};

fn broken(over: &Value) -> Value {
    let mut body = azure(&json!({}));
    let recorded = recorded("failed_quota");
    for pointer in ["provisioningState", "provisioningErrors"] {
        body["properties"][pointer] = recorded["properties"][pointer].clone();
    }
    overlay(&mut body, over);
    body
}

fn never_ready() -> Value {
    json!({"firstReadyAt": null, "appliedGeneration": null, "provisioningState": "Creating"})
}

fn quota() -> Setback {
    let error = ArmError { code: "ClusterMinNodesExceedCoreQuota".into(), message: "m".into(), ..ArmError::default() };
    let failure = Failure { attempt: Attempt::Create, cause: Cause::OperationFailed { error }, retry_after: None };
    Setback { failure, attempts: 1, at: now(), since: now(), generation: 1 }
}

#[test]
fn create_that_failed_is_deleted_and_made_again_after_its_backoff() {
    let given = holding(&json!({})).reporting(&never_ready()).sees(broken(&json!({})));
    let held = given.clone().with(|g| g.memory.setback = Some(quota()));
    let plan = held.decide();
    assert_eq!((stalled(&plan), &plan.action), ("QuotaExceeded", &Action::Nothing));
    assert!(plan.next >= held.settings.retry_very_slow);
    assert_eq!(held.reports().common.provisioning_errors[0].code, "ClusterMinNodesExceedCoreQuota");
    let plan = given.decide();
    assert_eq!((&plan.action, working(&plan)), (&Action::Delete, "RecreatingFailed"));
    let edited = held.edited(&json!({"vmSize": "STANDARD_D1_V2"}));
    assert_eq!(edited.decide().action, Action::Delete, "a new generation is tried at once");
}

#[test]
fn create_that_failed_before_it_was_ever_reported_is_made_again_only_where_the_create_is_known() {
    let young = broken(&json!({"properties": {"createdOn": "2026-01-01T00:50:00Z"}}));
    let status = json!({"observedGeneration": 1});
    let unreported = given(&json!({})).claimed().status(&status).sees(young.clone());
    let plan = unreported.decide();
    assert_eq!((stalled(&plan), &plan.action), ("ProvisioningFailed", &Action::Nothing), "its status may be lost");
    let operation =
        json!({"observedGeneration": 1, "operation": {"name": "Create", "startedAt": "2026-01-01T00:50:00Z"}});
    let known = given(&json!({})).claimed().status(&operation).sees(young);
    assert_eq!(known.decide().action, Action::Delete);
    let unanswered = Setback { failure: timeout(Attempt::Create), attempts: 1, at: now(), since: now(), generation: 1 };
    let held = unreported.with(|g| g.memory.setback = Some(unanswered));
    assert_eq!((held.decide().action, stalled(&held.decide())), (Action::Nothing, "QuotaExceeded"), "made again later");
    assert_eq!(held.reports().common.azure.unwrap().first_ready_at, None);
}

#[test]
fn compute_seen_moving_after_its_status_was_lost_and_partly_rebuilt_is_not_taken_for_new() {
    let moving = azure(&json!({"properties": {"provisioningState": "Updating"}}));
    let rebuilt = given(&json!({})).claimed().status(&json!({"observedGeneration": 1}));
    let status = rebuilt.clone().sees(moving.clone()).reports();
    assert!(status.common.azure.unwrap().first_ready_at.is_some());
    let foreign = json!({"owned": false, "firstReadyAt": null, "appliedGeneration": null});
    let adopted = given(&json!({"adoptionPolicy": "Adopt"})).claimed().reporting(&foreign).sees(moving);
    assert!(adopted.reports().common.azure.unwrap().first_ready_at.is_some());
}

#[test]
fn create_that_failed_is_not_made_again_at_once_although_nobody_remembers_the_failure() {
    let young = json!({"properties": {"createdOn": "2026-01-01T00:59:00Z"}});
    let mut azure = never_ready();
    azure["createdAt"] = json!("2026-01-01T00:59:00Z");
    let given = holding(&json!({})).reporting(&azure).sees(broken(&young));
    let plan = given.decide();
    assert_eq!((stalled(&plan), &plan.action), ("QuotaExceeded", &Action::Nothing));
    assert!(plan.next >= secs(240) && plan.next < secs(600), "{:?}", plan.next);
    assert_eq!(given.edited(&json!({"vmSize": "STANDARD_D1_V2"})).decide().action, Action::Delete);
}

#[test]
fn lost_status_counts_as_having_been_ready() {
    let given = given(&json!({})).claimed().sees(broken(&json!({})));
    for given in [given.clone(), given.status(&json!({"observedGeneration": -1}))] {
        let plan = given.decide();
        assert_eq!((stalled(&plan), &plan.action), ("ProvisioningFailed", &Action::Nothing));
        assert!(given.reports().common.azure.unwrap().first_ready_at.is_some());
    }
}

#[test]
fn status_lost_while_azure_moves_counts_as_having_been_ready_too() {
    let moving = azure(&json!({"properties": {"provisioningState": "Updating"}}));
    let status = given(&json!({})).claimed().sees(moving).reports();
    let failed = given(&json!({})).claimed().sees(broken(&json!({}))).with(|g| g.object.status = Some(status));
    assert_eq!((stalled(&failed.decide()), failed.decide().action), ("ProvisioningFailed", Action::Nothing));
}

#[test]
fn create_that_ended_long_ago_does_not_make_a_lost_status_a_first_one() {
    let write =
        plan::AcceptedWrite { kind: plan::OperationKind::Create, at: now(), running: false, digest: 0, times: 1 };
    let moving = azure(&json!({"properties": {"provisioningState": "Updating"}}));
    let moving = given(&json!({})).claimed().sees(moving).with(|g| g.memory.write = Some(write));
    assert!(moving.reports().common.azure.unwrap().first_ready_at.is_some());
}

#[test]
fn first_create_is_known_as_such_by_who_sent_it() {
    let write =
        plan::AcceptedWrite { kind: plan::OperationKind::Create, at: now(), running: true, digest: 0, times: 1 };
    let creating = azure(&json!({"properties": {"provisioningState": "Creating"}}));
    let creating = given(&json!({})).claimed().sees(creating).with(|g| g.memory.write = Some(write));
    assert_eq!(creating.reports().common.azure.unwrap().first_ready_at, None);
}

#[test]
fn compute_that_once_succeeded_is_never_deleted_without_opt_in() {
    let plan = holding(&json!({})).sees(broken(&json!({}))).decide();
    assert_eq!((stalled(&plan), &plan.action), ("ProvisioningFailed", &Action::Nothing));
    assert!(message(&plan).contains("ClusterMinNodesExceedCoreQuota") && message(&plan).contains("Recreate"));
    // It succeeded, though never as declared: the owner's size is refused, and then it fails.
    let other = json!({"vmSize": "STANDARD_D4_V2"});
    let refused = given(&other).claimed().reporting(&never_ready()).sees(azure(&json!({})));
    let status = refused.reports();
    let failed = given(&other).claimed().sees(broken(&json!({}))).with(|g| g.object.status = Some(status));
    assert_eq!(failed.decide().action, Action::Nothing);
    let opted = holding(&json!({"replacePolicy": "Recreate"})).sees(broken(&json!({}))).decide();
    assert_eq!((&opted.action, working(&opted)), (&Action::Delete, "Recreating"));
}

#[test]
fn canceled_is_like_failed() {
    let canceled = || broken(&json!({"properties": {"provisioningState": "Canceled", "provisioningErrors": null}}));
    let plan = holding(&json!({})).sees(canceled()).decide();
    assert_eq!(stalled(&plan), "ProvisioningFailed");
    assert!(message(&plan).contains("Canceled") && message(&plan).contains("does not say why"), "{}", message(&plan));
    assert_eq!(holding(&json!({})).reporting(&never_ready()).sees(canceled()).decide().action, Action::Delete);
}

#[test]
fn failed_compute_is_mended_in_place_once_the_spec_is() {
    let user = json!({"identity": {"type": "UserAssigned", "userAssigned": ["/a/b"]}});
    for (edit, action) in
        [(json!({"scale": {"maxNodes": 2}}), "scale"), (user, "update"), (json!({"tags": {"a": "b"}}), "update")]
    {
        for drift in ["Correct", "Report"] {
            let given = holding(&json!({"driftPolicy": drift})).edited(&edit).sees(broken(&json!({})));
            assert_eq!(given.decide().action.name(), action, "{edit} {drift}");
        }
    }
    let scaled = broken(&json!({"properties": {"properties": {"scaleSettings": {"maxNodeCount": 7}}}}));
    let reported = holding(&json!({"driftPolicy": "Report"})).sees(scaled.clone());
    assert_eq!(stalled(&reported.decide()), "ProvisioningFailed", "drift is only reported");
    assert_eq!(holding(&json!({})).sees(scaled).decide().action.name(), "scale");
}

#[test]
fn failed_compute_that_cannot_be_mended_in_place_is_recreated_by_opt_in() {
    let setback = Setback {
        failure: http(Attempt::Scale, 400, "BadRequest", "no"),
        attempts: 1,
        at: now(),
        since: now(),
        generation: 2,
    };
    let given = holding(&json!({"replacePolicy": "Recreate"})).edited(&json!({"scale": {"maxNodes": 2}}));
    let given = given.sees(broken(&json!({})));
    assert_eq!(given.decide().action.name(), "scale", "what can be mended is not destroyed");
    let refused = given.with(|g| g.memory.setback = Some(setback));
    let later = refused.with(|g| g.now = g.now.checked_add(secs(400)).unwrap());
    assert_eq!(later.decide().action, Action::Delete);
}

#[test]
fn recreating_a_failed_compute_is_hindered_like_any_other() {
    let given = holding(&json!({})).reporting(&never_ready()).sees(broken(&json!({})));
    let plan = given.with(|g| g.facts().deleting = true).decide();
    assert_eq!((stalled(&plan), &plan.action), ("WorkspaceDeleting", &Action::Nothing));
}

#[test]
fn errors_beside_succeeded_are_reported_and_do_not_unsettle() {
    let mut there = recorded("quota_reached_beside_succeeded");
    overlay(&mut there, &json!({"name": "cpu-cluster", "tags": {OWNER_UID: UID, OWNER_OBJECT: "team-a/cpu-cluster"}}));
    let size = there.pointer("/properties/properties/vmSize").unwrap().clone();
    let given = given(&json!({"vmSize": size, "scale": {"maxNodes": 3}})).claimed().sees(there);
    assert_eq!(ready(&given.decide()), "AsDeclared");
    assert_eq!(given.reports().common.provisioning_errors[0].code, "ClusterCoreQuotaReached");
}

#[test]
fn failed_look_is_told_and_nothing_is_written() {
    let given = given(&json!({})).claimed().look_fails(http(Attempt::Look, 503, "", ""));
    let plan = given.decide();
    assert_eq!((working(&plan), &plan.action), ("AzureUnavailable", &Action::Nothing));
    let absent = given.lists_nothing().look_fails(http(Attempt::Look, 503, "", ""));
    assert_eq!((working(&absent.decide()), absent.decide().action), ("AzureUnavailable", Action::Nothing));
}

#[test]
fn what_was_seen_is_believed_for_five_intervals_and_no_longer() {
    let trouble = |age: i64| {
        holding(&json!({})).lists(azure(&json!({}))).with(|g| {
            g.observation.at = Some(g.now.checked_sub(secs(age)).unwrap());
            g.observation.trouble = Some(timeout(Attempt::Look));
        })
    };
    assert_eq!(ready(&trouble(298).decide()), "AsDeclared");
    assert_eq!(working(&trouble(301).decide()), "AzureUnavailable");
    assert!(holds(&trouble(301).reports(), ConditionType::Reconciling));
}

#[test]
fn what_was_seen_too_long_ago_is_looked_at_even_if_nothing_told_of_trouble() {
    let old = holding(&json!({})).lists(azure(&json!({})));
    let old = old.with(|g| g.observation.at = Some(g.now.checked_sub(secs(301)).unwrap()));
    assert_eq!(old.decide().action, Action::Look);
}

fn forbidden(since: i64) -> Given {
    let since = now().checked_sub(secs(since)).unwrap();
    let failure = http(Attempt::Create, 403, "AuthorizationFailed", "no action computes/write");
    let setback = Setback { failure, attempts: 3, at: now(), since, generation: 1 };
    given(&json!({})).claimed().sees_nothing().with(|g| g.memory.setback = Some(setback))
}

#[test]
fn missing_right_is_retried_for_its_grace_and_stalls_then() {
    assert_eq!(working(&forbidden(0).decide()), "Forbidden");
    assert_eq!(working(&forbidden(598).decide()), "Forbidden");
    assert_eq!(stalled(&forbidden(600).decide()), "Forbidden");
    assert!(message(&forbidden(600).decide()).contains("computes/write"));
}

fn condition_of(kind: &str, status: &str, reason: &str, at: &str) -> Value {
    json!({"type": kind, "status": status, "reason": reason, "message": "m", "lastTransitionTime": at, "observedGeneration": 1})
}

#[test]
fn missing_right_has_its_whole_grace_although_the_object_was_unready_before() {
    let conditions = [
        condition_of("Ready", "False", "Forbidden", "2026-01-01T00:10:00Z"),
        condition_of("Reconciling", "True", "Forbidden", "2026-01-01T00:10:00Z"),
    ];
    let given = forbidden(5).status(&json!({"observedGeneration": 1, "conditions": conditions}));
    assert_eq!(working(&given.decide()), "Forbidden");
}

#[test]
fn missing_right_that_stalled_stays_stalled_over_a_restart() {
    let conditions = [
        condition_of("Ready", "False", "Forbidden", "2026-01-01T00:10:00Z"),
        condition_of("Stalled", "True", "Forbidden", "2026-01-01T00:20:00Z"),
    ];
    let given = forbidden(0).status(&json!({"observedGeneration": 1, "conditions": conditions}));
    assert_eq!(stalled(&given.decide()), "Forbidden");
}

#[test]
fn error_of_an_operation_that_left_nothing_behind_is_reported() {
    let given = given(&json!({})).claimed().sees_nothing().with(|g| g.memory.setback = Some(quota()));
    assert_eq!(stalled(&given.decide()), "QuotaExceeded");
    assert_eq!(given.reports().common.provisioning_errors[0].code, "ClusterMinNodesExceedCoreQuota");
}

#[test]
fn values_of_secrets_that_azure_repeats_are_not_repeated_to_people() {
    let wanted = api::SecretKeyRef { name: "ssh".into(), key: "id.pub".into() };
    let spec = json!({"ssh": {"enabled": true, "publicKey": {"secretRef": {"name": "ssh", "key": "id.pub"}}}});
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5";
    let message = format!("the key {key} (AAAAC3NzaC1lZDI1NTE5) is no key");
    let there = azure(&json!({"properties": {"provisioningState": "Failed",
        "provisioningErrors": [{"error": {"code": "InvalidKey", "message": message}}]}}));
    let given = holding(&spec).sees(there).with(|g| {
        g.refs.secrets.insert(wanted, plan::SecretState::Value(plan::Secret::new(key)));
    });
    let said = format!("{:?} {:?}", given.decide().verdict, given.reports());
    assert!(said.contains("the key [redacted] ([redacted]) is no key"), "{said}");
    assert!(!said.contains("AAAAC3"), "{said}");
}
