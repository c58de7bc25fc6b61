//! The list of subscriptions that a caller sees. What is below a subscription is elsewhere.

use super::*;
use crate::seed::{SUBSCRIPTION, SubscriptionSeed};

#[test]
fn subscriptions_of_the_callers_tenant_are_listed_whatever_version_of_that_other_provider_is_asked_for() {
    let mut seed = Seed::default();
    let foreign = SubscriptionSeed {
        id: "99999999-9999-9999-9999-999999999999".into(),
        tenant: "88888888-8888-8888-8888-888888888888".into(),
        resource_groups: Vec::new(),
        policies: Vec::new(),
    };
    seed.subscriptions.push(foreign);
    let mut bench = Bench::with(&seed);
    let (status, list) = bench.get("/subscriptions?api-version=2022-12-01");
    assert_eq!((status, &list["count"]["value"]), (200, &json!(1)));
    let row = &list["value"][0];
    assert_eq!((&row["subscriptionId"], &row["tenantId"]), (&json!(SUBSCRIPTION), &json!(TENANT)));
    assert_eq!((&row["state"], row["displayName"].is_string()), (&json!("Enabled"), true));
}

#[test]
fn list_of_subscriptions_is_refused_without_token_or_version_and_for_other_methods() {
    let mut bench = Bench::new();
    assert_eq!(
        code(&bench.send("GET", "/subscriptions?api-version=", None)),
        (400, "MissingApiVersionParameter".into())
    );
    assert_eq!(code(&bench.send("DELETE", "/subscriptions", None)), (405, "MethodNotAllowed".into()));
    let anonymous = Request { method: "GET".into(), path: "/subscriptions".into(), ..Request::default() };
    let answer = bench.world.answer(&anonymous, &Plan::default(), bench.now);
    assert_eq!(code(&answer), (401, "AuthenticationFailed".into()));
}
