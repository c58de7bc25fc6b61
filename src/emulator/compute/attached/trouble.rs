//! How resources that do not work look in Azure ML. The codes of Kubernetes attach are documented ("Troubleshoot Kubernetes
//! compute"); no source tells those of other types, so theirs are this emulator's. Looks up nothing.

use super::{ArmError, Attached};
use crate::resources::{Extension, Resource, ResourceState};

/// Of a Kubernetes cluster that runs jobs.
pub(super) fn of_extension(attached: &Attached, resource: &Resource) -> Option<ArmError> {
    of_cluster(attached, resource).or_else(|| match resource.extension {
        Extension::Installed => None,
        Extension::Missing => {
            Some(ArmError::new("ClusterServiceNotFound", "The AzureML extension service is not found in the cluster."))
        }
        Extension::WithoutIdentity => Some(ArmError::new(
            "RefreshExtensionIdentityNotSet",
            "The extension is installed but its identity is not assigned correctly.",
        )),
    })
}

/// Of a Kubernetes cluster.
pub(super) fn of_cluster(_attached: &Attached, resource: &Resource) -> Option<ArmError> {
    match resource.state {
        ResourceState::Running => None,
        ResourceState::Stopped | ResourceState::Unreachable => {
            Some(ArmError::new("ClusterNotReachable", "The Kubernetes cluster is not reachable."))
        }
        ResourceState::Deleted => Some(ArmError::new("ClusterNotFound", "Cannot found Kubernetes cluster.")),
    }
}

/// Of what is reached by SSH.
pub(super) fn of_host(attached: &Attached, resource: &Resource) -> Option<ArmError> {
    let unreachable = resource.state == ResourceState::Unreachable || !resource.public_address;
    if unreachable && resource.state != ResourceState::Deleted {
        let text =
            format!("'{}' cannot be reached by SSH: it needs a public IP address and an open port.", resource.id);
        return Some(ArmError::new("HostUnreachable", text));
    }
    of_account(attached, resource)
}

/// Of any other resource.
pub(super) fn of_account(attached: &Attached, resource: &Resource) -> Option<ArmError> {
    let id = &resource.id;
    let (code, text) = match resource.state {
        ResourceState::Deleted => ("ResourceNotFound", format!("The resource '{id}' was not found.")),
        ResourceState::Stopped => ("ResourceNotRunning", format!("The resource '{id}' is not running.")),
        ResourceState::Unreachable => ("ResourceUnreachable", format!("The resource '{id}' cannot be reached.")),
        ResourceState::Running if !resource.admits(&attached.credentials) => {
            ("InvalidCredentials", format!("The credentials for '{id}' were not accepted."))
        }
        ResourceState::Running => return None,
    };
    Some(ArmError::new(code, text))
}
