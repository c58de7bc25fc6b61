//! The two clocks: wall time for tokens and request budgets, virtual time for everything Azure ML does. The world never
//! reads either; it is told both. Only the host of the world owns a [`Clock`].

use std::time::Instant;

use jiff::{SignedDuration, Timestamp, tz::Offset};

/// The instant at which a request is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Now {
    /// What a clock on the wall shows: tokens expire and budgets refill by it.
    pub(crate) wall: Timestamp,
    /// What the service's clock shows: operations end and nodes become idle by it.
    pub(crate) service: Timestamp,
}

/// Where virtual time ends: far enough for everything, and far enough from the end of the calendar for what comes later.
const END: Timestamp = Timestamp::constant(221_845_392_000, 0);

/// Runs virtual time at a multiple of wall time, and lets it jump ahead.
#[derive(Debug)]
pub(crate) struct Clock {
    started: Timestamp,
    since: Instant,
    scale: f64,
    ahead: SignedDuration,
}

impl Clock {
    /// Virtual time starts at the wall's time and passes `scale` virtual seconds in each second.
    pub(crate) fn new(scale: f64) -> Self {
        Self { started: Timestamp::now(), since: Instant::now(), scale, ahead: SignedDuration::ZERO }
    }

    /// Virtual time goes on from where it was.
    pub(crate) fn resume(service: Timestamp, scale: f64) -> Self {
        Self { started: service, ..Self::new(scale) }
    }

    /// Both clocks now. Virtual time never goes back.
    pub(crate) fn now(&self) -> Now {
        let passed = self.since.elapsed().as_secs_f64() * self.scale;
        let passed = SignedDuration::try_from_secs_f64(passed).unwrap_or(SignedDuration::ZERO);
        Now { wall: Timestamp::now(), service: after(after(self.started, passed), self.ahead).min(END) }
    }

    /// Moves virtual time ahead by `by`; a negative duration moves nothing.
    pub(crate) fn advance(&mut self, by: SignedDuration) {
        if by.is_positive() {
            self.ahead = self.ahead.saturating_add(by);
        }
    }
}

/// `instant` plus `by`, held at the end of time instead of failing.
pub(crate) fn after(instant: Timestamp, by: SignedDuration) -> Timestamp {
    instant.saturating_add(by).unwrap_or(Timestamp::MAX)
}

/// `2025-11-04T09:40:51.9013157+00:00`: the form of `createdOn` in every recording, at most seven digits, none needless.
pub(crate) fn ticks(instant: Timestamp) -> String {
    written(instant, 7)
}

/// `2025-11-04T09:41:01.538+00:00`: the form of `allocationStateTransitionTime` in every recording.
pub(crate) fn millis(instant: Timestamp) -> String {
    written(instant, 3)
}

fn written(instant: Timestamp, digits: usize) -> String {
    let at = Offset::UTC.to_datetime(instant);
    let mut text = format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
        at.year(),
        at.month(),
        at.day(),
        at.hour(),
        at.minute(),
        at.second()
    );
    let fraction = format!("{:09}", at.subsec_nanosecond());
    let fraction = fraction[..digits].trim_end_matches('0');
    if !fraction.is_empty() {
        text.push('.');
        text.push_str(fraction);
    }
    text.push_str("+00:00");
    text
}

/// An ISO 8601 duration as the service writes it: days, hours, minutes and seconds, no larger part than needed
/// (`PT100S` comes back as `PT1M40S`, recorded 2022-12-28).
pub(crate) fn iso_duration(seconds: i64) -> String {
    let (days, hours, minutes, rest) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    let mut text = String::from("P");
    if days > 0 {
        text.push_str(&format!("{days}D"));
    }
    if hours + minutes + rest > 0 || days == 0 {
        text.push('T');
        for (count, unit) in [(hours, 'H'), (minutes, 'M'), (rest, 'S')] {
            if count > 0 || (unit == 'S' && seconds == 0) {
                text.push_str(&format!("{count}{unit}"));
            }
        }
    }
    text
}

/// Whole seconds of an ISO 8601 duration, or `None` if it is none, is negative, or counts in months or years.
pub(crate) fn parse_iso_duration(text: &str) -> Option<i64> {
    if !text.starts_with('P') {
        return None;
    }
    let span: jiff::Span = text.parse().ok()?;
    if span.get_years() != 0 || span.get_months() != 0 || span.is_negative() {
        return None;
    }
    let days = i64::from(span.get_weeks()) * 7 + i64::from(span.get_days());
    let time = span.weeks(0).days(0);
    let seconds = SignedDuration::try_from(time).ok()?.as_secs();
    days.checked_mul(86_400)?.checked_add(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_written_as_recorded() {
        let at: Timestamp = "2025-11-04T09:40:51.9013157Z".parse().unwrap();
        assert_eq!(ticks(at), "2025-11-04T09:40:51.9013157+00:00");
        assert_eq!(millis("2023-04-24T04:30:31.55Z".parse().unwrap()), "2023-04-24T04:30:31.55+00:00");
        assert_eq!(millis("2023-04-24T04:30:31Z".parse().unwrap()), "2023-04-24T04:30:31+00:00");
    }

    #[test]
    fn durations_come_back_in_the_services_spelling() {
        for (sent, back) in [
            ("PT100S", "PT1M40S"),
            ("PT2M", "PT2M"),
            ("PT1800S", "PT30M"),
            ("P1D", "P1D"),
            ("PT2400S", "PT40M"),
            ("PT0S", "PT0S"),
            ("PT25H1S", "P1DT1H1S"),
        ] {
            assert_eq!(iso_duration(parse_iso_duration(sent).unwrap()), back, "{sent}");
        }
        for wrong in ["", "2400", "5 minutes", "P1M", "-PT1M", "PT", "1h"] {
            assert_eq!(parse_iso_duration(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn virtual_time_stops_at_its_end_and_no_sooner() {
        let mut clock = Clock::new(1.0);
        clock.advance(SignedDuration::from_hours(24 * 365 * 100));
        assert!(clock.now().service < END);
        clock.advance(SignedDuration::MAX);
        assert_eq!((clock.now().service, END.to_string()), (END, "9000-01-01T00:00:00Z".into()));
    }

    #[test]
    fn clock_runs_at_its_scale_and_jumps_ahead_but_never_back() {
        let mut clock = Clock::new(1000.0);
        let before = clock.now();
        clock.advance(SignedDuration::from_hours(1));
        clock.advance(SignedDuration::from_hours(-5));
        let later = clock.now();
        assert!(later.service.duration_since(before.service) >= SignedDuration::from_hours(1));
        assert!(later.wall.duration_since(before.wall) < SignedDuration::from_hours(1));
    }
}
