//! What Azure refuses: rights, policy, locks, names, sizes, workspaces that are not there.

use crate::scene::{FAST, Phase, SLOW, Scene, VERY_SLOW, always, error, unlimited};
use crate::stage::{self, WORKSPACE, condition};
use emulator::{CLIENT_ID, Event, Lock};
use serde_json::json;

const WRITE: &str = "Microsoft.MachineLearningServices/workspaces/computes/write";

#[tokio::test(flavor = "multi_thread")]
async fn missing_right_is_named_waited_for_then_stalls_and_heals_when_granted() {
    let scene = Scene::start("forbidden").await;
    let denied = |actions: &[&str]| Event::AccessChanged {
        client_id: CLIENT_ID.into(),
        denied: actions.iter().map(|action| (*action).to_owned()).collect(),
    };
    scene.stage.emulator.event(denied(&[WRITE])).unwrap();
    scene.cluster("cpu", json!({})).await;
    let words = ["cannot create the compute", "AuthorizationFailed (403)", WRITE, "grant the operator's identity"];
    scene.cluster_says("cpu", Phase::Working, "Forbidden", &words).await;
    scene.cluster_says("cpu", Phase::Stalled, "Forbidden", &words).await;
    scene.holds_still(3).await;
    scene.backed_off("PUT", "cpu", SLOW);
    scene.stage.emulator.event(denied(&[])).unwrap();
    scene.ready("cpu").await;

    let read = "Microsoft.MachineLearningServices/workspaces/computes/read";
    scene.stage.emulator.event(denied(&[read])).unwrap();
    let words = ["cannot look at the compute", read];
    scene.cluster_says("cpu", Phase::Working, "Forbidden", &words).await;
    scene.cluster_says("cpu", Phase::Stalled, "Forbidden", &words).await;
    scene.stage.emulator.event(denied(&[])).unwrap();
    scene.ready("cpu").await;

    let delete = "Microsoft.MachineLearningServices/workspaces/computes/delete";
    scene.stage.emulator.event(denied(&[delete])).unwrap();
    scene.delete("ComputeCluster", "cpu").await;
    let words = ["cannot delete the compute", delete];
    scene.cluster_says("cpu", Phase::Working, "DeletionBlocked", &words).await;
    scene.until_asked("DELETE", "/computes/cpu", 2).await;
    scene.backed_off("DELETE", "cpu", SLOW);
    scene.stage.emulator.event(denied(&[])).unwrap();
    scene.gone("cpu").await;
    assert_eq!(scene.stage.azure("GET", &stage::path("cpu"), None).await.0, 404);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_right_on_what_a_cluster_names_is_said_with_that_resource() {
    let scene = Scene::start("linked").await;
    let action = "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action";
    let denied = Event::AccessChanged { client_id: CLIENT_ID.into(), denied: vec![action.into()] };
    scene.stage.emulator.event(denied).unwrap();
    let id = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/ml/providers/Microsoft.ManagedIdentity/userAssignedIdentities/jobs";
    scene.cluster("cpu", json!({"identity": {"type": "UserAssigned", "userAssigned": [id]}})).await;
    scene.cluster_says("cpu", Phase::Stalled, "Forbidden", &["LinkedAuthorizationFailed", action, id]).await;
    scene.holds_still(3).await;
    scene.stage.emulator.event(Event::AccessChanged { client_id: CLIENT_ID.into(), denied: Vec::new() }).unwrap();
    scene.ready("cpu").await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn policy_denial_stalls_with_the_policys_name_and_heals_when_exempted() {
    let scene = Scene::start("policy").await;
    let text = "Resource 'cpu' was disallowed by policy. Policy identifiers: '[{\"policyAssignment\":{\"name\":\"no-gpus\"}}]'.";
    scene.fault(always("PUT", "/computes/cpu", error(403, "RequestDisallowedByPolicy", text)));
    scene.cluster("cpu", json!({})).await;
    let words =
        ["cannot create the compute", "RequestDisallowedByPolicy (403)", "no-gpus", "or have the compute exempted"];
    scene.cluster_says("cpu", Phase::Stalled, "PolicyDenied", &words).await;
    scene.until_asked("PUT", "/computes/cpu", 2).await;
    scene.holds_still(3).await;
    scene.backed_off("PUT", "cpu", VERY_SLOW);
    scene.heal();
    scene.ready("cpu").await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lock_on_the_group_delays_a_delete_and_never_ends_it() {
    let scene = Scene::start("lock").await;
    scene.cluster("cpu", json!({})).await;
    scene.ready("cpu").await;
    let lock =
        |lock| scene.stage.emulator.event(Event::LockChanged { group: Some("ml".into()), scope: None, lock }).unwrap();
    lock(Some(Lock::CanNotDelete));
    scene.delete("ComputeCluster", "cpu").await;
    let words = ["cannot delete the compute", "ScopeLocked (409)", "resourceGroups/ml", "remove the lock"];
    scene.cluster_says("cpu", Phase::Working, "DeletionBlocked", &words).await;
    scene.until_asked("DELETE", "/computes/cpu", 2).await;
    scene.holds_still(3).await;
    scene.backed_off("DELETE", "cpu", VERY_SLOW);
    lock(None);
    scene.gone("cpu").await;
    assert_eq!(scene.stage.azure("GET", &stage::path("cpu"), None).await.0, 404);

    lock(Some(Lock::ReadOnly));
    scene.cluster("late", json!({})).await;
    scene.cluster_says("late", Phase::Stalled, "ResourceLocked", &["cannot create the compute", "ScopeLocked"]).await;
    lock(None);
    scene.ready("late").await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn name_of_a_compute_that_is_not_ours_is_never_touched_and_taken_when_it_is_free() {
    let mut seed = unlimited();
    let workspaces = &mut seed.subscriptions[0].resource_groups[0].workspaces;
    let theirs = json!({"name": "theirs", "location": "eastus", "properties": {"computeType": "AmlCompute",
        "properties": {"vmSize": "STANDARD_DS3_V2", "scaleSettings": {"maxNodeCount": 2}}}});
    workspaces[0].computes.push(theirs.into());
    let scene = Scene::with("theirs", seed, &[]).await;
    scene.cluster("theirs", json!({"deletionPolicy": "Delete"})).await;
    let words = ["compute theirs", "was not made by this object", "it is left alone", "adoptionPolicy: Adopt"];
    scene.cluster_says("theirs", Phase::Stalled, "NotOurs", &words).await;
    // A second object of ours that takes the same name is deleted again: theirs stays.
    scene.cluster("other", json!({"azureName": "theirs"})).await;
    scene.cluster_says("other", Phase::Stalled, "NotOurs", &["compute theirs"]).await;
    scene.holds_still(3).await;
    scene.delete("ComputeCluster", "other").await;
    scene.gone("other").await;
    assert_eq!(scene.writes("theirs"), [0, 0, 0]);
    assert_eq!(scene.stage.azure("GET", &stage::path("theirs"), None).await.0, 200);

    scene.stage.emulator.event(Event::ComputeDeleted { compute: "theirs".into() }).unwrap();
    scene.ready("theirs").await;
    assert_eq!(scene.writes("theirs"), [1, 0, 0]);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn second_object_for_one_azure_name_stalls_and_leaves_the_first_alone() {
    let scene = Scene::start("twins").await;
    scene.cluster("first", json!({"azureName": "shared"})).await;
    let first = scene.ready("first").await;
    scene.cluster("second", json!({"azureName": "Shared", "scale": {"maxNodes": 9}})).await;
    let words = ["compute Shared", "belongs to object first", "it is left alone"];
    scene.cluster_says("second", Phase::Stalled, "OwnedByAnother", &words).await;
    scene.holds_still(3).await;
    let now = scene.get("ComputeCluster", "first").await.unwrap();
    assert_eq!(now["metadata"]["resourceVersion"], first["metadata"]["resourceVersion"], "the first is disturbed");
    assert_eq!((scene.writes("shared"), scene.writes("Shared")), ([1, 0, 0], [0, 0, 0]));

    scene.delete("ComputeCluster", "first").await;
    scene.gone("first").await;
    scene.ready("second").await;
    assert_eq!(scene.asked("PUT", "Shared").len(), 1);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sizes_that_cannot_be_had_stall_with_near_names_before_azure_is_asked() {
    let scene = Scene::start("sizes").await;
    scene.cluster("typo", json!({"vmSize": "STANDARD_D2_V22"})).await;
    let words = ["`spec.vmSize`: STANDARD_D2_V22 is not offered in eastus", "near it are", "Standard_D2_v2"];
    scene.cluster_says("typo", Phase::Stalled, "VmSizeNotSupported", &words).await;
    let size = scarce_size();
    scene.cluster("scarce", json!({"vmSize": size, "vmPriority": "LowPriority"})).await;
    let words = [size.as_str(), "has no low-priority nodes in eastus", "vmPriority Dedicated"];
    scene.cluster_says("scarce", Phase::Stalled, "VmSizeNotSupported", &words).await;
    scene.holds_still(6).await;
    assert_eq!((scene.writes("typo"), scene.writes("scarce")), ([0, 0, 0], [0, 0, 0]));
    scene.end().await;
}

/// A size of the recorded catalogue that clusters may have, and not with low priority.
fn scarce_size() -> String {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/src/emulator/data/vm_sizes.json");
    let text = std::fs::read_to_string(file).unwrap();
    let sizes: serde_json::Value = serde_json::from_str(&text).unwrap();
    let sizes = sizes.as_array().unwrap();
    let fits = |size: &&serde_json::Value| {
        let types = size["supportedComputeTypes"].to_string();
        size["lowPriorityCapable"] == false && types.contains("AmlCompute")
    };
    sizes.iter().find(fits).unwrap()["name"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn workspace_that_azure_does_not_have_stalls_and_heals_when_it_appears() {
    let scene = Scene::start("absent").await;
    for (name, group, workspace) in [("no-workspace", "ml", "nowhere"), ("no-group", "nowhere", "demo")] {
        let id = WORKSPACE.replace("/ml/", &format!("/{group}/")).replace("/demo", &format!("/{workspace}"));
        let reference = json!({"kind": "AzureIdentity", "name": scene.stage.namespace});
        scene.put_ours("Workspace", name, json!({"resourceId": id, "identityRef": reference})).await;
        scene.cluster(name, json!({"workspaceRef": {"name": name}})).await;
        let words = ["cannot look at the workspace", "check the Workspace's spec.resourceId"];
        scene.says(("Workspace", name), Phase::Stalled, "WorkspaceNotFound", &words).await;
        let words = ["check the Workspace's spec.resourceId", "the identity may see it"];
        scene.cluster_says(name, Phase::Stalled, "WorkspaceNotFound", &words).await;
        assert_eq!(scene.writes(name), [0, 0, 0]);
    }
    let gone =
        "The Resource 'Microsoft.MachineLearningServices/workspaces/demo' under resource group 'ml' was not found.";
    scene.fault(always("GET", "*/ml/*/workspaces/demo*", error(404, "ResourceNotFound", gone)));
    scene.cluster("cpu", json!({})).await;
    scene.cluster_says("cpu", Phase::Stalled, "WorkspaceNotFound", &["ResourceNotFound"]).await;
    scene.holds_still(9).await;
    scene.heal();
    scene.ready("cpu").await;

    // The workspace goes with all that is in it: what was in it needs no delete any more.
    scene.stage.emulator.event(Event::WorkspaceDeleted { workspace: "demo".into() }).unwrap();
    let object = scene.cluster_says("cpu", Phase::Stalled, "WorkspaceNotFound", &["ParentResourceNotFound"]).await;
    assert!(condition(&object, "Ready").is_some());
    scene.delete("ComputeCluster", "cpu").await;
    scene.gone("cpu").await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_that_pass_are_retried_fast_and_say_so() {
    let scene = Scene::start("passing").await;
    let busy = error(409, "Conflict", "There is already an active operation submitted for compute 'cpu'.");
    scene.fault(always("PUT", "/computes/cpu", busy));
    scene.cluster("cpu", json!({})).await;
    let words = ["cannot create the compute", "Conflict (409)", "still busy"];
    scene.cluster_says("cpu", Phase::Working, "OperationInProgress", &words).await;
    scene.until_asked("PUT", "/computes/cpu", 3).await;
    scene.holds_still(3).await;
    scene.backed_off("PUT", "cpu", FAST);
    scene.heal();
    scene.ready("cpu").await;
    scene.end().await;
}
