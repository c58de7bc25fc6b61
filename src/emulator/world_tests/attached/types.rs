//! Each type: attached, read, changed, its keys, detached or deleted.

use super::*;

#[test]
fn every_type_is_attached_and_detached_and_leaves_its_resource() {
    for (body, expected) in bodies() {
        let mut bench = Bench::oldest();
        let kind = body["properties"]["computeType"].as_str().unwrap();
        let target = body["properties"]["resourceId"].as_str().unwrap();
        let answer = bench.put("thing", &body);
        let (status, echo) = read(&answer);
        assert_eq!((status, &echo["properties"]["provisioningState"]), (201, &json!("Creating")), "{echo}");
        bench.pass(1);
        assert_eq!(bench.poll(&answer)["status"], "InProgress", "{kind}");
        bench.pass(359);
        assert_eq!(bench.poll(&answer)["status"], "Succeeded", "{kind}");
        let made = bench.compute("thing");
        let base = &made["properties"];
        assert_eq!((&base["provisioningState"], &base["isAttachedCompute"]), (&json!("Succeeded"), &json!(true)));
        assert_eq!((&base["computeType"], &base["resourceId"]), (&json!(kind), &json!(target)));
        assert_eq!((&base["computeLocation"], &made["tags"]), (&json!("eastus"), &Value::Null));
        assert_eq!(base["provisioningWarnings"], Value::Null);
        match expected.as_object() {
            None => assert_eq!(base["properties"], Value::Null, "{kind}"),
            Some(members) => {
                for (name, value) in members {
                    assert_eq!(&base["properties"][name], value, "{kind} {name}");
                }
            }
        }
        assert!(!made.to_string().contains("Passw0rd") && !made.to_string().contains("dapi0123"));
        assert_eq!(bench.get(&format!("{DEMO}/computes")).1["value"][0], made);
        let refused = bench.detach("thing", "delete");
        assert_eq!(code(&refused), (400, "UserError".into()), "{kind}");
        assert_eq!(bench.detach("thing", "Detach").status, 202);
        assert_eq!(bench.compute("thing"), Value::Null);
        assert_eq!(bench.resource(target)["state"], "Running", "{kind}");
        assert_eq!(bench.resource(target)["attachments"], json!([]));
    }
}

#[test]
fn detach_is_what_a_delete_without_the_parameter_does() {
    let mut bench = Bench::new();
    bench.attach("machine", &vm("vm"));
    assert_eq!(bench.send("DELETE", &format!("{DEMO}/computes/machine"), None).status, 202);
    bench.pass(3);
    assert_eq!(bench.compute("machine"), Value::Null);
    assert_eq!(bench.resource(&vm_id("vm"))["state"], "Running");
}

#[test]
fn keys_are_listed_for_the_types_that_have_some() {
    for (body, _) in bodies() {
        let mut bench = Bench::oldest();
        bench.attach("thing", &body);
        let kind = body["properties"]["computeType"].as_str().unwrap();
        let (status, keys) = read(&bench.act("thing", "listKeys"));
        let account = |user: &str| {
            json!({"computeType": kind, "administratorAccount":
                {"username": user, "password": "Fake-Passw0rd!", "publicKeyData": null, "privateKeyData": null}})
        };
        match kind {
            "VirtualMachine" => assert_eq!(keys, account("azureuser")),
            "HDInsight" => assert_eq!(keys, account("sshuser")),
            "Databricks" => assert_eq!(keys, json!({"computeType": kind, "databricksAccessToken": "dapi0123"})),
            "AKS" => {
                assert_eq!(
                    (&keys["computeType"], &keys["imagePullSecretName"]),
                    (&json!("AKS"), &json!("azuremlsecret"))
                );
                assert!(keys["adminKubeConfig"].as_str().unwrap().contains("clusterAdmin"));
                assert!(keys["userKubeConfig"].as_str().unwrap().contains("clusterUser"));
            }
            "Kusto" => assert_eq!(keys["servicePrincipalCredentials"]["secret"], "s"),
            _ => assert_eq!((status, &keys["error"]["code"]), (400, &json!("UserError")), "{kind}"),
        }
    }
}

#[test]
fn what_only_instances_and_clusters_do_is_refused() {
    for (body, _) in bodies() {
        let mut bench = Bench::oldest();
        bench.attach("thing", &body);
        for action in ["start", "stop", "restart", "listNodes"] {
            assert_eq!(code(&bench.act("thing", action)), (400, "UserError".into()), "{body} {action}");
        }
        let patch = json!({"properties": {"properties": {"scaleSettings": {"maxNodeCount": 2}}}});
        let path = format!("{DEMO}/computes/thing");
        assert_eq!(code(&bench.send("PATCH", &path, Some(&patch))), (400, "UserError".into()));
    }
}

#[test]
fn virtual_machine_by_address_has_the_address_and_no_size() {
    let mut bench = Bench::new();
    let account = json!({"username": "u", "privateKeyData": "FAKE KEY", "password": "", "publicKeyData": ""});
    let properties = json!({"address": "Host.example", "sshPort": 2222, "administratorAccount": account});
    let mut by_address = body("VirtualMachine", None, &properties);
    by_address["properties"]["resourceId"] = Value::Null;
    let made = bench.attach("machine", &by_address);
    let inner = &made["properties"]["properties"];
    assert_eq!((&inner["address"], &inner["sshPort"]), (&json!("Host.example"), &json!(2222)));
    assert_eq!((&inner["virtualMachineSize"], &made["properties"]["resourceId"]), (&Value::Null, &Value::Null));
    assert_eq!(bench.attachment("machine")["resource"], "host.example:2222");
    assert_eq!(read(&bench.act("machine", "listKeys")).1["administratorAccount"]["privateKeyData"], "FAKE KEY");
}

#[test]
fn put_on_a_kubernetes_compute_succeeds_and_changes_nothing() {
    let mut bench = Bench::new();
    let before = bench.attach("k8s", &kubernetes("aks", "ml"));
    let answer = bench.put("k8s", &kubernetes("other", "other"));
    let (status, echo) = read(&answer);
    assert_eq!((status, &echo["properties"]["properties"]["namespace"]), (201, &json!("other")));
    bench.pass(40);
    assert_eq!(bench.poll(&answer)["status"], "Succeeded");
    let mut after = bench.compute("k8s");
    after["properties"]["modifiedOn"] = before["properties"]["modifiedOn"].clone();
    assert_eq!(after, before);
}

#[test]
fn kubernetes_without_instance_types_gets_the_default_one() {
    let mut bench = Bench::new();
    let made = bench.attach("k8s", &body("Kubernetes", Some(&aks_id("aks")), &Value::Null));
    let inner = &made["properties"]["properties"];
    assert_eq!(
        (&inner["namespace"], &inner["defaultInstanceType"]),
        (&json!("default"), &json!("defaultinstancetype"))
    );
    assert_eq!(inner["instanceTypes"]["defaultinstancetype"]["resources"]["limits"]["cpu"], "2");
    let arc = id("Microsoft.Kubernetes/connectedClusters", "arc");
    let own = json!({"namespace": "ml", "defaultInstanceType": "gpu", "instanceTypes": {
        "cpu": {"nodeSelector": null, "resources": {"requests": {"cpu": "1"}, "limits": {"cpu": "1"}}},
        "gpu": {"nodeSelector": {"pool": "gpu"}, "resources": {"limits": {"nvidia.com/gpu": "1"}}}}});
    let made = bench.attach("arc", &body("Kubernetes", Some(&arc), &own));
    let inner = &made["properties"]["properties"];
    assert_eq!((&inner["defaultInstanceType"], inner["instanceTypes"].as_object().unwrap().len()), (&json!("gpu"), 2));
    let gpu =
        json!({"nodeSelector": {"pool": "gpu"}, "resources": {"requests": null, "limits": {"nvidia.com/gpu": "1"}}});
    assert_eq!(inner["instanceTypes"]["gpu"], gpu);
}

#[test]
fn put_rotates_credentials_and_nothing_else() {
    let mut bench = Bench::new();
    bench.attach("machine", &vm("vm"));
    let mut other = vm("vm2");
    other["properties"]["properties"] = json!({"sshPort": 2222, "administratorAccount":
        {"username": "new", "privateKeyData": "FAKE KEY"}});
    bench.attach("machine", &other);
    let after = bench.compute("machine");
    assert_eq!(after["properties"]["resourceId"], json!(vm_id("vm")));
    assert_eq!(after["properties"]["properties"]["sshPort"], 22);
    let keys = read(&bench.act("machine", "listKeys")).1["administratorAccount"].clone();
    assert_eq!((&keys["username"], &keys["password"]), (&json!("new"), &Value::Null));
    // The update of azure-ai-ml: GET, change, PUT, which sends an empty account (sdk-wire-notes 6).
    other["properties"]["properties"]["administratorAccount"] = json!({});
    bench.attach("machine", &other);
    assert_eq!(read(&bench.act("machine", "listKeys")).1["administratorAccount"]["username"], "new");
}

#[test]
fn batch_and_kusto_exist_for_one_version_only() {
    for (name, body) in [("batch", &bodies()[8].0), ("kusto", &bodies()[9].0)] {
        let mut bench = Bench::new();
        assert_eq!(code(&bench.put(name, body)), (400, "UserError".into()));
        bench.version = "2020-02-02";
        bench.attach(name, body);
        assert_eq!(bench.get(&format!("{DEMO}/computes")).1["value"].as_array().unwrap().len(), 1);
        for version in ["2020-03-01", "2026-05-01"] {
            bench.version = version;
            let path = format!("{DEMO}/computes/{name}");
            assert_eq!(bench.get(&format!("{DEMO}/computes")).1["value"], json!([]));
            assert_eq!(bench.send("GET", &path, None).status, 404);
            assert_eq!(bench.act(name, "listKeys").status, 404);
            assert_eq!(bench.send("DELETE", &format!("{path}?underlyingResourceAction=Detach"), None).status, 204);
        }
        bench.version = "2020-02-02";
        assert_eq!(bench.compute(name)["properties"]["provisioningState"], "Succeeded");
    }
}

#[test]
fn aks_cluster_is_made_where_it_is_asked_for_and_deleted_only_by_a_delete() {
    for (action, state) in [("Detach", "Running"), ("Delete", "Deleted")] {
        let mut bench = Bench::new();
        // azureml-core's body for a test cluster in a region of its own.
        let mut create =
            body("AKS", None, &json!({"agentCount": 2, "agentVmSize": "Standard_DS3_v2", "clusterPurpose": "DevTest"}));
        create["properties"]["computeLocation"] = json!("westus2");
        let answer = bench.put("aks-dev", &create);
        let echo = read(&answer).1;
        assert_eq!(
            (&echo["properties"]["isAttachedCompute"], &echo["properties"]["resourceId"]),
            (&json!(false), &Value::Null)
        );
        bench.pass(479);
        assert_eq!(bench.poll(&answer)["status"], "InProgress");
        bench.pass(241);
        assert_eq!(bench.poll(&answer)["status"], "Succeeded");
        let made = bench.compute("aks-dev");
        let target = made["properties"]["resourceId"].as_str().unwrap().to_owned();
        assert!(target.contains("/Microsoft.ContainerService/managedClusters/aks-dev-"), "{target}");
        let inner = &made["properties"]["properties"];
        assert_eq!((&inner["agentCount"], &inner["agentVmSize"]), (&json!(2), &json!("STANDARD_DS3_V2")));
        let cluster = bench.resource(&target);
        assert_eq!((&cluster["location"], &cluster["state"]), (&json!("westus2"), &json!("Running")));
        assert_eq!(cluster["madeBy"], made["id"]);
        assert_eq!(bench.detach("aks-dev", action).status, 202);
        assert_eq!(bench.compute("aks-dev"), Value::Null);
        assert_eq!(bench.resource(&target)["state"], state);
    }
}

#[test]
fn lock_on_a_cluster_stops_its_deletion_and_not_its_detach() {
    let mut bench = Bench::new();
    bench.attach("aks-min", &body("AKS", None, &Value::Null));
    let target = bench.compute("aks-min")["properties"]["resourceId"].as_str().unwrap().to_owned();
    bench.world.locks.change(&target, Some(crate::seed::Lock::CanNotDelete));
    let answer = bench.detach("aks-min", "Delete");
    assert_eq!(bench.poll(&answer)["error"]["code"], "ScopeLocked");
    assert_eq!(bench.resource(&target)["state"], "Running");
    assert_eq!(bench.detach("aks-min", "Detach").status, 202);
    assert_eq!(bench.compute("aks-min"), Value::Null);
}

#[test]
fn tls_of_an_inference_cluster_is_changed_as_azureml_core_does_and_its_secrets_are_never_told() {
    let mut bench = Bench::new();
    let tls = json!({"status": "Enabled", "cname": "www.contoso.com", "cert": "FAKE CERTIFICATE", "key": "FAKE KEY"});
    let made = bench.attach("aks-att", &body("AKS", Some(&aks_id("aks")), &json!({"sslConfiguration": tls})));
    let shown = &made["properties"]["properties"]["sslConfiguration"];
    assert_eq!((&shown["status"], &shown["cname"]), (&json!("Enabled"), &json!("www.contoso.com")));
    assert_eq!((&shown["cert"], &shown["key"]), (&Value::Null, &Value::Null));
    // It sends the whole GET answer back.
    let mut whole = made.clone();
    whole["properties"]["properties"]["sslConfiguration"] = json!({"status": "Disabled"});
    whole["properties"]["properties"]["agentCount"] = json!(9);
    let after = bench.attach("aks-att", &whole);
    let inner = &after["properties"]["properties"];
    assert_eq!((&inner["sslConfiguration"]["status"], &inner["agentCount"]), (&json!("Disabled"), &json!(3)));
}

#[test]
fn data_factory_without_an_id_is_made_by_azure_ml() {
    let mut bench = Bench::new();
    let made = bench.attach("factory", &body("datafactory", None, &Value::Null));
    assert_eq!(made["properties"]["isAttachedCompute"], false);
    let target = made["properties"]["resourceId"].as_str().unwrap().to_owned();
    assert_eq!(bench.resource(&target)["type"], "Microsoft.DataFactory/factories");
    assert_eq!(bench.detach("factory", "Delete").status, 202);
    assert_eq!((bench.compute("factory"), bench.resource(&target)["state"].clone()), (Value::Null, json!("Deleted")));
}

#[test]
fn published_examples_are_accepted() {
    // createOrUpdate examples of 2024-04-01: AKSCompute, BasicAKSCompute, BasicDataFactoryCompute, KubernetesCompute.
    let cluster = "/subscriptions/34adfa4f-cedf-4dc0-ba29-b6d1a69ab345/resourcegroups/testrg123/providers/Microsoft.ContainerService/managedClusters/compute123-56826-c9b00420020b2";
    let amounts = json!({"cpu": "1", "memory": "4Gi", "nvidia.com/gpu": null});
    let types =
        json!({"defaultInstanceType": {"nodeSelector": null, "resources": {"requests": amounts, "limits": amounts}}});
    for properties in [
        json!({"description": "some compute", "resourceId": cluster, "computeType": "AKS", "properties": {"agentCount": 4}}),
        json!({"computeType": "AKS"}),
        json!({"computeType": "DataFactory"}),
        json!({"description": "some compute", "resourceId": cluster, "computeType": "Kubernetes", "properties":
            {"namespace": "default", "defaultInstanceType": "defaultInstanceType", "instanceTypes": types}}),
    ] {
        let mut bench = Bench::new();
        let made = bench.attach("compute123", &json!({"location": "eastus", "properties": properties}));
        assert_eq!(made["properties"]["provisioningState"], "Succeeded", "{properties}");
        assert_eq!(made["properties"]["description"], properties["description"]);
        if properties["computeType"] == "Kubernetes" {
            let shown = json!({"relayConnectionString": null, "serviceBusConnectionString": null,
                "extensionPrincipalId": made["properties"]["properties"]["extensionPrincipalId"],
                "extensionInstanceReleaseTrain": "stable", "vcName": null, "namespace": "default",
                "defaultInstanceType": "defaultInstanceType", "instanceTypes": types});
            assert_eq!(made["properties"]["properties"], shown);
        }
    }
}

#[test]
fn type_of_a_compute_cannot_be_changed_by_a_put() {
    let mut bench = Bench::new();
    bench.attach("factory", &body("DataFactory", None, &Value::Null));
    for other in [cluster("Standard_D2_v2", 0, 4), vm("vm")] {
        assert_eq!(code(&bench.put("factory", &other)), (400, "UserError".into()));
    }
    assert_eq!(bench.compute("factory")["properties"]["computeType"], "DataFactory");
}
