//! What a kind of compute must bring so that the one decision serves it.
//!
//! Must not let a kind decide: it states facts (what is declared, how fields compare), the decision is made once.

use crate::action::Because;
use crate::inputs::{Refs, WorkspaceFacts};
use crate::rules::{Change, Difference, FieldRule};
use crate::standing::{Known, Standing};
use crate::unshown::WriteOnly;
use api::{
    AdoptionPolicy, Advice, ComputeStatus, ConfigMapKeyRef, DeletionPolicy, DriftPolicy, LocalRef, ManagedIdentity,
    ManagementPolicy, ReplacePolicy, SecretKeyRef,
};
use arm::{ArmError, Compute, ComputeAction, ComputeType, ResourceMark, UnderlyingAction};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::collections::BTreeMap;

/// What a delete of the object does in Azure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// The compute goes, with what lies under it.
    Delete,
    /// The compute goes, and what lies under it stays.
    Detach,
    /// Nothing.
    Retain,
}

impl From<DeletionPolicy> for Removal {
    fn from(policy: DeletionPolicy) -> Self {
        match policy {
            DeletionPolicy::Delete => Self::Delete,
            DeletionPolicy::Retain => Self::Retain,
        }
    }
}

/// The part of a spec that every compute has.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// Its workspace.
    pub workspace_ref: &'a LocalRef,
    /// Its name in Azure, if not the object's.
    pub azure_name: Option<&'a str>,
    /// Its tags.
    pub tags: &'a BTreeMap<String, String>,
    /// Its managed identity.
    pub identity: Option<&'a ManagedIdentity>,
    /// Whether Azure may be changed.
    pub management: ManagementPolicy,
    /// What a delete of the object does.
    pub removal: Removal,
    /// How the compute leaves where it is to be made again.
    pub remade_by: UnderlyingAction,
    /// What happens to one that exists.
    pub adoption: AdoptionPolicy,
    /// What happens when a field differs that cannot be changed.
    pub replace: ReplacePolicy,
    /// What happens when somebody else changed it.
    pub drift: DriftPolicy,
}

/// What of a location's sizes and quota the compute asks for.
#[derive(Clone, Copy, Debug)]
pub struct Sizing<'a> {
    /// VM size.
    pub vm_size: &'a str,
    /// Region, if not the workspace's.
    pub location: Option<&'a str>,
    /// Whether nodes are low priority.
    pub low_priority: bool,
    /// Most nodes there may be.
    pub max_nodes: i64,
    /// Name of the compute type in the size's list.
    pub compute_type: &'static str,
}

/// Nodes that Azure ML makes outside its own quota and that only need to be large enough.
#[derive(Clone, Copy, Debug)]
pub struct NodePool<'a> {
    /// The field that declares them.
    pub field: &'static str,
    /// VM size.
    pub vm_size: &'a str,
    /// How many.
    pub nodes: i64,
    /// Region, if not the workspace's.
    pub location: Option<&'a str>,
    /// vCPUs that all of them together must have.
    pub least_vcpus: i64,
    /// The way out beside more or larger nodes.
    pub way: &'static str,
}

/// One kind of compute. Every function is pure and total.
pub trait Kind: kube::Resource<DynamicType = ()> + Clone {
    /// Name of the kind.
    const NAME: &'static str;

    /// Discriminator on the wire.
    fn compute_type(&self) -> ComputeType;
    /// How its fields compare and change.
    fn rules(&self) -> &'static [FieldRule];
    /// The part of the spec that every compute has.
    fn head(&self) -> Head<'_>;
    /// How tags and identity change once the compute exists. Where they do not, no PUT follows the create, an adopted
    /// compute never gets our tags, and the claim on the object says whose it is.
    fn envelope(&self) -> Change {
        Change::Put
    }
    /// What a recreation destroys and nothing brings back, for people, as it stands after "destroys". A compute that
    /// holds such a thing is made again only for a declared difference, and only after that was told.
    fn loss(&self) -> Option<&'static str> {
        None
    }
    /// What was reported so far.
    fn common_status(&self) -> Option<&ComputeStatus>;
    /// The marks of the resource it is attached from; none for what Azure makes itself.
    fn marks(&self) -> Vec<ResourceMark> {
        Vec::new()
    }
    /// Whether Azure may answer without the tags it was sent, so that the claim alone tells whose it is.
    fn loses_tags(&self) -> bool {
        false
    }
    /// Secrets that a create needs.
    fn secrets(&self) -> Vec<SecretKeyRef>;
    /// ConfigMaps that a create needs.
    fn config_maps(&self) -> Vec<ConfigMapKeyRef> {
        Vec::new()
    }
    /// What it asks of its location.
    fn sizing(&self) -> Option<Sizing<'_>>;
    /// Nodes outside Azure ML's quota that need a size.
    fn node_pool(&self) -> Option<NodePool<'_>> {
        None
    }
    /// What Azure takes and never shows again: the field in the object, and where it stands in the PUT body. It is
    /// compared by fingerprints.
    fn write_only(&self) -> Option<WriteOnly> {
        None
    }
    /// Whether a create names the region of its machines beside the workspace's, though both are the same.
    fn names_location(&self) -> bool {
        false
    }
    /// The PUT body, with only what the owner wrote; envelope (tags, identity, location) comes from the decision.
    ///
    /// # Errors
    /// When a field has a value that Azure cannot be told; why, for people.
    fn desired(&self, refs: &Refs, workspace: &WorkspaceFacts) -> Result<Value, Because>;
    /// How a difference in the field of this rule can be carried out for this object.
    fn change(&self, rule: &FieldRule) -> Change {
        rule.change
    }
    /// What of Azure differs from wishes that stand in no body, such as a power state.
    fn wishes(&self, _known: &Known<'_>) -> Vec<Difference> {
        Vec::new()
    }
    /// What is asked for once, beside the spec, and not yet done.
    fn request(&self, _known: &Known<'_>) -> Option<Difference> {
        None
    }
    /// How long until something asked for is due; `None` if nothing waits for its time.
    fn due(&self, _now: Timestamp) -> Option<SignedDuration> {
        None
    }
    /// The PATCH body that carries out all differences of that kind, unset values as Azure has them.
    fn patch(&self, _desired: &Value, _seen: &Compute) -> Value {
        Value::Null
    }
    /// The settable part of what Azure answered, to be PUT back with changes.
    fn resend(&self, _seen: &Compute) -> Value {
        Value::Null
    }
    /// The body of an action of the compute's own.
    fn post(&self, _action: ComputeAction, _desired: &Value) -> Option<Value> {
        None
    }
    /// What the compute is doing beside its provisioning.
    fn standing(&self, _seen: &Compute) -> Standing {
        Standing::Settled { note: None }
    }
    /// Errors that Azure reports beside Succeeded.
    fn running_errors(&self, seen: &Compute) -> Vec<ArmError>;
    /// Hints for the owner; the workspace is `None` while it is not known.
    fn advice(&self, workspace: Option<&WorkspaceFacts>) -> Vec<Advice>;
    /// The whole status of this kind, as it is applied.
    fn status(&self, common: ComputeStatus, known: Option<&Known<'_>>) -> Value;
}

/// The compute's name in Azure.
pub fn azure_name<K: Kind>(object: &K) -> &str {
    object.head().azure_name.or(object.meta().name.as_deref()).unwrap_or_default()
}

/// The object's UID; empty before the API server gave one.
pub fn uid<K: Kind>(object: &K) -> &str {
    object.meta().uid.as_deref().unwrap_or_default()
}

/// The object's generation.
pub fn generation<K: Kind>(object: &K) -> i64 {
    object.meta().generation.unwrap_or_default()
}

/// One annotation.
pub(crate) fn annotation<'a, K: Kind>(object: &'a K, name: &str) -> Option<&'a str> {
    object.meta().annotations.as_ref()?.get(name).map(String::as_str)
}

/// Whether the object carries this finalizer.
pub fn has_finalizer<K: Kind>(object: &K, name: &str) -> bool {
    object.meta().finalizers.iter().flatten().any(|finalizer| finalizer == name)
}

/// namespace/name, cut to what an ARM tag holds (256 characters).
pub(crate) fn object_tag<K: Kind>(object: &K) -> String {
    let meta = object.meta();
    let text =
        format!("{}/{}", meta.namespace.as_deref().unwrap_or_default(), meta.name.as_deref().unwrap_or_default());
    text.chars().take(256).collect()
}
