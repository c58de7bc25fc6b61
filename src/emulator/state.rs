//! The state file: a whole world with its virtual time and certificate, written so that a restart finds them again. Holds none of
//! them.

use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{tls::Kept, world::World};

/// What the file says it is.
const FORMAT: &str = "azureml-emulator-state";
/// Grows when a file of an older program could be misread. A file of another version is refused.
const VERSION: u32 = 1;

/// What a file must say before the rest of it is read.
#[derive(Deserialize)]
struct Head {
    format: String,
    version: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Written<'a> {
    format: &'static str,
    version: u32,
    service_time: Timestamp,
    tls: &'a Kept,
    world: &'a World,
}

/// What a state file holds.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct State {
    /// The virtual time at which it was written.
    pub(crate) service_time: Timestamp,
    pub(crate) tls: Kept,
    pub(crate) world: World,
}

/// The text of a state file.
///
/// # Errors
/// None that is known: everything in a world can be JSON.
pub(crate) fn text(world: &World, service_time: Timestamp, tls: &Kept) -> Result<Vec<u8>, String> {
    serde_json::to_vec(&Written { format: FORMAT, version: VERSION, service_time, tls, world })
        .map_err(|why| why.to_string())
}

/// What a state file says.
///
/// # Errors
/// What is wrong with the text, and where.
pub(crate) fn read(text: &[u8]) -> Result<State, String> {
    let head: Head = parse(text).map_err(|why| format!("this is no state file of an emulator: {why}"))?;
    if head.format != FORMAT {
        return Err(format!("this is no state file of an emulator: its format is '{}', not '{FORMAT}'", head.format));
    }
    if head.version != VERSION {
        return Err(format!(
            "it was written in version {} of the format, and this program reads version {VERSION}; start without it, or with the program that wrote it",
            head.version
        ));
    }
    let mut state: State = parse(text)?;
    state.world.reschedule();
    Ok(state)
}

/// Reads JSON and tells where it is wrong, as `subscriptions[0].tenant: ...`.
///
/// # Errors
/// The path, the reason, line and column.
pub(crate) fn parse<T: DeserializeOwned>(text: &[u8]) -> Result<T, String> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let why = error.into_inner();
        if path == "." { why.to_string() } else { format!("{path}: {why}") }
    })?;
    reader.end().map_err(|why| why.to_string())?;
    Ok(value)
}

/// A state file in place.
#[derive(Debug, Clone)]
pub(crate) struct StateFile {
    path: PathBuf,
}

impl StateFile {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What it holds; `None` if it does not exist yet.
    ///
    /// # Errors
    /// It cannot be read, or is no state file.
    pub(crate) fn load(&self) -> Result<Option<State>, String> {
        match fs::read(&self.path) {
            Ok(text) => read(&text).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Replaces it in one step: whoever reads it meets the old text or the new one. It holds client secrets, so only its owner
    /// may read it.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn store(&self, text: &[u8]) -> io::Result<()> {
        let directory = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
        // The crate makes temporary files with mode 0600.
        let mut file = tempfile::NamedTempFile::new_in(directory.unwrap_or(Path::new(".")))?;
        file.write_all(text)?;
        file.as_file().sync_all()?;
        file.persist(&self.path)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_no_state_of_this_version_are_refused_in_words() {
        for (text, part) in [
            ("", "this is no state file of an emulator: EOF"),
            ("{}", "this is no state file of an emulator: missing field `format`"),
            (r#"{"format": "x", "version": 1}"#, "its format is 'x'"),
            (r#"{"format": "azureml-emulator-state", "version": 9}"#, "written in version 9 of the format"),
            (r#"{"format": "azureml-emulator-state", "version": 1, "serviceTime": "soon"}"#, "serviceTime: "),
            (
                r#"{"format": "azureml-emulator-state", "version": 1, "serviceTime": "2026-01-01T00:00:00Z",
                    "world": {"locks": {"set": []}}}"#,
                "world.locks.set: invalid type: sequence",
            ),
        ] {
            let why = read(text.as_bytes()).err().unwrap();
            assert!(why.contains(part), "{why}");
        }
    }

    #[test]
    fn file_is_replaced_whole_and_read_by_its_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let file = StateFile::new(directory.path().join("state.json"));
        assert!(file.load().unwrap().is_none());
        file.store(b"old").unwrap();
        file.store(b"new").unwrap();
        assert_eq!(fs::read(file.path()).unwrap(), b"new");
        assert_eq!(fs::metadata(file.path()).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        assert!(file.load().err().unwrap().contains("no state file"));
        assert!(StateFile::new(directory.path().join("absent/state.json")).store(b"x").is_err());
    }
}
