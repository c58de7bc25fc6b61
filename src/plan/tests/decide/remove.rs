//! The object is being deleted: what goes first, what holds it, and what lets it go.
//!
//! Must not cover anything of living objects.

use crate::support::*;
use api::ConditionType;
use plan::{AcceptedWrite, Action, Attempt, Cause, Failure, OperationKind, Setback, WorkspaceState};
use serde_json::{Value, json};

fn leaving(spec: &Value) -> Given {
    holding(spec).deleted(60)
}

fn write(kind: OperationKind, running: bool, ago: i64) -> AcceptedWrite {
    AcceptedWrite { kind, at: now().checked_sub(secs(ago)).unwrap(), running, digest: 0, times: 1 }
}

#[test]
fn compute_of_ours_is_looked_at_deleted_waited_for_and_then_let_go() {
    assert_eq!(leaving(&json!({})).lists(azure(&json!({}))).decide().action, Action::Look);
    let plan = leaving(&json!({})).sees(azure(&json!({}))).decide();
    assert_eq!((&plan.action, working(&plan)), (&Action::Delete, "Deleting"));
    let running = leaving(&json!({})).sees(azure(&json!({})));
    let running = running.with(|g| g.memory.write = Some(write(OperationKind::Delete, true, 1)));
    assert_eq!((working(&running.decide()), running.decide().action), ("Deleting", Action::Nothing));
    let deleting = leaving(&json!({})).sees(azure(&json!({"properties": {"provisioningState": "Deleting"}})));
    assert_eq!((working(&deleting.decide()), deleting.decide().action), ("Deleting", Action::Nothing));
    assert_eq!(leaving(&json!({})).lists_nothing().decide().action, Action::Look, "a list proves no absence");
    assert_eq!(leaving(&json!({})).sees_nothing().decide().action, Action::Release);
}

#[test]
fn every_state_of_a_compute_can_be_deleted() {
    for state in ["Creating", "Updating", "Succeeded", "Failed", "Canceled", "Rehydrating"] {
        let there = azure(&json!({"properties": {"provisioningState": state}}));
        assert_eq!(leaving(&json!({})).sees(there).decide().action, Action::Delete, "{state}");
    }
}

#[test]
fn create_under_way_is_deleted_as_soon_as_it_shows_and_never_let_go_before() {
    let given = leaving(&json!({})).with(|g| g.memory.write = Some(write(OperationKind::Create, true, 300)));
    let hidden = given.clone().sees_nothing();
    assert_eq!(hidden.decide().action, Action::Nothing, "a running create will show something");
    let shown = given.sees(azure(&json!({"properties": {"provisioningState": "Creating"}})));
    assert_eq!(shown.decide().action, Action::Delete);
}

#[test]
fn create_just_accepted_is_waited_for_before_absence_is_believed() {
    let young = leaving(&json!({})).sees_nothing();
    let young = young.with(|g| g.memory.write = Some(write(OperationKind::Create, false, 5)));
    assert_eq!(young.decide().action, Action::Nothing);
    let old = leaving(&json!({})).sees_nothing();
    let old = old.with(|g| g.memory.write = Some(write(OperationKind::Create, false, 31)));
    assert_eq!(old.decide().action, Action::Release);
}

#[test]
fn create_that_may_have_been_sent_by_an_earlier_run_is_waited_for_before_absence_is_believed() {
    let restarted =
        |ago| given(&json!({})).claimed().status(&json!({"observedGeneration": 1})).deleted(ago).sees_nothing();
    assert_eq!(restarted(5).decide().action, Action::Nothing, "the create may not show yet");
    assert_eq!(restarted(31).decide().action, Action::Release);
    let deleted_by_us = restarted(5).with(|g| g.memory.write = Some(write(OperationKind::Delete, false, 1)));
    assert_eq!(deleted_by_us.decide().action, Action::Release, "our own delete is proof enough");
    let operation = json!({"name": "Delete", "startedAt": "2026-01-01T00:59:50Z"});
    let told = restarted(5).status(&json!({"observedGeneration": 1, "operation": operation}));
    assert_eq!(told.decide().action, Action::Release, "so is a delete reported before a restart");
    let timed_out = Setback { failure: timeout(Attempt::Create), attempts: 1, at: now(), since: now(), generation: 1 };
    let lost = restarted(31).with(|g| g.memory.setback = Some(timed_out));
    assert_eq!(lost.decide().action, Action::Nothing, "a create without an answer may have happened");
}

#[test]
fn what_is_not_ours_is_left_and_the_object_let_go() {
    for tags in [
        json!({OWNER_UID: "uid-7", OWNER_OBJECT: "team-a/other"}),
        json!({OWNER_UID: "uid-0", OWNER_OBJECT: "team-a/cpu-cluster"}),
    ] {
        let spec = json!({"adoptionPolicy": "TakeOver"});
        let plan = leaving(&spec).sees(azure(&json!({"tags": tags}))).decide();
        assert_eq!(plan.action, Action::Release, "{tags}");
    }
    let bare = azure(&json!({"tags": {OWNER_UID: null, OWNER_OBJECT: null}}));
    let never_ours = given(&json!({})).claimed().deleted(60).sees(bare.clone());
    assert_eq!(never_ours.decide().action, Action::Release);
    assert_eq!(leaving(&json!({})).sees(bare).decide().action, Action::Delete, "stripped tags do not free it");
}

#[test]
fn policies_that_leave_the_compute_need_no_azure() {
    for spec in [json!({"deletionPolicy": "Retain"}), json!({"managementPolicy": "Observe"})] {
        assert_eq!(leaving(&spec).sees(azure(&json!({}))).decide().action, Action::Release);
        let lost = leaving(&spec).with(|g| g.refs.workspace = WorkspaceState::Missing);
        assert_eq!(lost.decide().action, Action::Release);
    }
}

#[test]
fn object_without_our_finalizer_is_left_to_go() {
    let plan = given(&json!({})).deleted(0).sees(azure(&json!({}))).decide();
    assert_eq!((working(&plan), &plan.action), ("Deleting", &Action::Nothing));
}

#[test]
fn delete_that_cannot_go_on_is_told_as_blocked_and_tried_for_ever() {
    let unready = WorkspaceState::Unready { reason: "X".into(), message: "no secret".into(), stalled: true };
    let missing = leaving(&json!({})).with(|g| g.refs.workspace = WorkspaceState::Missing);
    let unready = leaving(&json!({})).with(|g| g.refs.workspace = unready);
    let forbidden = http(Attempt::Look, 403, "AuthorizationFailed", "no read");
    let blind = leaving(&json!({})).lists(azure(&json!({}))).look_fails(forbidden);
    let locked = Setback {
        failure: http(Attempt::Delete, 409, "ScopeLocked", "locked"),
        attempts: 1,
        at: now(),
        since: now(),
        generation: 2,
    };
    let locked = leaving(&json!({})).sees(azure(&json!({}))).with(|g| g.memory.setback = Some(locked));
    for (given, words) in [
        (missing, "deletionPolicy: Retain"),
        (unready, "no secret"),
        (blind, "cannot look at the compute"),
        (locked, "remove the lock"),
    ] {
        let plan = given.decide();
        assert_eq!((working(&plan), &plan.action), ("DeletionBlocked", &Action::Nothing));
        assert!(message(&plan).contains(words), "{}", message(&plan));
        assert!(holds(&given.reports(), ConditionType::Reconciling) && plan.next < secs(3600));
    }
}

#[test]
fn blocked_look_is_tried_again_no_sooner_than_its_backoff() {
    let asked = Failure { retry_after: Some(secs(90)), ..http(Attempt::Look, 429, "TooManyRequests", "") };
    let setback = Setback { failure: asked.clone(), attempts: 1, at: now(), since: now(), generation: 2 };
    let given = leaving(&json!({})).look_fails(asked).with(|g| g.memory.setback = Some(setback));
    assert!(given.decide().next >= secs(90), "{:?}", given.decide().next);
}

#[test]
fn workspace_gone_from_azure_lets_the_object_go_and_other_404s_do_not() {
    let gone = |code: &str| {
        let cause = Cause::ParentNotFound { code: code.into() };
        leaving(&json!({})).look_fails(Failure { attempt: Attempt::Look, cause, retry_after: None }).decide()
    };
    for code in ["ParentResourceNotFound", "ResourceNotFound", "resourcegroupnotfound"] {
        assert_eq!(gone(code).action, Action::Release, "{code}");
    }
    for code in ["SubscriptionNotFound", ""] {
        assert_eq!(working(&gone(code)), "DeletionBlocked", "{code}");
    }
    let list = leaving(&json!({})).lists_nothing().with(|g| {
        let cause = Cause::ParentNotFound { code: "ParentResourceNotFound".into() };
        g.observation.trouble = Some(Failure { attempt: Attempt::Look, cause, retry_after: None });
    });
    assert_eq!(list.decide().action, Action::Look, "only a look of this pass proves it");
}

#[test]
fn reported_operation_survives_a_restart_while_azure_still_deletes() {
    let operation = json!({"name": "Delete", "startedAt": "2026-01-01T00:59:50Z"});
    let there = azure(&json!({"properties": {"provisioningState": "Deleting"}}));
    let given = leaving(&json!({})).with(|g| {
        if let Some(status) = &mut g.object.status {
            status.common.operation = serde_json::from_value(operation).unwrap();
        }
    });
    assert_eq!(given.sees(there).reports().common.operation.unwrap().name, "Delete");
}

#[test]
fn takeover_that_may_still_run_is_waited_for_before_the_compute_is_judged() {
    let moving =
        azure(&json!({"tags": {OWNER_UID: null, OWNER_OBJECT: null}, "properties": {"provisioningState": "Updating"}}));
    let leaving = |policy: &str| given(&json!({"adoptionPolicy": policy})).claimed().deleted(60).sees(moving.clone());
    assert_eq!(leaving("Adopt").decide().action, Action::Nothing);
    assert_eq!(leaving("Never").decide().action, Action::Release, "nothing was ever sent");
    let late = leaving("Adopt").with(|g| g.now = g.now.checked_add(secs(46 * 60)).unwrap());
    assert_eq!(late.sees(moving.clone()).decide().action, Action::Release);
}
