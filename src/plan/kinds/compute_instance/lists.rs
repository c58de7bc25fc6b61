//! How the lists of an instance compare: schedules, custom applications and setup scripts.
//!
//! Must not compare what Azure adds by itself (ids, states of provisioning), nor show values that people may have meant
//! to be secret: scripts, arguments, environment variables.

use crate::rules::Comparison;
use arm::parse_duration;
use serde_json::Value;
use std::collections::BTreeSet;

/// Schedules: the same set, whatever their order.
pub(super) const SCHEDULES: Comparison = Comparison { same: same_schedules, show: show_schedules };
/// Custom applications: the same set by name.
pub(super) const SERVICES: Comparison = Comparison { same: same_services, show: show_services };
/// A script's body, which is never shown.
pub(super) const SCRIPT: Comparison = Comparison { same: same_script, show: show_script };

fn items(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn word(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_ascii_lowercase()
}

/// Each of the one list has a partner of its own in the other.
fn same_set(wanted: &[Value], found: &[Value], same: impl Fn(&Value, &Value) -> bool) -> bool {
    let mut left: Vec<&Value> = found.iter().collect();
    let taken = wanted.iter().all(|wanted| {
        let at = left.iter().position(|found| same(wanted, found));
        at.map(|at| left.swap_remove(at)).is_some()
    });
    taken && left.is_empty()
}

fn same_schedules(wanted: &Value, found: &Value) -> bool {
    same_set(items(wanted), items(found), same_schedule)
}

fn same_schedule(wanted: &Value, found: &Value) -> bool {
    // What Azure leaves out is its default.
    let enabled = |value: &Value| match word(value, "/status").as_str() {
        "" => "enabled".to_owned(),
        status => status.to_owned(),
    };
    let kind = word(wanted, "/triggerType");
    let (Some(ours), Some(theirs)) = (wanted.get(&kind), found.get(&kind)) else { return false };
    let start = |value: &Value| {
        value.get("startTime").and_then(Value::as_str).map(|time| time.trim_end_matches('Z').to_owned())
    };
    word(wanted, "/action") == word(found, "/action")
        && enabled(wanted) == enabled(found)
        && zone(ours) == zone(theirs)
        && start(ours).is_none_or(|ours| Some(ours) == start(theirs))
        && if kind == "cron" { fields(ours) == fields(theirs) } else { same_recurrence(ours, theirs) }
}

fn zone(trigger: &Value) -> String {
    match word(trigger, "/timeZone").as_str() {
        "" => "utc".to_owned(),
        zone => zone.to_owned(),
    }
}

/// The fields of a cron expression; how they are divided does not matter.
fn fields(cron: &Value) -> Vec<String> {
    word(cron, "/expression").split_whitespace().map(str::to_owned).collect()
}

fn same_recurrence(wanted: &Value, found: &Value) -> bool {
    let interval = |value: &Value| value.get("interval").and_then(Value::as_i64).unwrap_or(1);
    let set = |value: &Value, key: &str| -> BTreeSet<String> {
        let list = value.pointer(&format!("/schedule/{key}"));
        list.map(items).unwrap_or_default().iter().map(|item| item.to_string().to_ascii_lowercase()).collect()
    };
    word(wanted, "/frequency") == word(found, "/frequency")
        && interval(wanted) == interval(found)
        && ["hours", "minutes", "weekDays", "monthDays"].iter().all(|key| set(wanted, key) == set(found, key))
}

fn show_schedules(value: &Value) -> String {
    let show = |item: &Value| {
        let kind = word(item, "/triggerType");
        let trigger = item.get(&kind).cloned().unwrap_or_default();
        let when = match kind.as_str() {
            "cron" => word(&trigger, "/expression"),
            _ => format!("every {} {}", trigger["interval"], word(&trigger, "/frequency")),
        };
        let off = if word(item, "/status") == "disabled" { ", disabled" } else { "" };
        let zone = trigger["timeZone"].as_str().unwrap_or("UTC");
        format!("{} at {when} ({zone}{off})", word(item, "/action"))
    };
    listed(items(value).iter().map(show))
}

fn listed(items: impl Iterator<Item = String>) -> String {
    let all: Vec<String> = items.collect();
    if all.is_empty() { "none".into() } else { all.join("; ") }
}

fn same_services(wanted: &Value, found: &Value) -> bool {
    same_set(items(wanted), items(found), same_service)
}

fn same_service(wanted: &Value, found: &Value) -> bool {
    let pairs = |value: &Value, list: &str, keys: [&str; 3]| -> BTreeSet<Vec<String>> {
        let parts =
            |item: &Value| keys.map(|key| item.get(key).cloned().unwrap_or(Value::Bool(false)).to_string()).into();
        value.get(list).map(items).unwrap_or_default().iter().map(parts).collect()
    };
    let variables = |value: &Value| -> BTreeSet<(String, String)> {
        let all = value.get("environmentVariables").and_then(Value::as_object);
        let text = |value: &Value| value.get("value").and_then(Value::as_str).unwrap_or_default().to_owned();
        all.into_iter().flatten().map(|(name, value)| (name.clone(), text(value))).collect()
    };
    let ports = ["target", "published", "-"];
    let folders = ["source", "target", "readOnly"];
    wanted["name"] == found["name"]
        && wanted["image"]["reference"] == found["image"]["reference"]
        && pairs(wanted, "endpoints", ports) == pairs(found, "endpoints", ports)
        && pairs(wanted, "volumes", folders) == pairs(found, "volumes", folders)
        && variables(wanted) == variables(found)
}

/// Names, images and ports; environment variables only by how many there are.
fn show_services(value: &Value) -> String {
    let show = |item: &Value| {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let port = |endpoint: &Value| format!("{}:{}", endpoint["published"], endpoint["target"]);
        let ports: Vec<String> = item.get("endpoints").map(items).unwrap_or_default().iter().map(port).collect();
        let variables = item["environmentVariables"].as_object().map(serde_json::Map::len).unwrap_or_default();
        let volumes = item.get("volumes").map(items).unwrap_or_default().len();
        let (name, image) = (text(&item["name"]), text(&item["image"]["reference"]));
        format!("{name} ({image}, ports {}, {variables} variables, {volumes} volumes)", ports.join(" "))
    };
    listed(items(value).iter().map(show))
}

fn same_script(wanted: &Value, found: &Value) -> bool {
    let untold = |key: &str| found.get(key).is_none_or(Value::is_null);
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let timeout = |value: &Value| parse_duration(&text(value, "timeout"));
    (untold("scriptData") || wanted["scriptData"] == found["scriptData"])
        && (untold("scriptArguments") || text(wanted, "scriptArguments") == text(found, "scriptArguments"))
        && (untold("timeout") || wanted.get("timeout").is_none() || timeout(wanted) == timeout(found))
}

fn show_script(value: &Value) -> String {
    let size = value["scriptData"].as_str().map(|data| data.len() / 4 * 3).unwrap_or_default();
    format!("a script of about {size} bytes")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn cron(action: &str, expression: &str) -> Value {
        json!({"action": action, "triggerType": "Cron",
            "cron": {"expression": expression, "timeZone": "UTC", "triggerType": "Cron"}})
    }

    #[test]
    fn schedules_are_the_same_in_any_order_and_with_what_azure_adds() {
        let wanted = json!([cron("Start", "0 8 * * 1-5"), cron("Stop", "0 18 * * *")]);
        let mut found = json!([cron("stop", "0 18 * * *"), cron("start", "0  8 * * 1-5")]);
        found[0]["id"] = json!("x");
        found[0]["status"] = json!("Enabled");
        found[1]["cron"]["startTime"] = json!("2026-01-01T00:00:00");
        assert!(same_schedules(&wanted, &found));
        found[0]["status"] = json!("Disabled");
        assert!(!same_schedules(&wanted, &found));
        assert!(!same_schedules(&wanted, &Value::Null) && same_schedules(&json!([]), &Value::Null));
    }

    #[test]
    fn recurrences_compare_by_their_times() {
        let weekly = |days: Value| {
            json!([{"action": "Stop", "triggerType": "Recurrence", "recurrence": {"frequency": "Week", "interval": 1,
                "schedule": {"hours": [19], "minutes": [0], "weekDays": days}, "timeZone": "UTC"}}])
        };
        assert!(same_schedules(&weekly(json!(["Friday", "Monday"])), &weekly(json!(["monday", "friday"]))));
        assert!(!same_schedules(&weekly(json!(["Friday"])), &weekly(json!(["Friday", "Monday"]))));
        assert!(!same_schedules(&weekly(json!(["Friday"])), &json!([cron("Stop", "0 19 * * 5")])));
    }

    #[test]
    fn applications_are_the_same_with_what_azure_adds_and_differ_by_a_variable_that_is_not_shown() {
        let service = |token: &str| {
            json!([{"name": "rstudio", "image": {"reference": "r:1"}, "endpoints": [{"target": 8787, "published": 8787}],
                "environmentVariables": {"TOKEN": {"type": "local", "value": token}}}])
        };
        let mut found = service("canary");
        found[0]["endpoints"][0]["hostIp"] = Value::Null;
        found[0]["volumes"] = json!([]);
        assert!(same_services(&service("canary"), &found));
        assert!(!same_services(&service("other"), &found));
        assert!(!same_services(&json!([]), &found));
        assert!(!show_services(&found).contains("canary"), "{}", show_services(&found));
    }

    #[test]
    fn script_is_compared_as_far_as_azure_tells_it_and_never_shown() {
        let wanted = json!({"scriptData": "Y2FuYXJ5", "scriptArguments": "a", "timeout": "20m"});
        assert!(same_script(&wanted, &json!({"scriptData": null, "timeout": "PT20M"})));
        assert!(!same_script(&wanted, &json!({"scriptData": "b3RoZXI="})));
        assert!(!same_script(&wanted, &json!({"scriptData": "Y2FuYXJ5", "scriptArguments": "b"})));
        assert_eq!(show_script(&wanted), "a script of about 6 bytes");
    }
}
