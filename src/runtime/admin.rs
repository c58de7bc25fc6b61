//! The page for probes and Prometheus: `/livez`, `/readyz` (both name what is wrong) and `/metrics`.
//!
//! Must not change anything, and must not answer from what it remembers: every answer is asked for anew.

use crate::{Liveness, Readiness, Shutdown};
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::registry::Registry;
use std::fmt::Write;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

/// How long open connections may take to end once the process stops.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// What the page shows.
#[derive(Clone)]
pub struct Admin {
    /// For `/readyz`.
    pub readiness: Readiness,
    /// For `/livez`.
    pub liveness: Liveness,
    /// For `/metrics`.
    pub registry: Arc<Registry>,
}

/// Why the page has no address.
#[derive(Debug, thiserror::Error)]
#[error("cannot serve health and metrics on {address}: {advice}")]
pub struct BindError {
    address: SocketAddr,
    advice: &'static str,
    #[source]
    source: io::Error,
}

impl BindError {
    fn new(address: SocketAddr, source: io::Error) -> Self {
        // Open by the standard library's own declaration, hence the catch-all.
        #[expect(clippy::wildcard_enum_match_arm, reason = "io::ErrorKind is non-exhaustive")]
        let advice = match source.kind() {
            io::ErrorKind::AddrInUse => "the port is in use; stop what holds it, or choose another one",
            io::ErrorKind::PermissionDenied => "not allowed; choose a port from 1024 up",
            io::ErrorKind::AddrNotAvailable => "this machine does not have that address",
            _ => "the system refused it",
        };
        Self { address, advice, source }
    }
}

/// Listens, and gives the address (with the port that port 0 became) and the future that serves. That future ends soon
/// after `stop` is wished, with whatever connections are then open.
///
/// # Errors
/// When the address cannot be had.
pub async fn serve(
    address: SocketAddr,
    admin: Admin,
    stop: Shutdown,
) -> Result<(SocketAddr, impl Future<Output = io::Result<()>> + Send + 'static), BindError> {
    let refused = |source| BindError::new(address, source);
    let listener = TcpListener::bind(address).await.map_err(refused)?;
    let local = listener.local_addr().map_err(refused)?;
    let late = stop.clone();
    let answering = axum::serve(listener, routes(admin)).with_graceful_shutdown(async move { stop.requested().await });
    let serving = async move {
        tokio::select! {
            ended = answering.into_future() => ended,
            () = async { late.requested().await; tokio::time::sleep(LAST_ANSWERS).await } => Ok(()),
        }
    };
    Ok((local, serving))
}

fn routes(admin: Admin) -> Router {
    Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .fallback(async || (StatusCode::NOT_FOUND, "there is /livez, /readyz and /metrics\n"))
        .with_state(admin)
}

async fn livez(State(admin): State<Admin>) -> Response {
    let line = |silent: crate::Silent| {
        let (seconds, limit) = (silent.silent_for.as_secs(), silent.limit.as_secs());
        format!("{}: silent for {seconds} s, may be for {limit} s", silent.name)
    };
    verdict(admin.liveness.silent().into_iter().map(line).collect())
}

async fn readyz(State(admin): State<Admin>) -> Response {
    verdict(
        admin.readiness.missing().into_iter().map(|missing| format!("{}: {}", missing.gate, missing.reason)).collect(),
    )
}

/// 200 `ok`, or 503 with one line for each thing that is wrong.
fn verdict(wrong: Vec<String>) -> Response {
    if wrong.is_empty() {
        return (StatusCode::OK, "ok\n").into_response();
    }
    let mut text = String::new();
    for line in wrong {
        // A reason may come from elsewhere; each stays one line.
        let line: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        // Writing to a String cannot fail.
        writeln!(text, "{line}").ok();
    }
    (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
}

async fn metrics(State(admin): State<Admin>) -> Response {
    let mut text = String::new();
    match prometheus_client::encoding::text::encode(&mut text, &admin.registry) {
        Ok(()) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "Could not write the metrics");
            (StatusCode::INTERNAL_SERVER_ERROR, "the metrics could not be written\n").into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus_client::metrics::counter::Counter;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    struct Page {
        address: SocketAddr,
        admin: Admin,
        trigger: crate::Trigger,
        serving: tokio::task::JoinHandle<io::Result<()>>,
    }

    async fn page(registry: Registry) -> Page {
        let (trigger, stop) = Shutdown::manual();
        let admin = Admin { readiness: Readiness::new(), liveness: Liveness::new(), registry: Arc::new(registry) };
        let (address, serving) = serve(([127, 0, 0, 1], 0).into(), admin.clone(), stop).await.unwrap();
        Page { address, admin, trigger, serving: tokio::spawn(serving) }
    }

    impl Page {
        async fn get(&self, path: &str) -> (u16, String) {
            let mut stream = TcpStream::connect(self.address).await.unwrap();
            let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
            (status, answer)
        }
    }

    #[tokio::test]
    async fn readyz_names_what_is_missing_until_it_is_there() {
        let page = page(Registry::default()).await;
        assert_eq!(page.get("/readyz").await.0, 200);
        let gate = page.admin.readiness.gate("crd computeclusters.compute.azureml.dev");
        gate.not_ready("not\r\ninstalled");
        page.admin.readiness.gate("azure");
        let (status, answer) = page.get("/readyz").await;
        assert_eq!(status, 503);
        let expected = "azure: not yet\ncrd computeclusters.compute.azureml.dev: not  installed\n";
        assert!(answer.ends_with(expected), "{answer}");
        gate.ready();
        page.admin.readiness.gate("azure").ready();
        assert!(page.get("/readyz").await.1.ends_with("\r\n\r\nok\n"));
        assert_eq!(page.get("/livez").await.0, 200);
    }

    #[tokio::test]
    async fn livez_names_a_silent_loop() {
        let page = page(Registry::default()).await;
        let heart = page.admin.liveness.watch("engine", Duration::ZERO);
        let (status, answer) = page.get("/livez").await;
        assert_eq!(status, 503);
        assert!(answer.contains("engine: silent for 0 s, may be for 0 s"), "{answer}");
        assert_eq!(page.get("/readyz").await.0, 200);
        heart.finish();
        assert_eq!(page.get("/livez").await.0, 200);
    }

    #[tokio::test]
    async fn metrics_are_openmetrics_of_the_registry() {
        let (mut registry, counter) = (Registry::default(), Counter::<u64>::default());
        registry.register("tries", "How often", counter.clone());
        let page = page(registry).await;
        counter.inc();
        let (status, answer) = page.get("/metrics").await;
        assert_eq!(status, 200);
        assert!(answer.contains("content-type: application/openmetrics-text"), "{answer}");
        assert!(answer.contains("tries_total 1\n") && answer.ends_with("# EOF\n"), "{answer}");
        assert_eq!(page.get("/nothing").await.0, 404);
    }

    #[tokio::test]
    async fn port_in_use_is_told_in_words() {
        let page = page(Registry::default()).await;
        let error = serve(page.address, page.admin.clone(), Shutdown::manual().1).await.err().unwrap();
        assert!(error.to_string().contains("the port is in use"), "{error}");
        assert!(error.to_string().contains(&page.address.to_string()), "{error}");
    }

    #[tokio::test]
    async fn page_ends_with_the_process_even_while_somebody_dawdles() {
        let page = page(Registry::default()).await;
        // Connected, and never finishes its request.
        let mut dawdler = TcpStream::connect(page.address).await.unwrap();
        dawdler.write_all(b"GET /livez HTTP/1.1\r\n").await.unwrap();
        assert_eq!(page.get("/livez").await.0, 200);
        page.trigger.request();
        let ended = tokio::time::timeout(Duration::from_secs(20), page.serving).await.unwrap();
        ended.unwrap().unwrap();
        assert!(TcpStream::connect(page.address).await.is_err());
    }
}
