//! Schedules of new instances.
//!
//! Must not hold anything else of an instance: that is in `instances`.

use super::instances::case;
use super::{Case, Verdict, with};
use Verdict::{Accepted, Rule, Schema};
use serde_json::{Value, json};

/// New instances with schedules.
pub(crate) fn all() -> Vec<Case> {
    let mut cases = schedules();
    cases.extend(times());
    cases.extend(crons());
    cases.extend(recurrences());
    cases.extend(recurrence_times());
    cases
}

/// A schedule with a value put at a path; null removes.
fn schedule(path: &str, value: Value) -> Value {
    let whole = json!({"name": "evening", "action": "Stop", "timeZone": "Europe/Berlin", "cron": "0 19 * * 1-5"});
    json!([with(whole, path, value)])
}

/// A row of one schedule, changed at a path.
fn of_schedule(name: &str, path: &str, value: Value, verdict: Verdict) -> Case {
    case(name, "spec.schedules", schedule(path, value), verdict)
}

/// So many schedules, of different names.
fn many(count: usize) -> Value {
    json!((0..count).map(|n| schedule("name", json!(format!("s{n}")))[0].clone()).collect::<Vec<_>>())
}

fn schedules() -> Vec<Case> {
    let row = of_schedule;
    const ONE: &str = "must have exactly one of `cron` and `recurrence`";
    vec![
        row("schedule that is switched off is accepted", "enabled", json!(false), Accepted),
        row("schedule in no zone is accepted", "timeZone", Value::Null, Accepted),
        row("schedule of an unknown action is refused", "action", json!("Restart"), Schema("\"Start\", \"Stop\"")),
        row(
            "schedule without a name is refused",
            "name",
            Value::Null,
            Schema("spec.schedules[0].name: Required value"),
        ),
        row(
            "schedule named with a slash is refused",
            "name",
            json!("a/b"),
            Rule("`name` must be letters, digits, dots"),
        ),
        row("schedule that never fires is refused", "cron", Value::Null, Rule(ONE)),
        row(
            "schedule with two triggers is refused",
            "recurrence",
            json!({"frequency": "Day", "interval": 1}),
            Rule(ONE),
        ),
        case("four schedules are accepted", "spec.schedules", many(4), Accepted),
        case("five schedules are refused", "spec.schedules", many(5), Schema("spec.schedules: Too many: 5")),
        case(
            "two schedules of one name are refused",
            "spec.schedules",
            json!([schedule("action", json!("Stop"))[0], schedule("action", json!("Start"))[0]]),
            Schema("Duplicate value"),
        ),
    ]
}

fn times() -> Vec<Case> {
    let row = of_schedule;
    const ZONE: &str = "`timeZone` must be the IANA name of a time zone that Windows knows";
    const START: &str = "`startTime` must be a time without a zone";
    let mut cases = Vec::new();
    for zone in
        ["UTC", "America/New_York", "Asia/Kolkata", "Asia/Calcutta", "Etc/GMT+12", "America/Argentina/Buenos_Aires"]
    {
        cases.push(row(&format!("zone {zone} is accepted"), "timeZone", json!(zone), Accepted));
    }
    for zone in ["Mars/Olympus", "W. Europe Standard Time", "CEST", "europe/berlin", "Antarctica/Troll", "+01:00"] {
        cases.push(row(&format!("zone {zone} is refused"), "timeZone", json!(zone), Rule(ZONE)));
    }
    for time in ["2026-01-05T00:00:00", "2026-12-31T23:59:59"] {
        cases.push(row(&format!("start at {time} is accepted"), "startTime", json!(time), Accepted));
    }
    for time in [
        "2026-01-05",
        "2026-01-05T00:00:00Z",
        "2026-01-05T00:00:00+01:00",
        "2026-13-05T00:00:00",
        "2026-01-05T24:00:00",
    ] {
        cases.push(row(&format!("start at {time} is refused"), "startTime", json!(time), Rule(START)));
    }
    cases
}

fn crons() -> Vec<Case> {
    const CRON: &str = "`cron` must have five fields divided by single blanks";
    let mut cases = Vec::new();
    for text in ["* * * * *", "0 8 * * 1-5", "59 23 31 12 6", "0,30 8-18 1,15 1-3,12 0", "05 08 01 01 0"] {
        cases.push(case(
            format!("cron {text:?} is accepted"),
            "spec.schedules",
            schedule("cron", json!(text)),
            Accepted,
        ));
    }
    for text in [
        "0 8 * *",
        "0 0 8 * * 1-5",
        "60 8 * * *",
        "0 24 * * *",
        "0 8 0 * *",
        "0 8 32 * *",
        "0 8 * 13 *",
        "0 8 * * 7",
        "*/5 * * * *",
        "0 8-18/2 * * *",
        "0 8 * * Mon",
        "0  8 * * *",
        " 0 8 * * *",
        "0 8 * * ?",
        "@daily",
        "0,, 8 * * *",
        "-1 8 * * *",
    ] {
        cases.push(case(
            format!("cron {text:?} is refused"),
            "spec.schedules",
            schedule("cron", json!(text)),
            Rule(CRON),
        ));
    }
    cases
}

/// A row of one schedule with this recurrence.
fn of_recurrence(name: &str, recurrence: Value, verdict: Verdict) -> Case {
    let mut schedules = schedule("cron", Value::Null);
    schedules[0]["recurrence"] = recurrence;
    case(name, "spec.schedules", schedules, verdict)
}

/// Every Friday at seven, changed at a path.
fn friday(path: &str, value: Value) -> Value {
    with(
        json!({"frequency": "Week", "interval": 1, "weekDays": ["Friday"], "hours": [19], "minutes": [0]}),
        path,
        value,
    )
}

fn recurrences() -> Vec<Case> {
    let row = of_recurrence;
    let month =
        json!({"frequency": "Month", "interval": 1, "monthDays": [1, 15], "hours": [8, 20], "minutes": [0, 30]});
    let changed = |name: &str, path: &str, value: Value, verdict: Verdict| row(name, friday(path, value), verdict);
    vec![
        changed("every Friday is accepted", "interval", json!(1), Accepted),
        row("every second day is accepted", json!({"frequency": "Day", "interval": 2}), Accepted),
        row("every six hours is accepted", json!({"frequency": "Hour", "interval": 6}), Accepted),
        row("first and fifteenth of a month is accepted", month.clone(), Accepted),
        row("day 32 is refused", with(month, "monthDays", json!([32])), Schema("less than or equal to 31")),
        changed("interval of nothing is refused", "interval", json!(0), Schema("greater than or equal to 1")),
        changed("interval of years is refused", "interval", json!(1_001), Schema("less than or equal to 1000")),
        changed("recurrence without an interval is refused", "interval", Value::Null, Schema("interval: Required")),
        changed("unknown frequency is refused", "frequency", json!("Year"), Schema("\"Minute\", \"Hour\", \"Day\"")),
        changed("hour 24 is refused", "hours", json!([24]), Schema("less than or equal to 23")),
        changed("minute 60 is refused", "minutes", json!([60]), Schema("less than or equal to 59")),
        changed("weekday in German is refused", "weekDays", json!(["Freitag"]), Schema("\"Monday\", \"Tuesday\"")),
        changed("weekday twice is refused", "weekDays", json!(["Friday", "Friday"]), Schema("Duplicate value")),
        changed("no weekday at all is refused", "weekDays", json!([]), Schema("should have at least 1 items")),
    ]
}

fn recurrence_times() -> Vec<Case> {
    let row = of_recurrence;
    let changed = |name: &str, path: &str, value: Value, verdict: Verdict| row(name, friday(path, value), verdict);
    const TIMES: &str = "`recurrence.hours` and `recurrence.minutes` must be given together";
    const WEEK: &str = "`recurrence.weekDays` must be given only with `recurrence.frequency` Week";
    const MONTH: &str = "`recurrence.monthDays` must be given only with `recurrence.frequency` Month";
    let hourly = json!({"frequency": "Hour", "interval": 1, "hours": [1], "minutes": [0]});
    let dayless = json!({"frequency": "Week", "interval": 1, "weekDays": ["Friday"]});
    vec![
        changed("hours without minutes are refused", "minutes", Value::Null, Rule(TIMES)),
        changed("minutes without hours are refused", "hours", Value::Null, Rule(TIMES)),
        row("hours of an hourly recurrence are refused", hourly, Rule(TIMES)),
        changed("weekdays of a daily recurrence are refused", "frequency", json!("Day"), Rule(WEEK)),
        row("weekdays without a time are refused", dayless, Rule(WEEK)),
        changed("days of the month in a week are refused", "monthDays", json!([1]), Rule(MONTH)),
    ]
}
