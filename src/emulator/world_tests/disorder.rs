//! Instances under requests and events in any order and of any shape: answers stay ARM-shaped, and what instances tell stays within
//! the words of the API and agrees with itself.

use super::{instances::instance, *};
use crate::random::Random;

const STATES: [&str; 16] = [
    "Creating",
    "CreateFailed",
    "Deleting",
    "Running",
    "Restarting",
    "Resizing",
    "JobRunning",
    "SettingUp",
    "SetupFailed",
    "Starting",
    "Stopped",
    "Stopping",
    "UserSettingUp",
    "UserSetupFailed",
    "Unknown",
    "Unusable",
];
const MOVING: [&str; 8] =
    ["Creating", "Deleting", "Restarting", "Resizing", "SettingUp", "Starting", "Stopping", "UserSettingUp"];
const ACTIONS: [(&str, &str); 10] = [
    ("start", "2026-05-01"),
    ("stop", "2020-08-01"),
    ("restart", "2022-05-01"),
    ("resize", "2024-04-01-preview"),
    ("getAllowedVmSizesForResize", "2026-05-15-preview"),
    ("updateIdleShutdownSetting", "2021-07-01"),
    ("customServices", "2024-04-01-preview"),
    ("updateDataMounts", "2024-04-01-preview"),
    ("updateSchedules", "2021-03-01-preview"),
    ("enableSso", "2020-02-02"),
];

struct Disorder(Random);

impl Disorder {
    fn below(&mut self, bound: usize) -> usize {
        (self.0.next() % bound as u64) as usize
    }

    fn of<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> &'a T {
        all[self.below(all.len())]
    }

    /// A body that uses everything.
    fn rich(&mut self) -> Value {
        let days = json!({"hours": [8, 20], "minutes": [30], "weekDays": ["Monday"], "monthDays": null});
        let recurrence = json!({"frequency": self.of(&["Minute", "Hour", "Day", "Week", "Month"]), "interval": 1 + self.below(40),
            "startTime": "2026-11-20T08:00:00", "timeZone": "Pacific Standard Time", "schedule": days});
        let cron = json!({"expression": self.of(&["0 18 * * 1-5", "*/7 * * * *", "0 0 29 2 *", "0 0 31 2 *"]), "timeZone": "UTC"});
        let mut body = instance(&json!({
            "vmSize": self.of(&["Standard_DS3_v2", "Standard_D2_v2", "Standard_NC6s_v3"]),
            "applicationSharingPolicy": "Personal",
            "sshSettings": {"sshPublicAccess": "Enabled", "adminPublicKey": "ssh-rsa A"},
            "personalComputeInstanceSettings": {"assignedUser": {"objectId": OBJECT_ID, "tenantId": TENANT}},
            "setupScripts": {"scripts": {"startupScript": {"scriptSource": "inline", "scriptData": "ZWNobwo="}}},
            "schedules": {"computeStartStop": [
                {"action": "Start", "triggerType": "Recurrence", "recurrence": recurrence},
                {"action": "Stop", "triggerType": "Cron", "cron": cron}]},
            "idleTimeBeforeShutdown": "PT15M",
            "releaseQuotaOnStop": self.below(2) == 0,
            "customServices": [{"name": "a", "image": {"reference": "r"}, "endpoints": [{"target": 8787, "published": 8787}]}]
        }));
        body["identity"] = json!({"type": "SystemAssigned"});
        body
    }

    fn value(&mut self) -> Value {
        match self.below(9) {
            0 => Value::Null,
            1 => json!({}),
            2 => json!([]),
            3 => json!([{}]),
            4 => json!(-1),
            5 => json!("x".repeat(self.below(300))),
            6 => json!(["Monday", 7, null]),
            7 => json!(i64::MAX),
            _ => json!({"computeStartStop": [{"action": "Stop"}], "hours": [99]}),
        }
    }

    /// A body with one place in it changed to anything.
    fn twisted(&mut self) -> Value {
        let mut body = self.rich();
        let mut places = Vec::new();
        pointers(&body, "", &mut places);
        let place = places[self.below(places.len())].clone();
        if let Some(found) = body.pointer_mut(&place) {
            *found = self.value();
        }
        body
    }

    fn action_body(&mut self, action: &str) -> Option<Value> {
        if self.below(5) == 0 {
            return Some(self.value());
        }
        let rich = self.rich()["properties"]["properties"].clone();
        match action {
            "resize" => Some(json!({"targetVMSize": self.of(&["Standard_DS2_v2", "Standard_NC6s_v3", "x"])})),
            "updateIdleShutdownSetting" => Some(json!({"idleTimeBeforeShutdown": self.of(&["PT15M", "P3D", "PT1S"])})),
            "customServices" => Some(rich["customServices"].clone()),
            "updateDataMounts" => Some(json!([{"source": "azureml://x", "mountName": "m"}])),
            "updateSchedules" => Some(rich["schedules"].clone()),
            "enableSso" => Some(json!({"EnableSSO": self.below(2) == 0})),
            _ => None,
        }
    }

    fn event(&mut self, name: &str) -> Value {
        let event = self.of(&[
            "userActive",
            "userAway",
            "idleShutdown",
            "scheduledStop",
            "scheduledStart",
            "setupFails",
            "setupFails",
            "operationTimesOut",
            "instanceHealth",
            "diskFull",
            "runSubmitted",
            "runFinished",
        ]);
        let mut body = json!({"event": event, "compute": name});
        match event {
            "instanceHealth" => body["health"] = json!(self.of(&["good", "unusable", "unknown"])),
            "diskFull" => body["full"] = json!(self.below(2) == 0),
            "setupFails" if self.below(2) == 0 => body["code"] = json!("StorageMountError"),
            _ => {}
        }
        body
    }
}

fn pointers(value: &Value, at: &str, into: &mut Vec<String>) {
    into.push(at.to_owned());
    let children: Vec<(String, &Value)> = match value {
        Value::Object(object) => object.iter().map(|(name, value)| (name.clone(), value)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(index, value)| (index.to_string(), value)).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    };
    for (name, value) in children {
        pointers(value, &format!("{at}/{name}"), into);
    }
}

/// What an instance tells agrees with itself.
fn check(shown: &Value) {
    let (properties, inner) = (&shown["properties"], &shown["properties"]["properties"]);
    let state = inner["state"].as_str().unwrap();
    let last = &inner["lastOperation"];
    let (name, status) = (last["operationName"].as_str().unwrap(), last["operationStatus"].as_str().unwrap());
    assert!(STATES.contains(&state), "{shown}");
    assert_eq!(status == "InProgress", MOVING.contains(&state), "{shown}");
    assert!(["InProgress", "Succeeded", &format!("{name}Failed")].contains(&status), "{shown}");
    assert!(["User", "Schedule", "IdleShutdown"].contains(&last["operationTrigger"].as_str().unwrap()), "{shown}");
    let provisioning = properties["provisioningState"].as_str().unwrap();
    assert_eq!(state == "Deleting", provisioning == "Deleting", "{shown}");
    let failures = !properties["provisioningErrors"].is_null();
    assert!(failures || provisioning != "Failed", "{shown}");
    assert!(!failures || provisioning != "Succeeded", "{shown}");
    if state == "CreateFailed" {
        assert_eq!(provisioning, "Failed", "{shown}");
    }
    for wanted in ["vmSize", "sshSettings", "createdBy", "errors", "subnet"] {
        assert!(inner.get(wanted).is_some(), "azureml-core needs {wanted}: {shown}");
    }
}

fn shaped(round: usize, answer: &Response) {
    assert!(answer.status < 500, "{round}: {answer:?}");
    if answer.status >= 400 && !answer.body.is_empty() {
        let shown: Value = serde_json::from_slice(&answer.body).unwrap();
        assert!(shown["error"]["code"].is_string() && shown["error"]["message"].is_string(), "{round}: {shown}");
    }
}

#[test]
fn instances_stay_whole_whatever_is_done_to_them() {
    let mut bench = Bench::with(&Seed { throttle: crate::seed::ThrottleSeed::unlimited(), ..Seed::default() });
    let mut disorder = Disorder(Random::new(7));
    let (mut seen, mut happened) = (std::collections::BTreeSet::new(), 0);
    for round in 0..6_000 {
        let name = format!("ws-{}", disorder.of(&["a", "b", "c"]));
        let path = format!("{DEMO}/computes/{name}");
        bench.version = "2026-05-01";
        match disorder.below(10) {
            0 => shaped(round, &bench.put(&name, &disorder.rich())),
            1 => shaped(round, &bench.put(&name, &disorder.twisted())),
            2 if disorder.below(8) == 0 => {
                shaped(round, &bench.send("DELETE", &format!("{path}?underlyingResourceAction=Delete"), None));
            }
            3..=6 => {
                let (action, version) = ACTIONS[disorder.below(ACTIONS.len())];
                bench.version = version;
                let body = disorder.action_body(action);
                shaped(round, &bench.post(&name, action, body.as_ref()));
            }
            _ => happened += usize::from(bench.event(&disorder.event(&name)).is_ok()),
        }
        bench.version = "2026-05-01";
        for pause in [0, [0, 10, 70, 130, 1_000, 20_000][disorder.below(6)]] {
            bench.pass(pause);
            let (_, list) = bench.get(&format!("{DEMO}/computes"));
            for shown in list["value"].as_array().unwrap() {
                check(shown);
                seen.insert(shown["properties"]["properties"]["state"].as_str().unwrap().to_owned());
            }
        }
        if round > 1_200 && seen.len() == STATES.len() {
            break;
        }
    }
    assert!(happened > 50, "only {happened} events happened");
    let unseen: Vec<&&str> = STATES.iter().filter(|state| !seen.contains(**state)).collect();
    assert!(unseen.is_empty(), "never seen: {unseen:?}");
}
