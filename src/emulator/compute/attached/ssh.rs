//! What computes that are reached by SSH share: port, address, administrator. Connects to nothing.

use serde_json::{Value, json};

use super::Attached;
use crate::{errors::Refusal, fields::Fields, resources::Credentials};

/// Reads port, address and administrator of `properties.properties`. Empty texts are as absent (sdk-wire-notes 5).
///
/// # Errors
/// Wrong types, a port out of range, a password beside a key.
pub(super) fn read(fields: &Fields<'_>) -> Result<(Value, Credentials), Refusal> {
    let account = fields.object("administratorAccount")?;
    let text = |name: &str| account.filled(name).map(|text| text.map(str::to_owned));
    let credentials = Credentials {
        username: text("username")?,
        password: text("password")?,
        private_key: text("privateKeyData")?,
        passphrase: text("passphrase")?,
        access_token: None,
    };
    if credentials.password.is_some() && credentials.private_key.is_some() {
        let word = "Provide either a password or a private key for the administrator account, not both.";
        return Err(Refusal::user_error(word).target(fields.at("administratorAccount")));
    }
    let settings = json!({
        "sshPort": port(fields)?,
        "address": fields.filled("address")?,
        "publicKeyData": text("publicKeyData")?
    });
    Ok((settings, credentials))
}

/// 22 if absent; azureml-core sends the port of a cluster as a text (sdk-wire-notes 5).
fn port(fields: &Fields<'_>) -> Result<u16, Refusal> {
    let number = match fields.value("sshPort") {
        None => return Ok(22),
        Some(Value::String(text)) => text.parse::<u16>().ok(),
        Some(_) => fields.integer("sshPort")?.and_then(|number| u16::try_from(number).ok()),
    };
    number.filter(|port| *port > 0).ok_or_else(|| fields.refuse("sshPort", "a port from 1 to 65535"))
}

/// Checks that an attach says what to reach and who enters.
///
/// # Errors
/// 400 for what is missing.
pub(super) fn check(attached: &Attached) -> Result<(), Refusal> {
    let account = "properties.properties.administratorAccount";
    if attached.resource_key().is_none() {
        let text = "Either 'resourceId' or 'address' of the machine must be provided.";
        return Err(Refusal::user_error(text).target("properties.resourceId"));
    }
    if attached.credentials.username.is_none() {
        return Err(Refusal::user_error("The user name of the administrator account must be provided.")
            .target(format!("{account}.username")));
    }
    if attached.credentials.password.is_none() && attached.credentials.private_key.is_none() {
        let text = "A password or a private key of the administrator account must be provided.";
        return Err(Refusal::user_error(text).target(account));
    }
    Ok(())
}

/// `host:port` of what is reached by SSH, in lower case.
pub(super) fn host(attached: &Attached) -> Option<String> {
    if !attached.kind.cares.address {
        return None;
    }
    let address = attached.given("address");
    Some(format!("{}:{}", address.as_str()?, attached.settings.member("sshPort")).to_ascii_lowercase())
}

/// What it holds for itself: its id, and where it is reached.
pub(super) fn claims(attached: &Attached) -> Vec<String> {
    attached.resource_id.iter().map(|id| id.to_ascii_lowercase()).chain(host(attached)).collect()
}

/// The `administratorAccount` of `listKeys`.
pub(super) fn keys(attached: &Attached) -> Value {
    let Credentials { username, password, private_key, .. } = &attached.credentials;
    json!({"administratorAccount": {
        "username": username,
        "password": password,
        "publicKeyData": attached.settings.member("publicKeyData"),
        "privateKeyData": private_key
    }})
}
