//! Faults and events: what happens to computes from outside. Ordinary requests are elsewhere.

use super::*;

fn status(bench: &mut Bench, name: &str) -> u16 {
    bench.get(&format!("{DEMO}/computes/{name}")).0
}

#[test]
fn operation_told_to_fail_fails_and_leaves_what_was() {
    let mut bench = Bench::new();
    bench.made("cpu-cluster", &cluster("Standard_D2_v2", 0, 4));
    bench.fault(&json!({"match": {"method": "PATCH"}, "effect": {"kind": "operationFails", "code": "AllocationFailed", "message": "no room"}}));
    let patch = json!({"properties": {"properties": {"scaleSettings": {"maxNodeCount": 8}}}});
    let answer = bench.send("PATCH", &format!("{DEMO}/computes/cpu-cluster"), Some(&patch));
    bench.pass(6);
    assert_eq!(
        bench.poll(&answer),
        json!({"status": "Failed", "error": {"code": "AllocationFailed", "message": "no room"}})
    );
    let compute = bench.compute("cpu-cluster");
    assert_eq!(compute["properties"]["provisioningState"], "Failed");
    assert_eq!(compute["properties"]["provisioningErrors"][0]["error"]["code"], "AllocationFailed");
    assert_eq!(compute["properties"]["properties"]["scaleSettings"]["maxNodeCount"], 4);
    // One that was Succeeded before can be changed again.
    assert_eq!(bench.send("PATCH", &format!("{DEMO}/computes/cpu-cluster"), Some(&patch)).status, 202);
    bench.pass(6);
    assert_eq!(bench.compute("cpu-cluster")["properties"]["provisioningState"], "Succeeded");
}

#[test]
fn operation_may_never_end_or_lose_its_url() {
    let mut bench = Bench::new();
    bench.fault(&json!({"match": {"method": "PUT", "path": "/endless"}, "effect": {"kind": "operationNeverEnds"}}));
    bench.fault(&json!({"match": {"method": "PUT", "path": "/lost"}, "effect": {"kind": "operationUrlGone"}}));
    let endless = bench.put("endless", &cluster("Standard_D2_v2", 0, 1));
    let lost = bench.put("lost", &cluster("Standard_D2_v2", 0, 1));
    bench.pass(86_400);
    assert_eq!(bench.poll(&endless)["status"], "InProgress");
    let url = lost.header("Azure-AsyncOperation").unwrap().strip_prefix("http://127.0.0.1:1").unwrap().to_owned();
    assert_eq!(bench.get(&url).0, 404);
    assert_eq!(bench.compute("lost")["properties"]["provisioningState"], "Succeeded");
    // It can still be made to fail, or be deleted.
    bench.event(&json!({"event": "operationFails", "compute": "endless", "code": "X", "message": "y"})).unwrap();
    assert_eq!(bench.poll(&endless)["status"], "Failed");
}

#[test]
fn operation_lasts_as_long_as_it_is_told() {
    let mut bench = Bench::new();
    let lasts = json!({"kind": "operationLasts", "time": "PT5M"});
    bench.fault(&json!({"match": {"method": "PUT", "path": "/slow"}, "effect": lasts}));
    let slow = bench.put("slow", &cluster("Standard_D2_v2", 0, 1));
    bench.pass(299);
    assert_eq!(bench.poll(&slow)["status"], "InProgress");
    bench.pass(1);
    assert_eq!(bench.poll(&slow)["status"], "Succeeded");
}

#[test]
fn reads_may_be_stale_hide_what_is_new_and_show_what_is_gone() {
    let mut bench = Bench::new();
    bench.fault(&json!({"match": {"method": "PUT"}, "effect": {"kind": "hideAfterCreate", "reads": 2}}));
    bench.put("cpu-cluster", &cluster("Standard_D2_v2", 0, 4));
    assert_eq!([0; 3].map(|_| status(&mut bench, "cpu-cluster")), [404, 404, 200]);
    bench.pass(22);
    let patch = json!({"properties": {"properties": {"scaleSettings": {"maxNodeCount": 8}}}});
    bench.send("PATCH", &format!("{DEMO}/computes/cpu-cluster"), Some(&patch));
    bench.pass(6);
    bench.fault(&json!({"match": {"method": "GET"}, "effect": {"kind": "staleRead"}}));
    let max = |compute: &Value| compute["properties"]["properties"]["scaleSettings"]["maxNodeCount"].clone();
    assert_eq!((max(&bench.compute("cpu-cluster")), max(&bench.compute("cpu-cluster"))), (json!(4), json!(8)));
    bench.fault(&json!({"match": {"method": "DELETE"}, "effect": {"kind": "lingerAfterDelete", "reads": 2}}));
    bench.send("DELETE", &format!("{DEMO}/computes/cpu-cluster?underlyingResourceAction=Delete"), None);
    bench.pass(63);
    assert_eq!([0; 3].map(|_| status(&mut bench, "cpu-cluster")), [200, 200, 404]);
}

#[test]
fn shown_state_may_be_one_that_nobody_knows() {
    let mut bench = Bench::new();
    bench.made("cpu-cluster", &cluster("Standard_D2_v2", 0, 4));
    bench.fault(&json!({"match": {"method": "GET"}, "times": 2, "effect": {"kind": "provisioningState", "value": "Hibernating"}}));
    assert_eq!(bench.compute("cpu-cluster")["properties"]["provisioningState"], "Hibernating");
    let list = bench.get(&format!("{DEMO}/computes")).1;
    assert_eq!(list["value"][0]["properties"]["provisioningState"], "Hibernating");
    assert_eq!(bench.compute("cpu-cluster")["properties"]["provisioningState"], "Succeeded");
}

#[test]
fn jobs_scale_a_cluster_up_and_idle_time_brings_it_down() {
    let mut bench = Bench::new();
    bench.made("cpu-cluster", &cluster("Standard_D2_v2", 0, 3));
    let run = bench.event(&json!({"event": "runSubmitted", "compute": "demo/cpu-cluster", "nodes": 2})).unwrap();
    bench.pass(250);
    let counts = bench.compute("cpu-cluster")["properties"]["properties"]["nodeStateCounts"].clone();
    assert_eq!(counts["runningNodeCount"], 2);
    bench.event(&json!({"event": "runFinished", "compute": "cpu-cluster", "run": run})).unwrap();
    bench.pass(110);
    assert_eq!(bench.compute("cpu-cluster")["properties"]["properties"]["nodeStateCounts"]["idleNodeCount"], 2);
    bench.pass(300);
    assert_eq!(bench.compute("cpu-cluster")["properties"]["properties"]["currentNodeCount"], 0);
    assert!(bench.event(&json!({"event": "runFinished", "compute": "cpu-cluster", "run": run})).is_err());
}

#[test]
fn nodes_are_lost_broken_and_repaired() {
    let mut bench = Bench::new();
    let mut body = cluster("Standard_NC6s_v3", 2, 4);
    body["properties"]["properties"]["vmPriority"] = json!("LowPriority");
    bench.made("gpu-cluster", &body);
    bench.pass(250);
    let inner = |bench: &mut Bench| bench.compute("gpu-cluster")["properties"]["properties"].clone();
    bench.event(&json!({"event": "nodePreempted", "compute": "gpu-cluster"})).unwrap();
    assert_eq!(inner(&mut bench)["nodeStateCounts"]["preemptedNodeCount"], 1);
    bench.pass(300);
    assert_eq!(inner(&mut bench)["nodeStateCounts"]["idleNodeCount"], 2);
    bench.event(&json!({"event": "nodesUnusable", "compute": "gpu-cluster"})).unwrap();
    let broken = inner(&mut bench);
    assert_eq!(
        (&broken["nodeStateCounts"]["unusableNodeCount"], &broken["errors"][0]["error"]["code"]),
        (&json!(1), &json!("DiskFull"))
    );
    assert!(broken["errors"][0]["error"]["message"].as_str().unwrap().starts_with("ComputeNode.Id=tvmps_"));
    bench.event(&json!({"event": "nodesRepaired", "compute": "gpu-cluster"})).unwrap();
    assert_eq!(inner(&mut bench)["errors"], Value::Null);
}

#[test]
fn hands_behind_the_back_take_tags_computes_rights_and_workspaces() {
    let mut bench = Bench::new();
    let mut body = cluster("Standard_D2_v2", 0, 1);
    body["tags"] = json!({"a": "1", "b": "2"});
    bench.made("cpu-cluster", &body);
    bench.event(&json!({"event": "tagsStripped", "compute": "cpu-cluster", "keys": ["a"]})).unwrap();
    assert_eq!(bench.compute("cpu-cluster")["tags"], json!({"b": "2"}));
    bench.event(&json!({"event": "tagsStripped", "compute": "cpu-cluster"})).unwrap();
    assert_eq!(bench.compute("cpu-cluster")["tags"], json!({}));
    bench.event(&json!({"event": "computeDeleted", "compute": format!("{DEMO}/computes/cpu-cluster")})).unwrap();
    assert_eq!(status(&mut bench, "cpu-cluster"), 404);
    let denied = ["Microsoft.MachineLearningServices/workspaces/computes/read"];
    bench.event(&json!({"event": "accessChanged", "clientId": CLIENT_ID, "denied": denied})).unwrap();
    assert_eq!(status(&mut bench, "cpu-cluster"), 403);
    bench.event(&json!({"event": "accessChanged", "clientId": CLIENT_ID, "denied": []})).unwrap();
    bench.event(&json!({"event": "lockChanged", "group": "ml", "lock": "ReadOnly"})).unwrap();
    assert_eq!(bench.put("cpu-cluster", &body).status, 409);
    bench.event(&json!({"event": "workspaceDeleted", "workspace": "demo"})).unwrap();
    assert_eq!(bench.get(DEMO).0, 404);
}

#[test]
fn events_about_nothing_say_so() {
    let mut bench = Bench::new();
    for (event, part) in [
        (json!({"event": "computeDeleted", "compute": "x"}), "there is no compute 'x'"),
        (json!({"event": "secretRotated", "clientId": "x", "clientSecret": "y"}), "no principal has client id 'x'"),
        (json!({"event": "lockChanged", "group": "x"}), "there is no resource group 'x'"),
    ] {
        assert_eq!(bench.event(&event).unwrap_err(), part);
    }
    bench.put("cpu-cluster", &cluster("Standard_D2_v2", 0, 1));
    let early = bench.event(&json!({"event": "nodePreempted", "compute": "cpu-cluster"})).unwrap_err();
    assert_eq!(early, "compute 'cpu-cluster' is not made yet, so it has no nodes");
}

#[test]
fn snapshot_shows_what_runs_and_no_secret() {
    let mut bench = Bench::new();
    bench.put("cpu-cluster", &cluster("Standard_D2_v2", 0, 1));
    let now = bench.now;
    let snapshot = bench.world.snapshot(now);
    let groups = &snapshot["subscriptions"][crate::seed::SUBSCRIPTION]["resourceGroups"];
    let compute = &groups["ml"]["workspaces"]["demo"]["computes"]["cpu-cluster"];
    assert_eq!(
        (&compute["operation"]["change"], &compute["properties"]["provisioningState"]),
        (&json!("create"), &json!("Creating"))
    );
    assert!(!snapshot.to_string().contains(crate::seed::CLIENT_SECRET));
}
