//! What is refused, with which status and code, and what fails later. Successes are elsewhere.

use super::*;
use crate::seed::{BudgetSeed, Lock, PolicySeed, ThrottleSeed};

#[test]
fn paths_that_lead_nowhere_get_arms_own_shapes() {
    let mut bench = Bench::new();
    let other = "99999999-9999-9999-9999-999999999999";
    for (path, status, code) in [
        ("/".to_owned(), 404, "MissingSubscription"),
        (
            "/subscriptions/me/providers/Microsoft.MachineLearningServices/workspaces".into(),
            400,
            "InvalidSubscriptionId",
        ),
        (DEMO.replace("11111111-1111-1111-1111-111111111111", other), 404, "SubscriptionNotFound"),
        (DEMO.replace("/ml/", "/nowhere/"), 404, "ResourceGroupNotFound"),
        (DEMO.replace("/demo", "/nowhere"), 404, "ResourceNotFound"),
        (DEMO.replace("/demo", "/nowhere/computes"), 404, "ParentResourceNotFound"),
        (format!("{DEMO}/jobs"), 404, "InvalidResourceType"),
        (
            DEMO.replace("Microsoft.MachineLearningServices/workspaces", "Microsoft.Compute/virtualMachines"),
            404,
            "InvalidResourceNamespace",
        ),
        (format!("{DEMO}/computes/../x"), 400, "InvalidRequestUri"),
        (format!("{DEMO}/computes/a%2fb"), 400, "InvalidRequestUri"),
        (format!("{DEMO}/computes?api-version="), 400, "MissingApiVersionParameter"),
        (format!("{DEMO}/computes?api-version=2016-01-01"), 400, "NoRegisteredProviderFound"),
        (format!("{DEMO}/computes?api-version=soon"), 400, "InvalidApiVersionParameter"),
    ] {
        let answer = bench.send("GET", &path, None);
        assert_eq!(super::code(&answer), (status, code.to_owned()), "{path}");
        assert_eq!(answer.header("x-ms-failure-cause"), Some("gateway"), "{path}");
    }
}

#[test]
fn wrong_version_is_told_with_the_versions_and_regions_that_there_are() {
    let mut bench = Bench::new();
    let (_, body) = read(&bench.send("GET", &format!("{DEMO}/computes?api-version=2016-01-01"), None));
    let text = body["error"]["message"].as_str().unwrap();
    let start = "No registered resource provider found for location 'eastus' and API version '2016-01-01' for type 'workspaces/computes'. The supported api-versions are '";
    assert!(text.starts_with(start), "{text}");
    for known in ["2020-02-02", "2024-04-01", "2026-05-01", "The supported locations are '", "westeurope"] {
        assert!(text.contains(known), "{known}: {text}");
    }
    let (_, body) = read(&bench.send("GET", &format!("{DEMO}/computes?api-version=soon"), None));
    assert!(body["error"]["message"].as_str().unwrap().contains("2026-05-01"), "{body}");
}

#[test]
fn each_method_draws_on_its_own_budget_as_recorded() {
    let mut bench = Bench::new();
    let made = bench.put("cpu-cluster", &cluster("Standard_D2_v2", 0, 4));
    let poll = made.header("Azure-AsyncOperation").unwrap().strip_prefix("http://127.0.0.1:1").unwrap().to_owned();
    bench.pass(22);
    let cpu = format!("{DEMO}/computes/cpu-cluster");
    let patch = json!({"properties": {"properties": {"scaleSettings": {"maxNodeCount": 8}}}});
    for (method, path, body, kind, own, global) in [
        ("GET", cpu.clone(), None, "reads", 249, 3749),
        ("GET", poll, None, "reads", 248, 3748),
        ("POST", format!("{cpu}/listNodes"), None, "writes", 198, 2998),
        ("PATCH", cpu.clone(), Some(patch), "writes", 197, 2997),
        ("DELETE", format!("{cpu}?underlyingResourceAction=Delete"), None, "deletes", 199, 2999),
    ] {
        let answer = bench.send(method, &path, body.as_ref());
        let left = |scope: &str| answer.header(&format!("x-ms-ratelimit-remaining-subscription-{scope}{kind}"));
        assert_eq!(left(""), Some(own.to_string().as_str()), "{method} {path}");
        assert_eq!(left("global-"), Some(global.to_string().as_str()), "{method} {path}");
    }
}

#[test]
fn request_at_the_told_time_is_let_through_and_one_before_it_starts_the_wait_anew() {
    let budget = BudgetSeed { capacity: 1, per_second: 0.25 };
    let throttle = ThrottleSeed { reads: budget, ..ThrottleSeed::default() };
    let mut bench = Bench::with(&Seed { throttle, ..Seed::default() });
    let list = format!("{DEMO}/computes");
    let mut ask = |millis: i64| {
        bench.now.wall = time::after(bench.now.wall, SignedDuration::from_millis(millis));
        let answer = bench.send("GET", &list, None);
        (answer.status, answer.header("Retry-After").map(str::to_owned))
    };
    assert_eq!(ask(0).0, 200);
    assert_eq!(ask(0), (429, Some("4".into())));
    // Two seconds early: refused, though but two seconds are lacking, and told to wait from now.
    assert_eq!(ask(2_000), (429, Some("2".into())));
    assert_eq!(ask(1_999), (429, Some("1".into())));
    assert_eq!(ask(999), (429, Some("1".into())));
    assert_eq!(ask(1_000).0, 200);
}

#[test]
fn absent_parent_is_told_in_the_recorded_words() {
    let mut bench = Bench::new();
    let path = DEMO.replace("/demo", "/nowhere/computes/x");
    let (_, body) = read(&bench.send("DELETE", &format!("{path}?underlyingResourceAction=Delete"), None));
    let workspace = DEMO.replace("/demo", "/nowhere");
    assert_eq!(
        body["error"]["message"],
        format!(
            "Failed to perform 'delete' on resource(s) of type 'workspaces/computes', because the parent resource '{workspace}' could not be found."
        )
    );
}

#[test]
fn methods_that_a_resource_lacks_are_405() {
    let mut bench = Bench::new();
    for (method, path) in [
        ("POST", format!("{DEMO}/computes")),
        ("POST", format!("{DEMO}/computes/x")),
        ("GET", format!("{DEMO}/computes/x/listNodes")),
        ("DELETE", DEMO.to_owned()),
        ("TRACE", format!("{DEMO}/computes/x")),
    ] {
        let answer = bench.send(method, &path, None);
        assert_eq!(super::code(&answer), (405, "MethodNotAllowed".into()), "{method} {path}");
        assert!(answer.header("allow").is_some());
    }
}

#[test]
fn requests_without_a_token_are_challenged_before_anything_else() {
    let mut bench = Bench::new();
    let request = Request { method: "GET".into(), path: format!("{DEMO}/computes"), ..Request::default() };
    let answer = bench.world.answer(&request, &Plan::default(), bench.now);
    assert_eq!(super::code(&answer), (401, "AuthenticationFailed".into()));
    assert!(answer.header("www-authenticate").is_some());
}

#[test]
fn wrong_bodies_are_refused_and_nothing_is_made() {
    let mut bench = Bench::new();
    let good = cluster("Standard_D2_v2", 0, 4);
    let with = |path: &str, value: Value| {
        let mut body = good.clone();
        *body.pointer_mut(path).unwrap() = value;
        body
    };
    let scale = "/properties/properties/scaleSettings";
    for (name, body, expected) in [
        ("cpu-1", good.clone(), "UserError"),
        ("cpu-", good.clone(), "UserError"),
        ("cpu", with("/location", Value::Null), "LocationRequired"),
        ("cpu", with("/location", json!("atlantis")), "LocationNotAvailableForResourceType"),
        ("cpu", with("/properties/computeType", json!("Kusto")), "UserError"),
        ("cpu", with("/properties/properties/vmSize", Value::Null), "UserError"),
        ("cpu", with(scale, json!({"minNodeCount": 0})), "UserError"),
        ("cpu", with(scale, json!({"minNodeCount": 5, "maxNodeCount": 4})), "UserError"),
        ("cpu", with("/properties", json!("x")), "UserError"),
        ("cpu", json!([]), "InvalidRequestContent"),
    ] {
        assert_eq!(super::code(&bench.put(name, &body)), (400, expected.to_owned()), "{name} {body}");
    }
    assert_eq!(bench.get(&format!("{DEMO}/computes")).1, json!({"value": []}));
}

#[test]
fn second_change_waits_for_the_first() {
    let mut bench = Bench::new();
    bench.put("cpu-cluster", &cluster("Standard_D2_v2", 0, 4));
    let again = bench.put("cpu-cluster", &cluster("Standard_D2_v2", 0, 4));
    assert_eq!(super::code(&again), (409, "Conflict".into()));
    assert!(
        read(&again).1["error"]["message"]
            .as_str()
            .unwrap()
            .starts_with("There is already an active operation submitted")
    );
    let patch = json!({"properties": {"properties": {"scaleSettings": {"maxNodeCount": 8}}}});
    let path = format!("{DEMO}/computes/cpu-cluster");
    assert_eq!(bench.send("PATCH", &path, Some(&patch)).status, 409);
}

#[test]
fn unknown_size_fails_the_create_with_the_known_code() {
    let mut bench = Bench::new();
    let answer = bench.put("cpu-cluster", &cluster("Standard_B2s", 0, 4));
    assert_eq!(answer.status, 201);
    bench.pass(22);
    let (operation, compute) = (bench.poll(&answer), bench.compute("cpu-cluster"));
    assert_eq!((&operation["status"], &operation["error"]["code"]), (&json!("Failed"), &json!("InvalidPropertyValue")));
    let error = &compute["properties"]["provisioningErrors"][0]["error"];
    assert_eq!(
        (&error["code"], &error["details"][0]["code"]),
        (&json!("InvalidPropertyValue"), &json!("SupportedVMSizes"))
    );
    assert!(error["details"][0]["message"].as_str().unwrap().contains("STANDARD_D2_V2,"));
}

#[test]
fn family_without_quota_fails_the_create_even_with_no_nodes_asked_for() {
    let mut bench = Bench::new();
    let answer = bench.put("gpu-cluster", &cluster("Standard_NC6s_v3", 0, 4));
    bench.pass(22);
    assert_eq!(bench.poll(&answer)["status"], "Failed");
    let compute = bench.compute("gpu-cluster");
    assert_eq!((&compute["properties"]["provisioningState"], &compute["tags"]), (&json!("Failed"), &json!({})));
    let error = &compute["properties"]["provisioningErrors"][0]["error"];
    assert_eq!(error["code"], "ClusterMinNodesExceedCoreQuota");
    assert!(error["message"].as_str().unwrap().contains("vCPU quota of 0") && error.get("details").is_none());
    let inner = &compute["properties"]["properties"];
    assert_eq!((&inner["allocationState"], &inner["nodeStateCounts"]), (&Value::Null, &Value::Null));
    // It stays until it is deleted.
    assert_eq!(super::code(&bench.put("gpu-cluster", &cluster("Standard_D2_v2", 0, 4))).0, 400);
    assert_eq!(
        bench.send("DELETE", &format!("{DEMO}/computes/gpu-cluster?underlyingResourceAction=Delete"), None).status,
        202
    );
}

#[test]
fn quota_that_leaves_no_room_for_the_minimum_fails_and_a_high_maximum_does_not() {
    let mut bench = Bench::new();
    let made = bench.made("wide", &cluster("Standard_D2_v2", 0, 1000));
    assert_eq!(made["properties"]["provisioningState"], "Succeeded");
    bench.put("deep", &cluster("Standard_D2_v2", 51, 60));
    bench.pass(22);
    let error = bench.compute("deep")["properties"]["provisioningErrors"][0]["error"].clone();
    assert!(
        error["message"].as_str().unwrap().contains("quota of 100 and cannot accomodate for at least 51"),
        "{error}"
    );
}

#[test]
fn scale_up_beyond_quota_shows_an_error_on_a_cluster_that_is_succeeded() {
    let mut bench = Bench::new();
    bench.made("one", &cluster("Standard_D2_v2", 40, 60));
    bench.made("two", &cluster("Standard_D2_v2", 20, 60));
    bench.pass(250);
    let compute = bench.compute("two");
    let error = &compute["properties"]["properties"]["errors"][0]["error"];
    assert_eq!(
        (&compute["properties"]["provisioningState"], &error["code"]),
        (&json!("Succeeded"), &json!("ClusterCoreQuotaReached"))
    );
    assert!(error["message"].as_str().unwrap().contains("Maximum allowed: 100, Current in use: 100"), "{error}");
    assert_eq!(compute["properties"]["properties"]["currentNodeCount"], 10);
    let seed = json!({"event": "quotaChanged", "subscription": crate::seed::SUBSCRIPTION, "location": "eastus", "families": {"standardDv2Family": 200}});
    bench.event(&seed).unwrap();
    bench.pass(700);
    let inner = bench.compute("two")["properties"]["properties"].clone();
    assert_eq!((&inner["currentNodeCount"], &inner["errors"]), (&json!(20), &Value::Null));
}

#[test]
fn too_many_computes_are_refused() {
    let mut seed = Seed::default();
    seed.quotas.push(
        serde_json::from_value(
            json!({"subscription": crate::seed::SUBSCRIPTION, "location": "eastus", "totalClusters": 1}),
        )
        .unwrap(),
    );
    let mut bench = Bench::with(&seed);
    bench.made("one", &cluster("Standard_D2_v2", 0, 1));
    let answer = bench.put("two", &cluster("Standard_D2_v2", 0, 1));
    assert_eq!(super::code(&answer), (400, "BadRequest".into()));
    let mut elsewhere = cluster("Standard_D2_v2", 0, 1);
    elsewhere["properties"]["computeLocation"] = json!("westus");
    assert_eq!(bench.put("two", &elsewhere).status, 201);
}

#[test]
fn denied_actions_locks_and_policies_are_refused_with_arms_codes() {
    let subnet = "/subscriptions/S/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v/subnets/s";
    let seeds = |denied: &str, lock: Option<Lock>, policy: bool| {
        let mut seed = Seed::default();
        seed.principals[0].denied = vec![denied.into()];
        seed.subscriptions[0].resource_groups[0].lock = lock;
        if policy {
            let sizes = vec!["standard_d2_v2".into()];
            seed.subscriptions[0].policies =
                vec![PolicySeed { name: "sizes".into(), denied_vm_sizes: sizes, required_tags: vec![] }];
        }
        seed
    };
    let mut body = cluster("Standard_D2_v2", 0, 4);
    body["properties"]["properties"]["subnet"] = json!({"id": subnet});
    for (seed, method, expected) in [
        (
            seeds("Microsoft.MachineLearningServices/workspaces/computes/write", None, false),
            "PUT",
            (403, "AuthorizationFailed"),
        ),
        (
            seeds("Microsoft.MachineLearningServices/workspaces/computes/*", None, false),
            "DELETE",
            (403, "AuthorizationFailed"),
        ),
        (
            seeds("Microsoft.Network/virtualNetworks/subnets/join/action", None, false),
            "PUT",
            (403, "LinkedAuthorizationFailed"),
        ),
        (seeds("none", Some(Lock::ReadOnly), false), "PUT", (409, "ScopeLocked")),
        (seeds("none", Some(Lock::CanNotDelete), false), "DELETE", (409, "ScopeLocked")),
        (seeds("none", None, true), "PUT", (403, "RequestDisallowedByPolicy")),
    ] {
        let mut bench = Bench::with(&seed);
        let body = (method == "PUT").then_some(&body);
        let answer = bench.send(method, &format!("{DEMO}/computes/cpu-cluster?underlyingResourceAction=Delete"), body);
        assert_eq!(super::code(&answer), (expected.0, expected.1.to_owned()));
        if expected.1 == "RequestDisallowedByPolicy" {
            assert_eq!(read(&answer).1["error"]["additionalInfo"][0]["type"], "PolicyViolation");
        }
    }
}

#[test]
fn poll_needs_a_right_of_its_own() {
    let mut seed = Seed::default();
    seed.principals[0].denied = vec!["Microsoft.MachineLearningServices/locations/computeOperationsStatus/read".into()];
    let mut bench = Bench::with(&seed);
    let answer = bench.put("cpu-cluster", &cluster("Standard_D2_v2", 0, 4));
    let url = answer.header("Azure-AsyncOperation").unwrap().strip_prefix("http://127.0.0.1:1").unwrap().to_owned();
    assert_eq!(bench.get(&url).0, 403);
    assert_eq!(bench.get(&format!("{DEMO}/computes/cpu-cluster")).0, 200);
}

#[test]
fn actions_of_other_types_are_refused_in_the_providers_shape() {
    let mut bench = Bench::new();
    bench.made("cpu-cluster", &cluster("Standard_D2_v2", 0, 4));
    for (action, text) in [
        (
            "listKeys",
            "AmlCompute computes do not have any secrets associated with them. This operation is not supported.",
        ),
        ("start", "ComputeStart with computeType AmlCompute is not supported."),
    ] {
        let answer = bench.send("POST", &format!("{DEMO}/computes/cpu-cluster/{action}"), None);
        let (status, body) = read(&answer);
        assert_eq!(
            (status, &body["error"]["code"], &body["error"]["message"]),
            (400, &json!("UserError"), &json!(text))
        );
        assert_eq!(
            (&body["componentName"], answer.header("x-ms-response-type")),
            (&json!("machinelearningcompute"), Some("error"))
        );
    }
    let absent = bench.send("POST", &format!("{DEMO}/computes/none/start"), None);
    assert_eq!((absent.status, absent.body.len()), (404, 0));
    let unknown = bench.send("POST", &format!("{DEMO}/computes/cpu-cluster/explode"), None);
    assert_eq!(super::code(&unknown), (404, "InvalidResourceType".into()));
}

#[test]
fn spent_budget_answers_429_with_the_seconds_to_wait() {
    let budget = BudgetSeed { capacity: 2, per_second: 0.5 };
    let throttle = ThrottleSeed { reads: budget, ..ThrottleSeed::default() };
    let mut bench = Bench::with(&Seed { throttle, ..Seed::default() });
    for left in ["1", "0"] {
        let answer = bench.send("GET", &format!("{DEMO}/computes"), None);
        assert_eq!(answer.header("x-ms-ratelimit-remaining-subscription-reads"), Some(left));
    }
    let answer = bench.send("GET", &format!("{DEMO}/computes"), None);
    assert_eq!(super::code(&answer), (429, "SubscriptionRequestsThrottled".into()));
    assert_eq!(answer.header("retry-after"), Some("2"));
    assert_eq!(bench.put("cpu-cluster", &cluster("Standard_D2_v2", 0, 1)).status, 201);
}
