//! The decision core in a small world: whole histories of events, faults and crashes, judged by laws on every step.
//!
//! Must not use a clock or randomness beyond the seed. `AMLCO_SEEDS` sets how many histories are played.

// Everything here is test code, also outside of test functions.
#![allow(clippy::unwrap_used, clippy::panic)]

// The package is named amlco-plan; the project calls it plan everywhere.
extern crate amlco_plan as plan;

#[path = "../support/mod.rs"]
mod support;

mod azure;
mod engine;
mod history;
mod kubernetes;
mod laws;
mod random;
mod trouble;

use history::play;
use trouble::Bug;

fn seeds() -> u64 {
    std::env::var("AMLCO_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(2000)
}

#[test]
fn world_reaches_its_goal_and_falls_silent_whatever_happens() {
    let workers = std::thread::available_parallelism().map_or(1, |count| u64::try_from(count.get()).unwrap());
    let share = |first: u64| {
        move || {
            (first..seeds())
                .step_by(usize::try_from(workers).unwrap())
                .filter_map(|seed| play(seed, Bug::None).err())
                .collect::<Vec<String>>()
        }
    };
    let broken: Vec<String> = std::thread::scope(|scope| {
        let shares: Vec<_> = (0..workers).map(|first| scope.spawn(share(first))).collect();
        shares.into_iter().flat_map(|share| share.join().unwrap()).collect()
    });
    let first = broken.iter().min_by_key(|told| told.len()).cloned().unwrap_or_default();
    let lines: Vec<&str> = broken.iter().filter_map(|told| told.lines().next()).take(20).collect();
    let lines = lines.join("\n");
    assert!(
        broken.is_empty(),
        "{} of {} histories break a law:\n{lines}\nthe shortest: {first}",
        broken.len(),
        seeds()
    );
}

#[test]
fn world_repeats_itself_exactly() {
    for seed in 0..20 {
        assert_eq!(play(seed, Bug::B07).err(), play(seed, Bug::B07).err());
    }
}

/// Plays one history, named by `AMLCO_SEED`, to read what happened in it.
#[test]
#[ignore = "a tool for reading one history"]
fn world_tells_one_history() {
    let seed = std::env::var("AMLCO_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    if let Err(told) = play(seed, Bug::None) {
        panic!("{told}");
    }
}

/// Puts a bug back: a history that keeps every law without it must break one of these.
#[track_caller]
fn caught(bug: Bug, laws: &[&str]) {
    let broken = |seed| {
        let played = std::panic::catch_unwind(|| play(seed, bug));
        let told = played.unwrap_or_else(|_| Err("a pass panicked".into())).err()?;
        let line = told.lines().next().unwrap_or_default();
        (laws.iter().any(|law| line.contains(law)) && play(seed, Bug::None).is_ok()).then_some(seed)
    };
    assert!((0..500).find_map(broken).is_some(), "{bug:?} breaks none of {laws:?} in 500 histories");
}

#[test]
fn world_catches_b01_a_marker_before_its_effect() {
    caught(Bug::B01, &["I15", "I17"]);
}

#[test]
fn world_catches_b02_a_finalizer_that_goes_before_the_compute() {
    caught(Bug::B02, &["I6"]);
}

#[test]
fn world_catches_b03_a_deletion_by_name_that_hits_a_new_incarnation() {
    caught(Bug::B03, &["I2", "I3", "without opt-in"]);
}

#[test]
fn world_catches_b04_an_object_taken_for_its_predecessor() {
    caught(Bug::B04, &["I3", "I15"]);
}

#[test]
fn world_catches_b05_an_event_that_never_came() {
    caught(Bug::B05, &["I15", "I17"]);
}

#[test]
fn world_catches_b06_a_create_for_an_object_that_is_gone() {
    caught(Bug::B06, &["I3", "I6"]);
}

#[test]
fn world_catches_b07_a_write_in_every_pass() {
    caught(Bug::B07, &["I10", "I15"]);
}

#[test]
fn world_catches_b08_an_unwrapped_absence() {
    caught(Bug::B08, &["panicked"]);
}

#[test]
fn world_catches_b09_a_failure_that_no_new_spec_ends() {
    caught(Bug::B09, &["I15", "I17"]);
}

#[test]
fn world_catches_b10_an_accepted_change_taken_for_done() {
    caught(Bug::B10, &["I8"]);
}

#[test]
fn world_catches_b11_a_conflict_with_itself_taken_for_final() {
    caught(Bug::B11, &["I15", "I17"]);
}
