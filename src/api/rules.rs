//! The CEL rules of the objects, and the words with which the API server refuses.
//!
//! Must not decide anything the operator could not check again: admission is a courtesy to people, not a control.
//! A message names the field in backquotes and says what is allowed. Regular expressions are RE2: no look-ahead.

mod attached;
mod fixed;
mod instance;

pub(crate) use attached::*;
pub(crate) use fixed::{ATTACHMENT, CLUSTER, CREATED_AKS, INSTANCE, fixed_id, fixed_reference};
pub(crate) use instance::*;

use crate::limits;
use kube::core::{Reason, Rule};

/// A GUID in its canonical form.
const GUID: &str = "[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}";
/// A segment of an ARM id: ARM's characters, no dot at the end (so that no segment is `.` or `..`).
const SEGMENT: &str = "[A-Za-z0-9._()-]*[A-Za-z0-9_()-]";
/// The name in Azure: `azureName`, or the object's own name.
const EFFECTIVE_NAME: &str = "(has(self.spec.azureName) ? self.spec.azureName : self.metadata.name)";
const OLD_EFFECTIVE_NAME: &str = "(has(oldSelf.spec.azureName) ? oldSelf.spec.azureName : oldSelf.metadata.name)";
/// Only computes that will be made here follow the rules for new names.
const MAY_CREATE: &str = "self.spec.managementPolicy == 'Manage' && self.spec.adoptionPolicy == 'Never'";

fn refuse(rule: impl Into<String>, message: impl AsRef<str>) -> Rule {
    Rule::new(rule).message(message.as_ref())
}

/// A refusal that does not repeat the value: for changes, and for values that may be secret.
fn forbid(rule: impl Into<String>, message: impl AsRef<str>) -> Rule {
    refuse(rule, message).reason(Reason::FieldValueForbidden)
}

fn matches(pattern: &str, message: &str) -> Rule {
    refuse(format!("self.matches('^({pattern})$')"), message)
}

// Names in Azure

/// Names for new computes (azureml-api.md h): 3 to 24, a letter first, a letter after the last dash.
pub(crate) fn new_azure_name() -> Rule {
    let name = EFFECTIVE_NAME;
    refuse(
        format!("!({MAY_CREATE}) || ({name}.matches('^[a-zA-Z][a-zA-Z0-9-]{{2,23}}$') && !{name}.matches('-[0-9]*$'))"),
        "the name in Azure (`spec.azureName`, or `metadata.name` where that is absent) must be 3 to 24 letters, digits \
         and dashes, begin with a letter, and have a letter after its last dash (`cpu-1a`, not `cpu-` or `cpu-1`); an \
         existing compute with another name can be used with managementPolicy Observe or adoptionPolicy Adopt or \
         TakeOver",
    )
    .field_path(".spec.azureName")
}

/// Names of computes that exist already: service versions before 2026 accepted up to 32 characters.
pub(crate) fn existing_azure_name() -> Rule {
    refuse(
        format!("({MAY_CREATE}) || {EFFECTIVE_NAME}.matches('^[a-zA-Z0-9-]{{1,{}}}$')", limits::AZURE_NAME),
        format!(
            "the name in Azure (`spec.azureName`, or `metadata.name` where that is absent) must be at most {} letters, \
             digits and dashes",
            limits::AZURE_NAME
        ),
    )
    .field_path(".spec.azureName")
}

/// Names Azure ML keeps for itself (azureml-api.md h).
pub(crate) fn reserved_azure_name() -> Rule {
    refuse(
        format!("!({EFFECTIVE_NAME}.lowerAscii() in ['amlcompute', 'local', 'containerinstance'])"),
        "the name in Azure (`spec.azureName`, or `metadata.name` where that is absent) must not be amlcompute, local or \
         containerinstance: Azure ML reserves them",
    )
    .field_path(".spec.azureName")
}

/// The name in Azure is the identity of the compute.
pub(crate) fn fixed_azure_name() -> Rule {
    forbid(
        format!("{EFFECTIVE_NAME} == {OLD_EFFECTIVE_NAME}"),
        "the name in Azure (`spec.azureName`, or `metadata.name` where that is absent) cannot change: keep it, or make a \
         new object with another name",
    )
    .field_path(".spec.azureName")
}

// Values

/// A VM size's name.
pub(crate) fn vm_size() -> Rule {
    matches(
        "[A-Za-z][A-Za-z0-9_-]*",
        "`vmSize` must be the name of a VM size, such as STANDARD_D2_V2: letters, digits, underscores and dashes",
    )
}

/// A region's name, short or as the portal shows it.
pub(crate) fn location() -> Rule {
    matches(
        "[A-Za-z][A-Za-z0-9 ]*",
        "`location` must be the name of an Azure region, such as westeurope or West Europe",
    )
}

/// Which nodes there may be.
pub(crate) fn min_nodes_below_max() -> Rule {
    refuse(
        "!has(self.minNodes) || self.minNodes <= self.maxNodes",
        "`scale.minNodes` must not be greater than `scale.maxNodes`",
    )
    .field_path(".minNodes")
}

/// CEL that counts the seconds of a duration of either form.
fn seconds(text: &str) -> String {
    let part = |unit: char| format!("int('0' + {text}.upperAscii().find('[0-9]+{unit}').replace('{unit}', ''))");
    format!("{} * 86400 + {} * 3600 + {} * 60 + {}", part('D'), part('H'), part('M'), part('S'))
}

/// A duration between two bounds, both in seconds; `words` says them, and gives an example of each form.
pub(crate) fn duration(field: &str, min: i64, max: i64, words: &str) -> Rule {
    let seconds = seconds("self");
    let iso = "P([0-9]{1,4}D)?(T([0-9]{1,6}H)?([0-9]{1,7}M)?([0-9]{1,9}S)?)?";
    let go = "([0-9]{1,6}h)?([0-9]{1,7}m)?([0-9]{1,9}s)?";
    // Every component is optional in both forms, so a last character that is a unit rules out `P`, `PT` and nothing.
    refuse(
        format!(
            "self.matches('^({iso}|{go})$') && self.matches('[0-9][A-Za-z]$') && {seconds} >= {min} && {seconds} <= {max}"
        ),
        format!("`{field}` must be a duration from {words}"),
    )
}

/// Tags as ARM takes them.
pub(crate) fn tag_keys() -> Rule {
    refuse(
        format!(r"self.all(key, size(key) >= 1 && size(key) <= {} && !key.matches('[<>%&\\\\?/]'))", limits::TAG_KEY),
        format!("the keys of `tags` must be 1 to {} characters without < > % & \\ ? /", limits::TAG_KEY),
    )
}

/// The tags by which the operator knows its computes.
pub(crate) fn no_own_tags() -> Rule {
    let (uid, object) = (crate::annotations::OWNER_UID_TAG, crate::annotations::OWNER_OBJECT_TAG);
    refuse(
        format!("!self.exists(key, key.lowerAscii() in ['{uid}', '{object}'])"),
        format!("`tags` must not hold {uid} or {object}: the operator sets them to know its own computes"),
    )
}

/// Which identities go with which type.
pub(crate) fn user_assigned_present() -> Rule {
    refuse(
        "self.type != 'UserAssigned' || (has(self.userAssigned) && size(self.userAssigned) >= 1)",
        "`identity.userAssigned` must hold at least one ARM id with `identity.type` UserAssigned",
    )
    .field_path(".userAssigned")
}

/// Azure ML refuses both kinds at once for a cluster.
pub(crate) fn user_assigned_absent() -> Rule {
    refuse(
        "self.type == 'UserAssigned' || !has(self.userAssigned) || size(self.userAssigned) == 0",
        "`identity.userAssigned` must be absent unless `identity.type` is UserAssigned: a compute has a system-assigned \
         identity, user-assigned ones, or none, not both at once",
    )
    .field_path(".userAssigned")
}

fn arm_id(provider_and_types: &[&str]) -> String {
    let [provider, types @ ..] = provider_and_types else { return String::new() };
    let mut pattern =
        format!("/subscriptions/{GUID}/resourceGroups/{SEGMENT}/providers/{}", provider.replace('.', "[.]"));
    for kind in types {
        pattern.push_str(&format!("/{kind}/{SEGMENT}"));
    }
    // ARM ids compare without case.
    format!("(?i)^{pattern}$")
}

/// ARM ids of user-assigned identities, each once.
pub(crate) fn user_assigned_ids() -> Rule {
    let pattern = arm_id(&["Microsoft.ManagedIdentity", "userAssignedIdentities"]);
    refuse(
        format!("self.all(id, id.matches('{pattern}'))"),
        "`identity.userAssigned` must hold ARM ids of user-assigned identities: \
         /subscriptions/…/resourceGroups/…/providers/Microsoft.ManagedIdentity/userAssignedIdentities/…",
    )
}

/// The same identity twice, in another case, is one.
pub(crate) fn user_assigned_once() -> Rule {
    refuse(
        "self.all(id, self.exists_one(other, other.lowerAscii() == id.lowerAscii()))",
        "`identity.userAssigned` must name each identity once (ARM ids compare without case)",
    )
}

/// The ARM id of a workspace (azureml-api.md a).
pub(crate) fn workspace_id() -> Rule {
    let name = "[A-Za-z0-9][A-Za-z0-9_-]{2,32}";
    let pattern = format!(
        "(?i)^/subscriptions/{GUID}/resourceGroups/{SEGMENT}/providers/Microsoft[.]MachineLearningServices/workspaces/{name}$"
    );
    refuse(
        format!("self.matches('{pattern}')"),
        "`resourceId` must be the ARM id of an Azure ML workspace: \
         /subscriptions/…/resourceGroups/…/providers/Microsoft.MachineLearningServices/workspaces/…",
    )
}

/// The two forms of a subnet.
pub(crate) fn subnet_form() -> Rule {
    refuse(
        "has(self.id) ? !has(self.virtualNetwork) && !has(self.name) && !has(self.resourceGroup) \
         : has(self.virtualNetwork) && has(self.name)",
        "`subnet` must be given in one form: `id` alone, or `virtualNetwork` and `name` (and `resourceGroup` where it is \
         not the workspace's)",
    )
}

/// A subnet's ARM id.
pub(crate) fn subnet_id() -> Rule {
    let pattern = arm_id(&["Microsoft.Network", "virtualNetworks", "subnets"]);
    refuse(
        format!("self.matches('{pattern}')"),
        "`subnet.id` must be the ARM id of a subnet: \
         /subscriptions/…/resourceGroups/…/providers/Microsoft.Network/virtualNetworks/…/subnets/…",
    )
}

/// Names of networks, subnets and resource groups: they become segments of an ARM id.
pub(crate) fn arm_segment(field: &str) -> Rule {
    matches(SEGMENT, &format!("`{field}` must be letters, digits, and . _ ( ) -, and not end with a dot"))
}

/// SSH needs something to log in with.
pub(crate) fn ssh_needs_credential() -> Rule {
    refuse(
        "!self.enabled || has(self.publicKey) || has(self.password)",
        "`ssh.enabled` needs `ssh.publicKey` or `ssh.password`: without one nobody could log in",
    )
    .field_path(".publicKey")
}

/// What is configured must not silently have no effect.
pub(crate) fn ssh_only_enabled() -> Rule {
    refuse(
        "self.enabled || (!has(self.adminUsername) && !has(self.publicKey) && !has(self.password))",
        "`ssh.adminUsername`, `ssh.publicKey` and `ssh.password` have an effect only with `ssh.enabled: true`",
    )
    .field_path(".enabled")
}

/// Administrator names that Linux and Azure take. The list is that of Azure's compute API (`osProfile.adminUsername`).
pub(crate) fn admin_username() -> Rule {
    let refused = "'1', '123', 'a', 'actuser', 'adm', 'admin', 'admin1', 'admin2', 'administrator', 'aspnet', 'backup', \
                   'console', 'david', 'guest', 'john', 'owner', 'root', 'server', 'sql', 'support', \
                   'support_388945a0', 'sys', 'test', 'test1', 'test2', 'test3', 'user', 'user1', 'user2', 'user3', \
                   'user4', 'user5'";
    refuse(
        format!("self.matches('^[A-Za-z_][A-Za-z0-9_-]*$') && !(self.lowerAscii() in [{refused}])"),
        "`ssh.adminUsername` must begin with a letter or underscore, hold letters, digits, underscores and dashes, and \
         not be a name Azure refuses, such as admin, administrator, root, guest, test or user",
    )
}

/// A key is in the object or in a Secret.
pub(crate) fn public_key_source() -> Rule {
    refuse("has(self.value) != has(self.secretRef)", "`ssh.publicKey` must have exactly one of `value` and `secretRef`")
}

/// An OpenSSH public key; what is refused may be a private key, so it is not repeated.
pub(crate) fn public_key() -> Rule {
    let kind = "ssh-(rsa|ed25519)|ecdsa-sha2-nistp(256|384|521)|sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh[.]com";
    forbid(
        format!(r"self.matches('^\\s*({kind})[ \\t]+[A-Za-z0-9+/]{{40,}}={{0,3}}([ \\t][^\\r\\n]*)?\\s*$')"),
        "`ssh.publicKey.value` must be one public key in OpenSSH form, such as `ssh-ed25519 AAAA… user@host`; a private \
         key never belongs in an object",
    )
}

// Identities and references

/// A GUID.
pub(crate) fn guid(field: &str) -> Rule {
    matches(GUID, &format!("`{field}` must be a GUID, such as 22222222-2222-2222-2222-222222222222"))
}

/// A name of a Kubernetes object: it becomes a segment of a URL.
pub(crate) fn object_name(field: &str) -> Rule {
    matches(
        "[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*",
        &format!("`{field}` must be the name of an object: lower-case letters, digits, dashes and dots"),
    )
}

/// A key in the data of a Secret or ConfigMap.
pub(crate) fn data_key(kind: &str) -> Rule {
    matches(
        "[-._a-zA-Z0-9]+",
        &format!("`key` must be a key of the {kind}: letters, digits, dashes, underscores and dots"),
    )
}

/// The member of an identity that goes with its type.
pub(crate) fn identity_member(kind: &str, member: &str) -> Rule {
    refuse(
        format!("(self.type == '{kind}') == has(self.{member})"),
        format!("`{member}` must be present with `type` {kind}, and only then"),
    )
    .field_path(format!(".{member}"))
}

/// An application authenticates in one way.
pub(crate) fn one_credential() -> Rule {
    refuse(
        "has(self.clientSecret) != has(self.certificate)",
        "`servicePrincipal` must have exactly one of `clientSecret` and `certificate`",
    )
}
