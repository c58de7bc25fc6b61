//! A server of raw bytes: it reads whole requests and writes what a test wants, honest HTTP or not.
//!
//! Must not outlive its test: dropping it ends its tasks and closes its connections.

use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use url::Url;

/// One request as it arrived. Header names are lower case.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    /// Path and query, byte for byte.
    pub(crate) target: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

/// What is answered.
#[derive(Clone)]
pub(crate) struct Reply {
    bytes: Vec<u8>,
    end: End,
}

#[derive(Clone, Copy, PartialEq)]
enum End {
    KeepAlive,
    Close,
    Stall,
    Drip,
}

impl Reply {
    /// A whole answer with that body.
    pub(crate) fn new(status: u16, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Self {
        let length = body.as_ref().len();
        Self::raw(status, &[headers, &[("Content-Length", &length.to_string())]].concat(), body, End::KeepAlive)
    }

    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::json_with(status, &[], body)
    }

    pub(crate) fn json_with(status: u16, headers: &[(&str, &str)], body: &Value) -> Self {
        let headers = [headers, &[("Content-Type", "application/json; charset=utf-8")]].concat();
        Self::new(status, &headers, body.to_string())
    }

    /// An answer that says it is `length` long and is not: the connection ends after `body`.
    pub(crate) fn cut(status: u16, length: usize, body: &str) -> Self {
        Self::raw(status, &[("Content-Length", &length.to_string())], body, End::Close)
    }

    /// An answer without a length, ended by closing.
    pub(crate) fn unbounded(status: u16, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Self {
        Self::raw(status, headers, body, End::Close)
    }

    /// Only the head, then nothing and no end.
    pub(crate) fn stall() -> Self {
        Self::raw(200, &[("Content-Length", "100")], "", End::Stall)
    }

    /// One byte every few milliseconds, for ever: no single read ever times out.
    pub(crate) fn drip() -> Self {
        Self::raw(200, &[("Content-Length", "1000000")], "", End::Drip)
    }

    /// The connection is closed without a word.
    pub(crate) fn hang_up() -> Self {
        Self { bytes: Vec::new(), end: End::Close }
    }

    fn raw(status: u16, headers: &[(&str, &str)], body: impl AsRef<[u8]>, end: End) -> Self {
        let mut head = format!("HTTP/1.1 {status} Something\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        Self { bytes: [head.as_bytes(), body.as_ref()].concat(), end }
    }
}

type Handler = Arc<dyn Fn(&Seen, usize) -> Reply + Send + Sync>;

/// The running server.
pub(crate) struct Server {
    url: Url,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// Plain HTTP. The handler gets each request and its number, from 0.
    pub(crate) async fn start(handler: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static) -> Self {
        Self::listen(Arc::new(handler), None).await
    }

    /// HTTPS on `localhost` with a certificate of that authority.
    pub(crate) async fn start_tls(ca: &Ca, handler: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static) -> Self {
        Self::listen(Arc::new(handler), Some(ca.acceptor())).await
    }

    async fn listen(handler: Handler, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let origin =
            if tls.is_some() { format!("https://localhost:{port}") } else { format!("http://127.0.0.1:{port}") };
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let journal = seen.clone();
        let task = tokio::spawn(async move {
            // Dropped with this task, and its connections with it.
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (handler, journal, tls) = (handler.clone(), journal.clone(), tls.clone());
                connections.spawn(async move {
                    match tls {
                        None => serve(stream, &handler, &journal).await,
                        Some(tls) => match tls.accept(stream).await {
                            Ok(stream) => serve(stream, &handler, &journal).await,
                            // A client that does not trust us; its test says so.
                            Err(_) => None,
                        },
                    }
                });
            }
        });
        Self { url: Url::parse(&origin).unwrap(), seen, task }
    }

    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// `METHOD target` of every request.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.seen().iter().map(|seen| format!("{} {}", seen.method, seen.target)).collect()
    }
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    handler: &Handler,
    journal: &Mutex<Vec<Seen>>,
) -> Option<()> {
    loop {
        let seen = read(&mut stream).await?;
        let number = {
            let mut journal = journal.lock().unwrap();
            journal.push(seen.clone());
            journal.len() - 1
        };
        let reply = handler(&seen, number);
        // A client that has seen enough closes; that ends the connection, not the test.
        stream.write_all(&reply.bytes).await.ok()?;
        stream.flush().await.ok()?;
        match reply.end {
            End::KeepAlive => {}
            End::Close => return stream.shutdown().await.ok(),
            End::Stall => std::future::pending().await,
            End::Drip => loop {
                tokio::time::sleep(Duration::from_millis(5)).await;
                stream.write_all(b" ").await.ok()?;
                stream.flush().await.ok()?;
            },
        }
    }
}

async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Option<Seen> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        bytes.push(stream.read_u8().await.ok()?);
    };
    let head = String::from_utf8(bytes[..head_end].to_vec()).unwrap();
    let mut lines = head.split("\r\n");
    let mut request = lines.next().unwrap().split(' ');
    let (method, target) = (request.next().unwrap().to_owned(), request.next().unwrap().to_owned());
    let headers: BTreeMap<String, String> =
        lines.filter_map(|l| l.split_once(": ")).map(|(n, v)| (n.to_ascii_lowercase(), v.to_owned())).collect();
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(Seen { method, target, headers, body: String::from_utf8(body).unwrap() })
}

/// A certificate authority of one test.
pub(crate) struct Ca {
    pem: String,
    certificate: CertificateDer<'static>,
    key: Vec<u8>,
}

impl Ca {
    pub(crate) fn new() -> Self {
        Self::with_certificate_until(2099)
    }

    /// One whose servers' certificates ended at the beginning of that year.
    pub(crate) fn with_certificate_until(year: i32) -> Self {
        let ca_key = rcgen::KeyPair::generate().unwrap();
        let mut ca = rcgen::CertificateParams::new(Vec::new()).unwrap();
        ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let pem = ca.self_signed(&ca_key).unwrap().pem();
        let issuer = rcgen::Issuer::new(ca, ca_key);
        let key = rcgen::KeyPair::generate().unwrap();
        let mut leaf = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        leaf.not_after = rcgen::date_time_ymd(year, 1, 1);
        let certificate = leaf.signed_by(&key, &issuer).unwrap().der().clone();
        Self { pem, certificate, key: key.serialize_der() }
    }

    pub(crate) fn pem(&self) -> Vec<u8> {
        self.pem.clone().into_bytes()
    }

    fn acceptor(&self) -> TlsAcceptor {
        tokio_rustls::rustls::crypto::ring::default_provider().install_default().ok();
        let key = PrivateKeyDer::Pkcs8(self.key.clone().into());
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate.clone()], key)
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}
