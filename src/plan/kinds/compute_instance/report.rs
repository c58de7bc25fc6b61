//! What of an instance goes into its status.
//!
//! Must not hold a key, a script or anything that changes while nothing changes.

use super::body::{CUSTOM_SERVICES, SCHEDULES, was_set};
use super::power;
use crate::standing::Known;
use api::{
    ComputeInstance, ComputeInstanceStatus, ComputeStatus, Endpoint, InstanceOperation, InstanceSshReport,
    ManagementPolicy, OsImage, ProvisioningError, ReportedUser,
};
use arm::{ArmError, Person};
use serde_json::Value;

/// The whole status, as it is applied.
pub(super) fn status(object: &ComputeInstance, common: ComputeStatus, known: Option<&Known<'_>>) -> Value {
    let instance = known.and_then(|known| known.seen.compute_instance());
    let mut status = ComputeInstanceStatus {
        restart_served: power::served(object, known),
        applied_power_state: power::applied(object, known),
        managed_lists: managed_lists(object, &common, known),
        ..ComputeInstanceStatus::default()
    };
    status.common = common;
    if let Some(instance) = instance {
        status.ssh = ssh(&instance);
        status.openable_by = openable_by(&instance);
        status.power_state = instance.state.map(|state| state.to_string());
        status.last_operation = instance.last_operation.map(|last| InstanceOperation {
            name: Some(last.name.to_string()),
            status: Some(last.status).filter(|status| !status.is_empty()),
            trigger: last.trigger.map(|trigger| trigger.to_string()),
            time: last.time,
        });
        status.endpoints =
            instance.applications.into_iter().map(|app| Endpoint { name: app.name, url: app.url }).collect();
        status.public_ip = instance.public_ip;
        status.private_ip = instance.private_ip;
        status.os_image = instance.os_image.map(|image| OsImage {
            current: image.current,
            latest: image.latest,
            is_latest: image.is_latest,
        });
        status.created_by = instance.created_by.map(user);
        status.assigned_user = instance.assigned_user.map(user);
        status.errors = instance.errors.into_iter().map(error).collect();
    }
    // Serialising a value of ours cannot fail.
    serde_json::to_value(status.bounded()).unwrap_or_default()
}

/// Lists that this object has set: those of the spec, and earlier ones that Azure still has.
fn managed_lists(object: &ComputeInstance, common: &ComputeStatus, known: Option<&Known<'_>>) -> Vec<String> {
    let owned = common.azure.as_ref().is_some_and(|azure| azure.owned);
    if !owned || object.spec.management_policy == ManagementPolicy::Observe {
        return Vec::new();
    }
    let has = |pointer: &str| {
        let list = known.and_then(|known| known.seen.body.pointer(pointer)).and_then(Value::as_array);
        list.is_some_and(|list| !list.is_empty())
    };
    let lists = [
        (SCHEDULES, !object.spec.schedules.is_empty(), "/properties/properties/schedules/computeStartStop"),
        (CUSTOM_SERVICES, !object.spec.custom_services.is_empty(), "/properties/properties/customServices"),
    ];
    let managed =
        lists.into_iter().filter(|(name, declared, pointer)| *declared || (was_set(object, name) && has(pointer)));
    managed.map(|(name, ..)| name.to_owned()).collect()
}

fn user(person: Person) -> ReportedUser {
    ReportedUser { object_id: Some(person.object_id), tenant_id: person.tenant_id, name: person.name }
}

fn error(error: ArmError) -> ProvisioningError {
    let code = if error.code.is_empty() { "Unknown".into() } else { error.code };
    ProvisioningError { code, message: error.message, target: error.target }
}

/// Who may open its notebooks and its terminal: the person it is assigned to, else whoever made it (issue text;
/// azureml-api.md f.7).
fn openable_by(instance: &arm::ComputeInstance) -> Option<String> {
    let name = |person: &Person| person.name.clone().unwrap_or_else(|| person.object_id.clone());
    let assigned = instance.assigned_user.as_ref().map(|person| format!("{}, its assigned user", name(person)));
    assigned.or_else(|| instance.created_by.as_ref().map(|person| format!("{}, who made it", name(person))))
}

/// How to log in, where the port is open and Azure has told address, port and user.
fn ssh(instance: &arm::ComputeInstance) -> Option<InstanceSshReport> {
    let host = instance.public_ip.as_ref().or(instance.private_ip.as_ref()).filter(|_| instance.ssh_is_open)?.clone();
    let user = instance.ssh_user.clone()?;
    let port = i32::try_from(instance.ssh_port?).ok()?;
    // What Azure answers becomes a command that people paste.
    let plain =
        |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "._:-".contains(c)) && !text.starts_with('-');
    let command = format!("ssh {user}@{host} -p {port}");
    (plain(&host) && plain(&user)).then_some(InstanceSshReport { host, port, user, command })
}
