//! Values of Secrets that objects refer to.
//!
//! Must not read a Secret that nobody names, and must not keep a value.

use crate::named::Named;
use crate::objects::ObjectError;
use api::SecretKeyRef;
use k8s_openapi::api::core::v1::Secret;
use plan::SecretState;

impl Named<Secret> {
    /// The values of these keys. A Secret that cannot be reached for a passing reason is an error.
    pub(crate) async fn read(
        &self,
        namespace: &str,
        wanted: &[SecretKeyRef],
    ) -> Result<Vec<(SecretKeyRef, SecretState)>, ObjectError> {
        let mut read = Vec::with_capacity(wanted.len());
        for reference in wanted {
            let state = match self.get(namespace, &reference.name).await {
                Ok(None) => SecretState::Missing,
                Ok(Some(secret)) => value(&secret, &reference.key),
                Err(error) if error.is_forbidden() => SecretState::Forbidden,
                Err(error) => return Err(error),
            };
            read.push((reference.clone(), state));
        }
        Ok(read)
    }
}

/// One key of a Secret.
pub(crate) fn value(secret: &Secret, key: &str) -> SecretState {
    let bytes = secret.data.as_ref().and_then(|data| data.get(key));
    match bytes.and_then(|bytes| std::str::from_utf8(&bytes.0).ok()) {
        Some(text) if !text.trim().is_empty() => SecretState::Value(plan::Secret::new(text)),
        Some(_) | None => SecretState::KeyMissing,
    }
}
