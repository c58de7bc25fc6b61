//! AttachedCompute: what all types of attachment share, and the list of the types. Each type is a file here and a line in
//! [`of`].
//!
//! Must not send or compare what the owner did not write, and must not let a type touch what is attached: an attachment
//! is made and ended, never changed (azureml-api.md f.1).

mod aks;
mod databricks;
mod hosts;
mod kubernetes;
mod services;

use super::wire::{put, rule, secret};
use crate::action::Because;
use crate::classify::{cut, row_of_error};
use crate::inputs::{Refs, WorkspaceFacts};
use crate::kind::{Head, Kind, NodePool, Removal, Sizing};
use crate::rules::Change::{self, Recreate};
use crate::rules::{Compare, Comparison, FieldRule, Missing};
use crate::standing::{Known, Standing};
use crate::unshown::WriteOnly;
use api::{
    Advice, AttachedCompute, AttachedComputeSpec, AttachedComputeStatus, AttachedDeletionPolicy, AttachedType,
    ComputeStatus, SecretKeyRef,
};
use arm::{ArmError, Compute, ComputeType, ProvisioningState, ResourceMark, UnderlyingAction};
use serde_json::{Map, Value, json};

type Spec = AttachedComputeSpec;

/// A type of attachment: facts, one row for all that differs between them.
#[derive(Clone, Copy)]
struct Type {
    /// `computeType`.
    wire: &'static str,
    /// How its fields compare; what all types share stands in every list.
    rules: &'static [FieldRule],
    /// Whether `computeLocation` repeats the workspace's region where none is declared: Microsoft's SDK sends it for
    /// Kubernetes alone.
    repeats_location: bool,
    /// What of the spec Azure takes and never shows again.
    write_only: fn(&Spec) -> Option<WriteOnly>,
    /// Secrets that an attach needs.
    secrets: fn(&Spec) -> Vec<SecretKeyRef>,
    /// The marks by which its resource is known.
    marks: fn(&Spec) -> Vec<ResourceMark>,
    /// `computeLocation`, where the owner declares one.
    location: fn(&Spec) -> Option<&str>,
    /// Nodes that it makes.
    nodes: fn(&Spec) -> Option<NodePool<'_>>,
    /// What speaks against it before Azure is asked.
    check: fn(&Spec, &WorkspaceFacts) -> Result<(), Because>,
    /// `properties.properties`, with only what the owner wrote.
    body: fn(&Spec, &Refs, &WorkspaceFacts) -> Map<String, Value>,
    /// Hints of its own.
    advice: fn(&Spec) -> Vec<Advice>,
    /// What goes into status.
    report: fn(&Compute, &mut AttachedComputeStatus),
}

/// A type that has nothing of its own but the id of its resource.
const PLAIN: Type = Type {
    wire: "",
    rules: &[],
    repeats_location: false,
    write_only: |_| None,
    secrets: |_| Vec::new(),
    marks: by_id,
    location: |_| None,
    nodes: |_| None,
    check: |_, _| Ok(()),
    body: |_, _, _| Map::new(),
    advice: |_| Vec::new(),
    report: |_, _| {},
};

/// The types, one line each.
fn of(kind: AttachedType) -> &'static Type {
    match kind {
        AttachedType::Kubernetes => &kubernetes::TYPE,
        AttachedType::Aks => &aks::TYPE,
        AttachedType::VirtualMachine => &hosts::VIRTUAL_MACHINE,
        AttachedType::HdInsight => &hosts::HD_INSIGHT,
        AttachedType::Databricks => &databricks::TYPE,
        AttachedType::DataLakeAnalytics => &services::DATA_LAKE_ANALYTICS,
        AttachedType::DataFactory => &services::DATA_FACTORY,
        AttachedType::SynapseSpark => &services::SYNAPSE_SPARK,
        AttachedType::Batch => &services::BATCH,
    }
}

/// The mark of what is named by its ARM id.
fn by_id(spec: &Spec) -> Vec<ResourceMark> {
    spec.resource_id().map(|id| ResourceMark::Id(id.to_owned())).into_iter().collect()
}

/// Where an attached resource stands in a body.
const RESOURCE: &str = "/properties/resourceId";
/// The text for people, in every type.
const DESCRIPTION: FieldRule =
    rule("spec.description", "/properties/description", Compare::Exact, Missing::Text(""), Recreate);

/// A rule of an attachment. What Azure answers of most types was never recorded, so what it leaves out tells nothing.
const fn own(field: &'static str, pointer: &'static str, compare: Compare) -> FieldRule {
    rule(field, pointer, compare, Missing::Untold, Recreate)
}

/// What Azure never shows again of an attachment.
const fn unshown(field: &'static str, pointer: &'static str) -> WriteOnly {
    WriteOnly { field, pointer, reason: "SecretChanged" }
}

/// A number that Microsoft's first SDK writes as a text (sdk-wire-notes.md 5).
const NUMBER: Compare = Compare::By(Comparison {
    same: |wanted, seen| number(wanted).is_some() && number(wanted) == number(seen),
    show: |value| number(value).map_or_else(|| "nothing".into(), |number| number.to_string()),
});

fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

/// A value of `properties.properties` that Azure answered.
fn text(seen: &Compute, pointer: &str) -> Option<String> {
    let value = seen.body.pointer("/properties/properties")?.pointer(pointer)?.as_str()?;
    (!value.is_empty()).then(|| value.to_owned())
}

fn count(seen: &Compute, pointer: &str) -> Option<i64> {
    seen.body.pointer("/properties/properties")?.pointer(pointer).and_then(number)
}

impl AttachedComputeRow for AttachedCompute {
    fn row(&self) -> &'static Type {
        of(self.spec.kind)
    }

    /// Whether Azure ML makes the resource and may delete it.
    fn may_delete(&self) -> bool {
        let makes = self.spec.aks.as_ref().is_some_and(|aks| aks.create.is_some());
        makes && self.spec.deletion_policy == AttachedDeletionPolicy::Delete
    }
}

/// What an attachment is asked for within this module.
trait AttachedComputeRow {
    fn row(&self) -> &'static Type;
    fn may_delete(&self) -> bool;
}

impl Kind for AttachedCompute {
    const NAME: &'static str = "AttachedCompute";

    fn compute_type(&self) -> ComputeType {
        ComputeType::parse(self.row().wire)
    }

    fn rules(&self) -> &'static [FieldRule] {
        self.row().rules
    }

    fn head(&self) -> Head<'_> {
        let spec = &self.spec;
        Head {
            workspace_ref: &spec.workspace_ref,
            azure_name: spec.azure_name.as_deref(),
            tags: &spec.tags,
            identity: spec.identity.as_ref(),
            management: spec.management_policy,
            removal: match spec.deletion_policy {
                AttachedDeletionPolicy::Delete if self.may_delete() => Removal::Delete,
                AttachedDeletionPolicy::Detach | AttachedDeletionPolicy::Delete => Removal::Detach,
                AttachedDeletionPolicy::Retain => Removal::Retain,
            },
            remade_by: if self.may_delete() { UnderlyingAction::Delete } else { UnderlyingAction::Detach },
            adoption: spec.adoption_policy,
            replace: spec.replace_policy,
            drift: spec.drift_policy,
        }
    }

    /// A PUT on an attachment is answered as a success and changes nothing, or attaches anew (azureml-api.md f.1).
    fn envelope(&self) -> Change {
        Recreate
    }

    fn loss(&self) -> Option<&'static str> {
        self.may_delete().then_some("the AKS cluster and everything that runs on it")
    }

    fn common_status(&self) -> Option<&ComputeStatus> {
        self.status.as_ref().map(|status| &status.common)
    }

    fn marks(&self) -> Vec<ResourceMark> {
        (self.row().marks)(&self.spec)
    }

    /// Recorded of virtual machines (azureml-api.md b.1); of other types nothing was recorded.
    fn loses_tags(&self) -> bool {
        true
    }

    fn names_location(&self) -> bool {
        self.row().repeats_location
    }

    fn secrets(&self) -> Vec<SecretKeyRef> {
        (self.row().secrets)(&self.spec)
    }

    fn sizing(&self) -> Option<Sizing<'_>> {
        None
    }

    fn node_pool(&self) -> Option<NodePool<'_>> {
        (self.row().nodes)(&self.spec)
    }

    fn write_only(&self) -> Option<WriteOnly> {
        (self.row().write_only)(&self.spec)
    }

    fn desired(&self, refs: &Refs, workspace: &WorkspaceFacts) -> Result<Value, Because> {
        let (row, spec) = (self.row(), &self.spec);
        (row.check)(spec, workspace)?;
        let mut properties = Map::new();
        put(&mut properties, "resourceId", spec.resource_id());
        put(&mut properties, "computeLocation", (row.location)(spec));
        put(&mut properties, "description", spec.description.clone());
        let own = (row.body)(spec, refs, workspace);
        if !own.is_empty() {
            properties.insert("properties".into(), own.into());
        }
        Ok(json!({ "properties": properties }))
    }

    /// What Azure says is wrong with what is attached, and the next step.
    fn standing(&self, seen: &Compute) -> Standing {
        let well = seen.provisioning_state == ProvisioningState::Succeeded;
        let Some(error) = seen.provisioning_errors.first() else { return Standing::Settled { note: None } };
        let row = row_of_error(error);
        let words = cut(error.message.trim_end_matches('.'));
        if well {
            return Standing::Settled { note: Some(format!("azure says {}: {words}", error.code)) };
        }
        let message = format!("azure says of what is attached {}: {words}; {}", error.code, row.advice);
        Standing::Broken { because: Because::new(row.reason, message), again: true }
    }

    fn running_errors(&self, _seen: &Compute) -> Vec<ArmError> {
        Vec::new()
    }

    fn advice(&self, _workspace: Option<&WorkspaceFacts>) -> Vec<Advice> {
        (self.row().advice)(&self.spec)
    }

    fn status(&self, common: ComputeStatus, known: Option<&Known<'_>>) -> Value {
        let mut status = AttachedComputeStatus { common, ..AttachedComputeStatus::default() };
        if let Some(seen) = known.map(|known| known.seen).filter(|seen| seen.compute_type == self.compute_type()) {
            let resource = seen.body.pointer(RESOURCE).and_then(Value::as_str).filter(|id| !id.is_empty());
            status.attached_resource = resource.map(str::to_owned).or_else(|| text(seen, "/address"));
            (self.row().report)(seen, &mut status);
        }
        json!(status.bounded())
    }
}
