//! Computes that are there and may not be ours: whose they are, and what each adoption policy does.
//!
//! Must not cover what happens to a compute once it is ours.

use crate::support::*;
use api::ConditionType;
use plan::{AcceptedWrite, Action, Attempt, OperationKind, Setback};
use serde_json::{Value, json};

/// Owner tags: none, this object's earlier self, a sibling of the namespace, an object of another namespace.
fn owners() -> [(&'static str, Value); 5] {
    [
        ("nobody", json!({OWNER_UID: null, OWNER_OBJECT: null})),
        ("former self", json!({OWNER_UID: "uid-0", OWNER_OBJECT: "team-a/cpu-cluster"})),
        ("sibling", json!({OWNER_UID: "uid-7", OWNER_OBJECT: "team-a/other"})),
        ("stranger", json!({OWNER_UID: "uid-8", OWNER_OBJECT: "team-b/cpu-cluster"})),
        ("unnamed", json!({OWNER_UID: "uid-9", OWNER_OBJECT: null})),
    ]
}

fn tagged(tags: &Value) -> Value {
    let mut body = azure(&json!({}));
    overlay(&mut body["tags"], tags);
    body
}

#[test]
fn compute_of_others_is_adopted_exactly_as_far_as_the_policy_allows() {
    for (policy, allowed) in [
        ("Never", &[][..]),
        ("Adopt", &["nobody", "former self"]),
        ("TakeOver", &["nobody", "former self", "sibling", "stranger", "unnamed"]),
    ] {
        for (owner, tags) in owners() {
            let given = given(&json!({"adoptionPolicy": policy})).claimed().sees(tagged(&tags));
            let plan = given.decide();
            if allowed.contains(&owner) {
                assert_eq!(plan.action.operation(), Some(OperationKind::Update), "{policy} {owner}");
                assert_eq!(body(&plan)["tags"][OWNER_UID], UID, "{policy} {owner}");
            } else {
                let reason = if ["nobody", "former self"].contains(&owner) { "NotOurs" } else { "OwnedByAnother" };
                assert_eq!((stalled(&plan), &plan.action), (reason, &Action::Nothing), "{policy} {owner}");
            }
            let status = given.report(&plan);
            assert!(!status.common.azure.unwrap().owned, "{policy} {owner}: not ours before the tags are there");
        }
    }
}

#[test]
fn another_object_is_named_only_within_our_own_namespace() {
    let [.., (_, sibling), (_, stranger), (_, unnamed)] = owners();
    let told = |tags| message(&given(&json!({})).sees(tagged(tags)).decide()).to_owned();
    assert!(told(&sibling).contains("belongs to object other"));
    assert!(!told(&stranger).contains("team-b") && told(&stranger).contains("belongs to another object"));
    assert!(told(&unnamed).contains("belongs to another object"));
    assert!(told(&sibling).contains("TakeOver") && told(&sibling).contains("spec.azureName"));
}

#[test]
fn adoption_looks_then_claims_then_sends_only_the_tags() {
    let spec = json!({"adoptionPolicy": "Adopt", "scale": {"maxNodes": 9}, "tags": {"team": "vision"}});
    let mut there = tagged(&owners()[0].1);
    overlay(&mut there, &json!({"tags": {"cost": "42"}}));
    assert_eq!(given(&spec).lists(there.clone()).decide().action, Action::Look);
    assert_eq!(given(&spec).sees(there.clone()).decide().action.name(), "claim");
    let plan = given(&spec).claimed().sees(there).decide();
    assert_eq!((plan.action.name(), working(&plan)), ("update", "Adopting"));
    let sent = body(&plan);
    let tags = json!({OWNER_UID: UID, OWNER_OBJECT: "team-a/cpu-cluster", "team": "vision", "cost": "42"});
    assert_eq!(sent["tags"], tags);
    let scale = sent.pointer("/properties/properties/scaleSettings/maxNodeCount");
    assert_eq!(scale, Some(&json!(4)), "the scale stays as it is until the compute is ours");
    assert_eq!(sent.get("identity"), None, "an identity nobody wrote is not sent");
}

#[test]
fn adoption_sends_back_what_azure_has_and_no_field_azure_refuses() {
    let given = given(&json!({"adoptionPolicy": "Adopt"})).claimed().annotate(CLAIM, &claim_of(UID));
    let mut there = recorded("ssh_with_password");
    there["name"] = json!("cpu-cluster");
    let plan = given.sees(there.clone()).decide();
    let own = body(&plan).pointer("/properties/properties").unwrap();
    let sent: Vec<&str> = own.as_object().unwrap().keys().map(String::as_str).collect();
    for read_only in ["currentNodeCount", "targetNodeCount", "nodeStateCounts", "allocationState", "errors", "subnet"] {
        assert!(!sent.contains(&read_only), "{read_only} is read-only or null");
    }
    let user = own.get("userAccountCredentials").unwrap().as_object().unwrap();
    assert!(user.contains_key("adminUserSshPublicKey") && !user.contains_key("adminUserPassword"));
    assert_eq!(body(&plan).pointer("/properties/description"), Some(&json!("some_desc_aml")));
    assert_eq!(body(&plan).get("location"), there.get("location"), "the location is Azure's own, not the workspace's");
}

#[test]
fn adopting_a_compute_with_both_identities_keeps_them() {
    let users = json!({"/a/b": {"principalId": "p", "clientId": "c"}});
    let both = json!({"identity": {"type": "SystemAssigned, UserAssigned", "principalId": "x", "userAssignedIdentities": users},
        "tags": {OWNER_UID: null, OWNER_OBJECT: null}});
    let plan = given(&json!({"adoptionPolicy": "Adopt"})).claimed().sees(azure(&both)).decide();
    let want = json!({"type": "SystemAssigned,UserAssigned", "userAssignedIdentities": {"/a/b": {}}});
    assert_eq!(body(&plan)["identity"], want);
}

#[test]
fn adoption_waits_for_what_moves_and_leaves_what_failed() {
    let spec = json!({"adoptionPolicy": "TakeOver", "replacePolicy": "Recreate"});
    for (state, reason) in [("Creating", "Creating"), ("Updating", "Updating"), ("Deleting", "Deleting")] {
        let there = azure(&json!({"tags": {OWNER_UID: "uid-7"}, "properties": {"provisioningState": state}}));
        let plan = given(&spec).claimed().sees(there).decide();
        assert_eq!((working(&plan), &plan.action), (reason, &Action::Nothing));
    }
    let failed = azure(&json!({"tags": {OWNER_UID: "uid-7"}, "properties": {"provisioningState": "Failed"}}));
    let plan = given(&spec).claimed().sees(failed).decide();
    assert_eq!((stalled(&plan), &plan.action), ("ProvisioningFailed", &Action::Nothing));
}

#[test]
fn adoption_waits_for_the_workspace_for_a_running_write_and_after_a_setback() {
    let there = tagged(&owners()[0].1);
    let given = given(&json!({"adoptionPolicy": "Adopt"})).claimed().sees(there);
    assert_eq!(working(&given.clone().with(|g| g.facts().held = false).decide()), "WaitingForWorkspace");
    let write = AcceptedWrite { kind: OperationKind::Update, at: now(), running: true, digest: 1, times: 1 };
    assert_eq!(working(&given.clone().with(|g| g.memory.write = Some(write)).decide()), "Updating");
    let failure = http(Attempt::Update, 500, "", "");
    let setback = Setback { failure, attempts: 1, at: now(), since: now(), generation: 1 };
    assert_eq!(working(&given.with(|g| g.memory.setback = Some(setback)).decide()), "AzureUnavailable");
}

#[test]
fn adopted_compute_that_fails_before_it_was_as_declared_is_not_deleted() {
    let spec = json!({"adoptionPolicy": "Adopt"});
    let before = given(&spec).claimed().sees(tagged(&owners()[0].1));
    let status = before.reports();
    let failed = azure(&json!({"properties": {"provisioningState": "Failed"}}));
    let after = given(&spec).claimed().sees(failed.clone()).with(|g| g.object.status = Some(status));
    assert_eq!((stalled(&after.decide()), after.decide().action), ("ProvisioningFailed", Action::Nothing));
    // The same when the operator only ever saw it moving, and died between the PUT and the report.
    let moving = given(&spec).sees({
        let mut body = tagged(&owners()[0].1);
        overlay(&mut body, &json!({"properties": {"provisioningState": "Updating"}}));
        body
    });
    let status = moving.reports();
    let after = given(&spec).claimed().sees(failed).with(|g| g.object.status = Some(status));
    assert_eq!(after.decide().action, Action::Nothing);
}

#[test]
fn compute_of_another_type_is_never_touched_whatever_the_policy() {
    let instance = json!({"properties": {"computeType": "ComputeInstance"}});
    let spec = json!({"adoptionPolicy": "TakeOver", "replacePolicy": "Recreate"});
    let plan = holding(&spec).sees(azure(&instance)).decide();
    assert_eq!((stalled(&plan), &plan.action), ("WrongComputeType", &Action::Nothing));
    let plan = holding(&spec).deleted(0).sees(azure(&instance)).decide();
    assert_eq!(plan.action, Action::Release);
}

#[test]
fn compute_whose_tags_were_stripped_stays_ours_while_claim_and_incarnation_are_known() {
    let bare = azure(&json!({"tags": {OWNER_UID: null, OWNER_OBJECT: null}}));
    let plan = holding(&json!({})).sees(bare.clone()).decide();
    assert_eq!(plan.action.name(), "update");
    assert_eq!(body(&plan)["tags"], json!({OWNER_UID: UID, OWNER_OBJECT: "team-a/cpu-cluster"}));
    let other_incarnation = azure(
        &json!({"tags": {OWNER_UID: null, OWNER_OBJECT: null}, "properties": {"createdOn": "2026-01-01T00:30:00Z"}}),
    );
    assert_eq!(stalled(&holding(&json!({})).sees(other_incarnation).decide()), "NotOurs");
    let forgotten = given(&json!({})).claimed().sees(bare.clone());
    assert_eq!(stalled(&forgotten.decide()), "NotOurs", "both lost: not ours until a policy says so");
    let unclaimed = given(&json!({})).reporting(&json!({})).sees(bare);
    assert_eq!(stalled(&unclaimed.decide()), "NotOurs");
}

#[test]
fn ownership_is_not_forgotten_by_a_pass_that_could_not_judge_it() {
    let bare = azure(&json!({"tags": {OWNER_UID: null, OWNER_OBJECT: null}}));
    let troubled =
        holding(&json!({"tags": {"team": "vision"}})).reporting(&json!({"managedTags": ["team"]})).lists(bare.clone());
    for troubled in [
        troubled.clone().with(|g| g.refs.workspace = plan::WorkspaceState::Missing),
        troubled.clone().look_fails(timeout(Attempt::Look)).with(|g| g.observation.at = None),
        troubled.deleted(0).look_fails(timeout(Attempt::Look)),
    ] {
        let azure = troubled.reports().common.azure.unwrap();
        assert!(azure.owned, "{:?}", troubled.decide());
        assert_eq!(azure.managed_tags, ["team"]);
    }
}

#[test]
fn lost_claim_of_our_own_compute_is_written_again_before_anything_else() {
    let plan = given(&json!({"scale": {"maxNodes": 9}})).sees(azure(&json!({}))).decide();
    assert_eq!(plan.action, Action::Claim { claim: claim_of(UID) });
    assert!(plan.owned);
}

#[test]
fn compute_taken_over_by_another_object_is_left_to_it() {
    let taken = azure(&json!({"tags": {OWNER_UID: "uid-7", OWNER_OBJECT: "team-a/other"}}));
    let given = holding(&json!({"scale": {"maxNodes": 9}, "replacePolicy": "Recreate"})).sees(taken);
    assert_eq!((stalled(&given.decide()), given.decide().action), ("OwnedByAnother", Action::Nothing));
    assert!(holds(&given.reports(), ConditionType::Stalled));
    assert_eq!(given.deleted(0).decide().action, Action::Release);
}

#[test]
fn compute_that_another_object_took_over_is_not_taken_back_by_the_same_generation() {
    let [.., (_, sibling), _, _] = owners();
    let taken = || tagged(&sibling);
    let had = given(&json!({"adoptionPolicy": "TakeOver"})).claimed().reporting(&json!({}));
    let plan = had.sees(taken()).decide();
    assert_eq!((stalled(&plan), &plan.action), ("OwnedByAnother", &Action::Nothing));
    assert!(message(&plan).contains("takes it back once its spec changes"), "{}", message(&plan));

    let had = given(&json!({"adoptionPolicy": "TakeOver"})).claimed().reporting(&json!({}));
    let plan = had.edited(&json!({"adoptionPolicy": "TakeOver", "scale": {"maxNodes": 5}})).sees(taken()).decide();
    assert!(matches!(plan.action, Action::Update { .. }), "{plan:?}");
}
