//! The workspace and what a location offers: sizes and usages.
//!
//! Must not judge whether a size fits; that is the decision core's.

use serde_json::Value;

/// What the operator needs of a workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workspace {
    /// ARM id as Azure writes it.
    pub id: String,
    /// Its region: the `location` of every compute in it.
    pub location: String,
    /// `properties.provisioningState`, where it is told.
    pub provisioning_state: Option<String>,
}

impl Workspace {
    /// Reads a workspace; `None` without id and location.
    pub fn from_value(value: &Value) -> Option<Self> {
        let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        Some(Self {
            id: text("/id")?,
            location: text("/location")?,
            provisioning_state: text("/properties/provisioningState"),
        })
    }
}

/// One VM size of a location.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VmSize {
    /// Its name, such as `Standard_D2_v2`.
    pub name: String,
    /// The quota family it counts against.
    pub family: String,
    /// Virtual CPUs of one node.
    pub vcpus: i64,
    /// Whether low-priority nodes may have it.
    pub low_priority: bool,
    /// Which compute types may use it, as Azure names them.
    pub compute_types: Vec<String>,
}

impl VmSize {
    /// Reads one item of `vmSizes`; `None` without a name.
    pub fn from_value(value: &Value) -> Option<Self> {
        let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let types = value.get("supportedComputeTypes").and_then(Value::as_array).into_iter().flatten();
        Some(Self {
            name: text("name")?,
            family: text("family").unwrap_or_default(),
            vcpus: value.get("vCPUs").and_then(Value::as_i64).unwrap_or_default(),
            low_priority: value.get("lowPriorityCapable").and_then(Value::as_bool).unwrap_or(true),
            compute_types: types.filter_map(|t| t.as_str().map(str::to_owned)).collect(),
        })
    }
}

/// One usage of a location: how much of a quota is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    /// `name.value`: a family or a total.
    pub name: String,
    /// The kind of quota, such as `…/vmFamily/dedicatedCores/usages`.
    pub kind: String,
    /// In use now.
    pub current: i64,
    /// Allowed; negative means no limit.
    pub limit: i64,
}

impl Usage {
    /// Reads one item of `usages`; `None` without name and limit.
    pub fn from_value(value: &Value) -> Option<Self> {
        Some(Self {
            name: value.pointer("/name/value")?.as_str()?.to_owned(),
            kind: value.get("type").and_then(Value::as_str).unwrap_or_default().to_owned(),
            current: value.get("currentValue").and_then(Value::as_i64).unwrap_or_default(),
            limit: value.get("limit")?.as_i64()?,
        })
    }
}
