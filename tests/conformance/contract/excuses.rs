//! Where Azure itself leaves its contract: the recordings judged by the same documents.
//!
//! Must not hold anything by hand: what no recording shows is no excuse here.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Contract, Exchanged};
use crate::compare::{Finding, Kind};
use crate::tape;

/// What the recordings show, and where: by operation, type of compute, place and kind.
#[derive(Default)]
pub(crate) struct Excuses(BTreeMap<(String, String, String, Kind), String>);

/// The type of compute that a body is about, or an empty text. A list has many: then it is that of the first.
fn kind_of(body: &Value) -> &str {
    let one = body.get("value").and_then(|items| items.get(0)).unwrap_or(body);
    one["properties"]["computeType"].as_str().unwrap_or_default()
}

/// Reads and writes of one compute are excused alike: they show the same thing.
fn family(operation: &str, at: &str) -> String {
    let shows = ["Compute_Get", "Compute_CreateOrUpdate", "Compute_Update"].contains(&operation);
    if at.starts_with("refusal") {
        "any".to_owned()
    } else if shows && at.starts_with("answer") {
        "Compute".to_owned()
    } else {
        operation.to_owned()
    }
}

/// The items of a list are excused as the thing itself.
fn plain(at: &str) -> String {
    at.replace("answer /value/*", "answer ")
}

impl Excuses {
    /// All that the recordings show by this document.
    pub(crate) fn of(contract: &Contract) -> Self {
        let mut excuses = Self::default();
        for tape in tape::all() {
            for (index, exchange) in tape.exchanges.iter().enumerate() {
                let exchanged = Exchanged {
                    method: &exchange.request.method,
                    target: &exchange.request.target,
                    request: exchange.request.body.as_ref(),
                    status: exchange.response.status,
                    answer: &exchange.response.body,
                };
                let Some((operation, findings)) = contract.judge(&exchanged) else { continue };
                for finding in findings {
                    let key = Self::key(operation, &exchange.response.body, &finding);
                    excuses.0.entry(key).or_insert_with(|| tape.label(index));
                }
            }
        }
        excuses
    }

    fn key(operation: &str, body: &Value, finding: &Finding) -> (String, String, String, Kind) {
        let operation = if operation == "Compute_List" && finding.at.starts_with("answer /value") {
            "Compute".to_owned()
        } else {
            family(operation, &finding.at)
        };
        let at = plain(&finding.at);
        // The envelope is the same for every type of compute.
        let kind = if at.starts_with("answer /properties/properties/") { kind_of(body) } else { "" };
        (operation, kind.to_owned(), at, finding.kind)
    }

    /// The exchange in which Azure does the same.
    pub(crate) fn reason(&self, operation: &str, body: &Value, finding: &Finding) -> Option<String> {
        let label = self.0.get(&Self::key(operation, body, finding))?;
        Some(format!("Azure does so itself: {label}"))
    }

    /// What Azure sends without declaring it, for the report: place by place.
    pub(crate) fn undeclared(&self) -> Vec<String> {
        let of = |((_, kind, at, what), label): (&(String, String, String, Kind), &String)| {
            (*what == Kind::Undeclared).then(|| format!("{kind} {at} ({label})"))
        };
        self.0.iter().filter_map(of).collect()
    }
}
