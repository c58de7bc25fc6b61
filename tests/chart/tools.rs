//! helm, kubectl and kubeconform as processes.
//!
//! Must not use a cluster unless it is given a kubeconfig.

use std::ffi::OsStr;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// What a program printed, and whether it was content.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) success: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs one of the tools. Its home is a folder of its own that goes again, and it sees no cluster by accident.
pub(crate) fn run<S: AsRef<OsStr>>(program: &str, args: &[S], input: &str, kubeconfig: Option<&Path>) -> Output {
    let home = tempfile::tempdir().unwrap();
    let nowhere = home.path().join("no-cluster");
    let mut child = Command::new(support::tools::program(program).unwrap())
        .args(args)
        .env("HOME", home.path())
        .env("KUBECONFIG", kubeconfig.unwrap_or(&nowhere))
        .env_remove("KUBERNETES_SERVICE_HOST")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let text = input.to_owned();
    // A program that ends early closes its input: what it printed says why.
    let writer = std::thread::spawn(move || drop(stdin.write_all(text.as_bytes())));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    Output {
        success: output.status.success(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The chart's manifests with these values, given as JSON.
pub(crate) fn template(values: &str) -> Output {
    let chart = crate::chart();
    let args = ["template", "amlco", &chart, "--namespace", "azureml-system", "--values", "-"];
    run("helm", &args, values, None)
}

/// The chart's manifests, which must render.
pub(crate) fn rendered(values: &str) -> String {
    let output = template(values);
    assert!(output.success, "{}", output.stderr);
    output.stdout
}

/// What kustomize makes of a folder below config/.
pub(crate) fn kustomized(folder: &str) -> String {
    let folder = crate::top().join("config").join(folder).display().to_string();
    let output = run("kubectl", &["kustomize", &folder], "", None);
    assert!(output.success, "{}", output.stderr);
    output.stdout
}
