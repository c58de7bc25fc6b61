//! A Spark pool of Azure Synapse, by its ARM id. Runs nothing.

use serde_json::json;

use super::{AttachedType, Near, PLAIN, facts};
use crate::resources::{Credentials, part_of};

/// The row of the type. Bodies bring nothing but the id: every member is read off the pool (sdk-wire-notes 5). Names are shorter
/// than those of other types (azureml-core: 2 to 16 characters).
pub(crate) const TYPE: AttachedType = AttachedType {
    name: "SynapseSpark",
    longest_name: 16,
    resources: &["Microsoft.Synapse/workspaces/bigDataPools"],
    near: Near::SameRegion,
    read: |base| {
        base.object("properties")?;
        Ok((json!({}), Credentials::default()))
    },
    facts: |place| {
        let part = |word: &str| json!(part_of(place.id, word));
        facts([
            ("autoScaleProperties", json!({"minNodeCount": 3, "enabled": true, "maxNodeCount": 10})),
            ("autoPauseProperties", json!({"delayInMinutes": 15, "enabled": true})),
            ("sparkVersion", json!("3.4")),
            ("nodeCount", json!(0)),
            ("nodeSize", json!("Small")),
            ("nodeSizeFamily", json!("MemoryOptimized")),
            ("subscriptionId", part("subscriptions")),
            ("resourceGroup", part("resourceGroups")),
            ("workspaceName", part("workspaces")),
            ("poolName", part("bigDataPools")),
        ])
    },
    show: |attached| attached.facts.open(),
    ..PLAIN
};
