//! What the definitions accept and refuse, as data: one row per rule and side.
//!
//! Must not run anything: the rows are run offline beside this file, and against a real API server by tests/crds.

mod attached;
mod attached_changes;
mod attached_members;
mod connections;
mod creates;
mod instance_changes;
mod instance_schedules;
mod instances;
mod updates;

use serde_json::{Value, json};

/// Who refuses, and a part of what it says.
#[derive(Clone, Copy, Debug)]
#[allow(dead_code)] // each of the two test programs uses its own part
pub(crate) enum Verdict {
    /// Nobody.
    Accepted,
    /// A CEL rule of ours, in our words.
    Rule(&'static str),
    /// The schema, in the API server's words.
    Schema(&'static str),
}

/// One object, or one change of an object, and what becomes of it.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// A sentence.
    pub(crate) name: String,
    /// The object before; absent for a create.
    pub(crate) old: Option<Value>,
    /// The object as it is applied.
    pub(crate) object: Value,
    /// What becomes of it.
    pub(crate) verdict: Verdict,
}

/// Every row.
pub(crate) fn all() -> Vec<Case> {
    let mut cases = creates::clusters();
    cases.extend(connections::all());
    cases.extend(updates::clusters());
    cases.extend(updates::connections());
    cases.extend(instances::all());
    cases.extend(instance_schedules::all());
    cases.extend(instance_changes::all());
    cases.extend(attached::all());
    cases.extend(attached_members::all());
    cases.extend(attached_changes::all());
    cases
}

/// ARM id of a workspace.
pub(crate) const WORKSPACE: &str = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/ml/providers/Microsoft.MachineLearningServices/workspaces/demo";
/// ARM id of a subnet.
pub(crate) const SUBNET: &str = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg-net/providers/Microsoft.Network/virtualNetworks/net/subnets/ml";
/// ARM id of a user-assigned identity.
pub(crate) const IDENTITY: &str = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/ml/providers/Microsoft.ManagedIdentity/userAssignedIdentities/a";
/// A public key without a private one.
pub(crate) const PUBLIC_KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f nobody@example";

fn object(kind: &str, name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "compute.azureml.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec})
}

/// The smallest cluster.
pub(crate) fn cluster() -> Value {
    let spec = json!({"workspaceRef": {"name": "research"}, "vmSize": "STANDARD_D2_V2", "scale": {"maxNodes": 4}});
    object("ComputeCluster", "cpu-cluster", &spec)
}

/// The smallest instance.
pub(crate) fn instance() -> Value {
    let spec = json!({"workspaceRef": {"name": "research"}, "vmSize": "STANDARD_DS3_V2"});
    object("ComputeInstance", "workstation", &spec)
}

/// A resource of that provider and type, in a group of its own.
pub(crate) fn resource(provider_and_types: &str) -> String {
    format!("/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/data/providers/{provider_and_types}")
}

/// One attachment of each type, by its type: the smallest that is accepted. The last one makes its cluster.
pub(crate) fn attachments() -> Vec<(&'static str, Value)> {
    let by_id = |kind: &str| json!({"resourceId": resource(kind)});
    let key = json!({"username": "azureuser", "privateKey": {"secretRef": {"name": "vm", "key": "id_ed25519"}}});
    let vm = with(by_id("Microsoft.Compute/virtualMachines/dsvm"), "credentials", key.clone());
    let hd = with(by_id("Microsoft.HDInsight/clusters/spark"), "credentials", key);
    let token = json!({"secretRef": {"name": "databricks", "key": "token"}});
    let databricks = with(by_id("Microsoft.Databricks/workspaces/dbx"), "accessToken", token);
    vec![
        ("Kubernetes", json!({"kubernetes": by_id("Microsoft.ContainerService/managedClusters/aks")})),
        ("Aks", json!({"aks": {"attach": by_id("Microsoft.ContainerService/managedClusters/aks")}})),
        ("VirtualMachine", json!({"virtualMachine": vm})),
        ("HdInsight", json!({"hdInsight": hd})),
        ("Databricks", json!({"databricks": databricks})),
        ("DataLakeAnalytics", json!({"dataLakeAnalytics": by_id("Microsoft.DataLakeAnalytics/accounts/adla")})),
        ("DataFactory", json!({"dataFactory": by_id("Microsoft.DataFactory/factories/adf")})),
        ("SynapseSpark", json!({"synapseSpark": by_id("Microsoft.Synapse/workspaces/syn/bigDataPools/pool")})),
        ("Batch", json!({"batch": by_id("Microsoft.Batch/batchAccounts/batch")})),
        ("Aks", json!({"aks": {"create": {}}})),
    ]
}

/// An attachment of that type and with that member.
pub(crate) fn attachment(kind: &str, member: &Value) -> Value {
    let mut spec = json!({"workspaceRef": {"name": "research"}, "type": kind});
    spec.as_object_mut().unwrap().extend(member.as_object().unwrap().clone());
    object("AttachedCompute", "attached", &spec)
}

/// The smallest attachment of that type; for Aks that of a cluster that exists.
pub(crate) fn attached(kind: &str) -> Value {
    let (kind, member) = attachments().into_iter().find(|(name, _)| *name == kind).unwrap();
    attachment(kind, &member)
}

/// Somebody.
pub(crate) fn person() -> Value {
    json!({"objectId": "44444444-4444-4444-4444-444444444444", "tenantId": "22222222-2222-2222-2222-222222222222"})
}

/// The smallest workspace.
pub(crate) fn workspace() -> Value {
    let spec = json!({"resourceId": WORKSPACE, "identityRef": {"kind": "AzureIdentity", "name": "team-a"}});
    object("Workspace", "research", &spec)
}

/// The smallest identity.
pub(crate) fn identity() -> Value {
    let spec = json!({
        "type": "ServicePrincipal",
        "tenantId": "22222222-2222-2222-2222-222222222222",
        "clientId": "33333333-3333-3333-3333-333333333333",
        "servicePrincipal": {"clientSecret": {"secretRef": {"name": "azure", "key": "clientSecret"}}},
    });
    object("AzureIdentity", "team-a", &spec)
}

/// The object with a value put at a path such as `spec.scale.maxNodes`; null removes what is there.
pub(crate) fn with(mut object: Value, path: &str, value: Value) -> Value {
    let mut place = &mut object;
    let (parents, last) = path.rsplit_once('.').unwrap_or(("", path));
    for part in parents.split('.').filter(|part| !part.is_empty()) {
        place = place.as_object_mut().unwrap().entry(part).or_insert_with(|| json!({}));
    }
    let place = place.as_object_mut().unwrap();
    if value.is_null() {
        place.remove(last);
    } else {
        place.insert(last.to_owned(), value);
    }
    object
}

fn change(name: impl Into<String>, old: Value, object: Value, verdict: Verdict) -> Case {
    Case { name: name.into(), old: Some(old), object, verdict }
}

fn create(base: fn() -> Value, name: impl Into<String>, path: &str, value: Value, verdict: Verdict) -> Case {
    Case { name: name.into(), old: None, object: with(base(), path, value), verdict }
}
