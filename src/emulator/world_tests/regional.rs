//! What azureml-core reads from the regional service: discovery and computes. ARM's own answers are elsewhere.

use super::*;
use crate::seed::{BudgetSeed, ThrottleSeed};

fn regional(rest: &str) -> String {
    format!("/rp/workspaces{DEMO}/computes{rest}")
}

#[test]
fn discovery_url_of_a_workspace_leads_to_the_hosts_that_azureml_core_needs_without_a_token() {
    let mut bench = Bench::new();
    let url = bench.get(DEMO).1["properties"]["discoveryUrl"].as_str().unwrap().to_owned();
    let path = url.strip_prefix("http://127.0.0.1:1").unwrap().to_owned();
    let request = Request { method: "GET".into(), path, base: "http://127.0.0.1:1".into(), ..Request::default() };
    let (status, hosts) = read(&bench.world.answer(&request, &Plan::default(), bench.now));
    assert_eq!(status, 200);
    for name in ["api", "history", "modelmanagement", "experimentation", "hyperdrive", "studio"] {
        assert_eq!(hosts[name], "http://127.0.0.1:1", "{name}");
    }
}

#[test]
fn regional_service_reads_what_arm_reads_and_counts_it_in_no_budget() {
    let budget = BudgetSeed { capacity: 3, per_second: 0.0 };
    let throttle = ThrottleSeed { reads: budget, ..ThrottleSeed::default() };
    let mut bench = Bench::with(&Seed { throttle, ..Seed::default() });
    bench.version = "2020-02-02";
    bench.put("cpu-cluster", &cluster("Standard_D2_v2", 0, 4));
    assert_eq!(bench.get(&regional("/nothing")), (404, Value::Null));
    for _ in 0..10 {
        let answer = bench.send("GET", &format!("/{}", regional("/cpu-cluster")), None);
        assert!(answer.header("x-ms-ratelimit-remaining-subscription-reads").is_none());
        assert_eq!(read(&answer), bench.get(&regional("/CPU-Cluster")));
    }
    assert_eq!(bench.compute("cpu-cluster"), bench.get(&regional("/cpu-cluster")).1);
    assert_eq!(bench.get(&format!("{DEMO}/computes")), bench.get(&regional("")));
}

#[test]
fn pages_of_the_regional_service_stay_with_it() {
    let mut bench = Bench::with(&Seed { page_size: 2, ..Seed::default() });
    for name in ["aaa", "bbb", "ccc"] {
        bench.put(name, &cluster("Standard_D2_v2", 0, 4));
    }
    let (_, first) = bench.get(&regional(""));
    let next = first["nextLink"].as_str().unwrap().strip_prefix("http://127.0.0.1:1").unwrap().to_owned();
    assert!(next.starts_with("/rp/workspaces/subscriptions/"), "{next}");
    let (_, second) = bench.get(&next);
    assert_eq!((second["value"][0]["name"].as_str(), second.get("nextLink")), (Some("ccc"), None));
}

#[test]
fn regional_service_writes_nothing_and_serves_computes_only() {
    let mut bench = Bench::new();
    for (method, path, status) in [
        ("PUT", regional("/cpu-cluster"), 405),
        ("DELETE", regional("/cpu-cluster"), 405),
        ("POST", regional("/cpu-cluster/listNodes"), 404),
        ("GET", format!("/rp/workspaces{DEMO}"), 404),
        ("GET", format!("/rp/workspaces{DEMO}/jobs"), 404),
    ] {
        let answer = bench.send(method, &path, Some(&cluster("Standard_D2_v2", 0, 4)));
        assert_eq!(answer.status, status, "{method} {path}");
    }
    assert_eq!(bench.get(&format!("{DEMO}/computes")).1, json!({"value": []}));
    let request = Request { method: "GET".into(), path: regional(""), ..Request::default() };
    assert_eq!(bench.world.answer(&request, &Plan::default(), bench.now).status, 401);
}
