//! The engine: the only place where Kubernetes and Azure meet.
//!
//! Must not decide what is to be done with a compute (that is `plan`'s), nor know flags and files (the command
//! line's). A pass is `engine::steps`; everything else serves it.

mod act;
mod around;
mod cache;
mod context;
mod credentials;
mod engine;
mod failure;
mod fingerprint;
mod gather;
mod held;
mod identity;
mod lent;
mod looks;
mod memory;
mod metrics;
mod named;
mod objects;
mod observe;
mod offers;
pub mod rbac;
mod registry;
mod report;
mod settings;
mod start;
mod undecodable;
mod workspace;

pub use metrics::Metrics;
pub use settings::Settings;
pub use start::{Gates, StartError, run};
