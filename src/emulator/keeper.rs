//! Writes the state file: every few seconds if there is something new to tell, and at the end. Knows nothing of what is in it.

use std::{sync::Arc, time::Duration};

use tokio::sync::watch;

use crate::{Error, host::Host, state::StateFile, tls::Kept};

/// How much a process that is killed may lose.
const PACE: Duration = Duration::from_secs(5);

/// Keeps one world in one file.
#[derive(Clone)]
pub(crate) struct Keeper {
    file: StateFile,
    tls: Arc<Kept>,
    host: Arc<Host>,
}

impl Keeper {
    pub(crate) fn new(file: StateFile, tls: Kept, host: Arc<Host>) -> Self {
        Self { file, tls: Arc::new(tls), host }
    }

    /// Writes the file.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) async fn keep(&self) -> Result<(), Error> {
        let this = self.clone();
        // Writing waits for the disk, and must not hold up requests meanwhile.
        let written = tokio::task::spawn_blocking(move || {
            let text = this.host.written(&this.tls).map_err(std::io::Error::other)?;
            this.file.store(&text)
        });
        let outcome = written.await.unwrap_or_else(|error| Err(std::io::Error::other(error)));
        let failed = || format!("state file {}: cannot be written", self.file.path().display());
        outcome.map_err(|error| Error::of(failed(), error))
    }

    /// Writes it after changes until told to stop.
    pub(crate) async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut told = self.host.changes();
        loop {
            tokio::select! {
                () = tokio::time::sleep(PACE) => {}
                _ = stop.changed() => return,
            }
            let changes = self.host.changes();
            if changes == told {
                continue;
            }
            match self.keep().await {
                Ok(()) => told = changes,
                Err(error) => tracing::warn!(%error, "Could not keep the state"),
            }
        }
    }
}
