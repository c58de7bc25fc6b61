//! The script of the README, written as Microsoft's tutorials are, runs against the emulator by environment variables alone.
//!
//! Must not know the script: commands and output are those that the README shows.

use std::path::Path;
use std::process::Command;

use emulator::Config;

use crate::venv::{Client, succeed};

/// The first block of that language below a heading of the README.
fn block<'a>(readme: &'a str, heading: &str, language: &str) -> &'a str {
    let (_, below) = readme.split_once(&format!("{heading}\n")).unwrap();
    let (_, block) = below.split_once(&format!("```{language}\n")).unwrap();
    block.split_once("```").unwrap().0
}

#[tokio::test(flavor = "multi_thread")]
async fn script_of_the_readme_runs_with_nothing_set_but_what_the_readme_sets() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let heading = "### Your own scripts against the emulator";
    let python = Client::Ml.python();
    // As fast as the README says, because the script waits 30 s after each look.
    let emulator = emulator::spawn(Config { time_scale: 100_000.0, ..Config::default() }).await.unwrap();
    let home = tempfile::tempdir().unwrap();
    let path = format!(
        "{}:{}",
        python.parent().unwrap().display(),
        std::env::var_os("PATH").unwrap_or_default().to_string_lossy()
    );
    let output = Command::new("sh")
        .args(["-e", "-c", block(&readme, heading, "sh")])
        .current_dir(root)
        .env_clear()
        .env("PATH", path)
        .env("HOME", home.path())
        .env("NO_PROXY", "127.0.0.1")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("EMULATOR_URL", emulator.url())
        .env("EMULATOR_TLS_URL", emulator.tls_url())
        .env("EMULATOR_CA", emulator.ca_file())
        .output();
    assert_eq!(succeed("the script of the README", output), block(&readme, heading, "text"));
    let asked = emulator.journal();
    let wrote = asked.iter().filter(|entry| entry.path.contains("/computes/") && entry.method != "GET");
    let wrote: Vec<&str> = wrote.map(|entry| entry.method.as_str()).collect();
    assert_eq!(wrote, ["PUT", "PUT", "DELETE"], "it was this emulator that it talked to");
    assert!(asked.iter().any(|entry| entry.path == "/metadata/identity/oauth2/token"), "for a token, too");
}
