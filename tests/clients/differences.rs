//! The reviewed list of differences from what was captured, each with its reason.
//!
//! Must not grow by itself: a row that no longer applies is as red as a difference without a row.

use std::cell::RefCell;
use std::collections::BTreeSet;

use serde::Deserialize;
use support::conformance::Difference;

use crate::compare::Found;
use crate::venv::{Client, directory};

/// A row of `differences.json`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    /// Releases that it applies to.
    clients: Vec<String>,
    /// Intents that it applies to, by the names of their files.
    intents: Vec<String>,
    /// Places within them; a `*` at the end stands for any rest.
    at: Vec<String>,
    /// Why it may be.
    why: String,
}

/// What may differ for one client.
#[derive(Debug)]
pub(crate) struct Reviewed {
    client: Client,
    rows: Vec<Row>,
    /// (row, intent, place) that were met.
    met: RefCell<BTreeSet<(usize, String, String)>>,
}

impl Reviewed {
    /// The rows of a client.
    pub(crate) fn of(client: Client) -> Self {
        let text = std::fs::read_to_string(directory().join("differences.json")).unwrap();
        let mut rows: Vec<Row> = serde_json::from_str(&text).unwrap();
        assert!(rows.iter().all(|row| row.why.len() > 20), "each row says why");
        rows.retain(|row| row.clients.iter().any(|name| name == client.release()));
        Self { client, rows, met: RefCell::default() }
    }

    /// A difference with its reason, if it has one.
    pub(crate) fn judge(&self, intent: &str, found: &Found) -> Difference {
        let place = |at: &String| match at.strip_suffix('*') {
            Some(start) => found.at.starts_with(start),
            None => *at == found.at,
        };
        let row = self.rows.iter().enumerate().find_map(|(row, each)| {
            let at = each.at.iter().find(|at| place(at))?;
            each.intents.iter().any(|name| name == intent).then_some((row, at))
        });
        if let Some((row, at)) = row {
            self.met.borrow_mut().insert((row, intent.to_owned(), at.clone()));
        }
        let reason = row.map(|(row, _)| self.rows[row].why.clone());
        Difference { what: format!("{}: {}", found.at, found.values), reason }
    }

    /// Rows, or places or intents of rows, that were not met.
    pub(crate) fn unused(&self) -> Vec<String> {
        let met = self.met.borrow();
        let mut unused = Vec::new();
        for (row, each) in self.rows.iter().enumerate() {
            let idle_intents =
                each.intents.iter().filter(|intent| !met.iter().any(|one| one.0 == row && one.1 == **intent));
            let idle_places = each.at.iter().filter(|at| !met.iter().any(|one| one.0 == row && one.2 == **at));
            for idle in idle_intents.chain(idle_places) {
                unused.push(format!("{}: {idle} ({})", self.client.release(), each.why));
            }
        }
        unused
    }
}
