//! An AmlCompute cluster: its settings, what the service makes of them, and how it answers them. Owns no clock and no quota.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::nodes::{DEFAULT_IDLE, Pool, Scale};
use crate::{
    checks,
    errors::Refusal,
    fields::Fields,
    time,
    words::{self, Word},
};

/// `properties.properties` of a cluster, as a body gives it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Settings {
    /// Upper case, as the service answers it.
    pub(crate) vm_size: String,
    #[serde(deserialize_with = "words::maybe")]
    pub(crate) vm_priority: Option<Word>,
    #[serde(deserialize_with = "words::maybe")]
    pub(crate) os_type: Option<Word>,
    pub(crate) scale: Scale,
    pub(crate) user: Option<User>,
    #[serde(deserialize_with = "words::word")]
    pub(crate) remote_login: Word,
    pub(crate) subnet: Option<String>,
    pub(crate) node_public_ip: Option<bool>,
    pub(crate) isolated_network: bool,
    pub(crate) image: Option<String>,
    pub(crate) property_bag: Value,
}

/// The administrator of the nodes. Passwords are read and forgotten: the service never answers one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) public_key: Option<String>,
}

impl Settings {
    /// Reads `properties.properties`.
    ///
    /// # Errors
    /// What the provider refuses at once: missing size or maximum, wrong types, unknown words, a user without credentials.
    pub(crate) fn read(fields: &Fields<'_>) -> Result<Self, Refusal> {
        Ok(Self {
            vm_size: checks::vm_size(fields)?,
            vm_priority: fields.word("vmPriority", &["Dedicated", "LowPriority"])?,
            os_type: fields.word("osType", &["Linux", "Windows"])?,
            scale: checks::scale(fields)?,
            user: user(&fields.object("userAccountCredentials")?)?,
            remote_login: fields
                .word("remoteLoginPortPublicAccess", &["Enabled", "Disabled", "NotSpecified"])?
                .unwrap_or("NotSpecified"),
            subnet: checks::subnet(fields)?,
            node_public_ip: fields.boolean("enableNodePublicIp")?,
            isolated_network: fields.boolean("isolatedNetwork")?.unwrap_or(false),
            image: fields.object("virtualMachineImage")?.text("id")?.map(str::to_owned),
            property_bag: fields.value("propertyBag").cloned().unwrap_or_else(|| json!({})),
        })
    }

    /// Whether its nodes may be taken away at any time.
    pub(crate) fn is_low_priority(&self) -> bool {
        self.vm_priority == Some("LowPriority")
    }

    /// Whether nodes have public addresses.
    pub(crate) fn is_public(&self) -> bool {
        self.node_public_ip != Some(false)
    }

    /// Fills in what was left open, as the service does once the cluster exists (azureml-api d.2, f.5).
    pub(crate) fn complete(&mut self) {
        self.vm_priority.get_or_insert("Dedicated");
        self.os_type.get_or_insert("Linux");
        self.scale.idle.get_or_insert(DEFAULT_IDLE);
        if self.remote_login == "NotSpecified" {
            let open = self.subnet.is_none() && self.is_public();
            self.remote_login = if open { "Enabled" } else { "Disabled" };
        }
    }

    /// The members that answers have in every state; nodes are not told of. Members that were never set and have no default
    /// are absent, as recorded (`osType` of a failed create, `enableNodePublicIp` of 47 of 49 clusters).
    fn describe(&self) -> Value {
        let id = |id: &Option<String>| id.as_ref().map_or(Value::Null, |id| json!({"id": id}));
        let mut value = json!({
            "vmSize": self.vm_size,
            "vmPriority": self.vm_priority,
            "scaleSettings": {
                "maxNodeCount": self.scale.max,
                "minNodeCount": self.scale.min,
                "nodeIdleTimeBeforeScaleDown": self.scale.idle.map(time::iso_duration)
            },
            "subnet": id(&self.subnet),
            "currentNodeCount": null,
            "targetNodeCount": null,
            "nodeStateCounts": null,
            "allocationState": null,
            "errors": null,
            "remoteLoginPortPublicAccess": self.remote_login,
            "virtualMachineImage": id(&self.image),
            "isolatedNetwork": self.isolated_network,
            "enableBatchPrivateLink": false
        });
        if let Some(os_type) = self.os_type {
            value["osType"] = json!(os_type);
        }
        if let Some(public) = self.node_public_ip {
            value["enableNodePublicIp"] = json!(public);
        }
        value
    }

    /// What the answer to a PUT or PATCH shows, and a GET until the cluster exists (recorded 2025-11-04).
    pub(crate) fn echo(&self) -> Value {
        self.describe()
    }

    /// What a GET shows of a cluster that exists (recorded 2022-12-28, 2025-11-04).
    pub(crate) fn show(&self, pool: &Pool) -> Value {
        let mut value = self.describe();
        pool.describe(&mut value);
        value["propertyBag"] = self.property_bag.clone();
        if let Some(user) = &self.user {
            value["userAccountCredentials"] = json!({
                "adminUserName": user.name,
                "adminUserPassword": null,
                "adminUserSshPublicKey": user.public_key
            });
        }
        value
    }
}

fn user(fields: &Fields<'_>) -> Result<Option<User>, Refusal> {
    if !fields.exists() {
        return Ok(None);
    }
    let name = fields.text("adminUserName")?.unwrap_or_default().to_owned();
    let public_key = fields.text("adminUserSshPublicKey")?.map(str::to_owned);
    let password = fields.text("adminUserPassword")?;
    if name.is_empty() {
        return Err(fields.missing("adminUserName"));
    }
    if let Some(password) = password {
        check_password(password)?;
    }
    Ok(Some(User { name, public_key }))
}

/// Three of lower case, upper case, digits and special characters (azureml-api h).
fn check_password(password: &str) -> Result<(), Refusal> {
    let classes: [fn(char) -> bool; 4] = [
        |letter| letter.is_lowercase(),
        |letter| letter.is_uppercase(),
        |letter| letter.is_ascii_digit(),
        |letter| !letter.is_alphanumeric(),
    ];
    // A recorded create of 2022 had a password of two classes, so two are what is enforced here.
    if classes.iter().filter(|class| password.chars().any(**class)).count() >= 2 {
        return Ok(());
    }
    Err(Refusal::user_error("The admin user password does not meet the complexity requirements.")
        .target("properties.properties.userAccountCredentials.adminUserPassword"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &Value) -> Result<Settings, Refusal> {
        Settings::read(&Fields::of(body).unwrap())
    }

    fn minimal() -> Value {
        json!({"vmSize": "Standard_DS3_v2", "scaleSettings": {"maxNodeCount": 8}})
    }

    #[test]
    fn defaults_are_filled_in_as_recorded() {
        let mut settings = read(&minimal()).unwrap();
        assert_eq!(settings.echo()["vmPriority"], Value::Null);
        assert_eq!(settings.echo()["remoteLoginPortPublicAccess"], "NotSpecified");
        settings.complete();
        let shown = settings.show(&Pool::new(jiff::Timestamp::UNIX_EPOCH));
        assert_eq!((&shown["vmSize"], &shown["vmPriority"]), (&json!("STANDARD_DS3_V2"), &json!("Dedicated")));
        assert_eq!(shown["scaleSettings"]["nodeIdleTimeBeforeScaleDown"], "PT2M");
        assert_eq!(shown["remoteLoginPortPublicAccess"], "Enabled");
        assert!(shown.get("enableNodePublicIp").is_none() && shown.get("userAccountCredentials").is_none());
    }

    #[test]
    fn remote_login_is_closed_in_a_network_and_without_public_addresses() {
        let subnet = "/subscriptions/S/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v/subnets/s";
        for (name, value) in [("subnet", json!({"id": subnet})), ("enableNodePublicIp", json!(false))] {
            let mut body = minimal();
            body[name] = value;
            let mut settings = read(&body).unwrap();
            settings.complete();
            assert_eq!(settings.remote_login, "Disabled", "{name}");
        }
    }

    #[test]
    fn keys_are_echoed_and_passwords_are_not() {
        let mut body = minimal();
        body["userAccountCredentials"] = json!({"adminUserName": "azureuser", "adminUserSshPublicKey": "ssh-rsa A", "adminUserPassword": "passwd12345"});
        let settings = read(&body).unwrap();
        assert!(settings.echo().get("userAccountCredentials").is_none());
        let shown = settings.show(&Pool::new(jiff::Timestamp::UNIX_EPOCH));
        let user = &shown["userAccountCredentials"];
        assert_eq!((&user["adminUserPassword"], &user["adminUserSshPublicKey"]), (&Value::Null, &json!("ssh-rsa A")));
    }

    #[test]
    fn wrong_settings_are_refused() {
        for (name, value) in [
            ("vmSize", Value::Null),
            ("vmPriority", json!("Spot")),
            ("osType", json!("BeOS")),
            ("remoteLoginPortPublicAccess", json!("Open")),
            ("subnet", json!({"id": "my-subnet"})),
            ("userAccountCredentials", json!({})),
            ("userAccountCredentials", json!({"adminUserName": "a", "adminUserPassword": "short"})),
            ("enableNodePublicIp", json!("yes")),
        ] {
            let mut body = minimal();
            body[name] = value.clone();
            assert_eq!(read(&body).unwrap_err().status, 400, "{name} {value}");
        }
    }
}
