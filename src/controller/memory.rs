//! What the engine remembers of each object, by UID. All of it may be lost: a restart only looks again.
//!
//! Must not be written to Kubernetes; status is rebuilt from Azure and the object's own metadata.

use crate::looks::Look;
use azureml::OperationUrl;
use jiff::Timestamp;
use plan::{Failure, Memory, Seen, Setback};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

/// The memory of one object.
#[derive(Default)]
pub(crate) struct Slot {
    /// What the decision sees of it.
    pub(crate) memory: Memory,
    /// Where the operation that runs is looked at.
    pub(crate) operation: Option<OperationUrl>,
    /// Not before this time.
    pub(crate) poll_at: Option<Timestamp>,
    /// The newest GET of this compute alone, and when it was asked.
    pub(crate) own_look: Option<(Seen, Timestamp)>,
    /// The shared look this object uses: as long as one object holds it, it goes on.
    pub(crate) look: Option<Arc<Look>>,
    /// resourceVersion of our newest write: an older object in the cache is not acted on.
    pub(crate) written: Option<String>,
    /// Value of the reconcile-now annotation that was served.
    pub(crate) requested: Option<String>,
    /// Whether a GET is wanted in the next pass.
    pub(crate) wants_look: bool,
    /// Whether the object was looked at before in this process.
    pub(crate) met: bool,
}

/// Longest that an operation is believed to run: setup in a closed network takes half an hour (azureml-api.md a.4).
const LONGEST_OPERATION: jiff::SignedDuration = jiff::SignedDuration::from_mins(45);

impl Slot {
    /// Something went wrong.
    pub(crate) fn set_back(&mut self, failure: Failure, generation: i64, now: Timestamp) {
        let before = self.memory.setback.take().filter(|old| old.generation == generation);
        // Another cause starts its own count of time, so that 403 has its grace after any other trouble.
        let same = before.as_ref().is_some_and(|old| old.failure.cause == failure.cause);
        let since = before.as_ref().filter(|_| same).map_or(now, |old| old.since);
        let attempts = before.map_or(1, |old| old.attempts.saturating_add(1));
        self.memory.setback = Some(Setback { failure, attempts, at: now, since, generation });
    }

    /// Keeps since when the shared looks have been failing for this reason.
    pub(crate) fn see(&mut self, trouble: Option<&Failure>, generation: i64, now: Timestamp) {
        let same = |blind: &Setback, failure: &Failure| blind.failure.cause == failure.cause;
        match trouble {
            Some(failure) if self.memory.blind.as_ref().is_some_and(|blind| same(blind, failure)) => {}
            Some(failure) => {
                let failure = failure.clone();
                self.memory.blind = Some(Setback { failure, attempts: 1, at: now, since: now, generation });
            }
            None => self.memory.blind = None,
        }
    }

    /// The operation is no longer known to run; the compute itself tells how it ended.
    pub(crate) fn operation_ended(&mut self) {
        self.operation = None;
        self.poll_at = None;
        if let Some(write) = &mut self.memory.write {
            write.running = false;
        }
    }

    /// The operation failed: it was not ignored, so that its change may be sent again as if for the first time.
    pub(crate) fn operation_failed(&mut self) {
        self.operation_ended();
        if let Some(write) = &mut self.memory.write {
            write.times = 0;
        }
    }

    /// Gives up waiting for an operation that never ends.
    pub(crate) fn expire(&mut self, now: Timestamp) {
        let too_long = |write: &plan::AcceptedWrite| write.running && now.duration_since(write.at) > LONGEST_OPERATION;
        if self.memory.write.as_ref().is_some_and(too_long) {
            self.operation_ended();
        }
    }
}

/// Memories by UID.
#[derive(Default)]
pub(crate) struct Memories {
    slots: Mutex<HashMap<String, Slot>>,
}

impl Memories {
    /// Takes an object's memory out for a pass; one object has one pass at a time.
    pub(crate) fn take(&self, uid: &str) -> Slot {
        self.slots.lock().ok().and_then(|mut slots| slots.remove(uid)).unwrap_or_default()
    }

    /// Forgets all others. One that is out for a pass comes back by itself.
    pub(crate) fn keep_only(&self, uids: &BTreeSet<String>) {
        if let Ok(mut slots) = self.slots.lock() {
            slots.retain(|uid, _| uids.contains(uid));
        }
    }

    /// Puts it back.
    pub(crate) fn put(&self, uid: &str, slot: Slot) {
        if let Ok(mut slots) = self.slots.lock() {
            slots.insert(uid.to_owned(), slot);
        }
    }
}
