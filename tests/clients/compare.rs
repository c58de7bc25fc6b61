//! Compares what a client did now with what was captured of it: outcomes and requests, step by step.
//!
//! Must not know which differences are allowed.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::player::Told;

/// A place in an intent where now is not as captured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// `step 2 request 1 /body/properties/subnet`, `step 1 requests`, `step 3 raised`: what the reviewed list names.
    pub(crate) at: String,
    /// Both values, shortened.
    pub(crate) values: String,
}

/// All differences between an intent and how it went.
pub(crate) fn differences(intent: &Value, told: &[Told]) -> Vec<Found> {
    let outcomes = intent["outcome"].as_array().unwrap();
    let requests = intent["requests"].as_array().unwrap();
    assert_eq!(outcomes.len(), told.len(), "one outcome for each step");
    let mut found = Vec::new();
    for (at, (captured, told)) in outcomes.iter().zip(told).enumerate() {
        let step = format!("step {}", at + 1);
        outcome(&step, captured, &told.outcome, &mut found);
        let captured = requests.iter().filter(|request| request["step"] == json!(at + 1));
        compare_requests(&step, &collapsed(captured), &collapsed(told.requests.iter()), &mut found);
    }
    found
}

/// What was returned or raised. Messages are the server's and not compared.
fn outcome(step: &str, captured: &Value, now: &Value, found: &mut Vec<Found>) {
    for name in ["ok", "raised", "returned"] {
        if captured[name] != now[name] {
            let message = now["message"].as_str().map(|text| format!(": {text}")).unwrap_or_default();
            let values = format!("{}{}", both(&captured[name], &now[name]), shortened(&message));
            found.push(Found { at: format!("{step} {name}"), values });
            return;
        }
    }
}

/// The requests of a step in one form; how often the same GET was sent in a row is a matter of time.
fn collapsed<'a>(requests: impl Iterator<Item = &'a Value>) -> Vec<Value> {
    let mut all: Vec<Value> = requests.map(form).collect();
    all.dedup_by(|one, before| one == before && one["method"] == "GET");
    all
}

fn form(request: &Value) -> Value {
    let path = request["path"].as_str().unwrap();
    if path.contains("/computeOperationsStatus/") {
        // Used as the service gave it, so it says nothing of the client.
        return json!({"method": request["method"], "path": "(poll)"});
    }
    let mut form = request.as_object().unwrap().clone();
    form.retain(|name, _| name != "step" && name != "answered");
    if let Some(headers) = form.get_mut("headers").and_then(Value::as_object_mut) {
        headers.iter_mut().for_each(|(name, value)| identify(name, value));
    }
    Value::Object(form)
}

/// Ids of requests and sessions are new each time; that they are ids is what can be compared.
fn identify(name: &str, value: &mut Value) {
    let is_id = |text: &str| text.len() == 36 && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit());
    if name.starts_with("x-ms-") && value.as_str().is_some_and(is_id) {
        *value = json!("<uuid>");
    }
}

fn compare_requests(step: &str, captured: &[Value], now: &[Value], found: &mut Vec<Found>) {
    let line = |all: &[Value]| {
        let name = |one: &Value| {
            let path = one["path"].as_str().unwrap_or_default();
            format!("{} {}", one["method"].as_str().unwrap_or_default(), path.rsplit('/').next().unwrap_or_default())
        };
        all.iter().map(name).collect::<Vec<_>>()
    };
    if line(captured) != line(now) {
        let values = format!("captured [{}], now [{}]", line(captured).join(", "), line(now).join(", "));
        found.push(Found { at: format!("{step} requests"), values });
        return;
    }
    for (at, (captured, now)) in captured.iter().zip(now).enumerate() {
        compare_values(&format!("{step} request {} ", at + 1), captured, now, found);
    }
}

fn compare_values(place: &str, captured: &Value, now: &Value, found: &mut Vec<Found>) {
    match (captured, now) {
        (Value::Object(a), Value::Object(b)) => {
            let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            let of = |map: &Map<String, Value>, name: &String| map.get(name).cloned().unwrap_or(json!("(absent)"));
            for name in names {
                compare_values(&format!("{place}/{name}"), &of(a, name), &of(b, name), found);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (at, (one, other)) in a.iter().zip(b).enumerate() {
                compare_values(&format!("{place}/{at}"), one, other, found);
            }
        }
        _ if alike(captured, now) => {}
        _ => found.push(Found { at: place.to_owned(), values: both(captured, now) }),
    }
}

/// Equal; or a text that was cut when it was captured; or a secret, which the journal takes out.
fn alike(captured: &Value, now: &Value) -> bool {
    match (captured.as_str(), now.as_str()) {
        (Some(captured), Some(now)) => match captured.strip_suffix('…') {
            Some(start) => now.starts_with(start.trim_end()),
            None => captured == now || now == "<redacted>",
        },
        _ => captured == now,
    }
}

fn both(captured: &Value, now: &Value) -> String {
    format!("captured {}, now {}", shortened(&captured.to_string()), shortened(&now.to_string()))
}

fn shortened(text: &str) -> String {
    const LONGEST: usize = 200;
    if text.chars().count() <= LONGEST {
        return text.replace('\n', " ");
    }
    let start: String = text.chars().take(LONGEST).collect();
    format!("{}…", start.replace('\n', " "))
}

#[test]
fn comparison_finds_a_changed_field_header_order_and_outcome() {
    let put = |body: Value, header: &str| {
        json!({"step": 1, "method": "PUT", "path": "/computes/a", "query": {"api-version": "1"},
            "headers": {"user-agent": header, "x-ms-client-request-id": "<uuid>"}, "body": body, "answered": 201})
    };
    let get = json!({"step": 1, "method": "GET", "path": "/computes/a", "query": {}, "headers": {}, "body": null});
    let captured = json!({
        "requests": [put(json!({"password": "a", "size": "S"}), "sdk/1 …"), get, get],
        "outcome": [{"ok": true, "returned": 1}],
    });
    let told = |requests: Vec<Value>, outcome: Value| differences(&captured, &[Told { outcome, requests }]);
    let ok = json!({"ok": true, "returned": 1});
    let mut same = put(json!({"password": "<redacted>", "size": "S"}), "sdk/1 Python");
    same["headers"]["x-ms-client-request-id"] = json!("01234567-89ab-cdef-0123-456789abcdef");
    assert_eq!(told(vec![same.clone(), get.clone()], ok.clone()), []);

    let places = |found: Vec<Found>| found.into_iter().map(|one| one.at).collect::<Vec<_>>();
    let mut other = same.clone();
    other["body"] = json!({"password": "<redacted>", "size": "T", "more": 1});
    other["headers"]["user-agent"] = json!("sdk/2");
    let expected =
        ["step 1 request 1 /body/more", "step 1 request 1 /body/size", "step 1 request 1 /headers/user-agent"];
    assert_eq!(places(told(vec![other, get.clone()], ok.clone())), expected);
    assert_eq!(places(told(vec![get.clone(), same.clone()], ok)), ["step 1 requests"]);
    let raised = json!({"ok": false, "raised": "KeyError", "message": "'x'"});
    assert_eq!(places(told(vec![same, get], raised)), ["step 1 ok"]);
}
