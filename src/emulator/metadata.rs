//! `/metadata/endpoints`: how Azure's tools learn a cloud's addresses. All of them are this emulator's.

use serde_json::{Value, json};

use crate::{
    message::{Request, Response},
    route,
};

/// The clouds there are: one. azure-ai-ml wants `name`, `portal`, `resourceManager`, `authentication.loginEndpoint` and
/// `suffixes.storage`, and a `resourceManager` that is part of the address it asked (sdk-wire-notes 1). Azure's ends in a slash:
/// for that azureml-core doubles it in most of its requests.
pub(crate) fn endpoints(request: &Request) -> Response {
    let base = &request.base;
    let cloud = json!({
        "name": "emulator",
        "portal": base,
        "resourceManager": format!("{base}/"),
        "authentication": {
            "loginEndpoint": base,
            "audiences": [base, "https://management.core.windows.net/", "https://management.azure.com/"],
            "tenant": "common",
            "identityProvider": "AAD"
        },
        "graph": base,
        "graphAudience": base,
        "media": base,
        "batch": base,
        "gallery": base,
        "vmImageAliasDoc": base,
        "suffixes": {
            "storage": "core.windows.net",
            "keyVaultDns": "vault.azure.net",
            "acrLoginServer": "azurecr.io",
            "sqlServerHostname": "database.windows.net"
        }
    });
    let single = route::query_value(&request.query, "api-version").is_some_and(|version| version.as_str() >= "2022");
    Response::json(200, &if single { cloud } else { Value::Array(vec![cloud]) })
}
