//! The command line: which command, with which settings.
//!
//! Must not hold logic; every command calls one crate. Exit codes: 0 clean, 1 failure, 2 usage.

mod args;
mod crds;
mod emulator;
mod nodes;
mod run;
mod settings;

use args::{Arguments, Command};
use clap::Parser;
use std::process::ExitCode;

/// Why a command failed: a sentence for people, whatever lies under it.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Parses, runs, and says what went wrong.
pub(crate) fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // The first thing: every TLS connection of the process needs to know its provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match start(arguments.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {}", chain(failure.as_ref()));
            ExitCode::FAILURE
        }
    }
}

/// An error and its causes in one line.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

fn start(command: Command) -> Result<(), Failure> {
    if let Command::Crds(args) = &command {
        return crds::run(args);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match command {
            Command::Run(args) => run::run(*args).await,
            Command::Emulator(args) => emulator::run(args).await,
            Command::Nodes(args) => nodes::run(args).await,
            Command::Crds(args) => crds::run(&args),
        }
    })
}
