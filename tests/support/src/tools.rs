//! Where the real programs are (kube-apiserver, etcd, helm, …), building them once if need be; it must not start them.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::error::{Context, Error, Result};

/// Set by the Makefile to what build.sh printed, so that every test need not ask again.
pub const TOOLS_DIR: &str = "AMLCO_TOOLS_DIR";

/// The folder of the programs: `AMLCO_TOOLS_DIR` if set, else what `tests/tools/build.sh` prints.
///
/// The first call on a machine builds them, which takes minutes and reports its progress on standard error; it blocks.
///
/// # Errors
/// When the script fails, as when Go is missing; it has then said why on standard error.
pub fn dir() -> Result<PathBuf> {
    static FOUND: OnceLock<std::result::Result<PathBuf, String>> = OnceLock::new();
    FOUND.get_or_init(|| find().map_err(|error| format!("{error:?}"))).clone().map_err(Error::new)
}

/// The path of one program, as `kubectl`.
///
/// # Errors
/// As [`dir`], and when the folder has no such program.
pub fn program(name: &str) -> Result<PathBuf> {
    let path = dir()?.join(name);
    if path.is_file() {
        return Ok(path);
    }
    Err(Error::new(format!("{} does not exist; unset {TOOLS_DIR} or let `make tools` set it", path.display())))
}

fn find() -> Result<PathBuf> {
    if let Some(dir) = env::var_os(TOOLS_DIR).filter(|dir| !dir.is_empty()) {
        return Ok(PathBuf::from(dir));
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../tools/build.sh");
    let output = Command::new("sh")
        .arg(script)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context(|| format!("cannot run {script}"))?;
    if !output.status.success() {
        return Err(Error::new(format!(
            "{script} ended with {}; run it by hand, it says on standard error what it needs",
            output.status
        )));
    }
    let printed = String::from_utf8_lossy(&output.stdout);
    Ok(PathBuf::from(printed.trim()))
}
