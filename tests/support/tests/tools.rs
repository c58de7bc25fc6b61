//! Which programs build.sh hands out; it must not build any, so it looks from a copy of the cache that is warm.

#![expect(clippy::unwrap_used, reason = "what a test needs panics as the test itself does")]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use support::guard::Guard;
use support::tools;

const CONTROL_PLANE: [&str; 4] = ["kube-apiserver", "etcd", "kubectl", "kube-controller-manager"];

/// What the script itself needs, besides Go.
const SHELL_TOOLS: [&str; 14] = [
    "sh",
    "cat",
    "sed",
    "expr",
    "mkdir",
    "mktemp",
    "rm",
    "mv",
    "ln",
    "cut",
    "sha256sum",
    "dirname",
    "basename",
    "sleep",
];

/// A run of build.sh: a warm cache, folders in front of or instead of `PATH`, and fake programs.
struct Run {
    guard: Guard,
}

impl Run {
    fn new() -> Self {
        let guard = Guard::new("amlco-test-tools").unwrap();
        // The links lead to the built folders, which are beside the folder of links.
        let warm = tools::dir().unwrap().parent().unwrap().parent().unwrap().to_owned();
        let cache = guard.dir().join("azureml-compute-operator/tools");
        fs::create_dir_all(&cache).unwrap();
        for entry in fs::read_dir(warm).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().to_string_lossy().into_owned();
            if !name.contains("links") && !name.contains('.') {
                symlink(entry.path(), cache.join(name)).unwrap();
            }
        }
        Self { guard }
    }

    /// A folder with fakes of these programs; the server says that it has this version.
    fn fakes(&self, folder: &str, programs: &[&str], version: &str) -> PathBuf {
        let folder = self.guard.dir().join(folder);
        fs::create_dir_all(&folder).unwrap();
        for program in programs {
            let path = folder.join(program);
            fs::write(&path, format!("#!/bin/sh\necho 'Kubernetes v{version}'\n")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        folder
    }

    fn build(&self, change: impl FnOnce(&mut Command)) -> Output {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tools/build.sh");
        let mut command = Command::new("sh");
        command.arg(script).env("XDG_CACHE_HOME", self.guard.dir()).env_remove("KUBEBUILDER_ASSETS");
        change(&mut command);
        command.output().unwrap()
    }
}

/// Where a program of the printed folder really is.
fn origin(output: &Output, program: &str) -> PathBuf {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    Path::new(printed.trim()).join(program).canonicalize().unwrap()
}

fn in_front(folder: &Path) -> String {
    format!("{}:{}", folder.display(), std::env::var("PATH").unwrap())
}

/// Whether a program comes from the cache of what was built.
fn is_built(path: &Path) -> bool {
    path.display().to_string().contains("azureml-compute-operator/tools/")
}

#[test]
fn programs_of_kubebuilder_assets_go_first_as_a_set() {
    let run = Run::new();
    let assets = run.fakes("assets", &CONTROL_PLANE, "1.35.2");
    let path = run.fakes("path", &CONTROL_PLANE, "1.36.0");

    let output = run.build(|build| {
        build.env("KUBEBUILDER_ASSETS", &assets).env("PATH", in_front(&path));
    });

    for program in CONTROL_PLANE {
        assert_eq!(origin(&output, program), assets.join(program).canonicalize().unwrap());
    }
    assert!(is_built(&origin(&output, "helm")) && is_built(&origin(&output, "kstatus")));
}

#[test]
fn programs_on_the_path_are_used_when_all_are_there() {
    let run = Run::new();
    let path = run.fakes("path", &CONTROL_PLANE, "1.33.0");

    let output = run.build(|build| {
        build.env("PATH", in_front(&path));
    });

    assert_eq!(origin(&output, "etcd"), path.join("etcd").canonicalize().unwrap());
}

#[test]
fn bundle_without_a_controller_manager_gets_the_built_one() {
    let run = Run::new();
    let assets = run.fakes("assets", &CONTROL_PLANE[..3], "1.36.0");

    let output = run.build(|build| {
        build.env("KUBEBUILDER_ASSETS", &assets);
    });

    assert_eq!(origin(&output, "kube-apiserver"), assets.join("kube-apiserver").canonicalize().unwrap());
    assert!(is_built(&origin(&output, "kube-controller-manager")));
}

#[test]
fn server_that_is_too_old_and_kubectl_alone_are_not_used() {
    let run = Run::new();
    let old = run.fakes("old", &CONTROL_PLANE, "1.32.9");
    let alone = run.fakes("alone", &["kubectl"], "1.36.0");

    let outputs = [&old, &alone].map(|folder| {
        run.build(|build| {
            build.env("PATH", in_front(folder));
        })
    });

    for output in &outputs {
        assert!(CONTROL_PLANE.iter().all(|program| is_built(&origin(output, program))));
    }
    let said = String::from_utf8_lossy(&outputs[0].stderr).into_owned();
    assert!(said.contains("1.32") && said.contains("at least 1.33"), "{said}");
}

#[test]
fn second_run_is_silent_and_prints_the_same_folder() {
    let run = Run::new();
    let first = run.build(|_| {});

    let second = run.build(|_| {});

    assert_eq!(first.stdout, second.stdout);
    assert_eq!(String::from_utf8_lossy(&second.stderr), "");
}

#[test]
fn missing_go_is_told_with_what_to_install() {
    let run = Run::new();
    let bin = run.guard.dir().join("bin");
    fs::create_dir(&bin).unwrap();
    for tool in SHELL_TOOLS {
        let found = Command::new("sh").args(["-c", r#"command -v "$1""#, "sh", tool]).output().unwrap();
        symlink(String::from_utf8(found.stdout).unwrap().trim(), bin.join(tool)).unwrap();
    }

    let output = run.build(|build| {
        build.env("PATH", &bin);
    });

    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && output.stdout.is_empty());
    assert!(said.contains("go is not installed") && said.contains("install Go 1.26"), "{said}");
}
