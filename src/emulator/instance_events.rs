//! What happens to ComputeInstances without a request: people, jobs, broken machines, setups that fail. Carries it out; the
//! management plane asks for it.

use crate::{
    compute::{
        Change, Compute,
        instance::{
            Instance,
            power::{Power, Trigger, Verb},
            setup_failure,
        },
    },
    events::Health,
    time::Now,
    world::World,
};

impl World {
    /// Whether a compute that an event names is an instance.
    pub(crate) fn is_instance(&self, compute: &str) -> bool {
        let found = self.find_compute(compute).ok();
        found.and_then(|key| self.compute(&key)).is_some_and(|compute| compute.machine.instance().is_some())
    }

    /// Does something to an instance and has it looked at.
    pub(crate) fn on_instance(
        &mut self,
        compute: &str,
        now: Now,
        deed: impl FnOnce(&mut Instance, bool) -> Result<String, String>,
    ) -> Result<String, String> {
        let key = self.find_compute(compute)?;
        let Some(found) = self.compute_mut(&key) else { return Err(format!("there is no compute '{compute}'")) };
        let (kind, busy) = (found.machine.kind(), found.pending.is_some());
        let Some(instance) = found.machine.instance_mut() else {
            return Err(format!("compute '{compute}' is of type {kind}; this happens to a ComputeInstance only"));
        };
        let said = deed(instance, busy)?;
        self.nudge(&key, now.service);
        Ok(said)
    }

    /// An instance is started or stopped now by a schedule or by its idleness.
    pub(crate) fn happens_by_itself(
        &mut self,
        compute: &str,
        verb: Verb,
        trigger: Trigger,
        now: Now,
    ) -> Result<String, String> {
        self.on_instance(compute, now, |instance, busy| {
            if busy {
                return Err("an operation runs on the instance".into());
            }
            let fits = match verb {
                Verb::Start => instance.power == Power::Stopped,
                Verb::Stop => instance.power == Power::Running,
                Verb::Create | Verb::Restart | Verb::Resize | Verb::Delete => false,
            };
            if fits { Ok(String::new()) } else { Err(format!("the instance is {}", instance.state())) }
        })?;
        let key = self.find_compute(compute)?;
        self.deed(&key, verb, trigger, now.service);
        self.schedule(&key);
        Ok(format!("{} begun", verb.word()))
    }

    /// A person begins to work on an instance that runs, or leaves it.
    pub(crate) fn user(&mut self, compute: &str, active: bool, now: Now) -> Result<String, String> {
        self.on_instance(compute, now, |instance, _| {
            if active && instance.power != Power::Running {
                return Err(format!("nobody can work on the instance, it is {}", instance.state()));
            }
            instance.set_active(active, now.service);
            Ok(if active { "a person works on it" } else { "nobody works on it" }.into())
        })
    }

    /// A job begins on an instance that runs.
    pub(crate) fn job_begins(&mut self, compute: &str, run: &str, now: Now) -> Result<String, String> {
        self.on_instance(compute, now, |instance, _| {
            if instance.power != Power::Running {
                return Err(format!("no job can run on the instance, it is {}", instance.state()));
            }
            instance.begin_job(run);
            Ok(run.to_owned())
        })
    }

    /// A job on an instance ends, or all of them.
    pub(crate) fn job_ends(&mut self, compute: &str, run: Option<&str>, now: Now) -> Result<String, String> {
        self.on_instance(compute, now, |instance, _| {
            if instance.end_job(run, now.service) {
                return Ok("run finished".into());
            }
            Err("the compute has no such run".into())
        })
    }

    /// The setup in the running create, start or restart fails now.
    pub(crate) fn fail_setup(
        &mut self,
        compute: &str,
        code: Option<&str>,
        message: Option<&str>,
        now: Now,
    ) -> Result<String, String> {
        let why = message.unwrap_or(
            "Script failed with exit code 1. Details - SetupScriptsError: the last lines of its output are in the compute's logs.",
        );
        self.fail_now(compute, now, |name, verb| match verb {
            Verb::Create | Verb::Start | Verb::Restart => Ok(setup_failure(name, code, why)),
            Verb::Stop | Verb::Resize | Verb::Delete => Err(format!("a {} has no setup", verb.word())),
        })
    }

    /// The running operation takes too long and is given up (vscode-tools-for-ai issue 1921; the code was not recorded).
    pub(crate) fn time_out(&mut self, compute: &str, now: Now) -> Result<String, String> {
        self.fail_now(compute, now, |name, verb| {
            let text =
                format!("The specified Azure ML Compute Instance {name} was timed out for operation {}", verb.word());
            Ok(crate::compute::ArmError::new("OperationTimedOut", text))
        })
    }

    fn fail_now(
        &mut self,
        compute: &str,
        now: Now,
        error: impl FnOnce(&str, Verb) -> Result<crate::compute::ArmError, String>,
    ) -> Result<String, String> {
        let key = self.find_compute(compute)?;
        let Some(found) = self.compute_mut(&key).filter(|found| found.machine.instance().is_some()) else {
            return Err(format!("compute '{compute}' is no ComputeInstance"));
        };
        let Compute { name, pending, .. } = found;
        let Some(pending) = pending else { return Err(format!("no operation runs on compute '{compute}'")) };
        let verb = match pending.change {
            Change::Create => Verb::Create,
            Change::Power(verb) => verb,
            Change::Delete { .. } => Verb::Delete,
            Change::Update(_) => return Err(format!("compute '{compute}' is being updated")),
        };
        pending.failure = Some(error(name, verb)?);
        pending.ends = Some(now.service);
        self.nudge(&key, now.service);
        Ok(format!("{} failed", verb.word()))
    }

    /// The machine of an instance breaks, or is not heard of, or works again.
    pub(crate) fn break_instance(&mut self, compute: &str, health: Health, now: Now) -> Result<String, String> {
        let into = match health {
            Health::Good => Power::Running,
            Health::Unusable => Power::Unusable,
            Health::Unknown => Power::Unknown,
        };
        self.on_instance(compute, now, |instance, busy| {
            if busy {
                return Err("an operation runs on the instance".into());
            }
            instance.become_broken(into, now.service).map(|()| format!("the instance is {}", instance.state()))
        })
    }

    /// The disk of an instance is full or not any more: it cannot be stopped while it is.
    pub(crate) fn fill_disk(&mut self, compute: &str, full: bool, now: Now) -> Result<String, String> {
        self.on_instance(compute, now, |instance, _| {
            if full && instance.power != Power::Running {
                return Err(format!("nothing fills the disk of the instance, it is {}", instance.state()));
            }
            instance.disk_full = full;
            Ok(if full { "its disk is full" } else { "its disk has room" }.into())
        })
    }

    /// A newer operating system image is released: instances that are there keep theirs.
    pub(crate) fn release_image(&mut self, version: &str) -> String {
        self.image = version.to_owned();
        for workspace in self.workspaces.values_mut() {
            let instances = workspace.computes.values_mut().filter_map(|compute| compute.machine.instance_mut());
            instances.for_each(|instance| instance.image.1 = self.image.clone());
        }
        format!("image {version} released")
    }
}
