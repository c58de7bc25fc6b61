//! Where the operator can die: every request of its journals; must not know what a request means.
//!
//! Requests are told apart by method, path template and number. They are counted from the beginning, but reads of Azure
//! from the answer to the last write there on. Reads beyond the second alike are taken for the second: their number
//! depends on time alone, and nothing has happened between them.

#![allow(unreachable_pub, missing_docs, reason = "names say it all")]

use crate::rig::{Side, is_write};
use jiff::Timestamp;
use std::collections::HashMap;
use std::fmt;
use support::proxy::{Entry, Phase, Point};

/// Reads alike in a row that are told apart.
const READS: usize = 2;

/// One request of the operator.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Request {
    pub side: Side,
    write: bool,
    method: String,
    template: String,
    watch: bool,
    /// How many writes to Azure were answered before, if it is a read there.
    epoch: usize,
    nth: usize,
}

/// What the operator asked for in one run.
#[derive(Clone, Debug, Default)]
pub struct Requests {
    /// Each to be killed at, in the order of the run.
    pub all: Vec<Request>,
    /// How many reads were taken for the second alike.
    pub collapsed: usize,
    /// The writes to Azure, in order.
    writes: Vec<Request>,
}

impl Requests {
    /// What the journals of both sides show.
    pub fn of(journal: &[(Side, Entry)], namespace: &str) -> Self {
        let mut requests = Self::default();
        let mut seen: HashMap<Request, usize> = HashMap::new();
        let mut answered: Vec<Timestamp> = Vec::new();
        for (side, entry) in journal {
            let write = is_write(entry);
            let mut request = Request {
                side: *side,
                write,
                method: entry.method.clone(),
                template: template(entry, namespace),
                watch: entry.is_watch(),
                epoch: match side {
                    Side::Azure if !write => answered.iter().filter(|at| **at <= entry.at).count(),
                    Side::Azure | Side::Kubernetes => 0,
                },
                nth: 0,
            };
            let count = seen.entry(request.clone()).or_default();
            *count += 1;
            request.nth = *count;
            if !write && request.nth > READS {
                requests.collapsed += 1;
                continue;
            }
            if write && *side == Side::Azure {
                requests.writes.push(request.clone());
                answered.push(entry.finished.unwrap_or(entry.at));
            }
            requests.all.push(request);
        }
        requests
    }

    /// Whether a request is among them.
    pub fn has(&self, request: &Request) -> bool {
        self.all.contains(request)
    }

    /// The request to Azure from whose answer on a read is counted.
    pub fn anchor(&self, request: &Request) -> Option<Point> {
        let before = request.epoch.checked_sub(1)?;
        self.writes.get(before).map(|write| write.point(Phase::AfterAnswer))
    }
}

impl Request {
    /// Whether it may change something.
    pub fn is_write(&self) -> bool {
        self.write
    }

    /// Whether a run may do without it for reasons of time: two states that follow each other fast are reported as one,
    /// and what is asked again depends on how long things take. Everything else is done in every run.
    pub fn may_be_skipped(&self) -> bool {
        !self.write || self.template.ends_with("/status") || self.template.contains("/events")
    }

    /// The point of this request.
    pub fn point(&self, phase: Phase) -> Point {
        Point::new(&self.method, &self.template).watch(self.watch).nth(self.nth).phase(phase)
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let watch = if self.watch { " (watch)" } else { "" };
        let epoch = if self.epoch == 0 { String::new() } else { format!(" after write {}", self.epoch) };
        write!(f, "{:?} {} {}{watch} number {}{epoch}", self.side, self.method, self.template, self.nth)
    }
}

/// The path with `*` for all that differs from run to run; the identity is named like the namespace.
fn template(entry: &Entry, namespace: &str) -> String {
    let template = entry.template();
    let segments: Vec<&str> =
        template.split('/').map(|segment| if segment == namespace { "*" } else { segment }).collect();
    segments.join("/")
}
