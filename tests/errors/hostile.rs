//! Annotations and Azure's texts that mean harm: they change nothing but what they may.

use crate::scene::{Phase, Scene, always, error};
use crate::stage::{self, condition, is_ready};
use serde_json::{Value, json};

const GROUP: &str = "compute.azureml.dev";

fn annotations(values: &[(&str, Value)]) -> Value {
    let entries = values.iter().map(|(key, value)| (format!("{GROUP}/{key}"), value.clone()));
    json!({"metadata": {"annotations": serde_json::Map::from_iter(entries)}})
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_annotations_neither_move_a_cluster_nor_make_it_another() {
    let scene = Scene::start("hostile").await;
    scene.cluster("cpu", json!({})).await;
    let first = scene.ready("cpu").await;
    let other = format!("{}/computes/other", stage::WORKSPACE);
    let claims = [
        json!("x"),
        json!(""),
        json!(" "),
        json!(format!("99999999-9999-4999-8999-999999999999 {other}")),
        json!(format!("{} {other}", first["metadata"]["uid"].as_str().unwrap())),
        json!("../../..\u{0}%00\n\r\u{202e}".replace('\u{0}', "")),
        json!("ü".repeat(60_000)),
        Value::Null,
    ];
    for claim in claims {
        scene.merge("ComputeCluster", "cpu", &annotations(&[("claim", claim)])).await;
        scene
            .merge("ComputeCluster", "cpu", &annotations(&[("reconcile-requested-at", json!("\"; DROP TABLE\n💣"))]))
            .await;
        let whole = |object: &Value| {
            let claim = object["metadata"]["annotations"][format!("{GROUP}/claim")].as_str().unwrap_or_default();
            is_ready(object)
                && claim.ends_with("/computes/cpu")
                && claim.starts_with(first["metadata"]["uid"].as_str().unwrap())
        };
        let mended = support::wait::until("the claim is whole", crate::scene::PATIENCE, async || {
            let object = scene.get("ComputeCluster", "cpu").await.unwrap();
            if whole(&object) {
                Ok(())
            } else {
                Err(object["metadata"]["annotations"].to_string().chars().take(400).collect())
            }
        });
        mended.await.unwrap();
    }
    scene.holds_still(4).await;
    assert_eq!((scene.writes("cpu"), scene.writes("other")), ([1, 0, 0], [0, 0, 0]));

    // What is not understood stops writes; "false" and nothing do not.
    scene.merge("ComputeCluster", "cpu", &annotations(&[("paused", json!("perhaps"))])).await;
    scene.merge("ComputeCluster", "cpu", &json!({"spec": {"scale": {"maxNodes": 7}}})).await;
    let paused = support::wait::until("it is paused", crate::scene::PATIENCE, async || {
        let object = scene.get("ComputeCluster", "cpu").await.unwrap();
        let paused = condition(&object, "Paused").is_some_and(|paused| paused["status"] == "True");
        if paused { Ok(()) } else { Err(object["status"].to_string()) }
    });
    paused.await.unwrap();
    scene.holds_still(3).await;
    assert_eq!(scene.writes("cpu"), [1, 0, 0]);
    scene.merge("ComputeCluster", "cpu", &annotations(&[("paused", json!("FALSE"))])).await;
    scene.ready("cpu").await;
    assert_eq!(scene.writes("cpu"), [1, 1, 0]);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_words_of_azure_are_cut_and_cleaned_before_people_see_them() {
    let scene = Scene::start("words").await;
    let long = format!("first\nsecond\u{7}\u{1b}[31m {}", "ä".repeat(50_000));
    scene.fault(always("PUT", "/computes/long", error(400, "Odd", &long)));
    scene.fault(always("PUT", "/computes/code", error(400, &"C".repeat(5_000), "x")));
    scene.fault(always("PUT", "/computes/deep", crate::scene::respond(400, &[], "[".repeat(100_000))));
    scene.fault(always("PUT", "/computes/none", error(400, "", "")));
    for name in ["long", "code", "deep", "none"] {
        scene.cluster(name, json!({})).await;
    }
    for name in ["long", "code", "deep", "none"] {
        let object =
            scene.cluster_says(name, Phase::Working, "InvalidRequest", &["cannot create the compute", "400"]).await;
        let message = stage::ready_message(&object);
        assert!(!message.chars().any(char::is_control), "{message:?}");
        assert!(message.contains("it is tried again slowly"), "what to do is cut off: {message}");
    }
    scene.holds_still(8).await;
    scene.heal();
    for name in ["long", "code", "deep", "none"] {
        scene.ready(name).await;
    }
    scene.end().await;
}
