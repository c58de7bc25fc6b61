//! The reviewed list of differences that may be, each with its reason.
//!
//! Must not grow quietly: a row that no difference needs is a failure (docs/conformance.md has the rules).

use std::cell::Cell;
use std::path::Path;

use serde::Deserialize;

use crate::compare::{Finding, Kind};

/// A row of `allowed.json`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    /// Which exchanges: their label, with `*` for any text.
    exchange: String,
    /// Where: as [`Finding::at`], with `*` for any text.
    at: String,
    kind: Kind,
    /// Why it may be.
    why: String,
    #[serde(skip)]
    used: Cell<bool>,
}

/// The rows of one judge.
pub(crate) struct Allowed {
    rows: Vec<Row>,
}

impl Allowed {
    /// Reads `tests/conformance/NAME`.
    pub(crate) fn read(name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance").join(name);
        let text = std::fs::read_to_string(&path).unwrap();
        let rows: Vec<Row> = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        for row in &rows {
            assert!(
                row.why.split_whitespace().count() >= 4,
                "{}: {} at {} has no reason",
                path.display(),
                row.exchange,
                row.at
            );
        }
        Self { rows }
    }

    /// Why a difference may be, if it may; its row counts as used.
    pub(crate) fn reason(&self, exchange: &str, finding: &Finding) -> Option<String> {
        let row = self.row(exchange, finding)?;
        row.used.set(true);
        Some(row.why.clone())
    }

    /// Whether a difference is allowed; leaves no trace.
    pub(crate) fn allows(&self, exchange: &str, finding: &Finding) -> bool {
        self.row(exchange, finding).is_some()
    }

    fn row(&self, exchange: &str, finding: &Finding) -> Option<&Row> {
        let fits = |row: &&Row| row.kind == finding.kind && like(&row.at, &finding.at) && like(&row.exchange, exchange);
        self.rows.iter().find(fits)
    }

    /// The rows that were not needed.
    pub(crate) fn unused(&self) -> Vec<String> {
        let unused = self.rows.iter().filter(|row| !row.used.get());
        unused.map(|row| format!("{} at {} ({:?}): {}", row.exchange, row.at, row.kind, row.why)).collect()
    }
}

/// Whether a text fits a pattern in which `*` stands for any text.
pub(crate) fn like(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => {
            let Some(left) = text.strip_prefix(start) else { return false };
            left.char_indices().map(|(at, _)| &left[at..]).chain([""]).any(|tail| like(rest, tail))
        }
    }
}

#[test]
fn pattern_fits_with_any_text_for_its_stars() {
    assert!(like("a*#* GET", "abc#1 GET") && like("*", "") && like("*/x", "/x"));
    assert!(!like("a*#* GET", "abc#1 PUT") && !like("a", "ab") && !like("", "a"));
}
