//! Reads and writes of Kubernetes objects, each with a deadline, each tested against the object it is meant for.
//!
//! Must not touch spec, labels or foreign annotations and finalizers. Patches of metadata test the UID, because a
//! name may belong to another object by now.

use api::annotations::CLAIM;
use kube::api::{Patch, PatchParams};
use kube::core::{DeserializeGuard, NamespaceResourceScope, PartialObjectMeta};
use kube::{Api, Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::fmt::Debug;
use std::time::Duration;

/// Name under which our server-side applies own fields.
pub(crate) const MANAGER: &str = "azureml-compute-operator";

/// Why Kubernetes was not reached or refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ObjectError {
    /// It answered with an error.
    #[error(transparent)]
    Api(#[from] kube::Error),
    /// It did not answer in time.
    #[error("the API server did not answer in time")]
    Timeout,
    /// The system gave no random bytes.
    #[error("the system gives no random bytes for a new key")]
    NoRandomness,
    /// A Secret of ours that holds no key of ours.
    #[error("the Secret has no entry `key` of at least 32 bytes; delete it, and the operator makes a new one")]
    UnusableKey,
}

impl ObjectError {
    fn code(&self) -> Option<u16> {
        match self {
            Self::Api(kube::Error::Api(status)) => Some(status.code),
            Self::Api(_) | Self::Timeout | Self::NoRandomness | Self::UnusableKey => None,
        }
    }

    /// We may not.
    pub(crate) fn is_forbidden(&self) -> bool {
        self.code() == Some(403)
    }

    /// There is no such thing, or no such namespace.
    pub(crate) fn is_missing(&self) -> bool {
        self.code() == Some(404)
    }

    /// It is there already, or was changed.
    pub(crate) fn is_conflict(&self) -> bool {
        self.code() == Some(409)
    }

    /// The object is another one, or has changed, since it was read (409 conflict, 422 failed test).
    pub(crate) fn is_outdated(&self) -> bool {
        matches!(self.code(), Some(404 | 409 | 422))
    }
}

/// A kind that lives in namespaces.
pub(crate) trait Namespaced:
    Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned
{
}
impl<K> Namespaced for K where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned
{
}

/// Access to Kubernetes with one deadline for all calls.
#[derive(Clone)]
pub(crate) struct Objects {
    client: Client,
    timeout: Duration,
}

impl Objects {
    pub(crate) fn new(client: Client, timeout: Duration) -> Self {
        Self { client, timeout }
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    async fn deadline<T>(&self, call: impl Future<Output = Result<T, kube::Error>>) -> Result<T, ObjectError> {
        match tokio::time::timeout(self.timeout, call).await {
            Ok(result) => Ok(result?),
            Err(_) => Err(ObjectError::Timeout),
        }
    }

    fn api<K: Namespaced>(&self, namespace: &str) -> Api<K> {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// The object as it is now; `None` if there is none.
    pub(crate) async fn get<K: Namespaced>(&self, namespace: &str, name: &str) -> Result<Option<K>, ObjectError> {
        self.deadline(self.api::<K>(namespace).get_opt(name)).await
    }

    /// The namespace the operator runs in: that of its ServiceAccount, or of the context it was given.
    pub(crate) fn own_namespace(&self) -> &str {
        self.client.default_namespace()
    }

    /// Makes an object.
    pub(crate) async fn create<K: Namespaced + serde::Serialize>(&self, object: &K) -> Result<(), ObjectError> {
        let api = self.api::<K>(&object.namespace().unwrap_or_default());
        let params = kube::api::PostParams { field_manager: Some(MANAGER.into()), ..Default::default() };
        self.deadline(api.create(&params, object)).await.map(|_| ())
    }

    /// All objects of a kind in a namespace, as they are now.
    pub(crate) async fn list<K: Namespaced>(&self, namespace: &str) -> Result<Vec<K>, ObjectError> {
        let api = self.api::<K>(namespace);
        Ok(self.deadline(api.list(&kube::api::ListParams::default())).await?.items)
    }

    /// All objects of a kind that can be decoded, of a namespace or of all, as they are now.
    pub(crate) async fn list_lenient<K: Namespaced>(&self, namespace: Option<&str>) -> Result<Vec<K>, ObjectError> {
        let api: Api<DeserializeGuard<K>> = match namespace {
            Some(namespace) => Api::namespaced(self.client.clone(), namespace),
            None => Api::all(self.client.clone()),
        };
        let items = self.deadline(api.list(&kube::api::ListParams::default())).await?.items;
        Ok(items.into_iter().filter_map(|item| item.0.ok()).collect())
    }

    /// Finalizer and claim, in one patch that only this very object takes.
    pub(crate) async fn claim<K: Namespaced>(
        &self,
        object: &K,
        finalizer: &str,
        claim: &str,
    ) -> Result<(), ObjectError> {
        let mut patch = with_finalizer(object, finalizer);
        if object.meta().annotations.is_none() {
            patch.push(json!({"op": "add", "path": "/metadata/annotations", "value": {}}));
        }
        let path = format!("/metadata/annotations/{}", CLAIM.replace('/', "~1"));
        patch.push(json!({"op": "add", "path": path, "value": claim}));
        self.patch_metadata(object, patch).await
    }

    /// Adds a finalizer, if this very object has it not.
    pub(crate) async fn hold<K: Namespaced>(&self, object: &K, finalizer: &str) -> Result<(), ObjectError> {
        if has(object, finalizer) {
            return Ok(());
        }
        self.patch_metadata(object, with_finalizer(object, finalizer)).await
    }

    /// Takes a finalizer off, if this very object has it.
    pub(crate) async fn release<K: Namespaced>(&self, object: &K, finalizer: &str) -> Result<(), ObjectError> {
        let Some(at) = object.finalizers().iter().position(|have| have == finalizer) else { return Ok(()) };
        let path = format!("/metadata/finalizers/{at}");
        let patch = vec![
            json!({"op": "test", "path": "/metadata/uid", "value": object.uid()}),
            json!({"op": "test", "path": path, "value": finalizer}),
            json!({"op": "remove", "path": path}),
        ];
        self.patch_metadata(object, patch).await
    }

    /// Patches metadata only, and asks for metadata only: the answer of a Secret's patch holds no secret.
    async fn patch_metadata<K: Namespaced>(&self, object: &K, patch: Vec<Value>) -> Result<(), ObjectError> {
        let operations: json_patch::Patch = serde_json::from_value(patch.into()).map_err(kube::Error::SerdeError)?;
        let api: Api<PartialObjectMeta<K>> =
            Api::namespaced(self.client.clone(), &object.namespace().unwrap_or_default());
        let name = object.name_any();
        let params = PatchParams { field_manager: Some(MANAGER.into()), ..PatchParams::default() };
        self.deadline(api.patch_metadata(&name, &params, &Patch::<()>::Json(operations))).await.map(|_| ())
    }

    /// Applies a status onto the very version of the object that was read; 409 means read again. Returns the new
    /// resourceVersion.
    pub(crate) async fn apply_status<K: Namespaced>(
        &self,
        object: &K,
        status: &Value,
    ) -> Result<Option<String>, ObjectError> {
        let body = json!({
            "apiVersion": K::api_version(&()),
            "kind": K::kind(&()),
            "metadata": {
                "name": object.name_any(),
                "namespace": object.namespace(),
                "resourceVersion": object.resource_version(),
            },
            "status": status,
        });
        let api = self.api::<K>(&object.namespace().unwrap_or_default());
        let params = PatchParams::apply(MANAGER).force();
        let name = object.name_any();
        let patch = Patch::Apply(body);
        let written = self.deadline(api.patch_status(&name, &params, &patch)).await?;
        Ok(written.resource_version())
    }
}

/// Whether the object carries a finalizer.
pub(crate) fn has<K: Resource>(object: &K, finalizer: &str) -> bool {
    object.meta().finalizers.iter().flatten().any(|have| have == finalizer)
}

/// JSON Patch operations that add a finalizer to the object of this UID, whatever others stand there.
fn with_finalizer<K: Resource>(object: &K, finalizer: &str) -> Vec<Value> {
    let mut patch = vec![json!({"op": "test", "path": "/metadata/uid", "value": object.meta().uid})];
    match object.meta().finalizers.as_deref() {
        None | Some([]) => {
            patch.push(json!({"op": "add", "path": "/metadata/finalizers", "value": [finalizer]}));
            // An empty list and an absent one look the same here; the version makes sure nobody added one meanwhile.
            patch.push(
                json!({"op": "test", "path": "/metadata/resourceVersion", "value": object.meta().resource_version}),
            );
        }
        Some(have) if have.iter().any(|f| f == finalizer) => {}
        Some(_) => patch.push(json!({"op": "add", "path": "/metadata/finalizers/-", "value": finalizer})),
    }
    patch
}
