//! An Azure Databricks workspace, entered with an access token. Runs nothing.

use serde_json::json;

use super::{AttachedType, Cares, NOTHING, Near, PLAIN, Reput, facts};
use crate::{errors::Refusal, random, resources::Credentials};

/// The row of the type. It must be in the subscription of the Azure ML workspace (documentation of pipelines' compute targets).
pub(crate) const TYPE: AttachedType = AttachedType {
    name: "Databricks",
    resources: &["Microsoft.Databricks/workspaces"],
    cares: Cares { credentials: true, ..NOTHING },
    near: Near::SameRegionAndSubscription,
    read: |base| {
        let fields = base.object("properties")?;
        let token = fields.filled("databricksAccessToken")?;
        let credentials = Credentials { access_token: token.map(str::to_owned), ..Credentials::default() };
        Ok((json!({"workspaceUrl": fields.text("workspaceUrl")?}), credentials))
    },
    check: |attached, _| match attached.credentials.access_token {
        Some(_) => Ok(()),
        None => {
            let path = "properties.properties.databricksAccessToken";
            Err(Refusal::user_error("The Databricks access token must be provided.").target(path))
        }
    },
    // adb-<workspace id>.<number>.azuredatabricks.net is how Azure forms it.
    facts: |place| {
        let number = random::hash(place.seed, &place.id.to_ascii_lowercase());
        let url = format!("adb-{}.{}.azuredatabricks.net", number % 10_000_000_000_000_000, number % 20);
        facts([("workspaceUrl", json!(url))])
    },
    change: Reput::Credentials,
    show: |attached| json!({"databricksAccessToken": null, "workspaceUrl": attached.given("workspaceUrl")}),
    keys: |attached| json!({"databricksAccessToken": attached.credentials.access_token}),
    ..PLAIN
};
