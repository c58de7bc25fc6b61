//! Names that stand on objects beside their spec: annotations, finalizers, and the tags on Azure's side.
//!
//! Must not interpret them; what a paused object means is the decision core's.

/// `"true"` stops every write to Azure, deletes included. Any value but `"false"` counts as true: what is not
/// understood denies.
pub const PAUSED: &str = "compute.azureml.dev/paused";
/// Any new value asks for a look at Azure now, and ends a wait after an error.
pub const RECONCILE_REQUESTED_AT: &str = "compute.azureml.dev/reconcile-requested-at";
/// RFC 3339 time: a ComputeInstance is restarted once for every new value.
pub const RESTART_REQUESTED_AT: &str = "compute.azureml.dev/restart-requested-at";
/// `<uid> <ARM id>`: this object made, or may make, that compute. Written with the finalizer, before the first write.
pub const CLAIM: &str = "compute.azureml.dev/claim";
/// Holds a compute's object until its compute is gone or let go.
pub const FINALIZER: &str = "compute.azureml.dev/finalizer";
/// Holds a Secret, identity or workspace until the deletes that need it are done.
pub const IN_USE: &str = "compute.azureml.dev/in-use";
/// ARM tag: UID of the object that owns the compute.
pub const OWNER_UID_TAG: &str = "azureml-operator-uid";
/// ARM tag: namespace/name of that object, cut to 256 characters, for people and for adoption after a restore.
pub const OWNER_OBJECT_TAG: &str = "azureml-operator-object";
