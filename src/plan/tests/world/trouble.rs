//! What can go wrong: the bugs that can be put back, crashes, lost answers, late lists.
//!
//! Must not hold any behaviour; the engine and the history act on it.

use crate::azure::Course;
use jiff::SignedDuration;

/// A bug of the catalogue, put back into this engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bug {
    None,
    /// The progress marker is written before the effect and believed for ever.
    B01,
    /// The finalizer goes with the delete, not after it.
    B02,
    /// A deletion that was once seen is carried out by name, on whatever has that name now.
    B03,
    /// An object made again under its name is taken for the old one.
    B04,
    /// Only events wake it.
    B05,
    /// It acts on the object of the pass before.
    B06,
    /// It writes in every pass.
    B07,
    /// It unwraps what Azure may leave out.
    B08,
    /// A failure holds whatever the spec becomes.
    B09,
    /// What was accepted is taken for done.
    B10,
    /// The client repeats a write that got no answer, and takes the conflict with itself as final.
    B11,
}

/// Where the operator dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Crash {
    Never,
    BeforeEffect,
    AfterEffect,
    BeforeReport,
    AfterReport,
}

/// How a write is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Honest,
    Refused(u16),
    LostBefore,
    LostAfter,
}

/// What goes wrong in one pass.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trouble {
    pub(crate) crash: Crash,
    pub(crate) answer: Answer,
    pub(crate) course: Course,
    pub(crate) look_fails: bool,
    pub(crate) list_fails: bool,
    pub(crate) list_late: SignedDuration,
    pub(crate) operation_lost: bool,
}
