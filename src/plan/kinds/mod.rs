//! The kinds: one file each, facts and rules only.
//!
//! Must not decide; the decision is the same for all.

mod attached;
mod compute_cluster;
mod compute_instance;
mod wire;

pub use compute_instance::{INSTANCE_STATES, InstanceStateRow, Meaning, UNKNOWN_STATE};
