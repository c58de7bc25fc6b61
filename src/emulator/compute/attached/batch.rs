//! An Azure Batch account, which only the API of azureml-core can attach and see. Runs nothing.

use super::{AttachedType, Near, PLAIN};

/// The one API version that knows Batch and Kusto: azureml-core's (sdk-wire-notes).
pub(super) const VERSION: &str = "2020-02-02";

/// The row of the type.
pub(crate) const TYPE: AttachedType = AttachedType {
    name: "Batch",
    only_version: Some(VERSION),
    resources: &["Microsoft.Batch/batchAccounts"],
    near: Near::SameRegion,
    ..PLAIN
};
