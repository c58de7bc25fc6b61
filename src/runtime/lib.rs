//! What any controller process needs: telemetry, health endpoints, readiness and shutdown.
//!
//! Must not know Azure, Kubernetes or what the process controls.
//!
//! ```no_run
//! use amlco_runtime::{Format, Liveness, Readiness, Shutdown, admin, telemetry};
//! use std::time::Duration;
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! telemetry::init(Format::Json, "info")?;
//! let (readiness, liveness) = (Readiness::new(), Liveness::new());
//! let stop = Shutdown::on_signals()?;
//!
//! let watching = readiness.gate("watch of computeclusters");
//! let heart = liveness.watch("main loop", Duration::from_secs(60));
//! let registry = prometheus_client::registry::Registry::default();
//! let page = admin::Admin { readiness, liveness, registry: registry.into() };
//! let (address, serving) = admin::serve(([127, 0, 0, 1], 8080).into(), page, stop.clone()).await?;
//! tracing::info!(%address, "Serving health and metrics");
//! tokio::spawn(serving);
//!
//! watching.ready();
//! while !stop.is_requested() {
//!     heart.beat();
//!     tokio::select! {
//!         () = stop.requested() => {}
//!         () = tokio::time::sleep(Duration::from_secs(1)) => {}
//!     }
//! }
//! # Ok(())
//! # }
//! ```

pub mod admin;
mod liveness;
mod readiness;
mod shutdown;
pub mod telemetry;

pub use liveness::{Heartbeat, Liveness, Silent};
pub use readiness::{Gate, Missing, Readiness};
pub use shutdown::{Shutdown, Trigger};
pub use telemetry::Format;
