//! The error table: from (status, code, words of the message) to what follows.
//!
//! Must not be consulted anywhere but in `classify`. The first row that matches wins; the last rows match anything,
//! because an unknown error is retried slowly, never given up. Sources: azureml-api.md e.2 and g.1.

use crate::classify::{Fate, Speed};
use Fate::{Forbidden, Retry, Stalled};
use Speed::{Fast, Slow, VerySlow};

/// What a row matches.
#[derive(Clone, Copy, Debug)]
pub enum When {
    /// One of these codes, at any depth.
    Code(&'static [&'static str]),
    /// One of these codes, where no 404 comes with it: it speaks of what lies under the compute.
    Underlying(&'static [&'static str]),
    /// One of these phrases in the message, without case.
    Words(&'static [&'static str]),
    /// This status.
    Status(u16),
    /// Any status from the first to the second.
    Statuses(u16, u16),
    /// Anything else ARM said.
    Anything,
}

/// One row: what matches, and what follows.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// What matches.
    pub when: When,
    /// The reason people and programs see.
    pub reason: &'static str,
    /// What follows.
    pub fate: Fate,
    /// What to do about it, for people.
    pub advice: &'static str,
}

const fn row(when: When, reason: &'static str, fate: Fate, advice: &'static str) -> Row {
    Row { when, reason, fate, advice }
}

/// Rows for what ARM and the provider answer.
pub const ROWS: &[Row] = &[
    row(
        When::Code(&[
            "ClusterMinNodesExceedCoreQuota",
            "ClusterCoreQuotaReached",
            "QuotaExceeded",
            "ResourceQuotaExceeded",
            "OperationNotAllowedQuota",
        ]),
        "QuotaExceeded",
        Stalled(VerySlow),
        "ask for more quota of the VM family in this region, choose another spec.vmSize, or lower a cluster's scale; it is tried again by itself",
    ),
    row(
        When::Words(&["exceeding quota", "exceed quota", "exceeds quota", "core quota", "vcpu quota", "quota limit"]),
        "QuotaExceeded",
        Stalled(VerySlow),
        "ask for more quota of the VM family in this region, choose another spec.vmSize, or lower a cluster's scale; it is tried again by itself",
    ),
    // Of what is attached. The codes are those of Kubernetes ("Troubleshoot Kubernetes compute", azureml-api.md e.2); for
    // other types none are documented, so their words are looked at further below.
    row(
        When::Code(&["ClusterNotFound", "ComputeNotFound", "LinkedInvalidPropertyId"]),
        "UnderlyingNotFound",
        Stalled(VerySlow),
        "check the resource id in the spec: Azure ML finds no such resource, or may not see it; it is tried again by itself",
    ),
    row(
        When::Underlying(&["ResourceNotFound"]),
        "UnderlyingNotFound",
        Stalled(VerySlow),
        "check the resource id in the spec: Azure ML finds no such resource, or may not see it; it is tried again by itself",
    ),
    row(
        When::Code(&["ClusterNotReachable", "ComputeNotAccessible"]),
        "UnderlyingUnreachable",
        Stalled(Slow),
        "start the cluster, and let Azure ML reach its API server; it is tried again by itself",
    ),
    row(
        When::Code(&["ClusterUnauthorized"]),
        "UnderlyingForbidden",
        Stalled(Slow),
        "give the workspace's identity access to the cluster, and the operator's identity the role Azure Kubernetes Service Cluster Admin; it is tried again by itself",
    ),
    row(
        When::Code(&[
            "ClusterServiceNotFound",
            "InvalidComputeNoKubernetesConfiguration",
            "RefreshExtensionIdentityNotSet",
        ]),
        "ExtensionNotReady",
        Stalled(Slow),
        "install Azure ML's extension on the cluster, with an identity, or install it again; it is tried again by itself",
    ),
    row(
        When::Code(&["GenericComputeError", "GenericClusterError", "InvalidComputeInformation"]),
        "UnderlyingTroubled",
        Stalled(Slow),
        "look at the cluster's state and at Azure ML's extension on it (namespace azureml); it is tried again by itself",
    ),
    row(
        When::Code(&["RequestDisallowedByPolicy", "PolicyViolation"]),
        "PolicyDenied",
        Stalled(VerySlow),
        "declare what the Azure Policy named above asks for, or have the compute exempted from it; it is tried again by itself",
    ),
    row(
        When::Code(&["ScopeLocked"]),
        "ResourceLocked",
        Stalled(VerySlow),
        "remove the lock named above; it is tried again by itself",
    ),
    row(
        When::Code(&["LinkedAuthorizationFailed"]),
        "Forbidden",
        Forbidden,
        "grant the operator's identity the action named above on that resource (subnets/join/action for a subnet, userAssignedIdentities/assign/action for an identity)",
    ),
    row(
        When::Code(&["AuthorizationFailed"]),
        "Forbidden",
        Forbidden,
        "grant the operator's identity the action named above, for example by the role AzureML Compute Operator on the workspace",
    ),
    row(
        When::Code(&[
            "InvalidVmSize",
            "VmSizeNotSupported",
            "VMSizeNotSupported",
            "UnsupportedVmSize",
            "SkuNotAvailable",
            "InvalidVMSize",
        ]),
        "VmSizeNotSupported",
        Stalled(VerySlow),
        "choose another spec.vmSize, one that the region offers",
    ),
    row(
        When::Words(&["in the region of the workspace", "same region as the workspace"]),
        "RegionMismatch",
        Stalled(VerySlow),
        "attach a resource of the workspace's region, or use a Workspace in the resource's region",
    ),
    row(
        When::Words(&["extension is not installed"]),
        "ExtensionNotReady",
        Stalled(Slow),
        "install Azure ML's extension on the cluster; Azure says the same where the operator's identity lacks the role Kubernetes Extension Contributor; it is tried again by itself",
    ),
    row(
        When::Words(&["credentials for", "credentials were not accepted", "wrong credentials", "invalid credentials"]),
        "CredentialsRefused",
        Stalled(Slow),
        "correct user name, key, password or token in the spec or its Secret; a changed Secret is noticed at once",
    ),
    row(
        When::Words(&["cannot be reached", "not reachable", "unreachable", "is not running"]),
        "UnderlyingUnreachable",
        Stalled(Slow),
        "start the resource; a machine or HDInsight cluster needs a public IP address and an SSH port that Azure ML can reach; it is tried again by itself",
    ),
    row(
        When::Code(&["StartComputeInstanceOnlyAllowedInStoppedState"]),
        "WrongState",
        Retry(Fast),
        "the instance was in another state by then; it is looked at and decided anew",
    ),
    row(
        When::Words(&["is only allowed when the instance"]),
        "WrongState",
        Retry(Fast),
        "the instance was in another state by then; it is looked at and decided anew",
    ),
    row(
        When::Words(&["disk is full"]),
        "DiskFull",
        Stalled(VerySlow),
        "free space on the instance's disk from its terminal; deleting the object is possible all the same",
    ),
    row(
        When::Words(&["was timed out for operation"]),
        "OperationTimedOut",
        Retry(Slow),
        "Azure gave the operation up; it is tried again by itself",
    ),
    row(
        When::Words(&["encountered an unusable node"]),
        "UnusableNode",
        Stalled(VerySlow),
        "check subnet, network security group and name resolution of the instance; it is tried again by itself",
    ),
    row(
        When::Code(&["UserSetupFailed", "SetupScriptFailed"]),
        "UserSetupFailed",
        Stalled(VerySlow),
        "correct spec.setupScripts or its ConfigMap; the studio shows the script's whole log",
    ),
    row(
        When::Words(&["vm size", "vmsize"]),
        "VmSizeNotSupported",
        Stalled(VerySlow),
        "choose another spec.vmSize, one that the region offers",
    ),
    row(
        When::Words(&[
            "already in use and is therefore unavailable",
            "compute with this name already exists",
            "needs to be unique across all existing computes",
        ]),
        "NameTaken",
        Stalled(VerySlow),
        "choose another spec.azureName: names are unique among all computes of a region",
    ),
    row(
        When::Words(&["invalid name", "compute name", "name must"]),
        "InvalidName",
        Stalled(VerySlow),
        "choose a spec.azureName of 3 to 24 letters, digits and dashes that starts with a letter and does not end in a dash and digits",
    ),
    row(
        When::Words(&["already an active operation", "another operation", "operation is in progress"]),
        "OperationInProgress",
        Retry(Fast),
        "Azure is still busy with this compute; it is tried again by itself",
    ),
    row(
        When::Code(&["AnotherOperationInProgress", "OperationInProgress", "Conflict"]),
        "OperationInProgress",
        Retry(Fast),
        "Azure is still busy with this compute; it is tried again by itself",
    ),
    row(
        When::Code(&["TooManyRequests", "SubscriptionRequestsThrottled", "RetryableError"]),
        "Throttled",
        Retry(Fast),
        "Azure limits how many requests it takes; it is tried again by itself",
    ),
    row(
        When::Code(&[
            "ExpiredAuthenticationToken",
            "InvalidAuthenticationToken",
            "InvalidAuthenticationTokenTenant",
            "InvalidAuthenticationTokenAudience",
            "AuthenticationFailed",
        ]),
        "Unauthenticated",
        Retry(Slow),
        "check that the identity's tenant is the subscription's tenant",
    ),
    row(
        When::Code(&["SubscriptionNotFound", "InvalidSubscriptionId"]),
        "WorkspaceNotFound",
        Stalled(VerySlow),
        "check the subscription in the Workspace's spec.resourceId, and that the identity may see it",
    ),
    row(
        When::Code(&["ParentResourceNotFound", "ResourceGroupNotFound"]),
        "WorkspaceNotFound",
        Stalled(VerySlow),
        "check the Workspace's spec.resourceId: Azure has no such workspace",
    ),
    row(
        When::Code(&["ReadOnlyDisabledSubscription", "DisabledSubscription"]),
        "SubscriptionDisabled",
        Stalled(VerySlow),
        "have the subscription enabled again; it is tried again by itself",
    ),
    row(
        When::Code(&[
            "InvalidRequestContent",
            "InvalidParameter",
            "LocationRequired",
            "PropertyChangeNotAllowed",
            "InvalidApiVersionParameter",
            "NoRegisteredProviderFound",
        ]),
        "InvalidRequest",
        Stalled(VerySlow),
        "correct the field that Azure names",
    ),
    row(
        When::Code(&["AllocationFailed", "ZonalAllocationFailed"]),
        "AllocationFailed",
        Retry(Slow),
        "the region has no free machines of this size now; it is tried again by itself, another size or region may help",
    ),
    row(When::Status(401), "Unauthenticated", Retry(Slow), "check the AzureIdentity's tenant, client id and secret"),
    row(
        When::Status(403),
        "Forbidden",
        Forbidden,
        "grant the operator's identity the missing right, for example by the role AzureML Compute Operator on the workspace",
    ),
    row(
        When::Status(404),
        "NotFound",
        Retry(Slow),
        "it is tried again; if it stays, look for a proxy that answers in Azure's place",
    ),
    row(When::Status(408), "AzureUnavailable", Retry(Fast), "it is tried again"),
    row(
        When::Status(409),
        "OperationInProgress",
        Retry(Fast),
        "Azure is still busy with this compute; it is tried again by itself",
    ),
    row(
        When::Status(412),
        "OperationInProgress",
        Retry(Fast),
        "somebody changed the compute meanwhile; it is looked at and tried again",
    ),
    row(When::Status(413), "InvalidRequest", Stalled(VerySlow), "make the object smaller, for example its tags"),
    row(
        When::Status(429),
        "Throttled",
        Retry(Fast),
        "Azure limits how many requests it takes; it is tried again by itself",
    ),
    row(
        When::Statuses(400, 499),
        "InvalidRequest",
        Retry(VerySlow),
        "correct the spec if Azure names something in it; it is tried again slowly, because Azure also answers so for passing troubles",
    ),
    row(When::Statuses(500, 599), "AzureUnavailable", Retry(Fast), "Azure has a trouble of its own; it is tried again"),
    row(
        When::Statuses(300, 399),
        "UnexpectedAnswer",
        Retry(VerySlow),
        "check the operator's address of Azure Resource Manager, and proxies in between",
    ),
    row(
        When::Anything,
        "OperationFailed",
        Retry(Slow),
        "it is tried again; if it stays, ask Azure support with the compute's id",
    ),
];
