//! What Azure has, as the emulator's `GET /world` tells; it must not ask the operator.

use serde_json::Value;
use support::Result;
use support::emulator::Emulator;

/// A compute as an ARM GET shows it.
pub(crate) struct Compute {
    pub(crate) name: String,
    shown: Value,
}

impl Compute {
    /// The most nodes it may have.
    pub(crate) fn max_nodes(&self) -> Option<u64> {
        self.shown.pointer("/properties/properties/scaleSettings/maxNodeCount").and_then(Value::as_u64)
    }

    /// One line for people.
    pub(crate) fn line(&self) -> String {
        let text = |pointer: &str| match self.shown.pointer(pointer) {
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
            None => "-".to_owned(),
        };
        let (kind, state) = (text("/properties/computeType"), text("/properties/provisioningState"));
        let what = match kind.as_str() {
            "AmlCompute" => format!(
                "{} {} in {}, {} to {} nodes",
                text("/properties/properties/vmPriority"),
                text("/properties/properties/vmSize"),
                text("/properties/computeLocation"),
                text("/properties/properties/scaleSettings/minNodeCount"),
                text("/properties/properties/scaleSettings/maxNodeCount"),
            ),
            "ComputeInstance" => {
                format!("{}, {}", text("/properties/properties/vmSize"), text("/properties/properties/state"))
            }
            _ => text("/properties/resourceId"),
        };
        format!("{}: {kind}, {what}, {state}", self.name)
    }
}

/// Every compute of every workspace.
pub(crate) async fn computes(emulator: &Emulator) -> Result<Vec<Compute>> {
    let world = emulator.world().await?;
    let mut found = Vec::new();
    collect(&world, &mut found);
    Ok(found)
}

fn collect(value: &Value, found: &mut Vec<Compute>) {
    let Some(members) = value.as_object() else { return };
    for (key, member) in members {
        let computes = member.as_object().filter(|_| key == "computes");
        match computes.map(serde_json::Map::iter) {
            Some(computes) => {
                found.extend(computes.map(|(name, shown)| Compute { name: name.clone(), shown: shown.clone() }));
            }
            None => collect(member, found),
        }
    }
}
