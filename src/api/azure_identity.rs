//! AzureIdentity: credentials of one namespace, usable only there.
//!
//! Must not hold a secret itself: only the name and key of a Secret beside it.

use crate::{Condition, SecretKeyRef};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Credentials of one namespace.
#[derive(Clone, Debug, PartialEq, Eq, CustomResource, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "compute.azureml.dev",
    version = "v1alpha1",
    kind = "AzureIdentity",
    namespaced,
    status = "AzureIdentityStatus",
    shortname = "azid",
    category = "azureml",
    derive = "PartialEq"
)]
#[serde(rename_all = "camelCase")]
pub struct AzureIdentitySpec {
    /// How to authenticate; the member of the same name says with what.
    #[serde(rename = "type")]
    pub kind: AzureIdentityType,
    /// The Microsoft Entra tenant, a GUID.
    pub tenant_id: String,
    /// The application (client) id, a GUID.
    pub client_id: String,
    /// With type ServicePrincipal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_principal: Option<ServicePrincipal>,
    /// With type WorkloadIdentity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload_identity: Option<WorkloadIdentity>,
}

/// How to authenticate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AzureIdentityType {
    /// An application with a secret or a certificate.
    ServicePrincipal,
    /// A federated ServiceAccount of this namespace.
    WorkloadIdentity,
}

/// An application's own credential: exactly one of the two.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServicePrincipal {
    /// A client secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<SecretSource>,
    /// A certificate with its private key, PEM or PKCS#12.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<CertificateSource>,
}

/// A secret value, by reference only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretSource {
    /// Where it is.
    pub secret_ref: SecretKeyRef,
}

/// A certificate, by reference only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct CertificateSource {
    /// Where it is.
    pub secret_ref: SecretKeyRef,
    /// The password that protects it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretSource>,
}

/// A federated ServiceAccount.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadIdentity {
    /// Its name in this namespace.
    pub service_account_name: String,
}

/// What is known of the identity.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AzureIdentityStatus {
    /// The generation this status speaks of; -1 until the first report.
    #[serde(default = "crate::status::never_observed")]
    pub observed_generation: i64,
    /// Ready, Reconciling and Stalled as kstatus reads them.
    #[serde(default)]
    pub conditions: Vec<Condition>,
}
