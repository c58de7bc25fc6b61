//! What a running playground tells others by files: that it runs, its pid, and the environment to source; it must not
//! hold secrets that open anything but the playground.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use support::{Context, Result};

/// The folder's files.
pub(crate) const ENV: &str = "env";
const PID: &str = "pid";
const LOCK: &str = "lock";
pub(crate) const LOG: &str = "log";

/// Held by a playground for as long as it runs; the system takes it back when the process ends in whatever way, so
/// that a pid file of a dead playground misleads nobody.
pub(crate) struct Held {
    dir: PathBuf,
    _lock: File,
}

/// Takes the folder for a playground, or `None` if one is running.
pub(crate) fn hold(dir: &Path) -> Result<Option<Held>> {
    let Some(lock) = try_lock(dir)? else { return Ok(None) };
    let dir = fs::canonicalize(dir).context(|| format!("cannot use {}", dir.display()))?;
    // Whatever a dead playground left would be wrong now.
    drop(fs::remove_file(dir.join(ENV)));
    put(&dir, PID, &std::process::id().to_string())?;
    Ok(Some(Held { dir, _lock: lock }))
}

/// The pid of the playground that runs, if one does.
pub(crate) fn running(dir: &Path) -> Result<Option<u32>> {
    if !dir.join(LOCK).exists() || try_lock(dir)?.is_some() {
        return Ok(None);
    }
    let text = fs::read_to_string(dir.join(PID)).context(|| format!("cannot read {}", dir.join(PID).display()))?;
    let pid = text.trim().parse().context(|| format!("{} holds no pid", dir.join(PID).display()))?;
    Ok(Some(pid))
}

/// Removes the folder of a playground that has ended.
pub(crate) fn clear(dir: &Path) -> Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).context(|| format!("cannot remove {}", dir.display()))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

fn try_lock(dir: &Path) -> Result<Option<File>> {
    let failed = || format!("cannot use {}", dir.display());
    fs::create_dir_all(dir).context(failed)?;
    let lock = File::create(dir.join(LOCK)).context(failed)?;
    match lock.try_lock() {
        Ok(()) => Ok(Some(lock)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error).context(failed),
    }
}

impl Held {
    /// The folder, as a full path.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Writes a file that belongs to the playground and returns its path.
    pub(crate) fn put(&self, name: &str, content: &str) -> Result<PathBuf> {
        put(&self.dir, name, content)
    }

    /// Writes the environment to source, as the last thing: whoever sees the file may use everything in it.
    pub(crate) fn put_env(&self, variables: &[(&str, String)]) -> Result<()> {
        let lines: Vec<String> =
            variables.iter().map(|(name, value)| format!("export {name}={}\n", quote(name, value))).collect();
        self.put(ENV, &lines.concat()).map(drop)
    }
}

/// Writes whole files only: a reader sees the old one or the new one.
fn put(dir: &Path, name: &str, content: &str) -> Result<PathBuf> {
    let path = dir.join(name);
    let new = dir.join(format!("{name}.new"));
    fs::write(&new, content)
        .and_then(|()| fs::rename(&new, &path))
        .context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// A value for a POSIX shell. `PATH` goes in front of what the shell has.
fn quote(name: &str, value: &str) -> String {
    let quoted = format!("'{}'", value.replace('\'', r"'\''"));
    if name == "PATH" { format!("{quoted}:\"$PATH\"") } else { quoted }
}
