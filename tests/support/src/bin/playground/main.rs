//! `make demo`, `make up` and `make down`: the operator, the emulator and a real control plane on one machine.
//!
//! It must not need a cluster, a container or an account, must not touch anything outside its state folder and its own
//! temporary folders, and must not leave a process behind.

mod azure;
mod background;
mod demo;
mod objects;
mod session;
mod state;
mod terminal;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

/// What `make demo`, `make up` and `make down` run.
#[derive(Parser)]
#[command(name = "playground", max_term_width = 120)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start the playground, show what the operator does, and end it.
    Demo(Settings),
    /// Start the playground and leave it running.
    Up(Settings),
    /// End the playground that `up` left running.
    Down(StateFolder),
    /// Be the playground until SIGTERM; `up` starts it.
    #[command(hide = true)]
    Serve(Settings),
}

/// Where a playground is started from.
#[derive(Args, Clone)]
struct Settings {
    #[command(flatten)]
    state: StateFolder,
    /// The azureml-compute-operator binary.
    #[arg(long)]
    binary: PathBuf,
    /// The chart that says what the operator runs with.
    #[arg(long, default_value = "charts/azureml-compute-operator")]
    chart: PathBuf,
    /// The manifests that the demo applies (kustomize).
    #[arg(long, default_value = "config/samples")]
    samples: PathBuf,
    /// How much faster than real Azure the emulator is: 20 makes a cluster in a second, and an instance in seven.
    #[arg(long, default_value_t = 20.0)]
    time_scale: f64,
}

/// Where a running playground is known by.
#[derive(Args, Clone)]
struct StateFolder {
    /// The folder of what a running playground tells: `env`, `kubeconfig`, `log`.
    #[arg(long = "state", default_value = "target/playground")]
    path: PathBuf,
}

#[tokio::main]
async fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Demo(settings) => demo::run(&settings).await,
        Command::Up(settings) => background::up(&settings).await,
        Command::Down(state) => background::down(&state.path).await,
        Command::Serve(settings) => background::serve(&settings).await,
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            terminal::complain(&error);
            ExitCode::FAILURE
        }
    }
}
