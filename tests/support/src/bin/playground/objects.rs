//! The operator's objects as the demo shows them; it must not know more of a kind than every kind has.

use std::time::Duration;

use kube::api::{ApiResource, DynamicObject, GroupVersionKind, ListParams};
use kube::{Api, Client};
use serde_json::Value;
use support::{Context, Result, wait};

use crate::terminal::Live;

const GROUP: &str = "compute.azureml.dev";
const VERSION: &str = "v1alpha1";

/// Kind and plural, in the order in which one needs the other.
const KINDS: [(&str, &str); 5] = [
    ("AzureIdentity", "azureidentities"),
    ("Workspace", "workspaces"),
    ("ComputeCluster", "computeclusters"),
    ("ComputeInstance", "computeinstances"),
    ("AttachedCompute", "attachedcomputes"),
];

/// One object.
pub(crate) struct Seen {
    object: Value,
}

impl Seen {
    fn text(&self, pointer: &str) -> &str {
        self.object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    /// A field of its Ready condition.
    fn ready(&self, field: &str) -> &str {
        self.condition("Ready").and_then(|ready| ready[field].as_str()).unwrap_or_default()
    }

    fn condition(&self, kind: &str) -> Option<&Value> {
        let conditions = self.object.pointer("/status/conditions")?.as_array()?;
        conditions.iter().find(|condition| condition["type"] == kind)
    }

    pub(crate) fn name(&self) -> String {
        format!("{}/{}", self.text("/kind"), self.text("/metadata/name"))
    }

    /// Its power state; empty for what has none.
    pub(crate) fn power(&self) -> &str {
        self.text("/status/powerState")
    }

    /// Ready, and by what was last declared.
    pub(crate) fn is_ready(&self) -> bool {
        self.ready("status") == "True"
            && self.object.pointer("/status/observedGeneration") == self.object.pointer("/metadata/generation")
    }

    /// Will not become Ready by itself.
    pub(crate) fn is_stalled(&self) -> bool {
        self.condition("Stalled").is_some_and(|stalled| stalled["status"] == "True")
    }

    /// Its name and why it is not Ready, for the message of a failure.
    pub(crate) fn explain(&self) -> String {
        let (reason, message) = (self.ready("reason"), self.ready("message"));
        if reason.is_empty() {
            return format!("{}: no Ready condition yet", self.name());
        }
        format!("{}: {reason}: {message}", self.name())
    }

    fn row(&self) -> Vec<String> {
        let nodes = self.object.pointer("/status/nodes/current").map(ToString::to_string).unwrap_or_default();
        let power = self.power();
        let state = if power.is_empty() { self.text("/status/azure/provisioningState") } else { power };
        let deleted = !self.text("/metadata/deletionTimestamp").is_empty();
        let message = if self.is_ready() { "" } else { self.ready("message") };
        let short: String = message.chars().take(70).collect();
        let ready = if self.ready("status").is_empty() { "-" } else { self.ready("status") };
        let reason = if deleted { "(being deleted)" } else { self.ready("reason") };
        [&self.name(), ready, reason, state, &nodes, &short].map(str::to_owned).to_vec()
    }
}

fn heading() -> Vec<String> {
    ["OBJECT", "READY", "REASON", "STATE", "NODES", "WHY NOT"].map(str::to_owned).to_vec()
}

/// All objects of the operator in a namespace.
pub(crate) async fn list(client: &Client, namespace: &str) -> Result<Vec<Seen>> {
    let mut all = Vec::new();
    for (kind, plural) in KINDS {
        let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(GROUP, VERSION, kind), plural);
        let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &resource);
        let found = api.list(&ListParams::default()).await.context(|| format!("cannot list {plural}"))?;
        for item in found.items {
            let mut object = serde_json::to_value(&item).context(|| format!("cannot read {plural}"))?;
            // Items of a list do not say their kind.
            object["kind"] = Value::from(kind);
            all.push(Seen { object });
        }
    }
    Ok(all)
}

/// The objects of a demo: others, which somebody makes meanwhile in another shell, are not its business.
pub(crate) struct Cast<'a> {
    pub(crate) client: &'a Client,
    pub(crate) namespace: &'a str,
    pub(crate) names: Vec<String>,
}

/// Shows the objects of a demo until `done` says so.
pub(crate) async fn watch(
    cast: &Cast<'_>,
    what: &str,
    within: Duration,
    done: impl AsyncFn(&[Seen]) -> Result<bool>,
) -> Result<()> {
    let mut table = Live::new();
    wait::until(what, within, async || {
        let mut seen = list(cast.client, cast.namespace).await.map_err(|error| format!("{error:?}"))?;
        seen.retain(|each| cast.names.contains(&each.name()));
        let rows: Vec<Vec<String>> = std::iter::once(heading()).chain(seen.iter().map(Seen::row)).collect();
        table.show(&rows);
        let open = || seen.iter().filter(|each| !each.is_ready()).map(Seen::explain).collect::<Vec<_>>().join("; ");
        match done(&seen).await {
            Ok(true) => Ok(Ok(())),
            // It may heal, but not while somebody waits.
            Ok(false) if seen.iter().any(Seen::is_stalled) => {
                Ok(Err(support::Error::new(format!("stalled: {}", open()))))
            }
            Ok(false) => Err(open()),
            Err(error) => Err(format!("{error:?}")),
        }
    })
    .await?
}
