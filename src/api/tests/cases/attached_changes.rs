//! Changes of attachments.
//!
//! Must not hold new attachments: those are in `attached`.

use super::{Case, IDENTITY, SUBNET, Verdict, attached, attachment, change, resource, with};
use Verdict::{Accepted, Rule};
use serde_json::{Value, json};

/// Changed attachments.
pub(crate) fn all() -> Vec<Case> {
    let mut cases = resources();
    cases.extend(machines());
    cases.extend(fixed_fields());
    cases.extend(mutable_fields());
    cases.extend(same_values());
    cases
}

fn under(policy: &str, object: Value) -> Value {
    with(object, "spec.replacePolicy", json!(policy))
}

/// What is attached, and as which type, cannot change under any policy.
fn resources() -> Vec<Case> {
    const TYPE: &str = "`type` cannot change, not even by replacePolicy";
    const SOURCE: &str = "the choice between `aks.attach` and `aks.create` cannot change, not even by replacePolicy";
    const FACTORY: &str = "what `dataFactory.resourceId` names cannot change, not even by replacePolicy";
    let places = [
        ("Kubernetes", "kubernetes.resourceId", "`kubernetes.resourceId` cannot change: keep it"),
        ("Aks", "aks.attach.resourceId", "`aks.attach.resourceId` cannot change: keep it"),
        ("HdInsight", "hdInsight.resourceId", "`hdInsight.resourceId` cannot change: keep it"),
        ("Databricks", "databricks.resourceId", "`databricks.resourceId` cannot change: keep it"),
        ("DataLakeAnalytics", "dataLakeAnalytics.resourceId", "`dataLakeAnalytics.resourceId` cannot change: keep it"),
        ("DataFactory", "dataFactory.resourceId", FACTORY),
        ("SynapseSpark", "synapseSpark.resourceId", "`synapseSpark.resourceId` cannot change: keep it"),
        ("Batch", "batch.resourceId", "`batch.resourceId` cannot change: keep it"),
    ];
    let mut cases = Vec::new();
    for policy in ["Never", "Recreate"] {
        for (kind, path, message) in places {
            let path = format!("spec.{path}");
            let old = under(policy, attached(kind));
            let id = old.pointer(&format!("/{}", path.replace('.', "/"))).unwrap().as_str().unwrap().to_owned();
            let other = with(old.clone(), &path, json!(format!("{id}2")));
            cases.push(change(
                format!("another resource of {kind} is refused under {policy}"),
                old.clone(),
                other,
                Rule(message),
            ));
            let upper = with(old.clone(), &path, json!(id.to_uppercase()));
            cases.push(change(
                format!("resource of {kind} in capitals is the same under {policy}"),
                old,
                upper,
                Accepted,
            ));
        }
        let made = || under(policy, attachment("Aks", &json!({"aks": {"create": {}}})));
        let factory = || under(policy, with(attached("DataFactory"), "spec.dataFactory", json!({})));
        let name = |what: &str| format!("{what} is refused under {policy}");
        let old = || under(policy, attached("Aks"));
        cases.push(change(name("making what was attached"), old(), made(), Rule(SOURCE)));
        cases.push(change(name("attaching what was made"), made(), old(), Rule(SOURCE)));
        cases.push(change(
            name("letting Azure ML make a factory"),
            under(policy, attached("DataFactory")),
            factory(),
            Rule(FACTORY),
        ));
        cases.push(change(name("another type"), under(policy, attached("Kubernetes")), old(), Rule(TYPE)));
    }
    cases
}

/// A machine, by its id or its address.
fn machines() -> Vec<Case> {
    const MACHINE: &str =
        "what `virtualMachine.resourceId` or `virtualMachine.address` names cannot change, not even by";
    let by_id = || under("Recreate", attached("VirtualMachine"));
    let by_address = |host: &str| {
        with(with(by_id(), "spec.virtualMachine.resourceId", Value::Null), "spec.virtualMachine.address", json!(host))
    };
    let id = |id: String| with(by_id(), "spec.virtualMachine.resourceId", json!(id));
    let other = resource("Microsoft.Compute/virtualMachines/other");
    let upper = resource("Microsoft.Compute/virtualMachines/dsvm").to_uppercase();
    vec![
        change("another machine is refused", by_id(), id(other), Rule(MACHINE)),
        change("machine in capitals is the same", by_id(), id(upper), Accepted),
        change("another address is refused", by_address("vm"), by_address("vm2"), Rule(MACHINE)),
        change("address in capitals is the same", by_address("vm"), by_address("VM"), Accepted),
        change("address instead of an id is refused", by_id(), by_address("vm"), Rule(MACHINE)),
    ]
}

/// A cluster that is made, with every field.
fn made() -> Value {
    let network = json!({
        "subnet": {"id": SUBNET}, "serviceCidr": "10.0.0.0/16", "dnsServiceIP": "10.0.0.10", "dockerBridgeCidr": "172.17.0.1/16",
    });
    let create = json!({"vmSize": "STANDARD_D3_V2", "nodeCount": 3, "location": "eastus", "network": network});
    attachment(
        "Aks",
        &json!({"aks": {
            "create": create,
            "purpose": "Production",
            "tls": {"secretRef": {"name": "tls"}, "hostname": "www.contoso.com"},
            "loadBalancer": {"type": "PublicIp"},
        }}),
    )
}

/// Each field that changes only by being attached again: changed, removed and added, refused and allowed.
fn fixed_fields() -> Vec<Case> {
    let kubernetes = || {
        let object = with(attached("Kubernetes"), "spec.kubernetes.namespace", json!("ml"));
        let object = with(object, "spec.kubernetes.defaultInstanceType", json!("cpu"));
        let object = with(object, "spec.kubernetes.instanceTypes", json!([{"name": "cpu"}]));
        let object = with(object, "spec.identity", json!({"type": "UserAssigned", "userAssigned": [IDENTITY]}));
        with(with(object, "spec.description", json!("old")), "spec.tags", json!({"team": "vision"}))
    };
    let machine = || with(attached("VirtualMachine"), "spec.virtualMachine.sshPort", json!(22));
    let spark = || {
        let object = with(attached("HdInsight"), "spec.hdInsight.sshPort", json!(22));
        with(object, "spec.hdInsight.address", json!("spark-ssh.azurehdinsight.net"))
    };
    let mut cases =
        again(&kubernetes(), "kubernetes.namespace", json!("other"), "`kubernetes.namespace` cannot change in place");
    let message = "`kubernetes.defaultInstanceType` cannot change in place";
    cases.extend(again(&kubernetes(), "kubernetes.defaultInstanceType", json!("gpu"), message));
    let message = "`kubernetes.instanceTypes` cannot change in place";
    cases.extend(again(&kubernetes(), "kubernetes.instanceTypes", json!([{"name": "gpu"}]), message));
    cases.extend(again(
        &kubernetes(),
        "identity",
        json!({"type": "SystemAssigned"}),
        "`identity` cannot change in place",
    ));
    let message = "`description` cannot change in place: keep it, make a new object with another name, or set replacePolicy: \
                   Recreate, which detaches the compute and attaches it again";
    cases.extend(again(&kubernetes(), "description", json!("new"), message));
    cases.extend(again(&kubernetes(), "tags", json!({"team": "speech"}), "`tags` cannot change in place"));
    cases.extend(again(&machine(), "virtualMachine.sshPort", json!(2222), "`virtualMachine.sshPort` cannot change"));
    cases.extend(again(&spark(), "hdInsight.sshPort", json!(2222), "`hdInsight.sshPort` cannot change in place"));
    cases.extend(again(&spark(), "hdInsight.address", json!("other.example.com"), "`hdInsight.address` cannot change"));
    let message = "`aks.create.vmSize` cannot change in place: keep it, make a new object with another name, or set \
                   replacePolicy: Recreate, which together with deletionPolicy: Delete deletes the AKS cluster and makes it";
    cases.extend(again(&made(), "aks.create.vmSize", json!("STANDARD_D4_V2"), message));
    cases.extend(again(&made(), "aks.create.nodeCount", json!(4), "`aks.create.nodeCount` cannot change in place"));
    cases.extend(again(
        &made(),
        "aks.create.location",
        json!("westus"),
        "`aks.create.location` cannot change in place",
    ));
    let network = with(made()["spec"]["aks"]["create"]["network"].clone(), "serviceCidr", json!("10.1.0.0/16"));
    cases.extend(again(&made(), "aks.create.network", network, "`aks.create.network` cannot change in place"));
    cases.extend(again(&made(), "aks.purpose", json!("DenseProd"), "`aks.purpose` cannot change in place"));
    cases.extend(again(&made(), "aks.tls", json!({"leafDomainLabel": "contoso"}), "`aks.tls` cannot change in place"));
    let internal = json!({"type": "Internal"});
    cases.extend(again(&made(), "aks.loadBalancer", internal, "`aks.loadBalancer` cannot change in place"));
    for (kind, object) in [("virtualMachine", machine()), ("hdInsight", spark())] {
        let path = format!("spec.{kind}.credentials.username");
        let changed = with(object.clone(), &path, json!("other"));
        let verdict = Rule(".credentials.username` cannot change in place");
        cases.push(change(format!("other user of {kind} is refused"), object.clone(), changed.clone(), verdict));
        let name = format!("other user of {kind} is accepted under Recreate");
        cases.push(change(name, object, under("Recreate", changed), Accepted));
    }
    cases
}

/// One optional field of an object that has it.
fn again(full: &Value, field: &str, value: Value, message: &'static str) -> Vec<Case> {
    let path = format!("spec.{field}");
    let changed = with(full.clone(), &path, value);
    let removed = with(full.clone(), &path, Value::Null);
    let name = |what: &str| format!("{what} {field} of an attachment");
    vec![
        change(name("changed") + " is refused", full.clone(), changed.clone(), Rule(message)),
        change(name("removed") + " is refused", full.clone(), removed.clone(), Rule(message)),
        change(name("added") + " is refused", removed.clone(), full.clone(), Rule(message)),
        change(name("changed") + " is accepted under Recreate", full.clone(), under("Recreate", changed), Accepted),
        change(name("removed") + " is accepted under Recreate", full.clone(), under("Recreate", removed), Accepted),
    ]
}

/// Policies, and which Secret holds a value: what it holds is judged by its value.
fn mutable_fields() -> Vec<Case> {
    let secret = || json!({"secretRef": {"name": "other", "key": "k"}});
    let password = json!({"username": "azureuser", "password": secret()});
    let places = [
        (attached("VirtualMachine"), "virtualMachine.credentials.privateKey", secret()),
        (attached("VirtualMachine"), "virtualMachine.credentials.passphrase", secret()),
        (attached("VirtualMachine"), "virtualMachine.credentials", password),
        (attached("Databricks"), "databricks.accessToken", secret()),
        (made(), "aks.tls.secretRef", json!({"name": "other"})),
        (made(), "deletionPolicy", json!("Delete")),
        (attached("Batch"), "deletionPolicy", json!("Retain")),
        (attached("Batch"), "managementPolicy", json!("Observe")),
        (attached("Batch"), "adoptionPolicy", json!("Adopt")),
        (attached("Batch"), "replacePolicy", json!("Recreate")),
        (attached("Batch"), "driftPolicy", json!("Report")),
    ];
    let mut cases = Vec::new();
    for (at, (full, field, value)) in places.into_iter().enumerate() {
        let changed = with(full.clone(), &format!("spec.{field}"), value);
        cases.push(change(
            format!("{at}: {field} of an attachment can change"),
            full.clone(),
            changed.clone(),
            Accepted,
        ));
        cases.push(change(format!("{at}: {field} of an attachment can change back"), changed, full, Accepted));
    }
    cases
}

/// What is written in another way but means the same.
fn same_values() -> Vec<Case> {
    let same = |name: &str, path: &str, value: Value| {
        change(format!("{name} of an attachment is the same"), made(), with(made(), path, value), Accepted)
    };
    vec![
        same("size in another case", "spec.aks.create.vmSize", json!("Standard_D3_v2")),
        same("region as the portal shows it", "spec.aks.create.location", json!("East US")),
        same("subnet in capitals", "spec.aks.create.network.subnet.id", json!(SUBNET.to_uppercase())),
    ]
}
