//! What a compute is doing beside its provisioning, and what a kind may look at to say so.
//!
//! Must not decide: a kind states where its compute stands, what follows is decided once for all kinds.

use crate::action::Because;
use crate::inputs::AcceptedWrite;
use arm::Compute;
use jiff::Timestamp;

/// Where a provisioned compute stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It rests: it is compared with what is declared.
    Settled {
        /// What is worth saying of it all the same, after "azure is as declared; ".
        note: Option<String>,
    },
    /// It is on its way: waited for.
    Moving(Because),
    /// It does not work, and waiting does not help.
    Broken {
        /// Why, and the way out.
        because: Because,
        /// Whether one that never worked is made again by itself, in the hope that it works then. Where the cause is
        /// in what is declared, it is made again once that has changed.
        again: bool,
    },
}

/// A compute that is there, with what is remembered of it.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// What Azure showed.
    pub seen: &'a Compute,
    /// The last write that Azure accepted, if this process sent it.
    pub write: Option<&'a AcceptedWrite>,
    /// Now.
    pub now: Timestamp,
}
