//! A world that was written and read back goes on as if nothing had been. The file itself is elsewhere.

use super::*;
use crate::{state, tls::Tls};

/// A world with something of everything.
fn rich() -> Bench {
    let mut seed = serde_json::to_value(Seed::default()).unwrap();
    seed["principals"]
        .as_array_mut()
        .unwrap()
        .push(json!({"tenant": TENANT, "clientId": "reader", "clientSecret": "s",
        "denied": ["x/*"], "roleAssignments": [{"scope": DEMO, "role": "Reader"}]}));
    seed["identities"] = json!([{"id": "/subscriptions/S/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/i", "principalId": "p", "clientId": "c"}]);
    seed["pageSize"] = json!(3);
    let mut bench = Bench::with(&serde_json::from_value(seed).unwrap());
    let mut low = cluster("Standard_NC6s_v3", 1, 4);
    low["properties"]["properties"]["vmPriority"] = json!("LowPriority");
    low["properties"]["properties"]["userAccountCredentials"] =
        json!({"adminUserName": "a", "adminUserSshPublicKey": "ssh-rsa x"});
    low["identity"] = json!({"type": "SystemAssigned"});
    low["tags"] = json!({"team": "vision"});
    bench.made("low", &low);
    let days = json!({"hours": [8], "minutes": [30], "weekDays": ["Monday"]});
    let recurrence =
        json!({"frequency": "Week", "interval": 2, "schedule": days, "timeZone": "W. Europe Standard Time"});
    let schedules = json!({"computeStartStop": [
        {"action": "Start", "triggerType": "Recurrence", "recurrence": recurrence},
        {"action": "Stop", "triggerType": "Cron", "cron": {"expression": "0 18 * * 1-5", "startTime": "2026-01-01T00:00:00"}}]});
    let services = json!([{"name": "rstudio", "image": {"reference": "r"}}]);
    bench.workstation(
        "station",
        &json!({"idleTimeBeforeShutdown": "PT1H", "applicationSharingPolicy": "Personal",
        "schedules": schedules, "customServices": services, "autologgerSettings": {"mlflowAutologger": "Enabled"}}),
    );
    bench.event(&json!({"event": "runSubmitted", "compute": "station", "run": "j"})).unwrap();
    bench.post("station", "restart", None);
    bench.made("busy", &cluster("Standard_D2_v2", 0, 4));
    bench.made("left", &cluster("Standard_D2_v2", 0, 1));
    let machine = "/subscriptions/S/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/m";
    let account = json!({"username": "u", "password": "p"});
    for name in ["older", "younger"] {
        bench.made(
            name,
            &json!({"location": "eastus", "properties": {"computeType": "VirtualMachine", "resourceId": machine,
            "properties": {"administratorAccount": account}}}),
        );
    }
    bench
        .event(&json!({"event": "resourceChanged", "id": machine, "credentials": {"password": "other"},
        "reports": {"virtualMachineSize": "S"}}))
        .unwrap();
    bench.put("inference", &json!({"location": "eastus", "properties": {"computeType": "AKS"}}));
    let factory = json!({"location": "eastus", "properties": {"computeType": "DataFactory", "resourceId": "/subscriptions/S/resourceGroups/g/providers/Microsoft.DataFactory/factories/f"}});
    bench.made("factory", &factory);
    bench.event(&json!({"event": "runSubmitted", "compute": "busy", "nodes": 2, "run": "r"})).unwrap();
    bench.event(&json!({"event": "quotaChanged", "subscription": crate::seed::SUBSCRIPTION, "location": "eastus", "totalDedicatedCores": 30, "families": {"standardDv2Family": 20}})).unwrap();
    bench.event(&json!({"event": "lockChanged", "scope": format!("{DEMO}/computes/low"), "lock": "ReadOnly"})).unwrap();
    bench.event(&json!({"event": "policyAssigned", "policy": {"name": "sizes", "deniedVmSizes": ["x"]}})).unwrap();
    bench.event(&json!({"event": "regionFailed", "location": "ukwest", "how": "timeout"})).unwrap();
    let quota = json!({"value": [{"id": format!("{DEMO}/quotas/standardDv2Family"), "limit": 12, "unit": "Count"}]});
    let update = "/subscriptions/11111111-1111-1111-1111-111111111111/providers/Microsoft.MachineLearningServices/locations/eastus/updateQuotas";
    assert_eq!(bench.send("POST", update, Some(&quota)).status, 200);
    bench.send("DELETE", &format!("{DEMO}/computes/left?underlyingResourceAction=Detach"), None);
    bench.fault(&json!({"match": {"method": "DELETE"}, "effect": {"kind": "lingerAfterDelete", "reads": 3}}));
    bench.fault(&json!({"match": {"path": "/nothing"}, "nth": 3, "times": 2, "effect": {"kind": "staleRead"}}));
    bench.pass(70);
    bench.send("DELETE", &format!("{DEMO}/computes/factory?underlyingResourceAction=Detach"), None);
    bench.pass(8);
    let patch = json!({"properties": {"properties": {"scaleSettings": {"maxNodeCount": 8}}}});
    assert_eq!(bench.send("PATCH", &format!("{DEMO}/computes/busy"), Some(&patch)).status, 202);
    assert_eq!(bench.put("new", &cluster("Standard_D2_v2", 0, 4)).status, 201);
    bench
}

/// The same world after it was written and read.
fn restarted(bench: &Bench) -> Bench {
    let tls = Tls::new("127.0.0.1".parse().unwrap(), None).unwrap();
    let text = state::text(&bench.world, bench.now.service, &tls.kept).unwrap();
    let state = state::read(&text).unwrap();
    assert_eq!(state.service_time, bench.now.service);
    let again = state::text(&state.world, state.service_time, &state.tls).unwrap();
    let value = |text: &[u8]| serde_json::from_slice::<Value>(text).unwrap();
    assert!(value(&again) == value(&text), "what was read is written differently");
    Bench { world: state.world, now: bench.now, version: bench.version, caller: bench.caller }
}

#[test]
fn world_that_was_written_and_read_answers_and_goes_on_like_the_first() {
    let mut first = rich();
    let mut second = restarted(&first);
    let requests = [
        ("GET", format!("{DEMO}/computes"), None),
        ("GET", format!("{DEMO}/computes/factory"), None),
        ("PUT", format!("{DEMO}/computes/another"), Some(cluster("Standard_D2_v2", 1, 1))),
        ("PUT", format!("{DEMO}/computes/left"), Some(cluster("Standard_D3_v2", 0, 1))),
        ("POST", format!("{DEMO}/computes/busy/listNodes"), None),
        ("PATCH", format!("{DEMO}/computes/low"), Some(json!({"properties": {}}))),
        ("DELETE", format!("{DEMO}/computes/busy?underlyingResourceAction=Delete"), None),
    ];
    for (method, path, body) in &requests {
        let answers = [&mut first, &mut second].map(|bench| {
            let mut answer = bench.send(method, path, body.as_ref());
            // Budgets are full again after a restart.
            answer.headers.retain(|(name, _)| !name.starts_with("x-ms-ratelimit"));
            answer
        });
        assert_eq!(format!("{:?}", answers[0]), format!("{:?}", answers[1]), "{method} {path}");
    }
    for seconds in [1, 5, 30, 100, 1000] {
        first.pass(seconds);
        second.pass(seconds);
        let now = first.now;
        assert_eq!(first.world.snapshot(now), second.world.snapshot(now), "after {seconds} more seconds");
    }
}

#[test]
fn state_keeps_what_the_snapshot_shows() {
    let mut bench = rich();
    let now = bench.now;
    let shown = bench.world.snapshot(now);
    assert_eq!(restarted(&bench).world.snapshot(now), shown);
    let subscription = &shown["subscriptions"][crate::seed::SUBSCRIPTION];
    let computes = &subscription["resourceGroups"]["ml"]["workspaces"]["demo"]["computes"];
    assert_eq!(computes["new"]["operation"]["change"], "create");
    assert_eq!(computes["busy"]["properties"]["properties"]["nodeStateCounts"]["preparingNodeCount"], 2);
}
