//! Objects that others refer to by name: read by GET of the one that is named, followed by one watch each.
//!
//! Must not list or watch beyond those names, and must not keep a value: watches ask for metadata only.

use crate::objects::{Namespaced, ObjectError, Objects};
use futures::{StreamExt, pin_mut};
use kube::Api;
use kube::api::{WatchEvent, WatchParams};
use std::collections::{BTreeSet, HashMap};
use std::marker::PhantomData;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::AbortHandle;

/// Namespace and name of an object that is referred to.
pub(crate) type ObjectName = (String, String);

/// What is done when a watched object changes.
pub(crate) type OnChange = Arc<dyn Fn(&ObjectName) + Send + Sync>;

/// Objects of one kind that are referred to by name, and the watches on them.
pub(crate) struct Named<K> {
    objects: Objects,
    watches: Mutex<HashMap<ObjectName, AbortHandle>>,
    kind: PhantomData<fn() -> K>,
}

impl<K: Namespaced + Send + 'static> Named<K> {
    pub(crate) fn new(objects: Objects) -> Self {
        Self { objects, watches: Mutex::default(), kind: PhantomData }
    }

    /// The object as it is now.
    pub(crate) async fn get(&self, namespace: &str, name: &str) -> Result<Option<K>, ObjectError> {
        self.objects.get::<K>(namespace, name).await
    }

    /// Watches an object from now on, if it is not watched already.
    pub(crate) fn watch(&self, name: &ObjectName, on_change: &OnChange) {
        let Ok(mut watches) = self.watches.lock() else { return };
        if watches.get(name).is_some_and(|watch| !watch.is_finished()) {
            return;
        }
        let task = tokio::spawn(follow::<K>(self.objects.client().clone(), name.clone(), on_change.clone()));
        watches.insert(name.clone(), task.abort_handle());
    }
}

impl<K> Named<K> {
    /// Ends the watches on objects nobody refers to any more.
    pub(crate) fn keep_only(&self, wanted: &BTreeSet<ObjectName>) {
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

impl<K> Drop for Named<K> {
    fn drop(&mut self) {
        self.keep_only(&BTreeSet::new());
    }
}

/// How long one watch lasts; the API server ends it then, and the next one begins.
const WATCH_SECONDS: u32 = 290;
/// How long a watch may be silent beyond its end before its connection counts as dead.
const DEAD_AFTER: Duration = Duration::from_secs(305);
/// Waits between watches that fail: the first, and the longest.
const AGAIN: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// Follows one object by name, for ever. A plain watch needs the verb `watch` alone, which a Role can give for one name.
async fn follow<K: Namespaced>(client: kube::Client, name: ObjectName, on_change: OnChange) {
    let api: Api<K> = Api::namespaced(client, &name.0);
    let mut wait = AGAIN.0;
    loop {
        match watch_once(&api, &name, &on_change).await {
            Ok(()) => wait = AGAIN.0,
            Err(error) => {
                tracing::debug!(kind = %K::kind(&()), namespace = %name.0, name = %name.1, %error, "Cannot watch the object");
                wait = (wait * 2).min(AGAIN.1);
            }
        }
        tokio::time::sleep(wait).await;
    }
}

/// One watch, from the present state on: no resourceVersion asks for the newest, and an object that is there comes first.
async fn watch_once<K: Namespaced>(api: &Api<K>, name: &ObjectName, on_change: &OnChange) -> Result<(), kube::Error> {
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
