//! ComputeCluster: how its fields stand on the wire, compare and change (azureml-api.md b.3, f.1).
//!
//! Must not send or compare what the owner did not write.

use super::wire::{public_key, put, rule, secret, subnet_id};
use crate::action::Because;
use crate::inputs::{Refs, WorkspaceFacts};
use crate::kind::{Head, Kind, Sizing};
use crate::rules::Change::{Patch, Recreate};
use crate::rules::{Compare, FieldRule, Missing};
use crate::standing::Known;
use api::{
    Advice, ClusterNodes, ClusterOs, ClusterSsh, ComputeCluster, ComputeClusterStatus, ComputeStatus, NodePriority,
    SecretKeyRef,
};
use arm::{ArmError, Compute, ComputeType, UnderlyingAction, format_iso, parse_duration, same_location};
use serde_json::{Map, Value, json};

const RULES: &[FieldRule] = &[
    rule("spec.vmSize", "/properties/properties/vmSize", Compare::NoCase, Missing::Nothing, Recreate),
    rule("spec.location", "/properties/computeLocation", Compare::Location, Missing::At("/location"), Recreate),
    rule("spec.vmPriority", "/properties/properties/vmPriority", Compare::NoCase, Missing::Text("Dedicated"), Recreate),
    rule("spec.osType", "/properties/properties/osType", Compare::NoCase, Missing::Text("Linux"), Recreate),
    rule("spec.subnet", "/properties/properties/subnet/id", Compare::ArmId, Missing::Nothing, Recreate),
    rule(
        "spec.nodePublicIp",
        "/properties/properties/enableNodePublicIp",
        Compare::Exact,
        Missing::Flag(true),
        Recreate,
    ),
    rule(
        "spec.isolatedNetwork",
        "/properties/properties/isolatedNetwork",
        Compare::Exact,
        Missing::Flag(false),
        Recreate,
    ),
    rule("spec.description", "/properties/description", Compare::Exact, Missing::Text(""), Recreate),
    rule(
        "spec.ssh.enabled",
        "/properties/properties/remoteLoginPortPublicAccess",
        Compare::NoCaseUnless("NotSpecified"),
        Missing::Nothing,
        Recreate,
    ),
    rule(
        "spec.ssh.adminUsername",
        "/properties/properties/userAccountCredentials/adminUserName",
        Compare::Exact,
        Missing::Nothing,
        Recreate,
    ),
    rule(
        "spec.ssh.publicKey",
        "/properties/properties/userAccountCredentials/adminUserSshPublicKey",
        Compare::PublicKey,
        Missing::Nothing,
        Recreate,
    ),
    rule(
        "spec.scale.maxNodes",
        "/properties/properties/scaleSettings/maxNodeCount",
        Compare::Exact,
        Missing::Nothing,
        Patch,
    ),
    rule(
        "spec.scale.minNodes",
        "/properties/properties/scaleSettings/minNodeCount",
        Compare::Exact,
        Missing::Number(0),
        Patch,
    ),
    rule(
        "spec.scale.idleTimeBeforeScaleDown",
        "/properties/properties/scaleSettings/nodeIdleTimeBeforeScaleDown",
        Compare::Duration,
        Missing::Text("PT2M"),
        Patch,
    ),
];

impl Kind for ComputeCluster {
    const NAME: &'static str = "ComputeCluster";

    fn compute_type(&self) -> ComputeType {
        ComputeType::AmlCompute
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

    fn common_status(&self) -> Option<&ComputeStatus> {
        self.status.as_ref().map(|status| &status.common)
    }

    fn secrets(&self) -> Vec<SecretKeyRef> {
        let Some(ssh) = self.spec.ssh.as_ref().filter(|ssh| ssh.enabled) else { return Vec::new() };
        let key = ssh.public_key.as_ref().and_then(|key| key.secret_ref.clone());
        let password = ssh.password.as_ref().map(|password| password.secret_ref.clone());
        key.into_iter().chain(password).collect()
    }

    fn sizing(&self) -> Option<Sizing<'_>> {
        Some(Sizing {
            vm_size: &self.spec.vm_size,
            location: self.spec.location.as_deref(),
            low_priority: self.spec.vm_priority == Some(NodePriority::LowPriority),
            max_nodes: self.spec.scale.max_nodes.into(),
            compute_type: "AmlCompute",
        })
    }

    fn names_location(&self) -> bool {
        true
    }

    fn desired(&self, refs: &Refs, workspace: &WorkspaceFacts) -> Result<Value, Because> {
        let spec = &self.spec;
        let mut own = Map::new();
        own.insert("vmSize".into(), json!(spec.vm_size));
        own.insert("scaleSettings".into(), scale_settings(self)?);
        put(&mut own, "vmPriority", spec.vm_priority.map(priority));
        put(&mut own, "osType", spec.os_type.map(os));
        put(&mut own, "enableNodePublicIp", spec.node_public_ip);
        put(&mut own, "isolatedNetwork", spec.isolated_network);
        put(&mut own, "subnet", spec.subnet.as_ref().map(|subnet| json!({"id": subnet_id(subnet, workspace)})));
        let mut properties = Map::new();
        put(&mut properties, "computeLocation", spec.location.clone());
        put(&mut properties, "description", spec.description.clone());
        if let Some(ssh) = &spec.ssh {
            add_ssh(ssh, spec.node_public_ip, refs, &mut own, &mut properties);
        }
        properties.insert("properties".into(), own.into());
        Ok(json!({ "properties": properties }))
    }

    fn patch(&self, desired: &Value, seen: &Compute) -> Value {
        let pointer = "/properties/properties/scaleSettings";
        // All three always: a PATCH without one was recorded to null it for a while (azureml-api.md f.2).
        let mut scale =
            seen.body.pointer(pointer).filter(|scale| scale.is_object()).cloned().unwrap_or_else(|| json!({}));
        for (key, value) in desired.pointer(pointer).and_then(Value::as_object).into_iter().flatten() {
            scale[key] = value.clone();
        }
        // A null would say "take it away" where Azure only has not told.
        if let Some(scale) = scale.as_object_mut() {
            scale.retain(|_, value| !value.is_null());
        }
        json!({"properties": {"properties": {"scaleSettings": scale}}})
    }

    fn resend(&self, seen: &Compute) -> Value {
        let keep = |value: Option<&Value>, keys: &[&str]| {
            let entries = value.and_then(Value::as_object).into_iter().flatten();
            entries
                .filter(|(key, v)| keys.contains(&key.as_str()) && !v.is_null())
                .map(|(k, v)| (k.clone(), v.clone()))
                .collect::<Map<_, _>>()
        };
        let mut body = keep(Some(&seen.body), &["location", "tags", "sku"]);
        let mut properties =
            keep(seen.body.get("properties"), &["computeType", "computeLocation", "description", "disableLocalAuth"]);
        let own = seen.body.pointer("/properties/properties");
        let mut resent = keep(own, &SETTABLE);
        if let Some(user) = resent.get_mut("userAccountCredentials") {
            *user = keep(Some(user), &["adminUserName", "adminUserSshPublicKey"]).into();
        }
        properties.insert("properties".into(), resent.into());
        body.insert("properties".into(), properties.into());
        if let Some(identity) = &seen.identity {
            body.insert("identity".into(), same_identity(identity));
        }
        body.into()
    }

    fn running_errors(&self, seen: &Compute) -> Vec<ArmError> {
        seen.aml_compute().map(|cluster| cluster.errors).unwrap_or_default()
    }

    fn advice(&self, workspace: Option<&WorkspaceFacts>) -> Vec<Advice> {
        advice(self, workspace.and_then(|workspace| workspace.location.as_deref()))
    }

    fn status(&self, common: ComputeStatus, known: Option<&Known<'_>>) -> Value {
        let cluster = known.and_then(|known| known.seen.aml_compute());
        let nodes = cluster.as_ref().and_then(|cluster| {
            let counts = cluster.node_counts.clone()?;
            Some(ClusterNodes {
                current: cluster.current_nodes.unwrap_or_default(),
                target: cluster.target_nodes.unwrap_or_default(),
                idle: counts.idle,
                running: counts.running,
                preparing: counts.preparing,
                unusable: counts.unusable,
                leaving: counts.leaving,
                preempted: counts.preempted,
            })
        });
        let allocation_state = cluster.and_then(|cluster| cluster.allocation_state).map(|state| state.as_str().into());
        json!(ComputeClusterStatus { common, allocation_state, nodes }.bounded())
    }
}

/// What a PUT may carry of `properties.properties` (azureml-api.md b.3, all but the read-only ones).
const SETTABLE: [&str; 11] = [
    "vmSize",
    "vmPriority",
    "osType",
    "scaleSettings",
    "userAccountCredentials",
    "remoteLoginPortPublicAccess",
    "subnet",
    "enableNodePublicIp",
    "isolatedNetwork",
    "virtualMachineImage",
    "propertyBag",
];

fn priority(priority: NodePriority) -> &'static str {
    match priority {
        NodePriority::Dedicated => "Dedicated",
        NodePriority::LowPriority => "LowPriority",
    }
}

fn os(os: ClusterOs) -> &'static str {
    match os {
        ClusterOs::Linux => "Linux",
        ClusterOs::Windows => "Windows",
    }
}

fn scale_settings(object: &ComputeCluster) -> Result<Value, Because> {
    let scale = &object.spec.scale;
    let mut settings = Map::new();
    settings.insert("maxNodeCount".into(), json!(scale.max_nodes));
    put(&mut settings, "minNodeCount", scale.min_nodes);
    if let Some(text) = &scale.idle_time_before_scale_down {
        let invalid = || {
            let what = "must be a duration such as PT40M, 40m or 1h30m, without months or years";
            Because::new("InvalidSpec", format!("`spec.scale.idleTimeBeforeScaleDown` {text} {what}"))
        };
        let idle = parse_duration(text).ok_or_else(invalid)?;
        settings.insert("nodeIdleTimeBeforeScaleDown".into(), json!(format_iso(idle)));
    }
    Ok(settings.into())
}

/// SSH as Azure takes it. Without a public IP the port is left to Azure, which closes it to the outside; the account
/// still serves the virtual network.
fn add_ssh(
    ssh: &ClusterSsh,
    node_public_ip: Option<bool>,
    refs: &Refs,
    own: &mut Map<String, Value>,
    properties: &mut Map<String, Value>,
) {
    if !ssh.enabled {
        own.insert("remoteLoginPortPublicAccess".into(), json!("Disabled"));
        properties.insert("disableLocalAuth".into(), json!(true));
        return;
    }
    let access = if node_public_ip == Some(false) { "NotSpecified" } else { "Enabled" };
    own.insert("remoteLoginPortPublicAccess".into(), json!(access));
    let key = ssh.public_key.as_ref().and_then(|key| public_key(refs, key));
    let mut user = Map::new();
    user.insert("adminUserName".into(), json!(ssh.admin_username.as_deref().unwrap_or("azureuser")));
    put(&mut user, "adminUserSshPublicKey", key);
    put(&mut user, "adminUserPassword", ssh.password.as_ref().and_then(|password| secret(refs, &password.secret_ref)));
    own.insert("userAccountCredentials".into(), user.into());
}

/// The identity as it is, in the form a PUT takes.
fn same_identity(identity: &arm::Identity) -> Value {
    let users: Map<String, Value> = identity.user_assigned.iter().map(|user| (user.id.clone(), json!({}))).collect();
    let mut body = json!({"type": identity.kind.as_str()});
    if !users.is_empty() {
        body["userAssignedIdentities"] = users.into();
    }
    body
}

/// Most nodes a cluster has without asking Azure for more (azureml-api.md g.2).
const USUAL_MOST_NODES: i32 = 100;

fn advice(object: &ComputeCluster, home: Option<&str>) -> Vec<Advice> {
    let spec = &object.spec;
    let mut advice = Vec::new();
    let mut say = |reason: &str, message: String| advice.push(Advice { reason: reason.into(), message });
    if let Some(min) = spec.scale.min_nodes.filter(|min| *min > 0) {
        say(
            "MinimumNodesBillAlways",
            format!(
                "{min} node{} billed all the time, jobs or not; minNodes 0 costs nothing at rest",
                if min == 1 { " is" } else { "s are" }
            ),
        );
    }
    if spec.scale.max_nodes > USUAL_MOST_NODES {
        say(
            "ManyNodes",
            format!(
                "azure allows {USUAL_MOST_NODES} nodes in a cluster unless support raised it, up to 65000 for some sizes"
            ),
        );
    }
    if spec.vm_priority == Some(NodePriority::LowPriority) {
        say(
            "NodesMayBePreempted",
            "azure may take low-priority nodes back at any time; jobs must be able to resume".into(),
        );
    }
    let away = |location: &String| home.is_some_and(|home| !same_location(location, home));
    if spec.location.as_ref().is_some_and(away) {
        say("OtherRegion", "data that crosses regions costs transfer and time; keep the cluster near its data".into());
    }
    if spec.ssh.as_ref().is_some_and(|ssh| ssh.enabled && ssh.password.is_some()) {
        say("PasswordLogin", "keys are safer than passwords; give spec.ssh.publicKey instead".into());
    }
    advice
}
