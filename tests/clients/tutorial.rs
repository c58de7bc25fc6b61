//! What the README and docs/emulator.md tell people to type runs against the emulator as it is printed there.
//!
//! Must not know the scripts: commands, answers and output are those that the pages show.

use std::path::Path;
use std::process::Command;

use emulator::{Config, Emulator, Entry};
use jiff::SignedDuration;

use crate::venv::{Client, succeed};

/// A page of ours.
fn page(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The blocks of that language in a page.
fn blocks<'a>(page: &'a str, language: &str) -> Vec<&'a str> {
    let opening = format!("```{language}\n");
    page.split(opening.as_str()).skip(1).map(|block| block.split_once("```").unwrap().0).collect()
}

/// The first block of that language below a heading of a page.
fn block<'a>(page: &'a str, heading: &str, language: &str) -> &'a str {
    let (_, below) = page.split_once(&format!("\n{heading}\n")).unwrap();
    blocks(below, language)[0]
}

/// A shell that stops at the first command that fails, with the variables that the pages build on.
fn shell(script: &str, emulator: &Emulator) -> Command {
    let mut shell = Command::new("sh");
    shell
        .args(["-e", "-c", script])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("NO_PROXY", "127.0.0.1")
        .env("EMULATOR_URL", emulator.url())
        .env("EMULATOR_TLS_URL", emulator.tls_url())
        .env("EMULATOR_MANAGEMENT_URL", emulator.management_url())
        .env("EMULATOR_CA", emulator.ca_file());
    shell
}

/// `PATH` with the programs of a client's environment first.
fn path(client: Client) -> String {
    let others = std::env::var_os("PATH").unwrap_or_default();
    format!("{}:{}", client.python().parent().unwrap().display(), others.to_string_lossy())
}

/// The methods of the writes to computes, in their order.
fn writes(journal: &[Entry]) -> Vec<&str> {
    let wrote = journal.iter().filter(|entry| entry.path.contains("/computes/") && entry.method != "GET");
    wrote.map(|entry| entry.method.as_str()).collect()
}

/// An emulator that is as fast as the README says, because the SDKs wait for many seconds after a look.
async fn fast() -> Emulator {
    emulator::spawn(Config { time_scale: 100_000.0, ..Config::default() }).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn script_of_the_readme_runs_with_nothing_set_but_what_the_readme_sets() {
    let (readme, heading) = (page("README.md"), "### Your own scripts against the emulator");
    let (emulator, home, path) = (fast().await, tempfile::tempdir().unwrap(), path(Client::Ml));
    let mut shell = shell(block(&readme, heading, "sh"), &emulator);
    // Nothing but what `shell` sets: what else there is could say where Azure is.
    let kept: Vec<_> = shell.get_envs().map(|(name, value)| (name.to_owned(), value.unwrap().to_owned())).collect();
    shell.env_clear().envs(kept).env("PATH", path).env("HOME", home.path()).env("PYTHONDONTWRITEBYTECODE", "1");
    assert_eq!(succeed("the script of the README", shell.output()), block(&readme, heading, "text"));
    let asked = emulator.journal();
    assert_eq!(writes(&asked), ["PUT", "PUT", "DELETE"], "it was this emulator that it talked to");
    assert!(asked.iter().any(|entry| entry.path == "/metadata/identity/oauth2/token"), "for a token, too");
}

#[tokio::test(flavor = "multi_thread")]
async fn program_with_the_sdk_for_go_runs_with_what_the_page_of_the_emulator_sets() {
    let (page, heading) = (page("docs/emulator.md"), "## With Microsoft's SDK for Go");
    let (emulator, folder) = (fast().await, tempfile::tempdir().unwrap());
    // The environment stays, because Go's own settings are in it: its cache, and where it gets modules from.
    let output = shell(block(&page, heading, "sh"), &emulator).env("TMPDIR", folder.path()).output();
    assert_eq!(succeed("the Go program of docs/emulator.md", output), block(&page, heading, "text"));
    let asked = emulator.journal();
    assert_eq!(writes(&asked), ["PUT", "PUT", "DELETE"], "it was this emulator that it talked to");
    let agents = asked.iter().filter_map(|entry| entry.request_headers.get("user-agent"));
    assert!(agents.into_iter().any(|agent| agent.contains("azsdk-go-armmachinelearning")), "by Microsoft's SDK");
}

#[tokio::test(flavor = "multi_thread")]
async fn management_sdk_lists_what_curl_made_as_the_page_of_the_emulator_says() {
    let page = page("docs/emulator.md");
    let emulator = emulator::spawn(Config { time_scale: 0.0, ..Config::default() }).await.unwrap();
    succeed("curl of docs/emulator.md", shell(block(&page, "## With curl", "sh"), &emulator).output());
    emulator.advance(SignedDuration::from_mins(1));
    let (path, folder, heading) = (path(Client::Preview), tempfile::tempdir().unwrap(), "## With Microsoft's SDKs");
    std::fs::write(folder.path().join("list.py"), block(&page, heading, "python")).unwrap();
    // The environment has the very release that is printed, so that pip has nothing to fetch.
    let script = format!("export PIP_NO_INDEX=1 PIP_QUIET=1\n{}", block(&page, heading, "sh"));
    let (_, shown) = script.trim_end().rsplit_once("# ").unwrap();
    let output = shell(&script, &emulator).current_dir(folder.path()).env("PATH", path).output();
    assert_eq!(succeed("list.py of docs/emulator.md", output).trim_end(), shown);
}

/// The requests that lines of a page make with its function `arm`: the method, and the status that is printed behind.
fn announced(script: &str) -> Vec<(&str, Option<u16>)> {
    let lines = script.lines().filter_map(|line| line.strip_prefix("arm "));
    lines
        .filter_map(|line| {
            let (method, rest) = line.split_once(' ')?;
            let comment = rest.split_once("# ").map_or("", |(_, comment)| comment);
            Some((method, comment.get(..3).and_then(|status| status.parse().ok())))
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn curl_lines_of_the_page_of_the_emulator_are_answered_as_it_says() {
    let page = page("docs/emulator.md");
    let scripts: Vec<&str> = blocks(&page, "sh").into_iter().filter(|block| block.contains("curl ")).collect();
    let script = scripts.join("echo; echo '== next'\n");
    // A clock that stands still, so that what is said to be under way is.
    let emulator = emulator::spawn(Config { time_scale: 0.0, ..Config::default() }).await.unwrap();
    let printed = succeed("the curl lines of docs/emulator.md", shell(&script, &emulator).output());
    let printed: Vec<&str> = printed.split("== next\n").collect();
    let said = |index: usize, text: &str| {
        assert!(printed[index].contains(text), "{}\nis answered without {text}:\n{}", scripts[index], printed[index]);
    };
    said(0, "azure-asyncoperation");
    said(0, "\"Creating\"");
    let look = scripts.iter().position(|script| script.contains("/journal?since=0")).unwrap();
    let mut shown = serde_json::Deserializer::from_str(printed[look]).into_iter::<serde_json::Value>();
    let world = shown.next().unwrap().unwrap();
    assert!(world["subscriptions"].to_string().contains("cpu-cluster"), "{world}");
    let journal: Vec<Entry> = serde_json::from_value(shown.next().unwrap().unwrap()).unwrap();
    let asked: Vec<&Entry> = journal.iter().filter(|entry| entry.path.starts_with("/subscriptions/")).collect();
    let announced = announced(&script);
    assert_eq!(asked.len(), announced.len(), "each line that calls `arm` sends a request");
    for (entry, (method, status)) in asked.iter().zip(announced) {
        let answered = entry.status.unwrap();
        assert_eq!(entry.method, method, "{}", entry.path);
        assert!(status.map_or(answered < 300, |status| status == answered), "{method} {}: {answered}", entry.path);
    }
    let nodes = asked.iter().find(|entry| entry.path.ends_with("/listNodes")).unwrap();
    assert_eq!(nodes.response_body["nodes"].as_array().map(Vec::len), Some(2), "{}", nodes.response_body);
    assert!(emulator.journal().is_empty(), "the last line forgets them");
}
