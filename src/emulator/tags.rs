//! The tags of a compute. Ten thousand computes have some, so they are held as tightly as their few need.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Names and values, sorted by name. A map's node would take half a kilobyte for one tag.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tags(Box<[(Box<str>, Box<str>)]>);

impl Tags {
    /// Whether a tag is there, whatever its value.
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| &**known == name)
    }

    /// Takes the tags away that are not to be kept.
    pub(crate) fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        let all = std::mem::take(&mut self.0);
        self.0 = all.into_iter().filter(|(name, _)| keep(name)).collect();
    }
}

impl From<BTreeMap<String, String>> for Tags {
    fn from(map: BTreeMap<String, String>) -> Self {
        Self(map.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

impl Serialize for Tags {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl<'de> Deserialize<'de> for Tags {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        BTreeMap::deserialize(deserializer).map(|map: BTreeMap<String, String>| map.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_written_as_a_map_and_read_back() {
        let text = r#"{"cost":"1","team":"vision"}"#;
        let mut tags: Tags = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&tags).unwrap(), text);
        assert!(tags.contains("team") && !tags.contains("vision"));
        tags.retain(|name| name != "team");
        assert_eq!(serde_json::to_string(&tags).unwrap(), r#"{"cost":"1"}"#);
    }
}
