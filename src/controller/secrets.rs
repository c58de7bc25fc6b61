//! Secrets that objects refer to: values by GET of the named Secret, changes by one watch per Secret.
//!
//! Must not list or watch Secrets beyond those names, and must not keep a value: watches ask for metadata only.

use crate::objects::{ObjectError, Objects};
use api::SecretKeyRef;
use futures::{StreamExt, pin_mut};
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::core::PartialObjectMeta;
use kube::runtime::{WatchStreamExt, watcher};
use plan::SecretState;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use tokio::task::AbortHandle;

/// Namespace and name of a Secret.
pub(crate) type SecretName = (String, String);

/// What is done when a watched Secret changes.
pub(crate) type OnChange = Arc<dyn Fn(&SecretName) + Send + Sync>;

/// The watches on Secrets.
pub(crate) struct Secrets {
    objects: Objects,
    watches: Mutex<HashMap<SecretName, AbortHandle>>,
}

impl Secrets {
    pub(crate) fn new(objects: Objects) -> Self {
        Self { objects, watches: Mutex::default() }
    }

    /// The Secret as it is now.
    pub(crate) async fn get(&self, namespace: &str, name: &str) -> Result<Option<Secret>, ObjectError> {
        self.objects.get::<Secret>(namespace, name).await
    }

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

    /// Watches a Secret from now on, if it is not watched already.
    pub(crate) fn watch(&self, name: &SecretName, on_change: &OnChange) {
        let Ok(mut watches) = self.watches.lock() else { return };
        if watches.get(name).is_some_and(|watch| !watch.is_finished()) {
            return;
        }
        let task = tokio::spawn(follow(self.objects.client().clone(), name.clone(), on_change.clone()));
        watches.insert(name.clone(), task.abort_handle());
    }

    /// Ends the watches on Secrets nobody refers to any more.
    pub(crate) fn keep_only(&self, wanted: &BTreeSet<SecretName>) {
        let Ok(mut watches) = self.watches.lock() else { return };
        watches.retain(|name, watch| {
            let keep = wanted.contains(name);
            if !keep {
                watch.abort();
            }
            keep
        });
    }
}

impl Drop for Secrets {
    fn drop(&mut self) {
        self.keep_only(&BTreeSet::new());
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

/// Follows one Secret by name. The streaming list needs the verb `watch` alone, which a Role can give for one name.
async fn follow(client: kube::Client, name: SecretName, on_change: OnChange) {
    let api: Api<PartialObjectMeta<Secret>> = Api::namespaced(client, &name.0);
    let config = watcher::Config::default().fields(&format!("metadata.name={}", name.1)).streaming_lists();
    let changes = watcher(api, config).default_backoff();
    pin_mut!(changes);
    while let Some(change) = changes.next().await {
        match change {
            Ok(watcher::Event::Apply(_) | watcher::Event::Delete(_) | watcher::Event::InitDone) => on_change(&name),
            Ok(watcher::Event::Init | watcher::Event::InitApply(_)) => {}
            Err(error) => tracing::debug!(namespace = %name.0, secret = %name.1, %error, "Cannot watch the Secret"),
        }
    }
}
