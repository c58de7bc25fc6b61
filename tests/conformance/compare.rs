//! Compares an answer with a recorded one: status, headers that clients act on, and every member of the body.
//!
//! Must not allow anything: what may differ is the list's business. What cannot be equal (times, ids, addresses) has a
//! rule of its own, and `breaks.rs` shows that each rule can fail.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use crate::tape::NodeCounts;

/// How far a time in a body may be from the recorded one, measured from the first exchange: Azure's own durations spread
/// that much (a create 10 to 22 s, of an instance 127 to 154 s; azureml-api a.4).
const TOLERANCE: SignedDuration = SignedDuration::from_secs(30);

/// Headers that clients act on, present or absent alike.
pub(crate) const HEADERS: [&str; 12] = [
    "azure-asyncoperation",
    "location",
    "retry-after",
    "etag",
    "x-ms-failure-cause",
    "x-ms-response-type",
    "x-ms-correlation-request-id",
    "x-ms-routing-request-id",
    "cache-control",
    "pragma",
    "strict-transport-security",
    "x-content-type-options",
];

/// Headers whose values are equal too.
const EQUAL: [&str; 8] = [
    "content-type",
    "retry-after",
    "x-ms-failure-cause",
    "x-ms-response-type",
    "cache-control",
    "pragma",
    "strict-transport-security",
    "x-content-type-options",
];

/// Begins the names of the headers that say how many requests are left.
const BUDGET: &str = "x-ms-ratelimit-remaining-";

/// Which side has what the other has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Kind {
    /// Ours has it, the recorded answer has not.
    OnlyOurs,
    /// The recorded answer has it, ours has not.
    OnlyRecorded,
    /// Both have it, and it is not alike.
    Value,
    /// The contract does not declare it.
    Undeclared,
    /// The contract declares it otherwise.
    Invalid,
    /// Null where the contract does not say that it may be.
    Null,
    /// A published example shows it, ours does not.
    Lacking,
}

/// One difference.
#[derive(Debug, Clone)]
pub(crate) struct Finding {
    /// `status`, `header NAME`, or a JSON pointer into the body.
    pub(crate) at: String,
    pub(crate) kind: Kind,
    pub(crate) text: String,
}

/// An answer, recorded or ours.
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    /// By name in lower case; `None`: not recorded.
    pub(crate) headers: Option<&'a BTreeMap<String, String>>,
    pub(crate) body: &'a Value,
    /// When the first exchange was answered, by this side's clock; `None`: not known.
    pub(crate) began: Option<Timestamp>,
}

/// What a comparison has to know of a tape.
#[derive(Clone, Copy)]
pub(crate) struct Terms {
    pub(crate) headers_cut: bool,
    pub(crate) node_counts: NodeCounts,
}

/// How the values of a member are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    /// They are equal.
    Equal,
    /// Both are times of one form and, where the tape has dates, close to each other.
    Time,
    /// Both are guids.
    Guid,
    /// Both are hexadecimal digits of one length.
    Hex,
    /// Both are IP addresses.
    Address,
    /// Both are ids of resources that differ in their names only.
    Resource,
    /// Both are names of hosts that differ in their first label only.
    Host,
    /// They are equal but for their digits.
    Digits,
    /// They are one sentence about different things.
    Sentence,
    /// Both are numbers.
    Count,
}

impl Rule {
    /// The rule for a member, by its name and what holds it.
    pub(crate) fn of(pointer: &str, terms: Terms) -> Self {
        let mut names = pointer.rsplit('/');
        let (last, parent) = (names.next().unwrap_or_default(), names.next().unwrap_or_default());
        match last {
            "createdOn"
            | "modifiedOn"
            | "allocationStateTransitionTime"
            | "operationTime"
            | "time"
            | "createdAt"
            | "lastModifiedAt"
            | "creationTime" => Self::Time,
            "principalId" | "clientId" | "tenantId" | "userId" | "userOrgId" | "workspaceId" => Self::Guid,
            "storageAccount" | "keyVault" | "applicationInsights" | "containerRegistry" => Self::Resource,
            "fqdn" => Self::Host,
            "resourceId" if parent == "notebookInfo" => Self::Hex,
            "createdBy" | "lastModifiedBy" if parent == "systemData" => Self::Guid,
            "operation" | "request" if parent == "correlation" => Self::Hex,
            "publicIpAddress" | "privateIpAddress" | "address" | "ipAddress" => Self::Address,
            "currentImageVersion" | "latestImageVersion" | "runtime" => Self::Digits,
            "message" => Self::Sentence,
            "currentNodeCount" | "targetNodeCount" if terms.node_counts == NodeCounts::Free => Self::Count,
            _ if parent == "nodeStateCounts" && terms.node_counts == NodeCounts::Free => Self::Count,
            _ => Self::Equal,
        }
    }
}

/// Everything in which ours is not as recorded.
pub(crate) fn compare(recorded: &Answer<'_>, ours: &Answer<'_>, terms: Terms) -> Vec<Finding> {
    let mut comparison = Comparison { terms, began: recorded.began.zip(ours.began), findings: Vec::new() };
    if recorded.status != ours.status {
        comparison.differs("status", Kind::Value, format!("{}, recorded {}", ours.status, recorded.status));
    }
    if let Some((recorded, ours)) = recorded.headers.zip(ours.headers) {
        comparison.headers(recorded, ours);
    }
    comparison.value("", recorded.body, ours.body);
    comparison.findings
}

struct Comparison {
    terms: Terms,
    /// When the first exchange was answered, recorded and ours.
    began: Option<(Timestamp, Timestamp)>,
    findings: Vec<Finding>,
}

impl Comparison {
    fn differs(&mut self, at: impl Into<String>, kind: Kind, text: String) {
        self.findings.push(Finding { at: at.into(), kind, text });
    }

    fn headers(&mut self, recorded: &BTreeMap<String, String>, ours: &BTreeMap<String, String>) {
        let budgets = recorded.keys().chain(ours.keys()).filter(|name| name.starts_with(BUDGET)).map(String::as_str);
        let mut names: Vec<&str> = HEADERS.into_iter().chain(["content-type"]).chain(budgets).collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            let at = format!("header {name}");
            match (recorded.get(name), ours.get(name)) {
                (Some(value), None) => self.differs(at, Kind::OnlyRecorded, value.clone()),
                (None, Some(value)) if !self.terms.headers_cut => self.differs(at, Kind::OnlyOurs, value.clone()),
                (Some(recorded), Some(ours)) => {
                    if !header_alike(name, recorded, ours) {
                        self.differs(&at, Kind::Value, format!("{ours:?}, recorded {recorded:?}"));
                    }
                    match (is_signed(recorded), is_signed(ours)) {
                        (true, false) => self.differs(format!("{at} signature"), Kind::OnlyRecorded, String::new()),
                        (false, true) => self.differs(format!("{at} signature"), Kind::OnlyOurs, String::new()),
                        (true, true) | (false, false) => {}
                    }
                }
                (None, None | Some(_)) => {}
            }
        }
        // Recorders keep the length of a compressed body; only an empty one says something.
        let (recorded, ours) = (recorded.get("content-length"), ours.get("content-length"));
        if recorded.is_some_and(|length| length == "0") && recorded != ours {
            self.differs("header content-length", Kind::Value, format!("{ours:?}, recorded 0"));
        }
    }

    fn value(&mut self, at: &str, recorded: &Value, ours: &Value) {
        match (recorded, ours) {
            (Value::Object(recorded), Value::Object(ours)) => {
                for (name, value) in recorded {
                    let at = format!("{at}/{}", escaped(name));
                    match ours.get(name) {
                        Some(other) => self.value(&at, value, other),
                        None => self.differs(at, Kind::OnlyRecorded, short(value)),
                    }
                }
                for (name, value) in ours.iter().filter(|(name, _)| !recorded.contains_key(*name)) {
                    self.differs(format!("{at}/{}", escaped(name)), Kind::OnlyOurs, short(value));
                }
            }
            (Value::Array(recorded), Value::Array(ours)) => {
                if recorded.len() != ours.len() {
                    let text = format!("{} items, recorded {}", ours.len(), recorded.len());
                    self.differs(at, Kind::Value, text);
                }
                for (index, (recorded, ours)) in recorded.iter().zip(ours).enumerate() {
                    self.value(&format!("{at}/{index}"), recorded, ours);
                }
            }
            (recorded, ours) => {
                if !self.alike(Rule::of(at, self.terms), recorded, ours) {
                    let at = if at.is_empty() { "body" } else { at };
                    self.differs(at, Kind::Value, format!("{}, recorded {}", short(ours), short(recorded)));
                }
            }
        }
    }

    fn alike(&self, rule: Rule, recorded: &Value, ours: &Value) -> bool {
        let (Value::String(one), Value::String(other)) = (recorded, ours) else {
            return recorded == ours || (rule == Rule::Count && recorded.is_u64() && ours.is_u64());
        };
        match rule {
            Rule::Equal | Rule::Count => one == other,
            Rule::Time => self.times_alike(one, other),
            Rule::Guid => guid(one) && guid(other),
            Rule::Hex => one.len() == other.len() && other.bytes().all(|byte| byte.is_ascii_hexdigit()),
            Rule::Address => other.parse::<std::net::IpAddr>().is_ok(),
            Rule::Resource => one.rsplit_once('/').map(|parts| parts.0) == other.rsplit_once('/').map(|parts| parts.0),
            Rule::Host => one.split_once('.').map(|parts| parts.1) == other.split_once('.').map(|parts| parts.1),
            Rule::Digits => without_digits(one) == without_digits(other),
            Rule::Sentence => sentence(one) == sentence(other),
        }
    }

    fn times_alike(&self, recorded: &str, ours: &str) -> bool {
        let read = |text: &str| text.parse::<Timestamp>().ok();
        let (Some(one), Some(other)) = (read(recorded), read(ours)) else { return false };
        let digits =
            |text: &str| text.split('.').nth(1).map_or(0, |rest| rest.bytes().take_while(u8::is_ascii_digit).count());
        // Azure writes no needless zeros: a fraction may be shorter, not longer, than the form has room for.
        let room = if digits(recorded) > 3 { 7 } else { 3 };
        if zone(recorded) != zone(ours) || digits(ours) > room.max(digits(recorded)) {
            return false;
        }
        let Some((recorded_began, ours_began)) = self.began else { return true };
        let (one, other) = (one.duration_since(recorded_began), other.duration_since(ours_began));
        if one < -TOLERANCE {
            return other <= TOLERANCE;
        }
        (one - other).abs() <= TOLERANCE
    }
}

/// `Z` or the offset that a time ends with.
fn zone(text: &str) -> &str {
    let from = if text.ends_with('Z') { text.len() - 1 } else { text.len().saturating_sub(6) };
    text.get(from..).unwrap_or_default()
}

fn header_alike(name: &str, recorded: &str, ours: &str) -> bool {
    if name == "azure-asyncoperation" || name == "location" {
        return url_form(recorded) == url_form(ours);
    }
    if name == "x-ms-correlation-request-id" {
        return guid(ours);
    }
    if name == "x-ms-routing-request-id" {
        let parts: Vec<&str> = ours.split(':').collect();
        return matches!(parts[..], [region, at, id] if !region.is_empty() && at.ends_with('Z') && guid(id));
    }
    if name.starts_with(BUDGET) {
        return ours.parse::<u32>().is_ok();
    }
    !EQUAL.contains(&name) || recorded == ours
}

/// What of an operation's URL is the same in every world: all but the host, the id and the signature.
fn url_form(url: &str) -> (String, Vec<String>) {
    let path = url.split("://").nth(1).and_then(|rest| rest.split_once('/')).map_or(url, |(_, path)| path);
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let mut parts: Vec<&str> = path.split('/').collect();
    if let Some(last) = parts.last_mut().filter(|last| guid(last)) {
        *last = "ID";
    }
    let query = query.split('&').filter(|pair| !signs(pair)).map(str::to_owned);
    (parts.join("/"), query.collect())
}

/// Whether a member of a query belongs to ARM's signature of a URL.
fn signs(pair: &str) -> bool {
    ["t=", "c=", "s=", "h="].iter().any(|name| pair.starts_with(name))
}

fn is_signed(url: &str) -> bool {
    url.split(['?', '&']).skip(1).filter(|pair| signs(pair)).count() == 4
}

fn guid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

fn without_digits(text: &str) -> String {
    text.chars().map(|letter| if letter.is_ascii_digit() { '0' } else { letter }).collect()
}

/// The words of a message, without what is of one world: numbers, names, links, families of VM sizes.
pub(crate) fn sentence(text: &str) -> String {
    let name = |word: &str| word.chars().any(|letter| letter.is_ascii_digit() || matches!(letter, '/' | '_' | '='));
    let family = |word: &str| word.len() <= 8 && word.chars().take(2).all(|letter| letter.is_ascii_uppercase());
    text.split([' ', ',']).filter(|word| !name(word) && !family(word)).collect::<Vec<_>>().join(" ")
}

fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 120 { text } else { format!("{}…", text.chars().take(120).collect::<String>()) }
}
