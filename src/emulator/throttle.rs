//! ARM's request budgets: token buckets per subscription, principal and kind of operation, in wall time. Decides on no request's
//! content.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    errors::Refusal,
    seed::{BudgetSeed, ThrottleSeed},
};

/// The kind of an operation, each with its own budget. GETs and polls are reads; PUT, PATCH and every POST are writes
/// (azureml-api d.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Read,
    Write,
    Delete,
}

impl Kind {
    /// The budget that a method draws on.
    pub(crate) fn of(method: &str) -> Self {
        match method {
            "GET" | "HEAD" | "OPTIONS" => Self::Read,
            "DELETE" => Self::Delete,
            _ => Self::Write,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Delete => "delete",
        }
    }

    /// The names of the headers that tell what remains.
    pub(crate) fn headers(self) -> (&'static str, &'static str) {
        match self {
            Self::Read => {
                ("x-ms-ratelimit-remaining-subscription-reads", "x-ms-ratelimit-remaining-subscription-global-reads")
            }
            Self::Write => {
                ("x-ms-ratelimit-remaining-subscription-writes", "x-ms-ratelimit-remaining-subscription-global-writes")
            }
            Self::Delete => (
                "x-ms-ratelimit-remaining-subscription-deletes",
                "x-ms-ratelimit-remaining-subscription-global-deletes",
            ),
        }
    }
}

/// What remains after a request that was let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Remaining {
    pub(crate) kind: Kind,
    pub(crate) own: u32,
    pub(crate) global: u32,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    filled: Timestamp,
    refused_until: Option<Timestamp>,
}

impl Bucket {
    fn full(budget: BudgetSeed, now: Timestamp) -> Self {
        Self { tokens: f64::from(budget.capacity), filled: now, refused_until: None }
    }

    fn refill(&mut self, budget: BudgetSeed, now: Timestamp) {
        let passed = now.duration_since(self.filled).as_secs_f64().max(0.0);
        self.tokens = (self.tokens + passed * budget.per_second).min(f64::from(budget.capacity));
        self.filled = now;
    }

    /// Seconds to wait, if there is no token or an earlier refusal has not run out yet.
    fn wait(&self, budget: BudgetSeed, now: Timestamp) -> Option<i64> {
        let early = self.refused_until.is_some_and(|until| now < until);
        if self.tokens >= 1.0 && !early {
            return None;
        }
        let seconds = if budget.per_second > 0.0 { (1.0 - self.tokens).max(0.0) / budget.per_second } else { 60.0 };
        Some((seconds.ceil() as i64).max(1))
    }
}

/// All buckets. A state file keeps their limits; after a restart they are full.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Throttle {
    limits: ThrottleSeed,
    #[serde(skip)]
    own: HashMap<(String, String, Kind), Bucket>,
    #[serde(skip)]
    global: HashMap<(String, Kind), Bucket>,
}

impl Throttle {
    /// Every bucket full.
    pub(crate) fn new(limits: ThrottleSeed) -> Self {
        Self { limits, own: HashMap::new(), global: HashMap::new() }
    }

    /// Gives other budgets from now on; what was spent of the old ones stays spent.
    pub(crate) fn change(&mut self, limits: ThrottleSeed) {
        self.limits = limits;
    }

    /// Takes one request from the budgets of a subscription and principal.
    ///
    /// # Errors
    /// 429 with `Retry-After` in seconds. A request sent before that time is refused again, and the time starts anew.
    pub(crate) fn admit(
        &mut self,
        subscription: &str,
        principal: &str,
        kind: Kind,
        now: Timestamp,
    ) -> Result<Remaining, Refusal> {
        let budget = match kind {
            Kind::Read => self.limits.reads,
            Kind::Write => self.limits.writes,
            Kind::Delete => self.limits.deletes,
        };
        let factor = self.limits.global_factor.max(1);
        let shared = BudgetSeed {
            capacity: budget.capacity.saturating_mul(factor),
            per_second: budget.per_second * f64::from(factor),
        };
        let key = subscription.to_ascii_lowercase();
        let global = self.global.entry((key.clone(), kind)).or_insert_with(|| Bucket::full(shared, now));
        let own = self.own.entry((key, principal.to_owned(), kind)).or_insert_with(|| Bucket::full(budget, now));
        global.refill(shared, now);
        own.refill(budget, now);
        if let Some(seconds) = own.wait(budget, now).max(global.wait(shared, now)) {
            own.refused_until = Some(crate::time::after(now, jiff::SignedDuration::from_secs(seconds)));
            return Err(refusal(subscription, principal, kind, seconds));
        }
        own.refused_until = None;
        own.tokens -= 1.0;
        global.tokens -= 1.0;
        Ok(Remaining { kind, own: own.tokens as u32, global: global.tokens as u32 })
    }
}

/// ARM's words since the token buckets (azureml-api e.2, g.1).
fn refusal(subscription: &str, principal: &str, kind: Kind, seconds: i64) -> Refusal {
    let word = kind.word();
    let (own, _) = kind.headers();
    Refusal::gateway(
        429,
        "SubscriptionRequestsThrottled",
        format!(
            "Number of '{word}' requests for subscription '{subscription}' actor '{principal}' exceeded. Please try again after '{seconds}' seconds after additional tokens are available. Refer to https://aka.ms/arm-throttling for additional information."
        ),
    )
    .header("Retry-After", seconds.to_string())
    .header(own, "0")
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;

    fn at(millis: i64) -> Timestamp {
        crate::time::after(Timestamp::UNIX_EPOCH, SignedDuration::from_millis(millis))
    }

    fn small() -> Throttle {
        let budget = BudgetSeed { capacity: 3, per_second: 1.0 };
        Throttle::new(ThrottleSeed { reads: budget, writes: budget, deletes: budget, global_factor: 15 })
    }

    #[test]
    fn budget_counts_down_as_recorded() {
        let left = Throttle::new(ThrottleSeed::default()).admit("S", "p", Kind::Read, at(0)).unwrap();
        assert_eq!((left.own, left.global), (249, 3749));
        let left = Throttle::new(ThrottleSeed::default()).admit("S", "p", Kind::Delete, at(0)).unwrap();
        assert_eq!((left.own, left.global), (199, 2999));
    }

    #[test]
    fn empty_budget_refuses_and_early_retries_renew_the_refusal() {
        let mut throttle = small();
        for _ in 0..3 {
            throttle.admit("S", "p", Kind::Write, at(0)).unwrap();
        }
        assert!(throttle.admit("S", "p", Kind::Write, at(0)).is_err());
        // A token is back after one second, but this request comes before its time and renews the refusal.
        assert!(throttle.admit("S", "p", Kind::Write, at(900)).is_err());
        assert!(throttle.admit("S", "p", Kind::Write, at(1_500)).is_err());
        assert!(throttle.admit("S", "p", Kind::Write, at(2_500)).is_ok());
    }

    #[test]
    fn budgets_are_apart_by_principal_and_kind_and_meet_in_the_global_one() {
        let budget = BudgetSeed { capacity: 1, per_second: 1.0 };
        let limits = ThrottleSeed { reads: budget, writes: budget, deletes: budget, global_factor: 2 };
        let mut throttle = Throttle::new(limits);
        assert!(throttle.admit("S", "a", Kind::Read, at(0)).is_ok());
        assert!(throttle.admit("S", "a", Kind::Delete, at(0)).is_ok());
        assert!(throttle.admit("S", "b", Kind::Read, at(0)).is_ok());
        assert!(throttle.admit("S", "c", Kind::Read, at(0)).is_err());
        assert!(throttle.admit("T", "a", Kind::Read, at(0)).is_ok());
    }
}
