//! docs/errors.md: its table is the error table's, and it leaves no reason out.
//!
//! Must not repair anything by itself: UPDATE_GENERATED=1 writes, every other run compares.

use jiff::SignedDuration;
use plan::{Fate, INSTANCE_STATES, InstanceStateRow, Meaning, ROWS, Row, Settings, Speed, UNKNOWN_STATE, When};
use std::fmt::Write;
use std::path::{Path, PathBuf};

const BEGIN: &str = "<!-- from the error table; UPDATE_GENERATED=1 cargo test --test errors page -->\n";
const STATES: &str = "<!-- from the table of states; UPDATE_GENERATED=1 cargo test --test errors page -->\n";
const END: &str = "<!-- end -->\n";

fn top() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn words(list: &[&str], quote: char) -> String {
    list.iter().map(|word| format!("{quote}{word}{quote}")).collect::<Vec<_>>().join(", ")
}

fn answer(when: When) -> String {
    match when {
        When::Code(codes) => words(codes, '`'),
        When::Underlying(codes) => format!("{}, not with 404", words(codes, '`')),
        When::Words(phrases) => format!("a message with {}", words(phrases, '"')),
        When::Status(status) => format!("status {status}"),
        When::Statuses(from, to) => format!("status {from} to {to}"),
        When::Anything => "anything else".to_owned(),
    }
}

fn shown(wait: SignedDuration) -> String {
    match wait.as_secs() {
        seconds if seconds % 60 == 0 => format!("{} min", seconds / 60),
        seconds => format!("{seconds} s"),
    }
}

/// What follows, with the waits of the defaults.
fn fate(fate: Fate, settings: &Settings) -> String {
    let waits = |speed: Speed| {
        let first = match speed {
            Speed::Fast => settings.retry_fast,
            Speed::Slow => settings.retry_slow,
            Speed::VerySlow => settings.retry_very_slow,
        };
        format!("tried again after {} to {}", shown(first), shown(first * 16))
    };
    match fate {
        Fate::Retry(speed) => format!("Reconciling, {}", waits(speed)),
        Fate::Stalled(speed) => format!("Stalled, {}", waits(speed)),
        Fate::Forbidden => {
            let grace = shown(settings.forbidden_grace);
            format!("Reconciling for {grace}, then Stalled; {}", waits(Speed::Slow))
        }
    }
}

fn table() -> String {
    let settings = Settings::default();
    let mut text = "| reason | Azure answers | what happens | what to do |\n|---|---|---|---|\n".to_owned();
    for Row { when, reason, fate: follows, advice } in ROWS {
        writeln!(text, "| `{reason}` | {} | {} | {advice} |", answer(*when), fate(*follows, &settings)).unwrap();
    }
    text
}

/// What every state of an instance means.
fn states() -> String {
    let mut text = "| state | Ready | with | what is going on | way out |\n|---|---|---|---|---|\n".to_owned();
    for InstanceStateRow { state, meaning, reason, what, way_out } in INSTANCE_STATES.iter().chain([&UNKNOWN_STATE]) {
        let (ready, with) = match meaning {
            Meaning::Ready => ("True, if power is as declared", String::new()),
            Meaning::Reconciling => ("False", format!("Reconciling, `{reason}`")),
            Meaning::Stalled | Meaning::StalledUnlessNew => ("False", format!("Stalled, `{reason}`")),
        };
        writeln!(text, "| {state} | {ready} | {with} | {what} | {way_out} |").unwrap();
    }
    text
}

/// Compares what stands behind a mark with what the code says, or writes it.
fn check(mark: &str, wanted: &str) {
    let file = top().join("docs/errors.md");
    let page = std::fs::read_to_string(&file).unwrap();
    let (before, rest) = page.split_once(mark).expect("the page says where the table begins");
    let (committed, after) = rest.split_once(END).expect("the page says where the table ends");
    if std::env::var_os("UPDATE_GENERATED").is_some_and(|value| value == "1") {
        std::fs::write(&file, format!("{before}{mark}{wanted}{END}{after}")).unwrap();
        return;
    }
    assert!(
        committed == wanted,
        "docs/errors.md is not what the code says; UPDATE_GENERATED=1 cargo test --test errors page"
    );
}

#[test]
fn page_of_errors_has_every_row_of_the_error_table_and_every_state_of_instances() {
    // One test, because both write the same file.
    check(BEGIN, &table());
    check(STATES, &states());
}

/// Every Rust file below a folder, tests left out.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("tests") {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

/// The ways in which the code names a reason: the literal follows, perhaps on the next line.
const FORMS: [&str; 7] = [
    "Because::new(",
    "working(",
    "stalled(",
    "case.act(action, ",
    "reason: ",
    "say(",
    "(reason, whose, way) = match owner {",
];

/// The CamelCase words that follow one of the forms.
fn reasons(text: &str) -> Vec<String> {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let after = FORMS.iter().flat_map(|form| code.match_indices(form).map(|(at, form)| &code[at + form.len()..]));
    let literal = |rest: &str| {
        let rest = rest.trim_start().strip_prefix('"')?;
        let word = &rest[..rest.find('"')?];
        let camel =
            word.starts_with(|c: char| c.is_ascii_uppercase()) && word.chars().all(|c| c.is_ascii_alphanumeric());
        camel.then(|| word.to_owned())
    };
    after.filter_map(literal).collect()
}

#[test]
fn page_of_errors_explains_every_reason_that_the_code_gives() {
    let page = std::fs::read_to_string(top().join("docs/errors.md")).unwrap();
    let mut files = Vec::new();
    for folder in ["src/plan", "src/controller"] {
        sources(&top().join(folder), &mut files);
    }
    let mut known: Vec<String> =
        files.iter().flat_map(|file| reasons(&std::fs::read_to_string(file).unwrap())).collect();
    known.sort();
    known.dedup();
    assert!(known.len() > 30, "the forms in which reasons are written have changed: {known:?}");
    // Hints have reasons too; they are no errors.
    let hints = [
        "BillsUntilStopped",
        "ClusterOutlivesObject",
        "IdleShutdownNeedsContributor",
        "LegacyType",
        "ManyNodes",
        "MinimumNodesBillAlways",
        "NoUserAssigned",
        "NodesMayBePreempted",
        "OtherRegion",
        "PasswordLogin",
        "RestartNotUnderstood",
        "SecretChangesUnseen",
        "SingleSignOnIsTheUsers",
    ];
    let missing: Vec<&String> = known
        .iter()
        .filter(|reason| !hints.contains(&reason.as_str()) && !page.contains(&format!("`{reason}`")))
        .collect();
    assert!(missing.is_empty(), "docs/errors.md does not explain {missing:?}");
}
