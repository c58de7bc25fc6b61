//! `emulator`: hosts the emulator until a signal.
//!
//! Must not know what it emulates.

use super::Failure;
use super::args::EmulatorArgs;
use ::emulator::{Config, Seed, spawn};
use runtime::Shutdown;
use std::io::Write;

/// Runs the emulator and prints one JSON line when it serves.
pub(crate) async fn run(args: EmulatorArgs) -> Result<(), Failure> {
    let mut seed = match &args.seed {
        None => Seed::default(),
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|error| format!("--seed {}: {error}", path.display()))?;
            Seed::from_json(&text).map_err(|error| format!("--seed {}: {error}", path.display()))?
        }
    };
    seed.clock = args.clock.or(seed.clock);
    let stop = Shutdown::on_signals()?;
    let config = Config {
        listen: args.listen,
        tls_listen: args.tls_listen,
        management_listen: args.management_listen,
        time_scale: args.time_scale,
        seed,
        journal_capacity: args.journal,
        ca_dir: args.ca_dir,
        state: args.state,
    };
    let emulator = spawn(config).await?;
    {
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}", serde_json::to_string(&emulator.ready())?)?;
        out.flush()?;
    }
    stop.requested().await;
    emulator.close().await?;
    Ok(())
}
