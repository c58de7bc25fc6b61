//! Sizes, usages, quotas, names, workspaces and the cloud's own description. Computes are elsewhere.

use super::*;

const EASTUS: &str =
    "/subscriptions/11111111-1111-1111-1111-111111111111/providers/Microsoft.MachineLearningServices/locations/eastus";

#[test]
fn sizes_are_listed_under_the_member_that_each_version_has() {
    let mut bench = Bench::new();
    let (_, body) = bench.get(&format!("{EASTUS}/vmSizes"));
    let rows = body["value"].as_array().unwrap();
    assert_eq!(rows.len(), 260);
    assert!(rows.iter().all(|row| row["generation"].is_string()));
    let row = |name: &str| rows.iter().find(|row| row["name"] == name).unwrap();
    let prices = &row("Standard_DS2_v2")["estimatedVMPrices"];
    assert_eq!((&prices["billingCurrency"], &prices["unitOfMeasure"]), (&json!("USD"), &json!("OneHour")));
    assert!(
        prices["values"]
            .as_array()
            .unwrap()
            .contains(&json!({"retailPrice": 0.15, "osType": "Linux", "vmTier": "Standard"}))
    );
    assert!(row("Standard_D2_v2").get("estimatedVMPrices").is_none());
    bench.version = "2020-02-02";
    assert!(bench.get(&format!("{EASTUS}/vmSizes")).1["amlCompute"].is_array());
    assert_eq!(bench.get(&EASTUS.replace("eastus", "atlantis/vmSizes")).0, 400);
}

#[test]
fn usages_have_the_recorded_rows_and_move_with_the_nodes() {
    let mut bench = Bench::new();
    bench.made("cpu-cluster", &cluster("Standard_D2_v2", 2, 4));
    bench.pass(250);
    let rows = bench.get(&format!("{EASTUS}/usages")).1["value"].as_array().unwrap().clone();
    assert_eq!(rows.len(), 127);
    let used = |name: &str| rows.iter().find(|row| row["name"]["value"] == name).unwrap()["currentValue"].clone();
    assert_eq!(
        (used("TotalClusters"), used("TotalDedicatedCores"), used("standardDv2Family")),
        (json!(1), json!(4), json!(4))
    );
    assert_eq!(used("TotalLowPriorityCores"), 0);
}

#[test]
fn regions_have_quotas_and_usages_of_their_own_wherever_the_workspace_is() {
    let mut bench = Bench::new();
    let mut body = cluster("Standard_D2_v2", 2, 4);
    body["properties"]["computeLocation"] = json!("westeurope");
    bench.made("far-cluster", &body);
    bench.pass(250);
    let quota = json!({"event": "quotaChanged", "subscription": crate::seed::SUBSCRIPTION, "location": "West Europe", "totalDedicatedCores": 24, "families": {"standardDv2Family": 6}});
    bench.event(&quota).unwrap();
    for (region, clusters, used, total, family) in [("eastus", 0, 0, 300, 100), ("westeurope", 1, 4, 24, 6)] {
        let rows = bench.get(&EASTUS.replace("eastus", &format!("{region}/usages"))).1["value"].clone();
        let find =
            |name: &str| rows.as_array().unwrap().iter().find(|row| row["name"]["value"] == name).unwrap().clone();
        assert_eq!(find("TotalClusters")["currentValue"], clusters, "{region}");
        let dedicated = find("TotalDedicatedCores");
        assert_eq!((&dedicated["currentValue"], &dedicated["limit"]), (&json!(used), &json!(total)), "{region}");
        assert_eq!(find("standardDv2Family")["limit"], family, "{region}");
        let quotas = bench.get(&EASTUS.replace("eastus", &format!("{region}/quotas"))).1["value"].clone();
        let own = quotas.as_array().unwrap().iter().find(|row| row["name"]["value"] == "standardDv2Family").unwrap();
        assert_eq!(own["limit"], family, "{region}");
    }
}

#[test]
fn quotas_of_a_workspace_are_changed_and_answered_with_a_status() {
    let mut bench = Bench::new();
    let id = format!("{DEMO}/quotas/standardDv2Family");
    let item = |id: &str, limit: i64| json!({"id": id, "type": "Microsoft.MachineLearningServices/workspaces/quotas", "limit": limit, "unit": "Count"});
    let body = json!({"value": [item(&id, 12), item(&id, 1000), item(&format!("{DEMO}/quotas/nothing"), 1)]});
    let (status, answer) = read(&bench.send("POST", &format!("{EASTUS}/updateQuotas"), Some(&body)));
    let states: Vec<&Value> = answer["value"].as_array().unwrap().iter().map(|row| &row["status"]).collect();
    assert_eq!(status, 200);
    assert_eq!(states, ["Success", "InvalidQuotaExceedsSubscriptionLimit", "InvalidVMFamilyName"]);
    let rows = bench.get(&format!("{EASTUS}/quotas")).1["value"].as_array().unwrap().clone();
    let row = rows.iter().find(|row| row["id"] == id).unwrap();
    assert_eq!((&row["limit"], &row["location"]), (&json!(12), &json!("eastus")));
    // 12 vCPUs are 6 nodes of 2.
    bench.made("cpu-cluster", &cluster("Standard_D2_v2", 10, 10));
    bench.pass(300);
    let inner = bench.compute("cpu-cluster")["properties"]["properties"].clone();
    assert_eq!(
        (&inner["currentNodeCount"], &inner["errors"][0]["error"]["code"]),
        (&json!(6), &json!("ClusterCoreQuotaReached"))
    );
}

#[test]
fn names_are_free_taken_or_invalid() {
    let mut bench = Bench::new();
    bench.made("cpu-cluster", &cluster("Standard_D2_v2", 0, 1));
    let mut ask = |name: &str| {
        let body = json!({"Name": name, "Type": "Microsoft.BatchAI/DataScienceInstance"});
        read(&bench.send("POST", &format!("{DEMO}/checkComputeNameAvailability"), Some(&body))).1
    };
    assert_eq!(ask("fresh")["nameAvailable"], true);
    assert_eq!(ask("CPU-cluster")["reason"], "AlreadyExists");
    assert_eq!(ask("cpu-1")["reason"], "Invalid");
}

#[test]
fn workspaces_are_shown_and_listed() {
    let mut bench = Bench::new();
    let (status, demo) = bench.get(DEMO);
    assert_eq!((status, &demo["name"], &demo["location"]), (200, &json!("demo"), &json!("eastus")));
    let all = DEMO.trim_end_matches("/demo");
    assert_eq!(bench.get(all).1["value"].as_array().unwrap().len(), 2);
}

#[test]
fn answers_carry_the_headers_of_the_recordings() {
    let mut bench = Bench::new();
    let answer = bench.put("cpu-cluster", &cluster("Standard_D2_v2", 0, 1));
    for name in [
        "Cache-Control",
        "Pragma",
        "x-ms-operation-identifier",
        "Request-Context",
        "x-ms-response-type",
        "Azure-AsyncOperation",
        "Strict-Transport-Security",
        "X-Content-Type-Options",
        "azureml-served-by-cluster",
        "x-request-time",
        "x-ms-ratelimit-remaining-subscription-writes",
        "x-ms-ratelimit-remaining-subscription-global-writes",
        "x-ms-request-id",
        "x-ms-correlation-request-id",
        "x-ms-routing-request-id",
        "X-Cache",
        "Expires",
        "Content-Type",
    ] {
        assert!(answer.header(name).is_some(), "{name}");
    }
    for never in ["Location", "Retry-After", "ETag"] {
        assert!(answer.header(never).is_none(), "{never}");
    }
    assert_eq!(answer.header("x-ms-ratelimit-remaining-subscription-global-writes"), Some("2999"));
}

#[test]
fn cloud_metadata_names_this_host_for_everything() {
    let mut bench = Bench::new();
    let (_, clouds) = bench.get("/metadata/endpoints?api-version=2019-05-01");
    assert_eq!(clouds[0]["resourceManager"], "http://127.0.0.1:1/");
    assert_eq!(clouds[0]["authentication"]["loginEndpoint"], "http://127.0.0.1:1");
}
