//! Workspaces and what they hold. Answers for themselves only; changes nothing.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    compute::{Compute, machine::Machine},
    random, time,
};

/// A workspace.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Workspace {
    pub(crate) subscription: String,
    pub(crate) group: String,
    pub(crate) name: String,
    pub(crate) location: String,
    pub(crate) tenant: String,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) created_on: Timestamp,
    /// By name in lower case.
    pub(crate) computes: BTreeMap<String, Box<Compute>>,
    /// What was detached and lives on, with its region, by name in lower case.
    pub(crate) detached: BTreeMap<String, (Machine, String)>,
    /// Computes that are gone but still seen by some reads (fault), with the reads left.
    pub(crate) ghosts: BTreeMap<String, (Compute, u32)>,
}

impl Workspace {
    /// Its ARM id.
    pub(crate) fn id(&self) -> String {
        format!(
            "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.MachineLearningServices/workspaces/{}",
            self.subscription, self.group, self.name
        )
    }

    /// The ARM id of one of its computes.
    pub(crate) fn compute_id(&self, name: &str) -> String {
        format!("{}/computes/{name}", self.id())
    }

    /// What a GET shows: the members that clients of computes look at (sdk-wire-notes 1, 7), in the service's form.
    pub(crate) fn show(&self, base: &str, seed: u64) -> Value {
        let id = self.id();
        let workspace_id = random::uuid_for(seed, &id.to_ascii_lowercase()).to_string();
        let resource = |kind: &str, name: &str| {
            let (subscription, group) = (&self.subscription, &self.group);
            format!("/subscriptions/{subscription}/resourceGroups/{group}/providers/{kind}/{name}")
        };
        let name = self.name.to_ascii_lowercase();
        let created = time::ticks(self.created_on);
        let notebooks = random::uuid_for(seed, &format!("notebooks {id}")).simple().to_string();
        let location = &self.location;
        json!({
            "id": id,
            "name": self.name,
            "type": "Microsoft.MachineLearningServices/workspaces",
            "location": self.location,
            "tags": self.tags,
            "etag": null,
            "kind": "Default",
            "sku": {"name": "Basic", "tier": "Basic"},
            "identity": {
                "type": "SystemAssigned",
                "principalId": random::uuid_for(seed, &format!("principal {id}")).to_string(),
                "tenantId": self.tenant
            },
            "properties": {
                "friendlyName": self.name,
                "description": "",
                "storageAccount": resource("Microsoft.Storage/storageAccounts", &format!("{name}storage")),
                "keyVault": resource("Microsoft.Keyvault/vaults", &format!("{name}vault")),
                "applicationInsights": resource("Microsoft.insights/components", &format!("{name}insights")),
                "hbiWorkspace": false,
                "tenantId": self.tenant,
                "imageBuildCompute": null,
                "provisioningState": "Succeeded",
                "containerRegistry": null,
                "notebookInfo": {
                    "resourceId": notebooks,
                    "fqdn": format!("ml-{name}-{location}-{workspace_id}.{location}.notebooks.azure.net"),
                    "isPrivateLinkEnabled": false,
                    "notebookPreparationError": null
                },
                "storageHnsEnabled": false,
                "linkedModelInventoryArmId": null,
                "privateLinkCount": 0,
                "v1LegacyMode": false,
                "publicNetworkAccess": "Enabled",
                "discoveryUrl": format!("{base}/discovery"),
                "mlFlowTrackingUri": format!("azureml://{}.api.azureml.ms/mlflow/v1.0{id}", self.location),
                "sdkTelemetryAppInsightsKey": null,
                "workspaceId": workspace_id,
                "creationTime": created
            },
            "systemData": self.system_data(seed)
        })
    }

    /// Who made it and when; times have another form here than everywhere else (recorded 2022).
    fn system_data(&self, seed: u64) -> Value {
        let at = time::ticks(self.created_on).replace("+00:00", "Z");
        let maker = random::uuid_for(seed, &format!("maker {}", self.id())).to_string();
        json!({
            "createdAt": at,
            "createdBy": maker,
            "createdByType": "Application",
            "lastModifiedAt": at,
            "lastModifiedBy": maker,
            "lastModifiedByType": "Application"
        })
    }
}
