//! A ComputeInstance: its settings, its power, its schedules and its idleness in virtual time, and how it answers. Asks for no quota,
//! checks no callers, owns no clock.

pub(crate) mod cron;
pub(crate) mod power;
pub(crate) mod recurrence;
pub(crate) mod schedule;
pub(crate) mod services;
pub(crate) mod settings;
mod show;
pub(crate) mod zones;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use self::{
    power::{Last, Power, Trigger, Verb},
    settings::{Settings, User},
};
use super::ArmError;
use crate::time;

/// An instance.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Instance {
    pub(crate) settings: Settings,
    /// What it stands for: names, addresses.
    pub(crate) birth: Birth,
    pub(crate) power: Power,
    /// The states that the running operation still goes through, and when.
    phases: Vec<(Timestamp, Power)>,
    pub(crate) last: Option<Last>,
    pub(crate) errors: Vec<ArmError>,
    /// Ids of the jobs that run on it.
    jobs: Vec<String>,
    /// Whether a person works on it.
    pub(crate) active: bool,
    /// Since when it is Running and nobody and nothing uses it.
    idle_since: Timestamp,
    pub(crate) disk_full: bool,
    /// The size that a running resize leads to.
    pub(crate) target: Option<String>,
    /// `dataMounts` as shown; null: none.
    pub(crate) mounts: Value,
    /// The operating system image that it was made with, and the newest one.
    pub(crate) image: (String, String),
}

/// What an instance is given when it is made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Birth {
    pub(crate) creator: User,
    pub(crate) made: Timestamp,
    /// Public IPv4 address.
    pub(crate) address: [u8; 4],
}

/// When the create of an instance begins after its PUT, by its `operationTime`: 7.5 s and 9.9 s were recorded.
const BEGINS: SignedDuration = SignedDuration::from_secs(8);

/// The error of a setup that failed, by default that of the user's script (azure-sdk-for-go issue 18017, azure-cli issue 31838;
/// `StorageMountError`: ai-studio-in-a-box issue 2).
pub(crate) fn setup_failure(name: &str, code: Option<&str>, why: &str) -> ArmError {
    let code = code.unwrap_or("SetupScriptsError");
    let whose = if code == "SetupScriptsError" { "user script setup" } else { "setup" };
    ArmError::new(code, format!("The specified Azure ML Compute Instance {name} {whose} failed with error \"{why}\""))
}

/// Something that an instance does by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Deed {
    pub(crate) verb: Verb,
    pub(crate) trigger: Trigger,
}

impl Instance {
    /// One that is about to be made.
    pub(crate) fn new(settings: Settings) -> Self {
        let creator = User { object: String::new(), tenant: String::new() };
        Self {
            settings,
            birth: Birth { creator, made: Timestamp::UNIX_EPOCH, address: [0; 4] },
            power: Power::Creating,
            phases: Vec::new(),
            last: None,
            errors: Vec::new(),
            jobs: Vec::new(),
            active: false,
            idle_since: Timestamp::UNIX_EPOCH,
            disk_full: false,
            target: None,
            mounts: Value::Null,
            image: (String::new(), String::new()),
        }
    }

    /// Gives its schedules ids; each list that is stored has new ones.
    pub(crate) fn name_schedules(&mut self, mut id: impl FnMut() -> Uuid) {
        for schedule in &mut self.settings.schedules {
            schedule.id = id();
        }
    }

    /// Finds out when each schedule fires after `at`.
    pub(crate) fn plan_schedules(&mut self, at: Timestamp) {
        for schedule in &mut self.settings.schedules {
            schedule.fires = schedule.next(self.birth.made, at);
        }
    }

    /// When the next schedule fires.
    pub(crate) fn fires(&self) -> Option<Timestamp> {
        self.settings.schedules.iter().filter_map(|schedule| schedule.fires).min()
    }

    /// Begins an operation that ends at `ends`.
    pub(crate) fn begin(&mut self, verb: Verb, trigger: Trigger, at: Timestamp, ends: Option<Timestamp>) {
        self.power = verb.meanwhile();
        let began = if verb == Verb::Create { time::after(at, BEGINS) } else { at };
        self.last = Some(Last { verb, at: began, trigger, outcome: None });
        self.phases.clear();
        let script = self.runs_script(verb);
        let Some(takes) = ends.map(|ends| ends.duration_since(at)) else { return };
        if verb == Verb::Create {
            // Of a create without scripts the last fifth is the service's own setup; the share is ours.
            let share = if script { 5 } else { 8 };
            self.phases.push((time::after(at, takes / 10 * share), Power::SettingUp));
        }
        if script {
            self.phases.push((time::after(at, takes / 10 * 7), Power::UserSettingUp));
        }
    }

    /// Whether a script of the user's runs in an operation.
    fn runs_script(&self, verb: Verb) -> bool {
        match verb {
            Verb::Create => self.settings.has_script("creationScript") || self.settings.has_script("startupScript"),
            Verb::Start | Verb::Restart => self.settings.has_script("startupScript"),
            Verb::Stop | Verb::Resize | Verb::Delete => false,
        }
    }

    /// How long an operation takes, in seconds.
    pub(crate) fn takes(&self, verb: Verb) -> (f64, f64) {
        if self.runs_script(verb) { verb.takes_with_script() } else { verb.takes() }
    }

    /// Why an operation will fail when it comes to the user's scripts: one is not where it is said to be (azure-cli issue 31838).
    pub(crate) fn script_failure(&self, verb: Verb, name: &str) -> Option<ArmError> {
        let scripts: &[&str] = match verb {
            Verb::Create => &["creationScript", "startupScript"],
            Verb::Start | Verb::Restart => &["startupScript"],
            Verb::Stop | Verb::Resize | Verb::Delete => &[],
        };
        let missing = scripts.iter().find_map(|script| self.settings.missing_script(script))?;
        let path = format!("/mnt/batch/tasks/shared/LS_root/mounts/clusters/{name}/code/{missing}");
        let why = format!(
            "User specified setup script file not found. Details - SetupScriptsError: User specified setup script file not found. : {path}"
        );
        Some(setup_failure(name, None, &why))
    }

    /// The running operation ended.
    pub(crate) fn end(&mut self, at: Timestamp, failure: Option<&ArmError>) {
        self.phases.clear();
        let Some(last) = self.last.as_mut() else { return };
        let verb = last.verb;
        last.outcome = Some(failure.is_none());
        self.power = match failure {
            None => verb.afterwards(),
            Some(error) => verb.failed(&error.code),
        };
        if let Some(size) = self.target.take().filter(|_| failure.is_none()) {
            self.settings.vm_size = size;
        }
        match failure {
            None => self.errors.clear(),
            Some(error) => self.errors = vec![error.clone()],
        }
        if self.power == Power::Running {
            self.idle_since = at;
        } else {
            self.jobs.clear();
            self.active = false;
        }
        if verb == Verb::Create {
            self.plan_schedules(at);
        }
    }

    /// Its state as it is told: with a job it is `JobRunning`.
    pub(crate) fn state(&self) -> &'static str {
        if self.power == Power::Running && !self.jobs.is_empty() { "JobRunning" } else { self.power.word() }
    }

    /// Whether its machine exists, so that it costs quota.
    pub(crate) fn holds_quota(&self) -> bool {
        match self.power {
            Power::CreateFailed => false,
            Power::Stopped => !self.settings.release_quota,
            Power::Creating
            | Power::SettingUp
            | Power::UserSettingUp
            | Power::SetupFailed
            | Power::UserSetupFailed
            | Power::Running
            | Power::Starting
            | Power::Stopping
            | Power::Restarting
            | Power::Resizing
            | Power::Deleting
            | Power::Unusable
            | Power::Unknown => true,
        }
    }

    /// Brings it to where it is at `at` and says what it does now by itself. While an operation runs (`busy`) schedules and
    /// idleness pass by.
    pub(crate) fn advance(&mut self, at: Timestamp, busy: bool) -> Option<Deed> {
        while self.phases.first().is_some_and(|(due, _)| *due <= at) {
            self.power = self.phases.remove(0).1;
        }
        let mut deed = self.scheduled(at);
        if deed.is_none() && self.idle_end().is_some_and(|end| end <= at) {
            deed = Some(Deed { verb: Verb::Stop, trigger: Trigger::IdleShutdown });
        }
        deed.filter(|_| !busy)
    }

    /// What the schedules that fire at `at` make it do, the last of those that find something to do.
    fn scheduled(&mut self, at: Timestamp) -> Option<Deed> {
        let mut deed = None;
        let made = self.birth.made;
        for schedule in
            self.settings.schedules.iter_mut().filter(|schedule| schedule.fires.is_some_and(|due| due <= at))
        {
            schedule.fires = schedule.next(made, at);
            let verb = if schedule.starts { Verb::Start } else { Verb::Stop };
            let fits = if schedule.starts { Power::Stopped } else { Power::Running };
            if self.power == fits && !self.disk_full {
                deed = Some(Deed { verb, trigger: Trigger::Schedule });
            }
        }
        deed
    }

    /// When it will have been idle for long enough to stop.
    fn idle_end(&self) -> Option<Timestamp> {
        let idle = self.settings.idle.as_ref()?;
        let rests = self.power == Power::Running && self.jobs.is_empty() && !self.active && !self.disk_full;
        rests.then(|| time::after(self.idle_since, SignedDuration::from_secs(idle.seconds)))
    }

    /// When to look at it again after `at`. What an operation holds up is looked at when that ends.
    pub(crate) fn next(&self, at: Timestamp) -> Option<Timestamp> {
        let phase = self.phases.first().map(|(due, _)| *due);
        phase.into_iter().chain(self.fires()).chain(self.idle_end()).filter(|due| *due > at).min()
    }

    /// A person begins to work on it, or leaves it.
    pub(crate) fn set_active(&mut self, active: bool, at: Timestamp) {
        self.active = active;
        self.idle_since = at;
    }

    /// A job begins on it.
    pub(crate) fn begin_job(&mut self, id: &str) {
        self.jobs.push(id.to_owned());
    }

    /// A job ends, or all; `false` if there is no such job.
    pub(crate) fn end_job(&mut self, id: Option<&str>, at: Timestamp) -> bool {
        let before = self.jobs.len();
        self.jobs.retain(|job| id.is_some_and(|id| id != job));
        self.idle_since = at;
        self.jobs.len() < before
    }

    /// One that is there from the start, in that state.
    pub(crate) fn settled(&mut self, power: Power, at: Timestamp) {
        self.last = Some(Last { verb: Verb::Create, at: self.birth.made, trigger: Trigger::User, outcome: Some(true) });
        self.power = power;
        self.idle_since = at;
        self.plan_schedules(at);
    }

    /// Who may open it: the user it is assigned to, or else its creator (how-to-create-compute-instance).
    pub(crate) fn user(&self) -> &str {
        self.settings.assigned.as_ref().map_or(&self.birth.creator.object, |user| &user.object)
    }

    /// Its machine breaks or is not heard of, or works again.
    ///
    /// # Errors
    /// It is in no state in which that can be.
    pub(crate) fn become_broken(&mut self, into: Power, at: Timestamp) -> Result<(), String> {
        let from = [Power::Running, Power::Unusable, Power::Unknown];
        if !from.contains(&self.power) || !from.contains(&into) {
            return Err(format!("the instance is {}", self.state()));
        }
        self.errors.retain(|error| error.code != "UnusableNode");
        self.power = into;
        if into == Power::Unusable {
            // The sentence is documented, the code is not recorded (azureml-api e.2).
            let text = "The specified Azure ML Compute Instance encountered an unusable node. Try to restart the compute instance to recover. If the problem persists, delete and recreate it.";
            self.errors.push(ArmError::new("UnusableNode", text));
            self.jobs.clear();
            self.active = false;
        } else {
            self.idle_since = at;
        }
        Ok(())
    }

    /// What is wrong with it: how its last operation failed, and its disk.
    fn wrong(&self) -> Value {
        let full = self.disk_full.then(|| ArmError::new("DiskFull", "There is not enough disk space on the node"));
        self.errors.iter().chain(&full).map(ArmError::wrapped).collect()
    }

    /// A new idle time counts from when it is set.
    pub(crate) fn restart_idle(&mut self, at: Timestamp) {
        self.idle_since = at;
    }

    /// Ids of the jobs that run on it.
    pub(crate) fn jobs(&self) -> &[String] {
        &self.jobs
    }
}
