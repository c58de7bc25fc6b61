//! An attachment from claim to detach: whose it is without tags, how it goes, and what is never deleted.
//!
//! Must not cover rivals or Secrets.

use crate::objects::{AKS, answer, attachment, machine_answer, machine_case};
use crate::support::*;
use plan::{AcceptedWrite, Action, OperationKind};
use serde_json::{Value, json};

fn held(over: &Value) -> Given<api::AttachedCompute> {
    machine_case(over).claimed().reporting(&json!({}))
}

#[test]
fn attachment_is_looked_at_claimed_attached_and_ready() {
    assert_eq!(machine_case(&json!({})).lists_nothing().decide().action, Action::Look);
    assert!(matches!(machine_case(&json!({})).sees_nothing().decide().action, Action::Claim { .. }));
    assert!(matches!(machine_case(&json!({})).claimed().sees_nothing().decide().action, Action::Create { .. }));
    assert_eq!(ready(&held(&json!({})).sees(machine_answer(&json!({}))).decide()), "AsDeclared");
}

#[test]
fn attachment_without_tags_is_ours_after_a_crash_only_if_it_is_what_we_would_have_made() {
    let crashed = || machine_case(&json!({})).claimed().status(&json!({"observedGeneration": -1}));
    let plan = crashed().sees(machine_answer(&json!({}))).decide();
    assert_eq!((ready(&plan), plan.owned), ("AsDeclared", true));
    let listed = crashed().lists(machine_answer(&json!({}))).decide();
    assert_eq!(listed.action, Action::Look, "a list may show what was there before the claim");
    let foreign = machine_answer(&json!({"properties": {"resourceId": format!("{}2", crate::objects::VM)}}));
    assert_eq!(stalled(&crashed().sees(foreign).decide()), "NotOurs", "somebody attached another machine");
    let unclaimed = machine_case(&json!({})).sees(machine_answer(&json!({})));
    assert_eq!(stalled(&unclaimed.decide()), "NotOurs");
    let other = json!({"createdAt": "2025-12-31T00:00:00.0000000+00:00"});
    let replaced = machine_case(&json!({})).claimed().reporting(&other).sees(machine_answer(&json!({})));
    assert_eq!(ready(&replaced.decide()), "AsDeclared", "the same machine, attached again under the claimed name");
}

#[test]
fn every_type_is_detached_and_only_an_aks_cluster_that_was_made_is_deleted() {
    let id =
        |what: &str| format!("/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/ml/providers/{what}");
    let own = |member: &str, what: &str| json!({member: {"resourceId": id(what)}});
    let token = json!({"databricks": {"accessToken": {"secretRef": {"name": "t", "key": "t"}}}});
    let account = json!({"username": "u", "password": {"secretRef": {"name": "t", "key": "t"}}});
    let mut databricks = own("databricks", "Microsoft.Databricks/workspaces/d");
    overlay(&mut databricks, &token);
    let hdi = json!({"hdInsight": {"resourceId": id("Microsoft.HDInsight/clusters/h"), "credentials": account}});
    let rows = [
        ("Kubernetes", "Kubernetes", own("kubernetes", "Microsoft.ContainerService/managedClusters/k")),
        ("Aks", "AKS", json!({"aks": {"attach": {"resourceId": AKS}}})),
        ("HdInsight", "HDInsight", hdi),
        ("Databricks", "Databricks", databricks),
        ("DataLakeAnalytics", "DataLakeAnalytics", own("dataLakeAnalytics", "Microsoft.DataLakeAnalytics/accounts/a")),
        ("DataFactory", "DataFactory", own("dataFactory", "Microsoft.DataFactory/factories/f")),
        ("SynapseSpark", "SynapseSpark", own("synapseSpark", "Microsoft.Synapse/workspaces/w/bigDataPools/p")),
        ("Batch", "Batch", own("batch", "Microsoft.Batch/batchAccounts/b")),
    ];
    for (kind, wire, member) in rows {
        for deletion in ["Detach", "Delete"] {
            // Admission refuses Delete here; the core does not rely on it.
            let mut spec = json!({"type": kind, "deletionPolicy": deletion});
            overlay(&mut spec, &member);
            let there = answer("dsvm", wire, None, &json!({}));
            let going = attachment(&spec).claimed().reporting(&json!({})).deleted(60).sees(there.clone());
            assert_eq!((going.decide().action, working(&going.decide())), (Action::Detach, "Detaching"), "{kind}");
            spec["deletionPolicy"] = json!("Retain");
            let kept = attachment(&spec).claimed().reporting(&json!({})).deleted(60).sees(there);
            assert_eq!(kept.decide().action, Action::Release, "{kind}");
        }
    }
    let made = |deletion: &str| {
        let spec = json!({"type": "Aks", "deletionPolicy": deletion, "aks": {"create": {}}});
        let there = answer("dsvm", "AKS", Some(AKS), &json!({}));
        attachment(&spec).claimed().reporting(&json!({})).deleted(60).sees(there)
    };
    assert_eq!(made("Detach").decide().action, Action::Detach);
    assert_eq!((made("Delete").decide().action, working(&made("Delete").decide())), (Action::Delete, "Deleting"));
    let claim = format!("{UID} {WORKSPACE}/computes/dsvm {CREATED_ON}");
    let adopted = made("Delete").annotate(CLAIM, &claim).decide();
    assert_eq!(adopted.action, Action::Detach, "what somebody else made stays");
}

#[test]
fn detach_under_way_is_waited_for_and_ends_with_the_object() {
    let write = |running| AcceptedWrite { kind: OperationKind::Detach, at: now(), running, digest: 0, times: 1 };
    let running = held(&json!({})).deleted(60).sees(machine_answer(&json!({})));
    let running = running.with(|g| g.memory.write = Some(write(true)));
    assert_eq!((working(&running.decide()), running.decide().action), ("Detaching", Action::Nothing));
    let gone = held(&json!({})).deleted(5).sees_nothing().with(|g| g.memory.write = Some(write(false)));
    assert_eq!(gone.decide().action, Action::Release);
}

#[test]
fn recreation_of_an_attachment_detaches_and_leaves_the_resource() {
    let drifted = machine_answer(&json!({"properties": {"properties": {"sshPort": 2222}}}));
    let spec = json!({"virtualMachine": {"sshPort": 22}});
    let refused = held(&spec).sees(drifted.clone()).decide();
    assert_eq!(stalled(&refused), "ImmutableDifference");
    assert!(message(&refused).contains("detached and attached again; the resource under it stays"));
    let mut opted = spec.clone();
    opted["replacePolicy"] = json!("Recreate");
    assert_eq!(held(&opted).sees(drifted).decide().action, Action::Detach);
    let made = json!({"type": "Aks", "replacePolicy": "Recreate", "deletionPolicy": "Delete",
        "aks": {"create": {"vmSize": "Standard_D3_v2", "nodeCount": 4}}});
    let there = answer("dsvm", "AKS", Some(AKS), &json!({"agentCount": 3}));
    let asked = attachment(&made).claimed().reporting(&json!({})).sees(there);
    let told = asked.decide();
    assert_eq!((&told.action, working(&told)), (&Action::Nothing, "Recreating"), "what is destroyed is told first");
    assert!(message(&told).contains("destroys the AKS cluster"));
    assert_eq!(asked.reported().decide().action, Action::Delete);
}

#[test]
fn adoption_claims_the_incarnation_and_sends_nothing() {
    let given = machine_case(&json!({"adoptionPolicy": "Adopt"})).sees(machine_answer(&json!({})));
    let claim = format!("{UID} {WORKSPACE}/computes/dsvm {CREATED_ON}");
    assert_eq!(given.decide().action, Action::Claim { claim: claim.clone() });
    let adopted = given.claimed().annotate(CLAIM, &claim);
    assert_eq!((ready(&adopted.decide()), adopted.decide().owned), ("AsDeclared", true));
}

#[test]
fn tags_that_azure_does_not_answer_are_no_difference_and_others_are() {
    let given = held(&json!({"tags": {"team": "vision"}}));
    assert_eq!(ready(&given.clone().sees(machine_answer(&json!({}))).decide()), "AsDeclared");
    let mut told = machine_answer(&json!({}));
    told["tags"] = json!({"team": "speech"});
    assert_eq!(stalled(&given.sees(told).decide()), "ImmutableDifference");
}

#[test]
fn databricks_of_another_subscription_stalls_before_the_call_with_both_ids() {
    let id = "/subscriptions/33333333-3333-3333-3333-333333333333/resourceGroups/g/providers/Microsoft.Databricks/workspaces/w";
    let token = json!({"secretRef": {"name": "t", "key": "t"}});
    let plan = attachment(&json!({"type": "Databricks", "databricks": {"resourceId": id, "accessToken": token}}))
        .claimed()
        .sees_nothing()
        .decide();
    assert_eq!((stalled(&plan), &plan.action), ("SubscriptionMismatch", &Action::Nothing));
    for id in ["33333333-3333-3333-3333-333333333333", "11111111-1111-1111-1111-111111111111"] {
        assert!(message(&plan).contains(id), "{}", message(&plan));
    }
}

#[test]
fn production_cluster_of_too_few_cores_stalls_by_the_regions_own_sizes() {
    let size = |vcpus| arm::VmSize {
        name: "Standard_New".into(),
        family: String::new(),
        vcpus,
        low_priority: false,
        compute_types: vec!["AmlCompute".into()],
    };
    let given = |create: Value, purpose: Value, vcpus| {
        let spec = json!({"type": "Aks", "aks": {"create": create, "purpose": purpose}});
        attachment(&spec).claimed().sees_nothing().with(|g| g.refs.sizes = Some(vec![size(vcpus)]))
    };
    let two = json!({"vmSize": "standard_new", "nodeCount": 2, "location": "eastus"});
    let plan = given(two.clone(), Value::Null, 4).decide();
    assert_eq!(stalled(&plan), "TooFewCores");
    assert!(message(&plan).contains("8 vCPUs in eastus and need 12") && message(&plan).contains("DevTest"));
    assert_eq!(stalled(&given(two.clone(), json!("DenseProd"), 4).decide()), "TooFewCores");
    assert!(matches!(given(two.clone(), json!("DevTest"), 4).decide().action, Action::Create { .. }));
    assert!(matches!(given(two, Value::Null, 6).decide().action, Action::Create { .. }));
    let unknown = json!({"vmSize": "Standard_Unheard", "nodeCount": 1});
    assert!(
        matches!(given(unknown, Value::Null, 4).decide().action, Action::Create { .. }),
        "what is not known refuses nothing"
    );
    let default = json!({"vmSize": "Standard_New"});
    assert_eq!(stalled(&given(default, Value::Null, 3).decide()), "TooFewCores", "three nodes are the default");
}

#[test]
fn batch_account_that_no_list_shows_is_looked_for_and_never_attached_twice() {
    let id = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/ml/providers/Microsoft.Batch/batchAccounts/b";
    let spec = json!({"type": "Batch", "batch": {"resourceId": id}});
    let there = answer("dsvm", "Batch", Some(id), &json!(null));
    let held = || attachment(&spec).claimed().reporting(&json!({}));
    assert_eq!(held().lists_nothing().decide().action, Action::Look, "a list of another version proves nothing");
    let plan = held().sees(there).decide();
    assert_eq!((ready(&plan), plan.next <= secs(75)), ("AsDeclared", true), "nothing wakes it, so it looks by itself");
    let advice = &held().applied(&held().lists_nothing().decide())["advice"];
    assert_eq!(advice[0]["reason"], "LegacyType");
    assert!(matches!(attachment(&spec).claimed().sees_nothing().decide().action, Action::Create { .. }));
}
