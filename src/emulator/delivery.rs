//! What faults do to an answer on its way: late, altered, cut short, or never. Chooses no faults and touches no world.

use std::time::Duration;

use hyper::body::Bytes;
use serde_json::{Value, json};

use crate::{
    faults::{Effect, When},
    message::Response,
};

/// How long the request (before its effect) or the answer (after it) is held back.
pub(crate) fn delay(effects: &[Effect], moment: When) -> Duration {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Delay { by, when } if *when == moment => Some(by.unsigned_abs()),
            _ => None,
        })
        .sum()
}

/// Whether the connection is dropped at that moment.
pub(crate) fn drops(effects: &[Effect], moment: When) -> bool {
    effects.iter().any(|effect| matches!(effect, Effect::DropConnection { when } if *when == moment))
}

/// How many bytes of the body are sent, if it is cut short.
pub(crate) fn cut(effects: &[Effect]) -> Option<usize> {
    effects.iter().find_map(|effect| match effect {
        Effect::TruncateBody { bytes } => Some(*bytes),
        _ => None,
    })
}

/// An answer that stands in for the right one.
pub(crate) fn stand_in(effects: &[Effect], moment: When) -> Option<Response> {
    effects.iter().find_map(|effect| match effect {
        Effect::Respond { status, headers, body, when } if *when == moment => {
            Some(canned(*status, headers, body.as_ref()))
        }
        Effect::Html { status, when } if *when == moment => {
            let page = format!(
                "<html>\r\n<head><title>{status}</title></head>\r\n<body><center><h1>{status}</h1></center></body>\r\n</html>\r\n"
            );
            Some(Response::text(*status, "text/html", page))
        }
        _ => None,
    })
}

fn canned(status: u16, headers: &std::collections::BTreeMap<String, String>, body: Option<&Value>) -> Response {
    let mut response = match body {
        None => Response::empty(status),
        Some(Value::String(text)) => Response::text(status, "text/plain", text.clone()),
        Some(value) => Response::json(status, value),
    };
    for (name, value) in headers {
        response.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        response.extra.push((name.clone(), value.clone()));
    }
    response
}

/// The right answer, altered.
pub(crate) fn alter(mut response: Response, effects: &[Effect]) -> Response {
    for effect in effects {
        match effect {
            Effect::ForeignOperationUrl { origin } => {
                for (name, value) in &mut response.headers {
                    if *name == "Azure-AsyncOperation"
                        && let Some(path) = value.find("/subscriptions/")
                    {
                        *value = format!("{}{}", origin.trim_end_matches('/'), &value[path..]);
                    }
                }
            }
            Effect::ProvisioningState { value } => show_state(&mut response, value),
            Effect::HugeBody { bytes } => {
                let mut body = vec![b' '; *bytes];
                body.extend_from_slice(&response.body);
                response.body = Bytes::from(body);
            }
            _ => {}
        }
    }
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
        let effect: Effect = serde_json::from_str(
            r#"{"kind": "respond", "status": 503, "headers": {"Retry-After": "7"}, "body": {"error": {"code": "X"}}}"#,
        )
        .unwrap();
        let response = stand_in(std::slice::from_ref(&effect), When::BeforeEffect).unwrap();
        assert_eq!((response.status, &response.extra[0].1[..]), (503, "7"));
        assert!(stand_in(&[effect], When::AfterEffect).is_none());
    }

    #[test]
    fn operation_urls_and_states_are_altered_where_they_stand() {
        let answer = Response::json(201, &json!({"properties": {"provisioningState": "Creating"}}))
            .with("Azure-AsyncOperation", "http://127.0.0.1:1/subscriptions/S/x?y=z");
        let effects = [
            Effect::ForeignOperationUrl { origin: "https://evil.example/".into() },
            Effect::ProvisioningState { value: "Frozen".into() },
            Effect::HugeBody { bytes: 10 },
        ];
        let altered = alter(answer, &effects);
        assert_eq!(altered.header("azure-asyncoperation"), Some("https://evil.example/subscriptions/S/x?y=z"));
        assert!(
            altered.body.starts_with(b"          {")
                && altered.body.ends_with(br#"{"properties":{"provisioningState":"Frozen"}}"#)
        );
    }
}
