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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    fn token(name: &str, seconds_left: i64) -> Token {
        Token::new(SecretString::from(name), Timestamp::now() + SignedDuration::from_secs(seconds_left))
    }

    /// A source whose n-th fetch (from 1) answers what `answer` says, and how often it was asked.
    fn kept(answer: impl Fn(u32) -> Result<Token, Error> + Send + Sync + 'static) -> (Arc<Kept>, Arc<AtomicU32>) {
        let asked = Arc::new(AtomicU32::new(0));
        let (counter, answer) = (asked.clone(), Arc::new(answer));
        let fetch = move || -> BoxFuture<'static, Result<Token, Error>> {
            let (nth, answer) = (counter.fetch_add(1, Ordering::SeqCst) + 1, answer.clone());
            // The answer comes later, so that callers really meet a fetch that is under way.
            async move {
                tokio::task::yield_now().await;
                answer(nth)
            }
            .boxed()
        };
        (Arc::new(Kept::new("tenant/client".into(), fetch)), asked)
    }

    fn failure() -> Error {
        Error::new(ErrorKind::Connect, "down").while_authenticating()
    }

    fn in_refresh_window(source: &Kept, token: Token) {
        let refresh_at = Timestamp::now() - SignedDuration::from_secs(1);
        lock(&source.state).held = Some(Held { token, refresh_at });
    }

    async fn landed(source: &Kept) {
        while lock(&source.state).flight.is_some() {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn many_callers_cause_one_fetch() {
        let (source, asked) = kept(|nth| Ok(token(&format!("t{nth}"), 3600)));
        let callers = (0..100).map(|_| {
            let source = source.clone();
            tokio::spawn(async move { source.token().await.unwrap().expose().to_owned() })
        });
        for caller in callers.collect::<Vec<_>>() {
            assert_eq!(caller.await.unwrap(), "t1");
        }
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn caller_that_gives_up_does_not_end_the_fetch_for_others() {
        let (source, asked) = kept(|nth| Ok(token(&format!("t{nth}"), 3600)));
        let mut impatient = source.token();
        assert!(futures::poll!(&mut impatient).is_pending());
        drop(impatient);
        assert_eq!(source.token().await.unwrap().expose(), "t1");
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn early_refresh_makes_nobody_wait() {
        let (source, asked) = kept(|_| Ok(token("new", 3600)));
        in_refresh_window(&source, token("old", 60));
        assert_eq!(source.token().await.unwrap().expose(), "old");
        landed(&source).await;
        assert_eq!(source.token().await.unwrap().expose(), "new");
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn failed_refresh_leaves_the_old_token_and_is_not_repeated_at_once() {
        let (source, asked) = kept(|_| Err(failure()));
        in_refresh_window(&source, token("old", 60));
        for _ in 0..20 {
            assert_eq!(source.token().await.unwrap().expose(), "old");
            landed(&source).await;
        }
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn token_in_its_last_seconds_is_not_served() {
        let (source, _) = kept(|_| Ok(token("new", 3600)));
        in_refresh_window(&source, token("old", 3));
        assert_eq!(source.token().await.unwrap().expose(), "new");
    }

    #[tokio::test]
    async fn failure_is_answered_from_memory_until_the_pause_ends() {
        let (source, asked) = kept(|nth| if nth == 1 { Err(failure()) } else { Ok(token("good", 3600)) });
        for _ in 0..20 {
            assert_eq!(source.token().await.err().unwrap().kind(), &ErrorKind::Connect);
        }
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        lock(&source.state).failed.as_mut().unwrap().1 = Instant::now();
        assert_eq!(source.token().await.unwrap().expose(), "good");
    }

    #[tokio::test]
    async fn refused_token_is_fetched_anew_once_however_many_callers_it_failed() {
        let (source, asked) = kept(|nth| Ok(token(&format!("t{nth}"), 3600)));
        let first = source.token().await.unwrap();
        source.forget(&first);
        let second = source.token().await.unwrap();
        assert_eq!(second.expose(), "t2");
        source.forget(&first);
        assert_eq!(source.token().await.unwrap().expose(), "t2");
        // The fresh one is refused as well: fetching more of them at once would not help.
        source.forget(&second);
        assert_eq!(source.token().await.unwrap().expose(), "t2");
        assert_eq!(asked.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn fetch_that_panics_fails_its_callers_and_not_the_next() {
        let (source, _) = kept(|nth| if nth == 1 { panic!("broken fetch") } else { Ok(token("good", 3600)) });
        assert_eq!(source.token().await.err().unwrap().kind(), &ErrorKind::Interrupted);
        lock(&source.state).failed.as_mut().unwrap().1 = Instant::now();
        assert_eq!(source.token().await.unwrap().expose(), "good");
    }

    #[test]
    fn refresh_moment_is_jittered_inside_the_last_ten_minutes_or_quarter() {
        let now = Timestamp::UNIX_EPOCH;
        let at = |life: i64, jitter| refresh_at(now + SignedDuration::from_secs(life), now, jitter).as_second();
        assert_eq!((at(3600, 0), at(3600, 255)), (3300, 3000));
        assert_eq!((at(80, 0), at(80, 255)), (70, 60));
        assert_eq!(at(-5, 255), -5);
    }

    #[test]
    fn pauses_between_failures_grow_to_ten_seconds_or_what_is_asked() {
        let pauses: Vec<u64> = (0..6).map(|n| failure_pause(n, None).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 10, 10]);
        assert_eq!(failure_pause(0, Some(Duration::from_secs(60))).as_secs(), 60);
        assert_eq!(failure_pause(u32::MAX, None).as_secs(), 10);
    }
}
