//! What Secrets and ConfigMaps hold under a key.
//!
//! Must not read an object that nobody names, and must not keep what it holds.

use crate::named::Named;
use crate::objects::{Namespaced, ObjectError};
use api::{ConfigMapKeyRef, SecretKeyRef};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use plan::{Lent, Script};
use std::collections::BTreeMap;

/// A kind whose objects hold something under keys.
pub(crate) trait Holder: Namespaced + Send + 'static {
    /// A reference to one key.
    type Reference: Clone + Ord;
    /// What is held.
    type Content;

    /// The name of the object that a reference is to.
    fn name(reference: &Self::Reference) -> &str;
    /// What it holds there, if that is a text and not empty.
    fn at(&self, reference: &Self::Reference) -> Option<Self::Content>;
}

impl Holder for Secret {
    type Reference = SecretKeyRef;
    type Content = plan::Secret;

    fn name(reference: &SecretKeyRef) -> &str {
        &reference.name
    }

    fn at(&self, reference: &SecretKeyRef) -> Option<plan::Secret> {
        filled(&self.data.as_ref()?.get(&reference.key)?.0).map(plan::Secret::new)
    }
}

impl Holder for ConfigMap {
    type Reference = ConfigMapKeyRef;
    type Content = Script;

    fn name(reference: &ConfigMapKeyRef) -> &str {
        &reference.name
    }

    fn at(&self, reference: &ConfigMapKeyRef) -> Option<Script> {
        // Whichever of its two parts holds it.
        let text = self.data.as_ref().and_then(|data| data.get(&reference.key)).map(String::as_bytes);
        let binary = || Some(self.binary_data.as_ref()?.get(&reference.key)?.0.as_slice());
        filled(text.or_else(binary)?).map(Script::new)
    }
}

fn filled(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok().filter(|text| !text.trim().is_empty())
}

impl<K: Holder> Named<K> {
    /// What is held where these references lead. An object that cannot be reached for a passing reason is an error.
    pub(crate) async fn read(
        &self,
        namespace: &str,
        wanted: &[K::Reference],
    ) -> Result<BTreeMap<K::Reference, Lent<K::Content>>, ObjectError> {
        let mut read = BTreeMap::new();
        for reference in wanted {
            let lent = match self.get(namespace, K::name(reference)).await {
                Ok(None) => Lent::Missing,
                Ok(Some(found)) => found.at(reference).map_or(Lent::KeyMissing, Lent::Value),
                Err(error) if error.is_forbidden() => Lent::Forbidden,
                Err(error) => return Err(error),
            };
            read.insert(reference.clone(), lent);
        }
        Ok(read)
    }
}
