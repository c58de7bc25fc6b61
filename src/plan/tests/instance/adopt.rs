//! Adoption of what cannot be tagged: the claim names the incarnation, and Azure is never written to.
//!
//! Must not repeat who may adopt what; `decide` shows that.

use crate::support::*;
use crate::{azure, given, reports};
use api::ComputeInstance;
use plan::Action;
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
    for (policy, tags) in [
        ("Adopt", json!({})),
        ("Adopt", json!({OWNER_UID: "old", OWNER_OBJECT: "team-a/ada-box"})),
        ("TakeOver", json!({OWNER_UID: "other", OWNER_OBJECT: "team-b/theirs"})),
    ] {
        let seen = strangers(tags);
        let plan = adopting(policy).sees(seen.clone()).decide();
        assert_eq!((&plan.action, working(&plan)), (&Action::Claim { claim: claim() }, "Adopting"), "{policy}");
        let given = claimed(policy).sees(seen);
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
