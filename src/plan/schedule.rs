//! When to try again: backoff, and the spread that keeps many objects from moving together.
//!
//! Must not use randomness: the spread comes from the object's UID, so a decision repeats exactly.

use crate::classify::{Disposition, Fate, Speed};
use crate::inputs::{Setback, Settings};
use jiff::{SignedDuration, Timestamp};

/// A number that differs between objects and attempts and is the same each time (FNV-1a).
pub fn fingerprint(parts: &[&[u8]]) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for part in parts {
        for byte in part.iter().chain(&[0xff]) {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    hash
}

/// `base`, up to a quarter longer, by the seed.
pub fn spread(base: SignedDuration, seed: u64) -> SignedDuration {
    base + base * i32::try_from(seed % 256).unwrap_or_default() / 1024
}

/// Until when nothing is written after a setback.
///
/// The wait doubles with each attempt up to 16 times the first, is never shorter than Azure's Retry-After, and is
/// spread by up to a quarter.
pub fn hold_until(setback: &Setback, disposition: &Disposition, settings: &Settings, uid: &str) -> Timestamp {
    let speed = match disposition.fate {
        Fate::Retry(speed) | Fate::Stalled(speed) => speed,
        Fate::Forbidden => Speed::Slow,
    };
    let base = match speed {
        Speed::Fast => settings.retry_fast,
        Speed::Slow => settings.retry_slow,
        Speed::VerySlow => settings.retry_very_slow,
    };
    let doublings = setback.attempts.saturating_sub(1).min(4);
    let seed = fingerprint(&[uid.as_bytes(), &setback.attempts.to_le_bytes()]);
    let wait = spread(base * (1 << doublings), seed);
    let floor = setback.failure.retry_after.unwrap_or(SignedDuration::ZERO);
    setback.at.checked_add(wait.max(floor)).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::Because;
    use crate::failure::{Attempt, Cause, Failure};

    fn hold(attempts: u32, fate: Fate, retry_after: Option<SignedDuration>) -> SignedDuration {
        let failure = Failure { attempt: Attempt::Create, cause: Cause::Timeout, retry_after };
        let setback =
            Setback { failure, attempts, at: Timestamp::UNIX_EPOCH, since: Timestamp::UNIX_EPOCH, generation: 1 };
        let disposition = Disposition { fate, because: Because::new("X", "x") };
        hold_until(&setback, &disposition, &Settings::default(), "uid").duration_since(Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn wait_grows_to_a_cap_and_is_spread_by_a_quarter_at_most() {
        for (attempts, seconds) in [(1, 2), (2, 4), (3, 8), (5, 32), (6, 32), (1000, 32)] {
            let wait = hold(attempts, Fate::Retry(Speed::Fast), None).as_secs_f64();
            assert!(wait >= f64::from(seconds) && wait <= f64::from(seconds) * 1.25, "{attempts}: {wait}");
        }
    }

    #[test]
    fn retry_after_is_never_undercut() {
        let asked = SignedDuration::from_secs(90);
        assert_eq!(hold(1, Fate::Retry(Speed::Fast), Some(asked)), asked);
    }

    #[test]
    fn stalled_is_probed_slower_than_retried() {
        assert!(hold(1, Fate::Stalled(Speed::VerySlow), None) > hold(1, Fate::Forbidden, None));
    }
}
