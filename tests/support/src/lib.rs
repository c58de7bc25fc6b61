//! A real control plane, proxies and processes for the tests and the playground; it must not be part of the product.
//!
//! - [`plane::Plane`]: etcd, kube-apiserver and kube-controller-manager on 127.0.0.1, with TLS and RBAC.
//! - [`operator::Operator`], [`emulator::Emulator`]: the product's own binary as processes.
//! - [`proxy::Proxy`]: a journal of every request, and faults and deaths at any of them.
//! - [`kstatus::Judge`], [`history::History`]: every stored revision, judged by the library that Flux and Helm use.
//! - [`python::environment`]: programs in Python that are installed once, such as Microsoft's clients.
//! - [`conformance::Section`]: what each judge of the emulator found, and the report of all.
//! - [`guard::Guard`]: whatever is started ends with the process that started it.

pub mod certificates;
pub mod chart;
pub mod conformance;
pub mod emulator;
pub mod error;
pub mod guard;
pub mod history;
pub mod kstatus;
pub mod operator;
pub mod plane;
pub mod proxy;
pub mod python;
mod ready;
pub mod tools;
pub mod wait;

pub use error::{Context, Error, Result};

/// Makes ring the TLS provider of this process; again does nothing.
///
/// Every client of this crate calls it. A test that builds a TLS client of its own calls it first: without a provider
/// for the whole process rustls panics.
pub fn install_crypto() {
    // An error says that one is installed already, which is what is wanted.
    drop(rustls::crypto::ring::default_provider().install_default());
}
