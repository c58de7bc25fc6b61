//! 429: what is asked is obeyed, and by everybody who shares the gate.
//!
//! Must not wait out real waits; they are read, not slept.

use crate::server::{Reply, Server};
use crate::{Watcher, client_with, compute, workspace};
use amlco_azureml::{Budget, Error, ErrorKind, Gate, Options, Outcome, UnderlyingAction};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

async fn throttling(retry_after: Option<&'static str>) -> Server {
    Server::start(move |seen, _| {
        if seen.method == "GET" {
            return Reply::new(200, &[("x-ms-ratelimit-remaining-subscription-reads", "249")], r#"{"value":[]}"#);
        }
        let headers: Vec<(&str, &str)> = retry_after.map(|value| ("Retry-After", value)).into_iter().collect();
        Reply::json_with(429, &headers, &json!({"error": {"code": "TooManyRequests", "message": "slow down"}}))
    })
    .await
}

fn secs(error: &Error) -> u64 {
    assert_eq!(error.kind(), &ErrorKind::Throttled);
    error.retry_after().map_or(0, |wait| wait.as_millis().div_ceil(1000) as u64)
}

#[tokio::test]
async fn after_429_no_request_of_that_budget_leaves_and_others_do() {
    let server = throttling(Some("30")).await;
    let (gate, watcher) = (Gate::new(), Arc::new(Watcher::default()));
    let options = Options { gate: gate.clone(), observer: Some(watcher.clone()), ..Options::default() };
    let (one, other) = (client_with(&server, options.clone()), client_with(&server, options));
    let first = one.put_compute(&compute(), &json!({})).await.unwrap_err();
    assert_eq!(secs(&first), 30);
    assert_eq!(first.arm().unwrap().code, "TooManyRequests");
    // Another client of the same principal, another verb of the same budget: not sent.
    let second = other.patch_compute(&compute(), &json!({})).await.unwrap_err();
    assert!((28..=30).contains(&secs(&second)), "{second}");
    assert!(second.to_string().contains("throttles the writes"), "{second}");
    other.list_nodes(&compute()).await.unwrap_err();
    assert_eq!(server.lines().len(), 1);
    other.list_computes(&workspace()).await.unwrap();
    assert_eq!(server.lines().len(), 2);
    one.delete_compute(&compute(), UnderlyingAction::Delete).await.unwrap_err();
    assert_eq!(server.lines().len(), 3);

    use Outcome::{HeldBack, Success, Throttled};
    assert_eq!(watcher.outcomes(), [Throttled, HeldBack, HeldBack, Success, Throttled]);
    let allowances = gate.allowances();
    let of = |budget: Budget| allowances.iter().find(|allowance| allowance.budget == budget).unwrap();
    assert_eq!((of(Budget::Writes).throttled, of(Budget::Writes).held_back), (1, 2));
    assert_eq!(of(Budget::Reads).remaining, Some(249));
    assert!(of(Budget::Reads).closed_for.is_none() && of(Budget::Writes).closed_for.is_some());
}

#[tokio::test]
async fn wait_may_be_a_date_and_absurd_waits_are_capped() {
    for (value, expected) in [("Sat, 21 Nov 2099 08:00:00 GMT", 600), ("999999999", 600), ("0", 0), ("soon", 0)] {
        let server = throttling(Some(value)).await;
        let client = client_with(&server, Options::default());
        assert_eq!(secs(&client.put_compute(&compute(), &json!({})).await.unwrap_err()), expected, "{value}");
    }
}

#[tokio::test]
async fn wait_that_has_ended_lets_the_next_request_leave() {
    let server = Server::start(|_, number| match number {
        0 => Reply::new(429, &[("Retry-After", "1")], ""),
        _ => Reply::new(200, &[], ""),
    })
    .await;
    let client = client_with(&server, Options::default());
    client.patch_compute(&compute(), &json!({})).await.unwrap_err();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while let Err(error) = client.patch_compute(&compute(), &json!({})).await {
        assert!(tokio::time::Instant::now() < deadline, "{error}");
        tokio::time::sleep(error.retry_after().unwrap()).await;
    }
    assert_eq!(server.lines().len(), 2);
}

#[tokio::test]
async fn wait_without_a_time_closes_nothing() {
    let server = throttling(None).await;
    let client = client_with(&server, Options::default());
    for sent in 1..=2 {
        let error = client.put_compute(&compute(), &json!({})).await.unwrap_err();
        assert_eq!((error.kind(), error.retry_after()), (&ErrorKind::Throttled, None));
        assert_eq!(server.lines().len(), sent);
    }
}
