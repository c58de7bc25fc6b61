//! The operator killed at every single request it makes, to Azure and to Kubernetes: before it is sent, after its effect
//! but before the answer, after the answer. Started again it must reach the same end by one change's worth of effect. The
//! answer to each write is lost as well, to an operator that lives on. Must not look inside the operator.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what a test stands on fails as the test itself does")]

mod attachment;
mod health;
mod oracle;
mod points;
mod races;
mod rest;
mod rig;
#[path = "../stage/mod.rs"]
mod stage;
mod workload;

use futures::StreamExt;
use points::{Request, Requests};
use rig::{Rig, Trap};
use serde_json::Value;
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use support::error::{Error, Result};
use support::proxy::{Fault, Phase, Times};
use support::wait::until;
use tokio::sync::Semaphore;
use workload::{Workload, rested};

/// Runs at the same time: more than cores, because most of a run is waiting.
const AT_ONCE: usize = 4;
/// Runs without a crash that tell which requests there are; at once, so that they differ as runs under load do.
const REFERENCES: usize = 6;
/// How often a point is tried whose request did not come.
const TRIES: usize = 4;
/// How often if not every run without a crash made that request.
const TRIES_OF_CHANCE: usize = 2;
/// One in so many points may be of a request that every run without a crash made and that time did without.
const MOST_ABSENT: usize = 4;
/// Points exercised so far, by all tests of this target.
static TOTAL: AtomicUsize = AtomicUsize::new(0);
static PERMITS: Semaphore = Semaphore::const_new(AT_ONCE);

/// A run without a crash.
struct Reference {
    requests: Requests,
    end: Value,
}

/// A run: up to where the workload begins, through it, to rest.
struct Run {
    rig: Rig,
    workload: Workload,
    /// Number in the emulator's journal at which the workload begins.
    since: u64,
    /// Requests of the operator before.
    before: usize,
}

impl Run {
    async fn prepare(workload: Workload) -> Result<Self> {
        let mut rig = Rig::new(workload.name()).await?;
        workload.prepare(&mut rig).await?;
        let since = rig.emulator.journal().last().map_or(0, |entry| entry.seq);
        let before = rig.journal().len();
        Ok(Self { rig, workload, since, before })
    }

    /// Does what the workload does. Its operator dies in the trap, if there is one.
    async fn act(&mut self, trap: Option<&Trap>) -> Result<()> {
        if self.workload.starts_operator() {
            self.rig.start_operator(trap).await?;
        } else if let Some(trap) = trap {
            trap.condemn(self.rig.operator()?);
        }
        self.workload.act(&self.rig).await
    }

    /// What the operator asked for since the workload began.
    fn requests(&self) -> Requests {
        Requests::of(&self.rig.journal().split_off(self.before), &self.rig.namespace)
    }

    async fn rested(&self, what: &str) -> Result<()> {
        rested(&self.rig, what, async |rig| self.workload.done(rig).await).await
    }

    async fn faults(&self, reference: &Value) -> Result<(Vec<String>, usize)> {
        let mut faults = oracle::faults(&self.rig, self.workload, self.since, reference).await?;
        let health = health::examine(&self.rig, self.workload.subject()).await?;
        faults.extend(health.faults);
        Ok((faults, health.revisions))
    }
}

async fn reference(workload: Workload) -> Result<Reference> {
    let _permit = PERMITS.acquire().await;
    let mut run = Run::prepare(workload).await?;
    run.act(None).await?;
    run.rested("the run without a crash is done").await?;
    let requests = run.requests();
    let end = oracle::end_state(&run.rig, workload.subject()).await?;
    let (faults, _) = run.faults(&end).await?;
    if faults.is_empty() { Ok(Reference { requests, end }) } else { Err(Error::new(faults.join("\n"))) }
}

/// How a run went for the request it was about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// The blow came.
    Hit,
    /// The request came, and the trap did not catch it.
    Missed,
    /// The request did not come: the run was done without it.
    Absent,
}

/// What became of one point.
struct Outcome {
    fate: Fate,
    revisions: usize,
    faults: Vec<String>,
}

/// What happens to the operator at a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Blow {
    /// It dies.
    Kill(Phase),
    /// The request has its effect, but the answer is lost.
    LoseAnswer,
}

impl Blow {
    /// All that make sense for a request: an answer lost to a read is no more than an error.
    fn all(request: &Request) -> Vec<Self> {
        let lost = request.is_write().then_some(Self::LoseAnswer);
        Phase::ALL.map(Self::Kill).into_iter().chain(lost).collect()
    }
}

/// One run with a blow at one request.
async fn hit(workload: Workload, reference: &Reference, request: &Request, blow: Blow) -> Result<Outcome> {
    match blow {
        Blow::Kill(phase) => crash(workload, reference, request, phase).await,
        Blow::LoseAnswer => lose_answer(workload, reference, request).await,
    }
}

/// One run in which the answer to a write is lost.
async fn lose_answer(workload: Workload, reference: &Reference, request: &Request) -> Result<Outcome> {
    let mut run = Run::prepare(workload).await?;
    let point = request.point(Phase::AfterEffect);
    let lost = run.rig.proxy(request.side).fault(point, Times::First(1), Fault::DropAnswer);
    run.act(None).await?;
    let mut faults = Vec::new();
    if let Err(error) = run.rested("the operator is done without that answer").await {
        faults.push(format!("{error:?}"));
    }
    let (more, revisions) = run.faults(&reference.end).await?;
    faults.extend(more);
    Ok(Outcome { fate: if lost.count() > 0 { Fate::Hit } else { Fate::Absent }, revisions, faults })
}

/// One run with a death at one point.
async fn crash(workload: Workload, reference: &Reference, request: &Request, phase: Phase) -> Result<Outcome> {
    let mut run = Run::prepare(workload).await?;
    let trap = run.rig.trap(reference.requests.anchor(request), request.side, request.point(phase));
    run.act(Some(&trap)).await?;
    let at_rest = run.rested("the operator dies, or is done without that request");
    let died = until("the operator is dead", stage::PATIENCE * 2, async || {
        if trap.has_sprung() { Ok(()) } else { Err("it lives".to_owned()) }
    });
    tokio::select! {
        died = died => died?,
        done = at_rest => done?,
    }
    if !trap.has_sprung() {
        let fate = if run.requests().has(request) { Fate::Missed } else { Fate::Absent };
        return Ok(Outcome { fate, revisions: 0, faults: Vec::new() });
    }
    run.rig.start_operator(None).await?;
    let mut faults = Vec::new();
    if let Err(error) = run.rested("the operator that was started again is done").await {
        faults.push(format!("{error:?}"));
    }
    let (more, revisions) = run.faults(&reference.end).await?;
    faults.extend(more);
    Ok(Outcome { fate: Fate::Hit, revisions, faults })
}

/// One point, tried again if its request did not come.
async fn exercise(workload: Workload, reference: &Reference, request: &Request, blow: Blow, tries: usize) -> Outcome {
    let mut last = Outcome { fate: Fate::Absent, revisions: 0, faults: Vec::new() };
    for _ in 0..tries {
        let _permit = PERMITS.acquire().await;
        last = hit(workload, reference, request, blow).await.unwrap_or_else(|error| Outcome {
            fate: Fate::Hit,
            revisions: 0,
            faults: vec![format!("{error:?}")],
        });
        if last.fate == Fate::Hit {
            break;
        }
    }
    last
}

/// What all points of a workload came to.
#[derive(Default)]
struct Tally {
    exercised: usize,
    revisions: usize,
    /// Points whose request time did without.
    absent: Vec<String>,
    /// Points whose request every run without a crash made, and those of them that did not come. That one of the others
    /// does not come proves nothing.
    certain: usize,
    missing: usize,
    faults: Vec<String>,
}

impl Tally {
    /// `sure`: every run without a crash made the request.
    fn count(&mut self, request: &Request, blow: Blow, sure: bool, outcome: &Outcome) {
        let point = format!("{request}, {blow:?}");
        self.revisions += outcome.revisions;
        self.certain += usize::from(sure);
        self.missing += usize::from(sure && outcome.fate != Fate::Hit);
        match outcome.fate {
            Fate::Hit => self.exercised += 1,
            // Reads are numbered after the write before them, which passes through the other proxy: in the run of the
            // trap the two may have come in another order. Such a point is named with those that did not come.
            Fate::Missed if request.may_be_skipped() => self.absent.push(point.clone()),
            Fate::Missed => self.faults.push(format!("{point}: it came in {TRIES} runs and was not caught")),
            Fate::Absent if !sure || request.may_be_skipped() => self.absent.push(point.clone()),
            Fate::Absent => self.faults.push(format!("{point}: it did not come in {TRIES} runs")),
        }
        if !outcome.faults.is_empty() {
            self.faults.push(format!("{point}:\n  {}", outcome.faults.join("\n  ")));
        }
    }

    /// Past the capture of the test runner, because how many points there are is a result.
    fn tell(&self, workload: Workload, requests: usize, collapsed: usize, began: Instant) {
        let Self { exercised, revisions, absent, certain, missing, faults } = self;
        let total = TOTAL.fetch_add(*exercised, Ordering::SeqCst) + exercised;
        let missed = absent.len();
        let absent: String = absent.iter().map(|point| format!("\n  did not come: {point}")).collect();
        let told = writeln!(
            std::io::stderr(),
            "crash test, {}: {requests} requests, {exercised} points exercised ({total} so far), {missed} did not come \
             ({missing} of {certain} that always should), {} failed; {collapsed} more reads alike; {revisions} revisions judged; {} s{absent}",
            workload.name(),
            faults.len(),
            began.elapsed().as_secs(),
        );
        told.unwrap();
    }
}

/// Kills the operator at every point of a workload.
async fn kill_everywhere(workload: Workload) {
    let began = Instant::now();
    let references = futures::future::try_join_all((0..REFERENCES).map(|_| reference(workload))).await.unwrap();
    let first = &references[0];
    for other in &references[1..] {
        assert_eq!(oracle::differences(&first.end, &other.end), [""; 0], "two runs without a crash end alike");
    }
    let mut requests: Vec<&Request> = Vec::new();
    for request in references.iter().flat_map(|reference| &reference.requests.all) {
        if !requests.contains(&request) {
            requests.push(request);
        }
    }
    let sure = &|request: &Request| references.iter().all(|reference| reference.requests.has(request));
    let points: Vec<(&Request, Blow)> =
        requests.iter().flat_map(|request| Blow::all(request).into_iter().map(|blow| (*request, blow))).collect();
    let runs = futures::stream::iter(points).map(|(request, blow)| async move {
        let tries = if sure(request) { TRIES } else { TRIES_OF_CHANCE };
        (request, blow, exercise(workload, first, request, blow, tries).await)
    });
    let mut tally = Tally::default();
    let mut runs = std::pin::pin!(runs.buffer_unordered(AT_ONCE));
    while let Some((request, blow, outcome)) = runs.next().await {
        tally.count(request, blow, sure(request), &outcome);
    }
    tally.tell(workload, requests.len(), first.requests.collapsed, began);
    assert!(tally.faults.is_empty(), "{} points failed:\n{}", tally.faults.len(), tally.faults.join("\n"));
    let Tally { certain, missing, .. } = tally;
    assert!(missing * MOST_ABSENT <= certain, "{missing} of {certain} points that always should did not come");
}

#[tokio::test(flavor = "multi_thread")]
async fn cluster_is_made_once_wherever_the_operator_dies() {
    kill_everywhere(Workload::Create).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cluster_is_scaled_once_wherever_the_operator_dies() {
    kill_everywhere(Workload::Scale).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn identity_is_changed_once_wherever_the_operator_dies() {
    kill_everywhere(Workload::Identity).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cluster_is_made_anew_once_wherever_the_operator_dies() {
    kill_everywhere(Workload::Recreate).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cluster_is_deleted_wherever_the_operator_dies() {
    kill_everywhere(Workload::Delete).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn instance_is_made_once_wherever_the_operator_dies() {
    kill_everywhere(Workload::Boot).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn instance_is_stopped_once_wherever_the_operator_dies() {
    kill_everywhere(Workload::Stop).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn instance_is_started_once_wherever_the_operator_dies() {
    kill_everywhere(Workload::Start).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn instance_is_restarted_once_wherever_the_operator_dies() {
    kill_everywhere(Workload::Restart).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn instance_is_deleted_wherever_the_operator_dies() {
    kill_everywhere(Workload::Discard).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn machine_is_attached_once_wherever_the_operator_dies() {
    kill_everywhere(Workload::Attach).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn machine_is_detached_and_lives_on_wherever_the_operator_dies() {
    kill_everywhere(Workload::Detach).await;
}
