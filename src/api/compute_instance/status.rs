//! What is known of an instance.
//!
//! Must not hold a key, a script or anything volatile: a status that only ages is never written.

use crate::bounded::{bound_errors, cut_option};
use crate::limits::cut_in_place;
use crate::{ComputeStatus, PowerState, ProvisioningError, limits};
use kube::KubeSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What is known of the instance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ComputeInstanceStatus {
    /// What every compute reports.
    #[serde(flatten)]
    pub common: ComputeStatus,
    /// `state` as Azure writes it, such as Running, Stopped or UserSetupFailed.
    #[schemars(length(max = limits::WORD))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power_state: Option<String>,
    /// The newest operation on it, whoever asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_operation: Option<InstanceOperation>,
    /// The newest value of the restart annotation that was carried out.
    #[schemars(length(max = limits::VALUE))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart_served: Option<String>,
    /// The declared power state that was last reached: what a schedule or the idle shutdown did since is left under
    /// RespectSchedules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied_power_state: Option<PowerState>,
    /// Lists this object set (schedules, customServices), so that they can be emptied when they leave the spec.
    #[schemars(length(max = limits::MANAGED_LISTS), inner(length(max = limits::WORD)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub managed_lists: Vec<String>,
    /// Its applications, as Azure lists them.
    #[schemars(length(max = limits::REPORTED_ENDPOINTS))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub endpoints: Vec<Endpoint>,
    /// How to log in by SSH, where that is enabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssh: Option<InstanceSshReport>,
    /// Its public IP address.
    #[schemars(length(max = limits::WORD))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_ip: Option<String>,
    /// Its private IP address.
    #[schemars(length(max = limits::WORD))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_ip: Option<String>,
    /// Its operating system's image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os_image: Option<OsImage>,
    /// Who may open its notebooks and terminals, for people.
    #[schemars(length(max = limits::VALUE))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub openable_by: Option<String>,
    /// Who created it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<ReportedUser>,
    /// Whom Azure has it assigned to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assigned_user: Option<ReportedUser>,
    /// What Azure found wrong on it.
    #[schemars(length(max = limits::PROVISIONING_ERRORS))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ProvisioningError>,
}

impl ComputeInstanceStatus {
    /// The status, cut to what its schema takes.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        let Self {
            common,
            power_state,
            last_operation,
            restart_served,
            applied_power_state: _,
            managed_lists,
            endpoints,
            ssh,
            public_ip,
            private_ip,
            os_image,
            openable_by,
            created_by,
            assigned_user,
            errors,
        } = &mut self;
        common.bound();
        for word in [power_state, public_ip, private_ip] {
            cut_option(word, limits::WORD);
        }
        for text in [restart_served, openable_by] {
            cut_option(text, limits::VALUE);
        }
        if let Some(InstanceOperation { name, status, trigger, time }) = last_operation {
            for word in [name, status, trigger] {
                cut_option(word, limits::WORD);
            }
            cut_option(time, limits::TIME);
        }
        managed_lists.iter_mut().for_each(|name| cut_in_place(name, limits::WORD));
        // The list is a set; a second entry would make the API server refuse the status.
        let mut seen = BTreeSet::new();
        managed_lists.retain(|name| seen.insert(name.clone()));
        managed_lists.truncate(limits::MANAGED_LISTS);
        bound_endpoints(endpoints);
        if let Some(InstanceSshReport { host, port, user, command }) = ssh {
            cut_in_place(host, limits::WORD);
            *port = (*port).clamp(0, 65_535);
            cut_in_place(user, limits::WORD);
            cut_in_place(command, limits::VALUE);
        }
        if let Some(OsImage { current, latest, is_latest: _ }) = os_image {
            cut_option(current, limits::WORD);
            cut_option(latest, limits::WORD);
        }
        for ReportedUser { object_id, tenant_id, name } in [created_by, assigned_user].into_iter().flatten() {
            for word in [object_id, tenant_id] {
                cut_option(word, limits::WORD);
            }
            cut_option(name, limits::VALUE);
        }
        bound_errors(errors);
        self
    }
}

fn bound_endpoints(endpoints: &mut Vec<Endpoint>) {
    for Endpoint { name, url } in endpoints.iter_mut() {
        cut_in_place(name, limits::WORD);
        cut_in_place(url, limits::VALUE);
    }
    // The list is a map by name: a second entry would make the API server refuse the status.
    let mut seen = BTreeSet::new();
    endpoints.retain(|endpoint| seen.insert(endpoint.name.clone()));
    endpoints.truncate(limits::REPORTED_ENDPOINTS);
}

/// An operation on an instance, in Azure's words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct InstanceOperation {
    /// Create, Start, Stop, Restart, Resize, Reimage or Delete.
    #[schemars(length(max = limits::WORD))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// InProgress, Succeeded, or which of them failed, such as StartFailed.
    #[schemars(length(max = limits::WORD))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Who asked for it: User, Schedule or IdleShutdown. The operator counts as a user.
    #[schemars(length(max = limits::WORD))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<String>,
    /// When it began, as Azure writes it.
    #[schemars(length(max = limits::TIME))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
}

/// An application of an instance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
pub struct Endpoint {
    /// Its name, such as Jupyter Lab.
    #[schemars(length(max = limits::WORD))]
    pub name: String,
    /// Where it is opened.
    #[schemars(length(max = limits::VALUE))]
    pub url: String,
}

/// How to log in to an instance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
pub struct InstanceSshReport {
    /// Its address.
    #[schemars(length(max = limits::WORD))]
    pub host: String,
    /// Its port.
    #[schemars(range(min = 0, max = 65_535))]
    pub port: i32,
    /// The user that Azure made.
    #[schemars(length(max = limits::WORD))]
    pub user: String,
    /// The command, ready to be typed.
    #[schemars(length(max = limits::VALUE))]
    pub command: String,
}

/// The image of an operating system.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct OsImage {
    /// The version it runs.
    #[schemars(length(max = limits::WORD))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<String>,
    /// The newest version there is.
    #[schemars(length(max = limits::WORD))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latest: Option<String>,
    /// Whether it runs the newest version. A new one comes only with a new instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_latest: Option<bool>,
}

/// A principal of Microsoft Entra ID, as Azure answers it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReportedUser {
    /// Object id.
    #[schemars(length(max = limits::WORD))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object_id: Option<String>,
    /// Tenant.
    #[schemars(length(max = limits::WORD))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
    /// Name, where Azure gives one.
    #[schemars(length(max = limits::VALUE))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}
