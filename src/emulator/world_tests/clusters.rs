//! The life of a cluster: made, changed, scaled, deleted, made again. Refusals are elsewhere.

use super::*;

#[test]
fn cluster_is_created_within_the_recorded_time_and_answers_what_it_lacked() {
    let mut bench = Bench::new();
    let answer = bench.put("cpu-cluster", &cluster("Standard_D2_v2", 0, 4));
    let (status, body) = read(&answer);
    assert_eq!((status, &body["properties"]["provisioningState"]), (201, &json!("Creating")));
    assert_eq!((&body["tags"], body["properties"].get("computeLocation")), (&Value::Null, None));
    bench.pass(9);
    assert_eq!(bench.poll(&answer), json!({"status": "InProgress"}));
    assert_eq!(bench.compute("cpu-cluster")["properties"]["provisioningState"], "Creating");
    bench.pass(13);
    assert_eq!(bench.poll(&answer), json!({"status": "Succeeded", "percentComplete": 100.0}));
    let made = bench.compute("CPU-Cluster");
    let properties = &made["properties"];
    assert_eq!((&made["name"], &made["tags"]), (&json!("cpu-cluster"), &json!({})));
    assert_eq!((&properties["computeLocation"], &properties["provisioningWarnings"]), (&json!("eastus"), &json!({})));
    assert_eq!(properties["properties"]["scaleSettings"]["nodeIdleTimeBeforeScaleDown"], "PT2M");
    assert_eq!(properties["properties"]["nodeStateCounts"]["idleNodeCount"], 0);
}

#[test]
fn put_on_an_existing_cluster_changes_scale_and_ignores_what_cannot_change() {
    let mut bench = Bench::new();
    bench.made("cpu-cluster", &cluster("Standard_D2_v2", 0, 4));
    let mut body = cluster("Standard_DS3_v2", 0, 8);
    body["tags"] = json!({"team": "vision"});
    let answer = bench.put("cpu-cluster", &body);
    let (status, echoed) = read(&answer);
    assert_eq!((status, &echoed["properties"]["provisioningState"]), (201, &json!("Creating")));
    assert_eq!(echoed["properties"]["properties"]["vmSize"], "STANDARD_DS3_V2");
    let behind = echoed["properties"]["resourceId"].as_str().unwrap();
    assert!(behind.ends_with("/Microsoft.BatchAI/workspaces/demo/clusters/cpu-cluster"), "{behind}");
    bench.pass(6);
    assert_eq!(bench.poll(&answer)["status"], "Succeeded");
    let changed = bench.compute("cpu-cluster");
    let inner = &changed["properties"]["properties"];
    assert_eq!((&inner["vmSize"], &inner["scaleSettings"]["maxNodeCount"]), (&json!("STANDARD_D2_V2"), &json!(8)));
    assert_eq!((&changed["tags"]["team"], &changed["properties"]["resourceId"]), (&json!("vision"), &Value::Null));
}

#[test]
fn patch_of_the_maximum_keeps_the_other_settings_and_shows_no_idle_time_at_first() {
    let mut bench = Bench::new();
    let mut body = cluster("Standard_D2_v2", 1, 4);
    body["properties"]["properties"]["scaleSettings"]["nodeIdleTimeBeforeScaleDown"] = json!("PT2400S");
    bench.made("cpu-cluster", &body);
    let patch = json!({"properties": {"properties": {"scaleSettings": {"maxNodeCount": 8}}}});
    let path = format!("{DEMO}/computes/cpu-cluster");
    let answer = bench.send("PATCH", &path, Some(&patch));
    let (status, body) = read(&answer);
    assert_eq!((status, &body["properties"]["provisioningState"]), (202, &json!("Updating")));
    let shown = json!({"maxNodeCount": 8, "minNodeCount": 1, "nodeIdleTimeBeforeScaleDown": null});
    assert_eq!(body["properties"]["properties"]["scaleSettings"], shown);
    assert_eq!(body["properties"]["properties"]["remoteLoginPortPublicAccess"], "NotSpecified");
    bench.pass(6);
    assert_eq!(bench.poll(&answer)["status"], "Succeeded");
    let scale = bench.compute("cpu-cluster")["properties"]["properties"]["scaleSettings"].clone();
    assert_eq!(scale, json!({"maxNodeCount": 8, "minNodeCount": 1, "nodeIdleTimeBeforeScaleDown": "PT40M"}));
}

#[test]
fn patch_answers_200_to_the_versions_whose_clients_take_nothing_else() {
    for (version, status, patch) in [
        ("2020-08-01", 200, json!({"properties": {"scaleSettings": {"maxNodeCount": 8, "minNodeCount": 0}}})),
        ("2023-04-01", 200, json!({"properties": {"properties": {"scaleSettings": {"maxNodeCount": 8}}}})),
        ("2024-04-01", 202, json!({"properties": {"properties": {"scaleSettings": {"maxNodeCount": 8}}}})),
    ] {
        let mut bench = Bench::new();
        bench.made("cpu-cluster", &cluster("Standard_D2_v2", 0, 4));
        bench.version = version;
        let answer = bench.send("PATCH", &format!("{DEMO}/computes/cpu-cluster"), Some(&patch));
        assert_eq!(answer.status, status, "{version}");
        assert!(answer.header("azure-asyncoperation").unwrap().contains(&format!("api-version={version}&")));
    }
}

#[test]
fn patch_without_a_change_starts_no_operation() {
    let mut bench = Bench::new();
    bench.made("cpu-cluster", &cluster("Standard_D2_v2", 0, 4));
    let answer = bench.send("PATCH", &format!("{DEMO}/computes/cpu-cluster"), Some(&json!({})));
    assert_eq!((answer.status, answer.header("azure-asyncoperation")), (200, None));
}

#[test]
fn identity_is_added_kept_and_removed() {
    let mut bench = Bench::new();
    let mut body = cluster("Standard_D2_v2", 0, 4);
    body["identity"] = json!({"type": "SystemAssigned"});
    let answer = bench.put("cpu-cluster", &body);
    let principal = read(&answer).1["identity"]["principalId"].clone();
    assert!(principal.is_string());
    bench.pass(22);
    assert_eq!(bench.compute("cpu-cluster")["identity"]["principalId"], principal);
    let patch = json!({"location": "eastus", "properties": {}, "identity": {"type": "None"}});
    assert_eq!(bench.send("PATCH", &format!("{DEMO}/computes/cpu-cluster"), Some(&patch)).status, 202);
    assert_eq!(bench.compute("cpu-cluster")["identity"], json!({"type": "None"}));
    bench.pass(6);
    body["identity"] = Value::Null;
    bench.put("cpu-cluster", &body);
    assert!(bench.compute("cpu-cluster").get("identity").is_none());
}

#[test]
fn delete_takes_the_recorded_time_frees_the_name_at_its_end_and_is_204_afterwards() {
    let mut bench = Bench::new();
    bench.made("cpu-cluster", &cluster("Standard_D2_v2", 0, 4));
    let path = format!("{DEMO}/computes/cpu-cluster?underlyingResourceAction=Delete");
    let answer = bench.send("DELETE", &path, None);
    assert_eq!((answer.status, answer.body.len(), answer.header("content-type")), (202, 0, None));
    bench.pass(30);
    assert_eq!(bench.poll(&answer), json!({"status": "InProgress"}));
    assert_eq!(bench.compute("cpu-cluster")["properties"]["provisioningState"], "Deleting");
    let again = bench.send("DELETE", &path, None);
    assert_eq!(again.status, 202);
    assert_eq!(code(&bench.put("cpu-cluster", &cluster("Standard_D2_v2", 0, 4))), (409, "Conflict".into()));
    bench.pass(33);
    assert_eq!(bench.poll(&answer)["status"], "Succeeded");
    assert_eq!(bench.poll(&again)["status"], "Succeeded");
    let gone = bench.send("GET", &format!("{DEMO}/computes/cpu-cluster"), None);
    assert_eq!((gone.status, gone.body.len(), gone.header("x-ms-response-type")), (404, 0, Some("standard")));
    assert_eq!(bench.send("DELETE", &path, None).status, 204);
}

#[test]
fn delete_during_a_create_is_taken_and_cancels_it() {
    let mut bench = Bench::new();
    let create = bench.put("cpu-cluster", &cluster("Standard_D2_v2", 0, 4));
    bench.pass(3);
    let path = format!("{DEMO}/computes/cpu-cluster?underlyingResourceAction=delete");
    assert_eq!(bench.send("DELETE", &path, None).status, 202);
    assert_eq!(bench.poll(&create)["status"], "Canceled");
    bench.pass(63);
    assert_eq!(bench.compute("cpu-cluster"), Value::Null);
}

#[test]
fn detached_cluster_comes_back_with_its_old_size() {
    let mut bench = Bench::new();
    bench.made("cpu-cluster", &cluster("Standard_D2_v2", 0, 4));
    let path = format!("{DEMO}/computes/cpu-cluster?underlyingResourceAction=Detach");
    assert_eq!(bench.send("DELETE", &path, None).status, 202);
    bench.pass(6);
    assert_eq!(bench.compute("cpu-cluster"), Value::Null);
    let echoed = read(&bench.put("cpu-cluster", &cluster("Standard_DS3_v2", 0, 2))).1;
    assert_eq!(echoed["properties"]["properties"]["vmSize"], "STANDARD_DS3_V2");
    bench.pass(22);
    let inner = bench.compute("cpu-cluster")["properties"]["properties"].clone();
    assert_eq!((&inner["vmSize"], &inner["scaleSettings"]["maxNodeCount"]), (&json!("STANDARD_D2_V2"), &json!(2)));
}

#[test]
fn minimum_nodes_appear_are_listed_and_count_against_quota() {
    let mut bench = Bench::new();
    bench.made("cpu-cluster", &cluster("Standard_D2_v2", 2, 4));
    let inner = bench.compute("cpu-cluster")["properties"]["properties"].clone();
    assert_eq!((&inner["allocationState"], &inner["targetNodeCount"]), (&json!("Resizing"), &json!(2)));
    bench.pass(200);
    let inner = bench.compute("cpu-cluster")["properties"]["properties"].clone();
    assert_eq!((&inner["allocationState"], &inner["nodeStateCounts"]["idleNodeCount"]), (&json!("Steady"), &json!(2)));
    let (status, nodes) = read(&bench.send("POST", &format!("{DEMO}/computes/cpu-cluster/listNodes"), None));
    assert_eq!((status, &nodes["computeType"]), (200, &json!("AmlCompute")));
    assert_eq!(nodes["nodes"].as_array().unwrap().len(), 2);
    assert!(nodes.get("nextLink").is_none() && nodes["nodes"][0].get("runId").is_none());
}

#[test]
fn cluster_in_another_region_reports_to_the_workspaces_region() {
    let mut bench = Bench::new();
    let mut body = cluster("Standard_NC6s_v3", 0, 2);
    body["properties"]["computeLocation"] = json!("westus2");
    body["properties"]["properties"]["vmPriority"] = json!("lowpriority");
    let answer = bench.put("gpu-cluster", &body);
    assert!(answer.header("azure-asyncoperation").unwrap().contains("/locations/eastus/computeOperationsStatus/"));
    bench.pass(22);
    assert_eq!(bench.poll(&answer)["status"], "Succeeded");
    let made = bench.compute("gpu-cluster");
    assert_eq!((&made["location"], &made["properties"]["computeLocation"]), (&json!("eastus"), &json!("westus2")));
    assert_eq!(made["properties"]["properties"]["vmPriority"], "LowPriority");
}

#[test]
fn list_is_paged_and_its_last_page_has_no_next_link() {
    let mut bench = Bench::with(&Seed { page_size: 2, ..Seed::default() });
    for name in ["aaa", "bbb", "ccc"] {
        bench.made(name, &cluster("Standard_D2_v2", 0, 1));
    }
    let (_, first) = bench.get(&format!("{DEMO}/computes"));
    assert_eq!(first["value"].as_array().unwrap().len(), 2);
    let next = first["nextLink"].as_str().unwrap().strip_prefix("http://127.0.0.1:1").unwrap().to_owned();
    let (_, second) = bench.get(&next);
    assert_eq!((&second["value"][0]["name"], second.get("nextLink")), (&json!("ccc"), None));
}

#[test]
fn two_worlds_with_one_history_answer_alike() {
    let story = || {
        let mut bench = Bench::new();
        let mut body = cluster("Standard_D2_v2", 2, 4);
        body["identity"] = json!({"type": "SystemAssigned"});
        bench.made("cpu-cluster", &body);
        bench.pass(200);
        let nodes = bench.send("POST", &format!("{DEMO}/computes/cpu-cluster/listNodes"), None);
        (bench.compute("cpu-cluster"), read(&nodes).1)
    };
    assert_eq!(story(), story());
}

#[test]
fn put_over_a_cluster_keeps_its_size_when_it_names_none() {
    let mut bench = Bench::new();
    bench.made("cpu-cluster", &cluster("Standard_D2_v2", 0, 1));
    let update = json!({"location": "eastus", "properties": {"computeType": "AmlCompute", "properties": {
        "scaleSettings": {"minNodeCount": 0, "maxNodeCount": 3}}}});
    assert_eq!(bench.put("cpu-cluster", &update).status, 201);
    bench.pass(6);
    let shown = &bench.compute("cpu-cluster")["properties"]["properties"];
    assert_eq!((&shown["vmSize"], &shown["scaleSettings"]["maxNodeCount"]), (&json!("STANDARD_D2_V2"), &json!(3)));
    assert_eq!(bench.put("other", &update).status, 400, "a new one needs a size");
}
