//! Logging as a process has it: set up once, on standard error, panics included.
//!
//! Must not set up logging in the test process itself, where other tests would inherit it.

use amlco_runtime::{Format, telemetry};
use std::process::Command;

/// Not a test of its own: the process whose logs the test below reads.
#[test]
#[ignore = "run as a child by the test that reads its logs"]
fn logging_child() {
    if std::env::var_os("LOGGING_CHILD").is_none() {
        return;
    }
    telemetry::init(Format::Json, "info").expect("logging is set up once");
    tracing::info!(answer = 42, "Started");
    tracing::debug!("Not shown");
    let broken = std::thread::Builder::new().name("worker".into()).spawn(|| panic!("something broke"));
    assert!(broken.expect("a thread starts").join().is_err());
    let again = telemetry::init(Format::Text, "info").expect_err("logging is set up already");
    tracing::warn!(%again, "Refused");
}

#[test]
fn process_logs_json_lines_on_standard_error_and_panics_among_them() {
    let own = std::env::current_exe().expect("a test knows its own program");
    let output = Command::new(own)
        .args(["--exact", "logging_child", "--ignored", "--nocapture"])
        .env("LOGGING_CHILD", "1")
        .output()
        .expect("the child runs");
    assert!(output.status.success());
    let logged = String::from_utf8(output.stderr).expect("logs are text");
    let lines: Vec<serde_json::Value> =
        logged.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}"))).collect();
    let told: Vec<(&str, &str)> = lines
        .iter()
        .map(|line| (line["level"].as_str().unwrap_or_default(), line["message"].as_str().unwrap_or_default()))
        .collect();
    assert_eq!(told, [("INFO", "Started"), ("ERROR", "Panicked"), ("WARN", "Refused")]);
    assert_eq!(lines[0]["answer"], 42);
    assert_eq!((&lines[1]["panic"], &lines[1]["thread"]), (&"something broke".into(), &"worker".into()));
    assert!(lines[1]["location"].as_str().is_some_and(|at| at.contains("telemetry.rs:")));
    assert!(!String::from_utf8_lossy(&output.stdout).contains("Started"));
}
