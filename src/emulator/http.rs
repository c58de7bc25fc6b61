//! The listeners: sockets, TLS and HTTP of the data plane and the management plane. Decides on no answer.

use std::{
    convert::Infallible,
    fmt,
    future::Future,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http_body_util::BodyExt;
use hyper::{
    body::{Body, Bytes, Frame, Incoming, SizeHint},
    header::{HeaderName, HeaderValue},
    service::service_fn,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    sync::watch,
    task::JoinSet,
    time::Sleep,
};
use tokio_rustls::TlsAcceptor;

use crate::{
    host::{Host, Outcome},
    manage,
    message::{Request, Response},
};

/// Bodies are read to just above ARM's limit; what comes after is read and thrown away, so that the caller hears the refusal.
const KEPT_BODY: usize = 4 * 1024 * 1024 + 1;
/// How long open connections may take to finish when the emulator stops.
const GRACE: Duration = Duration::from_secs(2);
/// How long a body that breaks off waits before it does, so that its beginning is on the wire.
const FLUSHED: Duration = Duration::from_millis(50);

/// Which plane a listener serves.
#[derive(Clone)]
pub(crate) enum Plane {
    Data,
    DataTls(TlsAcceptor),
    Management,
}

/// Accepts connections until told to stop, then lets the open ones finish.
pub(crate) async fn listen(listener: TcpListener, plane: Plane, host: Arc<Host>, mut stop: watch::Receiver<bool>) {
    let address = listener.local_addr().ok();
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    // Answers are small and waited for.
                    let _ = stream.set_nodelay(true);
                    connections.spawn(connect(stream, plane.clone(), Arc::clone(&host), address, stop.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "Could not accept a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
            Some(_) = connections.join_next() => {}
            _ = stop.changed() => break,
        }
    }
    drop(listener);
    let _ = tokio::time::timeout(GRACE, async { while connections.join_next().await.is_some() {} }).await;
}

async fn connect(
    stream: tokio::net::TcpStream,
    plane: Plane,
    host: Arc<Host>,
    address: Option<SocketAddr>,
    stop: watch::Receiver<bool>,
) {
    let fallback = address.map_or_else(|| "localhost".to_owned(), |address| address.to_string());
    match plane {
        Plane::Data => {
            let base = ("http", fallback);
            drive(stream, stop, move |request| data(Arc::clone(&host), request, base.clone())).await;
        }
        Plane::DataTls(acceptor) => {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let base = ("https", fallback);
            drive(stream, stop, move |request| data(Arc::clone(&host), request, base.clone())).await;
        }
        Plane::Management => {
            drive(stream, stop, move |request| management(Arc::clone(&host), request)).await;
        }
    }
}

async fn drive<S, F, R>(stream: S, mut stop: watch::Receiver<bool>, serve: F)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Fn(hyper::Request<Incoming>) -> R + Send + 'static,
    R: Future<Output = Result<hyper::Response<Payload>, Aborted>> + Send + 'static,
{
    let builder = Builder::new(TokioExecutor::new());
    let connection = builder.serve_connection(TokioIo::new(stream), service_fn(serve));
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        _ = stop.changed() => None,
    };
    if ended.is_none() {
        connection.as_mut().graceful_shutdown();
        let _ = connection.await;
    }
}

async fn data(
    host: Arc<Host>,
    request: hyper::Request<Incoming>,
    (scheme, fallback): (&'static str, String),
) -> Result<hyper::Response<Payload>, Aborted> {
    let request = read(request, scheme, &fallback).await.map_err(|_| Aborted)?;
    match host.serve(request).await {
        Outcome::Answer(response, cut) => Ok(written(response, cut)),
        Outcome::Dropped => Err(Aborted),
    }
}

async fn management(host: Arc<Host>, request: hyper::Request<Incoming>) -> Result<hyper::Response<Payload>, Aborted> {
    let request = read(request, "http", "localhost").await.map_err(|_| Aborted)?;
    Ok(written(manage::answer(&host, &request), None))
}

/// Takes a request off the wire.
async fn read(request: hyper::Request<Incoming>, scheme: &str, fallback: &str) -> Result<Request, hyper::Error> {
    let (head, mut body) = request.into_parts();
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            let room = KEPT_BODY.saturating_sub(bytes.len()).min(data.len());
            bytes.extend_from_slice(&data[..room]);
        }
    }
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers: Vec<(String, String)> =
        head.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
    let forwarded = head.headers.get("x-forwarded-proto").and_then(|value| value.to_str().ok());
    let scheme = forwarded.filter(|scheme| matches!(*scheme, "http" | "https")).unwrap_or(scheme);
    let named = head.headers.get(hyper::header::HOST).map(text);
    let named = named.or_else(|| head.uri.authority().map(ToString::to_string)).filter(|name| is_authority(name));
    Ok(Request {
        method: head.method.as_str().to_ascii_uppercase(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers,
        body: Bytes::from(bytes),
        base: format!("{scheme}://{}", named.as_deref().unwrap_or(fallback)),
    })
}

fn is_authority(name: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':' | b'[' | b']' | b'_');
    !name.is_empty() && name.len() <= 255 && name.bytes().all(legal)
}

/// Puts an answer on the wire, or the first `cut` bytes of it.
fn written(response: Response, cut: Option<usize>) -> hyper::Response<Payload> {
    let payload = Payload::new(&response.body, cut);
    let mut answer = hyper::Response::new(payload);
    *answer.status_mut() = hyper::StatusCode::from_u16(response.status).unwrap_or(hyper::StatusCode::BAD_GATEWAY);
    let own = response.headers.into_iter().map(|(name, value)| (name.to_owned(), value));
    for (name, value) in own.chain(response.extra) {
        // A header that a fault spells impossibly is left out: HTTP could not carry it.
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(&value)) {
            answer.headers_mut().insert(name, value);
        }
    }
    answer
}

/// A body that may end before its announced length.
pub(crate) struct Payload {
    data: Option<Bytes>,
    length: u64,
    /// Set if it breaks off: what was sent is let out of the buffers first.
    breaks: Option<Pin<Box<Sleep>>>,
}

impl Payload {
    fn new(body: &Bytes, cut: Option<usize>) -> Self {
        let length = body.len() as u64;
        let sent = cut.unwrap_or(body.len()).min(body.len());
        let breaks = (sent < body.len()).then(|| Box::pin(tokio::time::sleep(FLUSHED)));
        Self { data: Some(body.slice(..sent)).filter(|data| !data.is_empty()), length, breaks }
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = Aborted;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        if let Some(data) = self.data.take() {
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        let Some(breaks) = &mut self.breaks else { return Poll::Ready(None) };
        std::task::ready!(breaks.as_mut().poll(context));
        self.breaks = None;
        Poll::Ready(Some(Err(Aborted)))
    }

    fn is_end_stream(&self) -> bool {
        self.data.is_none() && self.breaks.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length)
    }
}

/// The connection is to end here and now.
#[derive(Debug)]
pub(crate) struct Aborted;

impl fmt::Display for Aborted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the connection is dropped on request")
    }
}

impl std::error::Error for Aborted {}

impl From<Infallible> for Aborted {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}
