//! Everything that can go wrong, end to end: what the object says, that it heals untouched, and that nothing storms.
//!
//! Must not look inside the operator: only at objects, at what Azure was asked, and at the public counters.

// A test that cannot go on fails: clippy's leave for tests does not reach the functions beside them.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

#[path = "../stage/mod.rs"]
mod stage;

mod answers;
mod connections;
mod consistency;
mod credentials;
mod hostile;
mod operations;
mod page;
mod quota;
mod references;
mod refusals;
mod rows;
mod scene;
mod throttling;
