//! ComputeInstance: how its fields stand on the wire, compare and change (azureml-api.md b.4, c.2, f.1).
//!
//! Must not send a PUT after the create: Azure ignores it. What can change has an action of its own.

mod body;
mod lists;
mod power;
mod report;
mod states;
mod words;

pub use states::{INSTANCE_STATES, InstanceStateRow, Meaning, UNKNOWN_STATE};

use super::wire::rule;
use crate::action::Because;
use crate::inputs::{Refs, WorkspaceFacts};
use crate::kind::{Head, Kind, Sizing};
use crate::rules::Change::{Post, Recreate};
use crate::rules::{Change, Compare, Difference, FieldRule, Missing};
use crate::standing::{Known, Standing};
use crate::unshown::WriteOnly;
use api::{Advice, ComputeInstance, ComputeStatus, ConfigMapKeyRef, SecretKeyRef};
use arm::{ArmError, Compute, ComputeAction, ComputeType, UnderlyingAction};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// Scripts and their arguments; what Azure tells of them is compared, what it keeps to itself by fingerprint.
const SCRIPTS: WriteOnly =
    WriteOnly { field: "spec.setupScripts", pointer: "/properties/properties/setupScripts", reason: "ScriptChanged" };

const RULES: &[FieldRule] = &[
    rule(
        "spec.idleTimeBeforeShutdown",
        "/properties/properties/idleTimeBeforeShutdown",
        Compare::Duration,
        Missing::Nothing,
        Post(ComputeAction::SetIdleShutdown),
    ),
    rule(
        "spec.schedules",
        "/properties/properties/schedules/computeStartStop",
        Compare::By(lists::SCHEDULES),
        Missing::Nothing,
        Post(ComputeAction::SetSchedules),
    ),
    rule(
        "spec.customServices",
        "/properties/properties/customServices",
        Compare::By(lists::SERVICES),
        Missing::Nothing,
        Post(ComputeAction::SetCustomServices),
    ),
    rule(
        "spec.sso",
        "/properties/properties/enableSSO",
        Compare::Exact,
        Missing::Flag(true),
        Post(ComputeAction::SetSso),
    ),
    rule("spec.vmSize", "/properties/properties/vmSize", Compare::NoCase, Missing::Nothing, Recreate),
    rule(
        "spec.assignedUser.objectId",
        "/properties/properties/personalComputeInstanceSettings/assignedUser/objectId",
        Compare::NoCase,
        Missing::Nothing,
        Recreate,
    ),
    rule(
        "spec.assignedUser.tenantId",
        "/properties/properties/personalComputeInstanceSettings/assignedUser/tenantId",
        Compare::NoCase,
        Missing::Nothing,
        Recreate,
    ),
    rule(
        "spec.applicationSharing",
        "/properties/properties/applicationSharingPolicy",
        Compare::NoCase,
        Missing::Text("Shared"),
        Recreate,
    ),
    rule(
        "spec.setupScripts.creation",
        "/properties/properties/setupScripts/scripts/creationScript",
        Compare::By(lists::SCRIPT),
        Missing::Untold,
        Recreate,
    ),
    rule(
        "spec.setupScripts.startup",
        "/properties/properties/setupScripts/scripts/startupScript",
        Compare::By(lists::SCRIPT),
        Missing::Untold,
        Recreate,
    ),
    rule(
        "spec.ssh.enabled",
        "/properties/properties/sshSettings/sshPublicAccess",
        Compare::NoCase,
        Missing::Text("Disabled"),
        Recreate,
    ),
    rule(
        "spec.ssh.publicKey",
        "/properties/properties/sshSettings/adminPublicKey",
        Compare::PublicKey,
        Missing::Untold,
        Recreate,
    ),
    rule("spec.subnet", "/properties/properties/subnet/id", Compare::ArmId, Missing::Nothing, Recreate),
    rule(
        "spec.nodePublicIp",
        "/properties/properties/enableNodePublicIp",
        Compare::Exact,
        Missing::Flag(true),
        Recreate,
    ),
    // Fields of preview versions: a stable one takes them and may not tell them again.
    rule("spec.rootAccess", "/properties/properties/enableRootAccess", Compare::Exact, Missing::Untold, Recreate),
    rule("spec.osPatching", "/properties/properties/enableOSPatching", Compare::Exact, Missing::Untold, Recreate),
    rule(
        "spec.releaseQuotaOnStop",
        "/properties/properties/releaseQuotaOnStop",
        Compare::Exact,
        Missing::Untold,
        Recreate,
    ),
    rule("spec.description", "/properties/description", Compare::Exact, Missing::Text(""), Recreate),
];

impl Kind for ComputeInstance {
    const NAME: &'static str = "ComputeInstance";

    fn compute_type(&self) -> ComputeType {
        ComputeType::ComputeInstance
    }

    fn rules(&self) -> &'static [FieldRule] {
        RULES
    }

    fn head(&self) -> Head<'_> {
        let spec = &self.spec;
        Head {
            workspace_ref: &spec.workspace_ref,
            azure_name: spec.azure_name.as_deref(),
            tags: &spec.tags,
            identity: spec.identity.as_ref(),
            management: spec.management_policy,
            removal: spec.deletion_policy.into(),
            remade_by: UnderlyingAction::Delete,
            adoption: spec.adoption_policy,
            replace: spec.replace_policy,
            drift: spec.drift_policy,
        }
    }

    fn envelope(&self) -> Change {
        Recreate
    }

    fn loss(&self) -> Option<&'static str> {
        Some("its local disk, with all that is not in the workspace's file share")
    }

    fn common_status(&self) -> Option<&ComputeStatus> {
        self.status.as_ref().map(|status| &status.common)
    }

    fn secrets(&self) -> Vec<SecretKeyRef> {
        let ssh = self.spec.ssh.as_ref().filter(|ssh| ssh.enabled);
        ssh.and_then(|ssh| ssh.public_key.as_ref()?.secret_ref.clone()).into_iter().collect()
    }

    fn config_maps(&self) -> Vec<ConfigMapKeyRef> {
        let scripts = self.spec.setup_scripts.iter();
        let scripts = scripts.flat_map(|scripts| [&scripts.creation, &scripts.startup]).flatten();
        scripts.filter_map(|script| script.config_map_ref.clone()).collect()
    }

    fn sizing(&self) -> Option<Sizing<'_>> {
        let compute_type = "ComputeInstance";
        Some(Sizing { vm_size: &self.spec.vm_size, location: None, low_priority: false, max_nodes: 1, compute_type })
    }

    fn write_only(&self) -> Option<WriteOnly> {
        self.spec.setup_scripts.is_some().then_some(SCRIPTS)
    }

    fn desired(&self, refs: &Refs, workspace: &WorkspaceFacts) -> Result<Value, Because> {
        body::desired(self, refs, workspace)
    }

    fn change(&self, rule: &FieldRule) -> Change {
        // Once it is made for somebody, Azure takes this only from that person (azureml-api.md f.7).
        let is_the_users = self.spec.assigned_user.is_some() && rule.field == "spec.sso";
        if is_the_users { Recreate } else { rule.change }
    }

    fn wishes(&self, known: &Known<'_>) -> Vec<Difference> {
        power::wish(self, known).into_iter().collect()
    }

    fn request(&self, known: &Known<'_>) -> Option<Difference> {
        power::request(self, known)
    }

    fn due(&self, now: Timestamp) -> Option<SignedDuration> {
        power::due(self, now)
    }

    fn post(&self, action: ComputeAction, desired: &Value) -> Option<Value> {
        body::post(action, desired)
    }

    fn standing(&self, seen: &Compute) -> Standing {
        states::standing(seen, power::note(self, seen))
    }

    fn running_errors(&self, seen: &Compute) -> Vec<ArmError> {
        seen.compute_instance().map(|instance| instance.errors).unwrap_or_default()
    }

    fn advice(&self, _workspace: Option<&WorkspaceFacts>) -> Vec<Advice> {
        words::advice(self)
    }

    fn status(&self, common: ComputeStatus, known: Option<&Known<'_>>) -> Value {
        report::status(self, common, known)
    }
}
