//! `run`: wires telemetry, health page and engine together, and ends them in order.
//!
//! Must not hold logic of the engine.

use super::Failure;
use super::args::{LogFormat, RunArgs};
use super::settings;
use futures::FutureExt;
use runtime::admin::{self, Admin};
use runtime::{Format, Liveness, Readiness, Shutdown, telemetry};
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How long the heart may be silent before /livez fails.
const HEART_LIMIT: Duration = Duration::from_secs(30);
/// How often it beats.
const HEART_RATE: Duration = Duration::from_secs(5);

/// Runs the operator until a signal.
pub(crate) async fn run(args: RunArgs) -> Result<(), Failure> {
    let format = match args.log_format {
        LogFormat::Json => Format::Json,
        LogFormat::Text => Format::Text,
    };
    let settings = settings::engine(&args)?;
    telemetry::init(format, &args.log_level)?;
    log_settings(&args, &settings);

    let stop = Shutdown::on_signals()?;
    let (readiness, liveness) = (Readiness::new(), Liveness::new());
    let mut registry = prometheus_client::registry::Registry::default();
    let metrics = controller::Metrics::new(&mut registry);
    let page = Admin { readiness: readiness.clone(), liveness: liveness.clone(), registry: Arc::new(registry) };
    let (address, serving) = admin::serve(args.listen, page, stop.clone()).await?;
    let page = tokio::spawn(serving);
    announce(&format!(r#"{{"url":"http://{address}","pid":{}}}"#, std::process::id()))?;

    let heart = liveness.watch("runtime", HEART_LIMIT);
    let beating = tokio::spawn(async move {
        loop {
            heart.beat();
            tokio::time::sleep(HEART_RATE).await;
        }
    });
    let client = client().await?;
    let told = stop.clone();
    let shutdown = async move { told.requested().await }.boxed();
    let result = controller::run(client, settings, metrics, gates(readiness), shutdown).await;
    beating.abort();
    page.abort();
    tracing::info!("Stopped");
    Ok(result?)
}

/// One line on standard output, for whoever started the process.
fn announce(line: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()?;
    Ok(())
}

/// The client of Kubernetes. Its own retries are off: they would repeat writes and hold a pass for minutes; passes
/// are retried as a whole.
pub(super) async fn client() -> Result<kube::Client, Failure> {
    let mut config = kube::Config::infer().await?;
    config.default_retry = false;
    Ok(kube::Client::try_from(config)?)
}

/// Tells the readiness page what the engine says.
fn gates(readiness: Readiness) -> controller::Gates {
    let known: Mutex<BTreeMap<&'static str, runtime::Gate>> = Mutex::default();
    Arc::new(move |name, state| {
        let Ok(mut known) = known.lock() else { return };
        let gate = known.entry(name).or_insert_with(|| readiness.gate(name));
        match state {
            Ok(()) => {
                tracing::info!(gate = name, "Ready");
                gate.ready();
            }
            Err(reason) => {
                tracing::info!(gate = name, reason, "Not ready");
                gate.not_ready(reason);
            }
        }
    })
}

/// The effective settings, once. None of them is secret.
fn log_settings(args: &RunArgs, settings: &controller::Settings) {
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        listen = %args.listen,
        cloud = args.cloud.azure_cloud.as_str(),
        resource_manager = %settings.cloud.resource_manager(),
        authority = %settings.cloud.authority(),
        namespaces = ?settings.namespaces,
        concurrency = settings.concurrency,
        observe_interval = ?settings.observe_interval,
        pace = ?settings.plan,
        "Starting"
    );
}
