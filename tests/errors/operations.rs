//! Long operations: their address leads elsewhere or nowhere, they fail, or they never end.

use crate::scene::{PATIENCE, Phase, Scene, VERY_SLOW, always, times};
use crate::stage;
use emulator::{Effect, Event};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::wait::until;
use tokio::net::TcpListener;

/// A listener on a host that is not Azure's; counts who comes.
async fn stranger() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let visits = Arc::new(AtomicUsize::new(0));
    let counted = visits.clone();
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    (origin, visits)
}

#[tokio::test(flavor = "multi_thread")]
async fn operation_url_on_another_host_is_never_visited_and_the_compute_itself_tells() {
    let scene = Scene::start("foreign").await;
    let (origin, visits) = stranger().await;
    for method in ["PUT", "PATCH", "DELETE"] {
        scene.fault(times(1, method, "/computes/cpu", Effect::ForeignOperationUrl { origin: origin.clone() }));
    }
    scene.cluster("cpu", json!({})).await;
    let words = ["cannot create the compute", "another host", "nothing was sent there"];
    scene.cluster_said("cpu", Phase::Working, "ForeignOperationUrl", &words).await;
    scene.ready("cpu").await;
    scene.merge("ComputeCluster", "cpu", &json!({"spec": {"scale": {"maxNodes": 6}}})).await;
    scene.ready("cpu").await;
    scene.holds_still(3).await;
    scene.delete("ComputeCluster", "cpu").await;
    scene.gone("cpu").await;
    assert_eq!(scene.writes("cpu"), [1, 1, 1]);
    assert_eq!(visits.load(Ordering::Relaxed), 0, "somebody went to the stranger");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn operation_that_cannot_be_asked_about_leaves_it_to_the_compute() {
    let scene = Scene::start("urlgone").await;
    for method in ["PUT", "PATCH", "DELETE"] {
        scene.fault(times(1, method, "/computes/cpu", Effect::OperationUrlGone));
    }
    scene.cluster("cpu", json!({})).await;
    scene.ready("cpu").await;
    scene.merge("ComputeCluster", "cpu", &json!({"spec": {"scale": {"maxNodes": 6}}})).await;
    scene.ready("cpu").await;
    scene.delete("ComputeCluster", "cpu").await;
    scene.gone("cpu").await;
    assert_eq!(scene.writes("cpu"), [1, 1, 1]);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn operation_without_end_is_waited_for_without_a_second_write_until_azure_ends_it() {
    let scene = Scene::start("endless").await;
    scene.fault(times(1, "PUT", "/computes/cpu", Effect::OperationNeverEnds));
    scene.cluster("cpu", json!({})).await;
    scene.cluster_says("cpu", Phase::Working, "Creating", &["azure is making the compute"]).await;
    let polls = || {
        let journal = scene.stage.emulator.journal();
        journal.iter().filter(|entry| entry.path.contains("/computeOperationsStatus/")).count()
    };
    let asked = until("the operation is asked about", PATIENCE, async || match polls() {
        enough if enough >= 10 => Ok(()),
        few => Err(format!("{few} polls")),
    });
    asked.await.unwrap();
    scene.holds_still(10).await;
    assert_eq!(scene.writes("cpu"), [1, 0, 0]);
    let failure = Event::OperationFails {
        compute: "cpu".into(),
        code: "InternalServerError".into(),
        message: "The operation timed out.".into(),
    };
    scene.stage.emulator.event(failure).unwrap();
    // The one that failed is deleted and made again: it never was ready.
    scene.ready("cpu").await;
    assert_eq!(scene.writes("cpu"), [2, 0, 1]);
    scene.end().await;
}

fn fails(message: &str) -> Effect {
    Effect::OperationFails { code: "AllocationFailed".into(), message: message.into() }
}

#[tokio::test(flavor = "multi_thread")]
async fn operations_that_fail_are_said_and_tried_again_with_backoff() {
    let scene = Scene::start("failing").await;
    scene.fault(times(2, "PUT", "/computes/cpu", fails("No machines to make it of.")));
    scene.cluster("cpu", json!({})).await;
    let words = ["cannot create the compute", "AllocationFailed", "No machines to make it of", "tried again"];
    scene.cluster_said("cpu", Phase::Working, "AllocationFailed", &words).await;
    let object = scene.ready("cpu").await;
    assert_eq!(object["status"]["provisioningErrors"], Value::Null);
    assert_eq!(scene.writes("cpu"), [3, 0, 2], "each failed one is deleted before the next is made");

    scene.fault(times(2, "PATCH", "/computes/cpu", fails("No machines to grow by.")));
    scene.merge("ComputeCluster", "cpu", &json!({"spec": {"scale": {"maxNodes": 6}}})).await;
    let words = ["cannot scale the compute", "AllocationFailed", "No machines to grow by"];
    scene.cluster_said("cpu", Phase::Working, "AllocationFailed", &words).await;
    scene.ready("cpu").await;
    assert_eq!(scene.writes("cpu"), [3, 3, 2]);
    scene.backed_off("PATCH", "cpu", crate::scene::SLOW);

    scene.fault(times(2, "DELETE", "/computes/cpu", fails("Nodes do not let go.")));
    scene.delete("ComputeCluster", "cpu").await;
    let words = ["cannot delete the compute", "AllocationFailed", "Nodes do not let go"];
    scene.cluster_said("cpu", Phase::Working, "DeletionBlocked", &words).await;
    scene.gone("cpu").await;
    assert_eq!(scene.writes("cpu"), [3, 3, 5]);
    assert_eq!(scene.stage.azure("GET", &stage::path("cpu"), None).await.0, 404);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn create_that_keeps_failing_is_made_ever_more_slowly() {
    let scene = Scene::start("stubborn").await;
    let lasting =
        Effect::OperationFails { code: "InvalidPropertyValue".into(), message: "It is not supported.".into() };
    scene.fault(always("PUT", "/computes/cpu", lasting));
    scene.cluster("cpu", json!({})).await;
    let words = ["cannot create the compute", "InvalidPropertyValue", "It is not supported"];
    let seen = scene.says(("ComputeCluster", "cpu"), Phase::Working, "OperationFailed", &words).await;
    assert!(seen["status"]["azure"]["provisioningState"].is_string() || seen["status"]["azure"].is_null());
    scene.until_asked("PUT", "/computes/cpu", 2).await;
    scene.backed_off("PUT", "cpu", crate::scene::SLOW.min(VERY_SLOW));
    scene.heal();
    scene.ready("cpu").await;
    scene.end().await;
}
