//! Programs in Python, each in a virtual environment that is made once per pinned set and then kept.
//!
//! Must not start what is installed: it says where it is.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::error::{Context, Error, Result};

/// The folder of the programs of an environment with exactly these packages, made now if it is not there; it blocks.
/// `requirements` pins every package by hash; `folder` is where the environment is kept.
///
/// # Errors
/// When Python lacks `venv`, or neither PyPI nor a mirror of it can be reached.
pub fn environment(requirements: &Path, folder: &Path) -> Result<PathBuf> {
    let wanted = fs::read_to_string(requirements).context(|| format!("cannot read {}", requirements.display()))?;
    let (programs, marker) = (folder.join("bin"), folder.join("installed"));
    let lacks = || format!("cannot make the environment {}", folder.display());
    // Two runs of the tests must not install into one environment at once.
    let lock = fs::File::create(folder.with_extension("lock")).context(lacks)?;
    lock.lock().context(lacks)?;
    if fs::read_to_string(&marker).is_ok_and(|installed| installed == wanted) && programs.join("python").exists() {
        return Ok(programs);
    }
    if folder.exists() {
        fs::remove_dir_all(folder).context(lacks)?;
    }
    let made = Command::new("python3").args(["-m", "venv"]).arg(folder).output();
    printed("python3 -m venv (Debian: apt install python3-venv)", made)?;
    let pip = ["-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--require-hashes"];
    let installed = Command::new(programs.join("python")).args(pip).arg("--requirement").arg(requirements).output();
    printed(&format!("pip install of {} (it needs PyPI or a mirror of it)", requirements.display()), installed)?;
    fs::write(&marker, wanted).context(lacks)?;
    Ok(programs)
}

/// Standard output of a program that has to succeed; `what` is its name for people.
///
/// # Errors
/// When it did not start, or failed; what it printed is told.
pub fn printed(what: &str, output: std::io::Result<Output>) -> Result<String> {
    let output = output.context(|| format!("{what} did not start; install Python 3.10 or newer with venv"))?;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if !output.status.success() {
        return Err(Error::new(format!("{what} failed ({}):\n{out}{err}", output.status)));
    }
    Ok(out.into_owned())
}
