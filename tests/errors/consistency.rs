//! Azure shows yesterday: reads that lag behind writes lead to no second compute and no second effect.

use crate::scene::{Scene, always, times};
use crate::stage;
use emulator::Effect;
use serde_json::json;

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
    let sent =
        support::wait::until("it is made again", crate::scene::PATIENCE, async || match scene.writes("vanishing")[0] {
            2.. => Ok(()),
            few => Err(few.to_string()),
        });
    sent.await.unwrap();
    scene.ready("vanishing").await;
    assert_eq!(scene.writes("vanishing"), [2, 0, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_that_lag_behind_writes_lead_to_no_second_effect() {
    let scene = Scene::start("lagging").await;
    tokio::join!(
        compute_that_hides_after_its_create_is_made_once(&scene),
        compute_that_lingers_after_its_delete_is_waited_for(&scene),
        compute_that_goes_behind_our_back_is_made_again_once(&scene),
    );
    scene.holds_still(8).await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stale_reads_after_a_scale_end_in_the_declared_scale_without_a_storm() {
    let scene = Scene::start("stale").await;
    scene.cluster("cpu", json!({})).await;
    scene.ready("cpu").await;
    scene.merge("ComputeCluster", "cpu", &json!({"spec": {"scale": {"maxNodes": 6}}})).await;
    let sent =
        support::wait::until("the PATCH is sent", crate::scene::PATIENCE, async || match scene.writes("cpu")[1] {
            0 => Err("none".to_owned()),
            _ => Ok(()),
        });
    sent.await.unwrap();
    scene.fault(always("GET", "*/computes", Effect::StaleRead));
    scene.fault(always("GET", "*/computes/cpu", Effect::StaleRead));
    scene.until_asked("GET", "/computes", 10).await;
    let [puts, patches, deletes] = scene.writes("cpu");
    assert!((puts, deletes) == (1, 0) && (1..=4).contains(&patches), "{patches} PATCHes");
    scene.heal();
    scene.ready("cpu").await;
    let (_, azure) = scene.stage.azure("GET", &stage::path("cpu"), None).await;
    assert_eq!(azure["properties"]["properties"]["scaleSettings"]["maxNodeCount"], 6);
    scene.end().await;
}
