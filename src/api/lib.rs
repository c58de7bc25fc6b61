//! Kubernetes' vocabulary: the custom resources, their schemas, and the conditions they report.
//!
//! Must not do IO, decide anything, or know Azure beyond the words its users write. Field by field this is the
//! contract of the project's objects; a schema is the first place where bad input is told in words.

// The derives write public types into private modules and functions of their own, which rustc then reports here.
#![allow(unreachable_pub)]
// Printer columns repeat keys such as `type_` by design; clippy takes every attribute's arguments for one list.
#![allow(clippy::duplicated_attributes)]

pub mod annotations;
mod attached_compute;
mod azure_identity;
mod bounded;
mod common;
mod compute_cluster;
mod compute_instance;
mod conditions;
mod crds;
pub mod limits;
mod rules;
mod status;
mod time_zones;
mod workspace;

pub use attached_compute::{
    AksAttach, AksAttachment, AksCreate, AksLoadBalancer, AksLoadBalancerType, AksNetwork, AksPurpose, AksReport,
    AksSystemService, AksTls, AttachedCompute, AttachedComputeSpec, AttachedComputeStatus, AttachedDeletionPolicy,
    AttachedType, AutoPauseReport, AutoScaleReport, BatchAttachment, DataFactoryAttachment,
    DataLakeAnalyticsAttachment, DataLakeAnalyticsReport, DatabricksAttachment, DatabricksReport, HdInsightAttachment,
    HostReport, InstanceType, InstanceTypeResources, KubernetesAttachment, KubernetesReport, SshCredentials,
    SynapseSparkAttachment, SynapseSparkReport, VirtualMachineAttachment,
};
pub use azure_identity::{
    AzureIdentity, AzureIdentitySpec, AzureIdentityStatus, AzureIdentityType, CertificateSource, SecretSource,
    ServicePrincipal, WorkloadIdentity,
};
pub use common::{
    AdoptionPolicy, ConfigMapKeyRef, DeletionPolicy, DriftPolicy, LocalRef, ManagedIdentity, ManagedIdentityType,
    ManagementPolicy, ReplacePolicy, SecretKeyRef, SshPublicKey, Subnet,
};
pub use compute_cluster::{
    ClusterNodes, ClusterOs, ClusterScale, ClusterSsh, ComputeCluster, ComputeClusterSpec, ComputeClusterStatus,
    NodePriority,
};
pub use compute_instance::{
    ApplicationSharing, AssignedUser, ComputeInstance, ComputeInstanceSpec, ComputeInstanceStatus, CustomImage,
    CustomService, CustomVolume, Endpoint, InstanceOperation, InstanceSsh, InstanceSshReport, OsImage, PowerAction,
    PowerPolicy, PowerState, Recurrence, RecurrenceFrequency, ReportedUser, Schedule, ServiceEndpoint, SetupScript,
    SetupScripts, WeekDay,
};
pub use conditions::{Condition, ConditionStatus, ConditionType, find as find_condition};
pub use crds::{GENERATED, YamlError, all_crds, to_yaml};
pub use status::{
    Advice, AzureResource, ComputeStatus, How, IdentityReport, OperationReport, PlannedChange, ProvisioningError,
};
pub use time_zones::windows_zone;
pub use workspace::{IdentityKind, IdentityRef, Workspace, WorkspaceSpec, WorkspaceStatus};

/// API group of every object of ours.
pub const GROUP: &str = "compute.azureml.dev";
/// The one served version.
pub const VERSION: &str = "v1alpha1";
