//! An HDInsight cluster, reached by SSH on its head node. Runs nothing.

use serde_json::json;

use super::{AttachedType, Cares, NOTHING, PLAIN, Reput, facts, ssh, trouble};

/// The row of the type. An address that a body leaves out is the one that every cluster has.
pub(crate) const TYPE: AttachedType = AttachedType {
    name: "HDInsight",
    resources: &["Microsoft.HDInsight/clusters"],
    cares: Cares { credentials: true, address: true, ..NOTHING },
    read: |base| ssh::read(&base.object("properties")?),
    check: |attached, _| ssh::check(attached),
    facts: |place| facts([("address", json!(format!("{}-ssh.azurehdinsight.net", place.name())))]),
    trouble: trouble::of_host,
    claims: ssh::claims,
    change: Reput::Credentials,
    show: |attached| {
        json!({
            "sshPort": attached.settings.member("sshPort"),
            "address": attached.given("address"),
            "administratorAccount": null
        })
    },
    // Not in the specification; azureml-core asks for them.
    keys: ssh::keys,
    ..PLAIN
};
