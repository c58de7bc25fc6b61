//! Disorder: objects of one resource applied, deleted and applied again in any order, by processes that die, overlap and
//! see old things. Never two live attachments of one resource by us; in the end the eldest has it.
//!
//! Must not use a clock or randomness beyond the seed. `AMLCO_SEEDS` sets how many orders are played.

mod process;

use crate::objects::{VM, machine, object};
use crate::random::Random;
use crate::support::{Given, WORKSPACE, secs};
use api::{AttachedCompute, ConditionType, find_condition};
use arm::WorkspaceId;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use plan::{Memory, Plan, Seen};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};

/// One attachment in Azure.
#[derive(Clone)]
struct Attached {
    resource: String,
    created_on: String,
    /// Whose claim made it; nobody's if a person did.
    made_by: Option<String>,
    shows_at: Timestamp,
    ready_at: Timestamp,
    gone_at: Option<Timestamp>,
}

#[derive(Clone, Default)]
struct Slot {
    memory: Memory,
    own_look: Option<(Seen, Timestamp)>,
}

/// One process of the operator: what it remembers, and what its caches show.
#[derive(Clone, Default)]
struct Process {
    slots: HashMap<String, Slot>,
    objects: Vec<AttachedCompute>,
    list: Option<(Timestamp, BTreeMap<String, Value>)>,
}

/// A write that was decided and not yet sent.
struct Pending {
    process: usize,
    object: AttachedCompute,
    plan: Plan,
    given: Given<AttachedCompute>,
}

struct World {
    random: Random,
    now: Timestamp,
    count: usize,
    objects: Vec<AttachedCompute>,
    azure: BTreeMap<String, Attached>,
    processes: Vec<Process>,
    pending: Vec<Pending>,
    calm: bool,
    log: Vec<String>,
}

fn workspace() -> WorkspaceId {
    WorkspaceId::parse(WORKSPACE).unwrap()
}

fn uid(object: &AttachedCompute) -> &str {
    object.metadata.uid.as_deref().unwrap()
}

fn name(object: &AttachedCompute) -> &str {
    object.metadata.name.as_deref().unwrap()
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap()
}

impl World {
    fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed),
            now: "2026-01-01T00:00:00.3Z".parse().unwrap(),
            count: 0,
            objects: Vec::new(),
            azure: BTreeMap::new(),
            processes: vec![Process::default()],
            pending: Vec::new(),
            calm: false,
            log: Vec::new(),
        }
    }

    fn note(&mut self, what: &str) {
        self.log.push(format!("{} {what}", self.now));
    }

    /// Somebody applies an object: one of four names, one of two machines, in any spelling.
    fn apply(&mut self) {
        let name = format!("vm-{}", self.random.pick(&["a", "b", "c", "d"]));
        if self.objects.iter().any(|object| self::name(object) == name) {
            return;
        }
        self.count += 1;
        let id = format!("{VM}{}", self.random.below(2));
        let id = if self.random.percent(50) { id.to_uppercase() } else { id };
        let uid = format!("{}-{}", self.random.pick(&["k", "m", "p", "z", "b"]), self.count);
        let second = Timestamp::from_second(self.now.as_second()).unwrap().to_string();
        let mut object = object(&name, &uid, &second, &machine(&json!({"virtualMachine": {"resourceId": id}})));
        object.metadata.namespace = Some(self.random.pick(&["team-a", "team-b"]).to_owned());
        self.note(&format!("apply {name} {uid} for {}", &id[id.len() - 1..]));
        self.objects.push(object);
    }

    fn delete(&mut self) {
        let Some(at) = self.any() else { return };
        let object = &mut self.objects[at];
        if object.metadata.deletion_timestamp.is_none() {
            object.metadata.deletion_timestamp = Some(Time(self.now));
            object.metadata.generation = Some(2);
            let what = format!("delete {}", name(object));
            self.note(&what);
        }
        self.drop_released();
    }

    fn any(&mut self) -> Option<usize> {
        let most = u64::try_from(self.objects.len()).unwrap();
        (most > 0).then(|| usize::try_from(self.random.below(i64::try_from(most).unwrap())).unwrap())
    }

    fn drop_released(&mut self) {
        let held = |object: &AttachedCompute| object.metadata.finalizers.iter().flatten().next().is_some();
        self.objects.retain(|object| object.metadata.deletion_timestamp.is_none() || held(object));
    }

    fn event(&mut self) {
        match self.random.below(12) {
            0..=4 => self.apply(),
            5..=7 => self.delete(),
            8 => {
                let process = usize::try_from(self.random.below(i64::try_from(self.processes.len()).unwrap())).unwrap();
                self.processes[process] = Process::default();
                self.pending.retain(|pending| pending.process != process);
                self.note(&format!("process {process} dies"));
            }
            9 => {
                // An update overlaps: two processes for a while.
                if self.processes.len() == 1 {
                    self.processes.push(Process::default());
                } else {
                    drop(self.processes.remove(0));
                }
                self.pending.clear();
                self.note(&format!("{} processes", self.processes.len()));
            }
            10 => {
                let resource = format!("{VM}{}", self.random.below(2));
                let by_hand = Attached { made_by: None, ..self.attached(&resource, SignedDuration::ZERO) };
                self.azure.insert("by-hand".into(), by_hand);
                self.note(&format!("attached by hand {}", &resource[resource.len() - 1..]));
            }
            _ => {
                self.azure.remove("by-hand");
            }
        }
    }

    fn attached(&self, resource: &str, hides: SignedDuration) -> Attached {
        Attached {
            resource: resource.to_owned(),
            created_on: format!("{:.9}", self.now),
            made_by: None,
            shows_at: later(self.now, hides),
            ready_at: later(self.now, secs(5)),
            gone_at: None,
        }
    }

    /// Time passes: detaches end.
    fn pass_time(&mut self, by: SignedDuration) {
        self.now = later(self.now, by);
        let now = self.now;
        self.azure.retain(|_, attached| attached.gone_at.is_none_or(|gone| gone > now));
    }

    fn body(&self, name: &str, attached: &Attached) -> Value {
        let state = match attached.gone_at {
            Some(_) => "Deleting",
            None if attached.ready_at > self.now => "Creating",
            None => "Succeeded",
        };
        json!({"id": format!("{WORKSPACE}/computes/{name}"), "name": name, "location": "westeurope", "tags": null,
            "properties": {"computeType": "VirtualMachine", "resourceId": attached.resource, "provisioningState": state,
                "createdOn": attached.created_on, "properties": {"sshPort": 22, "address": format!("host-of-{}", attached.resource)}}})
    }

    fn listed(&self) -> BTreeMap<String, Value> {
        let visible = self.azure.iter().filter(|(_, attached)| attached.shows_at <= self.now);
        visible.map(|(name, attached)| (name.clone(), self.body(name, attached))).collect()
    }

    /// A moment of everything: caches are refreshed or not, passes are prepared, writes are sent in any order.
    fn turn(&mut self) -> Result<(), String> {
        for process in 0..self.processes.len() {
            if self.calm || self.random.percent(60) {
                self.processes[process].objects = self.objects.clone();
            }
            if self.calm || self.random.percent(30) || self.processes[process].list.is_none() {
                self.processes[process].list = Some((self.now, self.listed()));
            }
            for at in 0..self.processes[process].objects.len() {
                if self.calm || self.random.percent(70) {
                    self.prepare(process, at);
                }
                if self.calm {
                    self.commit_all()?;
                    self.processes[process].objects = self.objects.clone();
                }
            }
        }
        while !self.pending.is_empty() && (self.calm || self.random.percent(85)) {
            let at = usize::try_from(self.random.below(i64::try_from(self.pending.len()).unwrap())).unwrap();
            let pending = self.pending.swap_remove(at);
            self.commit(pending)?;
        }
        Ok(())
    }

    fn commit_all(&mut self) -> Result<(), String> {
        std::mem::take(&mut self.pending).into_iter().try_for_each(|pending| self.commit(pending))
    }

    fn whole(&mut self) -> Result<(), String> {
        for _ in 0..12 + self.random.below(12) {
            self.event();
            if self.random.percent(40) {
                self.event();
            }
            for _ in 0..self.random.below(8) {
                self.turn()?;
                let by = SignedDuration::from_millis(100 + self.random.below(6000));
                self.pass_time(by);
            }
        }
        self.calm = true;
        self.note("calm");
        self.azure.remove("by-hand");
        self.processes.truncate(1);
        self.pending.clear();
        for _ in 0..120 {
            self.turn()?;
            self.pass_time(secs(5));
        }
        self.goal()
    }

    /// The eldest living object of each machine has it, the others say who, and nothing else is attached.
    fn goal(&self) -> Result<(), String> {
        let reason = |object: &AttachedCompute| {
            let status = object.status.as_ref()?;
            find_condition(&status.common.conditions, ConditionType::Ready).map(|ready| ready.reason.clone())
        };
        let key = |object: &AttachedCompute| {
            (object.metadata.creation_timestamp.clone().map(|time| time.0), uid(object).to_owned())
        };
        let mut expected = Vec::new();
        for machine in 0..2 {
            let id = format!("{VM}{machine}");
            let mut wanting: Vec<&AttachedCompute> = self
                .objects
                .iter()
                .filter(|object| object.spec.resource_id().unwrap().eq_ignore_ascii_case(&id))
                .collect();
            wanting.sort_by_key(|object| key(object));
            for (place, object) in wanting.iter().enumerate() {
                let wanted = if place == 0 { "AsDeclared" } else { "DuplicateAttachment" };
                if object.metadata.deletion_timestamp.is_some() || reason(object).as_deref() != Some(wanted) {
                    return Err(format!(
                        "{} {} is {:?} and should be {wanted}",
                        name(object),
                        uid(object),
                        reason(object)
                    ));
                }
            }
            expected.extend(wanting.first().map(|object| name(object).to_owned()));
        }
        expected.sort();
        let there: Vec<String> = self.azure.keys().cloned().collect();
        if there == expected { Ok(()) } else { Err(format!("azure has {there:?}, the eldest are {expected:?}")) }
    }
}

fn orders() -> u64 {
    std::env::var("AMLCO_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(200)
}

#[test]
fn resource_is_never_attached_twice_and_the_eldest_has_it_whatever_the_order() {
    let first = std::env::var("AMLCO_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    let broken: Vec<String> = (first..first + orders())
        .filter_map(|seed| {
            let mut world = World::new(seed);
            world.whole().err().map(|told| format!("seed {seed}: {told}\n{}", world.log.join("\n")))
        })
        .collect();
    let lines: Vec<&str> = broken.iter().filter_map(|told| told.lines().next()).take(20).collect();
    let first = broken.iter().min_by_key(|told| told.len()).cloned().unwrap_or_default();
    assert!(
        broken.is_empty(),
        "{} of {} orders break a law:\n{}\nthe shortest: {first}",
        broken.len(),
        orders(),
        lines.join("\n")
    );
}
