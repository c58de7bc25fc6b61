//! New attachments: what each type alone has.
//!
//! Must not hold what all types share: that is in `attached`.

use super::{Case, SUBNET, Verdict, attached, attachment, with};
use Verdict::{Accepted, Rule, Schema};
use serde_json::{Value, json};

/// New attachments, type by type.
pub(crate) fn all() -> Vec<Case> {
    let mut cases = kubernetes();
    cases.extend(instance_types());
    cases.extend(quantities());
    cases.extend(machines());
    cases.extend(credentials());
    cases.extend(aks());
    cases.extend(aks_sizes());
    cases.extend(aks_networks());
    cases.extend(aks_tls());
    cases
}

/// A row of the smallest attachment of a type, changed at a path in its spec.
fn of(kind: &str, name: &str, path: &str, value: Value, verdict: Verdict) -> Case {
    let object = with(attached(kind), &format!("spec.{path}"), value);
    Case { name: name.into(), old: None, object, verdict }
}

fn kubernetes() -> Vec<Case> {
    let row = |name: &str, field: &str, value: Value, verdict: Verdict| {
        of("Kubernetes", name, &format!("kubernetes.{field}"), value, verdict)
    };
    const NAMESPACE: &str = "`kubernetes.namespace` must be lower-case";
    const DEFAULT: &str = "`kubernetes.defaultInstanceType` must be lower-case";
    vec![
        row("namespace of a cluster is accepted", "namespace", json!("ml"), Accepted),
        row("namespace with a slash is refused", "namespace", json!("a/b"), Rule(NAMESPACE)),
        row("namespace in capitals is refused", "namespace", json!("ML"), Rule(NAMESPACE)),
        row("default instance type is accepted", "defaultInstanceType", json!("gpu"), Accepted),
        row("default instance type with a blank is refused", "defaultInstanceType", json!("a b"), Rule(DEFAULT)),
    ]
}

fn instance_types() -> Vec<Case> {
    let typed = |name: &str, path: &str, value: Value, verdict: Verdict| {
        let types = json!([with(json!({"name": "gpu", "nodeSelector": {"agentpool": "gpu"}}), path, value)]);
        of("Kubernetes", name, "kubernetes.instanceTypes", types, verdict)
    };
    let labelled = |name: &str, key: &str, value: &str, verdict: Verdict| {
        typed(name, "nodeSelector", json!({key: value}), verdict)
    };
    const KEYS: &str = "the keys of `nodeSelector` must be keys of Kubernetes' labels";
    const VALUES: &str = "the values of `nodeSelector` must be values of Kubernetes' labels";
    let twice = json!([{"name": "a"}, {"name": "a"}]);
    vec![
        typed("instance type is accepted", "name", json!("gpu"), Accepted),
        typed("instance type in capitals is refused", "name", json!("GPU"), Rule("`name` must be lower-case")),
        typed("instance type without a name is refused", "name", Value::Null, Schema("name: Required value")),
        of(
            "Kubernetes",
            "instance type twice is refused",
            "kubernetes.instanceTypes",
            twice,
            Schema("Duplicate value"),
        ),
        labelled("prefixed label is accepted", "kubernetes.io/arch", "amd64", Accepted),
        labelled("label of a blank key is refused", "a b", "c", Rule(KEYS)),
        labelled("label with an empty prefix is refused", "/a", "c", Rule(KEYS)),
        labelled("label of a blank value is refused", "a", "b c", Rule(VALUES)),
    ]
}

fn quantities() -> Vec<Case> {
    let row = |part: &str, key: &str, value: Value, verdict: Verdict| {
        let types = json!([{"name": "gpu", "resources": {part: {key: value}}}]);
        of("Kubernetes", &format!("{part} of {key}: {value}"), "kubernetes.instanceTypes", types, verdict)
    };
    const REQUESTS: &str = "`requests` must hold resources and amounts as Kubernetes writes them";
    const LIMITS: &str = "`limits` must hold resources and amounts as Kubernetes writes them";
    let mut cases = Vec::new();
    for (key, amount) in [("cpu", "4"), ("cpu", "500m"), ("cpu", "1.5"), ("memory", "16Gi"), ("nvidia.com/gpu", "1")] {
        cases.push(row("requests", key, json!(amount), Accepted));
    }
    for (key, amount) in [("cpu", "-1"), ("cpu", "four"), ("memory", "16 GB"), ("memory", ""), ("a b", "1")] {
        cases.push(row("requests", key, json!(amount), Rule(REQUESTS)));
        cases.push(row("limits", key, json!(amount), Rule(LIMITS)));
    }
    cases.push(row("limits", "cpu", json!(4), Schema("must be of type string")));
    cases
}

fn machines() -> Vec<Case> {
    let mut cases = Vec::new();
    const HOST: &str = "must be the name or the IPv4 address of a host, without a scheme, port or path";
    for (kind, member) in [("VirtualMachine", "virtualMachine"), ("HdInsight", "hdInsight")] {
        let row = |name: &str, field: &str, value: Value, verdict: Verdict| {
            of(kind, &format!("{name} of {kind}"), &format!("{member}.{field}"), value, verdict)
        };
        cases.push(row("SSH port 1", "sshPort", json!(1), Accepted));
        cases.push(row("SSH port 65,535", "sshPort", json!(65_535), Accepted));
        cases.push(row("SSH port 0", "sshPort", json!(0), Schema("greater than or equal to 1")));
        cases.push(row("SSH port 65,536", "sshPort", json!(65_536), Schema("less than or equal to 65535")));
        cases.push(row("missing credentials", "credentials", Value::Null, Schema("credentials: Required value")));
    }
    for host in ["20.30.40.50", "vm.westeurope.cloudapp.azure.com", "spark-ssh.azurehdinsight.net"] {
        let name = format!("address {host} is accepted");
        cases.push(of("HdInsight", &name, "hdInsight.address", json!(host), Accepted));
    }
    for host in ["ssh://vm.example.com", "vm.example.com:22", "vm_1", "-vm", "a..b", "vm/../x", "a b"] {
        let name = format!("address {host} is refused");
        cases.push(of("HdInsight", &name, "hdInsight.address", json!(host), Rule(HOST)));
    }
    const ONE: &str = "`virtualMachine` must have exactly one of `resourceId` and `address`";
    let by_address = with(attached("VirtualMachine"), "spec.virtualMachine.resourceId", Value::Null);
    let row = |name: &str, object: Value, verdict: Verdict| Case { name: name.into(), old: None, object, verdict };
    let address = |host: &str| with(by_address.clone(), "spec.virtualMachine.address", json!(host));
    cases.push(row("machine by address is accepted", address("vm.example.com"), Accepted));
    cases.push(row(
        "machine at a URL is refused",
        address("https://vm"),
        Rule("`virtualMachine.address` must be the name"),
    ));
    cases.push(row("machine of no name is refused", by_address.clone(), Rule(ONE)));
    cases.push(of(
        "VirtualMachine",
        "machine of two names is refused",
        "virtualMachine.address",
        json!("vm"),
        Rule(ONE),
    ));
    cases
}

fn credentials() -> Vec<Case> {
    let secret = || json!({"secretRef": {"name": "vm", "key": "k"}});
    let row = |name: &str, credentials: Value, verdict: Verdict| {
        of("VirtualMachine", name, "virtualMachine.credentials", credentials, verdict)
    };
    let user = |name: &str| json!({"username": name, "privateKey": secret()});
    const ONE: &str = "`credentials` must have exactly one of `privateKey`, which is preferred, and `password`";
    const USER: &str = "`credentials.username` must begin with a letter or underscore";
    let mut cases = vec![
        row("login by password is accepted", json!({"username": "me", "password": secret()}), Accepted),
        row(
            "login by a key with a passphrase is accepted",
            json!({"username": "me", "privateKey": secret(), "passphrase": secret()}),
            Accepted,
        ),
        row(
            "login by key and password is refused",
            json!({"username": "me", "privateKey": secret(), "password": secret()}),
            Rule(ONE),
        ),
        row("login by nothing is refused", json!({"username": "me"}), Rule(ONE)),
        row(
            "passphrase of a password is refused",
            json!({"username": "me", "password": secret(), "passphrase": secret()}),
            Rule("`credentials.passphrase` has an effect only with `credentials.privateKey`"),
        ),
        row("login of nobody is refused", json!({"privateKey": secret()}), Schema("username: Required value")),
        row(
            "inline key is refused",
            json!({"username": "me", "privateKey": "-----BEGIN"}),
            Schema("must be of type object"),
        ),
    ];
    for name in ["root", "azure_user", "first.last", "_svc"] {
        cases.push(row(&format!("login of {name} is accepted"), user(name), Accepted));
    }
    for name in ["a b", "-oProxyCommand=x", "me@host", "1st", ""] {
        let verdict = if name.is_empty() { Schema("credentials.username") } else { Rule(USER) };
        cases.push(row(&format!("login of {name:?} is refused"), user(name), verdict));
    }
    cases.push(of(
        "Databricks",
        "inline token is refused",
        "databricks.accessToken",
        json!("dapi0123"),
        Schema("must be of type object"),
    ));
    cases.push(of(
        "Databricks",
        "workspace without a token is refused",
        "databricks.accessToken",
        Value::Null,
        Schema("accessToken: Required value"),
    ));
    cases
}

/// A row of a cluster that is made with this member.
fn made(name: &str, aks: Value, verdict: Verdict) -> Case {
    let object = attachment("Aks", &Value::Object([("aks".to_owned(), aks)].into_iter().collect()));
    Case { name: name.into(), old: None, object, verdict }
}

fn aks() -> Vec<Case> {
    let attach = || json!({"resourceId": super::resource("Microsoft.ContainerService/managedClusters/aks")});
    const ONE: &str = "`aks` must have exactly one of `attach` and `create`";
    vec![
        made("cluster of neither way is refused", json!({}), Rule(ONE)),
        made("cluster of both ways is refused", json!({"attach": attach(), "create": {}}), Rule(ONE)),
        made("attached cluster for tests is accepted", json!({"attach": attach(), "purpose": "DevTest"}), Accepted),
        made(
            "Azure's word for production is refused",
            json!({"attach": attach(), "purpose": "FastProd"}),
            Schema("\"Production\", \"DenseProd\", \"DevTest\""),
        ),
        made("cluster in another region is accepted", json!({"create": {"location": "West Europe"}}), Accepted),
        made(
            "region with a dot is refused",
            json!({"create": {"location": "west.europe"}}),
            Rule("`location` must be the name"),
        ),
        made("size with blanks is refused", json!({"create": {"vmSize": "a b"}}), Rule("`vmSize` must be the name")),
        made(
            "cluster of no nodes is refused",
            json!({"create": {"nodeCount": 0}}),
            Schema("greater than or equal to 1"),
        ),
        made(
            "cluster of 1,001 nodes is refused",
            json!({"create": {"nodeCount": 1_001}}),
            Schema("less than or equal to 1000"),
        ),
        made(
            "public load balancer is accepted",
            json!({"attach": attach(), "loadBalancer": {"type": "PublicIp"}}),
            Accepted,
        ),
        made(
            "internal load balancer in a subnet is accepted",
            json!({"attach": attach(), "loadBalancer": {"type": "Internal", "subnet": "lb"}}),
            Accepted,
        ),
        made(
            "subnet of a public load balancer is refused",
            json!({"attach": attach(), "loadBalancer": {"type": "PublicIp", "subnet": "lb"}}),
            Rule("`aks.loadBalancer.subnet` has an effect only with"),
        ),
        made(
            "subnet of a load balancer by id is refused",
            json!({"attach": attach(), "loadBalancer": {"type": "Internal", "subnet": SUBNET}}),
            Schema("may not be more than 80"),
        ),
        made(
            "subnet of a load balancer with a slash is refused",
            json!({"attach": attach(), "loadBalancer": {"type": "Internal", "subnet": "a/b"}}),
            Rule("`aks.loadBalancer.subnet` must be letters"),
        ),
    ]
}

fn aks_sizes() -> Vec<Case> {
    const SMALL: &str =
        "`aks.create` must have nodes of at least 12 vCPUs together for `aks.purpose` Production (the default)";
    let row = |size: &str, nodes: i64, purpose: Option<&str>, verdict: Verdict| {
        let aks = json!({"create": {"vmSize": size, "nodeCount": nodes}});
        let aks = with(aks, "purpose", json!(purpose));
        made(&format!("{nodes} nodes of {size} for {purpose:?}"), aks, verdict)
    };
    let mut cases = Vec::new();
    for purpose in [None, Some("Production"), Some("DenseProd")] {
        cases.push(row("STANDARD_D3_V2", 3, purpose, Accepted));
        cases.push(row("STANDARD_D3_V2", 2, purpose, Rule(SMALL)));
        cases.push(row("standard_d3_v2", 2, purpose, Rule(SMALL)));
        cases.push(row("STANDARD_D1_V2", 11, purpose, Rule(SMALL)));
        cases.push(row("STANDARD_D1_V2", 12, purpose, Accepted));
        cases.push(row("STANDARD_D2_V2", 5, purpose, Rule(SMALL)));
        cases.push(row("STANDARD_NC6", 1, purpose, Rule(SMALL)));
        cases.push(row("STANDARD_NC6", 2, purpose, Accepted));
        cases.push(row("STANDARD_D4_V2", 1, purpose, Rule(SMALL)));
        cases.push(row("STANDARD_D16S_V3", 1, purpose, Accepted));
        cases.push(row("STANDARD_OF_TOMORROW", 1, purpose, Accepted));
    }
    cases.push(row("STANDARD_D1_V2", 1, Some("DevTest"), Accepted));
    cases
}

fn network() -> Value {
    json!({"subnet": {"id": SUBNET}, "serviceCidr": "10.0.0.0/16", "dnsServiceIP": "10.0.0.10", "dockerBridgeCidr": "172.17.0.1/16"})
}

fn aks_networks() -> Vec<Case> {
    let row = |name: &str, path: &str, value: Value, verdict: Verdict| {
        made(name, json!({"create": {"network": with(network(), path, value)}}), verdict)
    };
    let mut cases = vec![
        row("cluster in a network is accepted", "serviceCidr", json!("10.0.0.0/16"), Accepted),
        row(
            "network without a bridge is refused",
            "dockerBridgeCidr",
            Value::Null,
            Schema("dockerBridgeCidr: Required value"),
        ),
        row("network without a subnet is refused", "subnet", Value::Null, Schema("subnet: Required value")),
        row(
            "address with a range is refused",
            "dnsServiceIP",
            json!("10.0.0.10/32"),
            Rule("`dnsServiceIP` must be an IPv4 address"),
        ),
        row(
            "bridge of an IPv6 range is refused",
            "dockerBridgeCidr",
            json!("fd00::/8"),
            Rule("`dockerBridgeCidr` must be a range of IPv4"),
        ),
    ];
    for range in ["10.0.0.0", "10.0.0.256/16", "10.0.0.0/33", "10.0.0/16"] {
        let verdict = Rule("`serviceCidr` must be a range of IPv4 addresses");
        cases.push(row(&format!("range {range} is refused"), "serviceCidr", json!(range), verdict));
    }
    cases
}

fn aks_tls() -> Vec<Case> {
    let row = |name: &str, tls: Value, verdict: Verdict| made(name, json!({"create": {}, "tls": tls}), verdict);
    const FORM: &str = "`aks.tls` must be given in one form";
    let own = || json!({"secretRef": {"name": "tls"}, "hostname": "www.contoso.com"});
    vec![
        row("certificate of one's own is accepted", own(), Accepted),
        row(
            "Microsoft's certificate is accepted",
            json!({"leafDomainLabel": "contoso", "overwriteExistingDomain": true}),
            Accepted,
        ),
        row("certificate for no name is refused", with(own(), "hostname", Value::Null), Rule(FORM)),
        row("name without a certificate is refused", with(own(), "secretRef", Value::Null), Rule(FORM)),
        row("both certificates are refused", with(own(), "leafDomainLabel", json!("contoso")), Rule(FORM)),
        row(
            "overwriting a name of one's own is refused",
            with(own(), "overwriteExistingDomain", json!(true)),
            Rule(FORM),
        ),
        row("no certificate is refused", json!({}), Rule(FORM)),
        row(
            "name with a path is refused",
            with(own(), "hostname", json!("www.contoso.com/x")),
            Rule("`aks.tls.hostname` must be the name"),
        ),
        row(
            "label with a dot is refused",
            json!({"leafDomainLabel": "a.b"}),
            Rule("`aks.tls.leafDomainLabel` must be lower-case"),
        ),
    ]
}
