//! The operator as a process: the product's own binary, started, asked, killed; it must not look inside.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use crate::error::{Context, Error, Result};
use crate::guard::{Guard, Process};
use crate::{ready, wait};

/// How long it may take to listen: it does so before it asks anybody anything.
const LISTENS_WITHIN: Duration = Duration::from_secs(30);

/// How an operator is started.
#[derive(Clone, Debug)]
pub struct Launch {
    binary: PathBuf,
    kubeconfig: PathBuf,
    args: Vec<String>,
    env: Vec<(String, String)>,
}

impl Launch {
    /// `BINARY run --listen 127.0.0.1:0`; a test names the binary by `env!("CARGO_BIN_EXE_azureml-compute-operator")`.
    #[must_use]
    pub fn new(binary: impl Into<PathBuf>, kubeconfig: impl Into<PathBuf>) -> Self {
        let args = ["run", "--listen", "127.0.0.1:0"].map(str::to_owned).to_vec();
        Self { binary: binary.into(), kubeconfig: kubeconfig.into(), args, env: Vec::new() }
    }

    /// `BINARY` with exactly these arguments, as a Deployment has them.
    #[must_use]
    pub fn exactly(binary: impl Into<PathBuf>, kubeconfig: impl Into<PathBuf>, args: Vec<String>) -> Self {
        Self { binary: binary.into(), kubeconfig: kubeconfig.into(), args, env: Vec::new() }
    }

    /// Further arguments.
    #[must_use]
    pub fn args<I: IntoIterator<Item = S>, S: Into<String>>(mut self, args: I) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// One environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The path of the kubeconfig it uses.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    fn command(&self, temporary: &Path) -> Command {
        let mut command = product(&self.binary, temporary);
        command.args(&self.args).env("KUBECONFIG", &self.kubeconfig);
        for (name, value) in &self.env {
            command.env(name, value);
        }
        command
    }
}

/// A command of the product in an environment that is the same on every machine: no proxies, which would get in the
/// way to 127.0.0.1, and no settings of the operator that the shell happens to hold. What it puts into its folder for
/// temporary files goes with the process.
pub(crate) fn product(binary: &Path, temporary: &Path) -> Command {
    let mut command = Command::new(binary);
    for (name, _) in std::env::vars_os() {
        let Some(text) = name.to_str() else { continue };
        let upper = text.to_ascii_uppercase();
        if upper.ends_with("_PROXY") || upper.starts_with("AMLCO_") || upper.starts_with("AZURE_") {
            command.env_remove(&name);
        }
    }
    command.env("TMPDIR", temporary);
    command
}

/// What it prints when it listens.
#[derive(Debug, Deserialize)]
struct Listening {
    url: String,
}

/// A running operator. Dropping it kills it; so does the death of this process.
pub struct Operator {
    // In this order: the process ends before its folder goes.
    process: Arc<Process>,
    guard: Guard,
}

impl Operator {
    /// Starts one and returns when it answers `/readyz` with 200.
    ///
    /// # Errors
    /// When it ends or is not ready within `within`; the error has what `/readyz` said and the end of the log.
    pub async fn start(launch: &Launch, within: Duration) -> Result<Self> {
        let operator = Self::spawn(launch)?;
        operator.wait_ready(within).await?;
        Ok(operator)
    }

    /// Starts one and returns at once, for a test that kills it while it starts.
    ///
    /// # Errors
    /// When the binary cannot be started.
    pub fn spawn(launch: &Launch) -> Result<Self> {
        let guard = Guard::new("amlco-operator")?;
        let process = Arc::new(guard.spawn("operator", &launch.command(guard.dir()))?);
        Ok(Self { process, guard })
    }

    /// Its base URL for health and metrics, `http://127.0.0.1:PORT`, once it listens.
    ///
    /// # Errors
    /// When it ends before, or does not listen within 30 s.
    pub async fn url(&self) -> Result<String> {
        let listening: Listening = ready::record(&self.process, "the operator", LISTENS_WITHIN).await?;
        Ok(listening.url)
    }

    /// Waits until `/readyz` answers 200 and returns the base URL.
    ///
    /// # Errors
    /// When it ends or is not ready in time; the error has what `/readyz` said last and the end of the log.
    pub async fn wait_ready(&self, within: Duration) -> Result<String> {
        let url = self.url().await?;
        let client = http_client()?;
        let readyz = format!("{url}/readyz");
        let ready = wait::until("the operator is ready", within, async || {
            if let Some(status) = self.process.try_wait().ok().flatten() {
                return Ok(Err(format!("it ended with {status}")));
            }
            let answer = client.get(&readyz).send().await.map_err(|error| error.to_string())?;
            if answer.status().is_success() {
                return Ok(Ok(()));
            }
            Err(format!("{}: {}", answer.status(), answer.text().await.unwrap_or_default()))
        })
        .await
        .and_then(|ready| ready.map_err(Error::new));
        ready.map_err(|error| ready::with_log(&self.process, "the operator", error))?;
        Ok(url)
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Its folder, where its log is; it goes with the operator.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.guard.dir()
    }

    /// Ends it with SIGKILL; returns when it is gone. Blocks for a few milliseconds.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn kill(&self) -> Result<ExitStatus> {
        self.process.kill()
    }

    /// A function that kills it, for [`crate::proxy::Proxy::arm`].
    pub fn killer(&self) -> impl FnOnce() + Send + 'static {
        let process = Arc::clone(&self.process);
        // It can fail only if the process is gone already, which is what is wanted.
        move || drop(process.kill())
    }

    /// Ends it with SIGTERM and returns its exit status.
    ///
    /// # Errors
    /// When it still runs after `grace`; the error has the end of its log.
    pub async fn stop(&self, grace: Duration) -> Result<ExitStatus> {
        let process = Arc::clone(&self.process);
        let stopped = tokio::task::spawn_blocking(move || process.terminate(grace)).await;
        stopped.context(|| "stopping the operator was interrupted".to_owned())?.map_err(|error| {
            Error::because(format!("the operator did not stop; its log:\n{}", self.log_tail(20)), error)
        })
    }

    /// How it ended, or none while it runs.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn ended(&self) -> Result<Option<ExitStatus>> {
        self.process.try_wait()
    }

    /// Sends it a signal by name: `STOP` and `CONT` freeze it and let it go on.
    ///
    /// # Errors
    /// When it is gone.
    pub fn signal(&self, signal: &str) -> Result<()> {
        self.process.signal(signal)
    }

    /// Its log (standard error) so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// The last lines of its log.
    #[must_use]
    pub fn log_tail(&self, lines: usize) -> String {
        self.process.log_tail(lines)
    }
}

/// A client for plain HTTP on this machine, past any proxy of it.
pub(crate) fn http_client() -> Result<reqwest::Client> {
    crate::install_crypto();
    reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(10))
        .build()
        .context(|| "cannot make an HTTP client".to_owned())
}
