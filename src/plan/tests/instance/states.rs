//! Every state of an instance: what it means for Ready, and what follows.
//!
//! Must not repeat the table: that it is complete is shown beside it.

use crate::support::*;
use crate::{azure, given, holding, own, reports};
use api::ComputeInstance;
use plan::{Action, INSTANCE_STATES, Meaning};
use serde_json::{Value, json};

#[test]
fn every_state_is_said_as_its_row_has_it() {
    for row in INSTANCE_STATES {
        let given = holding(&json!({})).sees(own(&json!({"state": row.state})));
        let plan = given.decide();
        let reason = match row.meaning {
            Meaning::Ready => ready(&plan),
            Meaning::Reconciling => working(&plan),
            Meaning::Stalled | Meaning::StalledUnlessNew => stalled(&plan),
        };
        let expected = if row.meaning == Meaning::Ready { "AsDeclared" } else { row.reason };
        assert_eq!((reason, &plan.action), (expected, &Action::Nothing), "{}", row.state);
        assert!(message(&plan).contains(row.way_out), "{}: {}", row.state, message(&plan));
        assert_eq!(reports(&given).power_state.as_deref(), Some(row.state));
    }
}

#[test]
fn state_that_is_unknown_or_missing_is_waited_for() {
    for state in [json!("Unknown"), json!("Pondering"), Value::Null] {
        let plan = holding(&json!({})).sees(own(&json!({"state": state}))).decide();
        assert_eq!(working(&plan), "UnknownState");
    }
}

/// An instance that never worked, in a state, hours after its create.
fn never_worked(state: &str, provisioning: &str) -> Given<ComputeInstance> {
    let body = azure(&json!({"properties": {"provisioningState": provisioning, "properties": {"state": state}}}));
    given(&json!({})).claimed().reporting(&json!({"firstReadyAt": null, "appliedGeneration": null})).sees(body)
}

#[test]
fn instance_that_never_worked_is_made_again_only_where_that_may_help() {
    for provisioning in ["Succeeded", "Failed"] {
        for state in ["CreateFailed", "SetupFailed"] {
            let plan = never_worked(state, provisioning).decide();
            assert_eq!((&plan.action, working(&plan)), (&Action::Delete, "RecreatingFailed"), "{state} {provisioning}");
        }
        let given = never_worked("UserSetupFailed", provisioning);
        let plan = given.decide();
        assert_eq!((stalled(&plan), &plan.action), ("UserSetupFailed", &Action::Nothing), "{provisioning}");
        // Its script is corrected: nothing is lost by making it again.
        let corrected = given.edited(&json!({"setupScripts": {"creation": {"inline": "echo"}}}));
        let seen = own(&json!({"state": "UserSetupFailed",
            "setupScripts": {"scripts": {"creationScript": {"scriptSource": "inline", "scriptData": "b2xk"}}}}));
        let plan = corrected.sees(seen).decide();
        assert_eq!((&plan.action, working(&plan)), (&Action::Delete, "RecreatingFailed"), "{provisioning}");
    }
}

#[test]
fn instance_that_failed_its_setup_counts_as_never_ready() {
    for state in ["UserSetupFailed", "UserSettingUp", "SetupFailed"] {
        let azure = reports(&never_worked(state, "Succeeded")).common.azure.unwrap();
        assert_eq!(azure.first_ready_at, None, "{state}");
    }
    assert!(reports(&never_worked("Running", "Succeeded")).common.azure.unwrap().first_ready_at.is_some());
}

#[test]
fn instance_with_work_on_it_is_never_deleted_because_it_is_broken() {
    for state in ["Unusable", "UserSetupFailed", "CreateFailed", "StartFailed"] {
        for provisioning in ["Succeeded", "Failed"] {
            let body =
                azure(&json!({"properties": {"provisioningState": provisioning, "properties": {"state": state}}}));
            let plan = holding(&json!({"replacePolicy": "Recreate"})).sees(body).decide();
            assert_eq!((stalled(&plan), &plan.action), (state, &Action::Nothing), "{state} {provisioning}");
        }
    }
}

#[test]
fn broken_instance_can_be_stopped_so_that_it_bills_no_more() {
    for state in ["Unusable", "UserSetupFailed", "StopFailed"] {
        let plan = holding(&json!({"powerState": "Stopped"})).sees(own(&json!({"state": state}))).decide();
        assert!(matches!(plan.action, Action::Post { action: arm::ComputeAction::Stop, .. }), "{state}: {plan:?}");
    }
    let never = never_worked("UserSetupFailed", "Succeeded").edited(&json!({"powerState": "Stopped"}));
    assert!(matches!(never.decide().action, Action::Post { action: arm::ComputeAction::Stop, .. }));
}

#[test]
fn setup_failure_is_told_with_the_end_of_what_the_script_said() {
    let log = format!("Setup script failed. {} E: Unable to locate package nonesuch.", "x".repeat(3000));
    let error = json!([{"error": {"code": "UserSetupFailed", "message": log}}]);
    for place in [json!({"properties": {"errors": error}}), json!({"provisioningErrors": error})] {
        let mut body = own(&json!({"state": "UserSetupFailed"}));
        overlay(&mut body["properties"], &place);
        let given = holding(&json!({})).sees(body);
        let plan = given.decide();
        assert!(message(&plan).contains("Unable to locate package nonesuch; correct spec.setupScripts"), "{plan:?}");
        let status = reports(&given);
        let error = &status.common.provisioning_errors[0];
        assert!(error.message.starts_with("Setup script failed") && error.message.ends_with("nonesuch."));
    }
}

#[test]
fn broken_instance_is_reported_to_who_only_observes_and_not_adopted() {
    let body = own(&json!({"state": "Unusable", "lastOperation": null}));
    let observed = holding(&json!({"managementPolicy": "Observe"})).sees(body.clone());
    assert_eq!(stalled(&observed.decide()), "Unusable");
    let mut foreign = body;
    foreign["tags"] = json!({});
    let plan = given(&json!({"adoptionPolicy": "Adopt"})).sees(foreign.clone()).decide();
    assert_eq!((stalled(&plan), &plan.action), ("Unusable", &Action::Nothing));
    foreign["properties"]["properties"]["state"] = json!("Stopping");
    assert_eq!(working(&given(&json!({"adoptionPolicy": "Adopt"})).sees(foreign).decide()), "Stopping");
}
