//! What is reached by SSH: virtual machines and HDInsight clusters.
//!
//! Must not hold a key or a password: only the names and keys of Secrets beside the object.

use crate::{SecretSource, limits, rules};
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// An Ubuntu virtual machine or a Data Science Virtual Machine, with a public IP address that Azure ML can reach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = rules::id_or_address(), validation = rules::fixed_host())]
#[serde(rename_all = "camelCase")]
pub struct VirtualMachineAttachment {
    /// ARM id of the virtual machine. Cannot change.
    #[schemars(length(min = 1, max = limits::ARM_ID))]
    #[x_kube(validation = rules::underlying_id("virtualMachine.resourceId", "a virtual machine", &["Microsoft.Compute", "virtualMachines"]))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_id: Option<String>,
    /// Public name or IP address of a machine, instead of an id. Cannot change.
    #[schemars(length(min = 1, max = limits::OBJECT_NAME))]
    #[x_kube(validation = rules::host("virtualMachine.address"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Its SSH port, 1 to 65535; 22 if absent. Changes only with replacePolicy Recreate.
    #[schemars(range(min = 1, max = 65_535))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssh_port: Option<i32>,
    /// How Azure ML logs in.
    pub credentials: SshCredentials,
}

/// A Spark cluster of HDInsight, with a public IP address that Azure ML can reach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct HdInsightAttachment {
    /// ARM id of the cluster. Cannot change.
    #[schemars(length(min = 1, max = limits::ARM_ID))]
    #[x_kube(
        validation = rules::underlying_id("hdInsight.resourceId", "an HDInsight cluster", &["Microsoft.HDInsight", "clusters"]),
        validation = rules::fixed_id("hdInsight.resourceId")
    )]
    pub resource_id: String,
    /// Where its head node is reached; its name followed by -ssh.azurehdinsight.net if absent. Changes only with
    /// replacePolicy Recreate.
    #[schemars(length(min = 1, max = limits::OBJECT_NAME))]
    #[x_kube(validation = rules::host("hdInsight.address"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Its SSH port, 1 to 65535; 22 if absent. Changes only with replacePolicy Recreate.
    #[schemars(range(min = 1, max = 65_535))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssh_port: Option<i32>,
    /// How Azure ML logs in.
    pub credentials: SshCredentials,
}

/// An account that can log in by SSH: with a private key, which is preferred, or with a password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = rules::key_or_password(), validation = rules::passphrase_of_key())]
#[serde(rename_all = "camelCase")]
pub struct SshCredentials {
    /// Name of the account. Changes only with replacePolicy Recreate.
    #[schemars(length(min = 1, max = limits::SSH_USERNAME))]
    #[x_kube(validation = rules::ssh_username())]
    pub username: String,
    /// Its private key, in OpenSSH or PEM form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_key: Option<SecretSource>,
    /// The passphrase of that key, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passphrase: Option<SecretSource>,
    /// Its password; keys are preferred.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretSource>,
}
