//! The kinds: one file each, facts and rules only.
//!
//! Must not decide; the decision is the same for all.

mod compute_cluster;
mod wire;
