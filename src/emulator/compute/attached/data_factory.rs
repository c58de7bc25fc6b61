//! A data factory: made by Azure ML if no id is given, without properties of its own (azureml-api b.5). Moves no data.

use serde_json::Value;

use super::AttachedType;

/// The row of the type.
pub(crate) const TYPE: AttachedType = AttachedType {
    name: "DataFactory",
    deletable: true,
    read: |_| Ok((Value::Null, Value::Null)),
    show: |_| Value::Null,
};
