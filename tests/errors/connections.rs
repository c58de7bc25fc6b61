//! Connections that break before or after a write took effect: it has one effect, and nothing is lost.

use crate::scene::{Phase, Scene, times};
use crate::stage;
use emulator::{Effect, When};
use serde_json::json;

fn drops(when: When) -> Effect {
    Effect::DropConnection { when }
}

/// Drops the first request of a method on a compute; says how many of them are to be sent in all.
fn break_first(scene: &Scene, method: &str, name: &str, when: When) -> usize {
    scene.fault(times(1, method, &format!("/computes/{name}"), drops(when)));
    match when {
        When::BeforeEffect => 2,
        When::AfterEffect => 1,
    }
}

async fn create_has_one_effect(scene: &Scene, name: &str, when: When) {
    let puts = break_first(scene, "PUT", name, when);
    scene.cluster(name, json!({})).await;
    let words = ["cannot create the compute: the connection to", "it is tried again"];
    scene.cluster_said(name, Phase::Working, "AzureUnavailable", &words).await;
    scene.ready(name).await;
    assert_eq!(scene.writes(name), [puts, 0, 0], "{name}");
}

async fn scale_has_one_effect(scene: &Scene, name: &str, when: When) {
    scene.cluster(name, json!({})).await;
    scene.ready(name).await;
    let patches = break_first(scene, "PATCH", name, when);
    scene.merge("ComputeCluster", name, &json!({"spec": {"scale": {"maxNodes": 6}}})).await;
    scene.ready(name).await;
    assert_eq!(scene.writes(name), [1, patches, 0], "{name}");
    let (_, azure) = scene.stage.azure("GET", &stage::path(name), None).await;
    assert_eq!(azure["properties"]["properties"]["scaleSettings"]["maxNodeCount"], 6);
}

async fn retag_has_one_effect(scene: &Scene, name: &str, when: When) {
    scene.cluster(name, json!({})).await;
    scene.ready(name).await;
    let puts = break_first(scene, "PUT", name, when);
    scene.merge("ComputeCluster", name, &json!({"spec": {"tags": {"team": "vision"}}})).await;
    scene.ready(name).await;
    assert_eq!(scene.writes(name), [1 + puts, 0, 0], "{name}");
    let (_, azure) = scene.stage.azure("GET", &stage::path(name), None).await;
    assert_eq!(azure["tags"]["team"], "vision");
}

async fn delete_has_one_effect(scene: &Scene, name: &str, when: When) {
    scene.cluster(name, json!({})).await;
    scene.ready(name).await;
    let deletes = break_first(scene, "DELETE", name, when);
    scene.delete("ComputeCluster", name).await;
    scene.gone(name).await;
    assert_eq!(scene.writes(name), [1, 0, deletes], "{name}");
    assert_eq!(scene.stage.azure("GET", &stage::path(name), None).await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_whose_connection_breaks_have_one_effect() {
    let scene = Scene::start("broken").await;
    tokio::join!(
        create_has_one_effect(&scene, "create-before", When::BeforeEffect),
        create_has_one_effect(&scene, "create-after", When::AfterEffect),
        scale_has_one_effect(&scene, "scale-before", When::BeforeEffect),
        scale_has_one_effect(&scene, "scale-after", When::AfterEffect),
        retag_has_one_effect(&scene, "retag-before", When::BeforeEffect),
        retag_has_one_effect(&scene, "retag-after", When::AfterEffect),
        delete_has_one_effect(&scene, "delete-before", When::BeforeEffect),
        delete_has_one_effect(&scene, "delete-after", When::AfterEffect),
    );
    scene.holds_still(12).await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_whose_connection_breaks_make_nothing_and_heal() {
    let scene = Scene::start("deaf").await;
    scene.cluster("at-rest", json!({})).await;
    scene.ready("at-rest").await;
    scene.fault(times(0, "GET", "*/workspaces/demo*", drops(When::BeforeEffect)));
    scene.cluster("cpu", json!({})).await;
    let words = ["cannot look at the compute: the connection to", "it is tried again"];
    scene.cluster_says("cpu", Phase::Working, "AzureUnavailable", &words).await;
    scene.cluster_says("at-rest", Phase::Working, "AzureUnavailable", &words).await;
    scene.holds_still(10).await;
    assert_eq!((scene.writes("cpu"), scene.writes("at-rest")), ([0, 0, 0], [1, 0, 0]));
    scene.heal();
    tokio::join!(scene.ready("cpu"), scene.ready("at-rest"));
    scene.end().await;
}
