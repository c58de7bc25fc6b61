//! Services that are attached by their ARM id alone (azureml-api.md b.5).
//!
//! Must not send a setting: Azure reads them off the service.

use super::{DESCRIPTION, PLAIN, RESOURCE, Type, count, own, text};
use crate::rules::Compare;
use api::{Advice, AutoPauseReport, AutoScaleReport, DataLakeAnalyticsReport, SynapseSparkReport};
use arm::Compute;
use serde_json::Value;

pub(super) const DATA_LAKE_ANALYTICS: Type = Type {
    wire: "DataLakeAnalytics",
    rules: &[DESCRIPTION, own("spec.dataLakeAnalytics.resourceId", RESOURCE, Compare::ArmId)],
    advice: |_| {
        let message = "azure retired Data Lake Analytics; pipelines read only the account's default store";
        vec![Advice { reason: "LegacyType".into(), message: message.into() }]
    },
    report: |seen, status| {
        let default_store = text(seen, "/dataLakeStoreAccountName");
        status.data_lake_analytics = Some(DataLakeAnalyticsReport { default_store });
    },
    ..PLAIN
};

pub(super) const DATA_FACTORY: Type = Type {
    wire: "DataFactory",
    rules: &[DESCRIPTION, own("spec.dataFactory.resourceId", RESOURCE, Compare::ArmId)],
    ..PLAIN
};

pub(super) const SYNAPSE_SPARK: Type = Type {
    wire: "SynapseSpark",
    rules: &[DESCRIPTION, own("spec.synapseSpark.resourceId", RESOURCE, Compare::ArmId)],
    report: |seen, status| status.synapse_spark = Some(spark(seen)),
    ..PLAIN
};

pub(super) const BATCH: Type = Type {
    wire: "Batch",
    rules: &[DESCRIPTION, own("spec.batch.resourceId", RESOURCE, Compare::ArmId)],
    advice: |_| {
        let message = "only azure ml's API of 2020-02-02 knows Batch accounts, and newer tools do not see this compute; plan to replace it by a ComputeCluster";
        vec![Advice { reason: "LegacyType".into(), message: message.into() }]
    },
    ..PLAIN
};

fn spark(seen: &Compute) -> SynapseSparkReport {
    let own = seen.body.pointer("/properties/properties");
    let part = |name: &str| own?.get(name).filter(|part| part.is_object());
    let enabled = |part: &Value| part.get("enabled").and_then(Value::as_bool).unwrap_or_default();
    SynapseSparkReport {
        workspace_name: text(seen, "/workspaceName"),
        pool_name: text(seen, "/poolName"),
        spark_version: text(seen, "/sparkVersion"),
        node_count: count(seen, "/nodeCount"),
        node_size: text(seen, "/nodeSize"),
        node_size_family: text(seen, "/nodeSizeFamily"),
        auto_scale: part("autoScaleProperties").map(|part| AutoScaleReport {
            enabled: enabled(part),
            min_nodes: count(seen, "/autoScaleProperties/minNodeCount"),
            max_nodes: count(seen, "/autoScaleProperties/maxNodeCount"),
        }),
        auto_pause: part("autoPauseProperties").map(|part| AutoPauseReport {
            enabled: enabled(part),
            delay_in_minutes: count(seen, "/autoPauseProperties/delayInMinutes"),
        }),
    }
}
