//! Kubeconfig files, written as JSON, which is YAML; it must not read any.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::error::{Context, Result};

/// What a client shows the API server.
pub enum Credential {
    /// A bearer token.
    Token(String),
    /// The paths of a client certificate and its key.
    Certificate {
        /// Path of the certificate, PEM.
        certificate: PathBuf,
        /// Path of its key, PEM.
        key: PathBuf,
    },
}

/// Writes a kubeconfig with one context, readable by its owner only, and returns its path.
pub(super) fn write(
    path: &Path,
    server: &str,
    ca_pem: Option<&str>,
    credential: &Credential,
    namespace: &str,
) -> Result<PathBuf> {
    let mut cluster = json!({"server": server});
    if let Some(pem) = ca_pem.filter(|_| server.starts_with("https:")) {
        let ca = path.with_extension("ca.crt");
        fs::write(&ca, pem).context(|| format!("cannot write {}", ca.display()))?;
        cluster["certificate-authority"] = json!(ca);
    }
    let user = match credential {
        Credential::Token(token) => json!({"token": token}),
        Credential::Certificate { certificate, key } => {
            json!({"client-certificate": certificate, "client-key": key})
        }
    };
    let content = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "plane", "cluster": cluster}],
        "users": [{"name": "user", "user": user}],
        "contexts": [{"name": "plane", "context": {"cluster": "plane", "user": "user", "namespace": namespace}}],
        "current-context": "plane",
    });
    let mut file = fs::OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(path)
        .context(|| format!("cannot write {}", path.display()))?;
    file.write_all(content.to_string().as_bytes()).context(|| format!("cannot write {}", path.display()))?;
    Ok(path.to_owned())
}
