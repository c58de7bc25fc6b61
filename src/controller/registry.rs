//! The list of kinds: one line each.
//!
//! Must not hold anything else; adding a kind is adding a line here.

use crate::context::Context;
use crate::start::{Runner, kind};
use std::sync::Arc;

/// Every kind of compute that is driven.
pub(crate) fn kinds(context: &Arc<Context>) -> Vec<Runner> {
    vec![
        kind::<api::ComputeCluster>(context),
        kind::<api::ComputeInstance>(context),
        kind::<api::AttachedCompute>(context),
    ]
}
