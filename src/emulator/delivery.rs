//! What the faults that met a request do to it, put together: to its operation in the world, and to its answer on the way. Chooses
//! no faults and touches no world.

use std::{collections::BTreeMap, time::Duration};

use hyper::body::Bytes;
use serde_json::{Value, json};

use crate::{
    compute::ArmError,
    faults::{Effect, When},
    message::Response,
};

/// Something that may be done before the effect of a request or after it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Twice<T> {
    pub(crate) before: T,
    pub(crate) after: T,
}

impl<T> Twice<T> {
    fn at(&mut self, when: When) -> &mut T {
        match when {
            When::BeforeEffect => &mut self.before,
            When::AfterEffect => &mut self.after,
        }
    }
}

/// All that is done to one request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plan {
    pub(crate) delay: Twice<Duration>,
    pub(crate) drops: Twice<bool>,
    pub(crate) stand_in: Twice<Option<Response>>,
    /// How many bytes of the body are sent.
    pub(crate) cut: Option<usize>,
    padding: usize,
    operation_origin: Option<String>,
    shown_state: Option<String>,
    alterations: Vec<Alteration>,
    pub(crate) operation_failure: Option<ArmError>,
    pub(crate) operation_endless: bool,
    /// How long the operation takes, if not as long as Azure's.
    pub(crate) operation_time: Option<jiff::SignedDuration>,
    pub(crate) operation_gone: bool,
    pub(crate) stale: bool,
    pub(crate) hidden_reads: u32,
    pub(crate) lingering_reads: u32,
}

impl Plan {
    /// Puts effects together; of two of a kind the later one counts.
    pub(crate) fn of(effects: Vec<Effect>) -> Self {
        let mut plan = Self::default();
        for effect in effects {
            plan.add(effect);
        }
        plan
    }

    fn add(&mut self, effect: Effect) {
        match effect {
            Effect::Respond { status, headers, body, when } => {
                *self.stand_in.at(when) = Some(canned(status, headers, body));
            }
            Effect::Html { status, when } => *self.stand_in.at(when) = Some(page(status)),
            Effect::Delay { by, when } => *self.delay.at(when) = by.unsigned_abs(),
            Effect::DropConnection { when } => *self.drops.at(when) = true,
            Effect::TruncateBody { bytes } => self.cut = Some(bytes),
            Effect::HugeBody { bytes } => self.padding = bytes,
            Effect::ForeignOperationUrl { origin } => self.operation_origin = Some(origin),
            Effect::ProvisioningState { value } => self.shown_state = Some(value),
            Effect::OperationFails { code, message } => self.operation_failure = Some(ArmError::new(&code, message)),
            Effect::OperationNeverEnds => self.operation_endless = true,
            Effect::OperationLasts { time } => self.operation_time = Some(time),
            Effect::Alter { status, headers, remove, set } => {
                self.alterations.push(Alteration { status, headers, remove, set });
            }
            Effect::OperationUrlGone => self.operation_gone = true,
            Effect::StaleRead => self.stale = true,
            Effect::HideAfterCreate { reads } => self.hidden_reads = reads,
            Effect::LingerAfterDelete { reads } => self.lingering_reads = reads,
        }
    }

    /// The right answer, altered.
    pub(crate) fn alter(&self, mut response: Response) -> Response {
        if let Some(origin) = &self.operation_origin {
            for (name, value) in &mut response.headers {
                if *name == "Azure-AsyncOperation"
                    && let Some(path) = value.find("/subscriptions/")
                {
                    *value = format!("{}{}", origin.trim_end_matches('/'), &value[path..]);
                }
            }
        }
        if let Some(state) = &self.shown_state {
            show_state(&mut response, state);
        }
        for alteration in &self.alterations {
            alteration.apply(&mut response);
        }
        if self.padding > 0 {
            let mut body = vec![b' '; self.padding];
            body.extend_from_slice(&response.body);
            response.body = Bytes::from(body);
        }
        response
    }
}

/// Changes to a right answer.
#[derive(Debug, Clone)]
struct Alteration {
    status: Option<u16>,
    headers: BTreeMap<String, Option<String>>,
    remove: Vec<String>,
    set: BTreeMap<String, Value>,
}

impl Alteration {
    fn apply(&self, response: &mut Response) {
        response.status = self.status.unwrap_or(response.status);
        for (name, value) in &self.headers {
            response.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
            response.extra.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
            response.extra.extend(value.iter().map(|value| (name.clone(), value.clone())));
        }
        if self.remove.is_empty() && self.set.is_empty() {
            return;
        }
        let Ok(mut body) = serde_json::from_slice::<Value>(&response.body) else { return };
        for pointer in &self.remove {
            let Some((parent, name)) = place(&mut body, pointer) else { continue };
            match parent {
                Value::Object(members) => drop(members.remove(&name)),
                Value::Array(items) => match name.parse::<usize>() {
                    Ok(index) if index < items.len() => drop(items.remove(index)),
                    Ok(_) | Err(_) => {}
                },
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            }
        }
        for (pointer, value) in &self.set {
            if pointer.is_empty() {
                body = value.clone();
                continue;
            }
            let Some((parent, name)) = place(&mut body, pointer) else { continue };
            match parent {
                Value::Object(members) => drop(members.insert(name, value.clone())),
                Value::Array(items) => match name.parse::<usize>() {
                    Ok(index) if index < items.len() => items[index] = value.clone(),
                    Ok(_) | Err(_) => items.push(value.clone()),
                },
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            }
        }
        response.body = Bytes::from(body.to_string());
    }
}

/// What holds the thing that a JSON pointer names, and its name there.
fn place<'a>(body: &'a mut Value, pointer: &str) -> Option<(&'a mut Value, String)> {
    let (parent, name) = pointer.rsplit_once('/')?;
    Some((body.pointer_mut(parent)?, name.replace("~1", "/").replace("~0", "~")))
}

/// What a front door sends when nothing behind it answers.
pub(crate) fn page(status: u16) -> Response {
    let text = format!(
        "<html>\r\n<head><title>{status}</title></head>\r\n<body><center><h1>{status}</h1></center></body>\r\n</html>\r\n"
    );
    Response::text(status, "text/html", text)
}

fn canned(status: u16, headers: BTreeMap<String, String>, body: Option<Value>) -> Response {
    let mut response = match body {
        None => Response::empty(status),
        Some(Value::String(text)) => Response::text(status, "text/plain", text),
        Some(value) => Response::json(status, &value),
    };
    response.headers.retain(|(known, _)| !headers.keys().any(|name| name.eq_ignore_ascii_case(known)));
    response.extra = headers.into_iter().collect();
    response
}

fn show_state(response: &mut Response, state: &str) {
    let Ok(mut body) = serde_json::from_slice::<Value>(&response.body) else { return };
    let put = |resource: &mut Value| {
        if let Some(shown) = resource.pointer_mut("/properties/provisioningState") {
            *shown = json!(state);
        }
    };
    match body.get_mut("value").and_then(Value::as_array_mut) {
        Some(items) => items.iter_mut().for_each(put),
        None => put(&mut body),
    }
    response.body = Bytes::from(body.to_string());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stand_ins_have_the_status_headers_and_body_they_were_given() {
        let effect = serde_json::from_str(
            r#"{"kind": "respond", "status": 503, "headers": {"Retry-After": "7"}, "body": {"error": {"code": "X"}}}"#,
        );
        let plan = Plan::of(vec![effect.unwrap()]);
        let response = plan.stand_in.before.unwrap();
        assert_eq!((response.status, &response.extra[0].1[..]), (503, "7"));
        assert!(plan.stand_in.after.is_none());
    }

    #[test]
    fn answers_are_altered_where_the_pointers_say() {
        let answer =
            Response::json(201, &json!({"a": {"b": 1, "c/d": [1, 2, 3]}, "e": true})).with("Pragma", "no-cache");
        let effect = serde_json::from_value(json!({"kind": "alter", "status": 299,
            "headers": {"pragma": null, "Retry-After": "9"},
            "remove": ["/a/b", "/a/c~1d/1", "/none/there"],
            "set": {"/e": null, "/a/B": {"new": 1}, "/a/c~1d/0": "one", "/a/c~1d/-": 4}}));
        let altered = Plan::of(vec![effect.unwrap()]).alter(answer);
        assert_eq!((altered.status, altered.header("Pragma")), (299, None));
        assert_eq!(altered.extra, [("Retry-After".to_owned(), "9".to_owned())]);
        let body: Value = serde_json::from_slice(&altered.body).unwrap();
        assert_eq!(body, json!({"a": {"B": {"new": 1}, "c/d": ["one", 3, 4]}, "e": null}));
    }

    #[test]
    fn operation_urls_and_states_are_altered_where_they_stand() {
        let answer = Response::json(201, &json!({"properties": {"provisioningState": "Creating"}}))
            .with("Azure-AsyncOperation", "http://127.0.0.1:1/subscriptions/S/x?y=z");
        let plan = Plan::of(vec![
            Effect::ForeignOperationUrl { origin: "https://evil.example/".into() },
            Effect::ProvisioningState { value: "Frozen".into() },
            Effect::HugeBody { bytes: 10 },
        ]);
        let altered = plan.alter(answer);
        assert_eq!(altered.header("azure-asyncoperation"), Some("https://evil.example/subscriptions/S/x?y=z"));
        assert!(altered.body.starts_with(b"          {"));
        assert!(altered.body.ends_with(br#"{"properties":{"provisioningState":"Frozen"}}"#));
    }
}
