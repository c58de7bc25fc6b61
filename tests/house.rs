//! The rules of the house that no compiler checks: sizes of files, their first words, what tests may not do.
//!
//! Must not repeat what clippy judges (length of functions, `todo!`, catch-all arms): it only looks that clippy is asked.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails, also in the functions beside it"
)]

use std::path::{Path, PathBuf};

/// Longest file, in lines before its unit tests.
const LINES: usize = 450;
/// Longest function, in lines; clippy counts.
const FUNCTION: &str = "too-many-lines-threshold = 60";

/// Where a test, or what tests share, may wait for a time, how often, and why. Everything else waits for a fact, by
/// `support::wait`.
const SLEEPS: &[(&str, usize, &str)] = &[
    ("tests/support/src/wait.rs", 2, "the one place that waits between two looks"),
    ("tests/support/src/history.rs", 1, "pauses before a broken watch is opened again"),
    (
        "tests/support/src/plane/mod.rs",
        1,
        "looks again and again whether a program has ended, while something else is waited for",
    ),
    ("tests/support/tests/plane.rs", 1, "a process whose only task is to be killed"),
    ("tests/errors/credentials.rs", 1, "looks closer together than support::wait does, because the time is judged"),
    ("tests/support/tests/proxy.rs", 1, "a server that answers in pieces, as a watch does"),
    ("src/azureml/tests/wire/throttling.rs", 1, "waits as long as the client itself says, which is what is shown"),
    ("src/azureml/tests/wire/server.rs", 1, "a server that writes slowly on purpose"),
];

/// How the reason of `#[ignore]` begins where something only looks like a test: a program that a test starts as a process
/// of its own, a measurement, a tool for people.
const NO_JUDGEMENT: [&str; 4] = ["run as a child by", "run by", "a measurement", "a tool"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below a directory with that ending, by its path from the root.
fn files(directory: &str, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![root().join(directory)];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|have| have == ending) {
                found.push(path.strip_prefix(root()).unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every Rust file of ours with its text.
fn sources() -> Vec<(PathBuf, String)> {
    let files: Vec<PathBuf> = ["src", "tests"].iter().flat_map(|directory| files(directory, "rs")).collect();
    assert!(files.len() > 100, "only {} files were found", files.len());
    files.into_iter().map(|path| (path.clone(), read(path))).collect()
}

/// The lines of a file before its unit tests, and those from there on.
fn halves(text: &str) -> (Vec<&str>, Vec<&str>) {
    let lines: Vec<&str> = text.lines().collect();
    // A module of tests in a file of its own leaves what follows it part of the code.
    let inline = |at: &usize| lines.get(at + 1).is_none_or(|next| !next.trim_end().ends_with(';'));
    let split = (0..lines.len()).filter(|at| lines[*at].trim() == "#[cfg(test)]").find(inline).unwrap_or(lines.len());
    (lines[..split].to_vec(), lines[split..].to_vec())
}

/// Fails with all that is wrong at once.
fn none(wrong: &[String], rule: &str) {
    assert!(wrong.is_empty(), "{rule}:\n{}", wrong.join("\n"));
}

#[test]
fn no_file_is_too_long() {
    let long = sources().into_iter().filter_map(|(path, text)| {
        let lines = halves(&text).0.len();
        (lines > LINES).then(|| format!("{}: {lines}", path.display()))
    });
    none(&long.collect::<Vec<_>>(), "a file has at most 450 lines before its unit tests");
}

#[test]
fn every_file_begins_with_its_purpose() {
    let silent = sources().into_iter().filter(|(_, text)| !text.starts_with("//! "));
    let silent = silent.map(|(path, _)| path.display().to_string()).collect::<Vec<_>>();
    none(&silent, "a file begins with `//!`: one sentence of purpose, then what it must not do");
}

#[test]
fn clippy_is_asked_for_the_rules_it_knows() {
    assert!(read("clippy.toml").lines().any(|line| line == FUNCTION), "clippy.toml has {FUNCTION}");
    let manifest = read("Cargo.toml");
    for lint in
        ["too_many_lines", "todo", "unimplemented", "dbg_macro", "unwrap_used", "panic", "wildcard_enum_match_arm"]
    {
        assert!(manifest.contains(&format!("\n{lint} = \"warn\"")), "the workspace lints have {lint}");
    }
    assert!(manifest.contains("\nunsafe_code = \"forbid\""), "unsafe code is forbidden");
    let mut relaxed = Vec::new();
    for (path, text) in sources().into_iter().filter(|(path, _)| !path.ends_with("house.rs")) {
        let lines = text.lines().filter(|line| line.contains("too_many_lines"));
        relaxed.extend(lines.map(|line| format!("{}: {}", path.display(), line.trim())));
    }
    none(&relaxed, "no function is longer than 60 lines");
}

#[test]
fn a_test_waits_for_facts_and_not_for_time() {
    let mut wrong = Vec::new();
    for (path, text) in sources().into_iter().filter(|(path, _)| !path.ends_with("house.rs")) {
        let name = path.display().to_string();
        if name.starts_with("tests/support/src/bin/") {
            // The playground is a program for people, not a test.
            continue;
        }
        let of_tests = name.starts_with("tests/") || name.contains("/tests/");
        let lines = if of_tests { text.lines().collect() } else { halves(&text).1 };
        let sleeps = lines.iter().filter(|line| line.contains("sleep(") && !line.trim().starts_with("//")).count();
        let allowed = SLEEPS.iter().find(|(path, ..)| *path == name).map_or(0, |(_, count, _)| *count);
        if sleeps > allowed {
            wrong.push(format!("{name}: {sleeps} sleeps, {allowed} have a reason"));
        }
    }
    none(&wrong, "a test polls for a fact with a deadline (support::wait), or its sleep is listed here with a reason");
}

#[test]
fn every_listed_sleep_is_still_there() {
    let gone = SLEEPS.iter().filter(|(path, count, _)| read(path).matches("sleep(").count() < *count);
    let gone = gone.map(|(path, ..)| (*path).to_owned()).collect::<Vec<_>>();
    none(&gone, "a sleep that is gone leaves the list");
}

#[test]
fn no_test_is_switched_off() {
    let mut off = Vec::new();
    for (path, text) in sources().into_iter().filter(|(path, _)| !path.ends_with("house.rs")) {
        for line in text.lines().map(str::trim).filter(|line| line.starts_with("#[ignore")) {
            if !NO_JUDGEMENT.iter().any(|reason| line.starts_with(&format!("#[ignore = \"{reason}"))) {
                off.push(format!("{}: {line}", path.display()));
            }
        }
    }
    none(&off, "no test is ignored; what is no test begins its reason with one of the words listed here");
}

#[test]
fn no_file_is_a_drawer_for_anything() {
    let drawers = sources().into_iter().filter_map(|(path, _)| {
        let stem = path.file_stem()?.to_str()?;
        // What several kinds share has a name in the objects' own contract.
        let named = path == Path::new("src/api/common.rs");
        (["util", "utils", "helper", "helpers", "common", "misc"].contains(&stem) && !named)
            .then(|| path.display().to_string())
    });
    none(&drawers.collect::<Vec<_>>(), "a module is a noun of the domain");
}

#[test]
fn nothing_names_the_machine_it_was_written_on() {
    // Put together here, so that this file does not name them either.
    let places = [format!("/{}/", "work"), format!("/{}/", "root")];
    let mut wrong = Vec::new();
    let mut looked = 0;
    for directory in ["src", "tests", "docs", "charts", "config", "crds"] {
        for ending in ["rs", "md", "py", "sh", "go", "yaml", "tpl", "toml", "txt", "json"] {
            for path in files(directory, ending).into_iter().filter(|path| !path.to_string_lossy().contains("/data/")) {
                looked += 1;
                let text = read(&path);
                let named = places.iter().filter(|place| text.contains(place.as_str()));
                wrong.extend(named.map(|place| format!("{} names {place}", path.display())));
            }
        }
    }
    assert!(looked > 100, "only {looked} files were looked at");
    none(&wrong, "a path of one machine means nothing on another");
}

#[test]
fn links_of_the_documents_lead_somewhere() {
    let mut documents: Vec<PathBuf> = ["docs", "charts", "src"].iter().flat_map(|dir| files(dir, "md")).collect();
    documents.extend(["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(PathBuf::from));
    let mut dead = Vec::new();
    let mut followed = 0;
    for document in documents {
        let text = read(&document);
        let here = document.parent().unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            // Other sites and places within a page are not looked at.
            let file = link.split('#').next().unwrap_or_default();
            if file.is_empty() || file.contains("://") {
                continue;
            }
            followed += 1;
            if !root().join(here).join(file).exists() {
                dead.push(format!("{}: {link}", document.display()));
            }
        }
    }
    assert!(followed > 10, "only {followed} links were found");
    none(&dead, "a link leads to a file of this repository");
}
