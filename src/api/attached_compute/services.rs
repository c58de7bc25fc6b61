//! Services of Azure that are attached by their ARM id.
//!
//! Must not hold a token: only the name and key of a Secret beside the object.

use crate::{SecretSource, limits, rules};
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// A Databricks workspace, in the subscription of the Azure ML workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct DatabricksAttachment {
    /// ARM id of the Databricks workspace. Cannot change.
    #[schemars(length(min = 1, max = limits::ARM_ID))]
    #[x_kube(
        validation = rules::underlying_id("databricks.resourceId", "a Databricks workspace", &["Microsoft.Databricks", "workspaces"]),
        validation = rules::fixed_id("databricks.resourceId")
    )]
    pub resource_id: String,
    /// A personal access token of that workspace.
    pub access_token: SecretSource,
}

/// A Data Lake Analytics account. Pipelines can read only its default store; Azure retired the service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct DataLakeAnalyticsAttachment {
    /// ARM id of the account. Cannot change.
    #[schemars(length(min = 1, max = limits::ARM_ID))]
    #[x_kube(
        validation = rules::underlying_id("dataLakeAnalytics.resourceId", "a Data Lake Analytics account", &["Microsoft.DataLakeAnalytics", "accounts"]),
        validation = rules::fixed_id("dataLakeAnalytics.resourceId")
    )]
    pub resource_id: String,
}

/// A data factory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = rules::fixed_factory())]
#[serde(rename_all = "camelCase")]
pub struct DataFactoryAttachment {
    /// ARM id of the data factory; absent, Azure ML makes one. Cannot change.
    #[schemars(length(min = 1, max = limits::ARM_ID))]
    #[x_kube(validation = rules::underlying_id("dataFactory.resourceId", "a data factory", &["Microsoft.DataFactory", "factories"]))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_id: Option<String>,
}

/// A Spark pool of a Synapse workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SynapseSparkAttachment {
    /// ARM id of the pool. Cannot change.
    #[schemars(length(min = 1, max = limits::ARM_ID))]
    #[x_kube(
        validation = rules::underlying_id("synapseSpark.resourceId", "a Spark pool of Synapse", &["Microsoft.Synapse", "workspaces", "bigDataPools"]),
        validation = rules::fixed_id("synapseSpark.resourceId")
    )]
    pub resource_id: String,
}

/// An Azure Batch account. Legacy: only Azure ML's API of 2020-02-02 knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct BatchAttachment {
    /// ARM id of the account. Cannot change.
    #[schemars(length(min = 1, max = limits::ARM_ID))]
    #[x_kube(
        validation = rules::underlying_id("batch.resourceId", "a Batch account", &["Microsoft.Batch", "batchAccounts"]),
        validation = rules::fixed_id("batch.resourceId")
    )]
    pub resource_id: String,
}
