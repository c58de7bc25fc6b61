//! The ready record: the one JSON line that our programs print on standard output when they listen; it must not
//! interpret it.

use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::error::{Error, Result};
use crate::guard::Process;
use crate::wait;

/// Lines of a log that an error shows: enough for a Rust panic and what led to it.
const LOG_LINES: usize = 20;

/// Waits for the first line that is a JSON object and decodes it.
///
/// # Errors
/// When the program ends before, or prints none in time; the error ends with its log.
pub(crate) async fn record<T: DeserializeOwned>(process: &Process, what: &str, within: Duration) -> Result<T> {
    let found = wait::until(&format!("{what} says that it listens"), within, async || {
        let ended = process.try_wait().ok().flatten();
        let out = process.out();
        // The last line may still be being written; a whole one ends with a newline.
        let whole = out.rfind('\n').map_or("", |end| &out[..end]);
        if let Some(line) = whole.lines().find(|line| line.starts_with('{')) {
            return Ok(serde_json::from_str(line).map_err(|error| format!("{error} in {line:?}")));
        }
        match ended {
            Some(status) => Ok(Err(format!("it ended with {status}"))),
            None => Err("no such line yet".to_owned()),
        }
    })
    .await
    .and_then(|found| found.map_err(Error::new));
    found.map_err(|error| with_log(process, what, error))
}

/// The failure of a program together with the end of its log.
pub(crate) fn with_log(process: &Process, what: &str, error: Error) -> Error {
    Error::because(format!("{what} did not get ready; the end of its log:\n{}", process.log_tail(LOG_LINES)), error)
}
