//! Which Azure is spoken to: the two endpoints of a cloud, and the HTTP connections to them.
//!
//! Must not be made from anything an object of a tenant says: endpoints come from the program's configuration only.

use crate::error::{Error, ErrorKind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use url::{Host, Url};

/// How long a TCP and TLS handshake may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// HTTP/2 pings notice a dead peer within about the time one call may take, so that no later call inherits it.
const PING_INTERVAL: Duration = Duration::from_secs(15);

/// One Azure: its resource manager, its authority, and the connections to both. Cheap to clone; clones share
/// connections, which carry no identity of their own.
#[derive(Clone)]
pub struct Cloud(Arc<Inner>);

struct Inner {
    name: &'static str,
    resource_manager: Url,
    authority: Url,
    ca: Vec<reqwest::Certificate>,
    resource_manager_http: Mutex<Option<reqwest::Client>>,
    authority_http: Mutex<Option<reqwest::Client>>,
}

impl Cloud {
    /// The public cloud.
    pub fn public() -> Self {
        Self::known("public", "https://management.azure.com", "https://login.microsoftonline.com")
    }

    /// Azure US Government.
    pub fn us_government() -> Self {
        Self::known("usgovernment", "https://management.usgovcloudapi.net", "https://login.microsoftonline.us")
    }

    /// Azure in China.
    pub fn china() -> Self {
        Self::known("china", "https://management.chinacloudapi.cn", "https://login.chinacloudapi.cn")
    }

    /// A cloud by its endpoints, such as an emulator. Certificates in `ca_pem` are trusted beside those of the system.
    /// The resource manager may be plain `http` only on a loopback address; the authority is always `https`.
    ///
    /// # Errors
    /// `Invalid` when an endpoint is not a bare `https://host[:port]`, or when `ca_pem` holds no certificate.
    pub fn custom(resource_manager: Url, authority: Url, ca_pem: Option<Vec<u8>>) -> Result<Self, Error> {
        let ca = ca_pem.map(|pem| certificates(&pem)).transpose()?.unwrap_or_default();
        bare_endpoint("resource manager", &resource_manager)?;
        bare_endpoint("authority", &authority)?;
        if resource_manager.scheme() != "https" && !is_loopback(&resource_manager) {
            return Err(invalid(format!(
                "the resource manager {resource_manager} is not https; plain http is allowed on loopback addresses only"
            )));
        }
        if authority.scheme() != "https" {
            return Err(invalid(format!("the authority {authority} is not https; credentials only travel over TLS")));
        }
        Ok(Self::made("custom", resource_manager, authority, ca))
    }

    fn known(name: &'static str, resource_manager: &'static str, authority: &'static str) -> Self {
        let url = |text| Url::parse(text).expect("the three callers pass constant URLs, which a test parses");
        Self::made(name, url(resource_manager), url(authority), Vec::new())
    }

    fn made(name: &'static str, resource_manager: Url, authority: Url, ca: Vec<reqwest::Certificate>) -> Self {
        let (resource_manager_http, authority_http) = (Mutex::default(), Mutex::default());
        Self(Arc::new(Inner { name, resource_manager, authority, ca, resource_manager_http, authority_http }))
    }

    /// `public`, `usgovernment`, `china` or `custom`.
    pub fn name(&self) -> &'static str {
        self.0.name
    }

    /// Where Azure Resource Manager is.
    pub fn resource_manager(&self) -> &Url {
        &self.0.resource_manager
    }

    /// Where tokens come from.
    pub fn authority(&self) -> &Url {
        &self.0.authority
    }

    /// The scope of a token for this cloud's resource manager: `<resourceManager>/.default`.
    pub fn scope(&self) -> String {
        format!("{}/.default", self.0.resource_manager.as_str().trim_end_matches('/'))
    }

    /// Connections to the resource manager, opened on first use.
    pub(crate) fn resource_manager_http(&self) -> Result<reqwest::Client, Error> {
        self.shared(&self.0.resource_manager_http, &self.0.resource_manager)
    }

    /// Connections to the authority, opened on first use.
    pub(crate) fn authority_http(&self) -> Result<reqwest::Client, Error> {
        self.shared(&self.0.authority_http, &self.0.authority)
    }

    fn shared(&self, slot: &Mutex<Option<reqwest::Client>>, endpoint: &Url) -> Result<reqwest::Client, Error> {
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = &*slot {
            return Ok(client.clone());
        }
        let client = connect(endpoint, &self.0.ca)?;
        *slot = Some(client.clone());
        Ok(client)
    }
}

fn connect(endpoint: &Url, ca: &[reqwest::Certificate]) -> Result<reqwest::Client, Error> {
    // reqwest panics without a provider; a library says so instead.
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        let detail =
            "no TLS provider is installed; call rustls::crypto::ring::default_provider().install_default() first";
        return Err(invalid(detail));
    }
    let mut builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        // The caller decides what is asked again; a retry hidden here would spend its budget and its deadline.
        .retry(reqwest::retry::never())
        .https_only(endpoint.scheme() == "https")
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(PING_INTERVAL)
        .http2_keep_alive_timeout(PING_INTERVAL)
        .gzip(true)
        .tls_certs_merge(ca.iter().cloned());
    if is_loopback(endpoint) {
        // A proxy cannot reach this machine's own loopback address, and Go's and Python's clients skip it too.
        builder = builder.no_proxy();
    }
    builder.build().map_err(|error| {
        let detail = "the HTTP client could not be made; in an image without CA certificates add a CA bundle";
        invalid(detail).with_source(error)
    })
}

fn certificates(pem: &[u8]) -> Result<Vec<reqwest::Certificate>, Error> {
    let found = reqwest::Certificate::from_pem_bundle(pem)
        .map_err(|error| invalid("the CA file is no PEM bundle of certificates").with_source(error))?;
    if found.is_empty() {
        return Err(invalid("the CA file holds no certificate; it must be PEM (-----BEGIN CERTIFICATE-----)"));
    }
    Ok(found)
}

/// An endpoint is a scheme, a host and perhaps a port: all paths are made by this client.
fn bare_endpoint(what: &str, url: &Url) -> Result<(), Error> {
    let bare = url.has_host()
        && matches!(url.scheme(), "https" | "http")
        && url.username().is_empty()
        && url.password().is_none()
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none();
    if bare {
        return Ok(());
    }
    // Not shown: a URL with user and password is one of the ways to get here.
    Err(invalid(format!("the {what} endpoint must be https://host or https://host:port and nothing else")))
}

fn invalid(detail: impl Into<String>) -> Error {
    Error::new(ErrorKind::Invalid, detail)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn custom(resource_manager: &str, authority: &str) -> Result<Cloud, Error> {
        Cloud::custom(Url::parse(resource_manager).unwrap(), Url::parse(authority).unwrap(), None)
    }

    #[test]
    fn scope_is_the_resource_managers() {
        assert_eq!(Cloud::public().scope(), "https://management.azure.com/.default");
        assert_eq!(Cloud::us_government().scope(), "https://management.usgovcloudapi.net/.default");
        assert_eq!(Cloud::china().scope(), "https://management.chinacloudapi.cn/.default");
        assert_eq!(custom("https://a.b:8443", "https://l").unwrap().scope(), "https://a.b:8443/.default");
    }

    #[test]
    fn plain_http_is_for_loopback_resource_managers_only() {
        for loopback in ["http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1"] {
            assert!(custom(loopback, "https://l").is_ok(), "{loopback}");
        }
        for elsewhere in ["http://10.0.0.1", "http://localhost.example.com", "http://127.0.0.1.nip.io"] {
            assert_eq!(custom(elsewhere, "https://l").err().unwrap().kind(), &ErrorKind::Invalid, "{elsewhere}");
        }
        assert!(custom("https://a", "http://127.0.0.1:1").is_err());
    }

    #[test]
    fn endpoint_with_anything_but_host_and_port_is_refused_without_showing_it() {
        for url in ["https://u:hunter2@a", "https://a/path", "https://a?x=hunter2", "https://a#f", "ftp://a"] {
            let error = custom(url, "https://l").err().unwrap();
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn ca_without_a_certificate_is_refused() {
        let url = Url::parse("https://a").unwrap();
        for pem in [&b""[..], b"not pem", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"] {
            assert!(Cloud::custom(url.clone(), url.clone(), Some(pem.to_vec())).is_err());
        }
    }
}
