//! What was asked and answered on the data plane, bounded, with credentials taken out. Judges nothing.

use std::collections::{BTreeMap, VecDeque};

use hyper::body::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    message::{Request, Response},
    route::{self, ArmRoute, Route, Target},
};

/// Bodies longer than this are kept to here.
const LONGEST_BODY: usize = 64 * 1024;
/// What everything that is kept may take together: paths, headers and bodies.
const ALL: usize = 32 * 1024 * 1024;
const REDACTED: &str = "<redacted>";

/// One exchange, as `GET /journal` shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Counts from 1 and is never used again.
    pub seq: u64,
    /// Wall time at which the request was there.
    pub at: Timestamp,
    /// Method.
    pub method: String,
    /// Path as sent.
    pub path: String,
    /// Query as sent; empty if there was none.
    pub query: String,
    /// Headers by name in lower case; tokens are taken out.
    pub request_headers: BTreeMap<String, String>,
    /// Body: JSON if it is some, else text; null if there was none. Secrets and passwords are taken out.
    pub request_body: Value,
    /// Status; null if the connection was dropped instead of an answer.
    pub status: Option<u16>,
    /// Headers by name in lower case.
    pub response_headers: BTreeMap<String, String>,
    /// Body, as above.
    pub response_body: Value,
}

/// An exchange as it is kept: ten thousand are, so that each takes few pieces of memory.
#[derive(Debug)]
struct Record {
    seq: u64,
    at: Timestamp,
    method: Box<str>,
    path: Box<str>,
    query: Box<str>,
    request_headers: Box<str>,
    request_body: Bytes,
    response: Option<Answered>,
}

#[derive(Debug)]
struct Answered {
    status: u16,
    headers: Box<str>,
    body: Bytes,
}

/// What a record takes beside its texts, about.
const RECORD: usize = 400;

impl Record {
    fn bytes(&self) -> usize {
        let answered = self.response.as_ref().map_or(0, |response| response.headers.len() + response.body.len());
        let asked = self.method.len() + self.path.len() + self.query.len() + self.request_headers.len();
        RECORD + asked + self.request_body.len() + answered
    }
}

/// Names and values, a line each, in one text.
fn lines<'a>(headers: impl Iterator<Item = (&'a str, &'a str)>) -> Box<str> {
    let mut text = String::new();
    for (name, value) in headers {
        text.push_str(&name.to_ascii_lowercase());
        text.push('\n');
        text.extend(value.chars().map(|letter| if letter == '\n' { ' ' } else { letter }));
        text.push('\n');
    }
    text.into()
}

fn pairs(text: &str) -> BTreeMap<String, String> {
    let mut lines = text.split('\n');
    std::iter::from_fn(|| Some((lines.next()?.to_owned(), lines.next()?.to_owned()))).collect()
}

/// The latest exchanges.
#[derive(Debug)]
pub(crate) struct Journal {
    records: VecDeque<Record>,
    next: u64,
    capacity: usize,
    bytes: usize,
}

impl Journal {
    /// Keeps at most `capacity` exchanges.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { records: VecDeque::new(), next: 1, capacity: capacity.max(1), bytes: 0 }
    }

    /// Notes an exchange; `None`: the connection was dropped.
    pub(crate) fn note(&mut self, at: Timestamp, request: Request, response: Option<&Response>) {
        let route = route::parse(&request.path).ok();
        let form = matches!(route, Some(Route::Token { .. }));
        let tells = route.is_some_and(|route| tells_secrets(&route));
        let headers = request.headers.iter().map(|(name, value)| {
            let secret = matches!(name.as_str(), "authorization" | "x-ms-authorization-auxiliary" | "cookie");
            (name.as_str(), if secret { REDACTED } else { value.as_str() })
        });
        let response = response.map(|response| {
            let own = response.headers.iter().map(|(name, value)| (*name, value.as_str()));
            let extra = response.extra.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            let body = clip(&response.body);
            let body = if tells { redact(&body, false) } else { body };
            Answered { status: response.status, headers: lines(own.chain(extra)), body }
        });
        let record = Record {
            seq: self.next,
            at,
            request_headers: lines(headers),
            request_body: redact(&clip(&request.body), form),
            method: request.method.into(),
            path: request.path.into(),
            query: request.query.into(),
            response,
        };
        self.next += 1;
        self.bytes += record.bytes();
        self.records.push_back(record);
        while self.records.len() > self.capacity || (self.bytes > ALL && self.records.len() > 1) {
            let oldest = self.records.pop_front();
            self.bytes -= oldest.map_or(0, |record| record.bytes());
        }
    }

    /// Exchanges after number `since`, oldest first.
    pub(crate) fn entries(&self, since: u64) -> Vec<Entry> {
        self.records.iter().filter(|record| record.seq > since).map(entry).collect()
    }

    /// Forgets all exchanges; numbers go on.
    pub(crate) fn clear(&mut self) {
        self.records.clear();
        self.bytes = 0;
    }
}

fn entry(record: &Record) -> Entry {
    let response = record.response.as_ref();
    Entry {
        seq: record.seq,
        at: record.at,
        method: record.method.to_string(),
        path: record.path.to_string(),
        query: record.query.to_string(),
        request_headers: pairs(&record.request_headers),
        request_body: readable(&record.request_body),
        status: response.map(|response| response.status),
        response_headers: response.map(|response| pairs(&response.headers)).unwrap_or_default(),
        response_body: response.map_or(Value::Null, |response| readable(&response.body)),
    }
}

fn readable(body: &Bytes) -> Value {
    if body.is_empty() {
        return Value::Null;
    }
    serde_json::from_slice(body).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(body).into_owned()))
}

fn clip(body: &Bytes) -> Bytes {
    if body.len() <= LONGEST_BODY {
        return body.clone();
    }
    // A copy, so that the whole body is not kept alive by its beginning.
    Bytes::copy_from_slice(&body[..LONGEST_BODY])
}

/// Members and fields that hold a credential.
const SECRETS: [&str; 11] = [
    "adminUserPassword",
    "password",
    "client_secret",
    "client_assertion",
    "access_token",
    "privateKeyData",
    "passphrase",
    "databricksAccessToken",
    // Of a service principal.
    "secret",
    "userKubeConfig",
    "adminKubeConfig",
];

/// Ends the first line of a private key, whatever the member that holds it: that of TLS settings is only called `key`.
const PRIVATE_KEY: &str = "PRIVATE KEY-----";

/// Whether an answer may hold a credential. All others show none.
fn tells_secrets(route: &Route) -> bool {
    match route {
        Route::Token { .. } | Route::MachineToken => true,
        Route::Arm(ArmRoute { target: Target::ComputeAction(_, _, action), .. }) => {
            action.eq_ignore_ascii_case("listKeys")
        }
        Route::OpenIdConfiguration { .. }
        | Route::InstanceDiscovery
        | Route::CloudMetadata
        | Route::Discovery
        | Route::Subscriptions
        | Route::Arm(_)
        | Route::Regional(_) => false,
    }
}

/// Takes secrets out of a body: members and form fields whose names are those of credentials.
fn redact(body: &Bytes, form: bool) -> Bytes {
    if form {
        let text = String::from_utf8_lossy(body);
        let fields: Vec<String> = text
            .split('&')
            .map(|field| match field.split_once('=') {
                Some((name, _)) if SECRETS.contains(&name) => format!("{name}={REDACTED}"),
                _ => field.to_owned(),
            })
            .collect();
        return Bytes::from(fields.join("&"));
    }
    let text = String::from_utf8_lossy(body);
    if !SECRETS.iter().chain([&PRIVATE_KEY]).any(|secret| text.contains(secret)) {
        return body.clone();
    }
    match serde_json::from_slice::<Value>(body) {
        Ok(mut value) => {
            redact_members(&mut value);
            Bytes::from(value.to_string())
        }
        // It names a secret but cannot be read, so that none of it is safe to keep.
        Err(_) => Bytes::from_static(REDACTED.as_bytes()),
    }
}

fn redact_members(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                if SECRETS.contains(&name.as_str()) && !member.is_null() {
                    *member = REDACTED.into();
                } else {
                    redact_members(member);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(redact_members),
        Value::String(text) if text.contains(PRIVATE_KEY) => *value = REDACTED.into(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn request(path: &str, body: &str) -> Request {
        Request {
            method: "POST".into(),
            path: path.into(),
            headers: vec![("authorization".into(), "Bearer secret".into())],
            body: body.to_owned().into(),
            ..Request::default()
        }
    }

    #[test]
    fn journal_keeps_no_more_than_it_may_and_counts_on() {
        let mut journal = Journal::new(3);
        for _ in 0..5 {
            journal.note(Timestamp::UNIX_EPOCH, request("/x", ""), None);
        }
        let numbers: Vec<u64> = journal.entries(0).iter().map(|entry| entry.seq).collect();
        assert_eq!(numbers, [3, 4, 5]);
        assert_eq!(journal.entries(4).len(), 1);
        journal.clear();
        journal.note(Timestamp::UNIX_EPOCH, request("/x", ""), None);
        assert_eq!(journal.entries(0)[0].seq, 6);
    }

    #[test]
    fn journal_keeps_no_credential() {
        let mut journal = Journal::new(9);
        let answer = Response::json(200, &json!({"access_token": "secret", "expires_in": 1}));
        let form = "grant_type=client_credentials&client_secret=secret&scope=x";
        journal.note(Timestamp::UNIX_EPOCH, request("/t/oauth2/v2.0/token", form), Some(&answer));
        let body = r#"{"properties": {"userAccountCredentials": {"adminUserPassword": "secret"}}}"#;
        journal.note(Timestamp::UNIX_EPOCH, request("/subscriptions/S", body), Some(&Response::empty(201)));
        journal.note(Timestamp::UNIX_EPOCH, request("/x", r#"{"password": "secret"#), None);
        let text = serde_json::to_string(&journal.entries(0)).unwrap();
        assert!(!text.contains("secret\"") && !text.contains("=secret") && !text.contains("Bearer"), "{text}");
        assert!(text.contains("scope=x") && text.contains("expires_in"), "{text}");
    }

    #[test]
    fn journal_keeps_nothing_that_opens_what_is_attached() {
        const KEYS: &str = "/subscriptions/S/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w/computes/c/listKeys";
        let mut journal = Journal::new(99);
        for member in ["databricksAccessToken", "passphrase", "secret", "adminKubeConfig", "privateKeyData"] {
            let body = json!({"of": {member: "canary"}});
            journal.note(Timestamp::UNIX_EPOCH, request("/x", &body.to_string()), None);
            journal.note(Timestamp::UNIX_EPOCH, request(KEYS, ""), Some(&Response::json(200, &body)));
        }
        let token = Response::json(200, &json!({"access_token": "canary"}));
        journal.note(Timestamp::UNIX_EPOCH, request("/metadata/identity/oauth2/token", ""), Some(&token));
        let tls = json!({"sslConfiguration": {"key": "-----BEGIN PRIVATE KEY-----\ncanary"}, "tags": {"key": "v"}});
        journal.note(Timestamp::UNIX_EPOCH, request("/x", &tls.to_string()), None);
        let text = serde_json::to_string(&journal.entries(0)).unwrap();
        assert!(!text.contains("canary") && text.contains(r#""tags":{"key":"v"}"#), "{text}");
    }

    #[test]
    fn journal_bounds_the_bytes_it_keeps() {
        let mut journal = Journal::new(10_000);
        let big = "x".repeat(100_000);
        for _ in 0..800 {
            journal.note(Timestamp::UNIX_EPOCH, request("/x", &big), None);
        }
        assert!(journal.bytes <= ALL && journal.records.len() < 800);
        journal.clear();
        for _ in 0..800 {
            let mut request = request(&format!("/{}", "p".repeat(20_000)), "");
            request.headers.push(("x".into(), "h".repeat(40_000)));
            journal.note(Timestamp::UNIX_EPOCH, request, None);
        }
        assert!(journal.bytes <= ALL && journal.records.len() < 800);
    }
}
