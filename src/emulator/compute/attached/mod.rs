//! Computes that were made elsewhere and attached: what all of them share, and the list of their types. Each type is a file here
//! and a row of [`TYPES`]. Owns no clock.

mod data_factory;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::machine::Times;
use crate::{errors::Refusal, fields::Fields};

/// A type of compute that can be attached.
pub(crate) struct AttachedType {
    /// `computeType`.
    pub(crate) name: &'static str,
    /// What a DELETE with `underlyingResourceAction=Delete` may do: the resource itself can go (azureml-api f.3).
    pub(crate) deletable: bool,
    /// Reads `properties` of a body into what it shows and what `listKeys` answers.
    pub(crate) read: fn(&Fields<'_>) -> Result<(Value, Value), Refusal>,
    /// `properties.properties` of an answer.
    pub(crate) show: fn(&Attached) -> Value,
}

impl std::fmt::Debug for AttachedType {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name)
    }
}

impl PartialEq for AttachedType {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// The types that are served.
const TYPES: [&AttachedType; 1] = [&data_factory::TYPE];

/// How long an attach and a detach take: the range that was recorded of virtual machines (azureml-api a.4).
pub(crate) const TIMES: Times =
    Times { create: (2.0, 7.0), update: (2.0, 7.0), delete: (31.0, 63.0), detach: (2.0, 7.0) };

/// An attached compute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Attached {
    #[serde(serialize_with = "named", deserialize_with = "known")]
    pub(crate) kind: &'static AttachedType,
    /// The ARM id of what is attached, as sent.
    pub(crate) resource_id: Option<String>,
    /// What the type keeps of `properties.properties`.
    pub(crate) settings: Value,
    /// What `listKeys` answers beside `computeType`; null: the type has no secrets.
    pub(crate) secrets: Value,
}

fn named<S: Serializer>(kind: &&'static AttachedType, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(kind.name)
}

fn known<'de, D: Deserializer<'de>>(deserializer: D) -> Result<&'static AttachedType, D::Error> {
    let name = String::deserialize(deserializer)?;
    let kind = TYPES.into_iter().find(|known| known.name == name);
    kind.ok_or_else(|| serde::de::Error::custom(format!("'{name}' is no type that can be attached")))
}

/// Reads `properties` of a body whose `computeType` is `kind`.
///
/// # Errors
/// A type that is not served; what the provider refuses at once.
pub(crate) fn read(kind: &str, base: &Fields<'_>) -> Result<Attached, Refusal> {
    let Some(kind) = TYPES.iter().find(|known| known.name == kind) else {
        let text = format!("This emulator does not serve computeType '{kind}' yet.");
        return Err(Refusal::provider(400, "UnsupportedComputeType", text).target("properties.computeType"));
    };
    let (settings, secrets) = (kind.read)(base)?;
    Ok(Attached { kind, resource_id: base.text("resourceId")?.map(str::to_owned), settings, secrets })
}
