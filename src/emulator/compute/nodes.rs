//! The nodes of a cluster and the autoscaler that adds and removes them, in virtual time. Asks for quota, never decides on it;
//! knows nothing of HTTP.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::ArmError;
use crate::{random, time};

/// How long a resize, a node's start and a node's leaving take, in seconds. A few minutes from nothing to idle is what the
/// documentation promises; the exact values are ours.
const ALLOCATE: (f64, f64) = (50.0, 80.0);
const PREPARE: (f64, f64) = (60.0, 100.0);
const LEAVE: (f64, f64) = (25.0, 55.0);
/// How often a resize that lacked quota is tried again.
const RETRY: SignedDuration = SignedDuration::from_mins(5);

/// Bounds of the autoscaler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Scale {
    pub(crate) min: u32,
    pub(crate) max: u32,
    /// Seconds a node may be idle; `None` until the service has filled in its default.
    pub(crate) idle: Option<i64>,
}

/// The service's default idle time, PT2M (azureml-api f.5).
pub(crate) const DEFAULT_IDLE: i64 = 120;

/// States of a node as `listNodes` and `nodeStateCounts` spell them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum NodeState {
    Preparing,
    Running,
    Idle,
    Unusable,
    Leaving,
    Preempted,
}

impl NodeState {
    const ALL: [Self; 6] = [Self::Preparing, Self::Running, Self::Idle, Self::Unusable, Self::Leaving, Self::Preempted];

    fn word(self) -> &'static str {
        match self {
            Self::Preparing => "preparing",
            Self::Running => "running",
            Self::Idle => "idle",
            Self::Unusable => "unusable",
            Self::Leaving => "leaving",
            Self::Preempted => "preempted",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Node {
    index: u32,
    state: NodeState,
    /// When it got into its state; for a preparing node, when it will be ready.
    at: Timestamp,
    run: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Run {
    id: String,
    nodes: u32,
}

/// What a cluster may add now, and why not more.
#[derive(Debug, Clone, Default)]
pub(crate) struct Grant {
    pub(crate) nodes: u32,
    pub(crate) refused: Option<ArmError>,
}

/// What a node's id and address are derived from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Identity<'a> {
    pub(crate) seed: u64,
    /// The cluster's ARM id and creation time.
    pub(crate) key: &'a str,
}

/// The nodes of one cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Pool {
    nodes: Vec<Node>,
    target: u32,
    /// When the resize that is going on ends.
    resize: Option<Timestamp>,
    transition: Timestamp,
    pub(crate) errors: Vec<ArmError>,
    runs: Vec<Run>,
    minted: u32,
    retry: Option<Timestamp>,
}

impl Pool {
    /// No nodes; `steady` since then.
    pub(crate) fn new(steady: Timestamp) -> Self {
        Self {
            nodes: Vec::new(),
            target: 0,
            resize: None,
            transition: steady,
            errors: Vec::new(),
            runs: Vec::new(),
            minted: 0,
            retry: None,
        }
    }

    /// All nodes there are, whatever their state.
    fn count(&self) -> u32 {
        u32::try_from(self.nodes.len()).unwrap_or(u32::MAX)
    }

    /// Nodes that quota is held for: those that are there and those that are on their way.
    pub(crate) fn reserved(&self) -> u32 {
        self.count().max(self.target)
    }

    /// How many nodes there should be now.
    fn wanted(&self, scale: Scale) -> u32 {
        let busy = self.runs.iter().fold(0u32, |sum, run| sum.saturating_add(run.nodes));
        busy.max(scale.min).min(scale.max)
    }

    /// Nodes that count as there: preempted ones are replaced.
    fn present(&self) -> u32 {
        let gone = self.nodes.iter().filter(|node| node.state == NodeState::Preempted).count();
        self.count() - u32::try_from(gone).unwrap_or(0)
    }

    /// How many nodes it would add at this moment.
    pub(crate) fn shortfall(&self, scale: Scale) -> u32 {
        if self.resize.is_some() { 0 } else { self.wanted(scale).saturating_sub(self.present()) }
    }

    /// Brings the nodes to where they are at `at`. Only then it is known how many it lacks.
    pub(crate) fn advance(&mut self, at: Timestamp, identity: Identity<'_>) {
        self.finish_preparing(at);
        if self.resize.is_some_and(|done| done <= at) {
            self.finish_resize(at, identity);
        }
        self.assign(at);
    }

    /// Adds and removes nodes as its bounds, its jobs and the grant have it; returns when to look again.
    pub(crate) fn react(
        &mut self,
        at: Timestamp,
        scale: Scale,
        grant: &Grant,
        identity: Identity<'_>,
    ) -> Option<Timestamp> {
        if self.resize.is_none() {
            self.begin_resize(at, scale, grant, identity);
        }
        self.next(at, scale)
    }

    fn finish_preparing(&mut self, at: Timestamp) {
        for node in &mut self.nodes {
            if node.state == NodeState::Preparing && node.at <= at {
                node.state = NodeState::Idle;
            }
        }
    }

    fn finish_resize(&mut self, at: Timestamp, identity: Identity<'_>) {
        let done = self.resize.take().unwrap_or(at);
        self.transition = done;
        self.nodes.retain(|node| !matches!(node.state, NodeState::Leaving | NodeState::Preempted));
        for _ in self.count()..self.target {
            self.minted += 1;
            let ready = drawn(identity, "prepare", self.minted, PREPARE);
            self.nodes.push(Node {
                index: self.minted,
                state: NodeState::Preparing,
                at: time::after(done, ready),
                run: None,
            });
        }
    }

    /// Gives idle nodes to runs that lack some.
    fn assign(&mut self, at: Timestamp) {
        for run in &self.runs {
            let holds = self.nodes.iter().filter(|node| node.run.as_deref() == Some(run.id.as_str())).count();
            let lacks = (run.nodes as usize).saturating_sub(holds);
            let idle = self.nodes.iter_mut().filter(|node| node.state == NodeState::Idle).take(lacks);
            for node in idle {
                (node.state, node.at, node.run) = (NodeState::Running, at, Some(run.id.clone()));
            }
        }
    }

    fn begin_resize(&mut self, at: Timestamp, scale: Scale, grant: &Grant, identity: Identity<'_>) {
        let lacks = self.shortfall(scale);
        if lacks > 0 {
            let adds = lacks.min(grant.nodes);
            self.errors = if adds < lacks { grant.refused.iter().cloned().collect() } else { Vec::new() };
            self.retry = (adds < lacks).then(|| time::after(at, RETRY));
            if adds > 0 {
                self.target = self.present() + adds;
                self.resize = Some(time::after(at, drawn(identity, "allocate", self.minted + adds, ALLOCATE)));
                self.transition = at;
            }
            return;
        }
        self.retry = None;
        self.errors.retain(|error| error.code != "ClusterCoreQuotaReached");
        let surplus = self.present() - self.wanted(scale);
        let over = self.present().saturating_sub(scale.max);
        let mut leaving = 0;
        for node in &mut self.nodes {
            let spare = matches!(node.state, NodeState::Idle | NodeState::Unusable);
            let rested = expiry(node.at, scale) <= at;
            if leaving < surplus && spare && (rested || leaving < over) {
                (node.state, node.at) = (NodeState::Leaving, at);
                leaving += 1;
            }
        }
        if leaving > 0 {
            self.target = self.present() - leaving;
            self.resize = Some(time::after(at, drawn(identity, "leave", self.target, LEAVE)));
            self.transition = at;
        }
    }

    fn next(&self, at: Timestamp, scale: Scale) -> Option<Timestamp> {
        let preparing = self.nodes.iter().filter(|node| node.state == NodeState::Preparing).map(|node| node.at);
        let surplus = self.resize.is_none() && self.present() > self.wanted(scale);
        let resting =
            self.nodes.iter().filter(|node| surplus && matches!(node.state, NodeState::Idle | NodeState::Unusable));
        let resting = resting.map(|node| expiry(node.at, scale)).filter(|due| *due > at);
        preparing.chain(resting).chain(self.resize).chain(self.retry).min()
    }

    /// A job asks for nodes. It gets at most as many as the cluster may have.
    pub(crate) fn submit(&mut self, id: &str, nodes: u32) {
        self.runs.push(Run { id: id.to_owned(), nodes });
        self.retry = None;
    }

    /// A job ends; its nodes become idle. `false` if there is no such job.
    pub(crate) fn finish(&mut self, id: Option<&str>, at: Timestamp) -> bool {
        let before = self.runs.len();
        self.runs.retain(|run| id.is_some_and(|id| id != run.id));
        for node in &mut self.nodes {
            let held = node.run.as_deref();
            if held.is_some() && (id.is_none() || held == id) {
                (node.state, node.at, node.run) = (NodeState::Idle, at, None);
            }
        }
        self.runs.len() < before
    }

    /// Turns up to `count` working nodes into `state`; returns their numbers.
    pub(crate) fn strike(&mut self, state: NodeState, count: u32, at: Timestamp) -> Vec<u32> {
        let working =
            |node: &&mut Node| matches!(node.state, NodeState::Idle | NodeState::Running | NodeState::Preparing);
        let mut struck = Vec::new();
        for node in self.nodes.iter_mut().filter(working).take(count as usize) {
            (node.state, node.at, node.run) = (state, at, None);
            struck.push(node.index);
        }
        struck
    }

    /// Makes unusable nodes idle again.
    pub(crate) fn repair(&mut self, at: Timestamp) {
        for node in self.nodes.iter_mut().filter(|node| node.state == NodeState::Unusable) {
            (node.state, node.at) = (NodeState::Idle, at);
        }
        self.errors.retain(|error| error.code == "ClusterCoreQuotaReached");
    }

    /// Fills in the members of `properties.properties` that tell of nodes (recorded 2025-11-04).
    pub(crate) fn describe(&self, into: &mut Value) {
        let state = if self.resize.is_some() { "Resizing" } else { "Steady" };
        into["currentNodeCount"] = json!(self.count());
        into["targetNodeCount"] = json!(self.target);
        into["allocationState"] = json!(state);
        into["allocationStateTransitionTime"] = json!(time::millis(self.transition));
        let mut counts = json!({});
        for state in NodeState::ALL {
            let count = self.nodes.iter().filter(|node| node.state == state).count();
            counts[format!("{}NodeCount", state.word())] = json!(count);
        }
        into["nodeStateCounts"] = counts;
        if !self.errors.is_empty() {
            into["errors"] = self.errors.iter().map(ArmError::wrapped).collect();
        }
    }

    /// The items of a `listNodes` answer; `runId` is absent on nodes without a run (published example).
    pub(crate) fn list(&self, identity: Identity<'_>, low_priority: bool, public: bool) -> Vec<Value> {
        let place = random::hash(identity.seed, identity.key);
        self.nodes
            .iter()
            .enumerate()
            .map(|(row, node)| {
                let at = node.index + 3;
                let address = format!("20.{}.{}.{}", place & 0x7f, at >> 8 & 0xff, at & 0xff);
                let mut item = json!({
                    "nodeId": id(identity, node.index, low_priority),
                    "privateIpAddress": format!("10.0.{}.{}", at >> 8 & 0xff, at & 0xff),
                    "publicIpAddress": if public { json!(address) } else { Value::Null },
                    "port": 50_000 + row % 15_000,
                    "nodeState": node.state.word()
                });
                if let Some(run) = &node.run {
                    item["runId"] = json!(run);
                }
                item
            })
            .collect()
    }
}

fn expiry(idle_since: Timestamp, scale: Scale) -> Timestamp {
    time::after(idle_since, SignedDuration::from_secs(scale.idle.unwrap_or(DEFAULT_IDLE)))
}

fn drawn(identity: Identity<'_>, what: &str, number: u32, (low, high): (f64, f64)) -> SignedDuration {
    let text = format!("{what} {number} {}", identity.key);
    SignedDuration::from_millis(random::millis_between(identity.seed, &text, low, high))
}

/// `tvmps_` and 64 hexadecimal digits, `_d` for dedicated nodes (recorded in `DiskFull` messages, 2023) and `_p` for
/// low-priority ones (Azure Batch's naming).
pub(crate) fn id(identity: Identity<'_>, index: u32, low_priority: bool) -> String {
    let mut text = String::from("tvmps_");
    for part in 0..4u64 {
        let bits = random::hash(identity.seed ^ part, &format!("node {index} {}", identity.key));
        text.push_str(&format!("{bits:016x}"));
    }
    text.push_str(if low_priority { "_p" } else { "_d" });
    text
}

#[cfg(test)]
mod tests;
