//! A Kusto (Data Explorer) cluster, which only the API of azureml-core can attach and see. Queries nothing.

use serde_json::json;

use super::{AttachedType, Cares, NOTHING, PLAIN, Reput, batch};
use crate::{errors::Refusal, resources::Credentials};

/// The row of the type. Body as azureml-core 1.61 sends it.
pub(crate) const TYPE: AttachedType = AttachedType {
    name: "Kusto",
    only_version: Some(batch::VERSION),
    resources: &["Microsoft.Kusto/clusters"],
    cares: Cares { credentials: true, ..NOTHING },
    read: |base| {
        let fields = base.object("properties")?;
        let principal = fields.object("servicePrincipalCredentials")?;
        let text = |name: &str| principal.filled(name).map(|text| text.map(str::to_owned));
        let credentials =
            Credentials { username: text("clientId")?, password: text("secret")?, ..Credentials::default() };
        let settings = json!({
            "kustoConnectionString": fields.text("kustoConnectionString")?,
            "tenantId": text("tenantId")?
        });
        Ok((settings, credentials))
    },
    check: |attached, _| {
        let whole = attached.credentials.username.is_some()
            && attached.credentials.password.is_some()
            && attached.settings.member("tenantId").is_string();
        if whole && attached.settings.member("kustoConnectionString").is_string() {
            return Ok(());
        }
        let text = "The connection string and the credentials of a service principal must be provided.";
        Err(Refusal::user_error(text).target("properties.properties"))
    },
    change: Reput::Credentials,
    show: |attached| {
        json!({
            "kustoConnectionString": attached.settings.member("kustoConnectionString"),
            "servicePrincipalCredentials": null
        })
    },
    keys: |attached| {
        json!({"servicePrincipalCredentials": {
            "clientId": attached.credentials.username,
            "secret": attached.credentials.password,
            "tenantId": attached.settings.member("tenantId")
        }})
    },
    ..PLAIN
};
