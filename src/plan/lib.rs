//! The decision core: from an object and what is known of Azure to what is to be done and said.
//!
//! Must not do IO, read a clock, or draw a random number; its manifest has nothing that could. The laws it keeps:
//! at most one action a pass; nothing is written without a look of this very pass; nothing that is not ours is changed;
//! the finalizer and the claim are there before the first write and go after proven absence; equal inputs give an
//! equal plan.

mod action;
mod case;
mod change;
mod classify;
mod conditions;
mod decide;
mod envelope;
mod failure;
mod inputs;
mod kind;
mod kinds;
mod kstatus;
mod ownership;
mod present;
mod redact;
mod removal;
mod report;
mod rivals;
mod rules;
mod schedule;
mod sizing;
mod standing;
mod table;
mod unshown;

pub use action::{Action, Because, Plan, Verdict};
pub use case::Case;
pub use classify::{Disposition, Fate, Speed, classify};
pub use conditions::{Summary, summarise};
pub use decide::decide;
pub use failure::{Attempt, Cause, Failure};
pub use inputs::{
    AcceptedWrite, Body, ConfigMapState, Lent, Memory, Observation, OperationKind, Refs, Script, Secret, SecretState,
    Seen, Setback, Settings, WorkspaceFacts, WorkspaceState,
};
pub use kind::{Head, Kind, NodePool, Removal, Sizing, azure_name, generation, has_finalizer, uid};
pub use kinds::{INSTANCE_STATES, InstanceStateRow, Meaning, UNKNOWN_STATE};
pub use kstatus::check as check_kstatus;
pub use ownership::Adopted;
pub use redact::without_secrets;
pub use report::report;
pub use rivals::{Around, Rival};
pub use rules::{Change, Compare, Comparison, Difference, FieldRule, Missing};
pub use schedule::{fingerprint, hold_until, spread};
pub use sizing::Quota;
pub use standing::{Known, Standing};
pub use table::{ROWS, Row, When};
pub use unshown::{WriteOnly, unshown};
