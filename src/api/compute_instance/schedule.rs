//! When Azure starts and stops an instance by itself.
//!
//! Must not translate: names of time zones are IANA's here, and `windows_zone` knows Azure's.

use crate::{limits, rules};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One schedule: what is done, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = rules::schedule_trigger())]
#[serde(rename_all = "camelCase")]
pub struct Schedule {
    /// Its name among the schedules of this object; Azure does not know it.
    #[schemars(length(min = 1, max = limits::SCHEDULE_NAME))]
    #[x_kube(validation = rules::schedule_name())]
    pub name: String,
    /// What is done: Start or Stop.
    pub action: PowerAction,
    /// IANA name of the time zone, such as Europe/Berlin; UTC if absent. Azure keeps the Windows zone that CLDR gives for
    /// it.
    #[schemars(length(min = 1, max = limits::TIME_ZONE))]
    #[x_kube(validation = rules::time_zone())]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// When, as a cron expression of five fields such as `0 8 * * 1-5`: minute, hour, day of the month, month, day of the
    /// week.
    #[schemars(length(min = 1, max = limits::CRON))]
    #[x_kube(validation = rules::cron())]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cron: Option<String>,
    /// When, as every so many days, weeks or months.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recurrence: Option<Recurrence>,
    /// From when on it counts, such as 2026-01-05T00:00:00, in the schedule's time zone; from its creation if absent.
    #[schemars(length(min = 1, max = limits::DURATION))]
    #[x_kube(validation = rules::start_time())]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<String>,
    /// Whether it fires.
    #[serde(default = "yes")]
    pub enabled: bool,
}

fn yes() -> bool {
    true
}

/// What a schedule does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PowerAction {
    /// Starts the instance.
    Start,
    /// Stops it.
    Stop,
}

/// Every so many days, weeks or months.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    validation = rules::recurrence_times(),
    validation = rules::recurrence_days("weekDays", "Week"),
    validation = rules::recurrence_days("monthDays", "Month")
)]
#[serde(rename_all = "camelCase")]
pub struct Recurrence {
    /// The unit: Minute, Hour, Day, Week or Month.
    pub frequency: RecurrenceFrequency,
    /// How many units lie between two times; every one if it is 1.
    // Azure publishes no bounds. A thousand is more than two years of days, and rules out a slip in the digits.
    #[schemars(range(min = 1, max = limits::INTERVAL))]
    pub interval: i32,
    /// Days of the week, with frequency Week.
    #[schemars(length(min = 1, max = 7))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub week_days: Vec<WeekDay>,
    /// Days of the month, 1 to 31, with frequency Month.
    #[schemars(length(min = 1, max = 31), inner(range(min = 1, max = 31)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub month_days: Vec<i32>,
    /// Hours of the day, 0 to 23, with minutes.
    #[schemars(length(min = 1, max = 24), inner(range(min = 0, max = 23)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hours: Vec<i32>,
    /// Minutes of each of these hours, 0 to 59.
    #[schemars(length(min = 1, max = 60), inner(range(min = 0, max = 59)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub minutes: Vec<i32>,
}

/// Unit of a recurrence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RecurrenceFrequency {
    /// Minutes.
    Minute,
    /// Hours.
    Hour,
    /// Days.
    Day,
    /// Weeks.
    Week,
    /// Months.
    Month,
}

/// A day of the week: Monday, Tuesday, Wednesday, Thursday, Friday, Saturday or Sunday.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum WeekDay {
    /// Monday.
    Monday,
    /// Tuesday.
    Tuesday,
    /// Wednesday.
    Wednesday,
    /// Thursday.
    Thursday,
    /// Friday.
    Friday,
    /// Saturday.
    Saturday,
    /// Sunday.
    Sunday,
}
