//! A certificate authority for one emulator and a server certificate for the loopback names. Its keys leave the process in a state file only.

use std::{net::IpAddr, sync::Arc};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use serde::{Deserialize, Serialize};

/// What the HTTPS listener needs and what its callers must trust.
pub(crate) struct Tls {
    pub(crate) config: Arc<ServerConfig>,
    pub(crate) ca_pem: String,
    /// What a state file keeps, so that callers can trust the next process too.
    pub(crate) kept: Kept,
}

/// A server certificate with its key and its authority, as PEM. The authority's own key is never kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Kept {
    names: Vec<String>,
    authority: String,
    certificate: String,
    key: String,
}

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    #[error("making the certificates")]
    Certificate(#[from] rcgen::Error),
    #[error("reading the certificates of the state file")]
    Kept(#[from] rustls::pki_types::pem::Error),
    #[error("setting up TLS")]
    Config(#[from] rustls::Error),
}

impl Tls {
    /// The kept certificate if it is good for the address listened on, else a new authority and a certificate for
    /// `localhost`, `127.0.0.1`, `::1` and that address.
    pub(crate) fn new(listen: IpAddr, kept: Option<Kept>) -> Result<Self, TlsError> {
        let mut names = vec!["localhost".to_owned(), "127.0.0.1".into(), "::1".into()];
        if !listen.is_unspecified() && !names.contains(&listen.to_string()) {
            names.push(listen.to_string());
        }
        let kept = match kept {
            Some(kept) if names.iter().all(|name| kept.names.contains(name)) => kept,
            Some(_) | None => issue(names)?,
        };
        let certificate = CertificateDer::from_pem_slice(kept.certificate.as_bytes())?;
        let key = PrivateKeyDer::from_pem_slice(kept.key.as_bytes())?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self { config: Arc::new(config), ca_pem: kept.authority.clone(), kept })
    }
}

fn issue(names: Vec<String>) -> Result<Kept, rcgen::Error> {
    let mut authority = CertificateParams::new(Vec::<String>::new())?;
    authority.distinguished_name.push(DnType::CommonName, "Azure ML emulator, certificate authority");
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;

    let mut server = CertificateParams::new(names.clone())?;
    server.distinguished_name.push(DnType::CommonName, "Azure ML emulator");
    server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    server.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    let certificate = server.signed_by(&key, &authority)?;
    Ok(Kept { names, authority: authority.pem(), certificate: certificate.pem(), key: key.serialize_pem() })
}
