//! Who may depend on whom: the house as the manifests build it.
//!
//! Must not look at source text: a crate cannot use what its manifest does not name, so the manifests are the proof.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails, also in the functions beside it")]

use serde_json::Value;
use std::collections::BTreeSet;
use std::process::Command;

/// Every edge between our crates, `user -> used`. A new edge is a decision about the house: docs/architecture.md says
/// what each layer is for.
const EDGES: [(&str, &str); 14] = [
    ("amlco-azureml", "amlco-arm"),
    ("amlco-controller", "amlco-api"),
    ("amlco-controller", "amlco-arm"),
    ("amlco-controller", "amlco-azureml"),
    ("amlco-controller", "amlco-plan"),
    ("amlco-plan", "amlco-api"),
    ("amlco-plan", "amlco-arm"),
    ("azureml-compute-operator", "amlco-api"),
    ("azureml-compute-operator", "amlco-arm"),
    ("azureml-compute-operator", "amlco-azureml"),
    ("azureml-compute-operator", "amlco-controller"),
    ("azureml-compute-operator", "amlco-emulator"),
    ("azureml-compute-operator", "amlco-plan"),
    ("azureml-compute-operator", "amlco-runtime"),
];

/// The one edge of tests alone.
const TESTS: (&str, &str) = ("azureml-compute-operator", "amlco-test-support");

/// Crates that decide or describe, and so must not be able to reach a network or a runtime.
const PURE: [&str; 3] = ["amlco-plan", "amlco-api", "amlco-arm"];

/// What reaches a network or a runtime. `kube` itself is vocabulary (types and derives) as long as its client is off.
const IO: [&str; 7] = ["tokio", "reqwest", "hyper", "hyper-util", "kube-client", "kube-runtime", "azure_core"];

/// The one provider of TLS is ring, compiled with a C compiler alone: the others make a static binary hard, and two at
/// once make rustls refuse to choose.
const BANNED: [&str; 3] = ["aws-lc-sys", "openssl-sys", "native-tls"];

fn cargo(args: &[&str]) -> String {
    // cargo sets CARGO for what it runs; the test binary alone finds the one in PATH.
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output =
        Command::new(cargo).args(args).args(["--locked", "--offline"]).current_dir(env!("CARGO_MANIFEST_DIR")).output();
    let output = output.unwrap();
    assert!(output.status.success(), "cargo {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The packages of the workspace as their manifests say.
fn packages() -> Vec<Value> {
    let metadata: Value = serde_json::from_str(&cargo(&["metadata", "--format-version", "1", "--no-deps"])).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

/// Edges between packages of the workspace. Dependencies of a kind: none is normal, else `dev` or `build`.
fn edges(kind: Option<&str>) -> BTreeSet<(String, String)> {
    let packages = packages();
    let name = |value: &Value| value["name"].as_str().unwrap().to_owned();
    let ours: BTreeSet<String> = packages.iter().map(name).collect();
    let mut edges = BTreeSet::new();
    for package in &packages {
        for dependency in package["dependencies"].as_array().unwrap() {
            if ours.contains(&name(dependency)) && dependency["kind"].as_str() == kind {
                edges.insert((name(package), name(dependency)));
            }
        }
    }
    edges
}

/// Names of every crate that a package reaches by normal dependencies, with the features it asks for by itself: the
/// features that others switch on in a common build are not its own.
fn reach(package: &str) -> BTreeSet<String> {
    let tree = cargo(&["tree", "--package", package, "--edges", "normal", "--prefix", "none", "--format", "{p}"]);
    tree.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

#[test]
fn crates_depend_on_each_other_exactly_as_the_house_says() {
    let expected: BTreeSet<(String, String)> =
        EDGES.iter().map(|(user, used)| ((*user).to_owned(), (*used).to_owned())).collect();
    assert_eq!(edges(None), expected);
    assert_eq!(edges(Some("dev")), BTreeSet::from([(TESTS.0.into(), TESTS.1.into())]));
    assert_eq!(edges(Some("build")), BTreeSet::new());
}

#[test]
fn deciding_and_describing_crates_reach_no_io() {
    for package in PURE {
        let reached = reach(package);
        assert!(reached.contains("serde_json"), "{package} should at least reach serde_json: {reached:?}");
        let io: Vec<&str> = IO.into_iter().filter(|name| reached.contains(*name)).collect();
        assert_eq!(io, [""; 0], "{package} reaches {io:?}; ask `cargo tree -p {package} -e normal -i {io:?}`");
    }
}

#[test]
fn a_crate_that_does_io_would_be_seen() {
    // The proof above rests on the tree naming what is there.
    let reached = reach("amlco-controller");
    for name in ["tokio", "hyper", "kube-client", "reqwest"] {
        assert!(reached.contains(name), "{name} is not among {reached:?}");
    }
}

#[test]
fn emulator_and_process_support_reach_none_of_ours() {
    for package in ["amlco-emulator", "amlco-runtime", "amlco-api", "amlco-arm", "amlco-test-support"] {
        let ours: Vec<String> = reach(package).into_iter().filter(|name| name.starts_with("amlco-")).collect();
        assert_eq!(ours, [package], "{package} is a leaf");
    }
}

#[test]
fn no_banned_crate_is_locked() {
    // The lock file holds every platform's crates, also those that are not compiled here.
    let lock = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.lock")).unwrap();
    let names: BTreeSet<&str> =
        lock.lines().filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"')).collect();
    assert!(names.contains("ring"), "ring is the one provider of TLS");
    let banned: Vec<&str> = BANNED.into_iter().filter(|name| names.contains(name)).collect();
    assert_eq!(banned, [""; 0], "ask `cargo tree -i {banned:?}` who wants it; most often a default feature does");
}

#[test]
fn every_crate_keeps_the_lints_of_the_workspace() {
    for package in packages() {
        let manifest = std::fs::read_to_string(package["manifest_path"].as_str().unwrap()).unwrap();
        assert!(manifest.contains("[lints]\nworkspace = true"), "{} has lints of its own", package["name"]);
    }
}
