//! A data factory: made by Azure ML if no id is given, without properties of its own (azureml-api b.5). Moves no data.

use serde_json::Map;

use super::{AttachedType, Makes, Near, PLAIN};

/// The row of the type. How long a factory takes to be made is assumed.
pub(crate) const TYPE: AttachedType = AttachedType {
    name: "DataFactory",
    resources: &["Microsoft.DataFactory/factories"],
    near: Near::SameRegion,
    makes: Some(Makes { time: (10.0, 30.0), kind: "Microsoft.DataFactory/factories", facts: |_| Map::new() }),
    ..PLAIN
};
