//! 429: not asked again before the time that Azure names, in whatever form, and nothing else is disturbed.

use crate::scene::{FAST, PATIENCE, Phase, Scene, always, respond, times};
use emulator::Effect;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use support::wait::until;

fn throttled(retry_after: Option<&str>) -> Effect {
    let headers: Vec<(&str, &str)> = retry_after.map(|value| ("Retry-After", value)).into_iter().collect();
    let message = "Number of write requests for subscription exceeded the limit. Please try again later.";
    let body = json!({"error": {"code": "SubscriptionRequestsThrottled", "message": message}});
    respond(429, &headers, body)
}

/// An HTTP date so many seconds from now.
fn http_date(seconds: i64) -> String {
    let at = Timestamp::now() + SignedDuration::from_secs(seconds);
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// Makes one cluster whose first PUT is throttled, and returns how many milliseconds later the second one came.
async fn second_put(scene: &Scene, name: &str, retry_after: &str) -> i128 {
    scene.fault(times(1, "PUT", &format!("/computes/{name}"), throttled(Some(retry_after))));
    scene.cluster(name, json!({})).await;
    let words = ["cannot create the compute", "limits how many requests it takes"];
    scene.cluster_said(name, Phase::Working, "Throttled", &words).await;
    scene.ready(name).await;
    let puts = scene.asked("PUT", name);
    assert_eq!((puts.len(), puts[0].status, puts[1].status), (2, Some(429), Some(201)));
    puts[1].at.duration_since(puts[0].at).as_millis()
}

#[tokio::test(flavor = "multi_thread")]
async fn wait_that_azure_asks_for_is_kept_for_writes_and_reads_alike() {
    let scene = Scene::start("throttled").await;
    scene.cluster("at-rest", json!({})).await;
    let at_rest = scene.ready("at-rest").await;
    let waited = second_put(&scene, "seconds", "2").await;
    assert!(waited >= 2000, "asked again after {waited} ms of 2 s");
    // The date has whole seconds: up to one of them is gone already.
    let waited = second_put(&scene, "dated", &http_date(3)).await;
    assert!(waited >= 1900, "asked again after {waited} ms of 2 to 3 s");
    let now = scene.get("ComputeCluster", "at-rest").await.unwrap();
    assert_eq!(now["metadata"]["resourceVersion"], at_rest["metadata"]["resourceVersion"], "another one is disturbed");

    // Reads: the shared look waits, and what it told before stands.
    let since = scene.stage.emulator.journal().last().unwrap().seq;
    scene.fault(times(1, "GET", "*/computes", throttled(Some("2"))));
    let lists = || scene.stage.emulator.journal_since(since).into_iter().filter(|e| e.path.ends_with("/computes"));
    let again = until("the next LIST", PATIENCE, async || {
        let lists: Vec<_> = lists().collect();
        let refused = lists.iter().position(|entry| entry.status == Some(429));
        refused
            .and_then(|at| Some(lists.get(at + 1)?.at.duration_since(lists[at].at).as_millis()))
            .ok_or_else(String::new)
    });
    let waited = again.await.unwrap();
    assert!(waited >= 2000, "listed again after {waited} ms of 2 s");
    scene.ready("at-rest").await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn absurd_wait_is_cut_to_minutes_and_kept_without_a_storm() {
    let scene = Scene::start("absurd").await;
    scene.cluster("at-rest", json!({})).await;
    scene.ready("at-rest").await;
    scene.fault(times(1, "PUT", "/computes/cpu", throttled(Some("99999999999999999999"))));
    scene.cluster("cpu", json!({})).await;
    scene.cluster_says("cpu", Phase::Working, "Throttled", &["it is tried again by itself"]).await;
    // Another one of the same subscription is held back as well, in words of its own, and asks Azure nothing.
    scene.cluster("next", json!({})).await;
    scene.cluster_says("next", Phase::Working, "Throttled", &["cannot create the compute"]).await;
    scene.holds_still(20).await;
    scene.until_asked("GET", "/computes", 10).await;
    assert_eq!((scene.writes("cpu"), scene.writes("next")), ([1, 0, 0], [0, 0, 0]));
    // Deletes have a budget of their own.
    scene.delete("ComputeCluster", "at-rest").await;
    scene.gone("at-rest").await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn throttling_without_a_time_backs_off_alone() {
    let scene = Scene::start("untimed").await;
    scene.fault(always("PUT", "/computes/cpu", throttled(None)));
    scene.fault(always("PUT", "/computes/bare", respond(429, &[], Value::Null)));
    tokio::join!(scene.cluster("cpu", json!({})), scene.cluster("bare", json!({})), scene.cluster("free", json!({})));
    let words = ["cannot create the compute", "SubscriptionRequestsThrottled (429)"];
    scene.cluster_says("cpu", Phase::Working, "Throttled", &words).await;
    scene.cluster_says("bare", Phase::Working, "Throttled", &["(429)"]).await;
    scene.ready("free").await;
    tokio::join!(scene.until_asked("PUT", "/cpu", 2), scene.until_asked("PUT", "/bare", 2));
    scene.holds_still(6).await;
    scene.backed_off("PUT", "cpu", FAST);
    scene.backed_off("PUT", "bare", FAST);
    scene.heal();
    tokio::join!(scene.ready("cpu"), scene.ready("bare"));
    scene.end().await;
}
