//! What shall happen at which request: deaths at a point, and plain faults; it must not do any of it.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::journal::is_watch;
use crate::error::{Error, Result};

/// When, in the life of a request, the action of a point runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// The proxy has the request, the upstream never sees it, the client gets no answer.
    BeforeSend,
    /// The upstream has answered, the client never gets the answer.
    AfterEffect,
    /// The client has the whole answer (of a watch: its head). Nothing it sends after that goes on before the action
    /// is done.
    AfterAnswer,
}

impl Phase {
    /// All three.
    pub const ALL: [Self; 3] = [Self::BeforeSend, Self::AfterEffect, Self::AfterAnswer];
}

/// A request to come: its method, its path, and which one of those alike.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Point {
    method: Option<String>,
    path: Vec<String>,
    watch: Option<bool>,
    query: Option<String>,
    nth: usize,
    phase: Phase,
}

impl Point {
    /// The first request with this method and path, before it is sent.
    ///
    /// `*` as a whole segment of the path stands for any one, `**` as the last for any rest; case does not matter, as
    /// in ARM. `*` as method stands for any.
    #[must_use]
    pub fn new(method: &str, path: &str) -> Self {
        Self {
            method: (method != "*").then(|| method.to_ascii_uppercase()),
            path: path.trim_matches('/').split('/').map(str::to_owned).collect(),
            watch: None,
            query: None,
            nth: 1,
            phase: Phase::BeforeSend,
        }
    }

    /// Any request.
    #[must_use]
    pub fn any() -> Self {
        Self::new("*", "**")
    }

    /// The `nth` of them, counted from 1 since the point was armed.
    #[must_use]
    pub fn nth(mut self, nth: usize) -> Self {
        self.nth = nth;
        self
    }

    /// When its action runs.
    #[must_use]
    pub fn phase(mut self, phase: Phase) -> Self {
        self.phase = phase;
        self
    }

    /// Only Kubernetes watches, or only what is none.
    #[must_use]
    pub fn watch(mut self, watch: bool) -> Self {
        self.watch = Some(watch);
        self
    }

    /// Only requests whose query has this text in it.
    #[must_use]
    pub fn query(mut self, text: &str) -> Self {
        self.query = Some(text.to_owned());
        self
    }

    fn matches(&self, method: &str, path: &str, query: &str) -> bool {
        self.method.as_ref().is_none_or(|wanted| wanted == method)
            && self.watch.is_none_or(|wanted| wanted == is_watch(query))
            && self.query.as_ref().is_none_or(|text| query.contains(text.as_str()))
            && path_matches(&self.path, path)
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.watch == Some(true) { " (watch)" } else { "" };
        let method = self.method.as_deref().unwrap_or("*");
        write!(f, "{method} /{}{kind} number {}, {:?}", self.path.join("/"), self.nth, self.phase)
    }
}

fn path_matches(pattern: &[String], path: &str) -> bool {
    let mut segments = path.trim_matches('/').split('/');
    for wanted in pattern {
        if wanted == "**" {
            return true;
        }
        match segments.next() {
            Some(segment) if wanted == "*" || wanted.eq_ignore_ascii_case(segment) => {}
            Some(_) | None => return false,
        }
    }
    segments.next().is_none()
}

type Action = Box<dyn FnOnce() + Send>;

/// A point that waits for its request. Dropping the handle does not disarm it.
pub struct Armed {
    fired: watch::Receiver<bool>,
    point: Point,
}

impl Armed {
    /// Whether its action has been carried out.
    #[must_use]
    pub fn fired(&self) -> bool {
        *self.fired.borrow()
    }

    /// Waits until its action has been carried out.
    ///
    /// # Errors
    /// When the deadline passes, or the proxy ends, before.
    pub async fn wait_fired(&self, deadline: Duration) -> Result<()> {
        let mut fired = self.fired.clone();
        match tokio::time::timeout(deadline, fired.wait_for(|&fired| fired)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(Error::new(format!("the proxy ended before {}", self.point))),
            Err(_) => Err(Error::new(format!("waited {deadline:?} for {}, which did not come", self.point))),
        }
    }
}

/// What happens instead of forwarding a request, or before it.
#[derive(Clone, Debug)]
pub enum Fault {
    /// This answer, and the upstream never sees the request.
    Answer {
        /// Its status.
        status: u16,
        /// Its headers.
        headers: Vec<(String, String)>,
        /// Its body.
        body: Vec<u8>,
    },
    /// The connection ends without an answer, and the upstream never sees the request.
    Drop,
    /// The upstream sees it, but the connection ends without an answer.
    DropAnswer,
    /// The upstream sees it, and this many bytes of the answer's body reach the client before the connection ends.
    Truncate(usize),
    /// The request waits until [`FaultHandle::release`], then goes on.
    Hold,
}

/// A fault in force; it stays so when the handle is dropped.
pub struct FaultHandle {
    rule: Arc<FaultRule>,
}

impl FaultHandle {
    /// How many requests it has met.
    #[must_use]
    pub fn count(&self) -> usize {
        self.rule.met.load(Ordering::SeqCst)
    }

    /// Lets all requests that wait in a [`Fault::Hold`] go on, and those to come pass.
    pub fn release(&self) {
        self.rule.released.send_replace(true);
    }

    /// Ends the fault; what waits in it goes on.
    pub fn clear(&self) {
        self.rule.times.store(0, Ordering::SeqCst);
        self.release();
    }
}

/// How often a fault happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    /// To the first so many matching requests, from the point's `nth` on.
    First(usize),
    /// Until cleared.
    Always,
}

pub(super) struct FaultRule {
    point: Point,
    seen: AtomicUsize,
    met: AtomicUsize,
    times: AtomicUsize,
    released: watch::Sender<bool>,
    fault: Fault,
}

impl FaultRule {
    pub(super) fn fault(&self) -> &Fault {
        &self.fault
    }

    pub(super) async fn wait_released(&self) {
        // The sender lives in this rule, so the wait ends by the value alone.
        drop(self.released.subscribe().wait_for(|&released| released).await);
    }

    fn takes(&self, method: &str, path: &str, query: &str) -> bool {
        if !self.point.matches(method, path, query) {
            return false;
        }
        let nth = 1 + self.seen.fetch_add(1, Ordering::SeqCst);
        let takes = nth >= self.point.nth && nth - self.point.nth < self.times.load(Ordering::SeqCst);
        if takes {
            self.met.fetch_add(1, Ordering::SeqCst);
        }
        takes
    }
}

/// An action whose request has come, to be carried out in its phase.
pub(super) struct Due {
    pub(super) phase: Phase,
    action: Action,
    fired: watch::Sender<bool>,
}

impl Due {
    /// Carries it out on a thread that may block, and says so afterwards.
    ///
    /// That thread does both, because hyper drops whoever waits here as soon as the client is dead, which is what the
    /// action is usually for. A panic of the action is a failed assertion of the test: its message is on standard
    /// error, and `wait_fired` fails.
    pub(super) async fn carry_out(self) {
        let Self { action, fired, .. } = self;
        let carried_out = tokio::task::spawn_blocking(move || {
            action();
            fired.send_replace(true);
        });
        drop(carried_out.await);
    }
}

struct Waiting {
    point: Point,
    seen: usize,
    due: Due,
}

/// All rules of one proxy.
#[derive(Default)]
pub(super) struct Rules {
    waiting: Mutex<Vec<Waiting>>,
    faults: Mutex<Vec<Arc<FaultRule>>>,
}

impl Rules {
    pub(super) fn arm(&self, point: Point, action: Action) -> Armed {
        let (sender, receiver) = watch::channel(false);
        let armed = Armed { fired: receiver, point: point.clone() };
        let due = Due { phase: point.phase, action, fired: sender };
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(Waiting { point, seen: 0, due });
        armed
    }

    pub(super) fn fault(&self, point: Point, times: Times, fault: Fault) -> FaultHandle {
        let times = match times {
            Times::First(times) => times,
            Times::Always => usize::MAX,
        };
        let rule = Arc::new(FaultRule {
            point,
            seen: AtomicUsize::new(0),
            met: AtomicUsize::new(0),
            times: AtomicUsize::new(times),
            released: watch::channel(false).0,
            fault,
        });
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&rule));
        FaultHandle { rule }
    }

    /// Forgets every point that has not fired and every fault.
    pub(super) fn clear(&self) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).clear();
        for rule in self.faults.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            FaultHandle { rule }.clear();
        }
    }

    /// Counts a request that has come in, and takes what is due at it.
    pub(super) fn take(&self, method: &str, path: &str, query: &str) -> (Option<Due>, Option<Arc<FaultRule>>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found = None;
        for (index, candidate) in waiting.iter_mut().enumerate() {
            if candidate.point.matches(method, path, query) {
                candidate.seen += 1;
                if candidate.seen == candidate.point.nth && found.is_none() {
                    found = Some(index);
                }
            }
        }
        let due = found.map(|index| waiting.remove(index).due);
        let faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        let fault = faults.iter().find(|rule| rule.takes(method, path, query)).map(Arc::clone);
        (due, fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_template_matches_one_segment_by_star_and_the_rest_by_two() {
        let cluster = "/subscriptions/1/resourcegroups/ml/computes/cpu";

        assert!(Point::new("PUT", "/subscriptions/*/resourceGroups/ml/computes/*").matches("PUT", cluster, ""));
        assert!(Point::new("PUT", "/subscriptions/**").matches("PUT", cluster, ""));
        assert!(Point::any().matches("DELETE", cluster, ""));
        assert!(!Point::new("PUT", "/subscriptions/*/computes/*").matches("PUT", cluster, ""));
        assert!(!Point::new("PUT", "/subscriptions/*/resourceGroups/ml/computes").matches("PUT", cluster, ""));
        assert!(!Point::new("GET", "/subscriptions/**").matches("PUT", cluster, ""));
    }

    #[test]
    fn point_is_taken_once_at_its_nth_request() {
        let rules = Rules::default();
        let _armed = rules.arm(Point::new("GET", "/a").nth(2), Box::new(|| {}));

        let taken: Vec<bool> =
            ["/a", "/b", "/a", "/a"].iter().map(|path| rules.take("GET", path, "").0.is_some()).collect();

        assert_eq!(taken, [false, false, true, false]);
    }

    #[test]
    fn fault_happens_so_many_times_from_its_nth_request_on() {
        let rules = Rules::default();
        let handle = rules.fault(Point::new("GET", "/a").nth(2), Times::First(2), Fault::Drop);

        let met: Vec<bool> = (0..5).map(|_| rules.take("GET", "/a", "").1.is_some()).collect();

        assert_eq!(met, [false, true, true, false, false]);
        assert_eq!(handle.count(), 2);
    }
}
