//! Secrets that objects refer to: values by GET of the named Secret, changes by one watch per Secret.
//!
//! Must not list or watch Secrets beyond those names, and must not keep a value: watches ask for metadata only.

use crate::objects::{ObjectError, Objects};
use api::SecretKeyRef;
use futures::{StreamExt, pin_mut};
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{WatchEvent, WatchParams};
use plan::SecretState;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;
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

/// How long one watch lasts; the API server ends it then, and the next one begins.
const WATCH_SECONDS: u32 = 290;
/// How long a watch may be silent beyond its end before its connection counts as dead.
const DEAD_AFTER: Duration = Duration::from_secs(305);
/// Waits between watches that fail: the first, and the longest.
const AGAIN: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// Follows one Secret by name, for ever. A plain watch needs the verb `watch` alone, which a Role can give for one name.
async fn follow(client: kube::Client, name: SecretName, on_change: OnChange) {
    let api: Api<Secret> = Api::namespaced(client, &name.0);
    let mut wait = AGAIN.0;
    loop {
        match watch_once(&api, &name, &on_change).await {
            Ok(()) => wait = AGAIN.0,
            Err(error) => {
                tracing::debug!(namespace = %name.0, secret = %name.1, %error, "Cannot watch the Secret");
                wait = (wait * 2).min(AGAIN.1);
            }
        }
        tokio::time::sleep(wait).await;
    }
}

/// One watch, from the present state on: no resourceVersion asks for the newest, and a Secret that is there comes first.
async fn watch_once(api: &Api<Secret>, name: &SecretName, on_change: &OnChange) -> Result<(), kube::Error> {
    let params = WatchParams::default().fields(&format!("metadata.name={}", name.1)).timeout(WATCH_SECONDS);
    let changes = api.watch_metadata(&params, "").await?;
    pin_mut!(changes);
    // What happened between two watches shows by no event of its own, a deletion for one.
    on_change(name);
    while let Ok(Some(change)) = tokio::time::timeout(DEAD_AFTER, changes.next()).await {
        match change? {
            WatchEvent::Added(_) | WatchEvent::Modified(_) | WatchEvent::Deleted(_) => on_change(name),
            WatchEvent::Bookmark(_) => {}
            WatchEvent::Error(status) => return Err(kube::Error::Api(status)),
        }
    }
    Ok(())
}
