//! Attachments: what is sent per type, who may attach what, how Secrets are rotated, and disorder.
//!
//! Must not test what all kinds share; the `decide` tests do.

// Everything here is test code, also outside of test functions.
#![allow(clippy::unwrap_used, clippy::panic)]

// The package is named amlco-plan; the project calls it plan everywhere.
extern crate amlco_plan as plan;

#[path = "../support/mod.rs"]
mod support;

mod bodies;
mod lifecycle;
mod objects;
mod orders;
#[path = "../world/random.rs"]
mod random;
mod rivals;
mod secrets;
mod states;
