//! Changes of objects.
//!
//! Must not hold new objects: those are in `creates`.

use super::{Case, IDENTITY, PUBLIC_KEY, SUBNET, Verdict, WORKSPACE, change, cluster, identity, with, workspace};
use Verdict::{Accepted, Rule};
use serde_json::{Value, json};

/// A cluster with every field that Azure cannot change.
fn full() -> Value {
    [
        ("spec.location", json!("eastus")),
        ("spec.vmPriority", json!("Dedicated")),
        ("spec.osType", json!("Linux")),
        ("spec.ssh", json!({"enabled": true, "publicKey": {"value": PUBLIC_KEY}})),
        ("spec.subnet", json!({"id": SUBNET})),
        ("spec.nodePublicIp", json!(true)),
        ("spec.isolatedNetwork", json!(false)),
        ("spec.description", json!("old")),
    ]
    .into_iter()
    .fold(cluster(), |object, (path, value)| with(object, path, value))
}

/// Changed clusters.
pub(crate) fn clusters() -> Vec<Case> {
    let mut cases = fixed_fields();
    cases.extend(same_values());
    cases.extend(mutable_fields());
    const NAME: &str = "cannot change: keep it, or make a new object with another name";
    const WORKSPACE_REF: &str = "`workspaceRef` cannot change, not even by replacePolicy";
    let named = || with(cluster(), "spec.azureName", json!("other-name"));
    for policy in ["Never", "Recreate"] {
        let set = |object: Value| with(object, "spec.replacePolicy", json!(policy));
        let moved = with(cluster(), "spec.workspaceRef.name", json!("second"));
        let name = |what: &str| format!("{what} is refused under replacePolicy {policy}");
        cases.push(change(name("another workspace"), set(cluster()), set(moved), Rule(WORKSPACE_REF)));
        cases.push(change(name("added azureName"), set(cluster()), set(named()), Rule(NAME)));
        cases.push(change(name("removed azureName"), set(named()), set(cluster()), Rule(NAME)));
        let other = with(named(), "spec.azureName", json!("third-name"));
        cases.push(change(name("changed azureName"), set(named()), set(other), Rule(NAME)));
    }
    cases
}

/// Each immutable field: changed, removed and added, refused and allowed.
fn fixed_fields() -> Vec<Case> {
    let fields = [
        (
            "vmSize",
            json!("STANDARD_D3_V2"),
            "`vmSize` cannot change in place: keep it, make a new object with another name, or set replacePolicy: Recreate",
        ),
        ("location", json!("westeurope"), "`location` cannot change in place"),
        ("vmPriority", json!("LowPriority"), "`vmPriority` cannot change in place"),
        ("osType", json!("Windows"), "`osType` cannot change in place"),
        ("ssh", json!({"enabled": false}), "`ssh` cannot change in place"),
        ("subnet", json!({"virtualNetwork": "net", "name": "ml"}), "`subnet` cannot change in place"),
        ("nodePublicIp", json!(false), "`nodePublicIp` cannot change in place"),
        ("isolatedNetwork", json!(true), "`isolatedNetwork` cannot change in place"),
        ("description", json!("new"), "`description` cannot change in place"),
    ];
    let mut cases = Vec::new();
    for (field, value, message) in fields {
        let path = format!("spec.{field}");
        let recreate = |object: Value| with(object, "spec.replacePolicy", json!("Recreate"));
        let changed = with(full(), &path, value);
        cases.push(change(format!("changed {field} is refused"), full(), changed.clone(), Rule(message)));
        cases.push(change(format!("changed {field} is accepted under Recreate"), full(), recreate(changed), Accepted));
        if field != "vmSize" {
            let removed = with(full(), &path, Value::Null);
            cases.push(change(format!("removed {field} is refused"), full(), removed.clone(), Rule(message)));
            cases.push(change(format!("added {field} is refused"), removed.clone(), full(), Rule(message)));
            let removed_again = recreate(removed);
            cases.push(change(format!("removed {field} is accepted under Recreate"), full(), removed_again, Accepted));
        }
    }
    cases
}

/// What is written in another way but means the same.
fn same_values() -> Vec<Case> {
    let same = |name: &str, path: &str, value: Value| change(name, full(), with(full(), path, value), Accepted);
    let other_subnet = with(full(), "spec.subnet.id", json!(SUBNET.replace("/ml", "/other")));
    let by_names = |name: &str| with(full(), "spec.subnet", json!({"virtualNetwork": "net", "name": name}));
    vec![
        same("size in another case is the same", "spec.vmSize", json!("Standard_D2_v2")),
        same("location with spaces and capitals is the same", "spec.location", json!("East US")),
        same("subnet id in another case is the same", "spec.subnet.id", json!(SUBNET.to_lowercase())),
        same(
            "SSH written out in full is the same",
            "spec.ssh",
            json!({"publicKey": {"value": PUBLIC_KEY}, "enabled": true}),
        ),
        change("another subnet id is refused", full(), other_subnet, Rule("`subnet` cannot change in place")),
        change("another subnet name is refused", by_names("a"), by_names("b"), Rule("`subnet` cannot change in place")),
        change(
            "azureName written out in full is the same",
            with(cluster(), "metadata.name", json!("cpu-cluster")),
            with(cluster(), "spec.azureName", json!("cpu-cluster")),
            Accepted,
        ),
        change(
            "a default written out is the same",
            with(cluster(), "spec.ssh", json!({})),
            with(cluster(), "spec.ssh", json!({"enabled": false})),
            Accepted,
        ),
    ]
}

fn mutable_fields() -> Vec<Case> {
    let values = [
        ("spec.scale", json!({"maxNodes": 8, "minNodes": 1, "idleTimeBeforeScaleDown": "1h"})),
        ("spec.tags", json!({"team": "vision"})),
        ("spec.identity", json!({"type": "UserAssigned", "userAssigned": [IDENTITY]})),
        ("spec.managementPolicy", json!("Observe")),
        ("spec.deletionPolicy", json!("Retain")),
        ("spec.adoptionPolicy", json!("Adopt")),
        ("spec.replacePolicy", json!("Recreate")),
        ("spec.driftPolicy", json!("Report")),
    ];
    let mut cases = Vec::new();
    for (path, value) in values {
        let changed = with(full(), path, value);
        cases.push(change(format!("{path} can change"), full(), changed.clone(), Accepted));
        cases.push(change(format!("{path} can change back"), changed, full(), Accepted));
    }
    let adopted = with(with(cluster(), "spec.azureName", json!("cpu-1")), "spec.adoptionPolicy", json!("Adopt"));
    let strict = with(adopted.clone(), "spec.adoptionPolicy", json!("Never"));
    let verdict = Rule("an existing compute with another name can be used with managementPolicy Observe");
    cases.push(change("adopted name cannot lose its policy", adopted, strict, verdict));
    cases
}

/// Changed workspaces and identities.
pub(crate) fn connections() -> Vec<Case> {
    let other = with(workspace(), "spec.resourceId", json!(WORKSPACE.replace("demo", "second")));
    let case = with(workspace(), "spec.resourceId", json!(WORKSPACE.to_lowercase()));
    let interval = with(workspace(), "spec.observeInterval", json!("5m"));
    let lent = with(workspace(), "spec.identityRef", json!({"kind": "ClusterAzureIdentity", "name": "shared"}));
    let rotated = with(identity(), "spec.servicePrincipal.clientSecret.secretRef.key", json!("next"));
    vec![
        change("another workspace id is refused", workspace(), other, Rule("`resourceId` cannot change")),
        change("workspace id in another case is the same", workspace(), case, Accepted),
        change("observeInterval can change", workspace(), interval, Accepted),
        change("identityRef can change", workspace(), lent, Accepted),
        change("secret of an identity can change", identity(), rotated, Accepted),
    ]
}
