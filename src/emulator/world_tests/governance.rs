//! Locks, policies, budgets, outages and workspaces that change while the emulator runs. Roles are elsewhere.

use super::*;

const GROUP: &str = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/ml";

fn body() -> Value {
    cluster("Standard_D2_v2", 0, 4)
}

#[test]
fn locks_on_any_scope_come_and_go_and_name_themselves() {
    for scope in ["/subscriptions/11111111-1111-1111-1111-111111111111", GROUP, DEMO] {
        let mut bench = Bench::new();
        bench.made("cpu-cluster", &body());
        let cpu = format!("{DEMO}/computes/cpu-cluster");
        bench.event(&json!({"event": "lockChanged", "scope": scope.to_uppercase(), "lock": "ReadOnly"})).unwrap();
        for (method, path, body) in [
            ("PUT", format!("{DEMO}/computes/other"), Some(body())),
            ("PATCH", cpu.clone(), Some(json!({"properties": {}}))),
            ("POST", format!("{cpu}/listNodes"), None),
            ("DELETE", format!("{cpu}?underlyingResourceAction=Delete"), None),
        ] {
            let (status, answer) = read(&bench.send(method, &path, body.as_ref()));
            assert_eq!((status, &answer["error"]["code"]), (409, &json!("ScopeLocked")), "{method} {path}");
            let text = answer["error"]["message"].as_str().unwrap().to_owned();
            assert!(text.contains(&format!("following scope(s) are locked: '{scope}'.")), "{text}");
        }
        assert_eq!(bench.get(&cpu).0, 200);
        bench.event(&json!({"event": "lockChanged", "scope": scope, "lock": "CanNotDelete"})).unwrap();
        assert_eq!(bench.send("POST", &format!("{cpu}/listNodes"), None).status, 200);
        assert_eq!(bench.send("DELETE", &cpu, None).status, 409);
        bench.event(&json!({"event": "lockChanged", "scope": scope})).unwrap();
        assert_eq!(bench.send("DELETE", &format!("{cpu}?underlyingResourceAction=Delete"), None).status, 202);
    }
}

#[test]
fn lock_of_one_compute_or_group_leaves_its_neighbours_alone() {
    let mut bench = Bench::new();
    bench.made("one", &body());
    bench.made("two", &body());
    bench.event(&json!({"event": "lockChanged", "scope": format!("{DEMO}/computes/one"), "lock": "ReadOnly"})).unwrap();
    assert_eq!(bench.put("one", &body()).status, 409);
    assert_eq!(bench.put("two", &body()).status, 201);
    for (event, part) in [
        (
            json!({"event": "lockChanged", "scope": format!("{DEMO}/computes/three")}),
            "there is nothing with the ARM id",
        ),
        (json!({"event": "lockChanged", "group": "nowhere"}), "there is no resource group 'nowhere'"),
        (json!({"event": "lockChanged"}), "either the group or the scope"),
        (json!({"event": "lockChanged", "group": "ml", "scope": GROUP}), "either the group or the scope"),
    ] {
        let why = bench.event(&event).unwrap_err();
        assert!(why.contains(part), "{why}");
    }
    let seed: Seed = serde_json::from_value(json!({"locks": [{"scope": GROUP, "lock": "ReadOnly"}]})).unwrap();
    assert_eq!(Bench::with(&Seed { locks: seed.locks, ..Seed::default() }).put("cpu", &body()).status, 409);
}

#[test]
fn policies_are_assigned_and_removed_while_it_runs() {
    let mut bench = Bench::new();
    let tags = json!({"name": "tags", "requiredTags": ["team", "cost"]});
    bench.event(&json!({"event": "policyAssigned", "policy": tags})).unwrap();
    let sizes = json!({"name": "sizes", "deniedVmSizes": ["Standard_NC6s_v3"]});
    bench.event(&json!({"event": "policyAssigned", "policy": sizes})).unwrap();
    let denied_by = |bench: &mut Bench, body: &Value| {
        let (status, answer) = read(&bench.put("cpu-cluster", body));
        if status == 201 {
            return String::new();
        }
        assert_eq!((status, &answer["error"]["code"]), (403, &json!("RequestDisallowedByPolicy")), "{answer}");
        let info = &answer["error"]["additionalInfo"][0];
        assert_eq!(info["type"], "PolicyViolation");
        info["info"]["policyAssignmentName"].as_str().unwrap().to_owned()
    };
    let mut tagged = body();
    tagged["tags"] = json!({"team": "vision"});
    assert_eq!(denied_by(&mut bench, &tagged), "tags");
    tagged["tags"]["cost"] = json!("1");
    let mut big = tagged.clone();
    big["properties"]["properties"]["vmSize"] = json!("STANDARD_NC6S_V3");
    assert_eq!(denied_by(&mut bench, &big), "sizes");
    assert_eq!(
        bench.world.snapshot(bench.now)["subscriptions"]["11111111-1111-1111-1111-111111111111"]["policies"][0]["name"],
        "tags"
    );
    bench.event(&json!({"event": "policyRemoved", "name": "TAGS"})).unwrap();
    assert_eq!(denied_by(&mut bench, &body()), "");
    assert_eq!(
        bench.event(&json!({"event": "policyRemoved", "name": "tags"})).unwrap_err(),
        "there is no policy 'tags'"
    );
    let elsewhere = json!({"event": "policyRemoved", "subscription": "x", "name": "sizes"});
    assert_eq!(bench.event(&elsewhere).unwrap_err(), "there is no subscription 'x'");
}

#[test]
fn budgets_are_changed_while_it_runs() {
    let mut bench = Bench::new();
    let small = json!({"event": "throttleChanged", "reads": {"capacity": 1, "perSecond": 0.1}});
    bench.event(&small).unwrap();
    let list = format!("{DEMO}/computes");
    assert_eq!([bench.get(&list).0, bench.get(&list).0], [200, 429]);
    assert_eq!(bench.put("cpu-cluster", &body()).status, 201);
}

#[test]
fn region_that_fails_answers_as_its_outage_looks_and_recovers() {
    let mut bench = Bench::new();
    bench.put("cpu-cluster", &body());
    let here = [format!("{DEMO}/computes"), format!("{DEMO}/computes/cpu-cluster"), DEMO.to_owned()];
    for (how, status, mark) in
        [("unavailable", 503, "\"ServiceError\""), ("html", 502, "<html>"), ("timeout", 504, "\"GatewayTimeout\"")]
    {
        bench.event(&json!({"event": "regionFailed", "location": "East US", "how": how})).unwrap();
        for path in &here {
            let answer = bench.send("GET", path, None);
            let text = String::from_utf8_lossy(&answer.body);
            assert!(answer.status == status && text.contains(mark), "{how} {path}: {answer:?}");
        }
    }
    // ARM and the other region work on, and so does what runs in the region.
    let request = Request { method: "GET".into(), path: here[0].clone(), ..Request::default() };
    assert_eq!(bench.world.answer(&request, &Plan::default(), bench.now).status, 401);
    assert_eq!(bench.get(&format!("{}/computes", DEMO.replace("/demo", "/second"))).0, 200);
    assert_eq!(bench.get(DEMO.trim_end_matches("/demo")).0, 200);
    bench.pass(30);
    assert_eq!(bench.world.snapshot(bench.now)["outages"], json!([{"location": "eastus", "how": "timeout"}]));
    bench.event(&json!({"event": "regionRecovered", "location": "eastus"})).unwrap();
    assert_eq!(bench.compute("cpu-cluster")["properties"]["provisioningState"], "Succeeded");
    assert!(bench.event(&json!({"event": "regionRecovered", "location": "eastus"})).is_err());
    let nowhere = bench.event(&json!({"event": "regionFailed", "location": "atlantis"})).unwrap_err();
    assert!(nowhere.starts_with("location: 'atlantis' is no region of Azure ML"), "{nowhere}");
}

#[test]
fn requests_for_a_region_that_times_out_hang_and_others_do_not() {
    let mut bench = Bench::new();
    let event = json!({"event": "regionFailed", "location": "eastus", "how": "timeout", "after": "PT7S"});
    bench.event(&event).unwrap();
    let hang =
        |bench: &Bench, path: &str| bench.world.hang(&Request { path: path.into(), ..Request::default() }).as_secs();
    assert_eq!(hang(&bench, &format!("{DEMO}/computes")), 7);
    assert_eq!(hang(&bench, &format!("/rp/workspaces{DEMO}/computes")), 7);
    assert_eq!(hang(&bench, &DEMO.replace("/demo", "/second")), 0);
    assert_eq!(hang(&bench, &format!("/{TENANT}/oauth2/v2.0/token")), 0);
}

#[test]
fn deleted_workspace_takes_its_operations_locks_and_limits_along_and_may_come_back_empty() {
    let mut bench = Bench::new();
    bench.made("old", &body());
    let delete = bench.send("DELETE", &format!("{DEMO}/computes/old?underlyingResourceAction=Delete"), None);
    let create = bench.put("new", &body());
    bench.event(&json!({"event": "lockChanged", "scope": DEMO, "lock": "ReadOnly"})).unwrap();
    bench.event(&json!({"event": "workspaceDeleted", "workspace": DEMO})).unwrap();
    assert_eq!(bench.poll(&delete)["status"], "Succeeded");
    assert_eq!(bench.poll(&create)["status"], "Canceled");
    assert_eq!(code(&bench.put("cpu", &body())), (404, "ParentResourceNotFound".into()));
    let again =
        json!({"event": "workspaceCreated", "group": "ml", "workspace": {"name": "demo", "location": "eastus"}});
    bench.event(&again).unwrap();
    assert_eq!(bench.get(&format!("{DEMO}/computes")).1, json!({"value": []}));
    assert_eq!(bench.put("cpu", &body()).status, 201);
    bench.pass(100);
    assert!(bench.event(&again).unwrap_err().contains("is there twice"));
    let third =
        json!({"event": "workspaceCreated", "group": "more", "workspace": {"name": "third", "location": "uksouth"}});
    bench.event(&third).unwrap();
    let path = DEMO.replace("/ml/", "/more/").replace("/demo", "/third");
    assert_eq!(bench.get(&path).1["location"], "uksouth");
}
