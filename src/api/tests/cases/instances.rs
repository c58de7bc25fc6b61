//! New instances.
//!
//! Must not repeat rows of what all computes share (names, tags, subnets, identities): those are in `creates`.

use super::{Case, IDENTITY, PUBLIC_KEY, Verdict, create, instance, person, with};
use Verdict::{Accepted, Rule, Schema};
use serde_json::{Value, json};

/// New instances.
pub(crate) fn all() -> Vec<Case> {
    let mut cases = shared();
    cases.extend(people_and_ssh());
    cases.extend(power());
    cases.extend(scripts());
    cases.extend(services());
    cases.extend(several_services());
    cases.extend(service_texts());
    cases
}

/// A new instance with a value put at a path.
pub(super) fn case(name: impl Into<String>, path: &str, value: Value, verdict: Verdict) -> Case {
    create(instance, name, path, value, verdict)
}

/// One row of each rule that stands in the definition of clusters as well.
fn shared() -> Vec<Case> {
    vec![
        case("smallest instance is accepted", "metadata.name", json!("workstation"), Accepted),
        case(
            "instance named as no compute can be is refused",
            "spec.azureName",
            json!("ci-1"),
            Rule("3 to 24 letters"),
        ),
        case("instance named local is refused", "spec.azureName", json!("local"), Rule("Azure ML reserves them")),
        case("instance without a size is refused", "spec.vmSize", Value::Null, Schema("spec.vmSize: Required value")),
        case(
            "size of an instance with blanks is refused",
            "spec.vmSize",
            json!("a b"),
            Rule("`vmSize` must be the name of a VM size"),
        ),
        case(
            "our own tag on an instance is refused",
            "spec.tags",
            json!({"azureml-operator-uid": "x"}),
            Rule("`tags` must not hold"),
        ),
        case(
            "instance with a user-assigned identity is accepted",
            "spec.identity",
            json!({"type": "UserAssigned", "userAssigned": [IDENTITY]}),
            Accepted,
        ),
        case(
            "instance with both kinds of identity is refused",
            "spec.identity",
            json!({"type": "SystemAssigned", "userAssigned": [IDENTITY]}),
            Rule("`identity.userAssigned` must be absent unless"),
        ),
        case(
            "subnet of an instance in two forms is refused",
            "spec.subnet",
            json!({"id": super::SUBNET, "name": "ml"}),
            Rule("`subnet` must be given in one form"),
        ),
        case(
            "sharing nobody knows is refused",
            "spec.applicationSharing",
            json!("Group"),
            Schema("\"Personal\", \"Shared\""),
        ),
    ]
}

fn people_and_ssh() -> Vec<Case> {
    const KEY: &str = "on an instance that is made for somebody only that person may set the SSH key";
    let key = || json!({"value": PUBLIC_KEY});
    let for_somebody = |ssh: Value| with(with(instance(), "spec.assignedUser", person()), "spec.ssh", ssh);
    let row = |name: &str, object: Value, verdict: Verdict| Case { name: name.into(), old: None, object, verdict };
    vec![
        case("instance for somebody is accepted", "spec.assignedUser", person(), Accepted),
        case(
            "person without a tenant is refused",
            "spec.assignedUser",
            json!({"objectId": "44444444-4444-4444-4444-444444444444"}),
            Schema("spec.assignedUser.tenantId: Required value"),
        ),
        case(
            "person by mail address is refused",
            "spec.assignedUser",
            with(person(), "objectId", json!("me@contoso.com")),
            Rule("`assignedUser.objectId` must be a GUID"),
        ),
        case(
            "tenant by domain is refused",
            "spec.assignedUser",
            with(person(), "tenantId", json!("contoso.com")),
            Rule("`assignedUser.tenantId` must be a GUID"),
        ),
        row(
            "key on an instance for somebody is refused",
            for_somebody(json!({"enabled": true, "publicKey": key()})),
            Rule(KEY),
        ),
        row("SSH without a key for somebody is accepted", for_somebody(json!({"enabled": true})), Accepted),
        row("SSH switched off for somebody is accepted", for_somebody(json!({"enabled": false})), Accepted),
        case(
            "SSH to an instance by key is accepted",
            "spec.ssh",
            json!({"enabled": true, "publicKey": key()}),
            Accepted,
        ),
        case("SSH to an instance without a key is accepted", "spec.ssh", json!({"enabled": true}), Accepted),
        case(
            "key of an instance from a Secret is accepted",
            "spec.ssh",
            json!({"enabled": true, "publicKey": {"secretRef": {"name": "ssh", "key": "id.pub"}}}),
            Accepted,
        ),
        case(
            "key without SSH to an instance is refused",
            "spec.ssh",
            json!({"publicKey": key()}),
            Rule("`ssh.publicKey` has an effect only with `ssh.enabled: true`"),
        ),
        case(
            "private key of an instance is refused",
            "spec.ssh",
            json!({"enabled": true, "publicKey": {"value": "-----BEGIN OPENSSH PRIVATE KEY-----\nhunter2"}}),
            Rule("`ssh.publicKey.value` must be one public key"),
        ),
    ]
}

fn power() -> Vec<Case> {
    let mut cases = vec![
        case("instance declared as running is accepted", "spec.powerState", json!("Running"), Accepted),
        case(
            "power state nobody can declare is refused",
            "spec.powerState",
            json!("Restarting"),
            Schema("\"Running\", \"Stopped\""),
        ),
        case(
            "enforced power without a state is refused",
            "spec.powerPolicy",
            json!("Enforce"),
            Rule("`powerPolicy` Enforce has an effect only with `powerState`"),
        ),
        Case {
            name: "enforced power of a state is accepted".into(),
            old: None,
            object: with(with(instance(), "spec.powerState", json!("Stopped")), "spec.powerPolicy", json!("Enforce")),
            verdict: Accepted,
        },
        case(
            "unknown power policy is refused",
            "spec.powerPolicy",
            json!("Force"),
            Schema("\"RespectSchedules\", \"Enforce\""),
        ),
    ];
    const IDLE: &str = "`idleTimeBeforeShutdown` must be a duration from 15 minutes to 3 days";
    for text in ["PT15M", "15m", "900s", "PT30M", "P3D", "72h", "P2DT24H", "1h30m"] {
        cases.push(case(
            format!("idle shutdown after {text} is accepted"),
            "spec.idleTimeBeforeShutdown",
            json!(text),
            Accepted,
        ));
    }
    for text in ["PT14M59S", "14m", "P3DT1S", "73h", "P4D", "0s", "never", "30", "PT30m"] {
        cases.push(case(
            format!("idle shutdown after {text:?} is refused"),
            "spec.idleTimeBeforeShutdown",
            json!(text),
            Rule(IDLE),
        ));
    }
    cases
}

fn scripts() -> Vec<Case> {
    let row = |name: &str, script: Value, verdict: Verdict| case(name, "spec.setupScripts.creation", script, verdict);
    const ONE: &str = "a script in `setupScripts` must have exactly one of `inline` and `configMapRef`";
    const ARGUMENTS: &str = "`arguments` must not hold line ends";
    const TIMEOUT: &str = "`timeout` must be a duration from 1 minute to 1 day";
    let script = || json!({"inline": "#!/bin/sh\necho $1\n", "arguments": ["a", "b c"], "timeout": "PT20M"});
    let stored = json!({"configMapRef": {"name": "scripts", "key": "setup.sh"}});
    vec![
        row("inline script is accepted", script(), Accepted),
        row("script from a ConfigMap is accepted", stored.clone(), Accepted),
        row("script of nothing is refused", json!({"timeout": "20m"}), Rule(ONE)),
        row("script from two places is refused", with(stored.clone(), "inline", json!("true")), Rule(ONE)),
        row("empty script is refused", json!({"inline": ""}), Schema("spec.setupScripts.creation.inline")),
        row("script of 65,536 characters is accepted", json!({"inline": "#".repeat(65_536)}), Accepted),
        row("longer script is refused", json!({"inline": "#".repeat(65_537)}), Schema("may not be more than 65536")),
        row("argument with a line end is refused", with(script(), "arguments", json!(["a\nb"])), Rule(ARGUMENTS)),
        row(
            "argument of nothing is refused",
            with(script(), "arguments", json!([""])),
            Schema("spec.setupScripts.creation.arguments[0]"),
        ),
        row("timeout of a day is accepted", with(script(), "timeout", json!("P1D")), Accepted),
        row("timeout of seconds is refused", with(script(), "timeout", json!("59s")), Rule(TIMEOUT)),
        row("timeout of two days is refused", with(script(), "timeout", json!("48h")), Rule(TIMEOUT)),
        row(
            "key of a ConfigMap with a slash is refused",
            with(stored.clone(), "configMapRef.key", json!("a/b")),
            Rule("`key` must be a key of the ConfigMap"),
        ),
        row(
            "ConfigMap named with a slash is refused",
            with(stored, "configMapRef.name", json!("../x")),
            Rule("`name` must be the name of an object"),
        ),
        case("startup script is accepted", "spec.setupScripts.startup", script(), Accepted),
    ]
}

/// A custom application with a value put at a path; null removes.
fn service(path: &str, value: Value) -> Value {
    let whole = json!({
        "name": "rstudio",
        "image": {"reference": "ghcr.io/azure/rocker-rstudio-ml-verse:latest"},
        "endpoints": [{"target": 8787, "published": 8787}],
        "environment": {"RSTUDIO_TOKEN": "abc"},
        "volumes": [{"source": "/home/azureuser/cloudfiles", "target": "/data"}],
    });
    with(whole, path, value)
}

/// A row of one custom application, changed at a path.
fn of_service(name: &str, path: &str, value: Value, verdict: Verdict) -> Case {
    case(name, "spec.customServices", json!([service(path, value)]), verdict)
}

fn services() -> Vec<Case> {
    let row = of_service;
    vec![
        row("custom application is accepted", "name", json!("rstudio"), Accepted),
        row(
            "application with a folder to read is accepted",
            "volumes",
            json!([{"source": "/a", "target": "/b", "readOnly": true}]),
            Accepted,
        ),
        row(
            "application without an image is refused",
            "image",
            Value::Null,
            Schema("spec.customServices[0].image: Required value"),
        ),
        row(
            "application without a port is refused",
            "endpoints",
            json!([]),
            Schema("endpoints in body should have at least 1 items"),
        ),
        row("port 1025 is accepted", "endpoints", json!([{"target": 1025, "published": 65_535}]), Accepted),
        row(
            "port 80 is refused",
            "endpoints",
            json!([{"target": 8787, "published": 80}]),
            Schema("greater than or equal to 1025"),
        ),
        row(
            "port 65,536 is refused",
            "endpoints",
            json!([{"target": 65_536, "published": 8787}]),
            Schema("less than or equal to 65535"),
        ),
    ]
}

fn several_services() -> Vec<Case> {
    const PORT: &str = "`published` must be a port that no other endpoint in `customServices` has";
    let row = |name: &str, services: Value, verdict: Verdict| case(name, "spec.customServices", services, verdict);
    let on = |name: &str, published: i64| {
        with(service("name", json!(name)), "endpoints", json!([{"target": 3838, "published": published}]))
    };
    let many = |count: i64| json!((0..count).map(|n| on(&format!("s{n}"), 2000 + n)).collect::<Vec<_>>());
    vec![
        row("one port published twice is refused", json!([on("rstudio", 8787), on("shiny", 8787)]), Rule(PORT)),
        row("two applications on two ports are accepted", json!([on("rstudio", 8787), on("shiny", 3838)]), Accepted),
        row("ten applications are accepted", many(10), Accepted),
        row("eleven applications are refused", many(11), Schema("spec.customServices: Too many: 11")),
    ]
}

fn service_texts() -> Vec<Case> {
    let row = of_service;
    const IMAGE: &str = "`image.reference` must be the reference of a container image";
    const NAMES: &str = "the names in `environment` must be letters, digits and underscores";
    let digest = format!("registry.example.com:5000/team/app@sha256:{}", "0".repeat(64));
    let mut cases = vec![
        row(
            "application named with a blank is refused",
            "name",
            json!("r studio"),
            Rule("`name` must be letters, digits, underscores and dashes"),
        ),
        row(
            "folder that is not absolute is refused",
            "volumes",
            json!([{"source": "data", "target": "/b"}]),
            Rule("`source` must be an absolute path"),
        ),
        row(
            "folder with a colon is refused",
            "volumes",
            json!([{"source": "/a", "target": "/b:rw"}]),
            Rule("`target` must be an absolute path"),
        ),
        row("image by digest is accepted", "image.reference", json!(digest), Accepted),
    ];
    for image in ["", "my image", "-v", "image;reboot"] {
        let verdict = if image.is_empty() { Schema("image.reference") } else { Rule(IMAGE) };
        cases.push(row(&format!("image {image:?} is refused"), "image.reference", json!(image), verdict));
    }
    for name in ["", "1A", "A-B", "A B", "A=B"] {
        cases.push(row(&format!("variable {name:?} is refused"), "environment", json!({name: "v"}), Rule(NAMES)));
    }
    cases
}
