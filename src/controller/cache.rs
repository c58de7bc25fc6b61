//! What the watches last saw, and how one controller asks another to look at an object again.
//!
//! Must not be the ground of a destructive step; it is a trigger and a first look only.

use kube::core::DeserializeGuard;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::{Resource, ResourceExt};
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::{Arc, OnceLock};
use tokio::sync::mpsc;

/// The cache and trigger of one kind; one store per served namespace, or one for all.
pub(crate) struct Cache<K: Resource<DynamicType = ()> + Clone + 'static> {
    parts: OnceLock<Vec<Part<K>>>,
}

/// One watch: of one namespace, or of all.
pub(crate) struct Part<K: Resource<DynamicType = ()> + Clone + 'static> {
    pub(crate) namespace: Option<String>,
    pub(crate) store: Store<DeserializeGuard<K>>,
    pub(crate) trigger: mpsc::UnboundedSender<ObjectRef<DeserializeGuard<K>>>,
}

impl<K: Resource<DynamicType = ()> + Clone + Debug + 'static> Cache<K>
where
    DeserializeGuard<K>: Resource<DynamicType = ()> + Clone,
    <DeserializeGuard<K> as Resource>::DynamicType: Hash + Eq + Clone,
{
    pub(crate) fn new() -> Self {
        Self { parts: OnceLock::new() }
    }

    /// Told once, when the watches start.
    pub(crate) fn start(&self, parts: Vec<Part<K>>) {
        // A second start would be a bug of ours; the first one stands.
        let _ = self.parts.set(parts);
    }

    fn of(&self, namespace: &str) -> impl Iterator<Item = &Part<K>> {
        let serves = move |part: &&Part<K>| part.namespace.as_deref().is_none_or(|served| served == namespace);
        self.parts.get().into_iter().flatten().filter(serves)
    }

    /// One object, if it is there and can be decoded.
    pub(crate) fn get(&self, namespace: &str, name: &str) -> Option<K> {
        let key = ObjectRef::new(name).within(namespace);
        let found = self.of(namespace).find_map(|part| part.store.get(&key))?;
        Arc::unwrap_or_clone(found).0.ok()
    }

    /// Whether an object is there and cannot be decoded.
    pub(crate) fn is_undecodable(&self, namespace: &str, name: &str) -> bool {
        let key = ObjectRef::new(name).within(namespace);
        self.of(namespace).find_map(|part| part.store.get(&key)).is_some_and(|object| object.0.is_err())
    }

    /// All objects of a namespace that can be decoded.
    pub(crate) fn in_namespace(&self, namespace: &str) -> Vec<Arc<DeserializeGuard<K>>> {
        let all = self.of(namespace).flat_map(|part| part.store.state());
        all.filter(|object| object.namespace().as_deref() == Some(namespace) && object.0.is_ok()).collect()
    }

    /// All objects everywhere that can be decoded.
    pub(crate) fn everywhere(&self) -> Vec<Arc<DeserializeGuard<K>>> {
        self.parts.get().into_iter().flatten().flat_map(|part| part.store.state()).filter(|o| o.0.is_ok()).collect()
    }

    /// The namespaces that are served; `None` is all of them.
    pub(crate) fn served(&self) -> Vec<Option<String>> {
        self.parts.get().into_iter().flatten().map(|part| part.namespace.clone()).collect()
    }

    /// Has an object looked at again, soon.
    pub(crate) fn trigger(&self, namespace: &str, name: &str) {
        for part in self.of(namespace) {
            // A closed channel means that the controller has ended: nothing is to be looked at any more.
            let _ = part.trigger.send(ObjectRef::new(name).within(namespace));
        }
    }
}
