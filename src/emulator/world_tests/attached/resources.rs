//! What happens to resources, and what their attachments then show.

use super::*;

#[test]
fn attachment_shows_how_its_resource_is_and_heals_with_it() {
    for (event, told) in [
        (json!({"state": "Stopped"}), "ResourceNotRunning"),
        (json!({"state": "Unreachable"}), "HostUnreachable"),
        (json!({"publicAddress": false}), "HostUnreachable"),
        (json!({"credentials": {"password": "changed"}}), "InvalidCredentials"),
        (json!({"error": {"code": "Anything", "message": "m"}}), "Anything"),
    ] {
        let mut bench = Bench::new();
        bench.attach("machine", &vm("vm"));
        let mut change = event.clone();
        change["event"] = json!("resourceChanged");
        change["id"] = json!(vm_id("VM"));
        bench.event(&change).unwrap();
        let shown = bench.compute("machine");
        assert_eq!(shown["properties"]["provisioningState"], "Failed", "{event}");
        assert_eq!(shown["properties"]["provisioningErrors"][0]["error"]["code"], told, "{event}");
        let well = json!({"event": "resourceChanged", "id": vm_id("vm"), "state": "Running", "publicAddress": true, "credentials": {}});
        bench.event(&well).unwrap();
        let shown = bench.compute("machine");
        assert_eq!(shown["properties"]["provisioningState"], "Succeeded", "{event}");
        assert_eq!(shown["properties"]["provisioningErrors"], Value::Null);
    }
}

#[test]
fn attachment_of_a_deleted_resource_stays_and_can_be_detached() {
    let mut bench = Bench::new();
    bench.attach("machine", &vm("vm"));
    bench.attach("k8s", &kubernetes("aks", "ml"));
    let gone = |bench: &mut Bench, id: String| bench.event(&json!({"event": "resourceDeleted", "resource": id}));
    gone(&mut bench, vm_id("VM")).unwrap();
    gone(&mut bench, aks_id("aks")).unwrap();
    for (name, told) in [("machine", "ResourceNotFound"), ("k8s", "ClusterNotFound")] {
        let shown = bench.compute(name);
        assert_eq!(shown["properties"]["provisioningErrors"][0]["error"]["code"], told);
        assert_eq!(bench.detach(name, "Detach").status, 202);
        assert_eq!(bench.compute(name), Value::Null);
    }
    assert!(gone(&mut bench, vm_id("vm")).unwrap_err().contains("there is no resource"));
    assert_eq!(code(&bench.put("machine", &vm("vm"))), (400, "ResourceNotFound".into()));
}

#[test]
fn extension_that_goes_is_noticed() {
    let mut bench = Bench::new();
    bench.attach("k8s", &kubernetes("aks", "ml"));
    bench.event(&json!({"event": "resourceChanged", "id": aks_id("aks"), "extension": "Missing"})).unwrap();
    let shown = bench.compute("k8s");
    assert_eq!(shown["properties"]["provisioningErrors"][0]["error"]["code"], "ClusterServiceNotFound");
}

#[test]
fn put_that_changes_nothing_succeeds_and_mends_nothing() {
    let mut bench = Bench::new();
    bench.attach("k8s", &kubernetes("aks", "ml"));
    bench.event(&json!({"event": "resourceChanged", "id": aks_id("aks"), "state": "Unreachable"})).unwrap();
    let answer = bench.put("k8s", &kubernetes("aks", "ml"));
    bench.pass(40);
    assert_eq!(bench.poll(&answer)["status"], "Succeeded");
    let told = "/properties/provisioningErrors/0/error/code";
    assert_eq!(bench.compute("k8s").pointer(told), Some(&json!("ClusterNotReachable")));
    bench.event(&json!({"event": "resourceChanged", "id": aks_id("aks"), "state": "Running"})).unwrap();
    assert_eq!(bench.compute("k8s")["properties"]["provisioningState"], "Succeeded");
}

#[test]
fn change_of_a_resource_during_an_attach_decides_its_end() {
    let mut bench = Bench::new();
    let answer = bench.put("machine", &vm("vm"));
    bench.event(&json!({"event": "resourceChanged", "id": vm_id("vm"), "state": "Stopped"})).unwrap();
    assert_eq!(bench.compute("machine")["properties"]["provisioningState"], "Creating");
    bench.pass(8);
    assert_eq!(bench.poll(&answer)["error"]["code"], "ResourceNotRunning");
}

#[test]
fn what_azure_ml_reads_off_a_resource_is_the_resources_own() {
    let pool = id("Microsoft.Synapse/workspaces", "syn/bigDataPools/pool");
    let resource = json!({"id": pool, "reports": {"nodeCount": 5, "sparkVersion": "3.3"}});
    let seed = Seed { resources: vec![serde_json::from_value(resource).unwrap()], ..Seed::default() };
    let mut bench = Bench::with(&seed);
    let made = bench.attach(
        "spark",
        &body("SynapseSpark", Some(&pool.to_uppercase().replace("/SUBSCRIPTIONS", "/subscriptions")), &Value::Null),
    );
    let inner = &made["properties"]["properties"];
    assert_eq!((&inner["nodeCount"], &inner["sparkVersion"]), (&json!(5), &json!("3.3")));
    bench.event(&json!({"event": "resourceChanged", "id": pool, "reports": {"nodeCount": 9}})).unwrap();
    let inner = bench.compute("spark")["properties"]["properties"].clone();
    assert_eq!((&inner["nodeCount"], &inner["sparkVersion"]), (&json!(9), &json!("3.3")));
}

#[test]
fn world_tells_resources_and_their_users_without_secrets() {
    let mut bench = Bench::new();
    let secret = json!({"username": "azureuser", "password": "Fake-Passw0rd!"});
    bench.event(&json!({"event": "resourceChanged", "id": vm_id("vm"), "credentials": secret})).unwrap();
    bench.attach("machine", &vm("vm"));
    let shown = bench.resource(&vm_id("vm"));
    assert_eq!((&shown["type"], &shown["credentials"]), (&json!("Microsoft.Compute/virtualMachines"), &json!("set")));
    assert_eq!(shown["attachments"], json!([format!("{DEMO}/computes/machine")]));
    assert!(!bench.world.snapshot(bench.now).to_string().contains("Passw0rd"));
}

#[test]
fn seed_attaches_and_makes_and_is_refused_in_words() {
    let with_computes = |computes: Value| {
        let mut seed = Seed::default();
        seed.subscriptions[0].resource_groups[0].workspaces[0].computes = serde_json::from_value(computes).unwrap();
        seed
    };
    let named = |name: &str, mut body: Value| {
        body["name"] = json!(name);
        body
    };
    let seed = with_computes(json!([
        named("machine", vm("vm")),
        named("aks", body("AKS", None, &Value::Null)),
        named("again", vm("VM")),
        named("Other", vm("other")),
        named("Last", vm("vm"))
    ]));
    let mut bench = Bench::with(&seed);
    let broken = ["machine", "again", "other", "last"].map(|name| bench.attachment(name)["brokenBy"].clone());
    assert_eq!(broken, [json!("Last"), json!("Last"), Value::Null, Value::Null]);
    for name in ["machine", "aks"] {
        assert_eq!(bench.compute(name)["properties"]["provisioningState"], "Succeeded");
    }
    let target = bench.compute("aks")["properties"]["resourceId"].as_str().unwrap().to_owned();
    assert_eq!(bench.resource(&target)["madeBy"], json!(format!("{DEMO}/computes/aks")));
    assert_eq!(bench.resource(&vm_id("vm"))["state"], "Running");
    let now = bench.now;
    let wrong = with_computes(json!([named("k8s", body("Kubernetes", None, &Value::Null))]));
    let why = World::new(wrong, now).unwrap_err();
    assert!(why.contains("computes[0]: A compute of type Kubernetes must name a resource"), "{why}");
    let wrong = Seed { resources: vec![serde_json::from_value(json!({"id": "x"})).unwrap()], ..Seed::default() };
    let why = World::new(wrong, now).unwrap_err();
    assert!(why.starts_with("seed: resources[0].id: 'x' is neither"), "{why}");
}
