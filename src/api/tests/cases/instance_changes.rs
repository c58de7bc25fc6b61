//! Changes of instances.
//!
//! Must not hold new instances: those are in `instances`.

use super::{Case, IDENTITY, PUBLIC_KEY, SUBNET, Verdict, change, instance, person, with};
use Verdict::{Accepted, Rule};
use serde_json::{Value, json};

/// An instance with every field that Azure cannot change.
fn full() -> Value {
    [
        ("spec.assignedUser", person()),
        ("spec.ssh", json!({"enabled": true})),
        ("spec.subnet", json!({"id": SUBNET})),
        ("spec.nodePublicIp", json!(true)),
        ("spec.identity", json!({"type": "UserAssigned", "userAssigned": [IDENTITY, format!("{IDENTITY}-b")]})),
        ("spec.applicationSharing", json!("Personal")),
        ("spec.setupScripts.creation", json!({"inline": "true", "arguments": ["a"], "timeout": "PT20M"})),
        ("spec.setupScripts.startup", json!({"configMapRef": {"name": "scripts", "key": "a.sh"}})),
        ("spec.rootAccess", json!(true)),
        ("spec.osPatching", json!(false)),
        ("spec.releaseQuotaOnStop", json!(false)),
        ("spec.description", json!("old")),
        ("spec.tags", json!({"team": "vision"})),
    ]
    .into_iter()
    .fold(instance(), |object, (path, value)| with(object, path, value))
}

/// Changed instances.
pub(crate) fn all() -> Vec<Case> {
    let mut cases = fixed_fields();
    cases.extend(same_values());
    cases.extend(other_values());
    cases.extend(mutable_fields());
    let moved = with(instance(), "spec.workspaceRef.name", json!("second"));
    let renamed = with(instance(), "spec.azureName", json!("other-name"));
    let recreate = |object: Value| with(object, "spec.replacePolicy", json!("Recreate"));
    let verdict = Rule("`workspaceRef` cannot change, not even by replacePolicy");
    cases.push(change("instance in another workspace is refused", recreate(instance()), recreate(moved), verdict));
    let verdict = Rule("cannot change: keep it, or make a new object with another name");
    cases.push(change("instance under another name is refused", recreate(instance()), recreate(renamed), verdict));
    cases
}

/// Each immutable field: changed, removed and added, refused and allowed.
fn fixed_fields() -> Vec<Case> {
    let fields = [
        (
            "vmSize",
            json!("STANDARD_E4DS_V4"),
            "`vmSize` cannot change in place: keep it, make a new object with another name, or set replacePolicy: Recreate, \
             which deletes the instance in Azure with everything on its local disk and makes it again",
        ),
        (
            "assignedUser",
            with(person(), "objectId", json!("55555555-5555-5555-5555-555555555555")),
            "`assignedUser` cannot",
        ),
        ("ssh", json!({"enabled": false}), "`ssh` cannot change in place"),
        ("subnet", json!({"virtualNetwork": "net", "name": "ml"}), "`subnet` cannot change in place"),
        ("nodePublicIp", json!(false), "`nodePublicIp` cannot change in place"),
        ("identity", json!({"type": "SystemAssigned"}), "`identity` cannot change in place"),
        ("applicationSharing", json!("Shared"), "`applicationSharing` cannot change in place"),
        (
            "setupScripts.creation",
            json!({"inline": "false", "arguments": ["a"], "timeout": "PT20M"}),
            "`setupScripts.creation` cannot",
        ),
        (
            "setupScripts.startup",
            json!({"configMapRef": {"name": "scripts", "key": "b.sh"}}),
            "`setupScripts.startup` cannot",
        ),
        ("rootAccess", json!(false), "`rootAccess` cannot change in place"),
        ("osPatching", json!(true), "`osPatching` cannot change in place"),
        ("releaseQuotaOnStop", json!(true), "`releaseQuotaOnStop` cannot change in place"),
        ("description", json!("new"), "`description` cannot change in place"),
        ("tags", json!({"team": "speech"}), "`tags` cannot change in place"),
    ];
    let mut cases = Vec::new();
    let recreate = |object: Value| with(object, "spec.replacePolicy", json!("Recreate"));
    for (field, value, message) in fields {
        let path = format!("spec.{field}");
        let changed = with(full(), &path, value);
        let name = |what: &str| format!("{what} {field} of an instance");
        cases.push(change(name("changed") + " is refused", full(), changed.clone(), Rule(message)));
        cases.push(change(name("changed") + " is accepted under Recreate", full(), recreate(changed), Accepted));
        if field != "vmSize" {
            let removed = with(full(), &path, Value::Null);
            cases.push(change(name("removed") + " is refused", full(), removed.clone(), Rule(message)));
            cases.push(change(name("added") + " is refused", removed.clone(), full(), Rule(message)));
            cases.push(change(name("removed") + " is accepted under Recreate", full(), recreate(removed), Accepted));
        }
    }
    cases
}

/// What is written in another way but means the same.
fn same_values() -> Vec<Case> {
    let same = |name: &str, path: &str, value: Value| {
        change(format!("{name} of an instance is the same"), full(), with(full(), path, value), Accepted)
    };
    let upper =
        json!({"objectId": "ABCDEF00-4444-4444-4444-444444444444", "tenantId": "22222222-2222-2222-2222-222222222222"});
    let lower =
        json!({"objectId": "abcdef00-4444-4444-4444-444444444444", "tenantId": "22222222-2222-2222-2222-222222222222"});
    let user = |value: Value| with(instance(), "spec.assignedUser", value);
    vec![
        same("size in another case", "spec.vmSize", json!("Standard_DS3_v2")),
        same("subnet id in another case", "spec.subnet.id", json!(SUBNET.to_lowercase())),
        same(
            "identities in another order and case",
            "spec.identity.userAssigned",
            json!([format!("{IDENTITY}-b"), IDENTITY.to_lowercase()]),
        ),
        same("timeout of a script in another form", "spec.setupScripts.creation.timeout", json!("20m")),
        change("person in another case is the same", user(upper), user(lower), Accepted),
        change("no tags at all are the same as none", with(instance(), "spec.tags", json!({})), instance(), Accepted),
        change(
            "no scripts at all are the same as none",
            with(instance(), "spec.setupScripts", json!({})),
            instance(),
            Accepted,
        ),
    ]
}

/// What differs in one part of a field that is compared part by part.
fn other_values() -> Vec<Case> {
    let other = |name: &str, path: &str, value: Value, message: &'static str| {
        change(format!("{name} of an instance is refused"), full(), with(full(), path, value), Rule(message))
    };
    const CREATION: &str = "`setupScripts.creation` cannot change in place";
    let tenant = json!("66666666-6666-6666-6666-666666666666");
    let keyed =
        with(with(full(), "spec.assignedUser", Value::Null), "spec.ssh.publicKey", json!({"value": PUBLIC_KEY}));
    let keyless = with(keyed.clone(), "spec.ssh", json!({"enabled": true}));
    vec![
        other("tenant of the person", "spec.assignedUser.tenantId", tenant, "`assignedUser` cannot"),
        other("one identity less", "spec.identity.userAssigned", json!([IDENTITY]), "`identity` cannot"),
        other(
            "another identity",
            "spec.identity.userAssigned",
            json!([IDENTITY, format!("{IDENTITY}-c")]),
            "`identity` cannot",
        ),
        other("arguments of a script", "spec.setupScripts.creation.arguments", json!(["b"]), CREATION),
        other("removed arguments of a script", "spec.setupScripts.creation.arguments", Value::Null, CREATION),
        other("timeout of a script", "spec.setupScripts.creation.timeout", json!("PT21M"), CREATION),
        other("removed timeout of a script", "spec.setupScripts.creation.timeout", Value::Null, CREATION),
        other("one tag more", "spec.tags", json!({"team": "vision", "a": "b"}), "`tags` cannot"),
        change("key set later is refused", keyless, keyed, Rule("`ssh` cannot change in place")),
    ]
}

fn mutable_fields() -> Vec<Case> {
    let values = [
        ("spec.idleTimeBeforeShutdown", json!("PT30M")),
        ("spec.schedules", json!([{"name": "evening", "action": "Stop", "cron": "0 19 * * *"}])),
        (
            "spec.customServices",
            json!([{"name": "r", "image": {"reference": "r"}, "endpoints": [{"target": 8787, "published": 8787}]}]),
        ),
        ("spec.sso", json!(false)),
        ("spec.powerState", json!("Stopped")),
        ("spec.managementPolicy", json!("Observe")),
        ("spec.deletionPolicy", json!("Retain")),
        ("spec.adoptionPolicy", json!("Adopt")),
        ("spec.replacePolicy", json!("Recreate")),
        ("spec.driftPolicy", json!("Report")),
    ];
    let mut cases = Vec::new();
    for (path, value) in values {
        let changed = with(full(), path, value);
        cases.push(change(format!("{path} of an instance can change"), full(), changed.clone(), Accepted));
        cases.push(change(format!("{path} of an instance can change back"), changed, full(), Accepted));
    }
    let held = with(full(), "spec.powerState", json!("Running"));
    let enforced = with(held.clone(), "spec.powerPolicy", json!("Enforce"));
    cases.push(change("powerPolicy of an instance can change", held, enforced, Accepted));
    cases
}
