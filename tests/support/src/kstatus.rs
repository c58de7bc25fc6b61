//! Health as Flux and Helm see it: objects handed to the real kstatus library; it must not judge by itself.

use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdin, ChildStdout, Command};
use std::sync::{Mutex, PoisonError};

use serde::Deserialize;
use serde_json::Value;

use crate::error::{Context, Error, Result};
use crate::guard::{Guard, Process};
use crate::tools;

/// A status of kstatus, in its own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
pub enum Status {
    /// Done: what Flux and `helm --wait` wait for.
    Current,
    /// On its way.
    InProgress,
    /// Will not get there by itself: they give up at once.
    Failed,
    /// Being deleted.
    Terminating,
    /// Not there.
    NotFound,
    /// Cannot be told.
    Unknown,
}

/// A status and why.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Judgement {
    /// The status.
    pub status: Status,
    /// The library's message; of a failed object, that of its Stalled condition.
    #[serde(default)]
    pub message: String,
}

/// What the judge prints: one or the other.
#[derive(Deserialize)]
#[serde(untagged)]
enum Answer {
    Judgement(Judgement),
    Refusal { error: String },
}

/// A running judge: one process for any number of objects.
pub struct Judge {
    // In this order: the pipes close and the process ends before its folder goes.
    pipes: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
    process: Process,
    _guard: Guard,
}

impl Judge {
    /// Starts one, building it first if need be, which blocks.
    ///
    /// # Errors
    /// When it cannot be had or started.
    pub fn start() -> Result<Self> {
        let guard = Guard::new("amlco-kstatus")?;
        let (process, stdin, stdout) = guard.spawn_piped("kstatus", &Command::new(tools::program("kstatus")?))?;
        Ok(Self { pipes: Mutex::new((stdin, BufReader::new(stdout))), process, _guard: guard })
    }

    /// Judges one object as JSON. Blocks for less than a millisecond.
    ///
    /// # Errors
    /// When the library cannot judge it (no kind, a status of the wrong shape) or the judge has ended.
    pub fn judge(&self, object: &Value) -> Result<Judgement> {
        let failed = || format!("the kstatus judge has ended: {}", self.process.log_tail(5));
        let mut line = object.to_string();
        line.push('\n');
        let mut answer = String::new();
        {
            let mut pipes = self.pipes.lock().unwrap_or_else(PoisonError::into_inner);
            pipes.0.write_all(line.as_bytes()).context(failed)?;
            pipes.1.read_line(&mut answer).context(failed)?;
        }
        match serde_json::from_str(&answer).context(failed)? {
            Answer::Judgement(judgement) => Ok(judgement),
            Answer::Refusal { error } => Err(Error::new(format!("kstatus cannot judge {}: {error}", name(object)))),
        }
    }
}

fn name(object: &Value) -> String {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or("?").to_owned();
    format!("{} {}/{}", text("/kind"), text("/metadata/namespace"), text("/metadata/name"))
}
