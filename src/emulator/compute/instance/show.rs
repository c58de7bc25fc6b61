//! How an instance answers: key by key as recorded in 2022 and 2024. Changes nothing.

use serde_json::{Value, json};

use super::{Instance, services};

/// The runtime of every instance (recorded 2024-07-24).
const RUNTIME: &str = "3.0.02755.0006";

impl Instance {
    /// What the answer to a PUT shows: little more than the size; a GET before it exists shows its state as well.
    pub(crate) fn echo(&self, stated: bool) -> Value {
        let mut value = self.common();
        value["createdBy"] = self.created_by();
        if stated {
            value["state"] = json!(self.state());
            value["lastOperation"] = json!(self.last.map(super::power::Last::show));
            if !self.errors.is_empty() {
                value["errors"] = self.wrong();
            }
        }
        value
    }

    /// What a GET shows of an instance that exists, by its name and region.
    pub(crate) fn show(&self, name: &str, region: &str) -> Value {
        let mut value = self.common();
        let settings = &self.settings;
        let [a, b, c, d] = self.birth.address;
        value["sshSettings"] = settings.show_ssh();
        value["errors"] = self.wrong();
        value["connectivityEndpoints"] = json!({
            "publicIpAddress": settings.is_public().then(|| format!("{a}.{b}.{c}.{d}")),
            "privateIpAddress": "10.0.0.4"
        });
        value["applications"] = self.applications(name, region);
        value["state"] = json!(self.state());
        value["lastOperation"] = json!(self.last.map(super::power::Last::show));
        value["createdBy"] = self.created_by();
        value["applicationSharingPolicy"] = json!(settings.sharing.unwrap_or("Shared"));
        value["setupScripts"] = settings.scripts.clone();
        value["schedules"] = json!({"computeStartStop": settings.schedules.iter().map(super::schedule::Schedule::show).collect::<Vec<_>>()});
        value["enableNodePublicIp"] = json!(settings.is_public());
        value["dataMounts"] = self.mounts.clone();
        value["versions"] = json!({"runtime": RUNTIME});
        value["customServices"] = if settings.services.is_null() { json!([]) } else { settings.services.clone() };
        value["osImageMetadata"] = json!({
            "currentImageVersion": self.image.0,
            "latestImageVersion": self.image.1,
            "isLatestOsImageVersion": self.image.0 == self.image.1,
            "osPatchingStatus": null
        });
        if let Some(idle) = &settings.idle {
            value["idleTimeBeforeShutdown"] = json!(idle.text);
        }
        value
    }

    /// The members that every answer has; those of preview versions are there on stable ones too (recorded 2024-07-24), the root
    /// access only if it was sent.
    fn common(&self) -> Value {
        let settings = &self.settings;
        let user = settings.assigned.as_ref();
        let mut value = json!({
            "vmSize": settings.vm_size,
            "imageVersion": null,
            "subnet": settings.subnet.as_ref().map(|id| json!({"id": id})),
            "sshSettings": null,
            "autologgerSettings": settings.autologger.map(|mode| json!({"mlflowAutologger": mode})),
            "errors": null,
            "connectivityEndpoints": null,
            "applications": null,
            "state": null,
            "lastOperation": null,
            "createdBy": null,
            "applicationSharingPolicy": null,
            "computeInstanceAuthorizationType": settings.personal.then_some("personal"),
            "personalComputeInstanceSettings":
                user.map(|user| json!({"assignedUser": {"objectId": user.object, "tenantId": user.tenant}})),
            "setupScripts": null,
            "enableNodePublicIp": settings.public_ip,
            "enableBatchPrivateLink": false,
            "enableOSPatching": settings.os_patching,
            "releaseQuotaOnStop": settings.release_quota,
            "enableSSO": settings.sso.unwrap_or(true),
            "dataMounts": null,
            "dataDisks": null,
            "containers": null,
            "updateStatus": null,
            "versions": null,
            "customServices": null,
            "osImageMetadata": null
        });
        if let Some(root) = settings.root_access {
            value["enableRootAccess"] = json!(root);
        }
        value
    }

    fn created_by(&self) -> Value {
        json!({"userOrgId": self.birth.creator.tenant, "userId": self.birth.creator.object})
    }

    /// The links of the studio. Jupyter and Jupyter Lab: recorded 2024-07-24.
    fn applications(&self, name: &str, region: &str) -> Value {
        let host = name.to_ascii_lowercase();
        let url = |path: &str| format!("https://{host}.{region}.instances.azureml.ms/{path}");
        let mut all = vec![
            json!({"displayName": "Jupyter", "endpointUri": url("tree/")}),
            json!({"displayName": "Jupyter Lab", "endpointUri": url("lab")}),
        ];
        all.extend(services::applications(&self.settings.services, &host, region));
        Value::Array(all)
    }
}
