//! Certificates of one test: an authority of its own and what it issues; it must not write files or be reused.

use std::net::{IpAddr, Ipv4Addr};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, SanType,
};
use rustls::ServerConfig;
use rustls::pki_types::PrivatePkcs8KeyDer;
use std::sync::Arc;

use crate::error::{Context, Result};

/// A certificate and its key, both PEM.
pub struct Issued {
    /// The certificate.
    pub certificate: String,
    /// The private key (PKCS #8).
    pub key: String,
}

/// A certificate authority that lives as long as the test.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    /// Makes one; `name` is what the certificates call it.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn new(name: &str) -> Result<Self> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages =
            vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issuer = KeyPair::generate()
            .and_then(|key| CertifiedIssuer::self_signed(params, key))
            .context(|| format!("cannot make the certificate authority {name}"))?;
        Ok(Self { issuer })
    }

    /// The authority's own certificate, PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A certificate for a server on 127.0.0.1 that is also known as `names`.
    ///
    /// # Errors
    /// When a name is no DNS name.
    pub fn server(&self, names: &[&str]) -> Result<Issued> {
        let (certificate, key) = self.server_pair(names)?;
        Ok(Issued { certificate: certificate.pem(), key: key.serialize_pem() })
    }

    /// A TLS configuration for a server on 127.0.0.1 or `localhost`.
    ///
    /// # Errors
    /// When no certificate can be made.
    pub fn server_config(&self) -> Result<Arc<ServerConfig>> {
        crate::install_crypto();
        let (certificate, key) = self.server_pair(&[])?;
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        let mut config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key.into())
            .context(|| "cannot use a certificate just made".to_owned())?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    /// A certificate by which Kubernetes knows a client as `user`, in `group` if there is one.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn client(&self, user: &str, group: Option<&str>) -> Result<Issued> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, user);
        if let Some(group) = group {
            params.distinguished_name.push(DnType::OrganizationName, group);
        }
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let (certificate, key) = self.issue(user, params)?;
        Ok(Issued { certificate: certificate.pem(), key: key.serialize_pem() })
    }

    fn server_pair(&self, names: &[&str]) -> Result<(rcgen::Certificate, KeyPair)> {
        let mut known: Vec<String> = vec!["localhost".to_owned()];
        known.extend(names.iter().map(|&name| name.to_owned()));
        let mut params = CertificateParams::new(known).context(|| format!("{names:?} holds no DNS name"))?;
        params.subject_alt_names.push(SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        params.distinguished_name.push(DnType::CommonName, "localhost");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.issue("localhost", params)
    }

    fn issue(&self, name: &str, mut params: CertificateParams) -> Result<(rcgen::Certificate, KeyPair)> {
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let made = KeyPair::generate()
            .and_then(|key| params.signed_by(&key, &self.issuer).map(|certificate| (certificate, key)));
        made.context(|| format!("cannot issue a certificate for {name}"))
    }
}
