//! Everything that could be wrong in an answer, drawn from what was recorded: each member, header, status, state and
//! duration, broken one at a time in the emulator itself.
//!
//! Must not break what the list of allowances covers: there nobody claims to notice.

use std::collections::BTreeMap;

use emulator::Effect;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::allowed::Allowed;
use crate::compare::{Finding, HEADERS, Kind, Rule};
use crate::replay::Broken;
use crate::tape::{Tape, operation};

/// What kind of thing is broken; a run breaks some of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    Field,
    Header,
    Status,
    State,
    Duration,
}

/// Members whose values are states: the words that clients wait for.
const STATES: [&str; 6] =
    ["provisioningState", "allocationState", "state", "status", "operationStatus", "operationName"];

/// A time that no tape is near to.
const FAR: &str = "2099-01-01T00:00:00.1234567+00:00";

/// One thing broken.
pub(crate) struct Break {
    pub(crate) class: Class,
    /// Which exchange, and what is done to it.
    pub(crate) name: String,
    pub(crate) broken: Broken,
}

/// Everything of a tape that can be broken; adds to `covered` how much is not, because a row of the list covers it.
pub(crate) fn of(tape: &Tape, allowed: &Allowed, covered: &mut usize) -> Vec<Break> {
    let mut breaks = Breaks { tape, allowed, found: Vec::new(), covered, exchange: 0 };
    for (index, exchange) in tape.exchanges.iter().enumerate().filter(|(_, each)| each.not_tried.is_none()) {
        breaks.exchange = index;
        let other = if exchange.response.status == 202 { 200 } else { 202 };
        breaks.add(Class::Status, "status", Kind::Value, format!("is {other}"), alter(Some(other), &[], &[], &[]));
        if let Some(headers) = &exchange.response.headers {
            breaks.headers(headers);
        }
        breaks.body("", &exchange.response.body);
        breaks.durations(index);
    }
    breaks.found
}

struct Breaks<'a> {
    tape: &'a Tape,
    allowed: &'a Allowed,
    found: Vec<Break>,
    covered: &'a mut usize,
    exchange: usize,
}

impl Breaks<'_> {
    /// Adds a break that shows as a difference of this kind at this place.
    fn add(&mut self, class: Class, at: &str, kind: Kind, what: impl std::fmt::Display, effect: Effect) {
        let label = self.tape.label(self.exchange);
        let allows = |at: &str, kind: Kind| {
            self.allowed.allows(&label, &Finding { at: at.to_owned(), kind, text: String::new() })
        };
        let above = at.match_indices('/').map(|(end, _)| &at[..end]).filter(|above| above.starts_with('/'));
        let hidden = above.into_iter().any(|above| allows(above, Kind::OnlyRecorded) || allows(above, Kind::Value));
        if hidden || allows(at, kind) || (kind == Kind::Value && allows(at, Kind::OnlyRecorded)) {
            *self.covered += 1;
            return;
        }
        let broken = Broken { exchange: self.exchange, effect, until: self.exchange };
        self.found.push(Break { class, name: format!("{label}: {at} {what}"), broken });
    }

    fn headers(&mut self, recorded: &BTreeMap<String, String>) {
        let compared = |name: &&String| {
            HEADERS.contains(&name.as_str()) || *name == "content-type" || name.starts_with("x-ms-ratelimit-remaining-")
        };
        for name in recorded.keys().filter(compared) {
            let at = format!("header {name}");
            let gone = alter(None, &[(name, None)], &[], &[]);
            self.add(Class::Header, &at, Kind::OnlyRecorded, "is left out", gone);
            if name != "etag" {
                let other = alter(None, &[(name, Some("other"))], &[], &[]);
                self.add(Class::Header, &at, Kind::Value, "has another value", other);
            }
        }
        for name in HEADERS.iter().filter(|name| !self.tape.headers_cut && !recorded.contains_key(**name)) {
            let extra = alter(None, &[(name, Some("7"))], &[], &[]);
            self.add(Class::Header, &format!("header {name}"), Kind::OnlyOurs, "is added", extra);
        }
    }

    fn body(&mut self, at: &str, recorded: &Value) {
        let class = match at.rsplit('/').next() {
            Some(name) if STATES.contains(&name) => Class::State,
            Some(_) | None => Class::Field,
        };
        let set = |to: &Value| alter(None, &[], &[], &[(at, to.clone())]);
        if recorded.is_null() {
            // An empty body is no JSON: it cannot be altered, only replaced, which the status and the headers show.
            if !at.is_empty() {
                self.add(class, at, Kind::Value, "is not null", set(&json!("text")));
            }
        } else {
            self.add(class, place(at), Kind::Value, "is null", set(&Value::Null));
        }
        for (what, to) in others(at, recorded, self.tape) {
            self.add(class, place(at), Kind::Value, what, set(&to));
        }
        match recorded {
            Value::Object(members) => {
                let extra = format!("{at}/unheardOf");
                let add = alter(None, &[], &[], &[(&extra, json!(true))]);
                self.add(Class::Field, &extra, Kind::OnlyOurs, "is added", add);
                for (name, value) in members {
                    let pointer = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
                    let gone = alter(None, &[], &[&pointer], &[]);
                    self.add(Class::Field, &pointer, Kind::OnlyRecorded, "is left out", gone);
                    let cased = format!("{at}/{}", other_case(name).replace('~', "~0").replace('/', "~1"));
                    let renamed = alter(None, &[], &[&pointer], &[(&cased, value.clone())]);
                    self.add(Class::Field, &pointer, Kind::OnlyRecorded, format!("is spelled {cased}"), renamed);
                    self.body(&pointer, value);
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    let pointer = format!("{at}/{index}");
                    let gone = alter(None, &[], &[&pointer], &[]);
                    self.add(Class::Field, at, Kind::Value, format!("lacks item {index}"), gone);
                    self.body(&pointer, item);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    /// An operation that ends before it was seen in progress, or has not ended when it was seen ended.
    fn durations(&mut self, start: usize) {
        let exchanges = &self.tape.exchanges;
        let headers = exchanges[start].response.headers.as_ref();
        let Some(id) = headers.and_then(|headers| headers.get("azure-asyncoperation")).and_then(|url| operation(url))
        else {
            return;
        };
        let (mut passed, mut under_way, mut ended) = (0, None, None);
        for (index, exchange) in exchanges.iter().enumerate().skip(start + 1) {
            passed += i64::from(exchange.after);
            if operation(&exchange.request.target) != Some(id) {
                continue;
            }
            if exchange.response.body["status"] == "InProgress" {
                under_way = Some((index, passed));
            } else {
                ended = ended.or(Some((index, passed)));
            }
        }
        let lasts = |seconds: i64| Effect::OperationLasts { time: SignedDuration::from_secs(seconds) };
        let mut add = |what: String, effect: Effect, until: usize| {
            let name = format!("{}: the operation {what}", self.tape.label(start));
            let broken = Broken { exchange: start, effect, until };
            self.found.push(Break { class: Class::Duration, name, broken });
        };
        if let Some((until, seconds)) = under_way {
            add(format!("ends within {seconds} s"), lasts((seconds - 1).max(0)), until);
        }
        if let Some((until, seconds)) = ended {
            add(format!("has not ended after {seconds} s"), lasts(seconds + 1), until);
        }
    }
}

fn place(at: &str) -> &str {
    if at.is_empty() { "body" } else { at }
}

/// Values that are not the recorded one, each wrong in a way of its own.
fn others(at: &str, recorded: &Value, tape: &Tape) -> Vec<(&'static str, Value)> {
    match recorded {
        Value::Null => Vec::new(),
        Value::Bool(value) => vec![("is the opposite", json!(!value)), ("is a text", json!(value.to_string()))],
        Value::Number(number) => {
            let free = Rule::of(at, tape.terms()) == Rule::Count;
            let other = if free { json!(-1) } else { json!(number.as_f64().unwrap_or_default() + 1.5) };
            vec![("is another number", other), ("is a text", json!(number.to_string()))]
        }
        Value::String(text) => {
            let mut others = vec![("is a number", json!(1)), ("is a list", json!([text]))];
            others.extend(other_texts(Rule::of(at, tape.terms()), text, tape));
            others
        }
        Value::Array(items) => {
            let mut more = items.clone();
            more.push(json!({"unheardOf": true}));
            vec![("has one item more", Value::Array(more)), ("is an object", json!({}))]
        }
        Value::Object(_) => vec![("is a list", json!([]))],
    }
}

fn other_texts(rule: Rule, text: &str, tape: &Tape) -> Vec<(&'static str, Value)> {
    let mut others = vec![("is empty", json!(""))];
    match rule {
        Rule::Equal => others.push(("is in another letter case", json!(other_case(text)))),
        Rule::Time => {
            others.push(("is in another form", json!(text.replace("+00:00", "").replace('Z', "+00:00"))));
            if tape.began.is_some() {
                let far = if text.ends_with('Z') { FAR.replace("+00:00", "Z") } else { FAR.to_owned() };
                others.push(("is long after", json!(far)));
            }
        }
        Rule::Guid | Rule::Hex | Rule::Address => others.push(("is a word", json!("other"))),
        Rule::Resource => others.push(("is of another type", json!(text.replace("Microsoft.", "microsoft.")))),
        Rule::Host => others.push(("is another domain", json!(text.replace(".azure.net", ".example.net")))),
        Rule::Digits => others.push(("has a letter more", json!(format!("{text}x")))),
        Rule::Sentence | Rule::Count => others.push(("says something else", json!("Something went wrong."))),
    }
    others.retain(|(_, other)| other != text);
    others
}

/// A text with its first letter in the other case, or with a letter more if it has none.
fn other_case(text: &str) -> String {
    let Some(at) = text.find(|letter: char| letter.is_ascii_alphabetic()) else { return format!("{text}x") };
    let letter = text[at..].chars().next().unwrap_or('x');
    let other = if letter.is_ascii_lowercase() { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() };
    format!("{}{other}{}", &text[..at], &text[at + 1..])
}

fn alter(status: Option<u16>, headers: &[(&str, Option<&str>)], remove: &[&str], set: &[(&str, Value)]) -> Effect {
    Effect::Alter {
        status,
        headers: headers.iter().map(|(name, value)| ((*name).to_owned(), value.map(str::to_owned))).collect(),
        remove: remove.iter().map(|pointer| (*pointer).to_owned()).collect(),
        set: set.iter().map(|(pointer, value)| ((*pointer).to_owned(), value.clone())).collect(),
    }
}

/// Numbers drawn from a seed (splitmix64; Steele, Lea, Flood 2014).
pub(crate) struct Lots(pub(crate) u64);

impl Lots {
    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let bits = usize::try_from((bits ^ (bits >> 31)) >> 1).unwrap_or_default();
        bits % bound.max(1)
    }
}
