//! What all controllers of one process share.
//!
//! Must not hold anything of a single kind of compute; those register as families.

use crate::cache::Cache;
use crate::credentials::Credentials;
use crate::fingerprint::Fingerprints;
use crate::looks::{Looks, Pace};
use crate::metrics::Metrics;
use crate::named::{Named, ObjectName, OnChange};
use crate::objects::{ObjectError, Objects};
use crate::offers::Offers;
use crate::settings::Settings;
use api::{AzureIdentity, Workspace, WorkspaceStatus};
use azureml::Gate;
use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use kube::{Client, Resource, ResourceExt};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

/// One kind of compute, as the controllers of workspaces and identities see it.
pub(crate) trait Family: Send + Sync {
    /// Names of the objects in that namespace which refer to that Workspace.
    fn users_of_workspace(&self, namespace: &str, workspace: &str) -> Vec<String>;
    /// Whether one of them is being deleted: when it is gone nobody tells, so it has to be looked for.
    fn is_user_leaving(&self, namespace: &str, workspace: &str) -> bool;
    /// How many of them still hold something in Azure, asked of the API server now.
    fn holders<'a>(&'a self, namespace: &'a str, workspace: &'a str) -> BoxFuture<'a, Result<usize, ObjectError>>;
    /// Has them looked at again.
    fn trigger_users_of_workspace(&self, namespace: &str, workspace: &str);
    /// Has those looked at again that refer to that Secret.
    fn trigger_users_of_secret(&self, secret: &ObjectName);
    /// Has those looked at again that refer to that ConfigMap.
    fn trigger_users_of_config_map(&self, config_map: &ObjectName);
    /// Forgets what is remembered of objects that are gone.
    fn forget_gone(&self);
    /// All Secrets that objects of this kind refer to.
    fn secrets(&self) -> BTreeSet<ObjectName>;
    /// All ConfigMaps that objects of this kind refer to.
    fn config_maps(&self) -> BTreeSet<ObjectName>;
}

/// What all controllers share.
pub(crate) struct Context {
    pub(crate) settings: Settings,
    pub(crate) objects: Objects,
    pub(crate) secrets: Named<Secret>,
    pub(crate) config_maps: Named<ConfigMap>,
    pub(crate) fingerprints: Fingerprints,
    pub(crate) credentials: Credentials,
    pub(crate) looks: Looks,
    pub(crate) offers: Offers,
    pub(crate) gate: Gate,
    pub(crate) metrics: Metrics,
    pub(crate) workspaces: Cache<Workspace>,
    pub(crate) identities: Cache<AzureIdentity>,
    families: OnceLock<Vec<Arc<dyn Family>>>,
    /// What was last told of each Workspace (by UID) to those that use it.
    told: Mutex<HashMap<String, (bool, Option<WorkspaceStatus>)>>,
    ready: tokio::sync::watch::Sender<bool>,
    recorder: Recorder,
}

impl Context {
    pub(crate) fn new(client: Client, settings: Settings, metrics: Metrics) -> Arc<Self> {
        let objects = Objects::new(client.clone(), settings.kubernetes_timeout);
        let reporter =
            Reporter { controller: "azureml-compute-operator".into(), instance: Some(settings.instance.clone()) };
        Arc::new(Self {
            secrets: Named::new(objects.clone()),
            config_maps: Named::new(objects.clone()),
            fingerprints: Fingerprints::default(),
            credentials: Credentials::default(),
            looks: Looks::default(),
            offers: Offers::new(settings.sizes_ttl, settings.usages_ttl),
            gate: Gate::new(),
            metrics,
            workspaces: Cache::new(),
            identities: Cache::new(),
            families: OnceLock::new(),
            told: Mutex::default(),
            ready: tokio::sync::watch::Sender::new(false),
            recorder: Recorder::new(client, reporter),
            objects,
            settings,
        })
    }

    /// Told once, before the controllers start.
    pub(crate) fn set_families(&self, families: Vec<Arc<dyn Family>>) {
        // A second start would be a bug of ours; the first one stands.
        let _ = self.families.set(families);
    }

    /// All caches are filled from now on.
    pub(crate) fn set_ready(&self) {
        self.ready.send_replace(true);
    }

    /// Waits until all caches are filled.
    pub(crate) async fn until_ready(&self) {
        // The sender lives as long as the context, so this cannot fail.
        let _ = self.ready.subscribe().wait_for(|ready| *ready).await;
    }

    pub(crate) fn families(&self) -> impl Iterator<Item = &Arc<dyn Family>> {
        self.families.get().into_iter().flatten()
    }

    /// Whether what the cache has of the Workspace differs from what its users were last told; from now on it counts as
    /// told.
    pub(crate) fn is_news(&self, workspace_uid: &str, held: bool, status: Option<&WorkspaceStatus>) -> bool {
        let Ok(mut told) = self.told.lock() else { return true };
        let now = (held, status.cloned());
        told.insert(workspace_uid.to_owned(), now.clone()) != Some(now)
    }

    /// How often a workspace with this declared interval is looked at.
    pub(crate) fn pace(&self, declared: &str) -> Pace {
        let declared = arm::parse_duration(declared).and_then(|d| Duration::try_from(d).ok());
        let rest = self.settings.observe_interval.or(declared).unwrap_or(Duration::from_secs(60));
        let moving = Duration::try_from(self.settings.plan.transition).unwrap_or(rest);
        Pace { rest, moving: moving.min(rest) }
    }

    /// What is done when a Secret changes: whoever refers to it is looked at again.
    pub(crate) fn on_secret_change(self: &Arc<Self>) -> OnChange {
        let context = Arc::downgrade(self);
        Arc::new(move |name| {
            let Some(context) = context.upgrade() else { return };
            for identity in context.identities.in_namespace(&name.0) {
                let uses = identity
                    .0
                    .as_ref()
                    .is_ok_and(|id| crate::identity::secret_of(id).is_some_and(|s| s.name == name.1));
                if uses {
                    context.identities.trigger(&name.0, &identity.name_any());
                }
            }
            context.families().for_each(|family| family.trigger_users_of_secret(name));
        })
    }

    /// What is done when a ConfigMap changes: whoever refers to it is looked at again.
    pub(crate) fn on_config_map_change(self: &Arc<Self>) -> OnChange {
        let context = Arc::downgrade(self);
        Arc::new(move |name| {
            let Some(context) = context.upgrade() else { return };
            context.families().for_each(|family| family.trigger_users_of_config_map(name));
        })
    }

    /// Says on an object what has changed about it. An event that cannot be written fails nothing: in a namespace that
    /// is being deleted none can.
    pub(crate) async fn say<K: Resource<DynamicType = ()>>(
        &self,
        object: &K,
        warning: bool,
        action: &str,
        reason: &str,
        note: &str,
    ) {
        let event = Event {
            type_: if warning { EventType::Warning } else { EventType::Normal },
            reason: reason.chars().take(128).collect(),
            note: Some(note.chars().take(1000).collect()),
            action: action.to_owned(),
            secondary: None,
        };
        let reference = object.object_ref(&());
        let publish = self.recorder.publish(&event, &reference);
        match tokio::time::timeout(self.settings.kubernetes_timeout, publish).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, reason, "Cannot write an event"),
            Err(_) => tracing::debug!(reason, "Cannot write an event in time"),
        }
    }
}
