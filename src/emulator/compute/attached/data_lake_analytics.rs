//! A Data Lake Analytics account, by its ARM id. Runs nothing.

use serde_json::json;

use super::{AttachedType, Near, PLAIN, facts};
use crate::resources::Credentials;

/// The row of the type. Its default store is read off the account unless a body names it.
pub(crate) const TYPE: AttachedType = AttachedType {
    name: "DataLakeAnalytics",
    resources: &["Microsoft.DataLakeAnalytics/accounts"],
    near: Near::SameRegion,
    read: |base| {
        let store = base.object("properties")?.text("dataLakeStoreAccountName")?.map(str::to_owned);
        Ok((json!({"dataLakeStoreAccountName": store}), Credentials::default()))
    },
    facts: |place| facts([("dataLakeStoreAccountName", json!(format!("{}store", place.name())))]),
    show: |attached| json!({"dataLakeStoreAccountName": attached.given("dataLakeStoreAccountName")}),
    ..PLAIN
};
