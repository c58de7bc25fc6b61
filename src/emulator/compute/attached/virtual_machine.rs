//! A virtual machine with Ubuntu, named by its ARM id or reached by its address. Runs nothing.

use serde_json::json;

use super::{AttachedType, Cares, NOTHING, PLAIN, Place, Reput, facts, ssh, trouble};
use crate::{errors::Refusal, random, resources::OperatingSystem};

/// The row of the type. Size and address are read off the machine at once: the recorded answers to PUTs have them.
pub(crate) const TYPE: AttachedType = AttachedType {
    name: "VirtualMachine",
    resources: &["Microsoft.Compute/virtualMachines"],
    cares: Cares { credentials: true, system: true, address: true, ..NOTHING },
    read: |base| {
        let fields = base.object("properties")?;
        let (mut settings, credentials) = ssh::read(&fields)?;
        settings["virtualMachineSize"] = json!(fields.text("virtualMachineSize")?.map(str::to_ascii_uppercase));
        settings["notebookServerPort"] = json!(fields.integer("notebookServerPort")?);
        Ok((settings, credentials))
    },
    check: |attached, resource| {
        ssh::check(attached)?;
        if resource.is_some_and(|resource| resource.operating_system == OperatingSystem::Windows) {
            let text = "The virtual machine does not run Ubuntu. Only Ubuntu is supported.";
            return Err(Refusal::user_error(text).target("properties.resourceId"));
        }
        Ok(())
    },
    facts: |place| {
        facts([
            ("virtualMachineSize", json!("STANDARD_DS3_V2")),
            ("address", json!(address(place))),
            ("ipAddress", json!(address(place))),
        ])
    },
    trouble: trouble::of_host,
    claims: ssh::claims,
    change: Reput::Credentials,
    show: |attached| {
        json!({
            "virtualMachineSize": attached.known("virtualMachineSize"),
            "sshPort": attached.settings.member("sshPort"),
            "notebookServerPort": attached.settings.member("notebookServerPort"),
            "address": attached.given("address"),
            "ipAddress": attached.known("ipAddress"),
            "administratorAccount": null,
            "imageVersion": null,
            "applicationUris": null,
            "createdBy": null
        })
    },
    keys: ssh::keys,
    ..PLAIN
};

/// An address of the block for documentation (RFC 5737), always the same for a machine.
fn address(place: &Place<'_>) -> String {
    let number = random::hash(place.seed, &place.id.to_ascii_lowercase()) % 254 + 1;
    format!("203.0.113.{number}")
}
