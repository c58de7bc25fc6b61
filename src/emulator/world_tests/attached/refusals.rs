//! Attaches that are refused, at once or at their end.

use super::*;

fn with(mut body: Value, path: &str, value: Value) -> Value {
    *body.pointer_mut(path).unwrap() = value;
    body
}

#[test]
fn wrong_attaches_are_refused_in_words_that_say_what() {
    let properties = "/properties/properties";
    let inner = |value: Value| with(vm("vm"), properties, value);
    let account = |value: Value| inner(json!({"administratorAccount": value}));
    let id_path = "/properties/resourceId";
    let disk = id("Microsoft.Compute/disks", "d");
    let other = "/subscriptions/99999999-9999-9999-9999-999999999999/resourceGroups/rg/providers/Microsoft.Databricks/workspaces/dbx";
    let dbx = bodies()[2].0.clone();
    let aks = |properties: Value| body("AKS", None, &properties);
    for (name, wrong, words) in [
        ("machine", with(vm("vm"), "/location", json!("westus2")), "must be that of its workspace, 'eastus'"),
        (
            "machine",
            with(vm("vm"), id_path, json!("vm")),
            "Property id 'vm' at path 'properties.resourceId' is invalid",
        ),
        ("machine", with(vm("vm"), id_path, json!(disk)), "Microsoft.Compute/virtualMachines is expected"),
        ("machine", inner(json!({"sshPort": 0})), "a port from 1 to 65535"),
        ("machine", inner(json!({"sshPort": "ssh"})), "a port from 1 to 65535"),
        ("machine", account(json!({})), "user name"),
        ("machine", account(json!({"username": "u"})), "A password or a private key"),
        ("machine", account(json!({"username": "u", "password": "p", "privateKeyData": "k"})), "not both"),
        ("machine", with(vm("vm"), id_path, Value::Null), "Either 'resourceId' or 'address'"),
        ("dbx", with(dbx.clone(), properties, json!({})), "access token must be provided"),
        ("dbx", with(dbx, id_path, json!(other)), "is in '99999999-9999-9999-9999-999999999999'"),
        ("k8s", with(kubernetes("a", "b"), properties, json!({"defaultInstanceType": "x"})), "no such instance type"),
        ("k8s", with(kubernetes("a", "b"), properties, json!({"instanceTypes": {"x": 1}})), "an object is expected"),
        ("k8s", body("Kubernetes", None, &Value::Null), "must name a resource"),
        ("synapse-pool-of-x", bodies()[5].0.clone(), "at most 16 characters"),
        ("aks-name-of-17-ab", aks(Value::Null), "at most 16 characters"),
        (
            "aks",
            aks(json!({"agentCount": 2})),
            "2 nodes of size STANDARD_D3_V2 have 8. Use more or larger nodes, or the purpose DevTest",
        ),
        (
            "aks",
            aks(json!({"agentCount": 2, "clusterPurpose": "DenseProd"})),
            "purpose DenseProd needs at least 12 vCPUs",
        ),
        ("aks", aks(json!({"agentCount": 0})), "a positive number"),
        (
            "aks",
            aks(json!({"sslConfiguration": {"status": "Enabled", "cname": "x"}})),
            "Enabled needs 'cert', 'key' and 'cname'",
        ),
        ("aks", aks(json!({"sslConfiguration": {"status": "Auto"}})), "Auto needs 'leafDomainLabel'"),
        ("aks", aks(json!({"aksNetworkingConfiguration": {"serviceCidr": "10.0.0.0/16"}})), "is not complete"),
    ] {
        let mut bench = Bench::new();
        let (status, told) = read(&bench.put(name, &wrong));
        let message = told["error"]["message"].as_str().unwrap();
        assert!(status == 400 && message.contains(words), "{words}: {status} {message}");
        assert_eq!(bench.get(&format!("{DEMO}/computes")).1["value"], json!([]), "{words}");
        assert_eq!(bench.world.snapshot(bench.now)["resources"], json!({}), "{words}");
    }
}

#[test]
fn production_cluster_is_measured_by_its_real_nodes_when_it_is_attached() {
    let mut bench = Bench::new();
    let small = json!({"event": "resourceChanged", "id": aks_id("small"), "reports": {"agentCount": 1}});
    bench.event(&small).unwrap();
    let attach = |purpose: &str| body("AKS", Some(&aks_id("SMALL")), &json!({"clusterPurpose": purpose}));
    assert_eq!(code(&bench.put("aks", &attach("FastProd"))), (400, "UserError".into()));
    assert_eq!(bench.attach("aks", &attach("DevTest"))["properties"]["provisioningState"], "Succeeded");
}

#[test]
fn resource_must_exist_in_its_place_and_run_ubuntu() {
    for (resource, wrong, told) in [
        (json!({"id": vm_id("vm"), "state": "Deleted"}), vm("vm"), "ResourceNotFound"),
        (json!({"id": aks_id("aks"), "state": "Deleted"}), kubernetes("aks", "ml"), "ClusterNotFound"),
        (json!({"id": vm_id("vm"), "operatingSystem": "Windows"}), vm("vm"), "UserError"),
        (
            json!({"id": id("Microsoft.Synapse/workspaces", "syn/bigDataPools/pool"), "location": "westus"}),
            bodies()[5].0.clone(),
            "UserError",
        ),
    ] {
        let seed = Seed { resources: vec![serde_json::from_value(resource).unwrap()], ..Seed::default() };
        let mut bench = Bench::with(&seed);
        assert_eq!(code(&bench.put("thing", &wrong)), (400, told.to_owned()), "{wrong}");
    }
    let mut bench = Bench::with(&Seed { only_listed_resources: true, ..Seed::default() });
    assert_eq!(code(&bench.put("machine", &vm("vm"))), (400, "ResourceNotFound".into()));
    // A cluster may be anywhere, and a virtual machine too.
    for (resource, good) in [(aks_id("aks"), kubernetes("aks", "ml")), (vm_id("vm"), vm("vm"))] {
        let mut bench = Bench::new();
        bench.event(&json!({"event": "resourceChanged", "id": resource, "location": "westus"})).unwrap();
        assert_eq!(bench.attach("thing", &good)["properties"]["provisioningState"], "Succeeded");
    }
}

#[test]
fn attach_fails_at_its_end_when_the_resource_cannot_be_used() {
    let lock = json!({"username": "azureuser", "password": "right"});
    for (facts, wrong, told) in [
        (json!({"id": vm_id("vm"), "credentials": lock}), vm("vm"), "InvalidCredentials"),
        (json!({"id": vm_id("vm"), "state": "Stopped"}), vm("vm"), "ResourceNotRunning"),
        (json!({"id": vm_id("vm"), "state": "Unreachable"}), vm("vm"), "HostUnreachable"),
        (json!({"id": vm_id("vm"), "publicAddress": false}), vm("vm"), "HostUnreachable"),
        (json!({"id": aks_id("aks"), "state": "Stopped"}), kubernetes("aks", "ml"), "ClusterNotReachable"),
        (json!({"id": aks_id("aks"), "extension": "Missing"}), kubernetes("aks", "ml"), "ClusterServiceNotFound"),
        (
            json!({"id": aks_id("aks"), "extension": "WithoutIdentity"}),
            kubernetes("aks", "ml"),
            "RefreshExtensionIdentityNotSet",
        ),
        (
            json!({"id": aks_id("aks"), "error": {"code": "ComputeNotAccessible", "message": "m"}}),
            kubernetes("aks", "ml"),
            "ComputeNotAccessible",
        ),
    ] {
        let seed = Seed { resources: vec![serde_json::from_value(facts).unwrap()], ..Seed::default() };
        let mut bench = Bench::with(&seed);
        let answer = bench.put("thing", &wrong);
        assert_eq!(answer.status, 201);
        bench.pass(40);
        assert_eq!(bench.poll(&answer)["error"]["code"], told);
        let shown = bench.compute("thing");
        assert_eq!(shown["properties"]["provisioningState"], "Failed");
        assert_eq!(shown["properties"]["provisioningErrors"][0]["error"]["code"], told);
        assert_eq!(code(&bench.put("thing", &wrong)), (400, "BadRequest".into()), "it must be detached first");
        assert_eq!(bench.detach("thing", "Detach").status, 202);
        assert_eq!(bench.compute("thing"), Value::Null);
    }
}

#[test]
fn put_with_wrong_credentials_fails_and_keeps_the_right_ones() {
    let mut bench = Bench::new();
    let right = json!({"username": "azureuser", "password": "Fake-Passw0rd!"});
    bench.event(&json!({"event": "resourceChanged", "id": vm_id("vm"), "credentials": right})).unwrap();
    bench.attach("machine", &vm("vm"));
    let wrong = with(vm("vm"), "/properties/properties/administratorAccount/password", json!("wrong"));
    let shown = bench.attach("machine", &wrong);
    assert_eq!(shown["properties"]["provisioningErrors"][0]["error"]["code"], "InvalidCredentials");
    assert_eq!(read(&bench.act("machine", "listKeys")).1["administratorAccount"]["password"], "Fake-Passw0rd!");
    assert_eq!(bench.attach("machine", &vm("vm"))["properties"]["provisioningState"], "Succeeded");
}

#[test]
fn subnet_of_a_cluster_that_is_made_needs_the_right_to_join_it() {
    let subnet = id("Microsoft.Network/virtualNetworks", "net/subnets/aks");
    let network = json!({"subnetId": subnet, "serviceCidr": "10.0.0.0/16", "dnsServiceIP": "10.0.0.10",
        "dockerBridgeCidr": "172.17.0.1/16"});
    let create = body("AKS", None, &json!({"aksNetworkingConfiguration": network}));
    let mut bench = Bench::new();
    let denied = json!({"event": "accessChanged", "clientId": CLIENT_ID,
        "denied": ["Microsoft.Network/virtualNetworks/subnets/join/action"]});
    bench.event(&denied).unwrap();
    assert_eq!(code(&bench.put("aks", &create)), (403, "LinkedAuthorizationFailed".into()));
    bench.event(&json!({"event": "accessChanged", "clientId": CLIENT_ID, "denied": []})).unwrap();
    let made = bench.attach("aks", &create);
    assert_eq!(made["properties"]["properties"]["aksNetworkingConfiguration"], network);
    let wrong = body(
        "AKS",
        None,
        &json!({"aksNetworkingConfiguration":
        {"subnetId": "net", "serviceCidr": "x", "dnsServiceIP": "x", "dockerBridgeCidr": "x"}}),
    );
    assert_eq!(code(&bench.put("other", &wrong)), (400, "LinkedInvalidPropertyId".into()));
}

#[test]
fn caller_needs_rights_on_the_resource() {
    let workspace = json!({"scope": DEMO, "role": "Contributor"});
    let reader = json!({"scope": ELSEWHERE.replace("/providers", ""), "role": "Reader"});
    let admin = json!({"scope": aks_id("aks"), "actions":
        ["Microsoft.ContainerService/managedClusters/listClusterAdminCredential/action"]});
    let rights = |mut bench: Bench, given: Value| {
        let event = json!({"event": "roleAssignmentsChanged", "clientId": CLIENT_ID, "roleAssignments": given});
        bench.event(&event).unwrap();
        bench
    };
    for (given, machine, cluster) in [
        (json!([workspace]), (403, "LinkedAuthorizationFailed"), (403, "LinkedAuthorizationFailed")),
        (json!([workspace, reader]), (201, ""), (500, "InternalServerError")),
        (json!([workspace, reader, admin]), (201, ""), (201, "")),
    ] {
        let mut bench = rights(Bench::new(), given);
        assert_eq!(code(&bench.put("machine", &vm("vm"))), (machine.0, machine.1.to_owned()));
        assert_eq!(code(&bench.put("k8s", &kubernetes("aks", "ml"))), (cluster.0, cluster.1.to_owned()));
    }
    let less = json!([workspace, {"scope": aks_id("aks"), "actions":
        ["Microsoft.ContainerService/managedClusters/*"]}]);
    let (status, told) = read(&rights(Bench::new(), less).put("k8s", &kubernetes("aks", "ml")));
    assert!(
        status == 400 && told["error"]["message"].as_str().unwrap().contains("extension is not installed"),
        "{told}"
    );
}
