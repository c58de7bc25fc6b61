//! What an instance does by itself and what happens to it: schedules, idleness, jobs, failed setups, broken machines, quota.

use super::{
    instances::{STOPPED, instance},
    *,
};

fn cron(action: &str, expression: &str) -> Value {
    json!({"action": action, "triggerType": "Cron", "cron": {"expression": expression, "timeZone": "UTC"}})
}

#[test]
fn schedules_start_and_stop_an_instance_at_their_times() {
    // The clock shows 2026-11-21 08:00, a Saturday.
    let mut bench = Bench::new();
    let schedules =
        json!({"schedules": {"computeStartStop": [cron("Stop", "0 9 * * *"), cron("Start", "30 10 * * *")]}});
    bench.workstation("ws-one", &schedules);
    bench.pass(60 * 60 - 260 - 1);
    assert_eq!(bench.state("ws-one"), "Running");
    bench.pass(1);
    assert_eq!(bench.state("ws-one"), "Stopping");
    bench.pass(90);
    assert_eq!(
        (bench.state("ws-one"), bench.last("ws-one")),
        ("Stopped".into(), ["Stop", "Succeeded", "Schedule"].map(String::from))
    );
    bench.pass(90 * 60 - 90);
    assert_eq!(
        (bench.state("ws-one"), bench.last("ws-one")),
        ("Starting".into(), ["Start", "InProgress", "Schedule"].map(String::from))
    );
    // A day passes at once: each schedule fired at its own time.
    bench.pass(24 * 60 * 60 + 120);
    assert_eq!(bench.state("ws-one"), "Running");
    let began = bench.inner("ws-one")["lastOperation"]["operationTime"].clone();
    assert_eq!(began, "2026-11-22T10:30:00+00:00");
}

#[test]
fn schedule_that_finds_nothing_to_do_passes_by() {
    let mut bench = Bench::new();
    bench.workstation(
        "ws-one",
        &json!({"schedules": {"computeStartStop": [cron("Stop", "0 9 * * *"), cron("Start", "1 9 * * *")]}}),
    );
    bench.post("ws-one", "stop", None);
    bench.pass(60 * 60 - 260);
    assert_eq!(bench.last("ws-one"), ["Stop", "Succeeded", "User"]);
    bench.pass(60);
    assert_eq!(bench.last("ws-one"), ["Start", "InProgress", "Schedule"]);
}

#[test]
fn schedule_of_an_instance_that_is_being_made_waits_for_its_next_time() {
    let mut bench = Bench::new();
    bench.put("ws-one", &instance(&json!({"schedules": {"computeStartStop": [cron("Stop", "1 * * * *")]}})));
    bench.pass(154);
    assert_eq!(
        (bench.state("ws-one"), bench.last("ws-one")),
        ("Running".into(), ["Create", "Succeeded", "User"].map(String::from))
    );
    bench.pass(60 * 60);
    assert_eq!(bench.last("ws-one")[2], "Schedule");
}

#[test]
fn replaced_schedules_are_the_only_ones_that_fire() {
    let mut bench = Bench::new();
    bench.workstation("ws-one", &json!({"schedules": {"computeStartStop": [cron("Stop", "0 9 * * *")]}}));
    bench.version = "2021-03-01-preview";
    let body = json!({"computeStartStop": [cron("Stop", "0 12 * * *")]});
    assert_eq!(bench.post("ws-one", "updateSchedules", Some(&body)).status, 200);
    bench.version = "2026-05-01";
    bench.pass(3 * 60 * 60);
    assert_eq!(bench.state("ws-one"), "Running");
    bench.pass(60 * 60);
    assert_eq!(bench.last("ws-one")[2], "Schedule");
}

#[test]
fn idle_instance_stops_and_one_that_is_used_does_not() {
    let mut bench = Bench::new();
    bench.workstation("ws-one", &json!({"idleTimeBeforeShutdown": "PT30M"}));
    bench.event(&json!({"event": "userActive", "compute": "ws-one"})).unwrap();
    bench.pass(3 * 60 * 60);
    assert_eq!(bench.state("ws-one"), "Running");
    bench.event(&json!({"event": "runSubmitted", "compute": "ws-one", "run": "r1"})).unwrap();
    bench.event(&json!({"event": "userAway", "compute": "ws-one"})).unwrap();
    bench.pass(3 * 60 * 60);
    assert_eq!(bench.state("ws-one"), "JobRunning");
    bench.event(&json!({"event": "runFinished", "compute": "ws-one", "run": "r1"})).unwrap();
    bench.pass(30 * 60 - 1);
    assert_eq!(bench.state("ws-one"), "Running");
    bench.pass(1);
    assert_eq!(bench.last("ws-one"), ["Stop", "InProgress", "IdleShutdown"]);
    bench.pass(90);
    let start = bench.post("ws-one", "start", None);
    bench.pass(120);
    assert_eq!(bench.poll(&start)["status"], "Succeeded");
    bench.pass(29 * 60);
    assert_eq!(bench.state("ws-one"), "Running", "the time counts from the start");
    bench.pass(2 * 60);
    assert_eq!(bench.last("ws-one")[2], "IdleShutdown");
}

#[test]
fn idle_end_that_an_operation_holds_up_comes_when_that_ends() {
    let mut bench = Bench::new();
    bench.workstation("ws-one", &json!({"idleTimeBeforeShutdown": "PT30M"}));
    // It became idle when its create ended, somewhere within the recorded times; so it is made idle anew.
    bench.event(&json!({"event": "userAway", "compute": "ws-one"})).unwrap();
    bench.pass(30 * 60 - 1);
    let put = bench.put("ws-one", &instance(&json!({})));
    bench.pass(2);
    assert_eq!((bench.poll(&put)["status"].clone(), bench.state("ws-one")), (json!("InProgress"), "Running".into()));
    bench.pass(4);
    assert_eq!(bench.last("ws-one"), ["Stop", "InProgress", "IdleShutdown"]);
}

#[test]
fn idle_time_that_is_switched_off_stops_nothing() {
    let mut bench = Bench::new();
    bench.workstation("ws-one", &json!({"idleTimeBeforeShutdown": "PT30M"}));
    bench.version = "2021-07-01";
    assert_eq!(bench.post("ws-one", "updateIdleShutdownSetting", Some(&json!({}))).status, 200);
    bench.version = "2026-05-01";
    bench.pass(24 * 60 * 60);
    let inner = bench.inner("ws-one");
    assert_eq!((&inner["state"], inner.get("idleTimeBeforeShutdown")), (&json!("Running"), None));
}

#[test]
fn job_can_be_restarted_away_and_stopped_by_a_schedule() {
    let mut bench = Bench::new();
    bench.workstation("ws-one", &json!({"schedules": {"computeStartStop": [cron("Stop", "0 9 * * *")]}}));
    bench.event(&json!({"event": "runSubmitted", "compute": "ws-one"})).unwrap();
    let restart = bench.post("ws-one", "restart", None);
    bench.pass(150);
    assert_eq!(
        (bench.poll(&restart)["status"].clone(), bench.state("ws-one")),
        (json!("Succeeded"), "JobRunning".into())
    );
    bench.pass(60 * 60);
    assert_eq!((bench.state("ws-one"), bench.last("ws-one")[2].clone()), ("Stopped".into(), "Schedule".into()));
    assert!(bench.event(&json!({"event": "runSubmitted", "compute": "ws-one"})).unwrap_err().contains("Stopped"));
    assert!(bench.event(&json!({"event": "userActive", "compute": "ws-one"})).unwrap_err().contains("Stopped"));
}

#[test]
fn stops_and_starts_happen_on_request_of_the_management_plane() {
    let mut bench = Bench::new();
    bench.workstation("ws-one", &json!({}));
    for (event, last) in [
        ("idleShutdown", ["Stop", "Succeeded", "IdleShutdown"]),
        ("scheduledStart", ["Start", "Succeeded", "Schedule"]),
        ("scheduledStop", ["Stop", "Succeeded", "Schedule"]),
    ] {
        bench.event(&json!({"event": event, "compute": "ws-one"})).unwrap();
        assert!(bench.event(&json!({"event": event, "compute": "ws-one"})).unwrap_err().contains("operation runs"));
        bench.pass(120);
        assert_eq!(bench.last("ws-one"), last);
    }
    assert!(bench.event(&json!({"event": "idleShutdown", "compute": "ws-one"})).unwrap_err().contains("Stopped"));
}

#[test]
fn script_that_fails_leaves_an_instance_that_can_be_stopped_and_started() {
    let mut bench = Bench::new();
    let script = json!({"setupScripts": {"scripts": {"creationScript": {"scriptSource": "workspaceStorage", "scriptData": "a.sh"}}}});
    let answer = bench.put("ws-one", &instance(&script));
    bench.pass(210);
    assert_eq!(bench.state("ws-one"), "UserSettingUp");
    bench.event(&json!({"event": "setupFails", "compute": "ws-one", "message": "exit code 3"})).unwrap();
    let failed = bench.poll(&answer);
    assert_eq!((&failed["status"], &failed["error"]["code"]), (&json!("Failed"), &json!("SetupScriptsError")));
    let text = "The specified Azure ML Compute Instance ws-one user script setup failed with error \"exit code 3\"";
    assert_eq!(failed["error"]["message"], text);
    let seen = bench.compute("ws-one");
    assert_eq!(seen["properties"]["provisioningState"], "Failed");
    assert_eq!(seen["properties"]["provisioningErrors"][0]["error"]["message"], text);
    let inner = &seen["properties"]["properties"];
    assert_eq!(
        (&inner["state"], &inner["errors"][0]["error"]["code"]),
        (&json!("UserSetupFailed"), &json!("SetupScriptsError"))
    );
    assert_eq!(bench.last("ws-one")[1], "CreateFailed");
    for (action, state) in [("stop", "Stopped"), ("start", "Running")] {
        bench.post("ws-one", action, None);
        bench.pass(120);
        assert_eq!(bench.state("ws-one"), state);
    }
}

#[test]
fn script_from_a_place_that_does_not_exist_is_found_missing_when_it_is_to_run() {
    let mut bench = Bench::new();
    let script = json!({"setupScripts": {"scripts": {"creationScript": {"scriptSource": "https://x.blob.core.windows.net/setup.sh", "scriptData": "setup.sh"}}}});
    let answer = bench.put("ws-one", &instance(&script));
    bench.pass(260);
    let failed = bench.poll(&answer);
    assert!(
        failed["error"]["message"].as_str().unwrap().contains("User specified setup script file not found"),
        "{failed}"
    );
    assert_eq!(bench.state("ws-one"), "UserSetupFailed");
}

#[test]
fn service_setup_that_fails_is_another_state_and_a_create_that_fails_leaves_no_machine() {
    for (failure, state) in [
        (json!({"event": "setupFails", "compute": "ws-one", "code": "StorageMountError"}), "SetupFailed"),
        (
            json!({"event": "operationFails", "compute": "ws-one", "code": "AllocationFailed", "message": "no"}),
            "CreateFailed",
        ),
    ] {
        let mut bench = Bench::new();
        bench.put("ws-one", &instance(&json!({})));
        bench.pass(10);
        bench.event(&failure).unwrap();
        assert_eq!(bench.state("ws-one"), state);
        let refused = bench.post("ws-one", "restart", None);
        assert_eq!(bench.poll(&refused)["status"], "Failed");
        let put = bench.put("ws-one", &instance(&json!({})));
        assert_eq!(put.status, if state == "CreateFailed" { 400 } else { 201 }, "{state}");
        bench.pass(6);
        let path = format!("{DEMO}/computes/ws-one?underlyingResourceAction=Delete");
        assert_eq!(bench.send("DELETE", &path, None).status, 202);
        bench.pass(63);
        assert_eq!(bench.compute("ws-one"), Value::Null);
    }
}

#[test]
fn operations_can_time_out_or_fail_by_a_fault() {
    let mut bench = Bench::new();
    bench.workstation("ws-one", &json!({}));
    bench.post("ws-one", "stop", None);
    bench.pass(90);
    let start = bench.post("ws-one", "start", None);
    bench.event(&json!({"event": "operationTimesOut", "compute": "ws-one"})).unwrap();
    let text = "The specified Azure ML Compute Instance ws-one was timed out for operation Start";
    assert_eq!(bench.poll(&start)["error"]["message"], text);
    assert_eq!((bench.state("ws-one"), bench.last("ws-one")[1].clone()), ("Stopped".into(), "StartFailed".into()));
    assert_eq!(bench.compute("ws-one")["properties"]["provisioningState"], "Succeeded");
    bench.fault(&json!({"match": {"path": "*/start"}, "times": 1, "effect": {"kind": "operationFails", "code": "AllocationFailed", "message": "no room"}}));
    let start = bench.post("ws-one", "start", None);
    bench.pass(120);
    assert_eq!(bench.poll(&start)["error"]["code"], "AllocationFailed");
    let again = bench.post("ws-one", "start", None);
    bench.pass(120);
    assert_eq!(
        (bench.poll(&again)["status"].clone(), bench.inner("ws-one")["errors"].clone()),
        (json!("Succeeded"), json!([]))
    );
    for (action, state) in [("stop", "Running"), ("restart", "Unusable")] {
        bench.post("ws-one", action, None);
        bench.event(&json!({"event": "operationTimesOut", "compute": "ws-one"})).unwrap();
        assert_eq!(bench.state("ws-one"), state);
    }
}

#[test]
fn broken_and_full_machines_tell_of_it_and_allow_what_is_recorded() {
    let mut bench = Bench::new();
    bench.workstation("ws-one", &json!({"idleTimeBeforeShutdown": "PT15M"}));
    for (health, state) in [("unusable", "Unusable"), ("unknown", "Unknown"), ("good", "Running")] {
        bench.event(&json!({"event": "instanceHealth", "compute": "ws-one", "health": health})).unwrap();
        assert_eq!(bench.state("ws-one"), state);
    }
    bench.event(&json!({"event": "diskFull", "compute": "ws-one"})).unwrap();
    let (status, body) = read(&bench.post("ws-one", "stop", None));
    let text = "StopCompute is not allowed when ComputeInstance disk is full.";
    assert_eq!((status, &body["error"]["code"], &body["error"]["message"]), (400, &json!("BadRequest"), &json!(text)));
    bench.pass(60 * 60);
    assert_eq!(
        (bench.state("ws-one"), bench.inner("ws-one")["errors"][0]["error"]["code"].clone()),
        ("Running".into(), json!("DiskFull"))
    );
    bench.event(&json!({"event": "userActive", "compute": "ws-one"})).unwrap();
    bench.event(&json!({"event": "diskFull", "compute": "ws-one", "full": false})).unwrap();
    bench.event(&json!({"event": "instanceHealth", "compute": "ws-one", "health": "unusable"})).unwrap();
    bench.post("ws-one", "stop", None);
    bench.pass(90);
    assert_eq!(bench.state("ws-one"), "Stopped");
}

#[test]
fn names_of_instances_are_taken_in_the_whole_region() {
    let mut bench = Bench::new();
    bench.workstation("ws-one", &json!({}));
    bench.made("cpu-cluster", &cluster("Standard_D2_v2", 0, 1));
    let east = SeedOf::workspace(&mut bench, "third", "eastus");
    let taken = bench.send("PUT", &format!("{east}/computes/WS-one"), Some(&instance(&json!({}))));
    assert!(read(&taken).1["error"]["message"].as_str().unwrap().contains("unique across all existing computes"));
    assert_eq!(taken.status, 400);
    let ask = |bench: &mut Bench, name: &str| {
        let body = json!({"Name": name, "Type": "Microsoft.BatchAI/DataScienceInstance"});
        read(&bench.send("POST", &format!("{east}/checkComputeNameAvailability"), Some(&body))).1["nameAvailable"]
            .clone()
    };
    assert_eq!((ask(&mut bench, "ws-one"), ask(&mut bench, "cpu-cluster")), (json!(false), json!(true)));
    let west = DEMO.replace("/demo", "/second");
    let mut body = instance(&json!({}));
    body["location"] = json!("westeurope");
    assert_eq!(bench.send("PUT", &format!("{west}/computes/ws-one"), Some(&body)).status, 201);
    body["location"] = json!("eastus");
    assert_eq!(code(&bench.send("PUT", &format!("{west}/computes/ws-two"), Some(&body))), (400, "UserError".into()));
}

/// Things that come to be in a running world.
struct SeedOf;

impl SeedOf {
    fn workspace(bench: &mut Bench, name: &str, location: &str) -> String {
        let event =
            json!({"event": "workspaceCreated", "group": "ml", "workspace": {"name": name, "location": location}});
        bench.event(&event).unwrap();
        DEMO.replace("/demo", &format!("/{name}"))
    }
}

fn dedicated(bench: &mut Bench) -> Value {
    let url = format!(
        "/subscriptions/{}/providers/Microsoft.MachineLearningServices/locations/eastus/usages",
        crate::seed::SUBSCRIPTION
    );
    bench.get(&url).1["value"][1]["currentValue"].clone()
}

#[test]
fn instances_hold_quota_while_stopped_unless_they_release_it() {
    let mut bench = Bench::new();
    let limit = json!({"event": "quotaChanged", "subscription": crate::seed::SUBSCRIPTION, "location": "eastus", "totalDedicatedCores": 8});
    bench.event(&limit).unwrap();
    bench.workstation("keeps", &json!({}));
    bench.workstation("gives", &json!({"releaseQuotaOnStop": true}));
    assert_eq!(dedicated(&mut bench), 8);
    let third = bench.put("third", &instance(&json!({})));
    bench.pass(22);
    assert_eq!(bench.poll(&third)["error"]["code"], "ClusterCoreQuotaReached");
    assert_eq!(bench.state("third"), "CreateFailed");
    for name in ["keeps", "gives"] {
        bench.post(name, "stop", None);
    }
    bench.pass(90);
    assert_eq!(dedicated(&mut bench), 4);
    bench.made("cpu-cluster", &cluster("Standard_DS3_v2", 1, 1));
    bench.pass(200);
    assert_eq!(dedicated(&mut bench), 8);
    let refused = bench.post("gives", "start", None);
    bench.pass(22);
    assert_eq!(bench.poll(&refused)["error"]["code"], "ClusterCoreQuotaReached");
    assert_eq!((bench.state("gives"), bench.last("gives")[1].clone()), ("Stopped".into(), "StartFailed".into()));
    let kept = bench.post("keeps", "start", None);
    bench.pass(120);
    assert_eq!(bench.poll(&kept)["status"], "Succeeded");
}

#[test]
fn sizes_and_limits_that_no_instance_can_have_fail_the_create() {
    let mut bench = Bench::new();
    for (size, code) in
        [("Standard_Z99", "InvalidPropertyValue"), ("Standard_NC6s_v3", "ClusterMinNodesExceedCoreQuota")]
    {
        let answer = bench.put("ws-one", &instance(&json!({"vmSize": size})));
        bench.pass(22);
        assert_eq!(bench.poll(&answer)["error"]["code"], code);
        let path = format!("{DEMO}/computes/ws-one?underlyingResourceAction=Delete");
        bench.send("DELETE", &path, None);
        bench.pass(63);
    }
}

#[test]
fn instance_for_somebody_else_takes_no_key_of_its_creator() {
    let mut bench = Bench::new();
    let body = |enabled: &str, key: Value| {
        instance(&json!({"sshSettings": {"sshPublicAccess": enabled, "adminPublicKey": key},
            "personalComputeInstanceSettings": {"assignedUser": {
                "objectId": "00000000-0000-0000-0000-00000000abcd", "tenantId": TENANT}}}))
    };
    let (status, refused) = read(&bench.put("ws-one", &body("Enabled", json!("ssh-rsa A"))));
    let text = "Setting SSH key at creation time is not allowed when compute instance is provisioned on behalf of another user.";
    assert_eq!((status, &refused["error"]["message"]), (400, &json!(text)));
    assert_eq!(bench.put("ws-one", &body("Enabled", Value::Null)).status, 201);
}

#[test]
fn start_of_a_detached_instance_is_not_found_and_its_machine_is_found_again_by_its_name() {
    let mut bench = Bench::new();
    bench.workstation("ws-one", &json!({}));
    bench.send("DELETE", &format!("{DEMO}/computes/ws-one?underlyingResourceAction=Detach"), None);
    bench.pass(6);
    assert_eq!(bench.post("ws-one", "start", None).status, 404);
    assert_eq!(dedicated(&mut bench), 4, "it goes on costing");
    bench.put("ws-one", &instance(&json!({"vmSize": "Standard_DS2_v2"})));
    bench.pass(154);
    assert_eq!(bench.inner("ws-one")["vmSize"], "STANDARD_DS3_V2");
    let start = bench.post("ws-one", "start", None);
    assert_eq!(bench.poll(&start)["error"]["code"], STOPPED);
}
