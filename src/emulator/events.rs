//! Things that happen to the world without a request: nodes lost, jobs, operations that fail, quotas changed, hands behind the
//! back. Carries them out; the management plane asks for them.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::{
    compute::{
        ArmError,
        instance::power::{Trigger, Verb},
        nodes::NodeState,
    },
    outages::Manner,
    resources::ResourceSeed,
    rights::Rights,
    seed::{AssignmentSeed, Lock, PolicySeed, QuotaSeed, ThrottleSeed, WorkspaceSeed},
    time::Now,
    world::{ComputeKey, World},
};

/// An event, as `POST /world/events` takes it: `{"event": "nodePreempted", "compute": "demo/cpu-cluster"}`. A compute is named by
/// its ARM id, by `workspace/compute`, or by its name alone where that is unique.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Event {
    /// Azure takes nodes of a low-priority cluster away.
    NodePreempted {
        /// The cluster.
        compute: String,
        /// How many nodes.
        #[serde(default = "one")]
        count: u32,
    },
    /// Nodes break and stay.
    NodesUnusable {
        /// The cluster.
        compute: String,
        /// How many nodes.
        #[serde(default = "one")]
        count: u32,
        /// The error that the cluster then shows; `DiskFull` if absent.
        #[serde(default)]
        code: Option<String>,
    },
    /// Broken nodes work again.
    NodesRepaired {
        /// The cluster.
        compute: String,
    },
    /// A job asks for nodes.
    RunSubmitted {
        /// The cluster.
        compute: String,
        /// How many nodes it wants.
        #[serde(default = "one")]
        nodes: u32,
        /// Its id; derived if absent.
        #[serde(default)]
        run: Option<String>,
    },
    /// A job ends.
    RunFinished {
        /// The cluster.
        compute: String,
        /// Its id; absent: all jobs.
        #[serde(default)]
        run: Option<String>,
    },
    /// A person begins to work on an instance: it is not idle until `userAway`.
    UserActive {
        /// The instance.
        compute: String,
    },
    /// Nobody works on an instance any more.
    UserAway {
        /// The instance.
        compute: String,
    },
    /// An instance stops now for being idle.
    IdleShutdown {
        /// The instance.
        compute: String,
    },
    /// An instance is stopped now by a schedule.
    ScheduledStop {
        /// The instance.
        compute: String,
    },
    /// An instance is started now by a schedule.
    ScheduledStart {
        /// The instance.
        compute: String,
    },
    /// The setup in the create or start that runs on an instance fails now.
    SetupFails {
        /// The instance.
        compute: String,
        /// `SetupScriptsError` if absent: the user's script. Others, as `StorageMountError`, are the service's own setup.
        #[serde(default)]
        code: Option<String>,
        /// Why, in a few words.
        #[serde(default)]
        message: Option<String>,
    },
    /// The operation that runs on an instance is given up for taking too long.
    OperationTimesOut {
        /// The instance.
        compute: String,
    },
    /// The machine of an instance breaks, is not heard of, or works again.
    InstanceHealth {
        /// The instance.
        compute: String,
        /// What becomes of it.
        health: Health,
    },
    /// The disk of an instance is full, or has room again.
    DiskFull {
        /// The instance.
        compute: String,
        /// Absent: it is.
        #[serde(default = "yes")]
        full: bool,
    },
    /// A newer operating system image for instances is released.
    ImageReleased {
        /// Its version, such as `26.11.02`.
        version: String,
    },
    /// The operation that runs on a compute fails now.
    OperationFails {
        /// The compute.
        compute: String,
        /// The error's code.
        code: String,
        /// The error's message.
        message: String,
    },
    /// Limits change. Those that are not named stay.
    QuotaChanged(QuotaSeed),
    /// A workspace is deleted with all that is in it.
    WorkspaceDeleted {
        /// ARM id, or name where that is unique.
        workspace: String,
    },
    /// A compute is gone, at once and without an operation.
    ComputeDeleted {
        /// The compute.
        compute: String,
    },
    /// A compute loses tags.
    TagsStripped {
        /// The compute.
        compute: String,
        /// Which; absent: all.
        #[serde(default)]
        keys: Option<Vec<String>>,
    },
    /// Something behind attached computes changes, or comes into being.
    ResourceChanged(ResourceSeed),
    /// Something behind attached computes is deleted.
    ResourceDeleted {
        /// Its ARM id.
        resource: String,
    },
    /// Role assignments of a principal change: the actions it is denied from now on (an empty list: none).
    AccessChanged {
        /// Its client id.
        client_id: String,
        /// See [`PrincipalSeed::denied`](crate::PrincipalSeed::denied).
        denied: Vec<String>,
    },
    /// Role assignments of a principal are replaced. What it is denied stays denied.
    RoleAssignmentsChanged {
        /// Its client id.
        client_id: String,
        /// See [`PrincipalSeed::role_assignments`](crate::PrincipalSeed::role_assignments).
        #[serde(default)]
        role_assignments: Option<Vec<AssignmentSeed>>,
    },
    /// A client secret is replaced. Tokens that were given out stay good.
    SecretRotated {
        /// The principal's client id.
        client_id: String,
        /// The new secret.
        client_secret: String,
    },
    /// A scope is locked, or its lock is taken away.
    LockChanged {
        /// A resource group, where its name is unique.
        #[serde(default)]
        group: Option<String>,
        /// Instead: ARM id of a subscription, a group, a workspace or a compute.
        #[serde(default)]
        scope: Option<String>,
        /// Absent: no lock.
        #[serde(default)]
        lock: Option<Lock>,
    },
    /// A policy with effect deny is assigned to a subscription, in place of one of the same name.
    PolicyAssigned {
        /// The subscription; needed if there are several.
        #[serde(default)]
        subscription: Option<String>,
        /// The policy.
        policy: PolicySeed,
    },
    /// A policy assignment is removed.
    PolicyRemoved {
        /// The subscription; needed if there are several.
        #[serde(default)]
        subscription: Option<String>,
        /// Name of the assignment.
        name: String,
    },
    /// Request budgets change; those that are not named get Azure's published ones.
    ThrottleChanged(ThrottleSeed),
    /// The Azure ML service of a region stops answering. What runs in it goes on.
    RegionFailed {
        /// The region.
        location: String,
        /// How it looks.
        #[serde(default)]
        how: Manner,
        /// How long a request hangs with `timeout`, in wall time; `PT60S` if absent.
        #[serde(default = "minute")]
        after: SignedDuration,
    },
    /// A region answers again.
    RegionRecovered {
        /// The region.
        location: String,
    },
    /// A workspace is made, as the seed makes one.
    WorkspaceCreated {
        /// The subscription; needed if there are several.
        #[serde(default)]
        subscription: Option<String>,
        /// Its resource group, which is made too if it does not exist.
        group: String,
        /// The workspace.
        workspace: WorkspaceSeed,
    },
}

/// How the machine of an instance does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Health {
    /// It works.
    Good,
    /// It is broken.
    Unusable,
    /// Nobody knows.
    Unknown,
}

fn one() -> u32 {
    1
}

fn yes() -> bool {
    true
}

/// How long ARM waits for a provider.
fn minute() -> SignedDuration {
    SignedDuration::from_mins(1)
}

impl World {
    /// Lets an event happen; returns a word about what it did.
    ///
    /// # Errors
    /// What it names does not exist, or it cannot happen now.
    pub(crate) fn happen(&mut self, event: Event, now: Now) -> Result<String, String> {
        self.settle(now.service);
        match event {
            Event::NodePreempted { compute, count } => self.strike(&compute, NodeState::Preempted, count, now),
            Event::NodesUnusable { compute, count, code } => self.break_nodes(&compute, count, code, now),
            Event::NodesRepaired { compute } => self.repair_nodes(&compute, now),
            Event::RunSubmitted { compute, nodes, run } => self.submit_run(&compute, nodes, run, now),
            Event::RunFinished { compute, run } => self.finish_run(&compute, run.as_deref(), now),
            Event::UserActive { compute } => self.user(&compute, true, now),
            Event::UserAway { compute } => self.user(&compute, false, now),
            Event::IdleShutdown { compute } => self.happens_by_itself(&compute, Verb::Stop, Trigger::IdleShutdown, now),
            Event::ScheduledStop { compute } => self.happens_by_itself(&compute, Verb::Stop, Trigger::Schedule, now),
            Event::ScheduledStart { compute } => self.happens_by_itself(&compute, Verb::Start, Trigger::Schedule, now),
            Event::SetupFails { compute, code, message } => {
                self.fail_setup(&compute, code.as_deref(), message.as_deref(), now)
            }
            Event::OperationTimesOut { compute } => self.time_out(&compute, now),
            Event::InstanceHealth { compute, health } => self.break_instance(&compute, health, now),
            Event::DiskFull { compute, full } => self.fill_disk(&compute, full, now),
            Event::ImageReleased { version } => Ok(self.release_image(&version)),
            Event::OperationFails { compute, code, message } => self.fail_operation(&compute, &code, &message, now),
            Event::QuotaChanged(quota) => self.change_quota(&quota),
            Event::WorkspaceDeleted { workspace } => self.delete_workspace(&workspace),
            Event::WorkspaceCreated { subscription, group, workspace } => {
                self.create_workspace(subscription.as_deref(), &group, &workspace, now)
            }
            Event::ComputeDeleted { compute } => {
                let key = self.find_compute(&compute)?;
                self.remove(&key, false, 0);
                Ok("compute deleted".into())
            }
            Event::TagsStripped { compute, keys } => self.strip_tags(&compute, keys.as_deref()),
            Event::ResourceChanged(resource) => self.change_resource(&resource, now.service),
            Event::ResourceDeleted { resource } => self.delete_resource(&resource, now.service),
            Event::AccessChanged { client_id, denied } => {
                self.change_rights(&client_id, |rights| Rights::new(&denied, rights.given()))
            }
            Event::RoleAssignmentsChanged { client_id, role_assignments } => {
                self.change_rights(&client_id, |rights| Rights::new(rights.denied(), role_assignments.as_deref()))
            }
            Event::SecretRotated { client_id, client_secret } => self.rotate_secret(&client_id, &client_secret),
            Event::LockChanged { group, scope, lock } => self.change_lock(group.as_deref(), scope.as_deref(), lock),
            Event::PolicyAssigned { subscription, policy } => self.assign_policy(subscription.as_deref(), policy),
            Event::PolicyRemoved { subscription, name } => self.remove_policy(subscription.as_deref(), &name),
            Event::ThrottleChanged(limits) => self.change_throttle(limits),
            Event::RegionFailed { location, how, after } => self.begin_outage(&location, how, after.unsigned_abs()),
            Event::RegionRecovered { location } => self.end_outage(&location),
        }
    }

    fn fail_operation(&mut self, compute: &str, code: &str, message: &str, now: Now) -> Result<String, String> {
        let key = self.find_compute(compute)?;
        let Some(pending) = self.compute_mut(&key).and_then(|compute| compute.pending.as_mut()) else {
            return Err(format!("no operation runs on compute '{compute}'"));
        };
        pending.failure = Some(ArmError::new(code, message));
        pending.ends = Some(now.service);
        let said = format!("{} failed", pending.change.word());
        self.nudge(&key, now.service);
        Ok(said)
    }

    fn strip_tags(&mut self, compute: &str, keys: Option<&[String]>) -> Result<String, String> {
        let key = self.find_compute(compute)?;
        let tags = self.compute_mut(&key).and_then(|compute| compute.tags.as_mut());
        if let Some(tags) = tags {
            tags.retain(|tag| keys.is_some_and(|keys| !keys.iter().any(|key| key == tag)));
        }
        Ok("tags stripped".into())
    }

    pub(crate) fn find_workspace(&self, text: &str) -> Result<String, String> {
        let wanted = |key: &String| {
            let workspace = &self.workspaces[key];
            workspace.id().eq_ignore_ascii_case(text) || workspace.name.eq_ignore_ascii_case(text)
        };
        only(self.workspaces.keys().filter(|key| wanted(key)).cloned(), "workspace", text)
    }

    pub(crate) fn find_compute(&self, text: &str) -> Result<ComputeKey, String> {
        let lower = text.trim_start_matches('/').to_ascii_lowercase();
        let all = self
            .workspaces
            .iter()
            .flat_map(|(key, workspace)| workspace.computes.keys().map(move |name| (key, workspace, name)));
        let wanted = all.filter(|(_, workspace, name)| {
            lower == **name
                || lower == format!("{}/{name}", workspace.name).to_ascii_lowercase()
                || format!("/{lower}") == workspace.compute_id(name).to_ascii_lowercase()
        });
        only(wanted.map(|(key, _, name)| (key.clone(), name.clone())), "compute", text)
    }
}

fn only<T>(mut found: impl Iterator<Item = T>, what: &str, text: &str) -> Result<T, String> {
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        (None, _) => Err(format!("there is no {what} '{text}'")),
        (Some(_), Some(_)) => Err(format!("several {what}s are called '{text}'; give the ARM id")),
    }
}
