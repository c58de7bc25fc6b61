//! Management locks: which writes and deletes they refuse, wherever they are set. Knows no requests.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{errors::Refusal, route::reaches, seed::Lock};

/// All locks, by scope in lower case, with the scope as it was spelled.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Locks {
    set: BTreeMap<String, (String, Lock)>,
}

impl Locks {
    /// Sets the lock of a scope, or takes it away.
    pub(crate) fn change(&mut self, scope: &str, lock: Option<Lock>) {
        let scope = scope.trim_end_matches('/');
        match lock {
            Some(lock) => self.set.insert(scope.to_ascii_lowercase(), (scope.to_owned(), lock)),
            None => self.set.remove(&scope.to_ascii_lowercase()),
        };
    }

    /// Takes the locks on a scope and all below it away: what they were on is gone.
    pub(crate) fn forget(&mut self, scope: &str) {
        let scope = scope.to_ascii_lowercase();
        self.set.retain(|known, _| !reaches(&scope, known));
    }

    /// The lock on a scope itself.
    pub(crate) fn on(&self, scope: &str) -> Option<Lock> {
        self.set.get(&scope.to_ascii_lowercase()).map(|(_, lock)| *lock)
    }

    /// All locks: scope and level.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, Lock)> {
        self.set.values().map(|(scope, lock)| (scope.as_str(), *lock))
    }

    /// Checks a request. Every POST counts as a write: a read-only lock stops starts and listings of keys too (the
    /// documentation of locks, "considerations before applying your locks").
    ///
    /// # Errors
    /// 409 `ScopeLocked` if a lock on the scope or above it stops the method.
    pub(crate) fn allow(&self, method: &str, scope: &str) -> Result<(), Refusal> {
        let (verb, stops): (_, fn(Lock) -> bool) = match method {
            "GET" | "HEAD" => return Ok(()),
            "DELETE" => ("delete", |_| true),
            _ => ("write", |lock| lock == Lock::ReadOnly),
        };
        let lower = scope.to_ascii_lowercase();
        let stopping = self.set.iter().filter(|(known, (_, lock))| stops(*lock) && reaches(known, &lower));
        let scopes: Vec<String> = stopping.map(|(_, (spelled, _))| format!("'{spelled}'")).collect();
        if scopes.is_empty() {
            return Ok(());
        }
        let text = format!(
            "The scope '{scope}' cannot perform {verb} operation because following scope(s) are locked: {}. Please remove the lock and try again.",
            scopes.join(",")
        );
        Err(Refusal::gateway(409, "ScopeLocked", text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lock_stops_its_methods_on_its_scope_and_below() {
        let mut locks = Locks::default();
        locks.change("/subscriptions/S/resourceGroups/Ml/", Some(Lock::CanNotDelete));
        locks.change("/subscriptions/S/resourceGroups/ml/providers/P/workspaces/w/computes/c", Some(Lock::ReadOnly));
        let below = |rest: &str| format!("/subscriptions/s/resourcegroups/ml{rest}");
        let compute = below("/providers/P/workspaces/w/computes/c");
        for (method, scope, allowed) in [
            ("GET", compute.clone(), true),
            ("PUT", compute.clone(), false),
            ("POST", compute.clone(), false),
            ("DELETE", compute.clone(), false),
            ("PUT", below("/providers/P/workspaces/w/computes/c2"), true),
            ("DELETE", below("/providers/P/workspaces/w/computes/c2"), false),
            ("DELETE", below("2/providers/P/workspaces/w"), true),
        ] {
            assert_eq!(locks.allow(method, &scope).is_ok(), allowed, "{method} {scope}");
        }
        let both = locks.allow("DELETE", &compute).unwrap_err().message;
        assert!(both.contains("are locked: '/subscriptions/S/resourceGroups/Ml','/subscriptions/S/"), "{both}");
        locks.change("/subscriptions/s/resourceGroups/ml", None);
        locks.forget("/subscriptions/S/resourceGroups/ml/providers/P/workspaces/w");
        assert_eq!(locks.all().count(), 0);
    }
}
