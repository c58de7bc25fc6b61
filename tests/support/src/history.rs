//! Every stored revision of the objects of some kinds, for judging afterwards; it must not change or skip any.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use jiff::Timestamp;
use kube::api::{ApiResource, DynamicObject, ListParams, WatchEvent, WatchParams};
use kube::{Api, Client};
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::error::{Context, Error, Result};
use crate::wait;

/// Between two tries to watch again, when the API server is away.
const BEFORE_AGAIN: Duration = Duration::from_millis(200);

/// How a revision came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The object is new, or was there when the recording began.
    Added,
    /// It was changed.
    Modified,
    /// It is gone; the object is its last state.
    Deleted,
}

/// One revision of one object.
#[derive(Clone, Debug)]
pub struct Revision {
    /// When it was seen.
    pub at: Timestamp,
    /// How it came about.
    pub change: Change,
    /// The whole object.
    pub object: Value,
}

impl Revision {
    /// `Kind/name`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}/{}", self.text("/kind"), self.text("/metadata/name"))
    }

    /// The resource version.
    #[must_use]
    pub fn version(&self) -> &str {
        self.text("/metadata/resourceVersion")
    }

    /// A text in it by JSON pointer; empty if there is none.
    #[must_use]
    pub fn text(&self, pointer: &str) -> &str {
        self.object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }
}

#[derive(Default)]
struct Recorded {
    revisions: Mutex<Vec<Revision>>,
    gap: Mutex<Option<String>>,
}

/// A recording that goes on until it is dropped. It belongs to the runtime of the test that began it.
pub struct History {
    recorded: Arc<Recorded>,
    tasks: Vec<JoinHandle<()>>,
}

impl History {
    /// Everything recorded so far; of one kind in the order of the API server.
    ///
    /// # Errors
    /// When a revision may be missing, because the API server no longer had those since the last one seen. A verdict
    /// over such a history would be worth nothing.
    pub fn revisions(&self) -> Result<Vec<Revision>> {
        match &*lock(&self.recorded.gap) {
            Some(gap) => Err(Error::new(format!("the history has a gap: {gap}"))),
            None => Ok(lock(&self.recorded.revisions).clone()),
        }
    }

    /// Waits until a revision is recorded for which `wanted` holds: the recording is then complete up to it.
    ///
    /// # Errors
    /// When none is recorded in time, or there is a gap.
    pub async fn until(&self, what: &str, deadline: Duration, wanted: impl Fn(&Revision) -> bool) -> Result<Revision> {
        wait::until(what, deadline, async || match self.revisions() {
            Err(error) => Ok(Err(error)),
            Ok(revisions) => {
                let last = revisions.last().map_or_else(|| "nothing".to_owned(), |last| last.object.to_string());
                revisions.into_iter().find(|revision| wanted(revision)).map(Ok).ok_or(last)
            }
        })
        .await?
    }
}

impl Drop for History {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// Records every revision of these kinds in a namespace from now on, beginning with the objects that are there.
///
/// # Errors
/// When a kind cannot be listed.
pub async fn watch_history(client: &Client, kinds: &[ApiResource], namespace: &str) -> Result<History> {
    let mut history = History { recorded: Arc::default(), tasks: Vec::new() };
    for kind in kinds {
        let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, kind);
        let list = api.list(&ListParams::default()).await.context(|| format!("cannot list {}", kind.plural))?;
        let version = list.metadata.resource_version.unwrap_or_default();
        for mut object in list.items {
            // Only a list as a whole has these; its items do not.
            object.types.get_or_insert_with(|| kube::api::TypeMeta {
                api_version: kind.api_version.clone(),
                kind: kind.kind.clone(),
            });
            record(&history.recorded, Change::Added, &object);
        }
        history.tasks.push(tokio::spawn(follow(api, version, Arc::clone(&history.recorded))));
    }
    Ok(history)
}

/// Watches from `version`, again and again from the last revision seen, until that is no longer possible.
async fn follow(api: Api<DynamicObject>, mut version: String, recorded: Arc<Recorded>) {
    loop {
        let stream = match api.watch(&WatchParams::default(), &version).await {
            Ok(stream) => stream,
            Err(error) => match lost(&error) {
                Some(why) => return gap(&recorded, why),
                None => {
                    tokio::time::sleep(BEFORE_AGAIN).await;
                    continue;
                }
            },
        };
        let mut stream = stream.boxed();
        while let Some(event) = stream.next().await {
            let (change, object) = match event {
                Ok(WatchEvent::Added(object)) => (Change::Added, object),
                Ok(WatchEvent::Modified(object)) => (Change::Modified, object),
                Ok(WatchEvent::Deleted(object)) => (Change::Deleted, object),
                Ok(WatchEvent::Bookmark(bookmark)) => {
                    version = bookmark.metadata.resource_version;
                    continue;
                }
                Ok(WatchEvent::Error(status)) => return gap(&recorded, status.message.clone()),
                Err(error) => match lost(&error) {
                    Some(why) => return gap(&recorded, why),
                    None => break,
                },
            };
            version = object.metadata.resource_version.clone().unwrap_or_default();
            record(&recorded, change, &object);
        }
    }
}

/// Why watching on from the last revision is of no use: it is gone (410) or forbidden. A connection that broke, and a
/// server that is away or busy, are none.
fn lost(error: &kube::Error) -> Option<String> {
    let kube::Error::Api(status) = error else { return None };
    let for_good = (400..500).contains(&status.code) && status.code != 429;
    for_good.then(|| status.message.clone())
}

fn record(recorded: &Recorded, change: Change, object: &DynamicObject) {
    match serde_json::to_value(object) {
        Ok(object) => lock(&recorded.revisions).push(Revision { at: Timestamp::now(), change, object }),
        Err(error) => gap(recorded, error.to_string()),
    }
}

fn gap(recorded: &Recorded, why: String) {
    lock(&recorded.gap).get_or_insert(why);
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
