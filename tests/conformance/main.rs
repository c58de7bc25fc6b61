//! Judges of the emulator that its authors did not write: recorded traffic and the published contract.
//!
//! Must not be lenient on its own account: what may differ is a row of a list with its reason (docs/conformance.md).

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails, also in the functions beside it"
)]

mod allowed;
mod breaks;
mod compare;
mod contract;
mod contract_tests;
mod hostile;
mod replay;
mod tape;
mod world;

use support::conformance::{Difference, Judge, Section};

use crate::allowed::Allowed;
use crate::breaks::{Break, Class, Lots};

/// Where the report is put together.
const TMP: &str = env!("CARGO_TARGET_TMPDIR");

#[tokio::test]
async fn recorded_exchanges_are_answered_alike() {
    let allowed = Allowed::read("allowed.json");
    let mut section = Section::new(Judge::Recordings, "exchanges");
    for tape in tape::all() {
        let random = replay::closest(&tape).await;
        for (index, findings) in replay::play(&tape, random, None).await.into_iter().enumerate() {
            let (label, exchange) = (tape.label(index), &tape.exchanges[index]);
            let Some(findings) = findings else {
                section.not_tried(label, exchange.not_tried.clone().unwrap_or_default());
                continue;
            };
            let explain = |finding: &compare::Finding| Difference {
                what: format!("{} ({:?}): {}", finding.at, finding.kind, finding.text),
                reason: allowed.reason(&label, finding),
            };
            let differences = findings.iter().map(explain).collect();
            section.tried(label, differences);
        }
    }
    section.write(TMP).unwrap();
    let (tally, wrong, unused) = (section.tally(), section.unexplained(), allowed.unused());
    println!("{tally:?}");
    assert!(wrong.is_empty(), "{} differences have no reason:\n{}", wrong.len(), wrong.join("\n"));
    assert!(unused.is_empty(), "rows of allowed.json that nothing needs:\n{}", unused.join("\n"));
}

/// How many breaks of each class a short run makes.
const OF_EACH_CLASS: usize = 12;

#[tokio::test]
async fn every_break_of_the_emulator_is_noticed() {
    let (tapes, allowed) = (tape::all(), Allowed::read("allowed.json"));
    let mut covered = 0;
    let mut all: Vec<(usize, Break)> = Vec::new();
    let mut randoms = Vec::new();
    for (index, tape) in tapes.iter().enumerate() {
        randoms.push(replay::closest(tape).await);
        all.extend(breaks::of(tape, &allowed, &mut covered).into_iter().map(|each| (index, each)));
    }
    let known = all.len();
    let seed = seed();
    let drawn = if std::env::var_os("AMLCO_FULL").is_some() { all } else { draw(all, &mut Lots(seed)) };
    let mut section = Section::new(Judge::Recordings, "breaks of the emulator that were noticed");
    section.note(format!(
        "Of {known} ways to break what was recorded {} were tried (seed {seed}; AMLCO_FULL=1 tries all); {covered} more \
         lie where the list of allowances covers them.",
        drawn.len()
    ));
    for (index, Break { name, broken, .. }) in drawn {
        let tape = &tapes[index];
        let played = replay::play(tape, randoms[index], Some(&broken)).await;
        let touched = played.iter().enumerate().skip(broken.exchange);
        let noticed = touched
            .filter_map(|(at, findings)| Some((tape.label(at), findings.as_ref()?)))
            .any(|(label, findings)| findings.iter().any(|finding| !allowed.allows(&label, finding)));
        let missed = Difference { what: "was not noticed".into(), reason: None };
        section.tried(name, if noticed { Vec::new() } else { vec![missed] });
    }
    section.write(TMP).unwrap();
    let (tally, missed) = (section.tally(), section.unexplained());
    println!("seed {seed}: {} of {} breaks were noticed", tally.agreed, tally.tried);
    assert!(tally.tried >= 40, "only {} breaks were tried", tally.tried);
    assert!(missed.is_empty(), "seed {seed}: {} breaks were not noticed:\n{}", missed.len(), missed.join("\n"));
}

/// The seed of this run: `AMLCO_SEED`, or another one each time.
fn seed() -> u64 {
    let now = || u64::try_from(jiff::Timestamp::now().as_nanosecond() & i128::from(u64::MAX)).unwrap_or(1);
    std::env::var("AMLCO_SEED").ok().map_or_else(now, |seed| seed.parse().unwrap())
}

/// Some breaks of each class.
fn draw(mut all: Vec<(usize, Break)>, lots: &mut Lots) -> Vec<(usize, Break)> {
    let mut drawn = Vec::new();
    for class in [Class::Field, Class::Header, Class::Status, Class::State, Class::Duration] {
        for _ in 0..OF_EACH_CLASS {
            let of_class: Vec<usize> = (0..all.len()).filter(|index| all[*index].1.class == class).collect();
            if of_class.is_empty() {
                break;
            }
            drawn.push(all.swap_remove(of_class[lots.below(of_class.len())]));
        }
    }
    drawn
}
