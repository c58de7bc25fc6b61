//! Power as state: one POST from a state that allows it, and what schedules do.
//!
//! Must not cover restarts by annotation.

use crate::support::*;
use crate::{after, azure, given, holding, own, reports};
use api::{ComputeInstance, ConditionType, PowerState};
use arm::ComputeAction;
use plan::{AcceptedWrite, Action, Attempt, Cause, Failure, OperationKind, Setback};
use serde_json::json;

fn running() -> Given<ComputeInstance> {
    holding(&json!({"powerState": "Running"})).status_with(&json!({"appliedPowerState": "Running"}))
}

fn stopped() -> Given<ComputeInstance> {
    holding(&json!({"powerState": "Stopped"})).status_with(&json!({"appliedPowerState": "Stopped"}))
}

fn posts(given: &Given<ComputeInstance>) -> Option<ComputeAction> {
    let plan = given.decide();
    if let Action::Post { action, body: None } = plan.action {
        return Some(action);
    }
    assert_eq!(plan.action, Action::Nothing);
    None
}

#[test]
fn power_is_carried_out_by_one_post_after_a_look() {
    let person = after("Stopped", "Stop", "User", "00:30:00");
    assert_eq!(running().lists(person.clone()).decide().action, Action::Look);
    let given = running().sees(person);
    let plan = given.decide();
    assert_eq!(posts(&given), Some(ComputeAction::Start));
    assert_eq!((working(&plan), plan.drifted), ("Starting", true), "a person's stop is drift");
    assert_eq!(fields(&plan), ["spec.powerState"]);
    assert!(plan.changes[0].from.contains("Stop by User"), "{}", plan.changes[0].from);
    let given = stopped().sees(after("Running", "Start", "User", "00:30:00"));
    assert_eq!((posts(&given), working(&given.decide())), (Some(ComputeAction::Stop), "Stopping"));
}

#[test]
fn power_that_is_as_declared_or_not_declared_asks_for_nothing() {
    for (given, state) in
        [(running(), "Running"), (running(), "JobRunning"), (stopped(), "Stopped"), (holding(&json!({})), "Stopped")]
    {
        let given = given.sees(after(state, "Stop", "User", "00:30:00"));
        assert_eq!((posts(&given), ready(&given.decide())), (None, "AsDeclared"), "{state}");
    }
}

#[test]
fn what_schedules_did_is_respected_or_undone_as_the_policy_says() {
    for trigger in ["Schedule", "IdleShutdown"] {
        let seen = after("Stopped", "Stop", trigger, "00:30:00");
        let respected = running().sees(seen.clone());
        let plan = respected.decide();
        assert_eq!((posts(&respected), ready(&plan), plan.drifted), (None, "AsDeclared", false), "{trigger}");
        assert!(message(&plan).contains(trigger) && message(&plan).contains("RespectSchedules"), "{}", message(&plan));
        let enforced = running().edited(&json!({"powerPolicy": "Enforce"})).sees(seen);
        assert_eq!(posts(&enforced), Some(ComputeAction::Start), "{trigger}");
    }
    let woken = after("Running", "Start", "Schedule", "00:30:00");
    assert_eq!(posts(&stopped().sees(woken.clone())), None);
    assert_eq!(posts(&stopped().edited(&json!({"powerPolicy": "Enforce"})).sees(woken)), Some(ComputeAction::Stop));
}

#[test]
fn declaration_that_was_not_yet_carried_out_wins_over_an_earlier_schedule() {
    let evening = after("Stopped", "Stop", "Schedule", "00:30:00");
    // Somebody patches a scheduled instance to run again: stopped was what was reached before.
    let patched = stopped().edited(&json!({"powerState": "Running"})).sees(evening.clone());
    assert_eq!(posts(&patched), Some(ComputeAction::Start));
    // The same spec with another field changed wakes nobody.
    let tuned = running().edited(&json!({"driftPolicy": "Report"})).sees(evening);
    assert_eq!(posts(&tuned), None);
}

#[test]
fn reached_power_state_is_remembered_and_forgotten_with_its_declaration() {
    let reached = running().sees(azure(&json!({})));
    assert_eq!(reports(&reached).applied_power_state, Some(PowerState::Running));
    let later = running().sees(after("Stopped", "Stop", "Schedule", "00:30:00"));
    assert_eq!(reports(&later).applied_power_state, Some(PowerState::Running));
    let turned = running().edited(&json!({"powerState": "Stopped"})).sees(azure(&json!({})));
    assert_eq!(reports(&turned).applied_power_state, None);
    let unmanaged = running().edited(&json!({"powerState": null})).sees(azure(&json!({})));
    assert_eq!(reports(&unmanaged).applied_power_state, None);
}

#[test]
fn nothing_is_asked_of_an_instance_on_its_way() {
    for state in
        ["Starting", "Stopping", "Restarting", "Creating", "SettingUp", "UserSettingUp", "Resizing", "Pondering"]
    {
        for given in [running(), stopped()] {
            let plan = given.sees(own(&json!({"state": state}))).decide();
            working(&plan);
            assert_eq!(plan.action, Action::Nothing, "{state}");
        }
    }
}

#[test]
fn operation_of_ours_under_way_is_waited_for_whatever_azure_shows() {
    let kind = OperationKind::Post(ComputeAction::Start);
    let write = AcceptedWrite { kind, at: now(), running: true, digest: 1, times: 1 };
    let given = running().sees(after("Stopped", "Stop", "User", "00:30:00")).with(|g| g.memory.write = Some(write));
    assert_eq!((posts(&given), working(&given.decide())), (None, "Starting"));
    assert_eq!(reports(&given).common.operation.unwrap().name, "Start");
}

#[test]
fn wrong_state_is_looked_at_again_after_a_moment() {
    let failure = http(
        Attempt::Post(ComputeAction::Start),
        409,
        "Conflict",
        "Start Azure ML Compute Instance is only allowed when the instance ada-box is in 'stopped' state",
    );
    let setback = Setback { failure, attempts: 1, at: now(), since: now(), generation: 1 };
    let given = running().sees(after("Stopped", "Stop", "User", "00:30:00")).with(|g| g.memory.setback = Some(setback));
    assert_eq!((posts(&given), working(&given.decide())), (None, "WrongState"));
    let later = given.with(|g| g.now = g.now.checked_add(secs(3)).unwrap());
    assert_eq!(posts(&later), Some(ComputeAction::Start));
    // By then somebody else has started it.
    assert_eq!(posts(&later.sees(after("Running", "Start", "User", "00:59:00"))), None);
}

#[test]
fn start_that_azure_gave_up_is_tried_again_with_backoff() {
    let error = arm::ArmError {
        message: "The specified Azure ML Compute Instance ada-box was timed out for operation Start.".into(),
        ..arm::ArmError::default()
    };
    let attempt = Attempt::Post(ComputeAction::Start);
    let failure = Failure { attempt, cause: Cause::OperationFailed { error }, retry_after: None };
    let setback = Setback { failure, attempts: 1, at: now(), since: now(), generation: 1 };
    let seen = own(&json!({"state": "StartFailed", "lastOperation": {"operationStatus": "StartFailed"}}));
    let given = running().sees(seen).with(|g| g.memory.setback = Some(setback));
    assert_eq!((posts(&given), working(&given.decide())), (None, "OperationTimedOut"));
    let later = given.with(|g| g.now = g.now.checked_add(secs(60)).unwrap());
    assert_eq!(posts(&later), Some(ComputeAction::Start));
}

#[test]
fn accepted_start_without_effect_is_not_sent_for_ever() {
    let given = running().sees(after("Stopped", "Stop", "User", "00:30:00"));
    let digest = given.decide().digest;
    let kind = OperationKind::Post(ComputeAction::Start);
    let write = AcceptedWrite { kind, at: now(), running: false, digest, times: 2 };
    let ignored = given.clone().with(|g| g.memory.write = Some(write.clone()));
    assert_eq!(stalled(&ignored.decide()), "ChangeIgnored");
    let again = ignored.sees(after("Stopped", "Stop", "User", "00:45:00"));
    assert_eq!(posts(&again), Some(ComputeAction::Start), "another stop is another change");
}

#[test]
fn reported_drift_of_power_is_left_as_it_is() {
    let given = running().edited(&json!({"driftPolicy": "Report"})).reporting(&json!({"appliedGeneration": 2}));
    let given = given.sees(after("Stopped", "Stop", "User", "00:30:00"));
    let plan = given.decide();
    assert_eq!((posts(&given), ready(&plan), plan.drifted), (None, "Drifted", true));
}

#[test]
fn what_is_observed_or_paused_or_leaving_is_not_powered() {
    let seen = after("Stopped", "Stop", "User", "00:30:00");
    let observed = running().edited(&json!({"managementPolicy": "Observe"})).sees(seen.clone());
    assert_eq!(posts(&observed), None);
    assert_eq!(posts(&running().annotate(PAUSED, "true").sees(seen.clone())), None);
    assert_eq!(running().deleted(60).sees(seen).decide().action, Action::Delete, "a delete needs no start");
}

#[test]
fn new_instance_is_stopped_once_it_runs_where_that_is_declared() {
    let given = given(&json!({"powerState": "Stopped"}))
        .claimed()
        .reporting(&json!({"firstReadyAt": null, "appliedGeneration": null}));
    let moving = given.clone().sees(azure(&json!({"properties": {"provisioningState": "Creating"}})));
    assert_eq!(posts(&moving), None);
    let given = given.sees(after("Running", "Create", "User", "00:00:10"));
    assert_eq!(posts(&given), Some(ComputeAction::Stop));
    let drifted = condition_of(&given, ConditionType::Drifted);
    assert!(!drifted, "what was never carried out is no drift");
}

fn condition_of(given: &Given<ComputeInstance>, kind: ConditionType) -> bool {
    api::find_condition(&reports(given).common.conditions, kind)
        .is_some_and(|condition| condition.status == api::ConditionStatus::True)
}
