//! Looking at Azure cheaply: one LIST per workspace, identity and interval serves every compute in it.
//!
//! Must not be shared between identities: what one may see, another may not. Wakes only the objects whose compute
//! has changed, so that at rest nothing happens at all.

use crate::failure;
use arm::{Compute, WorkspaceId};
use azureml::Client;
use jiff::Timestamp;
use plan::{Attempt, Failure, Seen};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;

/// Wakes somebody when a compute changes; false if there is nobody any more.
pub(crate) type Wake = Arc<dyn Fn() -> bool + Send + Sync>;

/// The newest LIST.
#[derive(Clone, Default)]
pub(crate) struct Snapshot {
    computes: Arc<BTreeMap<String, Compute>>,
    /// When the newest good LIST was asked for; `None` before the first.
    pub(crate) at: Option<Timestamp>,
    /// Why the newest LIST failed, if it did.
    pub(crate) trouble: Option<Failure>,
}

impl Snapshot {
    /// What it shows of a compute.
    pub(crate) fn of(&self, name: &str) -> Seen {
        match (self.at, self.computes.get(&name.to_ascii_lowercase())) {
            (None, _) => Seen::Unknown,
            (Some(_), None) => Seen::Absent,
            (Some(_), Some(compute)) => Seen::Present(Box::new(compute.clone())),
        }
    }

    /// Everything it shows.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Compute> {
        self.computes.values()
    }

    /// Whether something is under way, so that the next look comes sooner.
    fn is_moving(&self) -> bool {
        self.computes.values().any(Compute::is_moving)
    }
}

/// How often a workspace is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pace {
    pub(crate) rest: Duration,
    pub(crate) moving: Duration,
}

/// One shared look. Ends when the last user drops it.
pub(crate) struct Look {
    newest: watch::Sender<Snapshot>,
    pace: watch::Sender<Pace>,
    interests: Mutex<HashMap<String, HashMap<String, Wake>>>,
    sooner: Arc<Notify>,
    task: Mutex<Option<AbortHandle>>,
}

impl Drop for Look {
    fn drop(&mut self) {
        if let Some(task) = self.task.lock().ok().and_then(|mut task| task.take()) {
            task.abort();
        }
    }
}

impl Look {
    /// The newest snapshot; waits for the first one, so that a restart does not report ignorance.
    pub(crate) async fn snapshot(&self, patience: Duration) -> Snapshot {
        let mut newest = self.newest.subscribe();
        let first = newest.wait_for(|snapshot| snapshot.at.is_some() || snapshot.trouble.is_some());
        let seen = tokio::time::timeout(patience, first).await.ok().and_then(Result::ok).map(|s| s.clone());
        seen.unwrap_or_default()
    }

    /// Has an object woken when that compute changes. One object has one interest.
    pub(crate) fn register(&self, compute: &str, who: &str, wake: Wake) {
        if let Ok(mut interests) = self.interests.lock() {
            interests.entry(compute.to_ascii_lowercase()).or_default().insert(who.to_owned(), wake);
        }
    }

    /// The object no longer cares.
    pub(crate) fn unregister(&self, compute: &str, who: &str) {
        if let Ok(mut interests) = self.interests.lock()
            && let Some(of_compute) = interests.get_mut(&compute.to_ascii_lowercase())
        {
            of_compute.remove(who);
        }
    }

    /// The next look comes at the pace of things that move.
    pub(crate) fn hasten(&self) {
        self.sooner.notify_one();
    }

    /// Wakes those who care for one of these computes; `None` wakes all. Whoever is gone is forgotten.
    fn wake(&self, computes: Option<&BTreeSet<String>>) {
        let wanted = |compute: &String| computes.is_none_or(|computes| computes.contains(compute));
        let wakes: Vec<(String, String, Wake)> = match self.interests.lock() {
            Ok(interests) => interests
                .iter()
                .filter(|(compute, _)| wanted(compute))
                .flat_map(|(compute, by)| by.iter().map(|(who, wake)| (compute.clone(), who.clone(), wake.clone())))
                .collect(),
            Err(_) => Vec::new(),
        };
        // Not under the lock: waking reaches into caches.
        for (compute, who, wake) in wakes {
            if !wake() {
                self.unregister(&compute, &who);
            }
        }
    }

    /// Takes a new answer in, and wakes whom it concerns.
    fn take(&self, asked_at: Timestamp, answer: Result<Vec<Compute>, Failure>) {
        let before = self.newest.borrow().clone();
        match answer {
            Ok(computes) => {
                let computes: BTreeMap<String, Compute> =
                    computes.into_iter().map(|c| (c.name.to_ascii_lowercase(), c)).collect();
                let names = computes.keys().chain(before.computes.keys());
                let changed: BTreeSet<String> =
                    names.filter(|name| computes.get(*name) != before.computes.get(*name)).cloned().collect();
                let heals = before.trouble.is_some();
                self.newest.send_replace(Snapshot { computes: Arc::new(computes), at: Some(asked_at), trouble: None });
                self.wake(if heals { None } else { Some(&changed) });
            }
            Err(trouble) => {
                let news = before.trouble.as_ref() != Some(&trouble);
                self.newest.send_replace(Snapshot { trouble: Some(trouble), ..before });
                if news {
                    self.wake(None);
                }
            }
        }
    }
}

/// Workspace (folded id) and whose eyes.
type Key = (String, Arc<str>);

/// All shared looks, by workspace (folded id) and identity.
#[derive(Default)]
pub(crate) struct Looks {
    running: Mutex<HashMap<Key, Weak<Look>>>,
}

impl Looks {
    /// The look for this workspace as seen by this identity; started if nobody uses it yet. The fastest pace wins.
    pub(crate) fn get(&self, workspace: &WorkspaceId, client: &Client, whose: &Arc<str>, pace: Pace) -> Arc<Look> {
        let key = (workspace.to_string().to_ascii_lowercase(), whose.clone());
        let mut running = match self.running.lock() {
            Ok(running) => running,
            Err(poisoned) => poisoned.into_inner(),
        };
        running.retain(|_, look| look.strong_count() > 0);
        if let Some(look) = running.get(&key).and_then(Weak::upgrade) {
            look.pace.send_if_modified(|current| {
                let changed = *current != pace;
                *current = pace;
                changed
            });
            return look;
        }
        let look = Arc::new(Look {
            newest: watch::Sender::new(Snapshot::default()),
            pace: watch::Sender::new(pace),
            interests: Mutex::default(),
            sooner: Arc::default(),
            task: Mutex::default(),
        });
        let task = tokio::spawn(look_for_ever(Arc::downgrade(&look), workspace.clone(), client.clone()));
        if let Ok(mut slot) = look.task.lock() {
            *slot = Some(task.abort_handle());
        }
        running.insert(key, Arc::downgrade(&look));
        look
    }
}

/// Most that a failing look waits, as a multiple of the interval.
const SLOWEST: u32 = 5;

async fn look_for_ever(look: Weak<Look>, workspace: WorkspaceId, client: Client) {
    let mut failures: u32 = 0;
    loop {
        let asked_at = Timestamp::now();
        let answer = client.list_computes(&workspace).await.map_err(|error| failure::of(Attempt::Look, &error));
        let Some(look) = look.upgrade() else { return };
        let floor = answer.as_ref().err().and_then(|failure| failure.retry_after);
        failures = if answer.is_ok() { 0 } else { failures.saturating_add(1) };
        look.take(asked_at, answer);
        let pace = *look.pace.borrow();
        let base =
            if look.newest.borrow().is_moving() || failures > 0 { pace.moving.min(pace.rest) } else { pace.rest };
        let slowed = base.saturating_mul(1 << failures.min(5)).min(pace.rest.saturating_mul(SLOWEST));
        let floor = floor.and_then(|floor| Duration::try_from(floor).ok()).unwrap_or_default();
        let wait = if failures > 0 { slowed } else { base }.max(floor);
        let hastened = pace.moving.max(floor);
        let (sooner, mut paces) = (look.sooner.clone(), look.pace.subscribe());
        // Nothing may be held while waiting, or the last user's leaving would go unnoticed.
        drop(look);
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            // Somebody knows that something moves: not at once, but at the pace of moving things.
            () = sooner.notified(), if wait > hastened => tokio::time::sleep(hastened).await,
            _ = paces.changed() => {}
        }
    }
}
