//! A ComputeCluster from apply to gone, on a real control plane and the emulator.
//!
//! Must not look inside the operator: only at objects and at what Azure was asked.

mod stage;

use serde_json::json;
use stage::{Stage, cluster, condition, path, ready_reason};

#[tokio::test(flavor = "multi_thread")]
async fn cluster_becomes_ready_by_one_put() {
    let stage = Stage::start("create").await;
    stage.apply(&cluster("cpu-cluster", &json!({}))).await;
    let object = stage.until_ready("cpu-cluster").await;

    let puts = stage.requests("PUT", "/computes/cpu-cluster");
    assert_eq!(puts.len(), 1, "{puts:?}");
    let sent = puts[0].request_body.clone();
    assert_eq!(sent["location"], "eastus");
    assert_eq!(sent["properties"]["computeLocation"], "eastus");
    assert_eq!(
        sent["properties"]["properties"],
        json!({"vmSize": "STANDARD_D2_V2", "scaleSettings": {"maxNodeCount": 4}})
    );
    assert_eq!(object["status"]["azure"]["provisioningState"], "Succeeded");
    assert_eq!(object["status"]["azure"]["owned"], true);
    assert_eq!(condition(&object, "Reconciling"), None);
    assert_eq!(ready_reason(&object), "AsDeclared");
    let (status, azure) = stage.azure("GET", &path("cpu-cluster"), None).await;
    assert_eq!((status, &azure["tags"]["azureml-operator-uid"]), (200, &object["metadata"]["uid"]));
}
