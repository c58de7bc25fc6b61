//! Waiting for a fact by looking at it again and again; it must not wait for a fixed time instead.

use std::time::{Duration, Instant};

use crate::error::{Error, Result};

/// Between two looks: short, because a plane of a test serves nobody else.
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// Looks until `look` returns `Ok`, for at most `deadline`; `what` names the fact ("cpu-cluster is Ready").
///
/// `Err` of a look is the value seen instead of the one waited for. One look is never cut short by the deadline, so it
/// has to end by itself.
///
/// # Errors
/// When the deadline passes; the error shows the last value seen.
pub async fn until<T>(what: &str, deadline: Duration, mut look: impl AsyncFnMut() -> Result<T, String>) -> Result<T> {
    let started = Instant::now();
    loop {
        let seen = match look().await {
            Ok(fact) => return Ok(fact),
            Err(seen) => seen,
        };
        if started.elapsed() >= deadline {
            return Err(Error::new(format!("waited {deadline:?} until {what}; last seen: {seen}")));
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
}

/// [`until`] for code that has no runtime: blocks the thread between two looks.
///
/// # Errors
/// When the deadline passes; the error shows the last value seen.
pub fn blocking_until<T>(what: &str, deadline: Duration, mut look: impl FnMut() -> Result<T, String>) -> Result<T> {
    let started = Instant::now();
    loop {
        let seen = match look() {
            Ok(fact) => return Ok(fact),
            Err(seen) => seen,
        };
        if started.elapsed() >= deadline {
            return Err(Error::new(format!("waited {deadline:?} until {what}; last seen: {seen}")));
        }
        std::thread::sleep(BETWEEN_LOOKS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn until_returns_the_fact_when_it_holds() {
        let mut looks = 0;
        let fact = until("three looks were taken", Duration::from_secs(5), async || {
            looks += 1;
            if looks == 3 { Ok(looks) } else { Err(format!("{looks} looks")) }
        })
        .await;

        assert_eq!(fact.unwrap(), 3);
    }

    #[tokio::test]
    async fn until_names_the_last_value_seen_when_the_deadline_passes() {
        let error =
            until::<()>("the cluster is Ready", Duration::from_millis(1), async || Err("Ready=False".to_owned()))
                .await
                .unwrap_err()
                .to_string();

        assert!(error.contains("until the cluster is Ready") && error.ends_with("last seen: Ready=False"), "{error}");
    }
}
