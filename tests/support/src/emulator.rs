//! The emulator as a process, and its management plane; it must not share types with it.

use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::error::{Context, Error, Result};
use crate::guard::{Guard, Process};
use crate::operator::{http_client, product};
use crate::ready;

/// It has nothing to wait for; the rest is a busy machine.
const LISTENS_WITHIN: Duration = Duration::from_secs(30);

/// What the emulator prints when it listens (design, section 10).
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listening {
    url: String,
    tls_url: String,
    ca_file: PathBuf,
    management_url: String,
}

/// A running emulator. Dropping it kills it; so does the death of this process.
pub struct Emulator {
    listening: Listening,
    ca_pem: String,
    client: reqwest::Client,
    process: Process,
    _guard: Guard,
}

impl Emulator {
    /// Starts `BINARY emulator` on free ports with these further arguments (`["--time-scale", "100"]`), and returns
    /// when it listens.
    ///
    /// # Errors
    /// When it ends or does not listen; the error ends with its log.
    pub async fn start(binary: &Path, args: &[&str]) -> Result<Self> {
        let guard = Guard::new("amlco-emulator")?;
        let mut command = product(binary, guard.dir());
        command.arg("emulator");
        for listener in ["--listen", "--tls-listen", "--management-listen"] {
            command.args([listener, "127.0.0.1:0"]);
        }
        command.args(args);
        let process = guard.spawn("emulator", &command)?;
        let listening: Listening = ready::record(&process, "the emulator", LISTENS_WITHIN).await?;
        let ca_pem = std::fs::read_to_string(&listening.ca_file)
            .context(|| format!("cannot read the emulator's authority {}", listening.ca_file.display()))?;
        Ok(Self { listening, ca_pem, client: http_client()?, process, _guard: guard })
    }

    /// Base URL of its plain data plane.
    #[must_use]
    pub fn url(&self) -> &str {
        self.listening.url.trim_end_matches('/')
    }

    /// Base URL of its TLS data plane, which has the token endpoint.
    #[must_use]
    pub fn tls_url(&self) -> &str {
        self.listening.tls_url.trim_end_matches('/')
    }

    /// The file of the authority of [`Emulator::tls_url`].
    #[must_use]
    pub fn ca_file(&self) -> &Path {
        &self.listening.ca_file
    }

    /// That authority, PEM.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// Base URL of its management plane.
    #[must_use]
    pub fn management_url(&self) -> &str {
        self.listening.management_url.trim_end_matches('/')
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Its log (standard error) so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// The journal's entries with a number above `since`, as the management plane gives them.
    ///
    /// # Errors
    /// When the management plane does not answer with a JSON array.
    pub async fn journal(&self, since: u64) -> Result<Vec<Value>> {
        let journal = self.get(&format!("/journal?since={since}")).await?;
        serde_json::from_value(journal).context(|| "the emulator's journal is no array".to_owned())
    }

    /// Its whole world.
    ///
    /// # Errors
    /// When the management plane does not answer.
    pub async fn world(&self) -> Result<Value> {
        self.get("/world").await
    }

    /// Moves its clock by an ISO 8601 duration, as `PT5M`.
    ///
    /// # Errors
    /// When the management plane refuses.
    pub async fn advance(&self, by: &str) -> Result<Value> {
        self.post("/clock/advance", &serde_json::json!({"by": by})).await
    }

    /// `GET` on the management plane.
    ///
    /// # Errors
    /// When it does not answer 2xx with JSON or nothing.
    pub async fn get(&self, path: &str) -> Result<Value> {
        self.manage(reqwest::Method::GET, path, None).await
    }

    /// `POST` on the management plane.
    ///
    /// # Errors
    /// When it does not answer 2xx with JSON or nothing.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.manage(reqwest::Method::POST, path, Some(body)).await
    }

    /// `DELETE` on the management plane.
    ///
    /// # Errors
    /// When it does not answer 2xx with JSON or nothing.
    pub async fn delete(&self, path: &str) -> Result<Value> {
        self.manage(reqwest::Method::DELETE, path, None).await
    }

    /// Ends it with SIGKILL: its world is gone. To let it be away for a while, cut a proxy before it.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn kill(&self) -> Result<ExitStatus> {
        self.process.kill()
    }

    async fn manage(&self, method: reqwest::Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let failed = || format!("the emulator's management plane failed at {method} {path}");
        let mut request = self.client.request(method.clone(), format!("{}{path}", self.management_url()));
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.context(failed)?;
        let status = answer.status();
        let text = answer.text().await.context(failed)?;
        if !status.is_success() {
            return Err(Error::new(format!("{}: {status} {text}", failed())));
        }
        if text.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&text).context(failed)
    }
}
