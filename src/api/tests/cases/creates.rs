//! New clusters.
//!
//! Must not hold changes of clusters: those are in `updates`.

use super::{Case, IDENTITY, PUBLIC_KEY, SUBNET, Verdict, WORKSPACE, cluster, create, with};
use Verdict::{Accepted, Rule, Schema};
use serde_json::{Value, json};

const NAME: &str =
    "must be 3 to 24 letters, digits and dashes, begin with a letter, and have a letter after its last dash";
const RESERVED: &str = "must not be amlcompute, local or containerinstance";
const IDLE: &str = "`scale.idleTimeBeforeScaleDown` must be a duration from 1 second to 30 days";

/// New clusters.
pub(crate) fn clusters() -> Vec<Case> {
    let mut cases = names();
    cases.extend(scales());
    cases.extend(ssh());
    cases.extend(networks());
    cases.extend(identities());
    cases.extend(rest());
    cases
}

fn names() -> Vec<Case> {
    let mut cases = Vec::new();
    for name in ["abc", "cpu-1a", "a23456789012345678901234", "cpu--x"] {
        cases.push(create(cluster, format!("object named {name} is accepted"), "metadata.name", json!(name), Accepted));
    }
    for name in ["ab", "a234567890123456789012345", "1cpu", "cpu-1", "cpu-cluster-42", "my.cluster"] {
        cases.push(create(
            cluster,
            format!("object named {name} is refused"),
            "metadata.name",
            json!(name),
            Rule(NAME),
        ));
    }
    for name in ["CPU-Cluster", "Abc"] {
        cases.push(create(cluster, format!("azureName {name} is accepted"), "spec.azureName", json!(name), Accepted));
    }
    for name in ["cpu-", "cpu-1", "cpu_1", "-cpu", "cpu.x", "cpü", "c/../d"] {
        cases.push(create(cluster, format!("azureName {name} is refused"), "spec.azureName", json!(name), Rule(NAME)));
    }
    cases.extend(existing_names());
    let name = "azureName of 33 characters is refused";
    let value = json!("a".repeat(33));
    cases.push(create(
        cluster,
        name,
        "spec.azureName",
        value,
        Schema("spec.azureName: Too long: may not be more than 32"),
    ));
    cases
}

/// Names of computes that exist already, and reserved ones.
fn existing_names() -> Vec<Case> {
    let mut cases = Vec::new();
    let longest = "1-name-of-an-old-cluster-of-32-1";
    assert_eq!(longest.len(), 32);
    for (field, policy) in
        [("managementPolicy", "Observe"), ("adoptionPolicy", "Adopt"), ("adoptionPolicy", "TakeOver")]
    {
        let existing = || with(cluster(), &format!("spec.{field}"), json!(policy));
        for name in [longest, "cpu-1", "cpu-", "1cpu", "ab"] {
            let object = with(existing(), "spec.azureName", json!(name));
            let name = format!("existing name {name} is accepted under {policy}");
            cases.push(Case { name, old: None, object, verdict: Accepted });
        }
        let object = with(existing(), "metadata.name", json!("a-name-of-more-than-thirty-two-characters"));
        let verdict = Rule("must be at most 32 letters, digits and dashes");
        cases.push(Case {
            name: format!("name of 41 characters is refused under {policy}"),
            old: None,
            object,
            verdict,
        });
        let object = with(existing(), "spec.azureName", json!("AmlCompute"));
        let name = format!("reserved name is refused under {policy}");
        cases.push(Case { name, old: None, object, verdict: Rule(RESERVED) });
    }
    for name in ["amlcompute", "Local", "ContainerInstance"] {
        cases.push(create(
            cluster,
            format!("reserved name {name} is refused"),
            "spec.azureName",
            json!(name),
            Rule(RESERVED),
        ));
    }
    cases
}

fn scales() -> Vec<Case> {
    let case = |name: &str, field: &str, value: Value, verdict: Verdict| {
        create(cluster, name, &format!("spec.scale.{field}"), value, verdict)
    };
    let mut cases = vec![
        case("cluster of no nodes is accepted", "maxNodes", json!(0), Accepted),
        case("cluster of 65,000 nodes is accepted", "maxNodes", json!(65_000), Accepted),
        case("cluster of 65,001 nodes is refused", "maxNodes", json!(65_001), Schema("less than or equal to 65000")),
        case("negative maxNodes are refused", "maxNodes", json!(-1), Schema("greater than or equal to 0")),
        case("absurd maxNodes are refused", "maxNodes", json!(5_000_000_000_i64), Schema("spec.scale.maxNodes")),
        case("maxNodes as text are refused", "maxNodes", json!("4"), Schema("must be of type integer")),
        case("missing maxNodes are refused", "maxNodes", Value::Null, Schema("spec.scale.maxNodes: Required value")),
        case("negative minNodes are refused", "minNodes", json!(-1), Schema("greater than or equal to 0")),
        case("minNodes equal to maxNodes are accepted", "minNodes", json!(4), Accepted),
        case(
            "minNodes above maxNodes are refused",
            "minNodes",
            json!(5),
            Rule("`scale.minNodes` must not be greater than `scale.maxNodes`"),
        ),
    ];
    let idle = "idleTimeBeforeScaleDown";
    for text in ["PT40M", "PT1S", "1s", "P30D", "720h", "P29DT24H", "2400s", "1h30m", "PT1H30M15S", "40m"] {
        cases.push(case(&format!("idle time {text} is accepted"), idle, json!(text), Accepted));
    }
    for text in ["PT0S", "0s", "P30DT1S", "720h1s", "P31D", "P1M", "P1Y", "P1W", "P", "PT", "P1DT", "40", "40 m", "-5m"]
    {
        cases.push(case(&format!("idle time {text:?} is refused"), idle, json!(text), Rule(IDLE)));
    }
    for text in ["soon", "1.5h", "PT40m", "40M", "m", "1h PT1H", "30m1h", "99999999999999999999s"] {
        cases.push(case(&format!("idle time {text:?} is refused"), idle, json!(text), Rule(IDLE)));
    }
    cases.push(case("idle time as a number is refused", idle, json!(2400), Schema("must be of type string")));
    cases
}

fn ssh() -> Vec<Case> {
    let case = |name: &str, value: Value, verdict: Verdict| create(cluster, name, "spec.ssh", value, verdict);
    let key = || json!({"value": PUBLIC_KEY});
    let secret = || json!({"secretRef": {"name": "ssh", "key": "id.pub"}});
    const UNUSED: &str = "have an effect only with `ssh.enabled: true`";
    let mut cases = vec![
        case("SSH with a key is accepted", json!({"enabled": true, "publicKey": key()}), Accepted),
        case("SSH with a key from a Secret is accepted", json!({"enabled": true, "publicKey": secret()}), Accepted),
        case("SSH with a password is accepted", json!({"enabled": true, "password": secret()}), Accepted),
        case("SSH switched off is accepted", json!({"enabled": false}), Accepted),
        case("empty SSH is switched off", json!({}), Accepted),
        case(
            "SSH without key or password is refused",
            json!({"enabled": true}),
            Rule("`ssh.enabled` needs `ssh.publicKey`"),
        ),
        case("key without SSH is refused", json!({"publicKey": key()}), Rule(UNUSED)),
        case("password without SSH is refused", json!({"enabled": false, "password": secret()}), Rule(UNUSED)),
        case("user without SSH is refused", json!({"adminUsername": "ml"}), Rule(UNUSED)),
        case(
            "empty public key is refused",
            json!({"enabled": true, "publicKey": {}}),
            Rule("`ssh.publicKey` must have exactly one of `value` and `secretRef`"),
        ),
        case(
            "public key of both sources is refused",
            json!({"enabled": true, "publicKey": {"value": PUBLIC_KEY, "secretRef": {"name": "ssh", "key": "k"}}}),
            Rule("`ssh.publicKey` must have exactly one of `value` and `secretRef`"),
        ),
        case(
            "Secret key with a slash is refused",
            json!({"enabled": true, "password": {"secretRef": {"name": "ssh", "key": "a/b"}}}),
            Rule("`key` must be a key of the Secret"),
        ),
        case(
            "Secret name with a slash is refused",
            json!({"enabled": true, "password": {"secretRef": {"name": "../x", "key": "a"}}}),
            Rule("`name` must be the name of an object"),
        ),
    ];
    cases.extend(ssh_texts());
    cases
}

/// Keys and user names.
fn ssh_texts() -> Vec<Case> {
    let case = |name: &str, value: Value, verdict: Verdict| create(cluster, name, "spec.ssh", value, verdict);
    let user = |name: &str| json!({"enabled": true, "publicKey": {"value": PUBLIC_KEY}, "adminUsername": name});
    let value = |text: &str| json!({"enabled": true, "publicKey": {"value": text}});
    const KEY: &str = "`ssh.publicKey.value` must be one public key in OpenSSH form";
    const USER: &str = "`ssh.adminUsername` must begin with a letter or underscore";
    let mut cases = Vec::new();
    let rsa = format!("ssh-rsa AAAAB3NzaC1yc2E{}== me@host with words\n", "A".repeat(500));
    cases.push(case("RSA key with a comment and a line end is accepted", value(&rsa), Accepted));
    let private = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQ\n-----END OPENSSH PRIVATE KEY-----";
    for text in [
        private,
        "ssh-ed25519",
        "ssh-dss AAAA",
        "hello",
        &format!("{PUBLIC_KEY}\n{private}"),
        &format!("{PUBLIC_KEY}\n{PUBLIC_KEY}"),
    ] {
        let name = format!("public key {text:?} is refused");
        cases.push(case(&name, value(text), Rule(KEY)));
    }
    for name in ["azureuser", "ml_admin", "_ops", "Data-Science"] {
        cases.push(case(&format!("user {name} is accepted"), user(name), Accepted));
    }
    for name in ["root", "Admin", "administrator", "test", "1user", "a b", "us$er", "user5"] {
        cases.push(case(&format!("user {name} is refused"), user(name), Rule(USER)));
    }
    cases.push(case("user of 33 characters is refused", user(&"u".repeat(33)), Schema("may not be more than 32")));
    cases
}

fn networks() -> Vec<Case> {
    let case = |name: &str, value: Value, verdict: Verdict| create(cluster, name, "spec.subnet", value, verdict);
    const FORM: &str = "`subnet` must be given in one form";
    const ID: &str = "`subnet.id` must be the ARM id of a subnet";
    let mut cases = vec![
        case("subnet by id is accepted", json!({"id": SUBNET}), Accepted),
        case("subnet by id in lower case is accepted", json!({"id": SUBNET.to_lowercase()}), Accepted),
        case("subnet by names is accepted", json!({"virtualNetwork": "net", "name": "ml"}), Accepted),
        case(
            "subnet by names and group is accepted",
            json!({"virtualNetwork": "net", "name": "ml", "resourceGroup": "rg.net-(1)"}),
            Accepted,
        ),
        case("empty subnet is refused", json!({}), Rule(FORM)),
        case("subnet of both forms is refused", json!({"id": SUBNET, "name": "ml"}), Rule(FORM)),
        case("subnet by id and group is refused", json!({"id": SUBNET, "resourceGroup": "net"}), Rule(FORM)),
        case("subnet without its network is refused", json!({"name": "ml"}), Rule(FORM)),
        case("subnet without its name is refused", json!({"virtualNetwork": "net"}), Rule(FORM)),
        case(
            "network's name with a slash is refused",
            json!({"virtualNetwork": "net/x", "name": "ml"}),
            Rule("`subnet.virtualNetwork` must be letters, digits"),
        ),
        case(
            "subnet's name of dots is refused",
            json!({"virtualNetwork": "net", "name": ".."}),
            Rule("`subnet.name` must be letters, digits"),
        ),
        case(
            "group's name with a percent sign is refused",
            json!({"virtualNetwork": "net", "name": "ml", "resourceGroup": "a%2f"}),
            Rule("`subnet.resourceGroup` must be letters, digits"),
        ),
    ];
    for text in [
        "ml",
        WORKSPACE,
        "/subscriptions/x",
        &format!("{SUBNET}/x"),
        &SUBNET.replace("/ml", "/.."),
        &format!("x{SUBNET}"),
    ] {
        cases.push(case(&format!("subnet id {text:?} is refused"), json!({"id": text}), Rule(ID)));
    }
    cases
}

fn identities() -> Vec<Case> {
    let case = |name: &str, value: Value, verdict: Verdict| create(cluster, name, "spec.identity", value, verdict);
    const NONE: &str = "`identity.userAssigned` must hold at least one ARM id";
    const BOTH: &str = "not both at once";
    const ID: &str = "`identity.userAssigned` must hold ARM ids of user-assigned identities";
    let many: Vec<String> = (0..21).map(|n| format!("{IDENTITY}{n}")).collect();
    vec![
        case("system-assigned identity is accepted", json!({"type": "SystemAssigned"}), Accepted),
        case("no identity is accepted", json!({"type": "None"}), Accepted),
        case(
            "user-assigned identity is accepted",
            json!({"type": "UserAssigned", "userAssigned": [IDENTITY]}),
            Accepted,
        ),
        case("twenty identities are accepted", json!({"type": "UserAssigned", "userAssigned": many[..20]}), Accepted),
        case(
            "21 identities are refused",
            json!({"type": "UserAssigned", "userAssigned": many}),
            Schema("Too many: 21"),
        ),
        case("user-assigned without ids is refused", json!({"type": "UserAssigned"}), Rule(NONE)),
        case("user-assigned with no ids is refused", json!({"type": "UserAssigned", "userAssigned": []}), Rule(NONE)),
        case(
            "both kinds at once are refused",
            json!({"type": "SystemAssigned", "userAssigned": [IDENTITY]}),
            Rule(BOTH),
        ),
        case("ids with type None are refused", json!({"type": "None", "userAssigned": [IDENTITY]}), Rule(BOTH)),
        case("identity by name is refused", json!({"type": "UserAssigned", "userAssigned": ["a"]}), Rule(ID)),
        case("id of another type is refused", json!({"type": "UserAssigned", "userAssigned": [SUBNET]}), Rule(ID)),
        case(
            "the same identity in another case is refused",
            json!({"type": "UserAssigned", "userAssigned": [IDENTITY, IDENTITY.to_uppercase()]}),
            Rule("must name each identity once"),
        ),
        case(
            "the combined type of Azure is refused",
            json!({"type": "SystemAssigned,UserAssigned"}),
            Schema("supported values: \"SystemAssigned\", \"UserAssigned\", \"None\""),
        ),
    ]
}

fn rest() -> Vec<Case> {
    let case = |name: &str, path: &str, value: Value, verdict: Verdict| create(cluster, name, path, value, verdict);
    const SIZE: &str = "`vmSize` must be the name of a VM size";
    const PLACE: &str = "`location` must be the name of an Azure region";
    let mut cases = vec![
        case("size in mixed case is accepted", "spec.vmSize", json!("Standard_M416-208s_v2"), Accepted),
        case("size with a space is refused", "spec.vmSize", json!("STANDARD D2"), Rule(SIZE)),
        case("size with a slash is refused", "spec.vmSize", json!("a/b"), Rule(SIZE)),
        case("missing size is refused", "spec.vmSize", Value::Null, Schema("spec.vmSize: Required value")),
        case(
            "size of 65 characters is refused",
            "spec.vmSize",
            json!("A".repeat(65)),
            Schema("may not be more than 64"),
        ),
        case("location as the portal shows it is accepted", "spec.location", json!("West Europe"), Accepted),
        case("location with a dot is refused", "spec.location", json!("west.europe"), Rule(PLACE)),
        case("unknown priority is refused", "spec.vmPriority", json!("Spot"), Schema("\"Dedicated\", \"LowPriority\"")),
        case("unknown OS is refused", "spec.osType", json!("linux"), Schema("\"Linux\", \"Windows\"")),
        case("unknown policy is refused", "spec.replacePolicy", json!("Always"), Schema("\"Never\", \"Recreate\"")),
        case("switch as text is refused", "spec.nodePublicIp", json!("false"), Schema("must be of type boolean")),
        case("description of 1,024 characters is accepted", "spec.description", json!("ä".repeat(1024)), Accepted),
        case(
            "longer description is refused",
            "spec.description",
            json!("a".repeat(1025)),
            Schema("may not be more than 1024"),
        ),
        case(
            "workspace named with a slash is refused",
            "spec.workspaceRef.name",
            json!("a/b"),
            Rule("`name` must be the name"),
        ),
        case(
            "workspace without a name is refused",
            "spec.workspaceRef",
            json!({}),
            Schema("spec.workspaceRef.name: Required"),
        ),
    ];
    cases.extend(tags());
    cases
}

fn tags() -> Vec<Case> {
    let case = |name: &str, path: &str, value: Value, verdict: Verdict| create(cluster, name, path, value, verdict);
    const KEYS: &str = "the keys of `tags` must be 1 to 512 characters without";
    const OWN: &str = "`tags` must not hold azureml-operator-uid or azureml-operator-object";
    let tags =
        |count: usize| json!((0..count).map(|n| (format!("k{n}"), json!("v"))).collect::<serde_json::Map<_, _>>());
    let mut cases = vec![
        case("47 tags are accepted", "spec.tags", tags(47), Accepted),
        case("48 tags are refused", "spec.tags", tags(48), Schema("Too many: 48")),
        case(
            "tag of the longest key and value is accepted",
            "spec.tags",
            json!({"k".repeat(512): "v".repeat(256)}),
            Accepted,
        ),
        case("tag with a longer key is refused", "spec.tags", json!({"k".repeat(513): "v"}), Rule(KEYS)),
        case(
            "tag with a longer value is refused",
            "spec.tags",
            json!({"k": "v".repeat(257)}),
            Schema("may not be more than 256"),
        ),
        case("tag without a key is refused", "spec.tags", json!({"": "v"}), Rule(KEYS)),
        case("our own tag is refused", "spec.tags", json!({"azureml-operator-uid": "x"}), Rule(OWN)),
        case("our own tag in another case is refused", "spec.tags", json!({"AzureML-Operator-Object": "x"}), Rule(OWN)),
    ];
    for c in ["<", ">", "%", "&", "\\", "?", "/"] {
        cases.push(case(
            &format!("tag key with {c} is refused"),
            "spec.tags",
            json!({format!("a{c}b"): "v"}),
            Rule(KEYS),
        ));
    }
    cases
}
