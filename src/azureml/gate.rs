//! ARM's budgets as this process sees them: nothing leaves while Azure asks to wait.
//!
//! Must not queue or sleep; a request that may not leave fails at once with the time that is left, because who waits,
//! and with what priority, is the caller's to decide.

use crate::call::Budget;
use reqwest::header::HeaderMap;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// The budgets of one process, shared by every client that is given a clone of it.
///
/// ARM counts per subscription, per principal and per kind of request (azureml-api.md g.1). A request that is sent
/// before a `Retry-After` has ended is refused and renews the wait, so none is sent.
#[derive(Clone, Default)]
pub struct Gate(Arc<Mutex<BTreeMap<Key, State>>>);

/// Which budget: resource manager host, subscription (lower case), principal, kind.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) host: String,
    pub(crate) subscription: String,
    pub(crate) principal: String,
    pub(crate) budget: Budget,
}

#[derive(Clone, Copy, Default)]
struct State {
    closed_until: Option<Instant>,
    remaining: Option<u64>,
    throttled: u64,
    held_back: u64,
}

/// One budget, for metrics and for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Subscription, lower case.
    pub subscription: String,
    /// For whom ARM counts.
    pub principal: String,
    /// Reads, writes or deletes.
    pub budget: Budget,
    /// What ARM last said remains (`x-ms-ratelimit-remaining-subscription-…`), in requests.
    pub remaining: Option<u64>,
    /// How long nothing more is sent; `None` while open.
    pub closed_for: Option<Duration>,
    /// 429 answers so far.
    pub throttled: u64,
    /// Requests held back here so far.
    pub held_back: u64,
}

impl Gate {
    /// A gate that is open.
    pub fn new() -> Self {
        Self::default()
    }

    /// Every budget that was used, in a stable order.
    pub fn allowances(&self) -> Vec<Allowance> {
        let now = Instant::now();
        let entry = |(key, state): (&Key, &State)| Allowance {
            subscription: key.subscription.clone(),
            principal: key.principal.clone(),
            budget: key.budget,
            remaining: state.remaining,
            closed_for: state.closed_for(now),
            throttled: state.throttled,
            held_back: state.held_back,
        };
        self.states().iter().map(entry).collect()
    }

    /// Whether a request may leave now.
    ///
    /// # Errors
    /// The time that is left of Azure's wait.
    pub(crate) fn admit(&self, key: &Key) -> Result<(), Duration> {
        let mut states = self.states();
        let state = states.entry(key.clone()).or_default();
        match state.closed_for(Instant::now()) {
            Some(left) => {
                state.held_back += 1;
                Err(left)
            }
            None => Ok(()),
        }
    }

    /// Takes in what an answer says of the budget.
    pub(crate) fn learn(&self, key: &Key, status: u16, headers: &HeaderMap, retry_after: Option<Duration>) {
        let mut states = self.states();
        let state = states.entry(key.clone()).or_default();
        if let Some(remaining) = remaining(headers, key.budget) {
            state.remaining = Some(remaining);
        }
        if status == 429 {
            state.throttled += 1;
            // Without a Retry-After the provider throttled one thing, not the budget: the caller backs off alone.
            if let Some(until) = retry_after.map(|wait| Instant::now() + wait) {
                state.closed_until = Some(state.closed_until.map_or(until, |earlier| earlier.max(until)));
            }
        }
    }

    fn states(&self) -> MutexGuard<'_, BTreeMap<Key, State>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn closed_for(&self, now: Instant) -> Option<Duration> {
        self.closed_until.and_then(|until| until.checked_duration_since(now)).filter(|left| !left.is_zero())
    }
}

fn remaining(headers: &HeaderMap, budget: Budget) -> Option<u64> {
    let value = headers.get(format!("x-ms-ratelimit-remaining-subscription-{budget}"))?;
    value.to_str().ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    fn key(principal: &str, budget: Budget) -> Key {
        Key { host: "h".into(), subscription: "s".into(), principal: principal.into(), budget }
    }

    #[tokio::test(start_paused = true)]
    async fn gate_holds_back_one_budget_of_one_principal_until_the_wait_ends() {
        let gate = Gate::new();
        let writes = key("p", Budget::Writes);
        gate.learn(&writes, 429, &HeaderMap::new(), Some(Duration::from_secs(17)));
        assert_eq!(gate.admit(&writes), Err(Duration::from_secs(17)));
        assert_eq!(gate.admit(&key("p", Budget::Reads)), Ok(()));
        assert_eq!(gate.admit(&key("q", Budget::Writes)), Ok(()));
        tokio::time::advance(Duration::from_secs(16)).await;
        assert_eq!(gate.admit(&writes), Err(Duration::from_secs(1)));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(gate.admit(&writes), Ok(()));
        let seen = gate.allowances().into_iter().find(|a| a.principal == "p" && a.budget == Budget::Writes).unwrap();
        assert_eq!((seen.throttled, seen.held_back, seen.closed_for), (1, 2, None));
    }

    #[tokio::test(start_paused = true)]
    async fn shorter_wait_never_opens_a_longer_one() {
        let (gate, reads) = (Gate::new(), key("p", Budget::Reads));
        gate.learn(&reads, 429, &HeaderMap::new(), Some(Duration::from_secs(60)));
        gate.learn(&reads, 429, &HeaderMap::new(), Some(Duration::from_secs(1)));
        gate.learn(&reads, 429, &HeaderMap::new(), None);
        gate.learn(&reads, 200, &HeaderMap::new(), Some(Duration::from_secs(90)));
        assert_eq!(gate.admit(&reads), Err(Duration::from_secs(60)));
    }

    #[tokio::test]
    async fn remaining_is_what_arm_said_last() {
        let (gate, deletes) = (Gate::new(), key("p", Budget::Deletes));
        let mut headers = HeaderMap::new();
        headers.insert("x-ms-ratelimit-remaining-subscription-deletes", HeaderValue::from_static("199"));
        headers.insert("x-ms-ratelimit-remaining-subscription-reads", HeaderValue::from_static("3"));
        gate.learn(&deletes, 202, &headers, None);
        gate.learn(&deletes, 202, &HeaderMap::new(), None);
        assert_eq!(gate.allowances()[0].remaining, Some(199));
    }
}
