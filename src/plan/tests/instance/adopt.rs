//! Adoption of what cannot be tagged: the claim names the incarnation, and Azure is never written to.
//!
//! Must not repeat who may adopt what; `decide` shows that.

use crate::support::*;
use crate::{azure, given, reports};
use api::ComputeInstance;
use arm::WorkspaceId;
use jiff::Timestamp;
use plan::{Action, Around, Kind, Rival};
use serde_json::{Value, json};

fn strangers(tags: Value) -> Value {
    let mut body = azure(&json!({}));
    body["tags"] = tags;
    body
}

fn adopting(policy: &str) -> Given<ComputeInstance> {
    given(&json!({"adoptionPolicy": policy}))
}

fn claim() -> String {
    format!("{UID} {WORKSPACE}/computes/ada-box {CREATED_ON}")
}

/// The object as it is after its claim.
fn claimed(policy: &str) -> Given<ComputeInstance> {
    adopting(policy).claimed().annotate(CLAIM, &claim())
}

#[test]
fn adoption_is_a_claim_of_the_incarnation_and_no_write() {
    let taken = format!("{} {}", claim(), now());
    for (policy, tags, claim) in [
        ("Adopt", json!({}), claim()),
        ("Adopt", json!({OWNER_UID: "old", OWNER_OBJECT: "team-a/ada-box"}), claim()),
        ("TakeOver", json!({OWNER_UID: "other", OWNER_OBJECT: "team-b/theirs"}), taken),
    ] {
        let seen = strangers(tags);
        let plan = adopting(policy).sees(seen.clone()).decide();
        assert_eq!(plan.action, Action::Claim { claim: claim.clone() }, "{policy}");
        assert_eq!(working(&plan), "Adopting");
        let given = claimed(policy).annotate(CLAIM, &claim).sees(seen);
        let plan = given.decide();
        assert_eq!((ready(&plan), &plan.action, plan.owned), ("AsDeclared", &Action::Nothing, true), "{policy}");
        assert!(reports(&given).common.azure.unwrap().owned);
    }
    let plan = adopting("Never").sees(strangers(json!({}))).decide();
    assert_eq!((stalled(&plan), &plan.action), ("NotOurs", &Action::Nothing));
}

#[test]
fn adopted_instance_stays_ours_when_the_status_is_lost_and_leaves_with_the_object() {
    let given = claimed("Never").sees(strangers(json!({})));
    assert_eq!(ready(&given.decide()), "AsDeclared", "the claim alone decides");
    assert_eq!(given.deleted(60).decide().action, Action::Delete);
}

#[test]
fn another_incarnation_of_an_adopted_name_is_not_ours() {
    let mut seen = strangers(json!({}));
    seen["properties"]["createdOn"] = json!("2026-01-01T00:59:00.1+00:00");
    let plan = claimed("Never").sees(seen.clone()).decide();
    assert_eq!((stalled(&plan), &plan.action), ("NotOurs", &Action::Nothing));
    assert_eq!(claimed("Never").deleted(60).sees(seen).decide().action, Action::Release);
}

#[test]
fn claim_of_a_create_does_not_take_what_somebody_else_made_meanwhile() {
    let plan = given(&json!({})).claimed().sees(strangers(json!({}))).decide();
    assert_eq!((stalled(&plan), &plan.action), ("NotOurs", &Action::Nothing));
}

#[test]
fn tags_that_an_adopted_instance_lacks_cannot_be_set() {
    let given = claimed("Adopt").edited(&json!({"tags": {"team": "vision"}})).sees(strangers(json!({})));
    let plan = given.decide();
    assert_eq!((stalled(&plan), fields(&plan)), ("ImmutableDifference", vec!["spec.tags[team]"]));
}

#[test]
fn adopted_instance_is_not_said_to_be_without_a_user() {
    let hints = |given: &Given<ComputeInstance>| {
        reports(given).common.advice.into_iter().map(|hint| hint.reason).collect::<Vec<_>>()
    };
    assert!(!hints(&claimed("Adopt").sees(strangers(json!({})))).contains(&"NoUserAssigned".to_owned()));
    assert!(hints(&given(&json!({}))).contains(&"NoUserAssigned".to_owned()));
}

/// Another object of another namespace that means the same compute, with this claim on it.
fn other(uid: &str, older: i64, claim: Option<String>) -> ComputeInstance {
    let mut object = adopting("Adopt").object;
    let created: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let meta = &mut object.metadata;
    meta.uid = Some(uid.into());
    meta.namespace = Some("team-b".into());
    meta.creation_timestamp.as_mut().unwrap().0 = created.checked_sub(secs(older)).unwrap();
    meta.finalizers = claim.as_ref().map(|_| vec![FINALIZER.into()]);
    meta.annotations = claim.map(|claim| [(CLAIM.to_owned(), claim)].into());
    object
}

fn claim_by(uid: &str, tail: &str) -> Option<String> {
    Some(format!("{uid} {WORKSPACE}/computes/ada-box {CREATED_ON}{tail}"))
}

fn beside(given: Given<ComputeInstance>, other: &ComputeInstance) -> Given<ComputeInstance> {
    let id = WorkspaceId::parse(WORKSPACE).unwrap();
    let rivals = Rival::of(&given.object, &id, other, Some(&id)).into_iter().collect();
    given.with(|g| g.refs.around = Around { rivals, attached: Vec::new(), fresh: true })
}

#[test]
fn instance_that_another_object_adopted_belongs_to_it_although_no_tag_says_so() {
    let seen = || strangers(json!({}));
    let holder = other("uid-0", 10, claim_by("uid-0", ""));
    for policy in ["Never", "Adopt"] {
        let plan = beside(adopting(policy).sees(seen()), &holder).decide();
        assert_eq!((stalled(&plan), &plan.action), ("OwnedByAnother", &Action::Nothing), "{policy}");
        assert!(message(&plan).contains("belongs to another object"), "not named: {}", message(&plan));
        assert_eq!(plan.next, secs(10), "it is looked again whether the other one let go");
    }
    let taken = beside(adopting("TakeOver").sees(seen()), &holder);
    let claim = format!("{} {}", claim(), now());
    assert_eq!(taken.decide().action, Action::Claim { claim }, "what is taken from somebody says when");
    let former = strangers(json!({OWNER_UID: "old", OWNER_OBJECT: "team-a/ada-box"}));
    assert_eq!(stalled(&beside(adopting("Adopt").sees(former), &holder).decide()), "OwnedByAnother");
}

#[test]
fn claim_on_a_name_or_on_an_earlier_incarnation_holds_nothing() {
    let waiting = other("uid-0", 10, Some(format!("uid-0 {WORKSPACE}/computes/ada-box")));
    let outdated = other("uid-0", 10, Some(format!("uid-0 {WORKSPACE}/computes/ada-box 2025-12-31T00:00:00Z")));
    let copied = other("uid-0", 10, claim_by("uid-7", ""));
    for rival in [waiting, outdated, copied, other("uid-0", 10, None)] {
        let plan = beside(adopting("Adopt").sees(strangers(json!({}))), &rival).decide();
        assert_eq!(plan.action, Action::Claim { claim: claim() }, "{:?}", rival.metadata.annotations);
    }
}

/// Whether the object of `given` has the instance, beside another one with this claim.
fn has_it(given: Given<ComputeInstance>, seen: Value, rival: &ComputeInstance) -> bool {
    let plan = beside(given.sees(seen), rival).decide();
    assert!(plan.owned || stalled(&plan) == "OwnedByAnother", "{plan:?}");
    plan.owned
}

#[test]
fn of_two_claims_one_counts_whoever_looks() {
    let (early, late) = (" 2026-01-01T00:30:00Z", " 2026-01-01T00:40:00Z");
    let untagged = || strangers(json!({}));
    let ours = |tail: &str| adopting("Adopt").claimed().annotate(CLAIM, &format!("{}{tail}", claim()));
    for (mine, theirs, older, wins, why) in [
        ("", "", 10, false, "the elder, where both took it at once"),
        ("", "", -10, true, "the elder, where both took it at once"),
        (early, "", 10, true, "who took it from the other"),
        ("", early, -10, false, "who took it from the other"),
        (late, early, 10, true, "who took it last"),
        (early, late, -10, false, "who took it last"),
    ] {
        let rival = other("uid-0", older, claim_by("uid-0", theirs));
        assert_eq!(has_it(ours(mine), untagged(), &rival), wins, "{why}: {mine} against {theirs}");
        // What the rival sees of us: the same two claims from the other side.
        let mut us = rival.clone();
        us.metadata.creation_timestamp = ours("").object.metadata.creation_timestamp;
        us.metadata.uid = Some("uid-9".into());
        us.metadata.annotations = Some([(CLAIM.to_owned(), claim_by("uid-9", mine).unwrap())].into());
        let mut them = ours(theirs);
        them.object.metadata.creation_timestamp = rival.metadata.creation_timestamp.clone();
        assert_eq!(has_it(them, untagged(), &us), !wins, "{why}: seen from the other side");
    }
    let taken = other("uid-0", 10, claim_by("uid-0", early));
    let made = || given(&json!({})).claimed();
    assert!(!has_it(made(), azure(&json!({})), &taken), "who took it from its maker");
    let stale = other("uid-0", 10, claim_by("uid-0", ""));
    assert!(has_it(made(), azure(&json!({})), &stale), "its maker, from whom nobody took it");
}

#[test]
fn takeover_comes_after_the_one_before_it_whatever_the_clock_says() {
    let ahead = other("uid-0", 10, claim_by("uid-0", " 2026-01-01T02:00:00Z"));
    let plan = beside(adopting("TakeOver").sees(strangers(json!({}))), &ahead).decide();
    assert_eq!(plan.action, Action::Claim { claim: format!("{} 2026-01-01T02:00:00.001Z", claim()) });
}

#[test]
fn what_another_object_took_is_left_alone_by_a_delete_and_what_it_may_have_taken_is_asked_for() {
    let taken = other("uid-0", 10, claim_by("uid-0", " 2026-01-01T00:30:00Z"));
    let deleted = || given(&json!({})).claimed().deleted(60).sees(azure(&json!({})));
    assert_eq!(beside(deleted(), &taken).decide().action, Action::Release);
    let newcomer = other("uid-0", -10, None);
    assert_eq!(beside(deleted(), &newcomer).decide().action, Action::Delete);
    let cached = || beside(deleted(), &newcomer).with(|g| g.refs.around.fresh = false);
    assert_eq!(cached().decide().action, Action::Look, "the cache may not know yet that it was taken");
    let powered = given(&json!({"powerState": "Stopped"})).claimed().sees(azure(&json!({})));
    let powered = beside(powered, &newcomer);
    assert!(matches!(powered.decide().action, Action::Post { .. }));
    assert_eq!(powered.with(|g| g.refs.around.fresh = false).decide().action, Action::Look);
    assert!(cached().object.marks().is_empty());
}
