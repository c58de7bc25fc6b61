//! A small Azure of one instance: its states, its operations, and who may ask for what when.
//!
//! Must not know the decision core's rules: it carries out what it is sent, as azureml-api.md c.2 tells.

use crate::azure;
use crate::support::{http, secs};
use arm::ComputeAction;
use jiff::{SignedDuration, Timestamp};
use plan::{Attempt, Failure};
use serde_json::{Value, json};

/// What runs.
struct Running {
    number: u64,
    then: Then,
    done: Timestamp,
    fails: bool,
}

/// What an operation ends in.
enum Then {
    State(&'static str),
    Gone,
}

/// Whoever asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    Operator,
    Person,
    Schedule,
    Idle,
}

#[derive(Default)]
pub(crate) struct Azure {
    pub(crate) now: Timestamp,
    pub(crate) body: Option<Value>,
    running: Option<Running>,
    ended: Vec<(u64, bool)>,
    count: u64,
    views: Vec<(Timestamp, Option<Value>)>,
    /// Every POST of the operator that was carried out.
    pub(crate) posts: Vec<ComputeAction>,
    /// How many computes the operator made.
    pub(crate) puts: usize,
    /// What the operator did that it never may.
    pub(crate) broken: Option<String>,
}

type Answer = Result<Option<u64>, Box<Failure>>;

impl Azure {
    pub(crate) fn at(now: Timestamp) -> Self {
        Self { now, ..Self::default() }
    }

    fn own(&mut self) -> &mut Value {
        &mut self.body.as_mut().unwrap()["properties"]["properties"]
    }

    pub(crate) fn state(&self) -> Option<&str> {
        self.body.as_ref()?["properties"]["properties"]["state"].as_str()
    }

    pub(crate) fn due(&self) -> Option<Timestamp> {
        self.running.as_ref().map(|running| running.done)
    }

    fn remember(&mut self) {
        if self.views.last().is_none_or(|(_, last)| *last != self.body) {
            self.views.push((self.now, self.body.clone()));
        }
    }

    /// What a list that is late by so much shows.
    pub(crate) fn list(&self, late: SignedDuration) -> Option<Value> {
        let at = self.now.checked_sub(late).unwrap();
        self.views.iter().rev().find(|(seen, _)| *seen <= at).and_then(|(_, view)| view.clone())
    }

    /// Time passes; what is due ends.
    pub(crate) fn until(&mut self, now: Timestamp) {
        self.now = now;
        if let Some(running) = self.running.take_if(|running| running.done <= now) {
            self.ended.push((running.number, !running.fails));
            match running.then {
                Then::Gone => self.body = None,
                Then::State(state) => {
                    let failed = running.fails;
                    let name = self.own()["lastOperation"]["operationName"].as_str().unwrap().to_owned();
                    let before = if name == "Start" { "Stopped" } else { "Running" };
                    self.own()["state"] = json!(if failed { before } else { state });
                    self.own()["lastOperation"]["operationStatus"] =
                        json!(if failed { format!("{name}Failed") } else { "Succeeded".to_owned() });
                    self.body.as_mut().unwrap()["properties"]["provisioningState"] = json!("Succeeded");
                }
            }
        }
        self.remember();
    }

    pub(crate) fn ended(&self, number: u64) -> Option<bool> {
        self.ended.iter().find(|(ended, _)| *ended == number).map(|(_, well)| *well)
    }

    fn begin(&mut self, then: Then, lasts: i64, fails: bool) -> u64 {
        self.count += 1;
        let done = self.now.checked_add(secs(lasts)).unwrap();
        self.ended
            .extend(self.running.replace(Running { number: self.count, then, done, fails }).map(|r| (r.number, false)));
        self.remember();
        self.count
    }

    fn operation(&mut self, name: &str, by: By) {
        let trigger = match by {
            By::Operator | By::Person => "User",
            By::Schedule => "Schedule",
            By::Idle => "IdleShutdown",
        };
        let time = format!("{:.3}", self.now).replace('Z', "+00:00");
        self.own()["lastOperation"] = json!({"operationName": name, "operationTime": time,
            "operationStatus": "InProgress", "operationTrigger": trigger});
    }

    pub(crate) fn put(&mut self, sent: &Value, lasts: i64) -> Answer {
        if self.body.is_some() {
            self.broken = Some("a PUT over an instance that exists".into());
        }
        self.puts += 1;
        let mut body = azure(&json!({"tags": null}));
        body["tags"] = sent["tags"].clone();
        body["properties"]["createdOn"] = json!(format!("{:.7}", self.now));
        body["properties"]["provisioningState"] = json!("Creating");
        self.body = Some(body);
        for (key, value) in sent["properties"]["properties"].as_object().unwrap() {
            self.own()[key] = value.clone();
        }
        self.own()["state"] = json!("Creating");
        self.operation("Create", By::Operator);
        Ok(Some(self.begin(Then::State("Running"), lasts, false)))
    }

    /// A POST: power from the states that allow it, settings at any time.
    pub(crate) fn post(&mut self, action: ComputeAction, sent: Option<&Value>, by: By, course: (i64, bool)) -> Answer {
        let refused = |status, code, message| Err(Box::new(http(Attempt::Post(action), status, code, message)));
        let Some(state) = self.state().map(str::to_owned) else { return refused(404, "", "") };
        let (from, via, to, name) = match action {
            ComputeAction::Start => ("Stopped", "Starting", "Running", "Start"),
            ComputeAction::Stop => ("Running", "Stopping", "Stopped", "Stop"),
            ComputeAction::Restart => ("Running", "Restarting", "Running", "Restart"),
            ComputeAction::SetIdleShutdown => {
                self.own()["idleTimeBeforeShutdown"] = sent.unwrap()["idleTimeBeforeShutdown"].clone();
                return self.set(action);
            }
            ComputeAction::SetSchedules => {
                self.own()["schedules"] = sent.unwrap().clone();
                return self.set(action);
            }
            ComputeAction::SetCustomServices | ComputeAction::SetSso => return refused(400, "UserError", "not here"),
        };
        if by == By::Operator && (self.running.is_some() || state != from) {
            self.broken = Some(format!("a {action:?} from {state}"));
        }
        if self.running.is_some() {
            return refused(409, "Conflict", "There is already an active operation submitted");
        }
        if state != from {
            return refused(400, "StartComputeInstanceOnlyAllowedInStoppedState", "");
        }
        self.own()["state"] = json!(via);
        self.operation(name, by);
        if by == By::Operator {
            self.posts.push(action);
        }
        Ok(Some(self.begin(Then::State(to), course.0, course.1)))
    }

    fn set(&mut self, action: ComputeAction) -> Answer {
        self.posts.push(action);
        self.remember();
        Ok(None)
    }

    /// A DELETE, whoever sends it; it ends whatever runs.
    pub(crate) fn delete(&mut self) -> Answer {
        if self.body.is_none() {
            return Ok(None);
        }
        self.body.as_mut().unwrap()["properties"]["provisioningState"] = json!("Deleting");
        self.own()["state"] = json!("Deleting");
        Ok(Some(self.begin(Then::Gone, 20, false)))
    }
}
