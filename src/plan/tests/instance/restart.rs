//! Restarts by annotation: once per value, also where a crash forgets that it was sent.
//!
//! Must not cover power as state.

use crate::support::*;
use crate::{after, azure, holding, own, reports};
use api::ComputeInstance;
use arm::ComputeAction;
use plan::{AcceptedWrite, Action, OperationKind};
use serde_json::json;

const ANNOTATION: &str = "compute.azureml.dev/restart-requested-at";
const VALUE: &str = "2026-01-01T00:50:00Z";

/// Asked for at 00:50; it is one o'clock.
fn asked(value: &str) -> Given<ComputeInstance> {
    holding(&json!({})).annotate(ANNOTATION, value)
}

fn restarts(given: &Given<ComputeInstance>) -> bool {
    matches!(given.decide().action, Action::Post { action: ComputeAction::Restart, body: None })
}

#[test]
fn restart_is_sent_once_to_an_instance_that_runs() {
    let given = asked(VALUE).sees(after("Running", "Create", "User", "00:00:10"));
    assert!(restarts(&given));
    assert_eq!(working(&given.decide()), "Restarting");
    assert!(given.decide().changes.is_empty(), "a request is no difference");
    assert!(!given.decide().drifted);
    assert_eq!(asked(VALUE).lists(after("Running", "Create", "User", "00:00:10")).decide().action, Action::Look);
}

#[test]
fn accepted_restart_is_served_at_once_and_stays_so_without_memory() {
    let seen = after("Running", "Create", "User", "00:00:10");
    let given = asked(VALUE).sees(seen.clone());
    let digest = given.decide().digest;
    let kind = OperationKind::Post(ComputeAction::Restart);
    let write = AcceptedWrite { kind, at: now(), running: true, digest, times: 1 };
    // The pass that sent it reports it, and the operator dies.
    let given = given.with(|g| g.memory.write = Some(write)).reported();
    assert_eq!(given.object.status.as_ref().unwrap().restart_served.as_deref(), Some(VALUE));
    let reborn = given.with(|g| g.memory = plan::Memory::default()).sees(seen);
    assert!(!restarts(&reborn), "Azure shows no restart yet, the status does");
    assert_eq!(ready(&reborn.decide()), "AsDeclared");
}

#[test]
fn restart_whose_report_was_lost_is_told_by_azures_last_operation() {
    for (operation, time, done) in [
        ("Restart", "00:50:01", true),
        ("Restart", "00:50:00", true),
        ("Start", "00:55:00", true),
        ("Restart", "00:40:00", false),
        ("Stop", "00:55:00", false),
        ("Create", "00:00:10", false),
    ] {
        let given = asked(VALUE).sees(after("Running", operation, "User", time));
        assert_eq!(!restarts(&given), done, "{operation} at {time}");
        assert_eq!(reports(&given).restart_served.is_some(), done, "{operation} at {time}");
    }
}

#[test]
fn clock_that_is_behind_does_not_restart_twice() {
    let earlier = json!({"lastOperation": {"name": "Create", "status": "Succeeded", "trigger": "User",
        "time": "2026-01-01T00:00:10.123+00:00"}});
    // Ours was sent at the value, and Azure's clock says half a minute less.
    let seen = after("Running", "Restart", "User", "00:49:30");
    assert!(!restarts(&asked(VALUE).status_with(&earlier).sees(seen.clone())));
    // The same restart, already reported before the value came: another one is wanted.
    let known = json!({"lastOperation": {"name": "Restart", "status": "Succeeded", "trigger": "User",
        "time": "2026-01-01T00:49:30.123+00:00"}, "restartServed": "2026-01-01T00:49:00Z"});
    assert!(restarts(&asked(VALUE).status_with(&known).sees(seen)));
}

#[test]
fn clock_that_is_far_ahead_does_not_take_the_restart_away() {
    // An emulator whose clock runs fast: for it the instance was made two hours from now.
    let created = after("Running", "Create", "User", "03:00:00");
    let told = json!({"lastOperation": {"name": "Create", "time": "2026-01-01T03:00:00.123+00:00"}});
    assert!(restarts(&asked(VALUE).status_with(&told).sees(created)));
    let restarted = after("Running", "Restart", "User", "03:10:00");
    assert!(!restarts(&asked(VALUE).status_with(&told).sees(restarted)), "it is news, so it is ours");
}

#[test]
fn each_new_value_is_a_restart_of_its_own() {
    let served = json!({"restartServed": VALUE});
    let seen = after("Running", "Restart", "User", "00:50:01");
    assert!(!restarts(&asked(VALUE).status_with(&served).sees(seen.clone())));
    let next = asked("2026-01-01T00:58:00Z").status_with(&served).sees(seen);
    assert!(restarts(&next));
    assert_eq!(reports(&next).restart_served.as_deref(), Some(VALUE), "not before it is sent");
}

#[test]
fn restart_waits_until_the_instance_runs_and_a_start_does_for_it() {
    let given = asked(VALUE).sees(after("Stopped", "Stop", "User", "00:55:00"));
    let plan = given.decide();
    assert_eq!((ready(&plan), &plan.action), ("AsDeclared", &Action::Nothing));
    assert!(message(&plan).contains("restart that was asked for waits"), "{}", message(&plan));
    let moving = asked(VALUE).sees(own(&json!({"state": "Starting"})));
    assert_eq!(moving.decide().action, Action::Nothing);
    assert!(!restarts(&asked(VALUE).sees(after("Running", "Start", "Schedule", "00:59:00"))));
}

#[test]
fn instance_that_is_to_stop_is_not_restarted_before() {
    let given = holding(&json!({"powerState": "Stopped"})).annotate(ANNOTATION, VALUE);
    let plan = given.sees(after("Running", "Create", "User", "00:00:10")).decide();
    assert!(matches!(plan.action, Action::Post { action: ComputeAction::Stop, .. }), "{plan:?}");
}

#[test]
fn value_that_is_no_time_is_said_and_nothing_is_restarted() {
    let given = asked("tomorrow").sees(azure(&json!({})));
    assert!(!restarts(&given));
    let advice = reports(&given).common.advice;
    let hint = advice.iter().find(|hint| hint.reason == "RestartNotUnderstood").unwrap();
    assert!(!hint.message.contains("tomorrow"), "what a person wrote is not repeated");
}

#[test]
fn time_that_lies_ahead_is_waited_for() {
    let given = asked("2026-01-01T01:02:00+00:00").sees(azure(&json!({})));
    let plan = given.decide();
    assert_eq!((ready(&plan), &plan.action), ("AsDeclared", &Action::Nothing));
    assert!(plan.next >= secs(120) && plan.next <= secs(150), "{:?}", plan.next);
    let then = given.with(|g| g.now = g.now.checked_add(secs(121)).unwrap());
    assert!(restarts(&then.sees(azure(&json!({})))));
}

#[test]
fn restart_is_carried_out_beside_a_difference_that_is_not() {
    let given = asked(VALUE).edited(&json!({"description": "other"})).sees(azure(&json!({})));
    assert!(restarts(&given), "a difference that stalls does not take the restart away");
    let reported = holding(&json!({"driftPolicy": "Report"})).annotate(ANNOTATION, VALUE);
    assert!(restarts(&reported.sees(own(&json!({"idleTimeBeforeShutdown": "PT30M"})))));
}
