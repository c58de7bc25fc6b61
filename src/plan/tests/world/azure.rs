//! A small Azure of one compute's name: incarnations, long operations, late visibility, stale lists.
//!
//! Must not know the decision core's rules: it carries out what it is sent, as azureml-api.md c.1 and f.2 tell.

use crate::support::{azure, http, overlay, secs};
use jiff::{SignedDuration, Timestamp};
use plan::{Attempt, Failure, OperationKind};
use serde_json::{Value, json};

/// A long operation.
#[derive(Clone)]
struct Running {
    number: u64,
    kind: OperationKind,
    done: Timestamp,
    fails: bool,
    then: Value,
}

/// One incarnation of the compute.
#[derive(Clone)]
pub(crate) struct Incarnation {
    body: Value,
    running: Option<Running>,
    shows_at: Timestamp,
    /// Whether the operator made it.
    pub(crate) ours: bool,
    /// Whether a written status told that it succeeded.
    pub(crate) told_succeeded: bool,
}

impl Incarnation {
    pub(crate) fn tag(&self, name: &str) -> Option<&str> {
        self.body["tags"][name].as_str()
    }

    pub(crate) fn created_on(&self) -> &str {
        self.body["properties"]["createdOn"].as_str().unwrap()
    }

    pub(crate) fn state(&self) -> &str {
        self.body["properties"]["provisioningState"].as_str().unwrap()
    }

    pub(crate) fn body(&self) -> &Value {
        &self.body
    }

    fn set(&mut self, state: &str) {
        self.body["properties"]["provisioningState"] = json!(state);
    }
}

/// What a write does besides what it should.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Course {
    /// How long its operation runs.
    pub(crate) lasts: SignedDuration,
    /// Whether the operation fails.
    pub(crate) fails: bool,
    /// How long a new compute is not shown.
    pub(crate) hides: SignedDuration,
}

/// How an operation stands.
pub(crate) enum Progress {
    Running,
    Succeeded,
    Failed,
}

#[derive(Default)]
pub(crate) struct Azure {
    pub(crate) now: Timestamp,
    pub(crate) compute: Option<Incarnation>,
    views: Vec<(Timestamp, Option<Value>)>,
    ended: Vec<(u64, bool)>,
    count: u64,
    /// How many writes it carried out.
    pub(crate) writes: usize,
}

impl Azure {
    pub(crate) fn at(now: Timestamp) -> Self {
        Self { now, ..Self::default() }
    }

    /// Time passes; what is due ends.
    pub(crate) fn until(&mut self, now: Timestamp) {
        self.now = now;
        let due = self.compute.as_mut().and_then(|c| c.running.take_if(|running| running.done <= now));
        if let (Some(running), Some(compute)) = (due, &mut self.compute) {
            self.ended.push((running.number, !running.fails));
            match (running.kind, running.fails) {
                (OperationKind::Delete, false) => self.compute = None,
                (_, true) => {
                    compute.set("Failed");
                    let error = json!([{"error": {"code": "QuotaExceeded", "message": "no cores"}}]);
                    compute.body["properties"]["provisioningErrors"] = error;
                }
                (_, false) => {
                    overlay(&mut compute.body, &running.then);
                    if let Some(tags) = running.then.get("tags") {
                        compute.body["tags"] = tags.clone();
                    }
                    compute.set("Succeeded");
                    compute.body["properties"]["provisioningErrors"] = Value::Null;
                }
            }
        }
        self.remember();
    }

    /// When the next operation ends.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        self.compute.as_ref()?.running.as_ref().map(|running| running.done)
    }

    fn remember(&mut self) {
        let view = self.get();
        if self.views.last().is_none_or(|(_, last)| *last != view) {
            self.views.push((self.now, view));
        }
    }

    pub(crate) fn get(&self) -> Option<Value> {
        self.compute.as_ref().filter(|compute| compute.shows_at <= self.now).map(|compute| compute.body.clone())
    }

    /// What a list that is late by so much shows.
    pub(crate) fn list(&self, late: SignedDuration) -> Option<Value> {
        let at = self.now.checked_sub(late).unwrap();
        self.views.iter().rev().find(|(seen, _)| *seen <= at).and_then(|(_, view)| view.clone())
    }

    pub(crate) fn progress(&self, number: u64) -> Progress {
        match self.ended.iter().find(|(ended, _)| *ended == number) {
            Some((_, true)) => Progress::Succeeded,
            Some((_, false)) => Progress::Failed,
            None => Progress::Running,
        }
    }

    fn begin(&mut self, kind: OperationKind, course: Course, state: &str, then: Value) -> Result<u64, Box<Failure>> {
        self.count += 1;
        self.writes += 1;
        let done = self.now.checked_add(course.lasts).unwrap();
        let running = Running { number: self.count, kind, done, fails: course.fails, then };
        if let Some(compute) = &mut self.compute {
            compute.set(state);
            // What ran before ends without success: a delete does not wait for a create.
            self.ended.extend(compute.running.replace(running).map(|before| (before.number, false)));
        }
        self.remember();
        Ok(self.count)
    }

    fn busy(&self, attempt: Attempt) -> Option<Box<Failure>> {
        let busy = self.compute.as_ref()?.running.is_some();
        busy.then(|| Box::new(http(attempt, 409, "Conflict", "There is already an active operation submitted")))
    }

    /// PUT: a new incarnation, or a change of the one that is there.
    pub(crate) fn put(&mut self, body: &Value, course: Course, ours: bool) -> Result<u64, Box<Failure>> {
        if let Some(failure) = self.busy(Attempt::Update) {
            return Err(failure);
        }
        if self.compute.is_some() {
            let mut then = json!({"tags": body["tags"], "identity": body.get("identity")});
            then["properties"] =
                json!({"properties": {"scaleSettings": body["properties"]["properties"]["scaleSettings"]}});
            return self.begin(OperationKind::Update, course, "Creating", then);
        }
        let mut made = azure(&json!({}));
        made["tags"] = json!({});
        overlay(&mut made, body);
        let size = made["properties"]["properties"]["vmSize"].as_str().unwrap().to_uppercase();
        made["properties"]["properties"]["vmSize"] = json!(size);
        made["properties"]["createdOn"] = json!(format!(
            "{:.9}",
            self.now.checked_add(SignedDuration::from_nanos(i64::try_from(self.count).unwrap())).unwrap()
        ));
        let shows_at = self.now.checked_add(course.hides).unwrap();
        self.compute = Some(Incarnation { body: made, running: None, shows_at, ours, told_succeeded: false });
        self.begin(OperationKind::Create, course, "Creating", json!({}))
    }

    pub(crate) fn patch(&mut self, body: &Value, course: Course) -> Result<u64, Box<Failure>> {
        if let Some(failure) = self.busy(Attempt::Scale) {
            return Err(failure);
        }
        if self.compute.is_none() {
            return Err(Box::new(http(Attempt::Scale, 404, "", "")));
        }
        self.begin(OperationKind::Scale, course, "Updating", body.clone())
    }

    pub(crate) fn delete(&mut self, course: Course) -> Result<Option<u64>, Box<Failure>> {
        match &self.compute {
            None => Ok(None),
            // A delete ends whatever runs.
            Some(_) => self.begin(OperationKind::Delete, course, "Deleting", json!({})).map(Some),
        }
    }

    /// Somebody else made one of this name.
    pub(crate) fn stranger(&mut self, tags: &Value) {
        if self.compute.is_none() {
            let mut body = azure(&json!({}));
            body["tags"] = tags.clone();
            body["properties"]["createdOn"] = json!(format!("{:.9}", self.now));
            let incarnation =
                Incarnation { body, running: None, shows_at: self.now, ours: false, told_succeeded: false };
            self.compute = Some(incarnation);
            self.remember();
        }
    }

    /// Somebody else changed it.
    pub(crate) fn tamper(&mut self, over: &Value) {
        if let Some(compute) = self.compute.as_mut().filter(|compute| compute.running.is_none()) {
            overlay(&mut compute.body, over);
            self.remember();
        }
    }

    /// Somebody else deleted it.
    pub(crate) fn vanish(&mut self) {
        if let Some(running) = self.compute.take().and_then(|compute| compute.running) {
            self.ended.push((running.number, false));
        }
        self.remember();
    }
}

/// A course without trouble.
pub(crate) fn smooth() -> Course {
    Course { lasts: secs(30), fails: false, hides: SignedDuration::ZERO }
}
