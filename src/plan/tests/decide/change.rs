//! A compute of ours at rest: what differs, and how each difference is carried out.
//!
//! Must not cover failed computes.

use crate::support::*;
use api::{ConditionType, How};
use arm::VmSize;
use plan::{AcceptedWrite, Action, Attempt, OperationKind, Setback};
use serde_json::{Value, json};

fn tags(tags: &Value) -> Value {
    let mut body = azure(&json!({}));
    overlay(&mut body["tags"], tags);
    body
}

#[test]
fn recorded_answers_are_as_declared_by_who_wrote_them() {
    for (name, spec) in [
        (
            "created",
            json!({"vmSize": "Standard_DS3_v2", "scale": {"maxNodes": 8, "minNodes": 0, "idleTimeBeforeScaleDown": "2m"}, "location": "East US", "osType": "Linux", "nodePublicIp": true, "isolatedNetwork": false, "description": ""}),
        ),
        ("old_without_public_ip", json!({"vmSize": "x", "scale": {"maxNodes": 3}, "nodePublicIp": true})),
        (
            "user_assigned",
            json!({"vmSize": "standard_ds3_v2", "scale": {"maxNodes": 2}, "identity": {"type": "UserAssigned", "userAssigned": ["/subscriptions/00000000-0000-0000-0000-000000000/resourceGroups/anksing-rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/fl-test-msi"]}}),
        ),
        (
            "ssh_with_password",
            json!({"vmSize": "Standard_DS2_v2", "scale": {"maxNodes": 2, "idleTimeBeforeScaleDown": "PT100S"}, "vmPriority": "Dedicated", "description": "some_desc_aml"}),
        ),
    ] {
        let mut there = recorded(name);
        overlay(
            &mut there,
            &json!({"name": "cpu-cluster", "tags": {OWNER_UID: UID, OWNER_OBJECT: "team-a/cpu-cluster"}}),
        );
        let mut spec = spec;
        if spec["vmSize"] == "x" {
            spec["vmSize"] = there.pointer("/properties/properties/vmSize").unwrap().clone();
        }
        let given = given(&spec).claimed().sees(there);
        assert_eq!(ready(&given.decide()), "AsDeclared", "{name}: {:?}", given.decide().changes);
        assert_eq!(given.reports().common.azure.unwrap().applied_generation, Some(1));
    }
}

#[test]
fn nothing_is_looked_at_or_written_while_azure_is_as_declared() {
    let plan = holding(&json!({})).lists(azure(&json!({}))).decide();
    assert_eq!((ready(&plan), &plan.action), ("AsDeclared", &Action::Nothing));
    assert!(plan.next >= holding(&json!({})).settings.requeue);
}

#[test]
fn scale_sends_all_three_fields_with_the_unset_ones_as_azure_has_them() {
    for (scale, want) in [
        (json!({"maxNodes": 9}), json!({"maxNodeCount": 9, "minNodeCount": 0, "nodeIdleTimeBeforeScaleDown": "PT2M"})),
        (
            json!({"maxNodes": 4, "minNodes": 2}),
            json!({"maxNodeCount": 4, "minNodeCount": 2, "nodeIdleTimeBeforeScaleDown": "PT2M"}),
        ),
        (
            json!({"maxNodes": 4, "idleTimeBeforeScaleDown": "40m"}),
            json!({"maxNodeCount": 4, "minNodeCount": 0, "nodeIdleTimeBeforeScaleDown": "PT40M"}),
        ),
    ] {
        let spec = json!({"scale": scale});
        assert_eq!(holding(&spec).lists(azure(&json!({}))).decide().action, Action::Look);
        let plan = holding(&spec).sees(azure(&json!({}))).decide();
        assert_eq!((plan.action.name(), working(&plan)), ("scale", "Scaling"));
        assert_eq!(body(&plan), &json!({"properties": {"properties": {"scaleSettings": want}}}));
    }
}

#[test]
fn scale_does_not_invent_or_null_what_azure_does_not_have() {
    let mut there = azure(&json!({}));
    there["properties"]["properties"]["scaleSettings"] =
        json!({"maxNodeCount": 4, "minNodeCount": 0, "nodeIdleTimeBeforeScaleDown": null});
    let plan = holding(&json!({"scale": {"maxNodes": 9}})).sees(there).decide();
    let scale = body(&plan).pointer("/properties/properties/scaleSettings").unwrap();
    assert_eq!(scale, &json!({"maxNodeCount": 9, "minNodeCount": 0}));
}

#[test]
fn tags_of_others_are_kept_and_tags_of_ours_are_set_and_removed() {
    let given = holding(&json!({"tags": {"team": "vision", "stage": "test"}}));
    let given = given.reporting(&json!({"managedTags": ["team", "Old", "gone"]}));
    let there = tags(&json!({"TEAM": "audio", "old": "1", "cost": "42"}));
    let plan = given.sees(there).decide();
    assert_eq!((plan.action.name(), working(&plan)), ("update", "Updating"));
    let want =
        json!({OWNER_UID: UID, OWNER_OBJECT: "team-a/cpu-cluster", "team": "vision", "stage": "test", "cost": "42"});
    assert_eq!(body(&plan)["tags"], want);
    assert_eq!(fields(&plan), ["spec.tags[stage]", "spec.tags[team]", "spec.tags[Old]"]);
    assert!(plan.changes.iter().all(|change| change.how == How::InPlace));
}

#[test]
fn tag_key_that_was_set_is_remembered_until_it_is_gone_in_whatever_case_azure_writes_it() {
    let given = holding(&json!({"driftPolicy": "Report"})).reporting(&json!({"managedTags": ["Team"]}));
    let there = given.clone().sees(tags(&json!({"team": "vision"}))).reports();
    assert_eq!(there.common.azure.unwrap().managed_tags, ["Team"]);
    let gone = given.sees(tags(&json!({}))).reports();
    assert!(gone.common.azure.unwrap().managed_tags.is_empty());
}

#[test]
fn tags_an_object_never_set_are_left_alone() {
    let plan = holding(&json!({})).sees(tags(&json!({"team": "vision"}))).decide();
    assert_eq!(ready(&plan), "AsDeclared");
}

const USER: &str = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/a";

#[test]
fn identity_is_added_changed_removed_and_otherwise_left_alone() {
    let system = json!({"identity": {"type": "SystemAssigned", "principalId": "p", "tenantId": "t"}});
    let user = json!({"identity": {"type": "UserAssigned", "userAssignedIdentities": {USER: {"principalId": "p", "clientId": "c"}}}});
    let none = json!({});
    let declare_user = json!({"identity": {"type": "UserAssigned", "userAssigned": [USER]}});
    let send_user = json!({"type": "UserAssigned", "userAssignedIdentities": {USER: {}}});
    for (spec, there, managed, sent) in [
        (json!({"identity": {"type": "SystemAssigned"}}), &none, false, Some(json!({"type": "SystemAssigned"}))),
        (declare_user.clone(), &none, false, Some(send_user.clone())),
        (declare_user.clone(), &system, true, Some(send_user)),
        (json!({"identity": {"type": "SystemAssigned"}}), &user, true, Some(json!({"type": "SystemAssigned"}))),
        (json!({"identity": {"type": "None"}}), &user, false, Some(json!({"type": "None"}))),
        (json!({"identity": {"type": "None"}}), &none, false, None),
        (json!({}), &system, true, Some(json!({"type": "None"}))),
        (json!({}), &system, false, None),
        (json!({}), &none, true, None),
        (declare_user, &user, true, None),
    ] {
        let given = holding(&spec).reporting(&json!({"managedIdentity": managed})).sees(azure(there));
        let plan = given.decide();
        match sent {
            Some(sent) => assert_eq!(body(&plan)["identity"], sent, "{spec} over {there}"),
            None => assert_eq!(ready(&plan), "AsDeclared", "{spec} over {there}"),
        }
    }
}

#[test]
fn identity_once_removed_is_no_longer_managed() {
    let none = json!({"identity": {"type": "None"}});
    let status = holding(&json!({})).reporting(&json!({"managedIdentity": true})).sees(azure(&none)).reports();
    assert!(!status.common.azure.unwrap().managed_identity, "an identity somebody adds later is not ours to remove");
}

#[test]
fn one_step_at_a_time_scale_before_tags() {
    let spec = json!({"scale": {"maxNodes": 9}, "tags": {"team": "vision"}});
    let plan = holding(&spec).sees(azure(&json!({}))).decide();
    assert_eq!(plan.action.name(), "scale");
    assert_eq!(fields(&plan), ["spec.scale.maxNodes", "spec.tags[team]"]);
    let scaled = json!({"properties": {"properties": {"scaleSettings": {"maxNodeCount": 9}}}});
    assert_eq!(holding(&spec).sees(azure(&scaled)).decide().action.name(), "update");
}

#[test]
fn immutable_difference_is_refused_with_a_plan_and_both_ways_out() {
    for (spec, field) in [
        (json!({"vmSize": "STANDARD_D4_V2"}), "spec.vmSize"),
        (json!({"location": "eastus"}), "spec.location"),
        (json!({"vmPriority": "LowPriority"}), "spec.vmPriority"),
        (json!({"osType": "Windows"}), "spec.osType"),
        (json!({"subnet": {"id": "/subscriptions/s/x"}}), "spec.subnet"),
        (json!({"nodePublicIp": false}), "spec.nodePublicIp"),
        (json!({"isolatedNetwork": true}), "spec.isolatedNetwork"),
        (json!({"description": "new"}), "spec.description"),
        (json!({"ssh": {"enabled": false}}), "spec.ssh.enabled"),
    ] {
        let given = holding(&spec).sees(azure(&json!({})));
        let plan = given.decide();
        assert_eq!((stalled(&plan), &plan.action), ("ImmutableDifference", &Action::Nothing), "{field}");
        assert_eq!((fields(&plan), plan.changes[0].how), (vec![field], How::Refused));
        assert!(message(&plan).contains(field) && message(&plan).contains("replacePolicy: Recreate"));
        assert_eq!(given.reports().common.plan.len(), 1);
    }
}

#[test]
fn what_can_change_in_place_is_done_although_something_else_cannot() {
    let spec = json!({"vmSize": "STANDARD_D4_V2", "scale": {"maxNodes": 9}});
    let plan = holding(&spec).sees(azure(&json!({}))).decide();
    assert_eq!(plan.action.name(), "scale");
    let hows: Vec<How> = plan.changes.iter().map(|change| change.how).collect();
    assert_eq!(hows, [How::Refused, How::InPlace]);
}

#[test]
fn recreation_by_opt_in_deletes_and_then_creates() {
    let spec = json!({"vmSize": "STANDARD_D4_V2", "replacePolicy": "Recreate"});
    assert_eq!(holding(&spec).lists(azure(&json!({}))).decide().action, Action::Look);
    let plan = holding(&spec).sees(azure(&json!({}))).decide();
    assert_eq!((&plan.action, working(&plan), plan.changes[0].how), (&Action::Delete, "Recreating", How::Recreate));
    let deleting = holding(&spec).sees(azure(&json!({"properties": {"provisioningState": "Deleting"}})));
    assert_eq!(working(&deleting.decide()), "Deleting");
    assert_eq!(holding(&spec).sees_nothing().decide().action.name(), "create");
}

#[test]
fn nothing_is_destroyed_that_could_not_be_made_again() {
    let spec = json!({"vmSize": "STANDARD_D4_V2", "replacePolicy": "Recreate",
        "ssh": {"enabled": true, "publicKey": {"secretRef": {"name": "ssh", "key": "id.pub"}}}});
    let given = || holding(&spec).sees(azure(&json!({})));
    let offered = VmSize {
        name: "Standard_D2_v2".into(),
        family: String::new(),
        vcpus: 2,
        low_priority: true,
        compute_types: Vec::new(),
    };
    let key = api::SecretKeyRef { name: "ssh".into(), key: "id.pub".into() };
    let value = || plan::SecretState::Value(plan::Secret::new("ssh-rsa A"));
    let whole = given().with(|g| drop(g.refs.secrets.insert(key, value())));
    assert_eq!(whole.decide().action, Action::Delete);
    for (hindered, reason) in [
        (given(), "SecretNotFound"),
        (whole.clone().with(|g| g.refs.sizes = Some(vec![offered])), "VmSizeNotSupported"),
        (whole.clone().with(|g| g.facts().deleting = true), "WorkspaceDeleting"),
        (whole.clone().with(|g| g.facts().location = None), "WaitingForWorkspace"),
        (whole.with(|g| g.facts().held = false), "WaitingForWorkspace"),
    ] {
        let plan = hindered.decide();
        assert_eq!(plan.action, Action::Nothing, "{reason}");
        let told = match &plan.verdict {
            plan::Verdict::Working(because) | plan::Verdict::Stalled(because) => because.reason.as_str(),
            plan::Verdict::Ready(_) | plan::Verdict::Paused => "neither",
        };
        assert_eq!(told, reason);
    }
}

#[test]
fn recreation_that_did_not_change_what_it_should_is_not_repeated() {
    let spec = json!({"subnet": {"id": "/subscriptions/s/x"}, "replacePolicy": "Recreate"});
    let create = holding(&spec).sees_nothing().decide();
    let write =
        AcceptedWrite { kind: OperationKind::Create, at: now(), running: false, digest: create.digest, times: 1 };
    let plan = holding(&spec).sees(azure(&json!({}))).with(|g| g.memory.write = Some(write)).decide();
    assert_eq!((stalled(&plan), &plan.action), ("ChangeIgnored", &Action::Nothing));
    assert!(message(&plan).contains("spec.subnet"), "{}", message(&plan));
    let edited = holding(&spec).edited(&json!({"subnet": {"id": "/subscriptions/s/y"}})).sees(azure(&json!({})));
    let write =
        AcceptedWrite { kind: OperationKind::Create, at: now(), running: false, digest: create.digest, times: 1 };
    assert_eq!(edited.with(|g| g.memory.write = Some(write)).decide().action, Action::Delete);
}

#[test]
fn drift_is_corrected_or_reported_by_policy_and_a_new_generation_is_always_carried_out() {
    let scaled = azure(&json!({"properties": {"properties": {"scaleSettings": {"maxNodeCount": 7}}}}));
    let correct = holding(&json!({})).sees(scaled.clone());
    assert_eq!(correct.decide().action.name(), "scale");
    assert!(holds(&correct.reports(), ConditionType::Drifted) && holds(&correct.reports(), ConditionType::Reconciling));
    let reported = holding(&json!({"driftPolicy": "Report"})).sees(scaled.clone());
    let plan = reported.decide();
    assert_eq!((ready(&plan), &plan.action), ("Drifted", &Action::Nothing));
    assert!(message(&plan).contains("spec.scale.maxNodes"));
    let status = reported.reports();
    assert!(holds(&status, ConditionType::Drifted) && !holds(&status, ConditionType::Reconciling));
    assert_eq!(status.common.plan[0].field, "spec.scale.maxNodes");
    let edited = holding(&json!({"driftPolicy": "Report"})).edited(&json!({"scale": {"maxNodes": 5}})).sees(scaled);
    assert_eq!(edited.decide().action.name(), "scale");
    assert!(!holds(&edited.reports(), ConditionType::Drifted), "a new generation is no drift");
}

fn accepted(given: &Given, times: u32, at: jiff::Timestamp) -> AcceptedWrite {
    AcceptedWrite { kind: OperationKind::Scale, at, running: false, digest: given.decide().digest, times }
}

#[test]
fn change_azure_accepts_and_ignores_is_not_sent_for_ever() {
    let given = holding(&json!({"scale": {"maxNodes": 9}})).sees(azure(&json!({})));
    let once = accepted(&given, 1, now());
    assert_eq!(given.clone().with(|g| g.memory.write = Some(once)).decide().action.name(), "scale");
    let twice = accepted(&given, 2, now());
    let plan = given.clone().with(|g| g.memory.write = Some(twice.clone())).decide();
    assert_eq!((stalled(&plan), &plan.action), ("ChangeIgnored", &Action::Nothing));
    assert!(message(&plan).contains("spec.scale.maxNodes"));
    let other = given.clone().edited(&json!({"scale": {"maxNodes": 10}})).with(|g| g.memory.write = Some(twice));
    assert_eq!(other.decide().action.name(), "scale", "another value is another change");
    let long_ago = accepted(&given, 2, now().checked_sub(given.settings.retry_very_slow).unwrap());
    assert_eq!(given.with(|g| g.memory.write = Some(long_ago)).decide().action.name(), "scale", "it is probed again");
}

#[test]
fn running_write_and_moving_states_are_waited_for() {
    let spec = json!({"scale": {"maxNodes": 9}});
    for (state, reason) in [
        ("Creating", "Creating"),
        ("Updating", "Updating"),
        ("Deleting", "Deleting"),
        ("Rehydrating", "UnknownProvisioningState"),
    ] {
        let plan = holding(&spec).sees(azure(&json!({"properties": {"provisioningState": state}}))).decide();
        assert_eq!((working(&plan), &plan.action), (reason, &Action::Nothing));
    }
    let unknown = holding(&spec).sees(azure(&json!({"properties": {"provisioningState": "Rehydrating"}}))).decide();
    assert!(
        message(&unknown).contains("Rehydrating") && !message(&unknown).contains(['(', '"']),
        "{}",
        message(&unknown)
    );
    for (kind, reason) in
        [(OperationKind::Scale, "Scaling"), (OperationKind::Update, "Updating"), (OperationKind::Delete, "Deleting")]
    {
        let write = AcceptedWrite { kind, at: now(), running: true, digest: 1, times: 1 };
        let given = holding(&spec).sees(azure(&json!({}))).with(|g| g.memory.write = Some(write));
        assert_eq!((working(&given.decide()), given.decide().action), (reason, Action::Nothing));
        assert_eq!(given.reports().common.operation.unwrap().name, kind.as_str());
    }
}

#[test]
fn writes_are_held_after_a_setback_until_its_time_or_a_new_generation() {
    let setback =
        |attempt| Setback { failure: http(attempt, 500, "", ""), attempts: 1, at: now(), since: now(), generation: 1 };
    for (spec, attempt) in [
        (json!({"scale": {"maxNodes": 9}}), Attempt::Scale),
        (json!({"tags": {"team": "vision"}}), Attempt::Update),
        (json!({"vmSize": "STANDARD_D4_V2", "replacePolicy": "Recreate"}), Attempt::Delete),
    ] {
        let given = holding(&spec).sees(azure(&json!({}))).with(|g| g.memory.setback = Some(setback(attempt)));
        let plan = given.decide();
        assert_eq!((working(&plan), &plan.action), ("AzureUnavailable", &Action::Nothing));
        assert!(plan.next >= given.settings.retry_fast);
        let later = given.clone().with(|g| g.now = g.now.checked_add(secs(3)).unwrap());
        assert!(later.decide().action.operation().is_some());
        let edited = given.edited(&json!({"scale": {"maxNodes": 11}}));
        assert!(edited.decide().action.operation().is_some());
    }
}
