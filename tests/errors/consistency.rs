//! Azure shows yesterday: reads that lag behind writes lead to no second compute and no second effect.

use crate::scene::{Scene, times};
use crate::stage;
use emulator::{Effect, Fault};
use serde_json::json;

async fn stale_reads_after_a_scale_lead_to_the_declared_scale(scene: &Scene) {
    scene.cluster("stale", json!({})).await;
    scene.ready("stale").await;
    // The first GET is the look before the PATCH; the next ones show what was before it.
    let stale = Fault { nth: 2, ..times(2, "GET", "*/computes/stale", Effect::StaleRead) };
    scene.fault(stale);
    scene.merge("ComputeCluster", "stale", &json!({"spec": {"scale": {"maxNodes": 6}}})).await;
    scene.until_asked("GET", "/computes/stale", 2).await;
    scene.ready("stale").await;
    let (_, azure) = scene.stage.azure("GET", &stage::path("stale"), None).await;
    assert_eq!(azure["properties"]["properties"]["scaleSettings"]["maxNodeCount"], 6);
    let [puts, patches, deletes] = scene.writes("stale");
    assert!((puts, deletes) == (1, 0) && (1..=2).contains(&patches), "{patches} PATCHes");
}

async fn compute_that_hides_after_its_create_is_made_once(scene: &Scene) {
    scene.fault(times(1, "PUT", "/computes/hidden", Effect::HideAfterCreate { reads: 3 }));
    scene.cluster("hidden", json!({})).await;
    scene.ready("hidden").await;
    assert_eq!(scene.writes("hidden"), [1, 0, 0]);
}

async fn compute_that_lingers_after_its_delete_is_waited_for(scene: &Scene) {
    scene.cluster("lingering", json!({})).await;
    scene.ready("lingering").await;
    scene.fault(times(1, "DELETE", "/computes/lingering", Effect::LingerAfterDelete { reads: 4 }));
    scene.delete("ComputeCluster", "lingering").await;
    scene.gone("lingering").await;
    assert_eq!(scene.stage.azure("GET", &stage::path("lingering"), None).await.0, 404);
    let [puts, patches, deletes] = scene.writes("lingering");
    assert!((puts, patches) == (1, 0) && deletes <= 4, "{deletes} DELETEs");
}

async fn compute_that_goes_behind_our_back_is_made_again_once(scene: &Scene) {
    scene.cluster("vanishing", json!({})).await;
    scene.ready("vanishing").await;
    scene.stage.emulator.event(emulator::Event::ComputeDeleted { compute: "vanishing".into() }).unwrap();
    scene.until_asked("PUT", "/computes/vanishing", 1).await;
    scene.ready("vanishing").await;
    assert_eq!(scene.writes("vanishing"), [2, 0, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_that_lag_behind_writes_lead_to_no_second_effect() {
    let scene = Scene::start("lagging").await;
    tokio::join!(
        stale_reads_after_a_scale_lead_to_the_declared_scale(&scene),
        compute_that_hides_after_its_create_is_made_once(&scene),
        compute_that_lingers_after_its_delete_is_waited_for(&scene),
        compute_that_goes_behind_our_back_is_made_again_once(&scene),
    );
    scene.holds_still(8).await;
    scene.end().await;
}
