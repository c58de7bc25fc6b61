//! Typed reading of JSON bodies, with refusals that name the path of the member. Knows no resource type.

use std::{collections::BTreeMap, ops::RangeInclusive};

use serde_json::{Map, Value};

use crate::errors::Refusal;

/// An object of a body and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Fields<'a> {
    object: Option<&'a Map<String, Value>>,
    path: String,
}

impl<'a> Fields<'a> {
    /// The whole body.
    ///
    /// # Errors
    /// A body that is no object.
    pub(crate) fn of(body: &'a Value) -> Result<Self, Refusal> {
        match body.as_object() {
            Some(object) => Ok(Self { object: Some(object), path: String::new() }),
            None => Err(Refusal::gateway(
                400,
                "InvalidRequestContent",
                "The request content was invalid and could not be deserialized: a JSON object is expected.",
            )),
        }
    }

    /// A member that is not null.
    pub(crate) fn value(&self, name: &str) -> Option<&'a Value> {
        self.object?.get(name).filter(|value| !value.is_null())
    }

    /// Whether there is anything at all, be it an empty object.
    pub(crate) fn exists(&self) -> bool {
        self.object.is_some()
    }

    /// An object member; reads of an absent one find nothing.
    ///
    /// # Errors
    /// A member that is no object.
    pub(crate) fn object(&self, name: &str) -> Result<Self, Refusal> {
        let path = self.at(name);
        match self.value(name) {
            None => Ok(Self { object: None, path }),
            Some(Value::Object(object)) => Ok(Self { object: Some(object), path }),
            Some(_) => Err(wrong(&path, "an object")),
        }
    }

    /// A text member.
    ///
    /// # Errors
    /// A member that is no text.
    pub(crate) fn text(&self, name: &str) -> Result<Option<&'a str>, Refusal> {
        self.value(name).map(|value| value.as_str().ok_or_else(|| wrong(&self.at(name), "a string"))).transpose()
    }

    /// A text member; an empty text is as an absent one, as Microsoft's SDKs send it (sdk-wire-notes 5).
    ///
    /// # Errors
    /// A member that is no text.
    pub(crate) fn filled(&self, name: &str) -> Result<Option<&'a str>, Refusal> {
        Ok(self.text(name)?.filter(|text| !text.is_empty()))
    }

    /// A truth member.
    ///
    /// # Errors
    /// A member that is neither true nor false.
    pub(crate) fn boolean(&self, name: &str) -> Result<Option<bool>, Refusal> {
        self.value(name).map(|value| value.as_bool().ok_or_else(|| wrong(&self.at(name), "a boolean"))).transpose()
    }

    /// A whole number of 32 bits.
    ///
    /// # Errors
    /// Anything else.
    pub(crate) fn integer(&self, name: &str) -> Result<Option<i32>, Refusal> {
        let read = |value: &Value| value.as_i64().and_then(|number| i32::try_from(number).ok());
        self.value(name).map(|value| read(value).ok_or_else(|| wrong(&self.at(name), "a 32-bit integer"))).transpose()
    }

    /// One of a set of words, whatever its letter case; the answer has the set's spelling.
    ///
    /// # Errors
    /// A word that is not in the set.
    pub(crate) fn word(&self, name: &str, words: &[&'static str]) -> Result<Option<&'static str>, Refusal> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        match words.iter().find(|word| word.eq_ignore_ascii_case(text)) {
            Some(word) => Ok(Some(word)),
            None => {
                let (path, valid) = (self.at(name), words.join(", "));
                Err(Refusal::user_error(format!("The value '{text}' of '{path}' is not valid. Valid values: {valid}."))
                    .target(path))
            }
        }
    }

    /// A map of texts; a null value reads as an empty text, as tags do.
    ///
    /// # Errors
    /// A member that is no object of texts.
    pub(crate) fn texts(&self, name: &str) -> Result<Option<BTreeMap<String, String>>, Refusal> {
        let map = self.object(name)?;
        let Some(object) = map.object else { return Ok(None) };
        let read = |(key, value): (&String, &Value)| match value {
            Value::String(text) => Ok((key.clone(), text.clone())),
            Value::Null => Ok((key.clone(), String::new())),
            Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                Err(wrong(&map.at(key), "a string"))
            }
        };
        object.iter().map(read).collect::<Result<_, _>>().map(Some)
    }

    /// A list of objects, each with its place.
    ///
    /// # Errors
    /// A member that is no list, an item that is no object.
    pub(crate) fn objects(&self, name: &str) -> Result<Option<Vec<Self>>, Refusal> {
        self.value(name).map(|value| Self::list(value, &self.at(name))).transpose()
    }

    /// A list of objects that stands at `path`.
    ///
    /// # Errors
    /// A value that is no list, an item that is no object.
    pub(crate) fn list(value: &'a Value, path: &str) -> Result<Vec<Self>, Refusal> {
        let items = value.as_array().ok_or_else(|| wrong(path, "a list"))?;
        let read = |(index, item): (usize, &'a Value)| {
            let path = format!("{path}[{index}]");
            let object = item.as_object().ok_or_else(|| wrong(&path, "an object"))?;
            Ok(Self { object: Some(object), path })
        };
        items.iter().enumerate().map(read).collect()
    }

    /// A list of whole numbers within bounds.
    ///
    /// # Errors
    /// A member that is no list, an item that is no such number.
    pub(crate) fn numbers(&self, name: &str, bounds: RangeInclusive<i8>) -> Result<Option<Vec<i8>>, Refusal> {
        let Some(value) = self.value(name) else { return Ok(None) };
        let wanted = format!("a list of integers from {} to {}", bounds.start(), bounds.end());
        let read = |item: &Value| item.as_i64().and_then(|number| i8::try_from(number).ok());
        let numbers: Option<Vec<i8>> = value.as_array().and_then(|items| items.iter().map(read).collect());
        match numbers.filter(|numbers| numbers.len() <= 64 && numbers.iter().all(|number| bounds.contains(number))) {
            Some(numbers) => Ok(Some(numbers)),
            None => Err(wrong(&self.at(name), &wanted)),
        }
    }

    /// A member that must be there and be a text.
    ///
    /// # Errors
    /// An absent or empty member, one that is no text.
    pub(crate) fn required(&self, name: &str) -> Result<&'a str, Refusal> {
        self.text(name)?.filter(|text| !text.trim().is_empty()).ok_or_else(|| self.missing(name))
    }

    /// The refusal of a body without a member that must be there.
    pub(crate) fn missing(&self, name: &str) -> Refusal {
        let path = self.at(name);
        Refusal::user_error(format!("The value of '{path}' must be specified.")).target(path)
    }

    /// The refusal of a member's value, with what would be right.
    pub(crate) fn refuse(&self, name: &str, wanted: &str) -> Refusal {
        wrong(&self.at(name), wanted)
    }

    /// The path of a member.
    pub(crate) fn at(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }
}

fn wrong(path: &str, wanted: &str) -> Refusal {
    Refusal::user_error(format!("The value of '{path}' is not valid: {wanted} is expected.")).target(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn wrong_types_are_refused_with_their_path() {
        let body = json!({"properties": {"properties": {"vmSize": 4, "scaleSettings": {"maxNodeCount": "4"}}}});
        let inner = Fields::of(&body).unwrap().object("properties").unwrap().object("properties").unwrap();
        assert!(inner.text("vmSize").unwrap_err().message.contains("'properties.properties.vmSize'"));
        let scale = inner.object("scaleSettings").unwrap();
        assert!(scale.integer("maxNodeCount").unwrap_err().message.contains("scaleSettings.maxNodeCount"));
        assert!(Fields::of(&json!([])).is_err());
    }

    #[test]
    fn words_are_read_in_any_letter_case_and_null_is_absent() {
        let body = json!({"a": "lowpriority", "b": null, "c": "x"});
        let fields = Fields::of(&body).unwrap();
        assert_eq!(fields.word("a", &["Dedicated", "LowPriority"]).unwrap(), Some("LowPriority"));
        assert_eq!(fields.word("b", &["x"]).unwrap(), None);
        assert!(fields.word("c", &["y", "z"]).unwrap_err().message.contains("Valid values: y, z"));
    }
}
