//! The way to the upstream: one connection a request, so that no request meets a connection that has just died; it
//! must not know journal or rules.

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderName};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::Url;

use crate::error::{Context, Error, Result};

/// Headers that belong to one connection and not to the message (RFC 9110 section 7.6.1), besides `Connection`.
const OF_THE_CONNECTION: [&str; 4] = ["keep-alive", "proxy-connection", "te", "upgrade"];

/// Where requests go.
pub(super) struct Upstream {
    host: String,
    port: u16,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl Upstream {
    pub(super) fn new(base: &str, ca_pem: Option<&str>) -> Result<Self> {
        let wrong = || format!("{base} is no http or https URL with a host");
        let url = Url::parse(base).context(wrong)?;
        let host = url.host_str().ok_or_else(|| Error::new(wrong()))?.to_owned();
        let port = url.port_or_known_default().ok_or_else(|| Error::new(wrong()))?;
        let tls = match url.scheme() {
            "https" => Some(tls(&host, ca_pem)?),
            "http" => None,
            _other => return Err(Error::new(wrong())),
        };
        Ok(Self { host, port, tls })
    }

    /// Sends one request and returns the answer as soon as its head is there.
    pub(super) async fn send(&self, mut request: Request<Incoming>) -> Result<Response<Incoming>> {
        let failed = || format!("the upstream {}:{} cannot be reached", self.host, self.port);
        request.headers_mut().remove(CONNECTION);
        for name in OF_THE_CONNECTION {
            request.headers_mut().remove(HeaderName::from_static(name));
        }
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await.context(failed)?;
        stream.set_nodelay(true).context(failed)?;
        match &self.tls {
            Some((connector, name)) => {
                let stream = connector.connect(name.clone(), stream).await.context(failed)?;
                exchange(stream, request).await
            }
            None => exchange(stream, request).await,
        }
    }
}

fn tls(host: &str, ca_pem: Option<&str>) -> Result<(TlsConnector, ServerName<'static>)> {
    crate::install_crypto();
    let pem = ca_pem.ok_or_else(|| Error::new("an https upstream needs the certificate authority to trust"))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let added = certificate
            .map_err(|error| error.to_string())
            .and_then(|certificate| roots.add(certificate).map_err(|error| error.to_string()));
        added.context(|| "the upstream's certificate authority cannot be read".to_owned())?;
    }
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from(host.to_owned()).context(|| format!("{host} is no server name"))?;
    Ok((TlsConnector::from(Arc::new(config)), name))
}

async fn exchange<S>(stream: S, request: Request<Incoming>) -> Result<Response<Incoming>>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let failed = || "the upstream gave no answer".to_owned();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.context(failed)?;
    // It ends by itself with the answer's body; its error, if any, is also the body's.
    tokio::spawn(async move { drop(connection.await) });
    sender.send_request(request).await.context(failed)
}
