//! Who may attach a resource that several want, case by case.
//!
//! Must not play time; `orders` does.

use crate::objects::{VM, machine, machine_answer, machine_case, object};
use crate::support::*;
use arm::WorkspaceId;
use jiff::Timestamp;
use plan::{Action, Around, Rival};
use serde_json::{Value, json};

fn workspace_id() -> WorkspaceId {
    WorkspaceId::parse(WORKSPACE).unwrap()
}

/// Another object of the same resource, `seconds` older than ours.
fn rival(name: &str, older: i64) -> Rival {
    let ours: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    Rival {
        namespace: "team-a".into(),
        name: name.into(),
        uid: "uid-0".into(),
        compute: format!("{name}-compute"),
        created: ours.checked_sub(secs(older)).unwrap(),
        claimed: false,
        adopted: None,
        same_compute: false,
        idle: false,
    }
}

fn among(rivals: Vec<Rival>, attached: &[&str]) -> Given<api::AttachedCompute> {
    let attached = attached.iter().map(|name| (*name).to_owned()).collect();
    machine_case(&json!({})).sees_nothing().with(|g| g.refs.around = Around { rivals, attached, fresh: true })
}

#[test]
fn newer_waits_for_the_elder_and_the_elder_goes_on() {
    let newer = among(vec![rival("first", 10)], &[]);
    let plan = newer.decide();
    assert_eq!((stalled(&plan), &plan.action), ("DuplicateAttachment", &Action::Nothing));
    assert!(message(&plan).contains("object first of this namespace (compute first-compute)"), "{}", message(&plan));
    let elder = among(vec![rival("second", -10)], &[]);
    assert!(matches!(elder.decide().action, Action::Claim { .. }));
    let attaching = among(vec![rival("second", -10)], &[]).claimed();
    assert!(matches!(attaching.decide().action, Action::Create { .. }));
}

#[test]
fn within_one_second_the_uid_decides_and_all_of_that_second_are_waited_for() {
    let (before, after) =
        (Rival { uid: "uid-0".into(), ..rival("x", 0) }, Rival { uid: "uid-9".into(), ..rival("x", 0) });
    assert_eq!(stalled(&among(vec![before], &[]).decide()), "DuplicateAttachment");
    assert!(matches!(among(vec![after.clone()], &[]).decide().action, Action::Claim { .. }));
    let young = |millis: i64| {
        let at = "2026-01-01T00:00:00Z".parse::<Timestamp>().unwrap();
        let now = at.checked_add(jiff::SignedDuration::from_millis(millis)).unwrap();
        among(vec![after.clone()], &[]).with(|g| {
            g.now = now;
            g.observation.at = Some(now);
        })
    };
    assert_eq!((working(&young(900).decide()), young(900).decide().action), ("LookingAround", Action::Nothing));
    assert!(matches!(young(2000).decide().action, Action::Claim { .. }));
}

#[test]
fn whoever_holds_the_resource_is_not_disturbed_by_an_elder() {
    let holder = Rival { claimed: true, ..rival("holder", -10) };
    assert_eq!(stalled(&among(vec![holder.clone()], &[]).decide()), "DuplicateAttachment", "a newer one holds it");
    let attached = machine_case(&json!({})).claimed().reporting(&json!({})).sees(machine_answer(&json!({})));
    let asked = attached.with(|g| g.refs.around.rivals = vec![rival("elder", 10)]);
    assert_eq!(ready(&asked.decide()), "AsDeclared", "and is never asked again");
}

#[test]
fn what_somebody_attached_by_hand_is_named_by_its_compute_and_waited_for() {
    let plan = among(Vec::new(), &["by-hand"]).decide();
    assert_eq!(stalled(&plan), "DuplicateAttachment");
    assert!(message(&plan).starts_with("compute by-hand of this workspace attaches the same resource"));
    let of_a_sibling = among(vec![Rival { claimed: true, ..rival("first", 10) }], &["first-compute"]).decide();
    assert!(message(&of_a_sibling).contains("object first of this namespace"));
}

#[test]
fn object_of_another_namespace_is_never_named() {
    let theirs = Rival { namespace: "team-b".into(), ..rival("secret-plans", 10) };
    let plan = among(vec![theirs], &[]).decide();
    assert!(!message(&plan).contains("secret-plans ") && !message(&plan).contains("team-b"), "{}", message(&plan));
    assert!(message(&plan).contains("compute secret-plans-compute of this workspace"));
}

#[test]
fn of_two_that_claimed_at_once_neither_attaches_and_the_newer_gives_way_later() {
    let elder = among(vec![Rival { claimed: true, ..rival("newer", -10) }], &[]).claimed();
    assert_eq!((stalled(&elder.decide()), elder.decide().action), ("DuplicateAttachment", Action::Nothing));
    let newer = || among(vec![Rival { claimed: true, ..rival("elder", 10) }], &[]).claimed();
    assert_eq!(newer().decide().action, Action::Nothing, "it is told first");
    let told = |at: &str| {
        let condition = json!({"type": "Stalled", "status": "True", "reason": "DuplicateAttachment", "message": "m",
            "lastTransitionTime": at, "observedGeneration": 1});
        newer().status(&json!({"observedGeneration": 1, "conditions": [condition]}))
    };
    assert_eq!(told("2026-01-01T00:59:30Z").decide().action, Action::Nothing, "a late answer may still come true");
    assert_eq!(told("2026-01-01T00:58:00Z").decide().action, Action::Unclaim);
    let looked = told("2026-01-01T00:58:00Z").lists_nothing();
    assert!(
        !matches!(looked.decide().action, Action::Unclaim),
        "only a look of this pass proves that nothing is there"
    );
}

#[test]
fn nothing_is_attached_on_the_word_of_a_cache() {
    let stale = among(Vec::new(), &[]).claimed().with(|g| g.refs.around.fresh = false);
    assert_eq!(stale.decide().action, Action::Look);
}

#[test]
fn rivals_are_those_of_the_same_resource_in_the_same_workspace() {
    let ours = object("dsvm", UID, "2026-01-01T00:00:00Z", &machine(&json!({})));
    let of = |spec: &Value| object("other", "uid-7", "2026-01-01T00:00:09Z", spec);
    let find = |other: &api::AttachedCompute| Rival::of(&ours, &workspace_id(), other, Some(&workspace_id()));
    let upper = of(&machine(&json!({"virtualMachine": {"resourceId": VM.to_uppercase()}})));
    let found = find(&upper).unwrap();
    assert_eq!((found.compute.as_str(), found.claimed, found.same_compute, found.idle), ("other", false, false, false));
    assert_eq!(find(&of(&machine(&json!({"virtualMachine": {"resourceId": format!("{VM}2")}})))), None);
    let elsewhere = WorkspaceId::parse(&WORKSPACE.replace("demo", "second")).unwrap();
    assert_eq!(Rival::of(&ours, &workspace_id(), &upper, Some(&elsewhere)), None);
    assert_eq!(Rival::of(&ours, &workspace_id(), &upper, None), None, "a missing Workspace wants nothing yet");
    assert!(find(&of(&machine(&json!({"managementPolicy": "Observe"})))).unwrap().idle);
    let mut claimed = upper.clone();
    claimed.metadata.finalizers = Some(vec![FINALIZER.into()]);
    claimed.metadata.annotations = Some([(CLAIM.to_owned(), format!("uid-7 {WORKSPACE}/computes/theirs"))].into());
    let found = Rival::of(&ours, &workspace_id(), &claimed, None).unwrap();
    assert_eq!((found.compute.as_str(), found.claimed), ("theirs", true), "a claim tells the workspace as well");
    let namesake = of(&machine(&json!({"azureName": "DSVM", "virtualMachine": {"resourceId": format!("{VM}2")}})));
    assert!(find(&namesake).unwrap().same_compute);
}

#[test]
fn one_cluster_is_attached_once_for_each_namespace() {
    let of = |name: &str, namespace: Value| {
        let spec =
            json!({"type": "Kubernetes", "kubernetes": {"resourceId": crate::objects::AKS, "namespace": namespace}});
        object(name, name, "2026-01-01T00:00:00Z", &spec)
    };
    let rivals = |one: &api::AttachedCompute, other: &api::AttachedCompute| {
        Rival::of(one, &workspace_id(), other, Some(&workspace_id())).is_some()
    };
    assert!(rivals(&of("a", json!("default")), &of("b", Value::Null)));
    assert!(!rivals(&of("a", json!("default")), &of("b", json!("ml"))));
}

#[test]
fn compute_that_another_object_holds_is_not_adopted_although_it_carries_no_tags() {
    let holder = Rival { claimed: true, same_compute: true, ..rival("holder", 10) };
    let given = machine_case(&json!({"adoptionPolicy": "Adopt"})).sees(machine_answer(&json!({})));
    let plan = given.with(|g| g.refs.around.rivals = vec![holder]).decide();
    assert_eq!(stalled(&plan), "OwnedByAnother");
    assert!(message(&plan).contains("belongs to object holder"), "{}", message(&plan));
}
