//! Whether the process is ready, and if not, what it waits for, by name.
//!
//! Must not poll anything: whoever knows says so.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A set of named gates. Ready when every gate is; without gates, ready. Cheap to clone; clones share the gates.
#[derive(Clone, Default)]
pub struct Readiness(Arc<Mutex<BTreeMap<String, Option<String>>>>);

/// One thing the process needs before it is ready. Clones speak of the same thing; dropping one changes nothing.
#[derive(Clone)]
pub struct Gate {
    readiness: Readiness,
    name: String,
}

/// A gate that is not ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The gate's name.
    pub gate: String,
    /// Why, in words for people.
    pub reason: String,
}

/// What a gate says that nobody has spoken for yet.
const NOT_YET: &str = "not yet";

impl Readiness {
    /// No gates: ready.
    pub fn new() -> Self {
        Self::default()
    }

    /// The gate of that name. A new one is not ready; one that exists is left as it is.
    pub fn gate(&self, name: impl Into<String>) -> Gate {
        let name = name.into();
        self.gates().entry(name.clone()).or_insert_with(|| Some(NOT_YET.to_owned()));
        Gate { readiness: self.clone(), name }
    }

    /// The gates that are not ready, by name. Empty: ready.
    pub fn missing(&self) -> Vec<Missing> {
        let gates = self.gates();
        let missing = |(gate, reason): (&String, &Option<String>)| {
            reason.as_ref().map(|reason| Missing { gate: gate.clone(), reason: reason.clone() })
        };
        gates.iter().filter_map(missing).collect()
    }

    fn gates(&self) -> MutexGuard<'_, BTreeMap<String, Option<String>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gate {
    /// It is there.
    pub fn ready(&self) {
        self.set(None);
    }

    /// It is not there (any more), and why.
    pub fn not_ready(&self, reason: impl Into<String>) {
        self.set(Some(reason.into()));
    }

    fn set(&self, reason: Option<String>) {
        let before = self.readiness.gates().insert(self.name.clone(), reason.clone());
        // Said when it changes, not when it is repeated: a loop may report every second.
        if before.as_ref() == Some(&reason) {
            return;
        }
        match reason {
            None => tracing::info!(gate = self.name, "Became ready"),
            Some(reason) => tracing::warn!(gate = self.name, reason, "Is not ready"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing(readiness: &Readiness) -> Vec<(String, String)> {
        readiness.missing().into_iter().map(|missing| (missing.gate, missing.reason)).collect()
    }

    #[test]
    fn readiness_names_every_gate_that_is_not_ready() {
        let readiness = Readiness::new();
        assert!(missing(&readiness).is_empty());
        let (crd, azure) = (readiness.gate("crd"), readiness.gate("azure"));
        crd.not_ready("not installed");
        let expected = [("azure".to_owned(), "not yet".to_owned()), ("crd".to_owned(), "not installed".to_owned())];
        assert_eq!(missing(&readiness), expected);
        crd.ready();
        azure.ready();
        assert!(missing(&readiness).is_empty());
        azure.not_ready("lost");
        assert_eq!(missing(&readiness), [("azure".to_owned(), "lost".to_owned())]);
    }

    #[test]
    fn gate_asked_for_twice_is_one_gate_that_outlives_its_handles() {
        let readiness = Readiness::new();
        readiness.gate("crd").ready();
        drop(readiness.gate("crd"));
        assert!(missing(&readiness).is_empty());
        readiness.clone().gate("crd").not_ready("gone");
        assert_eq!(missing(&readiness).len(), 1);
    }
}
