//! New attachments: which member goes with which type, names, and what all types share.
//!
//! Must not hold what one type alone has: that is in `attached_members`.

use super::{Case, IDENTITY, Verdict, attached, attachment, attachments, resource, with};
use Verdict::{Accepted, Rule, Schema};
use serde_json::{Value, json};

/// New attachments.
pub(crate) fn all() -> Vec<Case> {
    let mut cases = types();
    cases.extend(not_attachable());
    cases.extend(names());
    cases.extend(shared());
    cases.extend(ids());
    cases.extend(near_ids());
    cases
}

fn row(name: impl Into<String>, object: Value, verdict: Verdict) -> Case {
    Case { name: name.into(), old: None, object, verdict }
}

/// The message of each type's member.
fn wanted(kind: &str) -> &'static str {
    match kind {
        "Kubernetes" => "`kubernetes` must be present with `type` Kubernetes, and only then",
        "Aks" => "`aks` must be present with `type` Aks, and only then",
        "VirtualMachine" => "`virtualMachine` must be present with `type` VirtualMachine, and only then",
        "HdInsight" => "`hdInsight` must be present with `type` HdInsight, and only then",
        "Databricks" => "`databricks` must be present with `type` Databricks, and only then",
        "DataLakeAnalytics" => "`dataLakeAnalytics` must be present with `type` DataLakeAnalytics, and only then",
        "DataFactory" => "`dataFactory` must be present with `type` DataFactory, and only then",
        "SynapseSpark" => "`synapseSpark` must be present with `type` SynapseSpark, and only then",
        _ => "`batch` must be present with `type` Batch, and only then",
    }
}

fn types() -> Vec<Case> {
    let mut cases = Vec::new();
    let all = attachments();
    for (at, (kind, member)) in all.iter().enumerate() {
        cases.push(row(
            format!("smallest attachment {at} of type {kind} is accepted"),
            attachment(kind, member),
            Accepted,
        ));
        // The last row is of a type that stands in the list already.
        if at + 1 == all.len() {
            continue;
        }
        cases.push(row(
            format!("{kind} without its member is refused"),
            attachment(kind, &json!({})),
            Rule(wanted(kind)),
        ));
        let (other, second) = &all[(at + 1) % (all.len() - 1)];
        let name = format!("{kind} with the member of {other} is refused");
        cases.push(row(name, attachment(kind, second), Rule(wanted(kind))));
        let mut both = member.as_object().unwrap().clone();
        both.extend(second.as_object().unwrap().clone());
        let name = format!("{kind} with a second member is refused");
        cases.push(row(name, attachment(kind, &Value::Object(both)), Rule(wanted(other))));
    }
    cases.push(row(
        "attachment without a type is refused",
        with(attached("Batch"), "spec.type", Value::Null),
        Schema("spec.type: Required value"),
    ));
    cases
}

fn not_attachable() -> Vec<Case> {
    const TYPE: &str = "a local computer, Azure Container Instances, Azure Functions, IoT Edge and Azure Machine Learning's \
                        managed online endpoints cannot be attached: docs/which-compute.md says";
    let kinds =
        ["Local", "ContainerInstance", "AzureFunctions", "IotEdge", "ManagedOnlineEndpoint", "AKS", "kubernetes", ""];
    let of = |kind: &str| with(attached("Batch"), "spec.type", json!(kind));
    kinds.map(|kind| row(format!("type {kind:?} is refused"), of(kind), Rule(TYPE))).into()
}

fn names() -> Vec<Case> {
    const NAME: &str =
        "must be 3 to 24 letters, digits and dashes (3 to 16 with `spec.type` Aks, 2 to 16 with SynapseSpark)";
    let named = |kind: &str, name: &str| with(attached(kind), "spec.azureName", json!(name));
    let (two, sixteen, seventeen) = ("ab", "a234567890123456", "a2345678901234567");
    let (longest, longer) = ("a23456789012345678901234", "a234567890123456789012345");
    let mut cases = Vec::new();
    for (kind, name) in [
        ("Kubernetes", "abc"),
        ("Kubernetes", longest),
        ("Batch", "my-batch-1a"),
        ("Aks", "abc"),
        ("Aks", sixteen),
        ("SynapseSpark", two),
        ("SynapseSpark", sixteen),
    ] {
        cases.push(row(format!("{kind} named {name} is accepted"), named(kind, name), Accepted));
    }
    for (kind, name) in [
        ("Kubernetes", two),
        ("Kubernetes", longer),
        ("Kubernetes", "k8s-1"),
        ("Kubernetes", "1abc"),
        ("Aks", two),
        ("Aks", seventeen),
        ("Aks", "aks-1"),
        ("SynapseSpark", "a"),
        ("SynapseSpark", seventeen),
        ("SynapseSpark", "a-"),
    ] {
        cases.push(row(format!("{kind} named {name} is refused"), named(kind, name), Rule(NAME)));
    }
    let observed = with(named("Aks", "aks-cluster-of-an-older-time-1"), "spec.managementPolicy", json!("Observe"));
    cases.push(row("older name of an attachment is accepted under Observe", observed, Accepted));
    let reserved = named("Kubernetes", "containerinstance");
    cases.push(row("attachment named containerinstance is refused", reserved, Rule("Azure ML reserves them")));
    cases
}

/// Identity, deletion, tags.
fn shared() -> Vec<Case> {
    const IDENTITY_OF: &str = "`identity` must be absent unless `type` is Kubernetes or SynapseSpark";
    const DELETE: &str = "`deletionPolicy` Delete is only for an AKS cluster that is made by `aks.create`";
    let mut cases = Vec::new();
    for (at, (kind, member)) in attachments().iter().enumerate() {
        let object = || attachment(kind, member);
        let identity = with(object(), "spec.identity", json!({"type": "UserAssigned", "userAssigned": [IDENTITY]}));
        let verdict = if ["Kubernetes", "SynapseSpark"].contains(kind) { Accepted } else { Rule(IDENTITY_OF) };
        cases.push(row(format!("identity of attachment {at} of type {kind}"), identity, verdict));
        let deleted = with(object(), "spec.deletionPolicy", json!("Delete"));
        let verdict = if member["aks"]["create"].is_object() { Accepted } else { Rule(DELETE) };
        cases.push(row(format!("delete of attachment {at} of type {kind}"), deleted, verdict));
        let retained = with(object(), "spec.deletionPolicy", json!("Retain"));
        cases.push(row(format!("attachment {at} of type {kind} can be retained"), retained, Accepted));
    }
    let tagged = with(attached("Batch"), "spec.tags", json!({"azureml-operator-object": "x"}));
    cases.push(row("our own tag on an attachment is refused", tagged, Rule("`tags` must not hold")));
    let unknown = with(attached("Batch"), "spec.deletionPolicy", json!("Orphan"));
    cases.push(row("unknown deletion policy is refused", unknown, Schema("\"Detach\", \"Retain\", \"Delete\"")));
    cases
}

/// Where each type names what is attached, and what it says of an id that is none.
const IDS: [(&str, &str, &str); 9] = [
    (
        "Kubernetes",
        "kubernetes.resourceId",
        "`kubernetes.resourceId` must be the ARM id of an AKS cluster or of an Arc",
    ),
    ("Aks", "aks.attach.resourceId", "`aks.attach.resourceId` must be the ARM id of an AKS cluster: "),
    (
        "VirtualMachine",
        "virtualMachine.resourceId",
        "`virtualMachine.resourceId` must be the ARM id of a virtual machine: ",
    ),
    ("HdInsight", "hdInsight.resourceId", "`hdInsight.resourceId` must be the ARM id of an HDInsight cluster: "),
    ("Databricks", "databricks.resourceId", "`databricks.resourceId` must be the ARM id of a Databricks workspace: "),
    (
        "DataLakeAnalytics",
        "dataLakeAnalytics.resourceId",
        "`dataLakeAnalytics.resourceId` must be the ARM id of a Data Lake Analytics account: ",
    ),
    ("DataFactory", "dataFactory.resourceId", "`dataFactory.resourceId` must be the ARM id of a data factory: "),
    (
        "SynapseSpark",
        "synapseSpark.resourceId",
        "`synapseSpark.resourceId` must be the ARM id of a Spark pool of Synapse: ",
    ),
    ("Batch", "batch.resourceId", "`batch.resourceId` must be the ARM id of a Batch account: "),
];

/// Ids of the wrong resource type, of another cloud, or of nothing.
fn ids() -> Vec<Case> {
    let mut cases = Vec::new();
    for (kind, path, message) in IDS {
        let object = attached(kind);
        let path = format!("spec.{path}");
        let id = object.pointer(&format!("/{}", path.replace('.', "/"))).unwrap().as_str().unwrap().to_owned();
        let upper = with(object.clone(), &path, json!(id.to_uppercase()));
        cases.push(row(format!("id of {kind} in capitals is accepted"), upper, Accepted));
        let wrong = [
            super::SUBNET.to_owned(),
            format!("https://management.azure.com{id}"),
            format!("https://management.chinacloudapi.cn{id}"),
            "arn:aws:eks:eu-west-1:111122223333:cluster/prod".to_owned(),
            format!("{id}/"),
            format!("{id}/child/a"),
            id.replace("11111111-1111", "x"),
            id.replace("/data/", "/../"),
        ];
        for wrong in wrong {
            let object = with(object.clone(), &path, json!(wrong));
            cases.push(row(format!("id {wrong} of {kind} is refused"), object, Rule(message)));
        }
    }
    cases
}

/// Ids that are nearly right.
fn near_ids() -> Vec<Case> {
    let arc = json!(resource("Microsoft.Kubernetes/connectedClusters/arc"));
    let as_aks = with(attached("Aks"), "spec.aks.attach.resourceId", arc.clone());
    let as_kubernetes = with(attached("Kubernetes"), "spec.kubernetes.resourceId", arc);
    let workspace = json!(resource("Microsoft.Synapse/workspaces/syn"));
    let poolless = with(attached("SynapseSpark"), "spec.synapseSpark.resourceId", workspace);
    let made = with(attached("DataFactory"), "spec.dataFactory", json!({}));
    vec![
        row("Arc-enabled cluster is accepted", as_kubernetes, Accepted),
        row("Arc-enabled cluster as AKS is refused", as_aks, Rule("must be the ARM id of an AKS cluster: ")),
        row("Synapse workspace without a pool is refused", poolless, Rule("of a Spark pool of Synapse: ")),
        row("data factory that Azure ML makes is accepted", made, Accepted),
    ]
}
