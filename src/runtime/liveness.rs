//! Whether the loops that must never stop still turn.
//!
//! Must not judge what a loop does, only that it came round; and must not forget a loop that died.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// The loops of a process and when each was last seen. Cheap to clone; clones share them.
#[derive(Clone, Default)]
pub struct Liveness(Arc<Mutex<Watched>>);

#[derive(Default)]
struct Watched {
    next: u64,
    loops: BTreeMap<u64, Loop>,
}

struct Loop {
    name: String,
    limit: Duration,
    seen: Instant,
}

/// The sign of life of one loop. Dropping it is no sign: a loop that panics drops it too. A loop that ends because it
/// should calls [`Heartbeat::finish`].
pub struct Heartbeat {
    liveness: Liveness,
    id: u64,
}

/// A loop that has not been seen for longer than it may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silent {
    /// Its name.
    pub name: String,
    /// How long it has been silent.
    pub silent_for: Duration,
    /// How long it may be.
    pub limit: Duration,
}

impl Liveness {
    /// Nothing to watch: alive.
    pub fn new() -> Self {
        Self::default()
    }

    /// Watches a loop that comes round at least every `limit`. It counts as seen now.
    pub fn watch(&self, name: impl Into<String>, limit: Duration) -> Heartbeat {
        let mut watched = self.watched();
        let id = watched.next;
        watched.next += 1;
        watched.loops.insert(id, Loop { name: name.into(), limit, seen: Instant::now() });
        Heartbeat { liveness: self.clone(), id }
    }

    /// The loops that are silent for too long. Empty: alive.
    pub fn silent(&self) -> Vec<Silent> {
        let now = Instant::now();
        let silent = |watched: &Loop| {
            let silent_for = now.duration_since(watched.seen);
            (silent_for > watched.limit).then(|| Silent {
                name: watched.name.clone(),
                silent_for,
                limit: watched.limit,
            })
        };
        self.watched().loops.values().filter_map(silent).collect()
    }

    fn watched(&self) -> MutexGuard<'_, Watched> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Heartbeat {
    /// The loop came round.
    pub fn beat(&self) {
        if let Some(watched) = self.liveness.watched().loops.get_mut(&self.id) {
            watched.seen = Instant::now();
        }
    }

    /// The loop ended, and should have.
    pub fn finish(self) {
        self.liveness.watched().loops.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn loop_that_stops_beating_is_named_and_heals_when_it_beats_again() {
        let liveness = Liveness::new();
        let limit = Duration::from_secs(60);
        let (slow, quick) = (liveness.watch("slow", limit), liveness.watch("quick", limit));
        tokio::time::advance(Duration::from_secs(40)).await;
        quick.beat();
        assert_eq!(liveness.silent(), []);
        tokio::time::advance(Duration::from_secs(21)).await;
        let silent = Silent { name: "slow".into(), silent_for: Duration::from_secs(61), limit };
        assert_eq!(liveness.silent(), [silent]);
        slow.beat();
        assert_eq!(liveness.silent(), []);
    }

    #[tokio::test(start_paused = true)]
    async fn dropped_heartbeat_falls_silent_and_a_finished_one_does_not() {
        let liveness = Liveness::new();
        drop(liveness.watch("died", Duration::from_secs(1)));
        liveness.watch("done", Duration::from_secs(1)).finish();
        tokio::time::advance(Duration::from_secs(2)).await;
        let names: Vec<String> = liveness.silent().into_iter().map(|silent| silent.name).collect();
        assert_eq!(names, ["died"]);
    }
}
