//! Azure's vocabulary: resource ids, bodies, states and errors as Azure Resource Manager writes them.
//!
//! Must not do IO, know Kubernetes, or decide anything. Parsing is tolerant (unknown fields are kept, unknown enum
//! values are carried as they came), because recorded traffic holds fields that no published contract declares.

mod action;
mod aml_compute;
mod attached;
mod compute;
mod compute_instance;
mod duration;
mod error;
mod id;
mod operation;
mod removal;
mod state;
mod workspace;

pub use action::ComputeAction;
pub use aml_compute::{AmlCompute, NodeStateCounts, ScaleSettings};
pub use attached::{DEFAULT_NAMESPACE, ResourceMark, SSH_PORT, same_resource};
pub use compute::{Compute, Identity, NotACompute, UserAssignedIdentity};
pub use compute_instance::{Application, ComputeInstance, LastOperation, OsImage, Person};
pub use duration::{format_iso, parse_duration};
pub use error::ArmError;
pub use id::{ComputeId, IdError, ResourceId, WorkspaceId, same_id, same_location};
pub use operation::{Node, Operation};
pub use removal::UnderlyingAction;
pub use state::{
    AllocationState, ComputeType, Dialect, IdentityType, InstanceOperation, InstanceState, NodeState, OperationStatus,
    OperationTrigger, OsType, ProvisioningState, RemoteLogin, VmPriority,
};
pub use workspace::{Usage, VmSize, Workspace};
