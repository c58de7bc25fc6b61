//! The playground as people run it: up, down, demo, and what is left behind; it must not test the operator.

#![expect(clippy::unwrap_used, reason = "what a test needs panics as the test itself does")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use support::guard::Guard;
use support::{chart, tools, wait};

const SOON: Duration = Duration::from_secs(60);

/// A playground with a state folder of its own.
struct Playground {
    guard: Guard,
    samples: PathBuf,
}

impl Playground {
    fn new() -> Self {
        // Built by the runner before any test starts, and not meanwhile, while somebody looks at the clock.
        tools::dir().unwrap();
        Self { guard: Guard::new("amlco-test-playground").unwrap(), samples: repository("config/samples") }
    }

    fn state(&self) -> PathBuf {
        self.guard.dir().join("playground")
    }

    fn run(&self, command: &str) -> Output {
        let mut playground = Command::new(env!("CARGO_BIN_EXE_playground"));
        playground.arg(command).arg("--state").arg(self.state());
        // All its temporary folders are made here, so that one look shows what is left.
        playground.env("TMPDIR", self.guard.dir());
        if command != "down" {
            playground.arg("--binary").arg(operator_binary()).arg("--chart").arg(chart_folder());
            playground.arg("--samples").arg(&self.samples).arg("--time-scale=50");
        }
        playground.output().unwrap()
    }

    /// What `env` exports, as a shell sees it.
    fn env(&self) -> BTreeMap<String, String> {
        let script = r#". "$1" && env"#;
        let output = Command::new("sh").args(["-c", script, "sh"]).arg(self.state().join("env")).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().filter_map(|line| line.split_once('=')).map(|(a, b)| (a.to_owned(), b.to_owned())).collect()
    }

    /// Every process that names a path in the test's folder: all of a playground do.
    fn processes(&self) -> Vec<String> {
        let folder = self.guard.dir().display().to_string();
        let commands = fs::read_dir("/proc").unwrap().filter_map(|entry| command_line(&entry.unwrap().path()));
        commands.map(|words| words.join(" ")).filter(|command| command.contains(&folder)).collect()
    }

    /// What is in the test's folder.
    fn files(&self) -> Vec<PathBuf> {
        fs::read_dir(self.guard.dir()).unwrap().map(|entry| entry.unwrap().path()).collect()
    }
}

impl Drop for Playground {
    fn drop(&mut self) {
        self.run("down");
    }
}

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path).canonicalize().unwrap()
}

fn chart_folder() -> PathBuf {
    repository("charts/azureml-compute-operator")
}

/// The operator is another package's program; a run over the workspace has built it beside ours.
fn operator_binary() -> PathBuf {
    let binary = Path::new(env!("CARGO_BIN_EXE_playground")).with_file_name("azureml-compute-operator");
    assert!(binary.exists(), "{} does not exist; `cargo build` makes it", binary.display());
    binary
}

fn command_line(process: &Path) -> Option<Vec<String>> {
    let bytes = fs::read(process.join("cmdline")).ok()?;
    let words = bytes.split(|&byte| byte == 0).map(|word| String::from_utf8_lossy(word).into_owned());
    Some(words.filter(|word| !word.is_empty()).collect())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The folder in `/proc` of the process with this word on its command line.
fn process_with(word: &str) -> PathBuf {
    let all = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path());
    let found = all.filter(|path| command_line(path).is_some_and(|words| words.iter().any(|each| each == word)));
    found.into_iter().next().unwrap()
}

#[test]
fn operator_runs_with_exactly_what_the_chart_renders() {
    let playground = Playground::new();
    let up = playground.run("up");
    assert!(up.status.success(), "{}{}", text(&up.stdout), text(&up.stderr));
    let env = playground.env();
    let port = env["OPERATOR_URL"].rsplit(':').next().unwrap().to_owned();

    let process = process_with(&format!("--listen=127.0.0.1:{port}"));
    let running = command_line(&process).unwrap();

    let ca_file = running.iter().find_map(|arg| arg.strip_prefix("--azure-ca-file=")).unwrap();
    let values = [
        "azure.cloud=custom".to_owned(),
        format!("azure.resourceManager={}", env["EMULATOR_TLS_URL"]),
        format!("azure.authority={}", env["EMULATOR_TLS_URL"]),
        format!("azure.caFile={ca_file}"),
        "intervals.transition=1s".to_owned(),
        "extraArgs={--observe-interval=10s}".to_owned(),
        "listenAddress=127.0.0.1".to_owned(),
        format!("port={port}"),
    ];
    let rendered = chart::render(&chart_folder(), "amlco", "azureml-system", &values).unwrap();
    assert_eq!(running[1..], rendered.args);

    let environment = text(&fs::read(process.join("environ")).unwrap());
    let own: Vec<&str> = environment.split('\0').filter(|pair| pair.starts_with("AMLCO_")).collect();
    let expected: Vec<String> = rendered.env.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(own, expected.iter().filter(|pair| pair.starts_with("AMLCO_")).collect::<Vec<_>>());
    let kubeconfig = environment.split('\0').find_map(|pair| pair.strip_prefix("KUBECONFIG=")).unwrap();
    let whoami = Command::new(tools::program("kubectl").unwrap())
        .args(["--kubeconfig", kubeconfig, "auth", "whoami", "-o", "jsonpath={.status.userInfo}"])
        .env("HOME", playground.guard.dir())
        .output()
        .unwrap();
    let identity = text(&whoami.stdout);
    let account = format!("system:serviceaccount:azureml-system:{}", rendered.service_account);
    assert!(identity.contains(&account) && !identity.contains("system:masters"), "{identity}");
}

#[test]
fn up_tells_where_everything_is_and_down_leaves_nothing() {
    let playground = Playground::new();
    assert!(playground.run("up").status.success());
    let env = playground.env();
    let kubectl = Command::new("sh").args(["-c", "command -v kubectl"]).env("PATH", &env["PATH"]).output().unwrap();
    assert_eq!(text(&kubectl.stdout).trim(), tools::program("kubectl").unwrap().display().to_string());
    for name in ["KUBECONFIG", "EMULATOR_CA"] {
        assert!(Path::new(&env[name]).is_file(), "{name}");
    }
    for (name, path) in [("EMULATOR_MANAGEMENT_URL", "/world"), ("OPERATOR_URL", "/readyz"), ("EMULATOR_URL", "/")] {
        let quiet = ["--silent", "--noproxy", "*", "--max-time", "10"];
        let status = Command::new("curl").args(quiet).arg(format!("{}{path}", env[name])).output().unwrap().status;
        assert!(status.success(), "{name}");
    }

    let again = playground.run("up");
    assert!(again.status.success() && text(&again.stdout).contains("running already"), "{}", text(&again.stdout));
    assert!(!playground.processes().is_empty());

    let down = playground.run("down");
    assert!(down.status.success(), "{}", text(&down.stderr));
    assert_eq!(playground.processes(), [""; 0]);
    assert_eq!(playground.files(), [""; 0].map(PathBuf::from));
    assert!(text(&playground.run("down").stdout).contains("No playground is running"));
}

#[test]
fn killed_playground_takes_everything_with_it_and_a_new_one_starts() {
    let playground = Playground::new();
    assert!(playground.run("up").status.success());
    let pid = fs::read_to_string(playground.state().join("pid")).unwrap();

    let killed = Command::new("sh").args(["-c", r#"kill -KILL "$1""#, "sh", &pid]).status().unwrap();

    assert!(killed.success());
    wait::blocking_until("only the state folder is left", SOON, || {
        let (processes, files) = (playground.processes(), playground.files());
        if processes.is_empty() && files == [playground.state()] {
            Ok(())
        } else {
            Err(format!("{processes:?} {files:?}"))
        }
    })
    .unwrap();
    let up = playground.run("up");
    assert!(up.status.success() && text(&up.stdout).contains("Ready."), "{}", text(&up.stdout));
}

#[test]
fn demo_shows_the_main_job_and_ends_everything() {
    let playground = Playground::new();

    let demo = playground.run("demo");

    let said = text(&demo.stdout);
    assert!(demo.status.success(), "{said}{}", text(&demo.stderr));
    let parts = [
        "are Ready. As kubectl shows the computes",
        "0 to 8 nodes",
        " Stopped",
        "What a person sees who asks for their own",
        "Gone from Kubernetes and from Azure",
        "What to try next",
    ];
    for wanted in parts {
        assert!(said.contains(wanted), "{wanted:?} is missing in:\n{said}");
    }
    assert_eq!(playground.processes(), [""; 0]);
    assert_eq!(playground.files(), [""; 0].map(PathBuf::from));
}

#[test]
fn demo_fails_with_the_reason_when_an_object_does_not_get_there() {
    let mut playground = Playground::new();
    let samples = playground.guard.dir().join("samples");
    fs::create_dir(&samples).unwrap();
    for entry in fs::read_dir(&playground.samples).unwrap() {
        let path = entry.unwrap().path();
        let changed = fs::read_to_string(&path).unwrap().replace("STANDARD_D2_V2", "STANDARD_NO_SUCH_SIZE");
        fs::write(samples.join(path.file_name().unwrap()), changed).unwrap();
    }
    playground.samples = samples;

    let demo = playground.run("demo");

    let said = text(&demo.stderr);
    assert!(!demo.status.success());
    assert!(said.contains("ComputeCluster/cpu-cluster") && said.contains("STANDARD_NO_SUCH_SIZE"), "{said}");
    assert_eq!(playground.processes(), [""; 0]);
}
