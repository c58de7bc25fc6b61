//! Files that follow from code: what is committed is what the code says.
//!
//! Must not repair anything by itself: `make generate` (UPDATE_GENERATED=1) writes, every other run compares.

// A test that cannot go on fails: clippy's leave for tests does not reach the functions beside them.
#![allow(clippy::unwrap_used, clippy::panic)]

mod definitions;
mod permissions;
mod reference;
mod samples;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// One file: its path from the top of the repository, and what is to stand in it.
struct Artefact {
    path: String,
    text: String,
}

impl Artefact {
    fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        Self { path: path.into(), text: text.into() }
    }
}

fn top() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Whether this run writes.
fn updates() -> bool {
    std::env::var_os("UPDATE_GENERATED").is_some_and(|value| value == "1")
}

/// Compares the files with what is committed, or writes them. A folder holds nothing else with these endings.
fn check(artefacts: &[Artefact], folder: &str, ending: &str) {
    let mut wrong = Vec::new();
    for Artefact { path, text } in artefacts {
        assert!(Path::new(path).starts_with(folder), "{path} is not in {folder}");
        let file = top().join(path);
        if std::fs::read_to_string(&file).is_ok_and(|committed| committed == *text) {
            continue;
        }
        if updates() {
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(&file, text).unwrap();
        } else {
            wrong.push(format!("{path} is not what the code says"));
        }
    }
    let known: BTreeSet<PathBuf> = artefacts.iter().map(|artefact| top().join(&artefact.path)).collect();
    for entry in std::fs::read_dir(top().join(folder)).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_file() && path.to_string_lossy().ends_with(ending) && !known.contains(&path) {
            wrong.push(format!("{} follows from no code any more: remove it", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}\nrun `make generate` and commit what it writes", wrong.join("\n"));
}

#[test]
fn definitions_are_those_of_the_types() {
    check(&definitions::files(), "crds", ".yaml");
}

#[test]
fn definitions_in_the_chart_are_those_of_the_types() {
    check(&definitions::templates(), "charts/azureml-compute-operator/templates/crds", ".yaml");
}

#[test]
fn permissions_in_the_chart_are_what_the_code_needs() {
    check(&permissions::template(), "charts/azureml-compute-operator/templates", "_rules.tpl");
}

#[test]
fn permissions_in_the_manifests_are_what_the_code_needs() {
    check(&permissions::manifests(), "config/rbac", "roles.yaml");
}

#[test]
fn samples_give_the_permissions_the_code_needs() {
    check(&permissions::samples(), "config/samples", "-access.yaml");
}

#[test]
fn reference_is_that_of_the_types() {
    check(&reference::pages(), "docs/reference", ".md");
}
