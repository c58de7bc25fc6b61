//! A proxy before the emulator or kube-apiserver that keeps a journal, makes faults, and kills at any request.
//!
//! It must not change what passes, except for the URLs it is told to rewrite, and must not keep bodies or tokens. It
//! runs on a thread of its own, so that it goes on while a test blocks.

mod answer;
mod journal;
mod rules;
mod serve;
mod upstream;

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use self::answer::{Noticing, Outbox};
use self::journal::Journal;
pub use self::journal::{Entry, points};
use self::rules::Rules;
pub use self::rules::{Armed, Fault, FaultHandle, Phase, Point, Times};
use self::serve::Shared;
use self::upstream::Upstream;
use crate::certificates::Authority;
use crate::error::{Context, Result};

/// What a proxy is started with.
#[derive(Clone, Debug)]
pub struct Options {
    upstream: String,
    upstream_ca: Option<String>,
    tls: bool,
    rewrite: Vec<String>,
}

impl Options {
    /// A plain HTTP proxy before an `http` URL.
    #[must_use]
    pub fn new(upstream: &str) -> Self {
        Self { upstream: base(upstream), upstream_ca: None, tls: false, rewrite: Vec::new() }
    }

    /// The certificate authority (PEM) of an `https` upstream.
    #[must_use]
    pub fn upstream_ca(mut self, pem: &str) -> Self {
        self.upstream_ca = Some(pem.to_owned());
        self
    }

    /// Serve TLS, by an authority of its own: [`Proxy::ca_pem`].
    #[must_use]
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// Put the proxy's own URL for the upstream's in headers and JSON bodies of answers, so that operation URLs and
    /// next links lead through the proxy too.
    #[must_use]
    pub fn rewrite_urls(self) -> Self {
        let upstream = self.upstream.clone();
        self.rewrite_url(&upstream)
    }

    /// [`Options::rewrite_urls`] for a further URL by which the upstream calls itself.
    #[must_use]
    pub fn rewrite_url(mut self, url: &str) -> Self {
        self.rewrite.push(base(url));
        self
    }
}

fn base(url: &str) -> String {
    url.trim_end_matches('/').to_owned()
}

/// A running proxy on 127.0.0.1; it ends when it is dropped, with every connection through it.
pub struct Proxy {
    url: String,
    ca_pem: Option<String>,
    journal: Arc<Journal>,
    rules: Arc<Rules>,
    state: watch::Sender<State>,
    thread: Option<thread::JoinHandle<()>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Serving,
    Cut,
    Ended,
}

impl Proxy {
    /// Starts one; it serves when this returns.
    ///
    /// # Errors
    /// When the upstream's URL or authority cannot be used, or no port can be had.
    pub fn start(options: &Options) -> Result<Self> {
        crate::install_crypto();
        let failed = || "cannot start a proxy".to_owned();
        let upstream = Upstream::new(&options.upstream, options.upstream_ca.as_deref())?;
        let authority = if options.tls { Some(Authority::new("amlco-proxy-ca")?) } else { None };
        let acceptor = match &authority {
            Some(authority) => Some(TlsAcceptor::from(authority.server_config()?)),
            None => None,
        };
        let listener = std::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).context(failed)?;
        listener.set_nonblocking(true).context(failed)?;
        let address = listener.local_addr().context(failed)?;
        let url = format!("{}://{address}", if options.tls { "https" } else { "http" });

        let (journal, rules) = (Arc::new(Journal::default()), Arc::new(Rules::default()));
        let shared = Arc::new(Shared {
            journal: Arc::clone(&journal),
            rules: Arc::clone(&rules),
            upstream,
            rewrite: options.rewrite.clone(),
            own: url.clone(),
            halted: watch::channel(0).0,
        });
        let (state, watched) = watch::channel(State::Serving);
        let runtime = runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().context(failed)?;
        let thread = thread::Builder::new()
            .name("proxy".to_owned())
            .spawn(move || {
                runtime.block_on(accept(listener, acceptor, &shared, watched));
                runtime.shutdown_background();
            })
            .context(failed)?;
        let ca_pem = authority.map(|authority| authority.pem());
        Ok(Self { url, ca_pem, journal, rules, state, thread: Some(thread) })
    }

    /// Its base URL, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The authority (PEM) to trust, if it serves TLS.
    #[must_use]
    pub fn ca_pem(&self) -> Option<&str> {
        self.ca_pem.as_deref()
    }

    /// Every request so far, in the order in which they came.
    #[must_use]
    pub fn journal(&self) -> Vec<Entry> {
        self.journal.entries()
    }

    /// Runs `action` at a request to come, once. The action may block; to kill a process and wait for its end is what
    /// it is for.
    pub fn arm(&self, point: Point, action: impl FnOnce() + Send + 'static) -> Armed {
        self.rules.arm(point, Box::new(action))
    }

    /// Makes a fault at requests to come: those of the point's method and path, from its `nth` on, whatever its phase.
    pub fn fault(&self, point: Point, times: Times, fault: Fault) -> FaultHandle {
        self.rules.fault(point, times, fault)
    }

    /// Forgets every point that has not fired and every fault; what was held goes on.
    pub fn clear(&self) {
        self.rules.clear();
    }

    /// Ends every connection, and every new one at once, as if the upstream were gone, until [`Proxy::mend`].
    pub fn cut(&self) {
        self.state.send_replace(State::Cut);
    }

    /// Serves again after [`Proxy::cut`].
    pub fn mend(&self) {
        self.state.send_replace(State::Serving);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.state.send_replace(State::Ended);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// Takes connections until the proxy ends.
async fn accept(
    listener: std::net::TcpListener,
    acceptor: Option<TlsAcceptor>,
    shared: &Arc<Shared>,
    mut state: watch::Receiver<State>,
) {
    // Fails only outside a runtime with IO.
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = state.wait_for(|&state| state == State::Ended) => return,
        };
        let Ok((stream, _)) = accepted else { continue };
        if *state.borrow() == State::Serving {
            tokio::spawn(connection(stream, acceptor.clone(), Arc::clone(shared), state.clone()));
        }
    }
}

/// Serves one connection until either side ends it.
async fn connection(
    stream: TcpStream,
    acceptor: Option<TlsAcceptor>,
    shared: Arc<Shared>,
    mut state: watch::Receiver<State>,
) {
    let served = async {
        drop(stream.set_nodelay(true));
        match acceptor {
            Some(acceptor) => {
                if let Ok(stream) = acceptor.accept(stream).await {
                    requests(stream, shared).await;
                }
            }
            None => requests(stream, shared).await,
        }
    };
    tokio::select! {
        () = served => {}
        _ = state.wait_for(|&state| state != State::Serving) => {}
    }
}

async fn requests<S: AsyncRead + AsyncWrite + Unpin>(stream: S, shared: Arc<Shared>) {
    let outbox = Outbox::default();
    let io = TokioIo::new(Noticing::new(stream, outbox.clone()));
    let service = service_fn(move |request| serve::serve(Arc::clone(&shared), outbox.clone(), request));
    // An error is a client that went away, or a connection that a rule ended.
    drop(http1::Builder::new().serve_connection(io, service).await);
}
