//! Where bearer tokens come from, and how one is kept: fetched once for many callers, refreshed early, served until it
//! really expires.
//!
//! Must not know how a token is got (`entra` does), and must not print one.

use crate::error::{Error, ErrorKind};
use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Longest that one fetch may take; the caller's own deadline holds beside it.
const FETCH_TIMEOUT: Duration = Duration::from_secs(20);
/// A refresh begins at most this long before the end, and never before three quarters of the token's life.
const EARLIEST_REFRESH: SignedDuration = SignedDuration::from_mins(10);
/// A token that ends within this time is not sent any more: clocks differ and requests travel.
const LAST_MOMENT: SignedDuration = SignedDuration::from_secs(5);
/// After a token was thrown away and fetched anew, the fresh one is not thrown away again for this long: a resource
/// manager that refuses every token must not make one fetch per call.
const FORGET_PAUSE: Duration = Duration::from_secs(10);
/// Longest pause between failing fetches. A failure is answered from memory meanwhile, so that five hundred objects do
/// not ask the authority five hundred times.
const LONGEST_FAILURE_PAUSE: Duration = Duration::from_secs(10);

/// A bearer token and when it ends. Neither printable nor serialisable.
#[derive(Clone)]
pub struct Token {
    secret: SecretString,
    expires_at: Timestamp,
}

impl Token {
    /// A token that is good until `expires_at`.
    pub fn new(secret: SecretString, expires_at: Timestamp) -> Self {
        Self { secret, expires_at }
    }

    /// The secret, for an `Authorization` header and nothing else.
    pub fn expose(&self) -> &str {
        self.secret.expose_secret()
    }

    /// When it ends.
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    fn is_same(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

/// Gives tokens for one principal and one cloud.
pub trait TokenSource: Send + Sync {
    /// A token that is good now. Many callers at once cause one fetch.
    fn token(&self) -> BoxFuture<'_, Result<Token, Error>>;

    /// Azure refused this token: the next call fetches anew. A token that has been replaced already is left alone, and
    /// so is one fetched moments ago because of an earlier refusal.
    fn forget(&self, refused: &Token);

    /// A stable name for whom the tokens speak, never secret: ARM's budgets are counted by it.
    fn principal(&self) -> String;
}

type Fetch = Arc<dyn Fn() -> BoxFuture<'static, Result<Token, Error>> + Send + Sync>;
type Flight = Shared<BoxFuture<'static, Result<Token, Error>>>;

/// A source that keeps what `fetch` gave.
pub(crate) struct Kept {
    principal: String,
    fetch: Fetch,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    held: Option<Held>,
    flight: Option<Flight>,
    failures: u32,
    failed: Option<(Error, Instant)>,
    forced_at: Option<Instant>,
}

struct Held {
    token: Token,
    refresh_at: Timestamp,
}

impl Kept {
    pub(crate) fn new(
        principal: String,
        fetch: impl Fn() -> BoxFuture<'static, Result<Token, Error>> + Send + Sync + 'static,
    ) -> Self {
        Self { principal, fetch: Arc::new(fetch), state: Arc::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Decides without waiting: the token at hand, a fetch to wait for, or the failure that was just met.
    fn next(&self) -> Result<Next, Error> {
        let now = Timestamp::now();
        let mut state = self.state();
        let paused = state.failed.as_ref().filter(|(_, until)| Instant::now() < *until).map(|(error, _)| error.clone());
        let held = state.held.as_ref().filter(|held| held.token.expires_at - LAST_MOMENT > now);
        if let Some(Held { token, refresh_at }) = held {
            let token = token.clone();
            if now >= *refresh_at && state.flight.is_none() && paused.is_none() {
                // Nobody waits for an early refresh, and nobody suffers when it fails.
                state.flight = Some(self.fly());
            }
            return Ok(Next::Ready(token));
        }
        if let Some(flight) = &state.flight {
            return Ok(Next::Wait(flight.clone()));
        }
        if let Some(error) = paused {
            return Err(error);
        }
        let flight = self.fly();
        state.flight = Some(flight.clone());
        Ok(Next::Wait(flight))
    }

    /// Starts a fetch on a task of its own: a caller that gives up does not end it for the others.
    fn fly(&self) -> Flight {
        let (fetch, state) = (self.fetch.clone(), self.state.clone());
        let task = tokio::spawn(async move {
            let result = tokio::time::timeout(FETCH_TIMEOUT, fetch()).await.unwrap_or_else(|_| {
                let detail = format!("the authority did not answer in {} s", FETCH_TIMEOUT.as_secs());
                Err(Error::new(ErrorKind::Timeout, detail).while_authenticating())
            });
            settle(&state, &result);
            result
        });
        let state = self.state.clone();
        let landed = async move {
            task.await.unwrap_or_else(|_| {
                let error = Error::new(ErrorKind::Interrupted, "the fetch was ended").while_authenticating();
                let result = Err(error);
                settle(&state, &result);
                result
            })
        };
        landed.boxed().shared()
    }
}

enum Next {
    Ready(Token),
    Wait(Flight),
}

impl TokenSource for Kept {
    fn token(&self) -> BoxFuture<'_, Result<Token, Error>> {
        Box::pin(async move {
            match self.next()? {
                Next::Ready(token) => Ok(token),
                Next::Wait(flight) => flight.await,
            }
        })
    }

    fn forget(&self, refused: &Token) {
        let mut state = self.state();
        let recently = state.forced_at.is_some_and(|at| at.elapsed() < FORGET_PAUSE);
        if !recently && state.held.as_ref().is_some_and(|held| held.token.is_same(refused)) {
            state.held = None;
            state.forced_at = Some(Instant::now());
        }
    }

    fn principal(&self) -> String {
        self.principal.clone()
    }
}

/// Takes over what a fetch brought. A failure leaves a token that is still good where it is.
fn settle(state: &Mutex<State>, result: &Result<Token, Error>) {
    let mut state = lock(state);
    state.flight = None;
    match result {
        Ok(token) => {
            let refresh_at = refresh_at(token.expires_at, Timestamp::now(), jitter());
            state.held = Some(Held { token: token.clone(), refresh_at });
            state.failures = 0;
            state.failed = None;
        }
        Err(error) => {
            let pause = failure_pause(state.failures, error.retry_after());
            state.failures = state.failures.saturating_add(1);
            state.failed = Some((error.clone(), Instant::now() + pause));
        }
    }
}

/// 1, 2, 4, 8, 10, 10 … seconds, or as long as the authority asks.
fn failure_pause(failures: u32, asked: Option<Duration>) -> Duration {
    let own = Duration::from_secs(1 << failures.min(5)).min(LONGEST_FAILURE_PAUSE);
    asked.map_or(own, |asked| asked.max(own))
}

/// When to refresh: between half and all of the earliest moment before the end, so that many processes do not ask at
/// once. `jitter` is in 0..=255.
fn refresh_at(expires_at: Timestamp, now: Timestamp, jitter: u8) -> Timestamp {
    let lead = EARLIEST_REFRESH.min(expires_at.duration_since(now) / 4).max(SignedDuration::ZERO);
    expires_at - (lead / 2 + lead / 2 * i32::from(jitter) / 255)
}

fn jitter() -> u8 {
    uuid::Uuid::new_v4().as_bytes()[0]
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    // No code that holds the lock can leave the state half changed, so a poisoned lock is as good as another.
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
