//! Microsoft's own clients, unmodified and set up only as anybody can, drive the emulator and meet the operator.
//!
//! Must not skip: where Python or a package is missing, a test fails and says what to install.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails, also in the functions beside it"
)]

mod attachable;
mod attachments;
mod captured;
mod compare;
mod differences;
mod drivers;
mod fields;
mod instances;
mod mixed;
mod player;
mod reads;
#[path = "../stage/mod.rs"]
mod stage;
mod tutorial;
mod venv;
