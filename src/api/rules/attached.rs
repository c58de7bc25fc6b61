//! The CEL rules of AttachedCompute alone.
//!
//! Must not ask whether a resource exists or can be reached: only whether it could be one of its type.

use super::{EFFECTIVE_NAME, MAY_CREATE, arm_id, forbid, identity_member, matches, refuse};
use kube::core::Rule;

/// What can be attached.
const TYPES: [&str; 9] = [
    "Kubernetes",
    "Aks",
    "VirtualMachine",
    "HdInsight",
    "Databricks",
    "DataLakeAnalytics",
    "DataFactory",
    "SynapseSpark",
    "Batch",
];

/// What can be attached, and what cannot although people ask for it.
pub(crate) fn attached_type() -> Rule {
    let quoted = TYPES.map(|name| format!("'{name}'")).join(", ");
    let (last, most) = TYPES.split_last().unwrap_or((&"", &[]));
    refuse(
        format!("self in [{quoted}]"),
        format!(
            "`type` must be one of {} and {last}; a local computer, Azure Container Instances, Azure Functions, IoT Edge \
             and Azure Machine Learning's managed online endpoints cannot be attached: docs/which-compute.md says what to \
             use instead",
            most.join(", ")
        ),
    )
}

/// The member that goes with its type, and no other.
pub(crate) fn member(kind: &str, member: &str) -> Rule {
    identity_member(kind, member)
}

/// Names of attachments: as for all computes, but shorter for Aks (issue text) and SynapseSpark (2 to 16 as in Terraform's
/// provider, azureml-api.md h).
pub(crate) fn new_attached_name() -> Rule {
    let name = EFFECTIVE_NAME;
    let length = |kind: &str, range: &str| format!("self.spec.type == '{kind}' ? {name}.matches('^.{{{range}}}$') : ");
    refuse(
        format!(
            "!({MAY_CREATE}) || ({name}.matches('^[a-zA-Z][a-zA-Z0-9-]*$') && !{name}.matches('-[0-9]*$') && ({}{}{name}.\
             matches('^.{{3,24}}$')))",
            length("SynapseSpark", "2,16"),
            length("Aks", "3,16"),
        ),
        "the name in Azure (`spec.azureName`, or `metadata.name` where that is absent) must be 3 to 24 letters, digits \
         and dashes (3 to 16 with `spec.type` Aks, 2 to 16 with SynapseSpark), begin with a letter, and have a letter after \
         its last dash; an existing compute with another name can be used with managementPolicy Observe or adoptionPolicy \
         Adopt or TakeOver",
    )
    .field_path(".spec.azureName")
}

/// Azure ML gives an identity only to these (azureml-api.md b.5).
pub(crate) fn identity_of_type() -> Rule {
    refuse(
        "!has(self.identity) || self.type in ['Kubernetes', 'SynapseSpark']",
        "`identity` must be absent unless `type` is Kubernetes or SynapseSpark: no other attachment has one",
    )
    .field_path(".identity")
}

/// What was made elsewhere is never deleted.
pub(crate) fn delete_only_what_was_created() -> Rule {
    refuse(
        "self.deletionPolicy != 'Delete' || (has(self.aks) && has(self.aks.create))",
        "`deletionPolicy` Delete is only for an AKS cluster that is made by `aks.create`: what was made elsewhere is \
         detached (Detach) or left attached (Retain)",
    )
    .field_path(".deletionPolicy")
}

/// The ARM id of what is attached, of its own resource type; `what` names it with its article.
pub(crate) fn underlying_id(field: &str, what: &str, provider_and_types: &[&str]) -> Rule {
    let types: Vec<String> = provider_and_types.iter().skip(1).map(|kind| format!("{kind}/…")).collect();
    refuse(
        format!("self.matches('{}')", arm_id(provider_and_types)),
        format!(
            "`{field}` must be the ARM id of {what}: /subscriptions/…/resourceGroups/…/providers/{}/{}",
            provider_and_types.first().unwrap_or(&""),
            types.join("/")
        ),
    )
}

/// The ARM id of a Kubernetes cluster, of AKS or connected by Arc.
pub(crate) fn cluster_id() -> Rule {
    let aks = arm_id(&["Microsoft.ContainerService", "managedClusters"]);
    let arc = arm_id(&["Microsoft.Kubernetes", "connectedClusters"]);
    refuse(
        format!("self.matches('{aks}') || self.matches('{arc}')"),
        "`kubernetes.resourceId` must be the ARM id of an AKS cluster or of an Arc-enabled cluster: \
         /subscriptions/…/resourceGroups/…/providers/Microsoft.ContainerService/managedClusters/… or \
         …/Microsoft.Kubernetes/connectedClusters/…",
    )
}

/// A machine is named once (azureml-core refuses both and neither).
pub(crate) fn id_or_address() -> Rule {
    refuse(
        "has(self.resourceId) != has(self.address)",
        "`virtualMachine` must have exactly one of `resourceId` and `address`",
    )
}

/// An account logs in in one way.
pub(crate) fn key_or_password() -> Rule {
    refuse(
        "has(self.privateKey) != has(self.password)",
        "`credentials` must have exactly one of `privateKey`, which is preferred, and `password`",
    )
}

/// A passphrase opens a key.
pub(crate) fn passphrase_of_key() -> Rule {
    refuse(
        "!has(self.passphrase) || has(self.privateKey)",
        "`credentials.passphrase` has an effect only with `credentials.privateKey`",
    )
    .field_path(".passphrase")
}

/// Names of accounts on a machine that exists.
pub(crate) fn ssh_username() -> Rule {
    matches(
        "[A-Za-z_][A-Za-z0-9._-]*",
        "`credentials.username` must begin with a letter or underscore and hold letters, digits, dots, underscores and \
         dashes",
    )
}

/// A name or an IPv4 address of a host, without scheme, port or path.
pub(crate) fn host(field: &str) -> Rule {
    matches(
        "[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?([.][A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*",
        &format!("`{field}` must be the name or the IPv4 address of a host, without a scheme, port or path"),
    )
}

/// A DNS label, as Kubernetes names namespaces.
pub(crate) fn label(field: &str) -> Rule {
    matches(
        "[a-z0-9]([-a-z0-9]*[a-z0-9])?",
        &format!("`{field}` must be lower-case letters, digits and dashes, and begin and end with a letter or digit"),
    )
}

/// A key of a label or a resource, with or without a prefix.
const KEY: &str = "([a-z0-9]([a-z0-9.-]*[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?";

/// Keys of a node selector.
pub(crate) fn label_keys() -> Rule {
    refuse(
        format!("self.all(key, size(key) <= 317 && key.matches('^{KEY}$'))"),
        "the keys of `nodeSelector` must be keys of Kubernetes' labels, such as agentpool or kubernetes.io/arch",
    )
}

/// Values of a node selector.
pub(crate) fn label_values() -> Rule {
    refuse(
        "self.all(key, self[key].matches('^([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?)?$'))",
        "the values of `nodeSelector` must be values of Kubernetes' labels: letters, digits, dots, underscores and dashes",
    )
}

/// Amounts of resources, as Kubernetes writes them.
pub(crate) fn quantities(field: &str) -> Rule {
    let amount = "[0-9]+([.][0-9]+)?(m|k|[KMGTPE]i?)?";
    refuse(
        format!("self.all(key, size(key) <= 317 && key.matches('^{KEY}$') && self[key].matches('^{amount}$'))"),
        format!(
            "`{field}` must hold resources and amounts as Kubernetes writes them, such as cpu: \"4\" or memory: 16Gi"
        ),
    )
}

/// A cluster is attached or made.
pub(crate) fn aks_source() -> Rule {
    refuse("has(self.attach) != has(self.create)", "`aks` must have exactly one of `attach` and `create`")
}

/// Azure ML wants 12 vCPUs for both production purposes (issue text), and its default is one of them. Judged where the
/// size is known; an unknown one is judged by the location's table before the cluster is made.
pub(crate) fn aks_is_large_enough() -> Rule {
    let small = include_str!("../vm_sizes.txt").lines().filter(|line| !line.starts_with('#'));
    let too_small = small.filter_map(|line| line.split_once(": ")).filter_map(|(cores, names)| {
        let nodes = 12_u32.div_ceil(cores.parse().ok()?);
        let names: Vec<String> = names.split(' ').map(|name| format!("'{name}'")).collect();
        Some(format!("(self.create.nodeCount < {nodes} && self.create.vmSize.upperAscii() in [{}])", names.join(", ")))
    });
    refuse(
        format!(
            "!has(self.create) || !has(self.create.vmSize) || !has(self.create.nodeCount) || (has(self.purpose) && \
             self.purpose == 'DevTest') || !({})",
            too_small.collect::<Vec<_>>().join(" || ")
        ),
        "`aks.create` must have nodes of at least 12 vCPUs together for `aks.purpose` Production (the default) and \
         DenseProd: take more nodes or a larger `vmSize`, or say DevTest",
    )
    .field_path(".create")
}

/// The two forms of TLS.
pub(crate) fn tls_form() -> Rule {
    refuse(
        "has(self.leafDomainLabel) ? !has(self.secretRef) && !has(self.hostname) \
         : has(self.secretRef) && has(self.hostname) && !has(self.overwriteExistingDomain)",
        "`aks.tls` must be given in one form: `secretRef` and `hostname` for a certificate of your own, or \
         `leafDomainLabel` (and `overwriteExistingDomain`) for one of Microsoft's",
    )
}

/// Only an internal load balancer has a subnet.
pub(crate) fn load_balancer_subnet() -> Rule {
    refuse(
        "!has(self.subnet) || self.type == 'Internal'",
        "`aks.loadBalancer.subnet` has an effect only with `aks.loadBalancer.type` Internal",
    )
    .field_path(".subnet")
}

const OCTET: &str = "(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])";

/// A range of IPv4 addresses.
pub(crate) fn cidr(field: &str) -> Rule {
    matches(
        &format!("({OCTET}[.]){{3}}{OCTET}/([12]?[0-9]|3[0-2])"),
        &format!("`{field}` must be a range of IPv4 addresses, such as 10.0.0.0/16"),
    )
}

/// An IPv4 address.
pub(crate) fn ip_address(field: &str) -> Rule {
    matches(&format!("({OCTET}[.]){{3}}{OCTET}"), &format!("`{field}` must be an IPv4 address, such as 10.0.0.10"))
}

fn fixed(same: &[&str], fields: &str) -> Rule {
    forbid(
        same.join(" && "),
        format!("{fields} cannot change, not even by replacePolicy: keep it, or make a new object with another name"),
    )
}

fn same_text(field: &str) -> String {
    format!(
        "has(self.{field}) == has(oldSelf.{field}) && (!has(self.{field}) || self.{field}.lowerAscii() == \
         oldSelf.{field}.lowerAscii())"
    )
}

/// The machine that is attached is the attachment's identity.
pub(crate) fn fixed_host() -> Rule {
    fixed(
        &[&same_text("resourceId"), &same_text("address")],
        "what `virtualMachine.resourceId` or `virtualMachine.address` names",
    )
}

/// So is the data factory, and whether it is one of Azure ML's.
pub(crate) fn fixed_factory() -> Rule {
    fixed(&[&same_text("resourceId")], "what `dataFactory.resourceId` names")
}

/// And whether an AKS cluster was made elsewhere.
pub(crate) fn fixed_aks_source() -> Rule {
    fixed(&["has(self.create) == has(oldSelf.create)"], "the choice between `aks.attach` and `aks.create`")
}
