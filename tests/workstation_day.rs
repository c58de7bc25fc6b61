//! A day in the life of a workstation, in virtual time: two schedules, an idle shutdown, and somebody who restarts it by
//! hand. The operator asks Azure only for what the declared policy calls for.
//!
//! Must not let the operator run while time jumps: what an hour brought is read before it can answer to it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, and its helpers are tests as well")]

mod stage;

use emulator::Event;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use stage::Stage;
use support::wait::until;

const NAME: &str = "workstation";

/// A day with what happens in it.
struct Day {
    stage: Stage,
    midnight: Timestamp,
}

impl Day {
    /// At midnight the instance runs, declared Running under this policy.
    async fn begins(prefix: &str, policy: &str) -> Self {
        let stage = Stage::start(prefix).await;
        let clock = clock(&stage);
        let midnight = clock.to_zoned(jiff::tz::TimeZone::UTC).tomorrow().unwrap().start_of_day().unwrap().timestamp();
        // Made in the last hour of the day before, so that nothing has stopped it yet.
        stage.emulator.advance(midnight.duration_since(clock) - SignedDuration::from_mins(20));
        let schedule = |name: &str, action: &str, cron: &str| json!({"name": name, "action": action, "timeZone": "Etc/UTC", "cron": cron});
        let spec = json!({
            "powerState": "Running", "powerPolicy": policy, "idleTimeBeforeShutdown": "PT30M",
            "schedules": [schedule("morning", "Start", "0 8 * * *"), schedule("evening", "Stop", "0 19 * * *")],
        });
        stage.apply(&stage::instance(NAME, &spec)).await;
        stage.until_object("computeinstance", NAME, "it is Ready", stage::is_ready).await;
        Self { stage, midnight }
    }

    /// Lets the day go on until that many minutes after midnight, and tells whether the instance ran when the operator saw
    /// it again.
    async fn goes_on_until(&self, minutes: i64) -> bool {
        let operator = self.stage.operator();
        operator.signal("STOP").unwrap();
        let target = self.midnight + SignedDuration::from_mins(minutes);
        self.stage.emulator.advance(target.duration_since(clock(&self.stage)));
        let ran = !matches!(self.power().await.as_str(), "Stopped" | "Stopping");
        operator.signal("CONT").unwrap();
        ran
    }

    async fn power(&self) -> String {
        let (_, compute) = self.stage.azure("GET", &stage::path(NAME), None).await;
        compute["properties"]["properties"]["state"].as_str().unwrap().to_owned()
    }

    /// Waits until Azure shows a power state and the object is Ready with it.
    async fn until_power(&self, wanted: &str) {
        let what = format!("it is {wanted}");
        let reached = |object: &Value| stage::is_ready(object) && object["status"]["powerState"] == wanted;
        self.stage.until_object("computeinstance", NAME, &what, reached).await;
    }

    /// What the operator asked Azure to do with the instance so far.
    fn asked(&self) -> Vec<String> {
        let journal = self.stage.emulator.journal();
        let ours = journal.iter().filter(|entry| {
            let agent = entry.request_headers.get("user-agent").map(String::as_str).unwrap_or_default();
            agent.starts_with("azureml-compute-operator") && entry.method != "GET" && entry.path.contains("/computes/")
        });
        ours.map(|entry| format!("{} {}", entry.method, entry.path.rsplit('/').next().unwrap())).collect()
    }

    fn happens(&self, event: Event) {
        self.stage.emulator.event(event).unwrap();
    }

    /// Somebody restarts it in the studio.
    async fn is_restarted_by_hand(&self) {
        let (status, answer) = self.stage.azure("POST", &format!("{}/restart", stage::path(NAME)), None).await;
        assert_eq!(status, 202, "{answer}");
        let restarted = until("it runs again", stage::PATIENCE, async || match self.power().await {
            state if state == "Running" => Ok(()),
            state => Err(state),
        });
        restarted.await.unwrap();
    }
}

fn clock(stage: &Stage) -> Timestamp {
    stage.emulator.world()["clock"]["service"].as_str().unwrap().parse().unwrap()
}

/// The day, hour by hour; `undone`: what stops the instance is undone. Returns how often it was found stopped.
async fn pass(day: &Day, undone: bool) -> usize {
    let mut found_stopped = 0;
    for hour in 1..=24 {
        let ran = day.goes_on_until(hour * 60 + 5).await;
        if undone && !ran {
            found_stopped += 1;
            day.until_power("Running").await;
        }
        day.stage.rest(2).await;
        match hour {
            8 => day.happens(Event::UserActive { compute: NAME.to_owned() }),
            14 => day.is_restarted_by_hand().await,
            20 => day.happens(Event::UserAway { compute: NAME.to_owned() }),
            _ => {}
        }
    }
    day.stage.rest(5).await;
    found_stopped
}

#[tokio::test(flavor = "multi_thread")]
async fn workstation_is_left_to_its_schedules_and_its_user_for_a_day() {
    let day = Day::begins("day-respect", "RespectSchedules").await;
    pass(&day, false).await;
    assert_eq!(day.asked(), ["PUT workstation"]);
    day.until_power("Stopped").await;
    let object = day.stage.get("computeinstance", NAME).await.unwrap();
    let last = &object["status"]["lastOperation"];
    assert_eq!((&last["name"], &last["trigger"]), (&json!("Stop"), &json!("Schedule")), "{last}");
    assert!(stage::ready_message(&object).contains("RespectSchedules leaves as it is"), "{object}");
}

#[tokio::test(flavor = "multi_thread")]
async fn workstation_that_is_to_run_whatever_schedules_say_is_started_after_each_stop_and_no_more() {
    let day = Day::begins("day-enforce", "Enforce").await;
    let stops = pass(&day, true).await;
    // Idle in the night, hour by hour, until somebody works; stopped in the evening; idle again.
    assert!(stops >= 8, "{stops}");
    let mut wanted = vec!["PUT workstation"];
    wanted.extend(std::iter::repeat_n("POST start", stops));
    assert_eq!(day.asked(), wanted);
    day.until_power("Running").await;
}
