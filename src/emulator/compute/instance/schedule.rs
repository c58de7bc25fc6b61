//! Start and stop schedules of an instance: read, shown, and when they fire next. Fires nothing.

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    cron::Cron,
    recurrence::{Frequency, Pattern, Recurrence},
    zones,
};
use crate::{errors::Refusal, fields::Fields};

/// How many schedules an instance may have (how-to-create-compute-instance).
const MOST: usize = 4;
const WEEK_DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// One schedule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Schedule {
    /// Given when it is stored.
    pub(crate) id: Uuid,
    pub(crate) enabled: bool,
    /// Whether it starts the instance; else it stops it.
    pub(crate) starts: bool,
    trigger: Trigger,
    /// As sent.
    start_time: Option<DateTime>,
    zone: String,
    /// When it fires next, as it was last planned.
    pub(crate) fires: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Trigger {
    Cron { text: String, cron: Cron },
    Recurrence(Recurrence),
}

impl Schedule {
    /// Reads a list that is called `computeStartStop`; `None` if it is absent.
    ///
    /// # Errors
    /// More than four, unknown words, zones or expressions.
    pub(crate) fn read_all(schedules: &Fields<'_>) -> Result<Option<Vec<Self>>, Refusal> {
        let Some(items) = schedules.objects("computeStartStop")? else { return Ok(None) };
        if items.len() > MOST {
            let path = schedules.at("computeStartStop");
            let text = format!("A compute instance can have at most {MOST} schedules; {} were given.", items.len());
            return Err(Refusal::user_error(text).target(path));
        }
        items.iter().map(Self::read).collect::<Result<_, _>>().map(Some)
    }

    fn read(fields: &Fields<'_>) -> Result<Self, Refusal> {
        let must = |name: &str, word: Option<&'static str>| word.ok_or_else(|| fields.missing(name));
        let action = must("action", fields.word("action", &["Start", "Stop"])?)?;
        let kind = must("triggerType", fields.word("triggerType", &["Cron", "Recurrence"])?)?;
        let status = fields.word("status", &["Enabled", "Disabled"])?.unwrap_or("Enabled");
        let part = fields.object(if kind == "Cron" { "cron" } else { "recurrence" })?;
        let trigger = if kind == "Cron" {
            let text = part.required("expression")?;
            let cron =
                Cron::parse(text).ok_or_else(|| part.refuse("expression", "an NCrontab expression of five fields"))?;
            Trigger::Cron { text: text.to_owned(), cron }
        } else {
            Trigger::Recurrence(recurrence(&part)?)
        };
        let zone = part.text("timeZone")?.unwrap_or("UTC").to_owned();
        if zones::zone(&zone).is_none() {
            return Err(part.refuse("timeZone", "the name of a Windows time zone such as 'W. Europe Standard Time'"));
        }
        let start_time = match part.text("startTime")? {
            None => None,
            Some(text) => Some(
                text.parse::<DateTime>()
                    .map_err(|_| part.refuse("startTime", "a time without zone such as '2026-01-05T08:00:00'"))?,
            ),
        };
        Ok(Self {
            id: Uuid::nil(),
            enabled: status == "Enabled",
            starts: action == "Start",
            trigger,
            start_time,
            zone,
            fires: None,
        })
    }

    /// An item of an answer. Its provisioning ended at once: what `Provisioning` would look like was never recorded.
    pub(crate) fn show(&self) -> Value {
        let start = self.start_time.map(|time| time.strftime("%Y-%m-%dT%H:%M:%S").to_string());
        let zone = &self.zone;
        let (kind, name, trigger) = match &self.trigger {
            Trigger::Cron { text, .. } => {
                ("Cron", "cron", json!({"startTime": start, "timeZone": zone, "expression": text}))
            }
            Trigger::Recurrence(recurrence) => {
                let pattern = recurrence.pattern.as_ref().map(|pattern| {
                    json!({
                        "hours": pattern.hours,
                        "minutes": pattern.minutes,
                        "weekDays": pattern.week_days.as_ref().map(|days| days.iter().map(|day| word(*day)).collect::<Vec<_>>()),
                        "monthDays": pattern.month_days
                    })
                });
                let shown = json!({
                    "frequency": recurrence.frequency.word(),
                    "interval": recurrence.interval,
                    "startTime": start,
                    "timeZone": zone,
                    "schedule": pattern
                });
                ("Recurrence", "recurrence", shown)
            }
        };
        json!({
            "id": self.id.to_string(),
            "provisioningStatus": "Completed",
            "status": if self.enabled { "Enabled" } else { "Disabled" },
            "action": if self.starts { "Start" } else { "Stop" },
            "triggerType": kind,
            name: trigger
        })
    }

    /// The first moment after `now` at which it fires. Without a start time it counts from when the instance was `made`.
    pub(crate) fn next(&self, made: Timestamp, now: Timestamp) -> Option<Timestamp> {
        if !self.enabled {
            return None;
        }
        let zone = zones::zone(&self.zone).unwrap_or(TimeZone::UTC);
        let local = |at: Timestamp| zone.to_datetime(at);
        let start = self.start_time.unwrap_or_else(|| local(made));
        // A clock that is set back shows some times twice, so the search begins an hour early.
        let from = local(now).saturating_sub(jiff::SignedDuration::from_hours(1)).max(start);
        let instant = |at: DateTime| zone.to_timestamp(at).ok().filter(|at| *at > now);
        match &self.trigger {
            Trigger::Cron { cron, .. } => {
                let all = cron.days(from.date()).flat_map(|day| cron.times().map(move |time| day.to_datetime(time)));
                all.filter(|at| *at >= start).find_map(instant)
            }
            Trigger::Recurrence(recurrence) => recurrence.after(start, from).find_map(instant),
        }
    }
}

fn recurrence(fields: &Fields<'_>) -> Result<Recurrence, Refusal> {
    let Some(frequency) = fields.word("frequency", &Frequency::WORDS)?.and_then(Frequency::of) else {
        return Err(fields.refuse("frequency", "one of Minute, Hour, Day, Week, Month"));
    };
    let interval = fields.integer("interval")?.and_then(|count| u16::try_from(count).ok());
    let Some(interval) = interval.filter(|count| (1..=1_000).contains(count)) else {
        return Err(fields.refuse("interval", "an integer from 1 to 1000"));
    };
    let schedule = fields.object("schedule")?;
    let pattern = if schedule.exists() { Some(pattern(&schedule)?) } else { None };
    Ok(Recurrence { frequency, interval, pattern })
}

fn pattern(fields: &Fields<'_>) -> Result<Pattern, Refusal> {
    let week_days = match fields.value("weekDays") {
        None => None,
        Some(value) => {
            let items = value.as_array().ok_or_else(|| fields.refuse("weekDays", "a list of days"))?;
            let day = |item: &Value| {
                let index =
                    WEEK_DAYS.iter().position(|day| item.as_str().is_some_and(|text| day.eq_ignore_ascii_case(text)));
                index.and_then(|index| i8::try_from(index).ok())
            };
            let days: Option<Vec<i8>> = items.iter().take(8).map(day).collect();
            Some(days.ok_or_else(|| fields.refuse("weekDays", "a list of days such as 'Monday'"))?)
        }
    };
    Ok(Pattern {
        hours: fields.numbers("hours", 0..=23)?.unwrap_or_default(),
        minutes: fields.numbers("minutes", 0..=59)?.unwrap_or_default(),
        week_days: week_days.filter(|days| !days.is_empty()),
        month_days: fields.numbers("monthDays", 1..=31)?.filter(|days| !days.is_empty()),
    })
}

fn word(day: i8) -> &'static str {
    usize::try_from(day).ok().and_then(|day| WEEK_DAYS.get(day)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(items: &Value) -> Result<Vec<Schedule>, Refusal> {
        let body = json!({"computeStartStop": items});
        Schedule::read_all(&Fields::of(&body).unwrap()).map(Option::unwrap)
    }

    fn one(item: &Value) -> Schedule {
        read(&json!([item])).unwrap().remove(0)
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn cron(expression: &str, zone: &str) -> Value {
        json!({"action": "stop", "triggerType": "cron", "cron": {"expression": expression, "timeZone": zone, "triggerType": "Cron"}})
    }

    #[test]
    fn schedule_fires_in_the_time_of_its_zone_also_when_clocks_change() {
        let evening = one(&cron("0 18 * * 1-5", "W. Europe Standard Time"));
        let made = at("2026-01-01T00:00:00Z");
        assert_eq!(evening.next(made, at("2026-03-27T16:59:59Z")), Some(at("2026-03-27T17:00:00Z")));
        // Summer time begins on Sunday, 2026-03-29.
        assert_eq!(evening.next(made, at("2026-03-27T17:00:00Z")), Some(at("2026-03-30T16:00:00Z")));
        let night = one(&cron("30 2 * * *", "W. Europe Standard Time"));
        assert_eq!(
            night.next(made, at("2026-03-28T12:00:00Z")),
            Some(at("2026-03-29T01:30:00Z")),
            "a time that is left out"
        );
        assert_eq!(
            night.next(made, at("2026-10-24T12:00:00Z")),
            Some(at("2026-10-25T00:30:00Z")),
            "a time that is there twice"
        );
        assert_eq!(night.next(made, at("2026-10-25T00:30:00Z")), Some(at("2026-10-26T01:30:00Z")), "but fires once");
    }

    #[test]
    fn schedule_does_not_fire_before_its_start_nor_while_disabled() {
        let mut item = cron("0 18 * * *", "UTC");
        item["cron"]["startTime"] = json!("2026-03-10T18:30:00");
        assert_eq!(
            one(&item).next(at("2026-01-01T00:00:00Z"), at("2026-01-01T00:00:00Z")),
            Some(at("2026-03-11T18:00:00Z"))
        );
        item["status"] = json!("disabled");
        assert_eq!(one(&item).next(at("2026-01-01T00:00:00Z"), at("2026-01-01T00:00:00Z")), None);
    }

    #[test]
    fn recurrence_is_answered_in_the_services_spelling() {
        let sent = json!({"action": "start", "status": "Enabled", "triggerType": "Recurrence", "recurrence": {
            "frequency": "week", "interval": 1, "schedule": {"hours": [8], "minutes": [30], "weekDays": ["monday", "Wednesday"]},
            "startTime": "2026-03-10T08:00:00", "timeZone": "W. Europe Standard Time", "triggerType": "Recurrence"}});
        let schedule = one(&sent);
        let shown = schedule.show();
        assert_eq!((&shown["action"], &shown["provisioningStatus"]), (&json!("Start"), &json!("Completed")));
        let recurrence = json!({"frequency": "Week", "interval": 1, "startTime": "2026-03-10T08:00:00",
            "timeZone": "W. Europe Standard Time",
            "schedule": {"hours": [8], "minutes": [30], "weekDays": ["Monday", "Wednesday"], "monthDays": null}});
        assert_eq!(shown["recurrence"], recurrence);
        let next = schedule.next(at("2026-01-01T00:00:00Z"), at("2026-03-11T08:00:00Z"));
        assert_eq!(next, Some(at("2026-03-16T07:30:00Z")));
    }

    #[test]
    fn wrong_schedules_are_refused() {
        let mut many = Vec::new();
        many.resize(5, cron("0 18 * * *", "UTC"));
        let daily = |name: &str, value: Value| {
            let mut item = json!({"action": "Stop", "triggerType": "Recurrence", "recurrence": {"frequency": "Day", "interval": 1}});
            item["recurrence"][name] = value;
            json!([item])
        };
        for wrong in [
            json!(many),
            json!({}),
            json!([4]),
            json!([{"action": "Stop", "triggerType": "Cron"}]),
            json!([{"triggerType": "Cron", "cron": {"expression": "0 18 * * *"}}]),
            json!([{"action": "Pause", "triggerType": "Cron", "cron": {"expression": "0 18 * * *"}}]),
            json!([{"action": "Stop", "cron": {"expression": "0 18 * * *"}}]),
            json!([cron("0 18 * *", "UTC")]),
            json!([cron("0 18 * * *", "Europe/Berlin")]),
            daily("frequency", json!("Year")),
            daily("interval", json!(0)),
            daily("interval", Value::Null),
            daily("startTime", json!("2026-03-10T08:00:00Z")),
            daily("startTime", json!("tomorrow")),
            daily("schedule", json!({"hours": [24], "minutes": [0]})),
            daily("schedule", json!({"hours": [8], "minutes": [0], "weekDays": ["Someday"]})),
            daily("schedule", json!({"hours": "8", "minutes": [0]})),
        ] {
            assert_eq!(read(&wrong).unwrap_err().status, 400, "{wrong}");
        }
        assert!(Schedule::read_all(&Fields::of(&json!({})).unwrap()).unwrap().is_none());
    }

    #[test]
    fn times_at_the_ends_of_the_calendar_do_not_break_it() {
        for start in ["-009999-01-01T00:00:00", "0000-01-01T00:00:00", "9999-12-31T23:59:59"] {
            for frequency in Frequency::WORDS {
                let item = json!({"action": "Stop", "triggerType": "Recurrence",
                    "recurrence": {"frequency": frequency, "interval": 1000, "startTime": start}});
                let schedule = one(&item);
                let _ = schedule.next(Timestamp::MIN, Timestamp::MAX);
                let _ = schedule.next(Timestamp::MAX, Timestamp::MIN);
                let _ = schedule.next(at("2026-01-01T00:00:00Z"), at("2026-01-01T00:00:00Z"));
            }
        }
    }
}
