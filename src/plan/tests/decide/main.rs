//! The decision core, case by case: which action, which words, which report.
//!
//! Must not simulate time passing or faults; that is the `world` test's.

// Everything here is test code, also outside of test functions.
#![allow(clippy::unwrap_used, clippy::panic)]

// The package is named amlco-plan; the project calls it plan everywhere.
extern crate amlco_plan as plan;

#[path = "../support/mod.rs"]
mod support;

mod adopt;
mod change;
mod create;
mod failing;
mod policies;
mod remove;
mod reports;
