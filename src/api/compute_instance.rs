//! ComputeInstance: a virtual machine that one person works on.
//!
//! Must not default what Azure defaults: what the owner did not write is neither sent nor compared.

mod schedule;
mod software;
mod status;

pub use schedule::{PowerAction, Recurrence, RecurrenceFrequency, Schedule, WeekDay};
pub use software::{CustomImage, CustomService, CustomVolume, ServiceEndpoint, SetupScript, SetupScripts};
pub use status::{ComputeInstanceStatus, Endpoint, InstanceOperation, InstanceSshReport, OsImage, ReportedUser};

use crate::{
    AdoptionPolicy, DeletionPolicy, DriftPolicy, LocalRef, ManagedIdentity, ManagementPolicy, ReplacePolicy,
    SshPublicKey, Subnet, limits, rules,
};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A virtual machine that one person works on.
#[derive(Clone, Debug, PartialEq, Eq, CustomResource, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "compute.azureml.dev",
    version = "v1alpha1",
    kind = "ComputeInstance",
    namespaced,
    status = "ComputeInstanceStatus",
    shortname = "amlci",
    category = "azureml",
    doc = "A virtual machine in an Azure ML workspace that one person works on (ComputeInstance), with notebooks and terminals.",
    derive = "PartialEq",
    selectable = ".spec.workspaceRef.name",
    selectable = ".spec.assignedUser.objectId",
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].status",
        description = "Whether Azure is as declared"
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].reason",
        description = "Why, in one word"
    ),
    printcolumn(
        name = "State",
        type_ = "string",
        json_path = ".status.powerState",
        description = "Power state as Azure gives it"
    ),
    printcolumn(name = "VM Size", type_ = "string", json_path = ".spec.vmSize", description = "VM size"),
    printcolumn(
        name = "Workspace",
        type_ = "string",
        json_path = ".spec.workspaceRef.name",
        description = "The Workspace object"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "Openable By",
        type_ = "string",
        json_path = ".status.openableBy",
        description = "Who may open its notebooks and terminals",
        priority = 1
    ),
    printcolumn(
        name = "ARM ID",
        type_ = "string",
        json_path = ".status.azure.resourceId",
        description = "ARM id of the compute",
        priority = 1
    ),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].message",
        description = "Why, for people",
        priority = 1
    ),
    validation = rules::new_azure_name(),
    validation = rules::existing_azure_name(),
    validation = rules::reserved_azure_name(),
    validation = rules::fixed_azure_name()
)]
#[x_kube(
    validation = rules::no_key_for_others(),
    validation = rules::policy_only_with_state(),
    validation = rules::INSTANCE.word("vmSize"),
    validation = rules::INSTANCE.assigned_user(),
    validation = rules::INSTANCE.field("ssh"),
    validation = rules::INSTANCE.subnet("subnet"),
    validation = rules::INSTANCE.field("nodePublicIp"),
    validation = rules::INSTANCE.identity(),
    validation = rules::INSTANCE.field("applicationSharing"),
    validation = rules::INSTANCE.script("creation"),
    validation = rules::INSTANCE.script("startup"),
    validation = rules::INSTANCE.field("rootAccess"),
    validation = rules::INSTANCE.field("osPatching"),
    validation = rules::INSTANCE.field("releaseQuotaOnStop"),
    validation = rules::INSTANCE.field("description"),
    validation = rules::INSTANCE.tags()
)]
#[serde(rename_all = "camelCase")]
pub struct ComputeInstanceSpec {
    /// The Workspace object that connects to the Azure ML workspace. Cannot change.
    #[x_kube(validation = rules::fixed_reference("workspaceRef"))]
    pub workspace_ref: LocalRef,
    /// The instance's name in Azure, unique in its region; metadata.name if absent. Cannot change.
    #[schemars(length(min = 1, max = limits::AZURE_NAME))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub azure_name: Option<String>,
    /// VM size, such as STANDARD_DS3_V2. Compared without case; changes only with replacePolicy Recreate.
    #[schemars(length(min = 1, max = limits::AZURE_WORD))]
    #[x_kube(validation = rules::vm_size())]
    pub vm_size: String,
    /// The person it is made for, and who alone may open it. Without one it belongs to the operator's Azure principal, and
    /// no person can open it. Changes only with replacePolicy Recreate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assigned_user: Option<AssignedUser>,
    // The description of an optional enum is that of its type.
    /// Whether it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power_state: Option<PowerState>,
    /// How powerState is held: RespectSchedules leaves what a schedule or the idle shutdown did until the declaration
    /// changes, Enforce undoes it.
    #[serde(default)]
    pub power_policy: PowerPolicy,
    /// How long it may be idle before Azure stops it, 15 minutes to 3 days, in ISO 8601 or Go form (PT30M, 30m). Changes in
    /// place.
    #[schemars(length(min = 1, max = limits::DURATION))]
    #[x_kube(validation = rules::duration("idleTimeBeforeShutdown", 900, 3 * 86_400, "15 minutes to 3 days, in ISO 8601 or Go form, such as PT30M, P1D or 1h30m"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_time_before_shutdown: Option<String>,
    /// When Azure starts and stops it by itself, at most 4. Change in place.
    #[schemars(length(max = limits::SCHEDULES))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub schedules: Vec<Schedule>,
    /// Who of the workspace may open its applications.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application_sharing: Option<ApplicationSharing>,
    /// Scripts that set it up. Change only with replacePolicy Recreate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setup_scripts: Option<SetupScripts>,
    /// Applications that run on it in containers, beside Jupyter and VS Code. Change in place, all at once.
    #[schemars(length(max = limits::CUSTOM_SERVICES))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]), validation = rules::published_once())]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub custom_services: Vec<CustomService>,
    /// SSH access. Changes only with replacePolicy Recreate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssh: Option<InstanceSsh>,
    /// Subnet of its network interface. Changes only with replacePolicy Recreate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subnet: Option<Subnet>,
    /// Whether it has a public IP address. Azure's default is true. Changes only with replacePolicy Recreate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_public_ip: Option<bool>,
    /// Its managed identity. With an idle shutdown this must be Contributor on the workspace, or Azure does not stop it.
    /// Changes only with replacePolicy Recreate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<ManagedIdentity>,
    /// Whether its user is signed on to Azure in it without a password. Azure's default is true. Changes in place; on an
    /// instance with an assigned user only that person may switch it on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sso: Option<bool>,
    /// Whether its user may become root. Azure's default is true. Changes only with replacePolicy Recreate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_access: Option<bool>,
    /// Whether Azure patches its operating system. Azure's default is false. Changes only with replacePolicy Recreate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os_patching: Option<bool>,
    /// Whether stopping it gives its quota back, so that a start may find none. Azure's default is false. Changes only with
    /// replacePolicy Recreate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release_quota_on_stop: Option<bool>,
    /// A text for people. Changes only with replacePolicy Recreate.
    #[schemars(length(max = limits::DESCRIPTION))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Azure tags. Change only with replacePolicy Recreate.
    #[schemars(schema_with = "crate::crds::tags_schema")]
    #[x_kube(validation = rules::tag_keys(), validation = rules::no_own_tags())]
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// Whether Azure may be changed: Manage drives it to what is declared, Observe only looks and reports.
    #[serde(default)]
    pub management_policy: ManagementPolicy,
    /// What happens in Azure when this object is deleted: Delete removes the instance with its disk, Retain leaves it.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
    /// What happens when a compute of that name exists already: Never leaves it alone, Adopt takes it unless another
    /// object owns it, TakeOver takes it from whoever owns it.
    #[serde(default)]
    pub adoption_policy: AdoptionPolicy,
    /// What happens when a field differs that Azure cannot change in place: Never reports it, Recreate deletes the instance
    /// with everything on its local disk and makes it again.
    #[serde(default)]
    pub replace_policy: ReplacePolicy,
    /// What happens when Azure was changed by somebody else: Correct changes it back, Report reports it.
    #[serde(default)]
    pub drift_policy: DriftPolicy,
}

/// A person of Microsoft Entra ID.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AssignedUser {
    /// The person's object id, a GUID.
    #[schemars(length(max = limits::GUID))]
    #[x_kube(validation = rules::guid("assignedUser.objectId"))]
    pub object_id: String,
    /// The person's tenant, a GUID.
    #[schemars(length(max = limits::GUID))]
    #[x_kube(validation = rules::guid("assignedUser.tenantId"))]
    pub tenant_id: String,
}

/// Whether it runs: Running or Stopped. Absent, nobody but its user, its schedules and its idle time decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PowerState {
    /// It runs, and bills.
    Running,
    /// It is stopped; its disk still bills.
    Stopped,
}

/// How a declared power state is held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PowerPolicy {
    /// What a schedule or the idle shutdown did is left.
    #[default]
    RespectSchedules,
    /// Every other state is undone.
    Enforce,
}

/// Who of the workspace may open its applications: Personal (its user alone) or Shared (everyone who has access to the
/// workspace). Azure's default is Shared. Changes only with replacePolicy Recreate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ApplicationSharing {
    /// Its user alone.
    Personal,
    /// Everyone who has access to the workspace.
    Shared,
}

/// SSH access to an instance. Azure names the user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = rules::key_only_with_ssh())]
#[serde(rename_all = "camelCase")]
pub struct InstanceSsh {
    /// Whether there is SSH access. It may be enabled without a key, which its user then sets in the studio.
    #[serde(default)]
    pub enabled: bool,
    /// The creator's public key; not with assignedUser.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key: Option<SshPublicKey>,
}
