//! AzureIdentity: credentials of one namespace, usable only there.
//!
//! Must not hold a secret itself: only the name and key of a Secret beside it.

use crate::{Condition, SecretKeyRef, limits, rules};
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
    doc = "Credentials of one namespace, usable only there.",
    derive = "PartialEq",
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].status",
        description = "Whether the credentials can be used"
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].reason",
        description = "Why, in one word"
    ),
    printcolumn(name = "Type", type_ = "string", json_path = ".spec.type", description = "How it authenticates"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "Client ID",
        type_ = "string",
        json_path = ".spec.clientId",
        description = "The application (client) id",
        priority = 1
    ),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].message",
        description = "Why, for people",
        priority = 1
    )
)]
#[x_kube(
    validation = rules::identity_member("ServicePrincipal", "servicePrincipal"),
    validation = rules::identity_member("WorkloadIdentity", "workloadIdentity")
)]
#[serde(rename_all = "camelCase")]
pub struct AzureIdentitySpec {
    /// How to authenticate: ServicePrincipal (an application with a secret or a certificate) or WorkloadIdentity (a
    /// federated ServiceAccount of this namespace). The member of the same name says with what.
    #[serde(rename = "type")]
    pub kind: AzureIdentityType,
    /// The Microsoft Entra tenant, a GUID.
    #[schemars(length(max = limits::GUID))]
    #[x_kube(validation = rules::guid("tenantId"))]
    pub tenant_id: String,
    /// The application (client) id, a GUID.
    #[schemars(length(max = limits::GUID))]
    #[x_kube(validation = rules::guid("clientId"))]
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
#[x_kube(validation = rules::one_credential())]
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
    #[schemars(length(min = 1, max = limits::OBJECT_NAME))]
    #[x_kube(validation = rules::object_name("workloadIdentity.serviceAccountName"))]
    pub service_account_name: String,
}

/// What is known of the identity.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AzureIdentityStatus {
    /// The generation this status speaks of; -1 until the first report.
    #[schemars(range(min = -1, max = limits::GENERATION))]
    #[serde(default = "crate::status::never_observed")]
    pub observed_generation: i64,
    /// Ready, Reconciling and Stalled as kstatus reads them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = limits::CONDITIONS))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}
