//! The management plane: journal, clock, faults, events and the world, for people and tests. Serves nothing of Azure.

use jiff::SignedDuration;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    events::Event,
    faults::Fault,
    host::Host,
    message::{Request, Response},
    route,
};

/// All that is due is done before the answer, so that one request must not ask for centuries of it.
const LONGEST_ADVANCE: SignedDuration = SignedDuration::from_hours(366 * 24);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    by: SignedDuration,
}

/// Answers a request of the management plane.
pub(crate) fn answer(host: &Host, request: &Request) -> Response {
    let path = request.path.trim_end_matches('/');
    match (request.method.as_str(), path) {
        ("GET", "/healthz") => Response::text(200, "text/plain", "ok\n".into()),
        ("GET", "/journal") => journal(host, request),
        ("DELETE", "/journal") => {
            host.clear_journal();
            Response::empty(204)
        }
        ("GET", "/world") => pretty(&host.world()),
        ("POST", "/world/events") => or_refuse(read(request).and_then(|event: Event| host.event(event))),
        ("POST", "/clock/advance") => or_refuse(read(request).and_then(|advance: Advance| {
            if advance.by.is_negative() {
                return Err("by: time cannot go back; give a positive duration such as \"PT5M\"".into());
            }
            if advance.by > LONGEST_ADVANCE {
                return Err("by: give at most a year, \"PT8784H\"; ask several times for more".into());
            }
            Ok(host.advance(advance.by).to_string())
        })),
        ("GET", "/faults") => pretty(&json!(host.faults())),
        ("POST", "/faults") => add_faults(host, request),
        ("DELETE", "/faults") => {
            host.clear_faults();
            Response::empty(204)
        }
        (_, "/healthz" | "/journal" | "/world" | "/world/events" | "/clock/advance" | "/faults") => {
            refuse(405, &format!("{path} does not take {}", request.method))
        }
        _ => refuse(
            404,
            "there is only GET /healthz, GET|DELETE /journal, GET /world, POST /world/events, POST /clock/advance, GET|POST|DELETE /faults",
        ),
    }
}

fn journal(host: &Host, request: &Request) -> Response {
    let since = match route::query_value(&request.query, "since").map(|text| text.parse::<u64>()) {
        None => 0,
        Some(Ok(since)) => since,
        Some(Err(_)) => return refuse(400, "since: give the number of an entry, such as ?since=42"),
    };
    Response::json(200, &json!(host.journal(since)))
}

/// One fault or a list of them.
fn add_faults(host: &Host, request: &Request) -> Response {
    let faults = match read::<Value>(request) {
        Ok(Value::Array(items)) => items.into_iter().map(fault).collect::<Result<Vec<Fault>, _>>(),
        Ok(one) => fault(one).map(|fault| vec![fault]),
        Err(why) => Err(why),
    };
    match faults {
        Ok(faults) => {
            for fault in faults {
                host.add_fault(fault);
            }
            pretty(&json!(host.faults()))
        }
        Err(why) => refuse(400, &why),
    }
}

fn fault(value: Value) -> Result<Fault, String> {
    let fault: Fault = parse(value)?;
    fault.possible().map(|()| fault)
}

fn read<T: DeserializeOwned>(request: &Request) -> Result<T, String> {
    let value = serde_json::from_slice(&request.body).map_err(|error| format!("the body is no JSON: {error}"))?;
    parse(value)
}

fn parse<T: DeserializeOwned>(value: Value) -> Result<T, String> {
    serde_json::from_value(value).map_err(|error| error.to_string())
}

fn or_refuse(outcome: Result<String, String>) -> Response {
    match outcome {
        Ok(said) => pretty(&json!({"result": said})),
        Err(why) => refuse(400, &why),
    }
}

fn pretty(value: &Value) -> Response {
    Response::text(200, "application/json", format!("{value:#}\n"))
}

fn refuse(status: u16, why: &str) -> Response {
    Response::text(status, "application/json", format!("{:#}\n", json!({"error": why})))
}
