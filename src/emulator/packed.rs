//! JSON that is kept as text and read when it is asked for, because ten thousand computes have some: a map's node takes half a
//! kilobyte for one member. Knows nothing of what it holds.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

/// A JSON value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Packed(Box<str>);

impl Packed {
    /// The value.
    pub(crate) fn open(&self) -> Value {
        serde_json::from_str(&self.0).unwrap_or_default()
    }

    /// A member of the object that it is; null if there is none.
    pub(crate) fn member(&self, name: &str) -> Value {
        self.open().get_mut(name).map(Value::take).unwrap_or_default()
    }
}

impl From<Value> for Packed {
    fn from(value: Value) -> Self {
        Self(value.to_string().into())
    }
}

impl From<Map<String, Value>> for Packed {
    fn from(members: Map<String, Value>) -> Self {
        Value::Object(members).into()
    }
}

impl Serialize for Packed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.open().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Packed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(Self::from)
    }
}
