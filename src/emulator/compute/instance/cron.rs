//! Cron expressions of schedules, as NCrontab reads them: five fields, a day must fit both the month's and the week's field. Knows
//! no zones.

use jiff::civil::{Date, Time};
use serde::{Deserialize, Serialize};

/// Longest span between two days that fit: from one leap day to another across a year like 2100.
const DAYS: u32 = 8 * 366 + 1;

/// What a field may hold, and the names that stand for its numbers.
struct Field {
    low: u8,
    high: u8,
    names: &'static [&'static str],
}

const FIELDS: [Field; 5] = [
    Field { low: 0, high: 59, names: &[] },
    Field { low: 0, high: 23, names: &[] },
    Field { low: 1, high: 31, names: &[] },
    Field {
        low: 1,
        high: 12,
        names: &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
    },
    Field { low: 0, high: 6, names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"] },
];

/// An expression: which minutes, hours, days of the month, months and days of the week (Sunday is 0), as bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cron([u64; 5]);

impl Cron {
    /// Reads an expression; `None` if it is none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split_whitespace().collect();
        if parts.len() != FIELDS.len() {
            return None;
        }
        let mut bits = [0; 5];
        for ((bits, part), field) in bits.iter_mut().zip(parts).zip(&FIELDS) {
            for item in part.split(',') {
                *bits |= field.read(item)?;
            }
        }
        Some(Self(bits))
    }

    fn fits(self, date: Date) -> bool {
        let day = u8::try_from(date.day()).unwrap_or(0);
        let month = u8::try_from(date.month()).unwrap_or(0);
        let weekday = u8::try_from(date.weekday().to_sunday_zero_offset()).unwrap_or(0);
        self.has(2, day) && self.has(3, month) && self.has(4, weekday)
    }

    fn has(self, field: usize, value: u8) -> bool {
        self.0[field] & (1 << value) != 0
    }

    /// The days from `first` on that fit, with no end but that of the calendar's repetition.
    pub(crate) fn days(self, first: Date) -> impl Iterator<Item = Date> {
        let days = std::iter::successors(Some(first), |date| date.tomorrow().ok());
        days.take(DAYS as usize).filter(move |date| self.fits(*date))
    }

    /// The times of a day that fits, in their order.
    pub(crate) fn times(self) -> impl Iterator<Item = Time> {
        let hours = (0..24u8).filter(move |hour| self.has(1, *hour));
        hours.flat_map(move |hour| {
            let minutes = (0..60u8).filter(move |minute| self.has(0, *minute));
            minutes.filter_map(move |minute| Time::new(hour.cast_signed(), minute.cast_signed(), 0, 0).ok())
        })
    }
}

impl Field {
    /// `*`, `3`, `1-5`, each perhaps with a step: `*/2`.
    fn read(&self, item: &str) -> Option<u64> {
        let (range, step) = match item.split_once('/') {
            None => (item, 1),
            Some((range, step)) => (range, step.parse::<u8>().ok().filter(|step| *step > 0)?),
        };
        let (low, high) = match range.split_once('-') {
            _ if range == "*" => (self.low, self.high),
            Some((low, high)) => (self.number(low)?, self.number(high)?),
            // `3/10`: from 3 on.
            None if item.contains('/') => (self.number(range)?, self.high),
            None => (self.number(range)?, self.number(range)?),
        };
        if low > high {
            return None;
        }
        Some((low..=high).step_by(usize::from(step)).fold(0, |bits, value| bits | 1 << value))
    }

    fn number(&self, text: &str) -> Option<u8> {
        let named = self.names.iter().position(|name| text.to_ascii_lowercase().starts_with(name) && text.len() >= 3);
        let number = match named {
            Some(index) => u8::try_from(index).ok()? + self.low,
            None => text.parse().ok()?,
        };
        (self.low..=self.high).contains(&number).then_some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(text: &str, from: &str) -> (String, Vec<String>) {
        let cron = Cron::parse(text).unwrap();
        let day = cron.days(from.parse().unwrap()).next().map(|day| day.to_string()).unwrap_or_default();
        (day, cron.times().take(3).map(|time| time.to_string()).collect())
    }

    #[test]
    fn expressions_are_read_as_ncrontab_reads_them() {
        assert_eq!(first("0 18 * * 1-5", "2026-11-21"), ("2026-11-23".into(), vec!["18:00:00".into()]));
        assert_eq!(first("*/20 8,20 * * *", "2026-11-21").1, ["08:00:00", "08:20:00", "08:40:00"]);
        assert_eq!(first("5 0 29 feb *", "2026-11-21").0, "2028-02-29");
        assert_eq!(first("0 0 1 * Mon", "2026-11-21").0, "2027-02-01", "a day must fit both fields");
        assert_eq!(first("50/5 1 * * *", "2026-11-21").1, ["01:50:00", "01:55:00"]);
    }

    #[test]
    fn day_that_never_comes_is_not_waited_for() {
        assert_eq!(Cron::parse("0 0 31 2 *").unwrap().days("2026-11-21".parse().unwrap()).next(), None);
    }

    #[test]
    fn wrong_expressions_are_none() {
        for wrong in [
            "",
            "* * * *",
            "0 0 0 * * *",
            "60 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "* * * 13 *",
            "* * * * 7",
            "*/0 * * * *",
            "5-1 * * * *",
            "1,,2 * * * *",
            "a * * * *",
            "-1 * * * *",
            "* * * ja *",
            "99999999999 * * * *",
            "1-2-3 * * * *",
        ] {
            assert_eq!(Cron::parse(wrong), None, "{wrong}");
        }
    }
}
