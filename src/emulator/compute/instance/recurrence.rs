//! Recurrences of schedules: every so many minutes, hours, days, weeks or months. Knows no zones.

use jiff::{
    SignedDuration,
    civil::{Date, DateTime, Time},
};
use serde::{Deserialize, Serialize};

/// How far ahead the next day is looked for, about fifty years: further than the longest interval that is taken.
const DAYS: usize = 20_000;

/// How often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Frequency {
    Minute,
    Hour,
    Day,
    Week,
    Month,
}

impl Frequency {
    /// As the API spells them.
    pub(crate) const WORDS: [&'static str; 5] = ["Minute", "Hour", "Day", "Week", "Month"];

    /// The frequency of a word of [`WORDS`](Self::WORDS).
    pub(crate) fn of(word: &str) -> Option<Self> {
        [Self::Minute, Self::Hour, Self::Day, Self::Week, Self::Month].into_iter().find(|known| known.word() == word)
    }

    /// As the API spells it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Minute => "Minute",
            Self::Hour => "Hour",
            Self::Day => "Day",
            Self::Week => "Week",
            Self::Month => "Month",
        }
    }
}

/// A recurrence, in the local time of its zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Recurrence {
    pub(crate) frequency: Frequency,
    /// 1 to 1,000.
    pub(crate) interval: u16,
    pub(crate) pattern: Option<Pattern>,
}

/// When on a day that fits; empty lists leave it to the start time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pattern {
    pub(crate) hours: Vec<i8>,
    pub(crate) minutes: Vec<i8>,
    /// Monday is 0.
    pub(crate) week_days: Option<Vec<i8>>,
    pub(crate) month_days: Option<Vec<i8>>,
}

impl Recurrence {
    /// The local times from `from` on, none before `start`.
    pub(crate) fn after(&self, start: DateTime, from: DateTime) -> Box<dyn Iterator<Item = DateTime> + '_> {
        let from = from.max(start);
        match self.frequency {
            Frequency::Minute => Box::new(self.spans(start, from, 60)),
            Frequency::Hour => Box::new(self.spans(start, from, 3_600)),
            Frequency::Day | Frequency::Week | Frequency::Month => {
                let days = std::iter::successors(Some(from.date()), |date| date.tomorrow().ok());
                let days = days.take(DAYS).filter(move |date| self.fits(start.date(), *date));
                let times = self.times(start.time());
                let all = days.flat_map(move |date| times.clone().into_iter().map(move |time| date.to_datetime(time)));
                Box::new(all.filter(move |at| *at >= from))
            }
        }
    }

    /// Every so many seconds from the start on. A pattern says nothing more here.
    fn spans(&self, start: DateTime, from: DateTime, seconds: i64) -> impl Iterator<Item = DateTime> + use<> {
        let step = i64::from(self.interval) * seconds;
        let passed = from.duration_since(start).as_secs();
        let first = passed.div_euclid(step) + i64::from(passed.rem_euclid(step) > 0);
        (first..).map_while(move |count| start.checked_add(SignedDuration::from_secs(count.checked_mul(step)?)).ok())
    }

    /// Whether a day is one of the recurrence's, by its distance from the first.
    fn fits(&self, start: Date, date: Date) -> bool {
        let interval = i64::from(self.interval);
        let days = |from: Date| (date - from).get_days();
        let listed =
            |days: Option<&Vec<i8>>| days.is_none_or(|days| days.contains(&date.weekday().to_monday_zero_offset()));
        let pattern = self.pattern.as_ref();
        let week_days = pattern.and_then(|pattern| pattern.week_days.as_ref());
        match self.frequency {
            Frequency::Minute | Frequency::Hour => true,
            Frequency::Day => i64::from(days(start)) % interval == 0 && listed(week_days),
            Frequency::Week => {
                let monday = |date: Date| {
                    let days = i64::from(date.weekday().to_monday_zero_offset());
                    date.saturating_sub(SignedDuration::from_hours(days * 24))
                };
                let weeks = i64::from((monday(date) - monday(start)).get_days()) / 7;
                let fallback = vec![start.weekday().to_monday_zero_offset()];
                weeks % interval == 0 && listed(Some(week_days.unwrap_or(&fallback)))
            }
            Frequency::Month => {
                let months = |date: Date| i64::from(date.year()) * 12 + i64::from(date.month());
                let month_days = pattern.and_then(|pattern| pattern.month_days.as_ref());
                let day = month_days.map_or(date.day() == start.day(), |days| days.contains(&date.day()));
                (months(date) - months(start)) % interval == 0 && day && listed(week_days)
            }
        }
    }

    fn times(&self, start: Time) -> Vec<Time> {
        let empty = Pattern::default();
        let pattern = self.pattern.as_ref().unwrap_or(&empty);
        let or = |values: &[i8], start: i8| if values.is_empty() { vec![start] } else { values.to_vec() };
        let (hours, minutes) = (or(&pattern.hours, start.hour()), or(&pattern.minutes, start.minute()));
        // A time that is written out has no seconds; one that is left to the start has the start's.
        let second = if pattern.hours.is_empty() && pattern.minutes.is_empty() { start.second() } else { 0 };
        let mut times: Vec<Time> = hours
            .iter()
            .flat_map(|hour| minutes.iter().filter_map(|minute| Time::new(*hour, *minute, second, 0).ok()))
            .collect();
        times.sort_unstable();
        times.dedup();
        times
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(recurrence: &Recurrence, start: &str, from: &str, count: usize) -> Vec<String> {
        let (start, from) = (start.parse().unwrap(), from.parse().unwrap());
        recurrence.after(start, from).take(count).map(|at| at.to_string()).collect()
    }

    fn every(frequency: Frequency, interval: u16, pattern: Option<Pattern>) -> Recurrence {
        Recurrence { frequency, interval, pattern }
    }

    #[test]
    fn weeks_are_counted_from_that_of_the_start() {
        let pattern = Pattern { hours: vec![19], minutes: vec![0, 30], week_days: Some(vec![4, 0]), month_days: None };
        let biweekly = every(Frequency::Week, 2, Some(pattern));
        // 2026-01-05 is a Monday.
        let seen = next(&biweekly, "2026-01-07T12:00", "2026-01-01T00:00", 3);
        assert_eq!(seen, ["2026-01-09T19:00:00", "2026-01-09T19:30:00", "2026-01-19T19:00:00"]);
    }

    #[test]
    fn what_the_pattern_leaves_out_is_taken_from_the_start() {
        let daily = every(Frequency::Day, 3, Some(Pattern::default()));
        let seen = next(&daily, "2026-03-10T08:15:20", "2026-03-11T00:00", 2);
        assert_eq!(seen, ["2026-03-13T08:15:20", "2026-03-16T08:15:20"]);
        let weekly = every(Frequency::Week, 1, None);
        assert_eq!(next(&weekly, "2026-03-10T08:00", "2026-03-10T08:01", 1), ["2026-03-17T08:00:00"]);
    }

    #[test]
    fn months_without_the_day_are_left_out() {
        let pattern = Pattern { hours: vec![6], minutes: vec![0], week_days: None, month_days: Some(vec![31]) };
        let monthly = every(Frequency::Month, 1, Some(pattern));
        let seen = next(&monthly, "2026-01-01T00:00", "2026-02-01T00:00", 2);
        assert_eq!(seen, ["2026-03-31T06:00:00", "2026-05-31T06:00:00"]);
    }

    #[test]
    fn minutes_and_hours_are_counted_from_the_start() {
        let often = every(Frequency::Minute, 45, None);
        let seen = next(&often, "2026-01-01T00:10", "2026-01-01T01:40", 2);
        assert_eq!(seen, ["2026-01-01T01:40:00", "2026-01-01T02:25:00"]);
        let hourly = every(Frequency::Hour, 6, None);
        assert_eq!(next(&hourly, "2026-01-01T01:00", "2026-01-02T02:00", 1), ["2026-01-02T07:00:00"]);
        assert_eq!(next(&hourly, "2026-01-01T01:00", "2025-01-01T00:00", 1), ["2026-01-01T01:00:00"]);
    }

    #[test]
    fn words_of_frequencies_are_those_of_the_api() {
        for word in Frequency::WORDS {
            assert_eq!(Frequency::of(word).unwrap().word(), word);
        }
        assert_eq!(Frequency::of("Year"), None);
    }
}
