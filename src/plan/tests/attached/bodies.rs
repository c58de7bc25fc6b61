//! What is sent for an intent is what Microsoft's SDKs were captured to send for it, or the difference has a reason.
//!
//! Must not repeat the bodies: they are the captured ones.

use crate::objects::{attachment, secret};
use crate::support::{OWNER_OBJECT, OWNER_UID, body, recorded};
use arm::WorkspaceId;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const SUBSCRIPTION: &str = "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups";
const WORKSPACE: &str = "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg-sdk/providers/Microsoft.MachineLearningServices/workspaces/ws-sdk";

/// Every leaf of a body by its path. What is null, empty or an empty map says nothing: no service tells it from absence.
fn leaves(value: &Value, at: &str, found: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| leaves(value, &format!("{at}/{key}"), found)),
        Value::Null => {}
        Value::String(text) if text.is_empty() => {}
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            drop(found.insert(at.to_owned(), value.clone()));
        }
    }
}

/// Paths at which two bodies differ. ARM ids compare without case.
fn differing(one: &Value, other: &Value) -> BTreeSet<String> {
    let (mut ours, mut theirs) = (BTreeMap::new(), BTreeMap::new());
    leaves(one, "", &mut ours);
    leaves(other, "", &mut theirs);
    let same = |path: &String| match (ours.get(path), theirs.get(path)) {
        (Some(Value::String(one)), Some(Value::String(other))) => one.eq_ignore_ascii_case(other),
        (one, other) => one == other,
    };
    ours.keys().chain(theirs.keys()).filter(|path| !same(path)).cloned().collect()
}

/// An intent: which capture, what the owner writes, and where the bodies differ and why.
struct Intent {
    sdk: &'static str,
    name: &'static str,
    spec: Value,
    differs: &'static [(&'static str, &'static str)],
}

const V1: &str = "azureml-core-1.61.0.post4";
const V2: &str = "azure-ai-ml-1.35.2";
const M1: &str = "azure-mgmt-machinelearningservices-1.0.1";

const DEFAULT_NAMESPACE: (&str, &str) =
    ("/properties/properties/namespace", "the SDK fills in its default; what the owner did not write is not sent");
const LOCATION: (&str, &str) =
    ("/properties/computeLocation", "azure-ai-ml sends it for Kubernetes, azureml-core does not");
const STRAY: [(&str, &str); 3] = [
    ("/properties/namespace", "azureml-core repeats it where no API declares it"),
    ("/properties/identityType", "azureml-core repeats it where no API declares it"),
    ("/properties/identityIds", "azureml-core repeats it where no API declares it"),
];
const LOAD_BALANCER: (&str, &str) = (
    "/properties/properties/loadBalancerType",
    "azureml-core always says Azure's default; what the owner did not write is not sent",
);

fn cluster(kind: &str, name: &str) -> String {
    format!("{SUBSCRIPTION}/rg-k8s/providers/Microsoft.{kind}/{name}")
}

fn intent(
    sdk: &'static str,
    name: &'static str,
    spec: Value,
    differs: &'static [(&'static str, &'static str)],
) -> Intent {
    Intent { sdk, name, spec, differs }
}

fn kubernetes() -> Vec<Intent> {
    let aks = cluster("ContainerService/managedClusters", "aks-a");
    let arc = cluster("Kubernetes/connectedClusters", "arc-a");
    let user = format!("{SUBSCRIPTION}/rg-sdk/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-a");
    let user = json!({"type": "UserAssigned", "userAssigned": [user]});
    let of = |id: &str, namespace: Value| json!({"type": "Kubernetes", "kubernetes": {"resourceId": id, "namespace": namespace}});
    let with = |mut spec: Value, key: &str, value: Value| {
        spec[key] = value;
        spec
    };
    let bare = json!({"type": "Kubernetes", "kubernetes": {"resourceId": aks}});
    let whole = with(of(&aks, json!("ml")), "identity", json!({"type": "SystemAssigned"}));
    let whole = with(with(whole, "description", json!("d")), "tags", json!({"a": "b"}));
    const ARC: &[(&str, &str)] = &[LOCATION, STRAY[0], STRAY[1], STRAY[2]];
    vec![
        intent(V2, "k8s-aks", bare, &[DEFAULT_NAMESPACE]),
        intent(V2, "k8s-aks-namespace-identity", whole, &[]),
        intent(V2, "k8s-yaml", with(of(&arc, json!("azureml-ns")), "identity", user.clone()), &[]),
        intent(V1, "k8s-arc-identity-user", with(of(&arc, json!("ml")), "identity", user), ARC),
    ]
}

fn aks() -> Vec<Intent> {
    let id = cluster("ContainerService/managedClusters", "aks-a");
    let attach = |over: Value| {
        let mut spec = json!({"type": "Aks", "aks": {"attach": {"resourceId": id}}});
        crate::support::overlay(&mut spec, &over);
        spec
    };
    let create = |create: Value, over: Value| {
        let mut spec = json!({"type": "Aks", "aks": {"create": create}});
        crate::support::overlay(&mut spec, &over);
        spec
    };
    let d3 = json!({"vmSize": "Standard_D3_v2", "nodeCount": 3});
    let certificate = json!({"aks": {"tls": {"secretRef": {"name": "tls"}, "hostname": "www.contoso.com"}}});
    let auto = json!({"aks": {"tls": {"leafDomainLabel": "contoso", "overwriteExistingDomain": true}}});
    let tests = json!({"vmSize": "Standard_DS3_v2", "nodeCount": 2, "location": "eastus"});
    vec![
        intent(M1, "aks-attach", attach(json!({"description": "d"})), &[]),
        intent(V1, "aks-attach", attach(json!({})), &[LOAD_BALANCER]),
        intent(V1, "aks-attach-ssl-cert", attach(certificate), &[LOAD_BALANCER]),
        intent(M1, "aks-create", create(d3.clone(), json!({})), &[]),
        intent(V1, "aks-create-min", create(json!({}), json!({})), &[]),
        intent(V1, "aks-create-devtest", create(tests, json!({"aks": {"purpose": "DevTest"}})), &[]),
        intent(V1, "aks-create-ssl-auto", create(d3, auto), &[]),
    ]
}

fn hosts() -> Vec<Intent> {
    let vm = format!("{SUBSCRIPTION}/rg-vm/providers/Microsoft.Compute/virtualMachines/vm-a");
    let hdi = format!("{SUBSCRIPTION}/rg-hdi/providers/Microsoft.HDInsight/clusters/hdi-a");
    let key = json!({"username": "azureuser", "privateKey": {"secretRef": {"name": "key", "key": "id"}}});
    let password =
        |user: &str| json!({"username": user, "password": {"secretRef": {"name": "password", "key": "value"}}});
    let machine = |port: i32, credentials: Value| json!({"type": "VirtualMachine", "virtualMachine": {"resourceId": vm, "sshPort": port, "credentials": credentials}});
    let spark = |address: Value| {
        json!({"type": "HdInsight", "hdInsight":
            {"resourceId": hdi, "sshPort": 22, "address": address, "credentials": password("sshuser")}})
    };
    const ADDRESS: (&str, &str) =
        ("/properties/properties/address", "azureml-core leaves the address of every cluster to be found; it is sent");
    const LINES: (&str, &str) = (
        "/properties/properties/administratorAccount/privateKeyData",
        "the line end at the end of a Secret's value is not sent, as of every Secret",
    );
    let mut tagged = machine(22, password("azureuser"));
    tagged["tags"] = json!({"a": "b"});
    tagged["description"] = json!("d");
    vec![
        intent(V2, "vm-key", machine(2222, key), &[LINES]),
        intent(V2, "vm-password", machine(22, password("azureuser")), &[]),
        intent(V2, "vm-tags-description", tagged, &[]),
        intent(V1, "remote-password", machine(22, password("azureuser")), &[]),
        intent(M1, "hdinsight-attach", spark(Value::Null), &[]),
        intent(V1, "hdi-password", spark(json!("hdi-a-ssh.azurehdinsight.net")), &[ADDRESS]),
    ]
}

fn services() -> Vec<Intent> {
    let id = |group: &str, what: &str| format!("{SUBSCRIPTION}/{group}/providers/Microsoft.{what}");
    let databricks = json!({"type": "Databricks", "databricks": {"resourceId": id("rg-dbx", "Databricks/workspaces/dbx-a"),
        "accessToken": {"secretRef": {"name": "token", "key": "value"}}}});
    let pool = id("rg-syn", "Synapse/workspaces/syn-a/bigDataPools/pool1");
    let synapse = json!({"type": "SynapseSpark", "synapseSpark": {"resourceId": pool}});
    let mut identified = synapse.clone();
    identified["identity"] = json!({"type": "SystemAssigned"});
    identified["tags"] = json!({"a": "b"});
    identified["description"] = json!("d");
    let lake = json!({"type": "DataLakeAnalytics", "dataLakeAnalytics":
        {"resourceId": id("rg-adla", "DataLakeAnalytics/accounts/adlaa")}});
    let factory = json!({"type": "DataFactory", "dataFactory":
        {"resourceId": id("rg-adf", "DataFactory/factories/adf-a")}});
    let batch = json!({"type": "Batch", "batch": {"resourceId": id("rg-batch", "Batch/batchAccounts/batcha")}});
    const STORE: (&str, &str) = (
        "/properties/properties/dataLakeStoreAccountName",
        "the account's own default store; azureml-core does not send it",
    );
    const WHOLE: &[(&str, &str)] = &[
        ("/properties/provisioningState", "azureml-core sends a whole resource, read-only members as well"),
        ("/properties/isAttachedCompute", "azureml-core sends a whole resource, read-only members as well"),
    ];
    vec![
        intent(M1, "databricks-attach", databricks.clone(), &[]),
        intent(V1, "databricks-attach", databricks, &[]),
        intent(V2, "synapse-minimal", synapse.clone(), &[]),
        intent(V2, "synapse-identity-system", identified, &[]),
        intent(V1, "synapse-attach", synapse, WHOLE),
        intent(M1, "adla-attach", lake, &[STORE]),
        intent(V1, "adf-attach", factory, &[]),
        intent(V1, "adf-create", json!({"type": "DataFactory", "dataFactory": {}}), &[]),
        intent(V1, "batch-attach", batch, &[]),
    ]
}

/// The body that is sent for what the owner writes.
fn sent(spec: &Value) -> Value {
    let mut given = attachment(spec);
    given.facts().id = WorkspaceId::parse(WORKSPACE).unwrap();
    secret(&mut given, "key", "id", "FAKE PRIVATE KEY FOR TESTS\nsecond line\n");
    secret(&mut given, "password", "value", "Fake-Passw0rd!");
    secret(&mut given, "token", "value", "dapi0123");
    secret(&mut given, "tls", "tls.crt", "FAKE CERTIFICATE\nline\n");
    secret(&mut given, "tls", "tls.key", "FAKE KEY\nline\n");
    let claim = format!("{} {WORKSPACE}/computes/dsvm", crate::support::UID);
    let given = given.claimed().annotate(crate::support::CLAIM, &claim).sees_nothing();
    body(&given.decide()).clone()
}

#[test]
fn body_of_every_intent_is_what_was_captured_or_differs_for_a_reason() {
    let captures = recorded("sdk_attachments");
    let intents = [kubernetes(), aks(), hosts(), services()].concat_all();
    let of = |intent: &Intent| {
        let found = captures.as_array().unwrap().iter().find(|c| c["sdk"] == intent.sdk && c["name"] == intent.name);
        found.unwrap_or_else(|| panic!("no capture {} {}", intent.sdk, intent.name))["body"].clone()
    };
    for intent in &intents {
        let (mut ours, mut theirs) = (sent(&intent.spec), of(intent));
        for key in [OWNER_UID, OWNER_OBJECT] {
            assert!(ours["tags"].as_object_mut().unwrap().remove(key).is_some(), "{}: tag {key}", intent.name);
        }
        // The certificate and key of a Secret lose their last line end too; everything else of them is compared.
        for key in ["cert", "key"] {
            if let Some(text) = theirs.pointer_mut(&format!("/properties/properties/sslConfiguration/{key}")) {
                *text = json!(text.as_str().unwrap().trim_end());
            }
        }
        let expected: BTreeSet<String> = intent.differs.iter().map(|(path, _)| (*path).to_owned()).collect();
        assert_eq!(differing(&ours, &theirs), expected, "{} {}: {ours}", intent.sdk, intent.name);
    }
    assert_eq!(intents.len(), captures.as_array().unwrap().len(), "every capture is an intent");
}

/// Flattens groups of intents.
trait ConcatAll {
    fn concat_all(self) -> Vec<Intent>;
}

impl<const N: usize> ConcatAll for [Vec<Intent>; N] {
    fn concat_all(self) -> Vec<Intent> {
        self.into_iter().flatten().collect()
    }
}

#[test]
fn instance_types_network_and_load_balancer_are_sent_as_the_api_declares_them() {
    let types = json!([{"name": "gpu", "nodeSelector": {"pool": "gpu"}, "resources": {"requests": {"cpu": "1"}, "limits": {"nvidia.com/gpu": "1"}}}, {"name": "small"}]);
    let spec = json!({"type": "Kubernetes", "kubernetes": {"resourceId": cluster("ContainerService/managedClusters", "a"),
        "defaultInstanceType": "gpu", "instanceTypes": types}});
    let own = &sent(&spec)["properties"]["properties"];
    assert_eq!(own["defaultInstanceType"], "gpu");
    assert_eq!(
        own["instanceTypes"],
        json!({"gpu": {"nodeSelector": {"pool": "gpu"}, "resources": {"requests": {"cpu": "1"}, "limits": {"nvidia.com/gpu": "1"}}}, "small": {}})
    );
    let network = json!({"subnet": {"virtualNetwork": "net", "name": "ml"}, "serviceCidr": "10.0.0.0/16",
        "dnsServiceIP": "10.0.0.10", "dockerBridgeCidr": "172.17.0.1/16"});
    let spec = json!({"type": "Aks", "aks": {"create": {"network": network}, "purpose": "DenseProd",
        "loadBalancer": {"type": "Internal", "subnet": "lb"}}});
    let own = &sent(&spec)["properties"]["properties"];
    assert_eq!(
        own,
        &json!({"clusterPurpose": "DenseProd", "loadBalancerType": "InternalLoadBalancer", "loadBalancerSubnet": "lb",
            "aksNetworkingConfiguration": {"subnetId": format!("{SUBSCRIPTION}/rg-sdk/providers/Microsoft.Network/virtualNetworks/net/subnets/ml"),
                "serviceCidr": "10.0.0.0/16", "dnsServiceIP": "10.0.0.10", "dockerBridgeCidr": "172.17.0.1/16"}})
    );
    let key = |key: &str| json!({"secretRef": {"name": "key", "key": key}});
    let credentials = json!({"username": "me", "privateKey": key("id"), "passphrase": key("id")});
    let spec =
        json!({"type": "VirtualMachine", "virtualMachine": {"address": "vm.example", "credentials": credentials}});
    let sent = sent(&spec);
    assert_eq!(sent["properties"]["resourceId"], Value::Null);
    assert_eq!(sent["properties"]["properties"]["address"], "vm.example");
    let account = &sent["properties"]["properties"]["administratorAccount"];
    assert_eq!(account["passphrase"], "FAKE PRIVATE KEY FOR TESTS\nsecond line");
}
