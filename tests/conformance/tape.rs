//! Recorded traffic, as the files of `tests/data/azureml/recordings` hold it (docs/conformance.md describes the form).
//!
//! Must not know the emulator: what a tape implies is said in the words of ARM and of the management plane.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

/// One file: what was recorded in one place.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// Repository, path and commit.
    source: String,
    /// What was done to it.
    note: String,
    tapes: Vec<Tape>,
}

/// Exchanges that belong together: one world, one clock.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Tape {
    pub(crate) name: String,
    /// The file within `source`, where that names many.
    #[serde(default, rename = "source")]
    _source: Option<String>,
    /// The region of the workspace.
    pub(crate) location: String,
    /// The state it shows, in words.
    #[serde(default, rename = "state")]
    _state: Option<String>,
    /// Members of the emulator's seed besides the workspace.
    #[serde(default)]
    pub(crate) seed: serde_json::Map<String, Value>,
    /// How often durations may be drawn anew until they fit the recorded ones: Azure's differ from time to time, and so do
    /// the emulator's, within the same bounds.
    #[serde(default = "once")]
    pub(crate) draws: u64,
    /// What leads to the state that the first exchange shows.
    #[serde(default)]
    pub(crate) before: Vec<Step>,
    /// When the first exchange was answered; present if the answers carry dates. Then times in bodies are compared too.
    #[serde(default)]
    pub(crate) began: Option<Timestamp>,
    /// Only some of the headers were kept: those that are missing say nothing.
    #[serde(default)]
    pub(crate) headers_cut: bool,
    /// What does not exist.
    #[serde(default)]
    pub(crate) absent: Option<Absent>,
    /// The numbers of nodes are not those of the world that `before` makes.
    #[serde(default)]
    pub(crate) node_counts: NodeCounts,
    pub(crate) exchanges: Vec<Exchange>,
}

fn once() -> u64 {
    1
}

#[derive(Deserialize, Default, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub(crate) enum NodeCounts {
    #[default]
    Exact,
    Free,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Absent {
    Group,
    Workspace,
}

/// Something done before an exchange.
#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub(crate) enum Step {
    /// A compute is made by PUT.
    Put { put: String, body: Value },
    /// An action on a compute: `name/stop`.
    Post { post: String },
    /// An event of the management plane.
    Event { event: Value },
    /// Virtual time passes (ISO 8601).
    Advance { advance: jiff::SignedDuration },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Exchange {
    /// Seconds of virtual time since the exchange before.
    #[serde(default)]
    pub(crate) after: u32,
    #[serde(default)]
    pub(crate) before: Vec<Step>,
    /// Why it is not replayed.
    #[serde(default)]
    pub(crate) not_tried: Option<String>,
    pub(crate) request: Request,
    pub(crate) response: Response,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    #[serde(default)]
    pub(crate) body: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// By name in lower case; absent: they were not recorded.
    #[serde(default)]
    pub(crate) headers: Option<BTreeMap<String, String>>,
    pub(crate) body: Value,
}

impl Tape {
    /// How an exchange is named in the report and in the list of allowances: `powershell-2025-cluster#2 GET`.
    pub(crate) fn label(&self, index: usize) -> String {
        format!("{}#{index} {}", self.name, self.exchanges[index].request.method)
    }

    /// The subscription, the group and the workspace that the tape is about.
    pub(crate) fn place(&self) -> Place {
        let workspace = self.exchanges.iter().find_map(|exchange| {
            let parts: Vec<&str> = exchange.request.target.split(['/', '?']).collect();
            let at = |index: usize| parts.get(index).map(|part| (*part).to_owned());
            (at(3)? == "resourceGroups").then_some(())?;
            Some(Place { subscription: at(2)?, group: at(4)?, workspace: at(8)? })
        });
        workspace.unwrap_or_else(|| panic!("{} names no workspace", self.name))
    }
}

/// Where a tape was recorded.
pub(crate) struct Place {
    pub(crate) subscription: String,
    pub(crate) group: String,
    pub(crate) workspace: String,
}

/// The id in a URL of an operation.
pub(crate) fn operation(url: &str) -> Option<&str> {
    url.split("/computeOperationsStatus/").nth(1)?.get(..36)
}

/// All tapes, in the order of their files' names.
pub(crate) fn all() -> Vec<Tape> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/azureml/recordings");
    let mut paths: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let mut tapes = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        let file: File = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(file.source.contains('@') && !file.note.is_empty(), "{} does not say where it is from", path.display());
        tapes.extend(file.tapes);
    }
    tapes
}
