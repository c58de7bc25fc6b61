//! What went through a proxy, in the order in which it came in; it must not hold bodies or credentials.

use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::rules::{Phase, Point};

/// One request and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number, counted from 1 by the proxy that took it.
    pub seq: u64,
    /// When it came in.
    pub at: Timestamp,
    /// Method in capitals.
    pub method: String,
    /// Path as the client sent it.
    pub path: String,
    /// Query without its question mark; empty if there was none.
    pub query: String,
    /// Status of the answer given; none while there is no answer, and for ever if the connection was dropped instead.
    pub status: Option<u16>,
    /// When the answer was complete; none for a watch that still runs and for an answer that never was.
    pub finished: Option<Timestamp>,
}

impl Entry {
    /// Whether it is a Kubernetes watch, whose answer has no end of its own.
    #[must_use]
    pub fn is_watch(&self) -> bool {
        is_watch(&self.query)
    }

    /// Its path with `*` for what differs from run to run: UUIDs, and the name of a Kubernetes event.
    #[must_use]
    pub fn template(&self) -> String {
        let mut before = "";
        let segments: Vec<&str> = self
            .path
            .split('/')
            .map(|segment| {
                let volatile = is_uuid(segment) || (before == "events" && !segment.is_empty());
                before = segment;
                if volatile { "*" } else { segment }
            })
            .collect();
        segments.join("/")
    }
}

/// The points at which a run can be cut: each entry's, told apart by how many alike came before it, in `phase`.
#[must_use]
pub fn points(entries: &[Entry], phase: Phase) -> Vec<Point> {
    let mut seen: Vec<(String, String, bool)> = Vec::new();
    let mut points = Vec::new();
    for entry in entries {
        let alike = (entry.method.clone(), entry.template(), entry.is_watch());
        let nth = 1 + seen.iter().filter(|&other| *other == alike).count();
        let point = Point::new(&alike.0, &alike.1).watch(alike.2).nth(nth).phase(phase);
        seen.push(alike);
        points.push(point);
    }
    points
}

pub(super) fn is_watch(query: &str) -> bool {
    query.split('&').any(|pair| matches!(pair, "watch" | "watch=true" | "watch=1"))
}

fn is_uuid(segment: &str) -> bool {
    segment.len() == 36
        && segment.bytes().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => byte == b'-',
            0..=7 | 9..=12 | 14..=17 | 19..=22 | 24.. => byte.is_ascii_hexdigit(),
        })
}

/// The entries of one proxy.
#[derive(Default)]
pub(super) struct Journal {
    entries: Mutex<Vec<Entry>>,
}

impl Journal {
    pub(super) fn begin(&self, method: &str, path: &str, query: &str) -> u64 {
        let mut entries = self.lock();
        let seq = entries.len() as u64 + 1;
        entries.push(Entry {
            seq,
            at: Timestamp::now(),
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            status: None,
            finished: None,
        });
        seq
    }

    pub(super) fn answered(&self, seq: u64, status: u16) {
        self.change(seq, |entry| entry.status = Some(status));
    }

    pub(super) fn finished(&self, seq: u64) {
        self.change(seq, |entry| entry.finished = Some(Timestamp::now()));
    }

    pub(super) fn entries(&self) -> Vec<Entry> {
        self.lock().clone()
    }

    fn change(&self, seq: u64, change: impl FnOnce(&mut Entry)) {
        // Numbers are positions, counted from 1.
        let index = usize::try_from(seq).ok().and_then(|seq| seq.checked_sub(1));
        let mut entries = self.lock();
        if let Some(entry) = index.and_then(|index| entries.get_mut(index)) {
            change(entry);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(method: &str, path: &str, query: &str) -> Entry {
        let journal = Journal::default();
        journal.begin(method, path, query);
        journal.entries().remove(0)
    }

    #[test]
    fn template_hides_what_differs_between_runs() {
        let operation = entry("GET", "/subscriptions/11111111-1111-1111-1111-111111111111/operations/x", "");
        let event = entry("PATCH", "/apis/events.k8s.io/v1/namespaces/a/events/cpu.17a8", "");

        assert_eq!(operation.template(), "/subscriptions/*/operations/x");
        assert_eq!(event.template(), "/apis/events.k8s.io/v1/namespaces/a/events/*");
    }

    #[test]
    fn points_count_alike_requests_and_keep_watches_apart_from_lists() {
        let run = [entry("GET", "/x", ""), entry("GET", "/x", "watch=true"), entry("GET", "/x", "limit=500")];

        let points = points(&run, Phase::AfterEffect);

        let expected = [
            Point::new("GET", "/x").watch(false).nth(1).phase(Phase::AfterEffect),
            Point::new("GET", "/x").watch(true).nth(1).phase(Phase::AfterEffect),
            Point::new("GET", "/x").watch(false).nth(2).phase(Phase::AfterEffect),
        ];
        assert_eq!(points, expected);
    }
}
