//! Azure Machine Learning's REST API on a laptop, checked against recorded traffic.
//!
//! [`spawn`] starts a data plane (ARM and Entra ID, over HTTP and over HTTPS with a certificate authority of its own) and a
//! management plane (clock, faults, events, journal). Behind them is one `World`: a pure state machine that is handed requests
//! and the time. The crate speaks JSON and depends on none of the operator's crates, so that a client and this server cannot be
//! wrong together. It must not be used as a service: whoever reaches it may do everything in it.

mod aad;
mod access;
mod actions;
mod attachments;
mod capacity;
mod checks;
mod compute;
mod computes;
mod delivery;
mod errors;
mod events;
mod faults;
mod fields;
mod genesis;
mod governance;
mod headers;
mod host;
mod http;
mod imds;
mod inspection;
mod instance_events;
mod instances;
mod journal;
mod keeper;
mod lifecycle;
mod locks;
mod manage;
mod message;
mod metadata;
mod node_events;
mod operations;
mod outages;
mod packed;
mod pairs;
mod pattern;
mod quota;
mod random;
mod regional;
mod regions;
mod resources;
mod rights;
mod route;
mod seed;
mod sizes;
mod snapshot;
mod state;
mod subscriptions;
mod tags;
mod throttle;
mod time;
mod tls;
mod token;
mod versions;
mod words;
mod workspace;
mod world;
#[cfg(test)]
mod world_tests;
mod writes;

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
};

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::watch, task::JoinSet};

pub use crate::{
    events::{Event, Health},
    faults::{Effect, Fault, Match, When},
    journal::Entry,
    outages::Manner,
    resources::{Credentials, Extension, OperatingSystem, ResourceError, ResourceSeed, ResourceState},
    seed::{
        AssignmentSeed, BudgetSeed, CLIENT_ID, CLIENT_SECRET, ComputeSeed, GroupSeed, IdentitySeed, Lock, LockSeed,
        OBJECT_ID, PolicySeed, PrincipalSeed, QuotaSeed, SUBSCRIPTION, Seed, SubscriptionSeed, TENANT, ThrottleSeed,
        WorkspaceSeed,
    },
};
use crate::{
    host::Host,
    http::Plane,
    journal::Journal,
    keeper::Keeper,
    state::{State, StateFile},
    time::Clock,
    tls::{Kept, Tls, TlsError},
    world::World,
};

/// A day of virtual time in a tenth of a second: no machine has what is due in more of it done in time.
const FASTEST: f64 = 1_000_000.0;

/// How an emulator is set up. The default listens on free ports of 127.0.0.1, in real time, with the default seed.
#[derive(Debug, Clone)]
pub struct Config {
    /// Address of the data plane over HTTP.
    pub listen: SocketAddr,
    /// Address of the data plane over HTTPS.
    pub tls_listen: SocketAddr,
    /// Address of the management plane (HTTP).
    pub management_listen: SocketAddr,
    /// Virtual seconds that pass in a second; 0 stops virtual time, which then only [`Emulator::advance`] moves.
    pub time_scale: f64,
    /// What exists at the start.
    pub seed: Seed,
    /// Where `ca.pem` is written; a temporary directory, removed at the end, if absent.
    pub ca_dir: Option<PathBuf>,
    /// A file in which the world is kept: read at the start, in place of the seed, if it exists; written every few seconds after
    /// changes, and by [`Emulator::stop`]. Only the clock's pace, the journal and what is spent of request budgets are not in it.
    pub state: Option<PathBuf>,
    /// How many exchanges the journal keeps.
    pub journal_capacity: usize,
}

impl Default for Config {
    fn default() -> Self {
        let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self {
            listen: free,
            tls_listen: free,
            management_listen: free,
            time_scale: 1.0,
            seed: Seed::default(),
            ca_dir: None,
            state: None,
            journal_capacity: 10_000,
        }
    }
}

/// Why an emulator did not start.
#[derive(Debug, thiserror::Error)]
#[error("emulator: {what}")]
pub struct Error {
    what: String,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    fn of(what: impl Into<String>, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { what: what.into(), source: Some(source.into()) }
    }
}

/// Where an emulator can be reached: the line that the command line prints when it is ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ready {
    /// Data plane over HTTP.
    pub url: String,
    /// Data plane over HTTPS; also the authority for tokens.
    pub tls_url: String,
    /// PEM file with the certificate authority to trust.
    pub ca_file: PathBuf,
    /// Management plane.
    pub management_url: String,
    /// Process id.
    pub pid: u32,
}

/// A running emulator. It ends when it is dropped or [stopped](Self::stop).
pub struct Emulator {
    ready: Ready,
    ca_pem: String,
    host: Arc<Host>,
    stop: watch::Sender<bool>,
    listeners: JoinSet<()>,
    keeper: Option<Keeper>,
    _directory: Option<TempDir>,
}

impl std::fmt::Debug for Emulator {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Emulator").field("ready", &self.ready).finish_non_exhaustive()
    }
}

/// Starts an emulator; it serves as soon as this returns. Needs a tokio runtime.
///
/// # Errors
/// A wrong seed or time scale, an address that is taken, a directory that cannot be written.
pub async fn spawn(mut config: Config) -> Result<Emulator, Error> {
    if !(0.0..=FASTEST).contains(&config.time_scale) {
        let what = format!("the time scale must be a number from 0 to {FASTEST}");
        return Err(Error { what, source: None });
    }
    let (world, clock, kept) = beginning(&mut config)?;
    let host = Arc::new(Host::new(world, clock, Journal::new(config.journal_capacity)));
    let tls = Tls::new(config.tls_listen.ip(), kept).map_err(|error: TlsError| Error::of("no certificate", error))?;

    let plain = bind("data plane", config.listen).await?;
    let secure = bind("data plane over TLS", config.tls_listen).await?;
    let management = bind("management plane", config.management_listen).await?;
    let (directory, ca_file) = write_ca(config.ca_dir.as_deref(), &tls.ca_pem)?;
    let ready = Ready {
        url: format!("http://{}", reachable(&plain, config.listen)),
        tls_url: format!("https://{}", reachable(&secure, config.tls_listen)),
        ca_file,
        management_url: format!("http://{}", reachable(&management, config.management_listen)),
        pid: std::process::id(),
    };
    let (stop, stopped) = watch::channel(false);
    let mut listeners = JoinSet::new();
    let acceptor = tokio_rustls::TlsAcceptor::from(tls.config);
    for (listener, plane) in [(plain, Plane::Data), (secure, Plane::DataTls(acceptor)), (management, Plane::Management)]
    {
        listeners.spawn(http::listen(listener, plane, Arc::clone(&host), stopped.clone()));
    }
    let keeper = config.state.map(|path| Keeper::new(StateFile::new(path), tls.kept, Arc::clone(&host)));
    if let Some(keeper) = &keeper {
        // At once, so that a place that cannot be written is told before anything is lost.
        keeper.keep().await?;
        listeners.spawn(keeper.clone().run(stopped));
    }
    Ok(Emulator { ready, ca_pem: tls.ca_pem, host, stop, listeners, keeper, _directory: directory })
}

/// The world, its clock and its certificate: those of the state file, or new ones.
fn beginning(config: &mut Config) -> Result<(World, Clock, Option<Kept>), Error> {
    let found = config.state.as_ref().map(|path| {
        let found = StateFile::new(path.clone()).load();
        found.map_err(|what| Error { what: format!("state file {}: {what}", path.display()), source: None })
    });
    if let Some(State { service_time, tls, world }) = found.transpose()?.flatten() {
        return Ok((world, Clock::resume(service_time, config.time_scale), Some(tls)));
    }
    let clock = match config.seed.clock {
        Some(start) => Clock::resume(start, config.time_scale),
        None => Clock::new(config.time_scale),
    };
    let world =
        World::new(std::mem::take(&mut config.seed), clock.now()).map_err(|what| Error { what, source: None })?;
    Ok((world, clock, None))
}

async fn bind(what: &str, address: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(address).await.map_err(|error| Error::of(format!("{what}: cannot listen on {address}"), error))
}

/// The address that callers on this machine use.
fn reachable(listener: &TcpListener, wanted: SocketAddr) -> SocketAddr {
    let mut address = listener.local_addr().unwrap_or(wanted);
    if address.ip().is_unspecified() {
        address.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    address
}

fn write_ca(directory: Option<&Path>, pem: &str) -> Result<(Option<TempDir>, PathBuf), Error> {
    let (temporary, directory) = match directory {
        Some(directory) => {
            std::fs::create_dir_all(directory)
                .map_err(|error| Error::of(format!("cannot make the directory {}", directory.display()), error))?;
            (None, directory.to_owned())
        }
        None => {
            let made = tempfile::Builder::new().prefix("azureml-emulator-").tempdir();
            let made = made.map_err(|error| Error::of("cannot make a temporary directory", error))?;
            let path = made.path().to_owned();
            (Some(made), path)
        }
    };
    let file = directory.join("ca.pem");
    std::fs::write(&file, pem).map_err(|error| Error::of(format!("cannot write {}", file.display()), error))?;
    Ok((temporary, file))
}

impl Emulator {
    /// Base URL of the data plane over HTTP, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.ready.url
    }

    /// Base URL of the data plane over HTTPS, without a slash at the end.
    pub fn tls_url(&self) -> &str {
        &self.ready.tls_url
    }

    /// The certificate authority to trust, as PEM.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The file that holds [`ca_pem`](Self::ca_pem).
    pub fn ca_file(&self) -> &Path {
        &self.ready.ca_file
    }

    /// Base URL of the management plane.
    pub fn management_url(&self) -> &str {
        &self.ready.management_url
    }

    /// All addresses together.
    pub fn ready(&self) -> Ready {
        self.ready.clone()
    }

    /// The exchanges of the data plane, oldest first.
    pub fn journal(&self) -> Vec<Entry> {
        self.host.journal(0)
    }

    /// The exchanges after number `seq`.
    pub fn journal_since(&self, seq: u64) -> Vec<Entry> {
        self.host.journal(seq)
    }

    /// Forgets the exchanges.
    pub fn clear_journal(&self) {
        self.host.clear_journal();
    }

    /// Moves virtual time ahead; a negative duration does nothing.
    pub fn advance(&self, by: SignedDuration) {
        self.host.advance(by);
    }

    /// Sets a fault.
    pub fn add_fault(&self, fault: Fault) {
        self.host.add_fault(fault);
    }

    /// Takes all faults away.
    pub fn clear_faults(&self) {
        self.host.clear_faults();
    }

    /// The world as `GET /world` shows it.
    pub fn world(&self) -> Value {
        self.host.world()
    }

    /// Lets an event happen; returns a word about what it did (the run's id for `runSubmitted`).
    ///
    /// # Errors
    /// Why it cannot happen, in words.
    pub fn event(&self, event: Event) -> Result<String, String> {
        self.host.event(event)
    }

    /// Ends it: no new connections, open ones finish, the state file is written, the temporary directory is removed. A state file
    /// that cannot be written is logged; [`close`](Self::close) tells of it.
    pub async fn stop(self) {
        if let Err(error) = self.close().await {
            tracing::error!(%error, "Could not keep the state");
        }
    }

    /// Ends it like [`stop`](Self::stop).
    ///
    /// # Errors
    /// The state file could not be written.
    pub async fn close(mut self) -> Result<(), Error> {
        let _ = self.stop.send(true);
        while self.listeners.join_next().await.is_some() {}
        match &self.keeper {
            Some(keeper) => keeper.keep().await,
            None => Ok(()),
        }
    }
}
