//! Texts of ConfigMaps that objects refer to.
//!
//! Must not read a ConfigMap that nobody names, and must not keep a text.

use crate::named::Named;
use crate::objects::ObjectError;
use api::ConfigMapKeyRef;
use k8s_openapi::api::core::v1::ConfigMap;
use plan::{ConfigMapState, Script};

impl Named<ConfigMap> {
    /// The texts of these keys. A ConfigMap that cannot be reached for a passing reason is an error.
    pub(crate) async fn read(
        &self,
        namespace: &str,
        wanted: &[ConfigMapKeyRef],
    ) -> Result<Vec<(ConfigMapKeyRef, ConfigMapState)>, ObjectError> {
        let mut read = Vec::with_capacity(wanted.len());
        for reference in wanted {
            let state = match self.get(namespace, &reference.name).await {
                Ok(None) => ConfigMapState::Missing,
                Ok(Some(found)) => text(&found, &reference.key),
                Err(error) if error.is_forbidden() => ConfigMapState::Forbidden,
                Err(error) => return Err(error),
            };
            read.push((reference.clone(), state));
        }
        Ok(read)
    }
}

/// One key of a ConfigMap, whichever of its two parts holds it.
fn text(found: &ConfigMap, key: &str) -> ConfigMapState {
    let text = found.data.as_ref().and_then(|data| data.get(key)).map(String::as_str);
    let binary = || found.binary_data.as_ref()?.get(key).and_then(|bytes| std::str::from_utf8(&bytes.0).ok());
    match text.or_else(binary) {
        Some(text) if !text.trim().is_empty() => ConfigMapState::Value(Script::new(text)),
        Some(_) | None => ConfigMapState::KeyMissing,
    }
}
