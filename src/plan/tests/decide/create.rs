//! Making a compute: look, claim, create, and what speaks against it.
//!
//! Must not cover computes that are there already.

use crate::support::*;
use api::SecretKeyRef;
use arm::{Usage, VmSize};
use jiff::SignedDuration;
use plan::{AcceptedWrite, Action, Attempt, OperationKind, Secret, SecretState, Setback, WorkspaceState};
use serde_json::json;

#[test]
fn nothing_known_leads_to_a_look() {
    assert_eq!(given(&json!({})).decide().action, Action::Look);
}

#[test]
fn absent_in_the_list_is_looked_at_before_anything_is_written() {
    let plan = given(&json!({})).lists_nothing().decide();
    assert_eq!(plan.action, Action::Look);
}

#[test]
fn proven_absence_is_claimed_before_it_is_created() {
    let plan = given(&json!({})).sees_nothing().decide();
    assert_eq!(plan.action, Action::Claim { claim: claim_of(UID) });
}

#[test]
fn finalizer_without_claim_and_claim_of_another_object_are_claimed_anew() {
    let finalizer = given(&json!({})).claimed().annotate(CLAIM, "garbage").sees_nothing();
    assert_eq!(finalizer.decide().action, Action::Claim { claim: claim_of(UID) });
    let foreign = given(&json!({})).claimed().annotate(CLAIM, &claim_of("uid-0")).sees_nothing();
    assert_eq!(foreign.decide().action, Action::Claim { claim: claim_of(UID) });
    let bare = given(&json!({})).annotate(CLAIM, &claim_of(UID)).sees_nothing();
    assert_eq!(bare.decide().action, Action::Claim { claim: claim_of(UID) });
}

#[test]
fn create_sends_only_what_was_written_and_the_envelope() {
    let plan = given(&json!({})).claimed().sees_nothing().decide();
    assert_eq!(plan.action.operation(), Some(OperationKind::Create));
    assert_eq!(
        body(&plan),
        &json!({
            "location": "westeurope",
            "tags": {OWNER_UID: UID, OWNER_OBJECT: "team-a/cpu-cluster"},
            "properties": {"computeType": "AmlCompute", "computeLocation": "westeurope",
                "properties": {"vmSize": "STANDARD_D2_V2", "scaleSettings": {"maxNodeCount": 4}}},
        })
    );
}

#[test]
fn create_sends_every_field_that_was_written() {
    let key = "ssh-ed25519 AAAA me@home";
    let subnet = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/n/subnets/ml";
    let spec = json!({"azureName": "gpu-1a", "vmSize": "Standard_NC6", "location": "West US", "vmPriority": "LowPriority",
        "osType": "Linux", "scale": {"maxNodes": 3, "minNodes": 1, "idleTimeBeforeScaleDown": "40m"},
        "ssh": {"enabled": true, "adminUsername": "me", "publicKey": {"value": key}}, "subnet": {"id": subnet},
        "nodePublicIp": true, "isolatedNetwork": false, "description": "text", "tags": {"team": "vision"},
        "identity": {"type": "SystemAssigned"}});
    let id = format!("{UID} {WORKSPACE}/computes/gpu-1a");
    let plan = given(&spec).claimed().annotate(CLAIM, &id).sees_nothing().decide();
    assert_eq!(
        body(&plan),
        &json!({
            "location": "westeurope", "identity": {"type": "SystemAssigned"},
            "tags": {OWNER_UID: UID, OWNER_OBJECT: "team-a/cpu-cluster", "team": "vision"},
            "properties": {"computeType": "AmlCompute", "computeLocation": "West US", "description": "text",
                "properties": {"vmSize": "Standard_NC6", "vmPriority": "LowPriority", "osType": "Linux",
                    "scaleSettings": {"maxNodeCount": 3, "minNodeCount": 1, "nodeIdleTimeBeforeScaleDown": "PT40M"},
                    "remoteLoginPortPublicAccess": "Enabled", "enableNodePublicIp": true, "isolatedNetwork": false,
                    "userAccountCredentials": {"adminUserName": "me", "adminUserSshPublicKey": key},
                    "subnet": {"id": subnet}}},
        })
    );
}

#[test]
fn user_assigned_identities_are_sent_as_keys_of_empty_objects() {
    let spec = json!({"identity": {"type": "UserAssigned", "userAssigned": ["/a/b", "/c/d"]}});
    let plan = given(&spec).claimed().sees_nothing().decide();
    let want = json!({"type": "UserAssigned", "userAssignedIdentities": {"/a/b": {}, "/c/d": {}}});
    assert_eq!(body(&plan)["identity"], want);
}

#[test]
fn subnet_by_names_becomes_an_id_in_the_workspaces_subscription() {
    let own_group = json!({"subnet": {"virtualNetwork": "net", "name": "ml"}});
    let other_group = json!({"subnet": {"virtualNetwork": "net", "name": "ml", "resourceGroup": "rg-net"}});
    for (spec, group) in [(own_group, "ml"), (other_group, "rg-net")] {
        let plan = given(&spec).claimed().sees_nothing().decide();
        let id = format!(
            "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/{group}/providers/Microsoft.Network/virtualNetworks/net/subnets/ml"
        );
        assert_eq!(body(&plan).pointer("/properties/properties/subnet/id"), Some(&json!(id)));
    }
}

#[test]
fn ssh_variants_are_sent_as_azure_takes_them() {
    let access = "/properties/properties/remoteLoginPortPublicAccess";
    let closed = given(&json!({"ssh": {"enabled": false}})).claimed().sees_nothing().decide();
    assert_eq!(body(&closed).pointer(access), Some(&json!("Disabled")));
    assert_eq!(body(&closed).pointer("/properties/disableLocalAuth"), Some(&json!(true)));
    let private = json!({"ssh": {"enabled": true, "publicKey": {"value": "ssh-rsa A"}}, "nodePublicIp": false});
    let private = given(&private).claimed().sees_nothing().decide();
    assert_eq!(body(&private).pointer(access), Some(&json!("NotSpecified")));
    let user = body(&private).pointer("/properties/properties/userAccountCredentials").unwrap();
    assert_eq!(user, &json!({"adminUserName": "azureuser", "adminUserSshPublicKey": "ssh-rsa A"}));
}

fn ssh_from_secrets() -> serde_json::Value {
    json!({"ssh": {"enabled": true, "publicKey": {"secretRef": {"name": "ssh", "key": "id.pub"}},
        "password": {"secretRef": {"name": "ssh", "key": "password"}}}})
}

fn secret(key: &str) -> SecretKeyRef {
    SecretKeyRef { name: "ssh".into(), key: key.into() }
}

#[test]
fn secrets_are_sent_without_their_line_ends_and_never_shown() {
    let given = given(&ssh_from_secrets()).claimed().sees_nothing().with(|g| {
        g.refs.secrets.insert(secret("id.pub"), SecretState::Value(Secret::new("ssh-rsa A\n")));
        g.refs.secrets.insert(secret("password"), SecretState::Value(Secret::new("hunter2\r\n")));
    });
    let plan = given.decide();
    let user = body(&plan).pointer("/properties/properties/userAccountCredentials").unwrap();
    let want =
        json!({"adminUserName": "azureuser", "adminUserSshPublicKey": "ssh-rsa A", "adminUserPassword": "hunter2"});
    assert_eq!(user, &want);
    let shown = format!("{plan:?} {}", serde_json::to_string(&given.report(&plan)).unwrap());
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn missing_secrets_are_waited_for_while_the_object_is_young_and_stall_it_later() {
    for (state, reason, words) in [
        (None, "SecretNotFound", "Secret ssh is not in this namespace"),
        (Some(SecretState::Missing), "SecretNotFound", "Secret ssh is not in this namespace"),
        (Some(SecretState::KeyMissing), "SecretKeyMissing", "has no key id.pub"),
        (Some(SecretState::Forbidden), "SecretForbidden", "may not read Secret ssh"),
    ] {
        let old = given(&ssh_from_secrets()).claimed().sees_nothing().with(|g| {
            g.refs.secrets.extend(state.map(|state| (secret("id.pub"), state)));
        });
        let plan = old.decide();
        assert_eq!((stalled(&plan), &plan.action), (reason, &Action::Nothing));
        assert!(message(&plan).contains(words), "{}", message(&plan));
        let young = old.with(|g| g.now = "2026-01-01T00:00:05Z".parse().unwrap());
        assert_eq!(working(&young.decide()), reason);
    }
}

#[test]
fn missing_workspace_is_waited_for_while_the_object_is_young_and_stalls_it_later() {
    let old = given(&json!({})).with(|g| g.refs.workspace = WorkspaceState::Missing);
    let plan = old.decide();
    assert_eq!(stalled(&plan), "WorkspaceNotFound");
    assert!(message(&plan).contains("research"), "{}", message(&plan));
    let young = old.with(|g| g.now = "2026-01-01T00:00:05Z".parse().unwrap());
    assert_eq!(working(&young.decide()), "WorkspaceNotFound");
}

#[test]
fn unready_workspace_is_told_in_its_own_words() {
    let unready = |stalled| {
        let state = WorkspaceState::Unready { reason: "SecretNotFound".into(), message: "no secret".into(), stalled };
        given(&json!({})).with(|g| g.refs.workspace = state)
    };
    assert_eq!(stalled(&unready(true).decide()), "SecretNotFound");
    assert_eq!(working(&unready(false).decide()), "SecretNotFound");
    assert!(message(&unready(true).decide()).contains("Workspace research cannot be used: no secret"));
}

#[test]
fn nothing_new_is_made_in_a_workspace_that_is_being_deleted_or_not_yet_held() {
    let deleting = given(&json!({})).claimed().sees_nothing().with(|g| g.facts().deleting = true).decide();
    assert_eq!((stalled(&deleting), &deleting.action), ("WorkspaceDeleting", &Action::Nothing));
    for given in [given(&json!({})), given(&json!({})).claimed()] {
        let plan = given.sees_nothing().with(|g| g.facts().held = false).decide();
        assert_eq!((working(&plan), &plan.action), ("WaitingForWorkspace", &Action::Nothing));
    }
}

#[test]
fn unknown_workspace_region_is_waited_for_or_told() {
    let unknown = given(&json!({})).claimed().sees_nothing().with(|g| g.facts().location = None);
    assert_eq!(working(&unknown.decide()), "WaitingForWorkspace");
    let denied = unknown.with(|g| g.facts().trouble = Some(plan::Because::new("Unauthenticated", "x")));
    assert_eq!(stalled(&denied.decide()), "Unauthenticated");
}

fn size(name: &str, low_priority: bool) -> VmSize {
    let compute_types = vec!["AmlCompute".into()];
    VmSize { name: name.into(), family: "standardDv2Family".into(), vcpus: 2, low_priority, compute_types }
}

#[test]
fn size_the_region_does_not_offer_is_told_with_near_names_before_anything_is_asked() {
    let given = given(&json!({"vmSize": "STANDARD_D22_V2"})).lists_nothing();
    let given = given.with(|g| g.refs.sizes = Some(vec![size("Standard_D2_v2", true)]));
    let plan = given.decide();
    assert_eq!((stalled(&plan), &plan.action), ("VmSizeNotSupported", &Action::Nothing));
    assert!(message(&plan).contains("westeurope") && message(&plan).contains("Standard_D2_v2"), "{}", message(&plan));
    let low = crate::support::given(&json!({"vmPriority": "LowPriority"})).lists_nothing();
    let low = low.with(|g| g.refs.sizes = Some(vec![size("Standard_D2_v2", false)]));
    assert!(message(&low.decide()).contains("low-priority"));
}

#[test]
fn quota_is_a_condition_and_never_keeps_anything_from_being_made() {
    let given = given(&json!({"scale": {"maxNodes": 40}})).claimed().sees_nothing().with(|g| {
        let kind = "x/vmFamily/dedicatedCores/usages".into();
        g.refs.sizes = Some(vec![size("Standard_D2_v2", true)]);
        g.refs.usages = Some(vec![Usage { name: "standardDv2Family".into(), kind, current: 0, limit: 10 }]);
    });
    let plan = given.decide();
    assert_eq!(plan.action.name(), "create");
    let status = given.report(&plan);
    let quota = condition(&status, api::ConditionType::QuotaSufficient).unwrap();
    assert_eq!(quota.status, api::ConditionStatus::False);
    assert!(quota.message.contains("need 80 vCPUs") && quota.message.contains("allows 10"), "{}", quota.message);
}

#[test]
fn name_that_cannot_be_in_azure_is_told() {
    let plan = given(&json!({"azureName": "a/b"})).decide();
    assert_eq!((stalled(&plan), &plan.action), ("InvalidName", &Action::Nothing));
    assert!(message(&plan).contains("spec.azureName"), "{}", message(&plan));
}

#[test]
fn idle_time_that_is_no_duration_is_told() {
    let plan = given(&json!({"scale": {"maxNodes": 1, "idleTimeBeforeScaleDown": "P1M"}})).sees_nothing().decide();
    assert_eq!(stalled(&plan), "InvalidSpec");
    assert!(message(&plan).contains("spec.scale.idleTimeBeforeScaleDown"), "{}", message(&plan));
}

fn write(kind: OperationKind, running: bool) -> AcceptedWrite {
    AcceptedWrite { kind, at: now(), running, digest: 0, times: 1 }
}

#[test]
fn create_under_way_is_waited_for_however_long_azure_does_not_show_it() {
    let given = given(&json!({})).claimed().sees_nothing();
    let given = given.with(|g| g.memory.write = Some(write(OperationKind::Create, true)));
    let late = given.clone().with(|g| g.now = g.now.checked_add(SignedDuration::from_hours(1)).unwrap());
    for given in [given, late] {
        let plan = given.decide();
        assert_eq!((working(&plan), &plan.action), ("Creating", &Action::Nothing));
        assert_eq!(given.report(&plan).common.operation.unwrap().name, "Create");
    }
}

#[test]
fn create_that_was_just_accepted_is_not_sent_again_by_a_404_even_after_a_restart() {
    let remembered = given(&json!({})).claimed().sees_nothing();
    let remembered = remembered.with(|g| g.memory.write = Some(write(OperationKind::Create, false)));
    let operation = json!({"name": "Create", "startedAt": "2026-01-01T00:59:50Z"});
    let restarted = given(&json!({})).claimed().sees_nothing();
    let restarted = restarted.status(&json!({"observedGeneration": 1, "operation": operation}));
    for given in [remembered, restarted] {
        let plan = given.decide();
        assert_eq!((working(&plan), &plan.action), ("Creating", &Action::Nothing));
        let later = given.with(|g| g.now = g.now.checked_add(secs(31)).unwrap());
        let later = later.sees_nothing().decide();
        assert_eq!(later.action.name(), "create", "after the grace it is made again");
    }
}

#[test]
fn create_that_may_have_happened_is_not_sent_again_before_azure_had_time_to_show_it() {
    let failure = timeout(Attempt::Create);
    let ago = now().checked_sub(secs(10)).unwrap();
    let setback = Setback { failure, attempts: 1, at: ago, since: ago, generation: 1 };
    let given = given(&json!({})).claimed().sees_nothing().with(|g| g.memory.setback = Some(setback));
    let plan = given.decide();
    assert_eq!((working(&plan), &plan.action), ("AzureUnavailable", &Action::Nothing));
    let later = given.with(|g| g.now = g.now.checked_add(secs(31)).unwrap());
    assert_eq!(later.sees_nothing().decide().action.name(), "create");
}

#[test]
fn create_follows_at_once_when_the_compute_was_deleted_for_recreation() {
    let operation = json!({"name": "Create", "startedAt": "2026-01-01T00:59:50Z"});
    let given = given(&json!({})).claimed().sees_nothing();
    let given = given.status(&json!({"observedGeneration": 1, "operation": operation}));
    let given = given.with(|g| g.memory.write = Some(write(OperationKind::Delete, false)));
    assert_eq!(given.decide().action.name(), "create");
}
