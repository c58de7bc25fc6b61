//! `Retry-After` in both of its forms.
//!
//! Must not wait; it only says how long was asked for.

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use std::time::Duration;

/// Longest wait that is believed (controllers.md 5.5). ARM's own waits are seconds to a few minutes.
pub(crate) const LONGEST: Duration = Duration::from_secs(600);

/// How long the answer asks to wait: seconds, or an HTTP date measured against the answer's own `Date` (the other
/// end's clock) or, without one, against `now`. `None` if absent or unreadable; a date in the past is zero.
pub(crate) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than a u64 holds are an absurd wait, not an unreadable one.
        return Some(text.parse().map_or(LONGEST, Duration::from_secs).min(LONGEST));
    }
    let until = http_date(text)?;
    let from = headers.get(DATE).and_then(|date| http_date(date.to_str().ok()?)).unwrap_or(now);
    let seconds = until.as_second().saturating_sub(from.as_second());
    Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)).min(LONGEST))
}

fn http_date(text: &str) -> Option<Timestamp> {
    DateTimeParser::new().parse_timestamp(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    fn asked(value: &str, date: Option<&str>) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_str(value).unwrap());
        if let Some(date) = date {
            headers.insert(DATE, HeaderValue::from_str(date).unwrap());
        }
        retry_after(&headers, "2026-11-21T08:00:00Z".parse().unwrap())
    }

    #[test]
    fn seconds_are_read_and_absurd_ones_are_capped() {
        assert_eq!(asked("17", None), Some(Duration::from_secs(17)));
        assert_eq!(asked("0", None), Some(Duration::ZERO));
        assert_eq!(asked("86400", None), Some(LONGEST));
        assert_eq!(asked("999999999999999999999999999", None), Some(LONGEST));
    }

    #[test]
    fn date_is_measured_against_the_servers_clock_first() {
        let until = "Sat, 21 Nov 2026 08:00:30 GMT";
        assert_eq!(asked(until, None), Some(Duration::from_secs(30)));
        assert_eq!(asked(until, Some("Sat, 21 Nov 2026 08:00:20 GMT")), Some(Duration::from_secs(10)));
        assert_eq!(asked("Sat, 21 Nov 2015 08:00:30 GMT", None), Some(Duration::ZERO));
        assert_eq!(asked("Sat, 21 Nov 2099 08:00:30 GMT", None), Some(LONGEST));
    }

    #[test]
    fn nonsense_is_no_wait() {
        for value in ["", "soon", "-5", "1.5", "12;34"] {
            assert_eq!(asked(value, None), None, "{value}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), Timestamp::UNIX_EPOCH), None);
    }
}
