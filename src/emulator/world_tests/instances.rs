//! The life of a compute instance: made, stopped, started, restarted, resized, changed, deleted. What it does by itself is elsewhere.

use super::*;

pub(super) const STOPPED: &str = "StartComputeInstanceOnlyAllowedInStoppedState";

pub(super) fn instance(settings: &Value) -> Value {
    let mut inner = json!({"vmSize": "Standard_DS3_v2"});
    inner.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    json!({"location": "eastus", "properties": {"computeType": "ComputeInstance", "properties": inner}})
}

impl Bench {
    /// Makes an instance and waits until it runs.
    pub(super) fn workstation(&mut self, name: &str, settings: &Value) -> Value {
        let answer = self.put(name, &instance(settings));
        assert_eq!(answer.status, 201, "{:?}", answer.body);
        self.pass(260);
        assert_eq!(self.poll(&answer)["status"], "Succeeded");
        self.inner(name)
    }

    /// `properties.properties` of a compute.
    pub(super) fn inner(&mut self, name: &str) -> Value {
        self.compute(name)["properties"]["properties"].clone()
    }

    pub(super) fn state(&mut self, name: &str) -> String {
        self.inner(name)["state"].as_str().unwrap_or_default().to_owned()
    }

    pub(super) fn post(&mut self, name: &str, action: &str, body: Option<&Value>) -> Response {
        self.send("POST", &format!("{DEMO}/computes/{name}/{action}"), body)
    }

    /// What was done last, with its status and who caused it.
    pub(super) fn last(&mut self, name: &str) -> [String; 3] {
        let last = self.inner(name)["lastOperation"].clone();
        ["operationName", "operationStatus", "operationTrigger"].map(|key| last[key].as_str().unwrap_or("").to_owned())
    }
}

#[test]
fn instance_is_created_within_the_recorded_time_and_tells_its_state_only_to_gets() {
    let mut bench = Bench::new();
    let answer = bench.put("ws-one", &instance(&json!({"applicationSharingPolicy": "Personal"})));
    let (status, body) = read(&answer);
    let inner = &body["properties"]["properties"];
    assert_eq!((status, &body["properties"]["provisioningState"]), (201, &json!("Creating")));
    assert_eq!(
        (&inner["state"], &inner["applicationSharingPolicy"], inner.get("schedules")),
        (&Value::Null, &Value::Null, None)
    );
    assert_eq!(inner["createdBy"], json!({"userOrgId": TENANT, "userId": OBJECT_ID}));
    let seen = bench.inner("ws-one");
    assert_eq!((&seen["state"], &seen["lastOperation"]["operationStatus"]), (&json!("Creating"), &json!("InProgress")));
    bench.pass(126);
    assert_eq!(bench.poll(&answer), json!({"status": "InProgress"}));
    assert_eq!(bench.state("ws-one"), "SettingUp");
    bench.pass(28);
    assert_eq!(bench.poll(&answer)["status"], "Succeeded");
    let made = bench.inner("ws-one");
    assert_eq!((&made["state"], &made["applicationSharingPolicy"]), (&json!("Running"), &json!("Personal")));
    assert_eq!(made["applications"][1]["endpointUri"], "https://ws-one.eastus.instances.azureml.ms/lab");
    assert!(made["connectivityEndpoints"]["publicIpAddress"].as_str().unwrap().starts_with("20."));
    assert_eq!(bench.last("ws-one"), ["Create", "Succeeded", "User"]);
}

#[test]
fn power_follows_the_recorded_times_and_leaves_the_provisioning_state_alone() {
    let mut bench = Bench::new();
    bench.workstation("ws-one", &json!({}));
    for (action, meanwhile, within, afterwards) in [
        ("stop", "Stopping", (62, 90), "Stopped"),
        ("start", "Starting", (107, 120), "Running"),
        ("restart", "Restarting", (109, 150), "Running"),
    ] {
        let answer = bench.post("ws-one", action, None);
        assert_eq!((answer.status, answer.body.len()), (202, 0), "{action}");
        assert!(answer.header("location").is_none());
        bench.pass(within.0);
        assert_eq!(
            (bench.poll(&answer)["status"].clone(), bench.state("ws-one")),
            (json!("InProgress"), meanwhile.into())
        );
        bench.pass(within.1 - within.0);
        assert_eq!(
            (bench.poll(&answer)["status"].clone(), bench.state("ws-one")),
            (json!("Succeeded"), afterwards.into())
        );
        assert_eq!(bench.last("ws-one")[0].to_lowercase(), action);
        assert_eq!(bench.compute("ws-one")["properties"]["provisioningState"], "Succeeded");
    }
}

#[test]
fn operation_time_is_when_the_operation_began() {
    let mut bench = Bench::new();
    bench.workstation("ws-one", &json!({}));
    let began = time::millis(bench.now.service);
    bench.post("ws-one", "stop", None);
    bench.pass(90);
    assert_eq!(bench.inner("ws-one")["lastOperation"]["operationTime"], json!(began));
}

#[test]
fn power_that_the_state_does_not_allow_fails_as_an_operation_and_changes_nothing() {
    let mut bench = Bench::new();
    bench.workstation("ws-one", &json!({}));
    let answer = bench.post("ws-one", "start", None);
    let failed = bench.poll(&answer);
    assert_eq!((answer.status, &failed["status"], &failed["error"]["code"]), (202, &json!("Failed"), &json!(STOPPED)));
    let text = "Start Azure ML Compute Instance is only allowed when the instance ws-one is in 'stopped' state";
    assert_eq!(failed["error"]["message"], text);
    assert_eq!((bench.state("ws-one").as_str(), &bench.last("ws-one")[0][..]), ("Running", "Create"));
    bench.post("ws-one", "stop", None);
    bench.pass(90);
    for action in ["stop", "restart"] {
        let answer = bench.post("ws-one", action, None);
        assert_eq!(bench.poll(&answer)["status"], "Failed", "{action}");
        assert_eq!(bench.state("ws-one"), "Stopped");
    }
}

#[test]
fn second_operation_is_a_conflict_and_a_delete_is_not() {
    let mut bench = Bench::new();
    let create = bench.put("ws-one", &instance(&json!({})));
    assert_eq!(code(&bench.post("ws-one", "stop", None)), (409, "Conflict".into()));
    bench.pass(154);
    assert_eq!(bench.poll(&create)["status"], "Succeeded");
    let stop = bench.post("ws-one", "stop", None);
    for action in ["start", "stop", "restart"] {
        assert_eq!(code(&bench.post("ws-one", action, None)), (409, "Conflict".into()), "{action}");
    }
    assert_eq!(code(&bench.put("ws-one", &instance(&json!({})))), (409, "Conflict".into()));
    let path = format!("{DEMO}/computes/ws-one?underlyingResourceAction=Delete");
    assert_eq!(bench.send("DELETE", &path, None).status, 202);
    assert_eq!(bench.poll(&stop)["status"], "Canceled");
    assert_eq!((bench.state("ws-one").as_str(), &bench.last("ws-one")[0][..]), ("Deleting", "Delete"));
    bench.pass(63);
    assert_eq!(bench.compute("ws-one"), Value::Null);
}

#[test]
fn power_answers_200_to_the_version_whose_client_takes_nothing_else() {
    let mut bench = Bench::new();
    bench.workstation("ws-one", &json!({}));
    bench.version = "2020-08-01";
    let answer = bench.post("ws-one", "stop", None);
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    bench.pass(90);
    assert_eq!(bench.state("ws-one"), "Stopped");
}

#[test]
fn second_put_is_taken_and_changes_nothing() {
    let mut bench = Bench::new();
    let mut first = instance(&json!({"idleTimeBeforeShutdown": "PT60M"}));
    first["tags"] = json!({"team": "vision"});
    bench.put("ws-one", &first);
    bench.pass(154);
    let before = bench.compute("ws-one");
    let mut second = instance(
        &json!({"vmSize": "Standard_DS2_v2", "idleTimeBeforeShutdown": "PT15M", "schedules": {"computeStartStop": [
        {"action": "Stop", "triggerType": "Cron", "cron": {"expression": "0 18 * * *"}}]}}),
    );
    second["tags"] = json!({"team": "speech"});
    let answer = bench.put("ws-one", &second);
    let (status, body) = read(&answer);
    assert_eq!((status, &body["properties"]["properties"]["vmSize"]), (201, &json!("STANDARD_DS2_V2")));
    bench.pass(6);
    assert_eq!(bench.poll(&answer)["status"], "Succeeded");
    let mut after = bench.compute("ws-one");
    after["properties"]["modifiedOn"] = before["properties"]["modifiedOn"].clone();
    assert_eq!(after, before);
}

#[test]
fn everything_that_was_asked_for_is_shown() {
    let mut bench = Bench::new();
    let subnet = "/subscriptions/S/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v/subnets/s";
    let asked = json!({
        "subnet": {"id": subnet},
        "sshSettings": {"sshPublicAccess": "Enabled", "adminPublicKey": "ssh-rsa A"},
        "computeInstanceAuthorizationType": "personal",
        "personalComputeInstanceSettings": {"assignedUser": {"objectId": OBJECT_ID, "tenantId": TENANT}},
        "setupScripts": {"scripts": {"creationScript": {"scriptSource": "workspaceStorage", "scriptData": "a.sh", "timeout": "20m"}}},
        "idleTimeBeforeShutdown": "PT120M",
        "enableNodePublicIp": false,
        "enableSSO": false,
        "enableRootAccess": false,
        "enableOSPatching": true,
        "releaseQuotaOnStop": true,
        "autologgerSettings": {"mlflowAutologger": "Enabled"},
        "customServices": [{"name": "rstudio", "image": {"type": "docker", "reference": "r"}, "endpoints": [{"target": 8787, "published": 8787}]}]
    });
    let made = bench.workstation("ws-one", &asked);
    let mut wanted = asked.clone();
    wanted["sshSettings"]["adminUserName"] = json!("azureuser");
    wanted["sshSettings"]["sshPort"] = json!(50_000);
    for (name, value) in wanted.as_object().unwrap() {
        assert_eq!(&made[name], value, "{name}");
    }
    assert_eq!(made["connectivityEndpoints"], json!({"publicIpAddress": null, "privateIpAddress": "10.0.0.4"}));
    assert_eq!(made["applications"][2]["displayName"], "rstudio");
}

#[test]
fn settings_are_changed_by_their_own_posts_in_the_versions_that_have_them() {
    let mut bench = Bench::new();
    bench.workstation("ws-one", &json!({}));
    let services = json!([{"name": "rstudio", "image": {"type": "docker", "reference": "r"}}]);
    let mounts = json!([{"source": "azureml://x", "sourceType": "URI", "mountName": "hello", "mountAction": "Mount"}]);
    let schedules =
        json!({"computeStartStop": [{"action": "Stop", "triggerType": "Cron", "cron": {"expression": "0 18 * * *"}}]});
    for (action, version, body, shown) in [
        (
            "updateIdleShutdownSetting",
            "2021-07-01",
            json!({"idleTimeBeforeShutdown": "PT120M"}),
            "/idleTimeBeforeShutdown",
        ),
        ("customServices", "2026-05-15-preview", services, "/customServices/0/name"),
        ("updateDataMounts", "2024-04-01-preview", mounts, "/dataMounts/0/mountName"),
        ("updateSchedules", "2021-03-01-preview", schedules, "/schedules/computeStartStop/0/action"),
        ("enableSso", "2024-04-01-preview", json!({"enableSSO": false}), "/enableSSO"),
        ("enableSso", "2020-02-02", json!({"EnableSSO": true}), "/enableSSO"),
    ] {
        let before = bench.inner("ws-one").pointer(shown).cloned();
        assert_eq!(code(&bench.post("ws-one", action, Some(&body))), (404, "InvalidResourceType".into()), "{action}");
        bench.version = version;
        let answer = bench.post("ws-one", action, Some(&body));
        assert_eq!((answer.status, answer.body.len()), (200, 0), "{action}");
        assert!(answer.header("azure-asyncoperation").is_none());
        bench.version = "2026-05-01";
        assert_ne!(bench.inner("ws-one").pointer(shown).cloned(), before, "{action}");
    }
}

#[test]
fn single_sign_on_is_switched_only_by_the_user_of_the_instance() {
    let mut bench = Bench::new();
    let other = "00000000-0000-0000-0000-00000000abcd";
    let assigned = json!({"personalComputeInstanceSettings": {"assignedUser": {"objectId": other, "tenantId": TENANT}},
        "customServices": [{"name": "a", "image": {"reference": "r"}}]});
    assert_eq!(
        bench.workstation("ws-one", &assigned)["enableSSO"],
        false,
        "switched off on an instance for somebody else"
    );
    bench.version = "2024-04-01-preview";
    let answer = bench.post("ws-one", "enableSso", Some(&json!({"enableSSO": true})));
    assert_eq!(code(&answer), (403, "UserError".into()));
    assert_eq!(bench.inner("ws-one")["enableSSO"], false);
}

#[test]
fn resize_needs_a_stopped_instance_and_another_size_that_fits() {
    let mut bench = Bench::new();
    bench.workstation("ws-one", &json!({}));
    bench.version = "2024-04-01-preview";
    let sizes = read(&bench.post("ws-one", "getAllowedVmSizesForResize", None)).1;
    let names: Vec<&str> = sizes["value"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert!(names.len() > 50 && !names.contains(&"Standard_DS3_v2"), "{}", names.len());
    let bigger = json!({"targetVMSize": "Standard_DS4_v2"});
    let running = bench.post("ws-one", "resize", Some(&bigger));
    assert_eq!(bench.poll(&running)["status"], "Failed");
    bench.post("ws-one", "stop", None);
    bench.pass(90);
    let answer = bench.post("ws-one", "resize", Some(&bigger));
    assert_eq!((answer.status, bench.state("ws-one").as_str()), (202, "Resizing"));
    bench.pass(90);
    assert_eq!(bench.poll(&answer)["status"], "Succeeded");
    let resized = bench.inner("ws-one");
    assert_eq!((&resized["vmSize"], &resized["state"]), (&json!("STANDARD_DS4_V2"), &json!("Stopped")));
    let answer = bench.post("ws-one", "resize", Some(&json!({"targetVMSize": "Standard_Z1"})));
    bench.pass(22);
    assert_eq!(bench.poll(&answer)["error"]["code"], "InvalidPropertyValue");
    assert_eq!(
        (bench.inner("ws-one")["vmSize"].clone(), bench.last("ws-one")[1].clone()),
        (json!("STANDARD_DS4_V2"), "ResizeFailed".into())
    );
}

#[test]
fn actions_of_clusters_are_refused_as_recorded() {
    let mut bench = Bench::new();
    bench.workstation("ws-one", &json!({}));
    bench.made("cpu-cluster", &cluster("Standard_D2_v2", 0, 1));
    for (name, action, text) in [
        ("ws-one", "listNodes", "ComputeListNodes with computeType ComputeInstance is not supported."),
        (
            "ws-one",
            "listKeys",
            "ComputeInstance computes do not have any secrets associated with them. This operation is not supported.",
        ),
        ("cpu-cluster", "stop", "ComputeStop with computeType AmlCompute is not supported."),
    ] {
        let (status, body) = read(&bench.post(name, action, None));
        assert_eq!(
            (status, &body["error"]["code"], &body["error"]["message"]),
            (400, &json!("UserError"), &json!(text))
        );
    }
    let patch = bench.send("PATCH", &format!("{DEMO}/computes/ws-one"), Some(&json!({})));
    assert_eq!(code(&patch), (400, "UserError".into()));
}

#[test]
fn newer_image_is_told_of_and_new_instances_have_it() {
    let mut bench = Bench::new();
    bench.workstation("ws-one", &json!({}));
    bench.event(&json!({"event": "imageReleased", "version": "26.11.02"})).unwrap();
    let old = bench.inner("ws-one")["osImageMetadata"].clone();
    assert_eq!((&old["isLatestOsImageVersion"], &old["latestImageVersion"]), (&json!(false), &json!("26.11.02")));
    assert_eq!(bench.workstation("ws-two", &json!({}))["osImageMetadata"]["isLatestOsImageVersion"], true);
}

#[test]
fn seeded_instance_is_there_in_the_state_it_is_given() {
    let seeded = |state: &str| {
        let mut body = instance(&json!({"state": state}));
        body["name"] = json!("ws-one");
        let mut seed = Seed::default();
        seed.subscriptions[0].resource_groups[0].workspaces[0].computes.push(body.into());
        seed
    };
    let mut bench = Bench::with(&seeded("Stopped"));
    assert_eq!(
        (bench.state("ws-one").as_str(), bench.inner("ws-one")["createdBy"]["userId"].clone()),
        ("Stopped", json!(OBJECT_ID))
    );
    let start = bench.post("ws-one", "start", None);
    bench.pass(120);
    assert_eq!((bench.poll(&start)["status"].clone(), bench.state("ws-one")), (json!("Succeeded"), "Running".into()));
    let shown = bench.world.snapshot(bench.now);
    let path = format!(
        "/subscriptions/{}/resourceGroups/ml/workspaces/demo/computes/ws-one/instance/jobs",
        crate::seed::SUBSCRIPTION
    );
    assert_eq!(shown.pointer(&path), Some(&json!([])));
    assert!(World::new(seeded("Exploded"), bench.now).unwrap_err().contains("neither Running nor Stopped"));
}
