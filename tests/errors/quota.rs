//! Quota: a create that it refuses, and one that it lets be made but not fill.

use crate::scene::{Phase, Scene, VERY_SLOW, unlimited};
use crate::stage::{condition, is_ready};
use emulator::{Event, QuotaSeed, SUBSCRIPTION, Seed};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use support::wait::until;

/// The family of STANDARD_D2_V2, which has 2 vCPUs.
const FAMILY: &str = "standardDv2Family";

fn quota(cores: i64) -> QuotaSeed {
    QuotaSeed {
        subscription: SUBSCRIPTION.into(),
        location: "eastus".into(),
        total_dedicated_cores: None,
        total_low_priority_cores: None,
        total_clusters: None,
        families: BTreeMap::from([(FAMILY.into(), cores)]),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn create_that_quota_fails_stalls_bills_nothing_and_is_made_again_when_it_is_raised() {
    let scene = Scene::with("noquota", Seed { quotas: vec![quota(2)], ..unlimited() }, &[]).await;
    scene.cluster("cpu", json!({"scale": {"minNodes": 2, "maxNodes": 4}})).await;
    let words =
        ["cannot create the compute", "ClusterMinNodesExceedCoreQuota", "vCPU quota of 2", "ask for more quota"];
    let object = scene.cluster_says("cpu", Phase::Stalled, "QuotaExceeded", &words).await;
    assert_eq!(object["status"]["nodes"]["current"].as_i64().unwrap_or_default(), 0, "{}", object["status"]);
    let errors = object["status"]["provisioningErrors"].as_array().unwrap();
    assert_eq!(errors[0]["code"], "ClusterMinNodesExceedCoreQuota");

    // What failed does not stay: it is deleted and tried again, slowly.
    scene.until_asked("PUT", "/computes/cpu", 2).await;
    scene.backed_off("PUT", "cpu", VERY_SLOW);
    let [puts, patches, deletes] = scene.writes("cpu");
    assert_eq!((patches, deletes), (0, puts - 1), "each further PUT after one DELETE");
    scene.stage.emulator.event(Event::QuotaChanged(quota(100))).unwrap();
    let object = scene.ready("cpu").await;
    assert_eq!(object["status"]["provisioningErrors"], Value::Null);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn quota_that_only_keeps_nodes_away_is_said_beside_ready() {
    let scene = Scene::with("littlequota", Seed { quotas: vec![quota(4)], ..unlimited() }, &[]).await;
    scene.cluster("cpu", json!({"scale": {"minNodes": 0, "maxNodes": 4}})).await;
    let ready = scene.ready("cpu").await;
    let sufficient = condition(&ready, "QuotaSufficient").unwrap().clone();
    assert_eq!((&sufficient["status"], &sufficient["reason"]), (&json!("False"), &json!("Insufficient")));
    for word in ["4 nodes of", "need 8 vCPUs", FAMILY, "allows 4", "ask for more quota"] {
        assert!(sufficient["message"].as_str().unwrap().contains(word), "{sufficient}");
    }
    let run = Event::RunSubmitted { compute: "cpu".into(), nodes: 4, run: Some("big".into()) };
    scene.stage.emulator.event(run).unwrap();
    let told = until("the error stands beside Ready", crate::scene::PATIENCE, async || {
        let object = scene.get("ComputeCluster", "cpu").await.unwrap();
        let reached = object["status"]["provisioningErrors"][0]["code"] == "ClusterCoreQuotaReached";
        if reached { Ok(object) } else { Err(object["status"].to_string()) }
    });
    let object = told.await.unwrap();
    assert!(is_ready(&object), "{}", object["status"]);
    assert_eq!(condition(&object, "QuotaSufficient").unwrap()["status"], "False");
    assert_eq!(scene.writes("cpu"), [1, 0, 0]);
    scene.end().await;
}
