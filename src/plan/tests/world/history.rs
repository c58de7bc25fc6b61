//! One history: a seed, a chaos of events and faults, then calm, the goal, and silence.
//!
//! Must not be random beyond its seed.

use crate::azure::{Azure, Course, smooth};
use crate::engine::{Engine, Sides};
use crate::kubernetes::Kubernetes;
use crate::laws;
use crate::random::Random;
use crate::support::{OWNER_OBJECT, OWNER_UID, PAUSED, secs};
use crate::trouble::{Answer, Bug, Crash, Trouble};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// Passes within which the goal must be reached once trouble has stopped.
const PASSES_TO_GOAL: usize = 200;
/// Passes that must then change nothing.
const SILENT_PASSES: usize = 10;
/// How often the shared look comes.
const LIST_EVERY: SignedDuration = SignedDuration::from_secs(60);

struct World {
    random: Random,
    kubernetes: Kubernetes,
    azure: Azure,
    engine: Engine,
    wake: Timestamp,
    list: Timestamp,
    calm: bool,
    log: Vec<String>,
}

/// Plays the history of a seed.
///
/// # Errors
/// Which law was broken, and what happened before.
pub(crate) fn play(seed: u64, bug: Bug) -> Result<(), String> {
    let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let mut world = World {
        random: Random::new(seed),
        kubernetes: Kubernetes::default(),
        azure: Azure::at(start),
        engine: Engine::new(bug),
        wake: start,
        list: start,
        calm: false,
        log: Vec::new(),
    };
    world.whole().map_err(|told| format!("seed {seed}: {told}\n{}", world.log.join("\n")))
}

impl World {
    fn whole(&mut self) -> Result<(), String> {
        let spec = self.spec();
        self.kubernetes.create(&spec, self.azure.now);
        self.note(&format!("created with {spec}"));
        for _ in 0..4 + self.random.below(10) {
            self.event();
            self.pass()?;
            let until = self.azure.now.checked_add(secs(1 + self.random.below(90))).unwrap();
            self.run(until)?;
        }
        self.calm()
    }

    fn note(&mut self, what: &str) {
        self.log.push(format!("{} {what}", self.azure.now));
    }

    fn spec(&mut self) -> Value {
        let adoption = self.random.pick(&["Never", "Never", "Adopt", "TakeOver"]);
        let replace = self.random.pick(&["Never", "Recreate"]);
        let drift = self.random.pick(&["Correct", "Correct", "Report"]);
        let deletion = self.random.pick(&["Delete", "Delete", "Delete", "Retain"]);
        let management = self.random.pick(&["Manage", "Manage", "Manage", "Manage", "Manage", "Observe"]);
        json!({"adoptionPolicy": adoption, "replacePolicy": replace, "driftPolicy": drift, "deletionPolicy": deletion,
            "managementPolicy": management, "scale": {"maxNodes": 1 + self.random.below(3)}})
    }

    fn event(&mut self) {
        let now = self.azure.now;
        let nodes = 1 + self.random.below(5);
        let what = self.random.below(22);
        match what {
            0 | 1 => self.kubernetes.edit(&json!({"scale": {"maxNodes": nodes}})),
            2 => self.kubernetes.edit(&json!({"tags": {"team": self.random.pick(&["a", "b"])}})),
            3 => self.kubernetes.edit(&json!({"tags": null})),
            4 => {
                let kind = self.random.pick(&["SystemAssigned", "None"]);
                self.kubernetes.edit(&json!({"identity": {"type": kind}}));
            }
            5 => self.kubernetes.edit(&json!({"identity": null})),
            6 => self.resize(),
            7 => self.kubernetes.edit(&json!({"driftPolicy": self.random.pick(&["Correct", "Report"])})),
            8 => self.azure.tamper(&json!({"properties": {"properties": {"scaleSettings": {"maxNodeCount": nodes}}}})),
            9 => self.azure.tamper(&json!({"tags": {"cost": "42"}})),
            10 => self.azure.tamper(&json!({"tags": {OWNER_UID: null, OWNER_OBJECT: null}})),
            11 => self.azure.vanish(),
            12 => {
                let tags = self.strangers_tags();
                self.azure.stranger(&tags);
            }
            13 => self.kubernetes.annotate(PAUSED, Some("true")),
            14 => self.kubernetes.annotate(PAUSED, None),
            15 => self.delete(now),
            16 => self.engine.restart(),
            17 => {
                if let Some(object) = &mut self.kubernetes.object {
                    object.status = None;
                }
            }
            18 => self.kubernetes.strip(),
            19 => {
                // Deleted and made again at once under its name.
                self.delete(now);
                let spec = self.spec();
                self.kubernetes.create(&spec, now);
            }
            20 => {
                let spec = self.spec();
                self.kubernetes.create(&spec, now);
            }
            _ => {}
        }
        self.note(&format!("event {what}"));
    }

    fn delete(&mut self, now: Timestamp) {
        if let Some(object) = &self.kubernetes.object {
            let stays = object.spec.deletion_policy == api::DeletionPolicy::Retain
                || object.spec.management_policy == api::ManagementPolicy::Observe;
            if stays {
                self.kubernetes.excused.extend(object.metadata.uid.clone());
            }
        }
        self.kubernetes.delete(now);
    }

    /// The size may change only where recreation is opted in: admission refuses it elsewhere.
    fn resize(&mut self) {
        let opted = |object: &api::ComputeCluster| object.spec.replace_policy == api::ReplacePolicy::Recreate;
        if self.kubernetes.object.as_ref().is_some_and(opted) {
            let size = self.random.pick(&["STANDARD_D2_V2", "Standard_D4_v2"]);
            self.kubernetes.edit(&json!({"vmSize": size}));
        }
    }

    fn strangers_tags(&mut self) -> Value {
        match self.random.below(3) {
            0 => json!({}),
            1 => json!({OWNER_UID: "other-1", OWNER_OBJECT: "team-b/theirs"}),
            _ => json!({OWNER_UID: "restored-1", OWNER_OBJECT: "team-a/cpu-cluster"}),
        }
    }

    fn trouble(&mut self) -> Trouble {
        let calm = Trouble {
            crash: Crash::Never,
            answer: Answer::Honest,
            course: smooth(),
            look_fails: false,
            list_fails: false,
            list_late: SignedDuration::ZERO,
            operation_lost: false,
        };
        if self.calm {
            return calm;
        }
        let random = &mut self.random;
        let crash = match random.below(16) {
            0 => Crash::BeforeEffect,
            1 => Crash::AfterEffect,
            2 => Crash::BeforeReport,
            3 => Crash::AfterReport,
            _ => Crash::Never,
        };
        let answer = match random.below(16) {
            0 => Answer::Refused(random.pick(&[429, 500, 503, 409, 400, 403])),
            1 => Answer::LostBefore,
            2 | 3 => Answer::LostAfter,
            _ => Answer::Honest,
        };
        let hides = if random.percent(25) { secs(random.below(25)) } else { SignedDuration::ZERO };
        let course = Course { lasts: secs(1 + random.below(60)), fails: random.percent(12), hides };
        Trouble {
            crash,
            answer,
            course,
            look_fails: random.percent(8),
            list_fails: random.percent(8),
            list_late: if random.percent(30) { secs(random.below(40)) } else { SignedDuration::ZERO },
            operation_lost: random.percent(8),
        }
    }

    fn pass(&mut self) -> Result<(), String> {
        let trouble = self.trouble();
        let writes = (self.kubernetes.writes, self.azure.writes);
        let mut sides = Sides { kubernetes: &mut self.kubernetes, azure: &mut self.azure, trouble };
        let next = self.engine.pass(&mut sides)?;
        self.wake = self.azure.now.checked_add(next).unwrap();
        if writes != (self.kubernetes.writes, self.azure.writes) || trouble.crash != Crash::Never {
            let told = self.kubernetes.object.as_ref().and_then(|o| o.status.as_ref()).and_then(|status| {
                api::find_condition(&status.common.conditions, api::ConditionType::Ready).map(|c| c.reason.clone())
            });
            let there =
                self.azure.compute.as_ref().map(|c| (c.state().to_owned(), c.tag(OWNER_UID).map(str::to_owned)));
            let (crash, answer) = (trouble.crash, trouble.answer);
            self.note(&format!("pass {crash:?} {answer:?}: {there:?}, told {told:?}, next {next}"));
        }
        Ok(())
    }

    /// Time passes: operations end, the list is refreshed, passes come when they are due.
    fn run(&mut self, until: Timestamp) -> Result<(), String> {
        while let Some(at) = self.next_at().filter(|at| *at <= until) {
            self.step(at)?;
        }
        self.azure.until(until);
        Ok(())
    }

    fn next_at(&self) -> Option<Timestamp> {
        [Some(self.wake), Some(self.list), self.azure.due()]
            .into_iter()
            .flatten()
            .min()
            .map(|at| at.max(self.azure.now))
    }

    fn step(&mut self, at: Timestamp) -> Result<(), String> {
        self.azure.until(at);
        if self.list <= at {
            let trouble = self.trouble();
            let pace = if self.azure.due().is_some() { secs(10) } else { LIST_EVERY };
            self.list = at.checked_add(pace).unwrap();
            if self.engine.refresh(&self.azure, &trouble) {
                return self.pass();
            }
        }
        if self.wake <= at { self.pass() } else { Ok(()) }
    }

    /// Trouble stops: the goal is reached, and then nothing happens any more.
    fn calm(&mut self) -> Result<(), String> {
        self.calm = true;
        self.kubernetes.annotate(PAUSED, None);
        self.note("calm");
        self.pass()?;
        let mut reached = Err("no pass".to_owned());
        for _ in 0..PASSES_TO_GOAL {
            reached = laws::goal(&self.kubernetes, &self.azure);
            if reached.is_ok() && self.azure.due().is_none() {
                break;
            }
            self.until_pass()?;
        }
        reached?;
        // One more, which may still take a note; then silence (I10).
        self.until_pass()?;
        let writes = (self.kubernetes.writes, self.azure.writes);
        for _ in 0..SILENT_PASSES {
            self.until_pass()?;
        }
        laws::goal(&self.kubernetes, &self.azure)?;
        if writes != (self.kubernetes.writes, self.azure.writes) {
            return Err(format!(
                "I10: written at rest: {writes:?} to {:?}",
                (self.kubernetes.writes, self.azure.writes)
            ));
        }
        Ok(())
    }

    /// Until the next pass is due.
    fn until_pass(&mut self) -> Result<(), String> {
        // Where nothing but an event would wake the engine, a day of lists without one is enough.
        let patience = self.azure.now.checked_add(SignedDuration::from_hours(24)).unwrap();
        let wake = self.wake.min(patience);
        self.run(wake)
    }
}
