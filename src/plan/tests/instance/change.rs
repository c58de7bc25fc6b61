//! Changes: in place by their own POSTs, otherwise only by recreation, which is told before it happens.
//!
//! Must not cover power.

use crate::support::*;
use crate::{azure, holding, own, reports};
use api::{ComputeInstance, ConfigMapKeyRef, How};
use arm::ComputeAction;
use plan::{Action, ConfigMapState, Plan, Script};
use serde_json::{Value, json};

fn posted(plan: &Plan) -> (ComputeAction, &Value) {
    let Action::Post { action, .. } = plan.action else { panic!("no POST: {plan:?}") };
    (action, body(plan))
}

/// The schedules, as the SDK sends them.
fn sdk(intent: &str) -> Value {
    recorded("sdk_instances")[intent][0]["body"]["properties"]["properties"].clone()
}

#[test]
fn idle_time_changes_by_its_own_post() {
    let plan = holding(&json!({"idleTimeBeforeShutdown": "2h"})).sees(azure(&json!({}))).decide();
    // The published example of updateIdleShutdownSetting has this very body.
    assert_eq!(posted(&plan), (ComputeAction::SetIdleShutdown, &json!({"idleTimeBeforeShutdown": "PT120M"})));
    assert_eq!((working(&plan), plan.changes[0].how), ("Configuring", How::InPlace));
    let same = holding(&json!({"idleTimeBeforeShutdown": "2h"})).sees(own(&json!({"idleTimeBeforeShutdown": "PT2H"})));
    assert_eq!(ready(&same.decide()), "AsDeclared");
}

#[test]
fn schedules_change_as_a_whole_and_only_when_they_differ() {
    let spec = json!({"schedules": [{"name": "s", "action": "Stop", "cron": "0 18 * * 1-5"}]});
    let plan = holding(&spec).sees(azure(&json!({}))).decide();
    let (action, body) = posted(&plan);
    assert_eq!(action, ComputeAction::SetSchedules);
    assert_eq!(body["computeStartStop"].as_array().unwrap().len(), 1);
    let mut theirs = sdk("ci-schedule-cron-stop");
    assert_eq!(ready(&holding(&spec).sees(own(&theirs)).decide()), "AsDeclared");
    theirs["schedules"]["computeStartStop"][0]["cron"]["expression"] = json!("0 19 * * 1-5");
    let plan = holding(&spec).sees(own(&theirs)).decide();
    assert_eq!(posted(&plan).0, ComputeAction::SetSchedules);
    assert!(plan.changes[0].from.contains("stop at 0 19 * * 1-5"), "{}", plan.changes[0].from);
}

#[test]
fn custom_applications_change_as_a_bare_list() {
    let service = json!({"name": "rstudio", "image": {"reference": "rstudio:1"},
        "endpoints": [{"target": 8787, "published": 8787}], "environment": {"TOKEN": "canary"}});
    let given = holding(&json!({"customServices": [service]})).sees(azure(&json!({})));
    let plan = given.decide();
    let (action, body) = posted(&plan);
    assert_eq!((action, body[0]["name"].as_str()), (ComputeAction::SetCustomServices, Some("rstudio")));
    let told = format!("{:?} {}", plan.changes, given.applied(&plan));
    assert!(!told.contains("canary"), "{told}");
}

#[test]
fn list_that_leaves_the_spec_is_emptied_if_this_object_set_it() {
    let declared = holding(&json!({"schedules": [{"name": "s", "action": "Stop", "cron": "0 18 * * *"}]}));
    let theirs = own(&sdk("ci-schedule-cron-stop"));
    let remembered = reports(&declared.clone().sees(own(&sdk("ci-schedule-cron-stop")))).managed_lists;
    assert_eq!(remembered, ["schedules"]);
    let dropped = holding(&json!({})).status_with(&json!({"managedLists": ["schedules"]}));
    let plan = dropped.clone().sees(theirs.clone()).decide();
    assert_eq!(posted(&plan), (ComputeAction::SetSchedules, &json!({"computeStartStop": []})));
    assert!(reports(&dropped.sees(azure(&json!({})))).managed_lists.is_empty(), "done");
    assert_eq!(ready(&holding(&json!({})).sees(theirs).decide()), "AsDeclared", "what others set is left alone");
}

#[test]
fn sso_changes_by_its_post_unless_only_the_user_may() {
    let plan = holding(&json!({"sso": false})).sees(own(&json!({"enableSSO": true}))).decide();
    let captured = &recorded("sdk_instances")["ci-enable-sso-post"][2]["body"];
    assert_eq!(posted(&plan), (ComputeAction::SetSso, captured));
    let user = json!({"objectId": "4444", "tenantId": "2222"});
    let seen = json!({"enableSSO": false, "personalComputeInstanceSettings": {"assignedUser": user}});
    let assigned = holding(&json!({"sso": true, "assignedUser": user})).sees(own(&seen));
    let plan = assigned.decide();
    assert_eq!((stalled(&plan), plan.changes[0].how), ("ImmutableDifference", How::Refused));
    let advice = reports(&assigned).common.advice;
    assert!(advice.iter().any(|hint| hint.reason == "SingleSignOnIsTheUsers"), "{advice:?}");
    // With a script Azure has switched it off, which is no drift.
    let script = json!({"creation": {"inline": "echo"}});
    let scripted = holding(&json!({"sso": true, "assignedUser": user, "setupScripts": script})).sees(own(&seen));
    let plan = scripted.decide();
    assert_eq!((ready(&plan), plan.drifted, plan.changes.len()), ("AsDeclared", false, 0));
    let advice = reports(&scripted).common.advice;
    assert!(advice.iter().any(|hint| hint.message.contains("only its assigned user can switch it on")), "{advice:?}");
}

#[test]
fn everything_else_differs_until_recreation_is_opted_in() {
    let user = json!({"objectId": "4444", "tenantId": "2222"});
    for (spec, field) in [
        (json!({"vmSize": "Standard_E4ds_v4"}), "spec.vmSize"),
        (json!({"assignedUser": user}), "spec.assignedUser.objectId"),
        (json!({"applicationSharing": "Personal"}), "spec.applicationSharing"),
        (json!({"ssh": {"enabled": true}}), "spec.ssh.enabled"),
        (json!({"subnet": {"id": "/subscriptions/s/subnets/ml"}}), "spec.subnet"),
        (json!({"nodePublicIp": false}), "spec.nodePublicIp"),
        (json!({"osPatching": true}), "spec.osPatching"),
        (json!({"releaseQuotaOnStop": true}), "spec.releaseQuotaOnStop"),
        (json!({"description": "mine"}), "spec.description"),
        (json!({"tags": {"team": "vision"}}), "spec.tags[team]"),
        (json!({"identity": {"type": "SystemAssigned"}}), "spec.identity"),
    ] {
        let plan = holding(&spec).sees(azure(&json!({}))).decide();
        assert_eq!((stalled(&plan), &plan.action), ("ImmutableDifference", &Action::Nothing), "{field}");
        assert_eq!((fields(&plan)[0], plan.changes[0].how), (field, How::Refused));
        assert!(message(&plan).contains("replacePolicy: Recreate") && message(&plan).contains("local disk"), "{field}");
    }
}

#[test]
fn what_azure_keeps_to_itself_or_its_user_sets_is_no_difference() {
    for (spec, seen) in [
        (json!({"rootAccess": false}), json!({})),
        (
            json!({"ssh": {"enabled": true, "publicKey": {"value": "ssh-ed25519 AAAA"}}}),
            json!({"sshSettings": {"sshPublicAccess": "Enabled", "adminPublicKey": null}}),
        ),
        (
            json!({"ssh": {"enabled": true}}),
            json!({"sshSettings": {"sshPublicAccess": "Enabled", "adminPublicKey": "ssh-ed25519 BBBB"}}),
        ),
        (json!({"setupScripts": {"creation": {"inline": "echo"}}}), json!({"setupScripts": null})),
        (json!({"applicationSharing": "Shared"}), json!({"applicationSharingPolicy": null})),
    ] {
        assert_eq!(ready(&holding(&spec).sees(own(&seen)).decide()), "AsDeclared", "{spec}");
    }
}

#[test]
fn recreation_is_told_in_a_status_before_it_destroys_the_disk() {
    let given = holding(&json!({})).edited(&json!({"vmSize": "Standard_E4ds_v4", "replacePolicy": "Recreate"}));
    let given = given.sees(azure(&json!({})));
    let told = given.decide();
    assert_eq!((working(&told), &told.action), ("Recreating", &Action::Nothing));
    assert!(message(&told).contains("destroys its local disk"), "{}", message(&told));
    let lost = &told.changes[0];
    assert!(lost.from.contains("local disk") && lost.how == How::Recreate, "{lost:?}");
    let next = given.reported();
    let plan = next.decide();
    assert_eq!((&plan.action, working(&plan)), (&Action::Delete, "Recreating"));
    // Told of an earlier generation is not told.
    let edited = next.edited(&json!({"vmSize": "Standard_DS2_v2"})).sees(azure(&json!({})));
    assert_eq!(edited.decide().action, Action::Nothing);
}

#[test]
fn recreation_that_would_fail_is_said_and_destroys_nothing() {
    let mut given = holding(&json!({})).edited(&json!({"vmSize": "Standard_NV6", "replacePolicy": "Recreate"}));
    let size = |name: &str, types: &[&str]| arm::VmSize {
        name: name.into(),
        family: "f".into(),
        vcpus: 4,
        low_priority: true,
        compute_types: types.iter().map(|t| (*t).to_owned()).collect(),
    };
    given.refs.sizes = Some(vec![size("Standard_NV6", &["AmlCompute"]), size("Standard_NC6", &["ComputeInstance"])]);
    let plan = given.sees(azure(&json!({}))).decide();
    assert_eq!((stalled(&plan), &plan.action), ("VmSizeNotSupported", &Action::Nothing));
    assert!(message(&plan).contains("cannot be used for ComputeInstance") && message(&plan).contains("Standard_NC6"));
}

fn scripted() -> Given<ComputeInstance> {
    let reference = json!({"configMapRef": {"name": "scripts", "key": "setup.sh"}});
    let mut given = holding(&json!({"setupScripts": {"creation": reference}}));
    let key = ConfigMapKeyRef { name: "scripts".into(), key: "setup.sh".into() };
    given.refs.config_maps.insert(key, ConfigMapState::Value(Script::new("echo new")));
    given
}

/// The instance as it was made with another script, which Azure tells or not.
fn with_script(data: &Value) -> Value {
    own(&json!({"setupScripts": {"scripts": {"creationScript": {"scriptSource": "inline", "scriptData": data}}}}))
}

#[test]
fn changed_script_is_said_to_be_immutable_and_is_no_drift() {
    let told = scripted().sees(with_script(&json!("ZWNobyBvbGQ=")));
    let unshown = scripted()
        .status_with(&json!({"azure": {"sentFingerprint": "k1-old"}}))
        .with(|g| g.refs.fingerprint = Some("k1-new".into()))
        .sees(with_script(&Value::Null));
    for given in [told, unshown] {
        let plan = given.decide();
        assert_eq!((stalled(&plan), plan.drifted), ("ScriptChanged", false));
        assert_eq!((plan.changes.len(), plan.changes[0].how), (1, How::Refused), "{:?}", plan.changes);
        let told = format!("{:?} {}", plan.changes, given.applied(&plan));
        assert!(!told.contains("echo") && !told.contains("ZWNo"), "{told}");
    }
    assert_eq!(ready(&scripted().sees(with_script(&json!("ZWNobyBuZXc="))).decide()), "AsDeclared");
}

#[test]
fn missing_config_map_does_not_disturb_an_instance_that_exists() {
    let mut given = scripted();
    given.refs.config_maps.clear();
    assert_eq!(ready(&given.sees(with_script(&json!("ZWNobyBvbGQ="))).decide()), "AsDeclared");
}
