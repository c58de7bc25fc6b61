//! What a body asks of a ComputeInstance: read, and refused where the service refuses at once. Owns no state and no clock.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{schedule::Schedule, services};
use crate::{
    checks,
    errors::Refusal,
    fields::Fields,
    time,
    words::{self, Word},
};

/// `properties.properties` of an instance, as a body gives it. Texts of scripts and services are kept as sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Settings {
    /// Upper case, as the service answers it.
    pub(crate) vm_size: String,
    pub(crate) subnet: Option<String>,
    #[serde(deserialize_with = "words::maybe")]
    pub(crate) sharing: Option<Word>,
    pub(crate) ssh: Ssh,
    /// Whether `computeInstanceAuthorizationType` was sent; there is only `personal`.
    pub(crate) personal: bool,
    pub(crate) assigned: Option<User>,
    /// `setupScripts` as sent; null: none.
    pub(crate) scripts: Value,
    pub(crate) schedules: Vec<Schedule>,
    pub(crate) idle: Option<Idle>,
    pub(crate) public_ip: Option<bool>,
    pub(crate) sso: Option<bool>,
    pub(crate) root_access: Option<bool>,
    pub(crate) os_patching: bool,
    pub(crate) release_quota: bool,
    /// `mlflowAutologger`, if sent.
    #[serde(deserialize_with = "words::maybe")]
    pub(crate) autologger: Option<Word>,
    /// `customServices` as sent; null: none.
    pub(crate) services: Value,
}

/// SSH settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ssh {
    pub(crate) enabled: bool,
    pub(crate) public_key: Option<String>,
}

/// A person or principal of Entra ID.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct User {
    pub(crate) object: String,
    pub(crate) tenant: String,
}

/// After how long without activity an instance stops.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Idle {
    /// As sent: the service answers `PT120M` as `PT120M` (published example).
    pub(crate) text: String,
    pub(crate) seconds: i64,
}

impl Settings {
    /// Reads `properties.properties`.
    ///
    /// # Errors
    /// What the provider refuses at once: a missing size, wrong types, unknown words, more than four schedules, an idle time out of
    /// range, a setup script without source.
    pub(crate) fn read(fields: &Fields<'_>) -> Result<Self, Refusal> {
        let services = fields.value("customServices").map(|value| services::read(value, &fields.at("customServices")));
        Ok(Self {
            vm_size: checks::vm_size(fields)?,
            subnet: checks::subnet(fields)?,
            sharing: fields.word("applicationSharingPolicy", &["Personal", "Shared"])?,
            ssh: ssh(&fields.object("sshSettings")?)?,
            personal: fields.word("computeInstanceAuthorizationType", &["personal"])?.is_some(),
            assigned: assigned(&fields.object("personalComputeInstanceSettings")?)?,
            scripts: scripts(fields)?,
            schedules: Schedule::read_all(&fields.object("schedules")?)?.unwrap_or_default(),
            idle: Idle::read(fields)?,
            public_ip: fields.boolean("enableNodePublicIp")?,
            sso: fields.boolean("enableSSO")?,
            root_access: fields.boolean("enableRootAccess")?,
            os_patching: fields.boolean("enableOSPatching")?.unwrap_or(false),
            release_quota: fields.boolean("releaseQuotaOnStop")?.unwrap_or(false),
            autologger: fields.object("autologgerSettings")?.word("mlflowAutologger", &["Enabled", "Disabled"])?,
            services: services.transpose()?.unwrap_or(Value::Null),
        })
    }

    /// Refuses what `creator` may not ask for, and switches single sign-on off where the service does: on an instance for somebody
    /// else that runs the creator's scripts or services (how-to-create-compute-instance).
    ///
    /// # Errors
    /// 400 for a key on an instance for somebody else (azure-docs issue 109642).
    pub(crate) fn for_creator(&mut self, creator: &str) -> Result<(), Refusal> {
        if self.assigned.as_ref().is_none_or(|user| user.object.eq_ignore_ascii_case(creator)) {
            return Ok(());
        }
        if self.ssh.enabled && self.ssh.public_key.is_some() {
            return Err(Refusal::user_error(
                "Setting SSH key at creation time is not allowed when compute instance is provisioned on behalf of another user.",
            ));
        }
        if !self.scripts.is_null() || self.services.as_array().is_some_and(|services| !services.is_empty()) {
            self.sso = Some(false);
        }
        Ok(())
    }

    /// Whether a script of that name is run: `creationScript` or `startupScript`.
    pub(crate) fn has_script(&self, name: &str) -> bool {
        self.scripts.pointer(&format!("/scripts/{name}")).is_some_and(Value::is_object)
    }

    /// The data of a script that is not found when it is to run, because its source is none that the service knows (azure-cli issue
    /// 31838).
    pub(crate) fn missing_script(&self, name: &str) -> Option<&str> {
        let script = self.scripts.pointer(&format!("/scripts/{name}"))?;
        let source = script["scriptSource"].as_str().unwrap_or_default();
        let known = ["workspaceStorage", "inline", "workspace"].iter().any(|known| known.eq_ignore_ascii_case(source));
        script["scriptData"].as_str().filter(|_| !known)
    }

    /// Whether it has a public address.
    pub(crate) fn is_public(&self) -> bool {
        self.public_ip != Some(false)
    }

    /// The SSH settings as a GET shows them. The key is told only where SSH is open (recorded 2022-09-07). Port: recorded
    /// 2024-07-24.
    pub(crate) fn show_ssh(&self) -> Value {
        let open = self.ssh.enabled;
        json!({
            "sshPublicAccess": if open { "Enabled" } else { "Disabled" },
            "adminUserName": "azureuser",
            "sshPort": 50_000,
            "adminPublicKey": self.ssh.public_key.as_ref().filter(|_| open)
        })
    }
}

impl Idle {
    /// Reads `idleTimeBeforeShutdown`; 15 minutes to 3 days (SPEC26).
    ///
    /// # Errors
    /// A text that is no duration within these bounds.
    pub(crate) fn read(fields: &Fields<'_>) -> Result<Option<Self>, Refusal> {
        let name = "idleTimeBeforeShutdown";
        let Some(text) = fields.text(name)? else { return Ok(None) };
        match time::parse_iso_duration(text).filter(|seconds| (15 * 60..=3 * 86_400).contains(seconds)) {
            Some(seconds) => Ok(Some(Self { text: text.to_owned(), seconds })),
            None => Err(fields.refuse(name, "an ISO 8601 duration from 15 minutes (PT15M) to 3 days (P3D)")),
        }
    }
}

fn ssh(fields: &Fields<'_>) -> Result<Ssh, Refusal> {
    let access = fields.word("sshPublicAccess", &["Enabled", "Disabled"])?;
    let public_key = fields.text("adminPublicKey")?.map(str::to_owned);
    Ok(Ssh { enabled: access == Some("Enabled"), public_key: public_key.filter(|key| !key.trim().is_empty()) })
}

fn assigned(personal: &Fields<'_>) -> Result<Option<User>, Refusal> {
    let user = personal.object("assignedUser")?;
    if !user.exists() {
        return Ok(None);
    }
    let id = |name: &str| {
        let text = user.required(name)?;
        match uuid::Uuid::parse_str(text) {
            Ok(_) => Ok(text.to_owned()),
            Err(_) => Err(user.refuse(name, "a UUID")),
        }
    };
    Ok(Some(User { object: id("objectId")?, tenant: id("tenantId")? }))
}

/// Checks the scripts. `timeout` is any text: azure-ai-ml sends `Nonem` (sdk-wire-notes 5). So is `scriptSource`: a wrong one is
/// found out only when the script is to run.
fn scripts(fields: &Fields<'_>) -> Result<Value, Refusal> {
    let scripts = fields.object("setupScripts")?.object("scripts")?;
    let mut found = false;
    for name in ["creationScript", "startupScript"] {
        let script = scripts.object(name)?;
        if script.exists() {
            script.required("scriptSource")?;
            script.required("scriptData")?;
            script.text("scriptArguments")?;
            script.text("timeout")?;
            found = true;
        }
    }
    Ok(fields.value("setupScripts").filter(|_| found).cloned().unwrap_or(Value::Null))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, value: Value) -> Result<Settings, Refusal> {
        let mut body = json!({"vmSize": "Standard_DS3_v2"});
        body[name] = value;
        Settings::read(&Fields::of(&body).unwrap())
    }

    #[test]
    fn key_is_shown_only_where_ssh_is_open() {
        let key = |access: &str| json!({"sshPublicAccess": access, "adminPublicKey": "ssh-rsa A"});
        assert_eq!(read("sshSettings", key("Disabled")).unwrap().show_ssh()["adminPublicKey"], Value::Null);
        assert_eq!(read("sshSettings", key("enabled")).unwrap().show_ssh()["adminPublicKey"], "ssh-rsa A");
        let keyless = read("sshSettings", json!({"sshPublicAccess": "Enabled"})).unwrap().show_ssh();
        assert_eq!((&keyless["sshPublicAccess"], &keyless["adminPublicKey"]), (&json!("Enabled"), &Value::Null));
    }

    #[test]
    fn instance_for_somebody_else_takes_no_key_and_loses_single_sign_on_with_scripts() {
        let other = json!({"assignedUser": {
            "objectId": "00000000-0000-0000-0000-00000000abcd", "tenantId": "22222222-2222-2222-2222-222222222222"}});
        let mut plain = read("personalComputeInstanceSettings", other.clone()).unwrap();
        plain.for_creator("me").unwrap();
        assert_eq!(plain.sso, None);
        let mut scripted = Settings {
            scripts: json!({"scripts": {"creationScript": {}}}),
            ..read("personalComputeInstanceSettings", other.clone()).unwrap()
        };
        scripted.for_creator("00000000-0000-0000-0000-00000000ABCD").unwrap();
        assert_eq!(scripted.sso, None, "for oneself nothing is switched off");
        scripted.for_creator("me").unwrap();
        assert_eq!(scripted.sso, Some(false));
        let mut keyed = read("personalComputeInstanceSettings", other).unwrap();
        keyed.ssh = Ssh { enabled: true, public_key: None };
        keyed.for_creator("me").unwrap();
        keyed.ssh.public_key = Some("ssh-rsa A".into());
        assert_eq!(keyed.for_creator("me").unwrap_err().code, "UserError");
    }

    #[test]
    fn wrong_settings_are_refused() {
        for (name, value) in [
            ("vmSize", Value::Null),
            ("vmSize", json!(" ")),
            ("subnet", json!({"id": "my-subnet"})),
            ("applicationSharingPolicy", json!("Public")),
            ("sshSettings", json!({"sshPublicAccess": "Maybe"})),
            ("computeInstanceAuthorizationType", json!("shared")),
            ("personalComputeInstanceSettings", json!({"assignedUser": {}})),
            ("personalComputeInstanceSettings", json!({"assignedUser": {"objectId": "me", "tenantId": "us"}})),
            ("setupScripts", json!({"scripts": {"creationScript": {"scriptSource": "inline"}}})),
            ("setupScripts", json!({"scripts": {"startupScript": {"scriptData": "y"}}})),
            ("idleTimeBeforeShutdown", json!("PT14M")),
            ("idleTimeBeforeShutdown", json!("P4D")),
            ("idleTimeBeforeShutdown", json!("30 minutes")),
            ("enableSSO", json!("yes")),
            ("customServices", json!([{}])),
            ("schedules", json!({"computeStartStop": [{}]})),
            ("autologgerSettings", json!({"mlflowAutologger": "On"})),
        ] {
            assert_eq!(read(name, value.clone()).unwrap_err().status, 400, "{name} {value}");
        }
    }
}
