//! Instances in a small world: histories of edits, schedules, people pressing buttons, faults and crashes; then calm, the
//! declared state, and silence.
//!
//! Must not use a clock or randomness beyond the seed. `AMLCO_SEEDS` sets how many histories are played.

use crate::given;
use crate::model::{Azure, By};
use crate::random::Random;
use crate::support::{CLAIM, FINALIZER, compute, http, of, overlay, secs, timeout};
use api::{ComputeInstance, ComputeInstanceStatus, ConditionType, PowerPolicy, PowerState, find_condition};
use arm::{ArmError, ComputeAction, parse_duration};
use jiff::{SignedDuration, Timestamp};
use plan::{
    AcceptedWrite, Action, Attempt, Case, Cause, Failure, Memory, Observation, OperationKind, Seen, Setback, Settings,
    decide, generation, report,
};
use serde_json::{Value, json};

const RESTART: &str = "compute.azureml.dev/restart-requested-at";

#[derive(Default)]
struct Slot {
    memory: Memory,
    operation: Option<u64>,
    own_look: Option<(Seen, Timestamp)>,
}

struct World {
    random: Random,
    azure: Azure,
    object: ComputeInstance,
    slot: Slot,
    list: (Seen, Option<Timestamp>),
    list_at: Timestamp,
    wake: Timestamp,
    calm: bool,
    writes: usize,
    restarts: Vec<(String, usize)>,
    log: Vec<String>,
}

fn seen(view: Option<Value>) -> Seen {
    view.map_or(Seen::Absent, |body| Seen::Present(Box::new(compute(body))))
}

impl World {
    fn new(seed: u64) -> Self {
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        Self {
            random: Random::new(seed),
            azure: Azure::at(start),
            object: given(&json!({})).object,
            slot: Slot::default(),
            list: (Seen::Unknown, None),
            list_at: start,
            wake: start,
            calm: false,
            writes: 0,
            restarts: Vec::new(),
            log: Vec::new(),
        }
    }

    fn edit(&mut self, over: &Value) {
        let mut spec = serde_json::to_value(&self.object.spec).unwrap();
        overlay(&mut spec, over);
        let spec = serde_json::from_value(spec).unwrap();
        if self.object.spec != spec {
            self.object.spec = spec;
            self.object.metadata.generation = self.object.metadata.generation.map(|generation| generation + 1);
        }
    }

    fn event(&mut self) {
        let what = self.random.below(16);
        match what {
            0 | 1 => {
                let state = self.random.pick(&["Running", "Stopped"]);
                self.edit(&json!({"powerState": state}));
            }
            2 => self.edit(&json!({"powerState": null, "powerPolicy": "RespectSchedules"})),
            3 => {
                let policy = self.random.pick(&["RespectSchedules", "Enforce"]);
                self.edit(&json!({"powerState": "Running", "powerPolicy": policy}));
            }
            4 => {
                let idle = self.random.pick(&["30m", "PT1H"]);
                self.edit(&json!({"idleTimeBeforeShutdown": idle}));
            }
            5 => {
                let cron = self.random.pick(&["0 18 * * *", "0 19 * * 1-5"]);
                self.edit(&json!({"schedules": [{"name": "s", "action": "Stop", "cron": cron}]}));
            }
            6 => self.edit(&json!({"schedules": null})),
            7 | 8 => {
                let value = self.azure.now.to_string();
                self.object.metadata.annotations.get_or_insert_default().insert(RESTART.into(), value.clone());
                self.restarts.push((value, 0));
            }
            9 => self.press(ComputeAction::Start, By::Person),
            10 => self.press(ComputeAction::Stop, By::Person),
            11 => self.press(ComputeAction::Restart, By::Person),
            12 => {
                let by = self.random.pick(&[By::Schedule, By::Idle]);
                self.press(ComputeAction::Stop, by);
            }
            13 => self.press(ComputeAction::Start, By::Schedule),
            14 => self.slot = Slot::default(),
            _ if self.random.percent(30) => drop(self.azure.delete()),
            _ => {}
        }
        self.note(&format!("event {what}"));
    }

    fn press(&mut self, action: ComputeAction, by: By) {
        let lasts = 30 + self.random.below(90);
        drop(self.azure.post(action, None, by, (lasts, false)));
    }

    fn note(&mut self, what: &str) {
        let state = self.azure.state().unwrap_or("absent").to_owned();
        self.log.push(format!("{} {what}: {state}", self.azure.now));
    }

    fn chance(&mut self, percent: i64) -> bool {
        !self.calm && self.random.percent(percent)
    }

    fn poll(&mut self) {
        let Some(number) = self.slot.operation else { return };
        let Some(well) = self.azure.ended(number) else { return };
        self.slot.operation = None;
        let write = self.slot.memory.write.as_mut().unwrap();
        write.running = false;
        if well {
            self.slot.memory.setback = None;
            return;
        }
        write.times = 0;
        let OperationKind::Post(action) = write.kind else { return };
        let error = ArmError { message: "was timed out for operation".into(), ..ArmError::default() };
        let cause = Cause::OperationFailed { error };
        self.set_back(Failure { attempt: Attempt::Post(action), cause, retry_after: None });
    }

    fn set_back(&mut self, failure: Failure) {
        let generation = generation(&self.object);
        let before = self.slot.memory.setback.take().filter(|old| old.generation == generation);
        let attempts = before.map_or(1, |old| old.attempts + 1);
        let at = self.azure.now;
        self.slot.memory.setback = Some(Setback { failure, attempts, at, since: at, generation });
    }

    fn look(&mut self) -> Observation {
        let at = Some(self.azure.now);
        if self.chance(6) {
            self.set_back(timeout(Attempt::Look));
            let trouble = Some(timeout(Attempt::Look));
            return Observation { seen: self.list.0.clone(), looked: true, at, trouble };
        }
        if self.slot.memory.setback.as_ref().is_some_and(|setback| setback.failure.attempt == Attempt::Look) {
            self.slot.memory.setback = None;
        }
        let seen = seen(self.azure.body.clone());
        self.slot.own_look = Some((seen.clone(), self.azure.now));
        Observation { seen, looked: true, at, trouble: None }
    }

    fn known(&mut self) -> Observation {
        let (listed, at) = self.list.clone();
        let own = self.slot.own_look.clone().filter(|(_, own)| at.is_none_or(|at| at < *own));
        let (seen, at) = own.map_or((listed, at), |(seen, at)| (seen, Some(at)));
        let write = self.slot.memory.write.as_ref().filter(|write| !write.running);
        if write.is_some_and(|write| at.is_none_or(|at| at <= write.at)) {
            return self.look();
        }
        Observation { seen, looked: false, at, trouble: None }
    }

    /// One pass: observe, decide, act, report; the operator may die anywhere in it.
    fn pass(&mut self) -> Result<(), String> {
        self.poll();
        let base = of(self.object.clone());
        let settings = Settings::default();
        let mut observation = self.known();
        let mut plan = None;
        for _ in 0..3 {
            let case = Case {
                object: &self.object,
                refs: &base.refs,
                observation: &observation,
                memory: &self.slot.memory,
                settings: &settings,
                now: self.azure.now,
            };
            let decided = decide(&case);
            if decided.action != Action::Look {
                plan = Some(decided);
                break;
            }
            plan = Some(decided);
            observation = self.look();
        }
        let plan = plan.unwrap();
        if self.chance(5) {
            self.slot = Slot::default();
            return Ok(());
        }
        self.wake = self.azure.now.checked_add(plan.next).unwrap();
        if !self.act(&plan)? {
            return Ok(());
        }
        let case = Case {
            object: &self.object,
            refs: &base.refs,
            observation: &observation,
            memory: &self.slot.memory,
            settings: &settings,
            now: self.azure.now,
        };
        let plan = if matches!(plan.action, Action::Nothing) { plan } else { decide(&case).clone() };
        let (status, broken) = report(&case, &plan);
        broken.map_or(Ok(()), |rule| Err(format!("kstatus: {rule}")))?;
        let status: ComputeInstanceStatus = serde_json::from_value(status).unwrap();
        if self.object.status.as_ref() != Some(&status) {
            self.object.status = Some(status);
            self.writes += 1;
        }
        Ok(())
    }

    /// Carries the action out; false if the operator died before it could report.
    fn act(&mut self, plan: &plan::Plan) -> Result<bool, String> {
        let lasts = 20 + self.random.below(100);
        let (lost, refused, fails, dies) = (self.chance(8), self.chance(8), self.chance(10), self.chance(10));
        if let Action::Claim { claim } = &plan.action {
            let meta = &mut self.object.metadata;
            meta.finalizers = Some(vec![FINALIZER.into()]);
            meta.annotations.get_or_insert_default().insert(CLAIM.into(), claim.clone());
            (self.writes, self.wake) = (self.writes + 1, self.azure.now);
            return Ok(false);
        }
        let Some(kind) = plan.action.operation() else { return Ok(true) };
        self.note(&format!("{kind:?} refused {refused} lost {lost} fails {fails} dies {dies}"));
        let attempt = if let OperationKind::Post(action) = kind { Attempt::Post(action) } else { Attempt::Create };
        let before = self.azure.posts.len();
        let mut answer = if refused {
            Err(Box::new(http(attempt, 503, "", "")))
        } else if let Action::Post { action, body } = &plan.action {
            self.azure.post(*action, body.as_ref().map(plan::Body::expose), By::Operator, (lasts, fails))
        } else if let Action::Create { body } = &plan.action {
            self.azure.put(body.expose(), lasts)
        } else {
            return Err(format!("an instance gets {kind:?}"));
        };
        self.azure.broken.take().map_or(Ok(()), Err)?;
        if self.azure.posts[before..].contains(&ComputeAction::Restart) {
            let value = &self.object.metadata.annotations.as_ref().unwrap()[RESTART];
            let served = self.restarts.iter_mut().find(|(known, _)| known == value).unwrap();
            served.1 += 1;
            if served.1 > 1 {
                return Err(format!("{value} is restarted twice"));
            }
        }
        if dies {
            self.slot = Slot::default();
            self.wake = self.azure.now.checked_add(secs(1)).unwrap();
            return Ok(false);
        }
        if lost {
            answer = Err(Box::new(timeout(attempt)));
        }
        self.slot.own_look = None;
        match answer {
            Ok(number) => {
                let known = self.slot.memory.write.take().filter(|w| w.kind == kind && w.digest == plan.digest);
                let times = known.map_or(1, |write| write.times + 1);
                let (at, running) = (self.azure.now, number.is_some());
                self.slot.memory.write = Some(AcceptedWrite { kind, at, running, digest: plan.digest, times });
                self.slot.operation = number;
            }
            Err(failure) => self.set_back(*failure),
        }
        self.wake = self.azure.now.checked_add(secs(10)).unwrap();
        Ok(true)
    }

    /// Time passes until then.
    fn run(&mut self, until: Timestamp) -> Result<(), String> {
        loop {
            let next = [Some(self.wake), Some(self.list_at), self.azure.due()].into_iter().flatten().min().unwrap();
            let next = next.max(self.azure.now);
            if next > until {
                self.azure.until(until);
                return Ok(());
            }
            self.azure.until(next);
            if self.list_at <= next {
                let late = if self.chance(30) { secs(self.random.below(40)) } else { secs(0) };
                let pace = match (self.azure.due(), self.calm) {
                    (Some(_), _) => secs(10),
                    (None, false) => secs(60),
                    (None, true) => secs(300),
                };
                self.list_at = next.checked_add(pace).unwrap();
                let news = seen(self.azure.list(late));
                let woken = self.list.0 != news;
                self.list = (news, Some(next));
                if woken {
                    self.pass()?;
                    continue;
                }
            }
            if self.wake <= next {
                self.pass()?;
            }
        }
    }

    fn pass_time(&mut self, wait: SignedDuration) -> Result<(), String> {
        let until = self.azure.now.checked_add(wait).unwrap();
        self.run(until)
    }

    /// What must be reached when nobody disturbs any more.
    fn goal(&self) -> Result<(), String> {
        let status = self.object.status.as_ref().ok_or("nothing was reported")?;
        let ready = find_condition(&status.common.conditions, ConditionType::Ready).ok_or("Ready is missing")?;
        if ready.reason != "AsDeclared" {
            return Err(format!("{}: {}", ready.reason, ready.message));
        }
        let own = &self.azure.body.as_ref().ok_or("nothing is there")?["properties"]["properties"];
        let spec = &self.object.spec;
        let (state, last) = (own["state"].as_str().unwrap(), &own["lastOperation"]);
        let by_itself = last["operationTrigger"] != "User" && spec.power_policy == PowerPolicy::RespectSchedules;
        let powered = match spec.power_state {
            None => true,
            Some(PowerState::Running) => state == "Running" || (by_itself && last["operationName"] == "Stop"),
            Some(PowerState::Stopped) => state == "Stopped" || (by_itself && last["operationName"] == "Start"),
        };
        let idle = |text: &str| parse_duration(text);
        let idles = spec
            .idle_time_before_shutdown
            .as_deref()
            .is_none_or(|wanted| own["idleTimeBeforeShutdown"].as_str().and_then(idle) == idle(wanted));
        let crons: Vec<&str> = spec.schedules.iter().filter_map(|schedule| schedule.cron.as_deref()).collect();
        let theirs = own["schedules"]["computeStartStop"].as_array().cloned().unwrap_or_default();
        let theirs: Vec<&str> = theirs.iter().filter_map(|item| item["cron"]["expression"].as_str()).collect();
        let asked = self.object.metadata.annotations.as_ref().and_then(|all| all.get(RESTART));
        let began: Timestamp = last["operationTime"].as_str().unwrap().parse().unwrap();
        // A restart that somebody else began just before the value cannot be told from ours under a slow clock.
        let slow = secs(60);
        let since = |value: &String| value.parse::<Timestamp>().unwrap().checked_sub(slow).unwrap();
        let restarted = state != "Running" || asked.is_none_or(|value| began >= since(value));
        // Where the operator died before it could report that the list is its own, what is left is not managed.
        let left = crons.is_empty() && !status.managed_lists.iter().any(|list| list == "schedules");
        if powered && idles && (theirs == crons || left) && restarted {
            return Ok(());
        }
        let told = format!("{:?} {:?}: {state} {last}", spec.power_state, spec.power_policy);
        Err(format!("power {powered}, idle {idles}, schedules {theirs:?}, restarted {restarted}: {told}"))
    }

    fn play(&mut self) -> Result<(), String> {
        for _ in 0..6 + self.random.below(14) {
            self.event();
            self.pass()?;
            let wait = secs(1 + self.random.below(200));
            self.pass_time(wait)?;
        }
        self.calm = true;
        self.note("calm");
        self.pass_time(SignedDuration::from_hours(3))?;
        self.goal()?;
        let writes = (self.writes, self.azure.posts.len(), self.azure.puts);
        self.pass_time(SignedDuration::from_hours(6))?;
        self.goal()?;
        let after = (self.writes, self.azure.posts.len(), self.azure.puts);
        if writes == after { Ok(()) } else { Err(format!("written at rest: {writes:?} to {after:?}")) }
    }
}

fn play(seed: u64) -> Result<(), String> {
    let mut world = World::new(seed);
    world.play().map_err(|told| format!("seed {seed}: {told}\n{}", world.log.join("\n")))
}

#[test]
fn instance_comes_to_rest_as_declared_and_stays_silent_whatever_happens() {
    let seeds = std::env::var("AMLCO_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(400);
    let broken: Vec<String> = (0..seeds).filter_map(|seed| play(seed).err()).collect();
    let lines: Vec<&str> = broken.iter().filter_map(|told| told.lines().next()).take(20).collect();
    let shortest = broken.iter().min_by_key(|told| told.len()).cloned().unwrap_or_default();
    assert!(
        broken.is_empty(),
        "{} of {seeds} histories:\n{}\nthe shortest: {shortest}",
        broken.len(),
        lines.join("\n")
    );
}
