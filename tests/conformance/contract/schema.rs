//! Microsoft's OpenAPI 2.0 documents as JSON Schema 2020-12, so that a validator of others can judge by them.
//!
//! Must not soften: an object has the declared members and no more, a value is null only where the document says so.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;

use serde_json::{Map, Value, json};

/// A document with those that it refers to, by the short names that references are rewritten to.
pub(crate) struct Documents {
    files: BTreeMap<String, Value>,
}

/// The name of the document itself among [`Documents`].
pub(crate) const MAIN: &str = "main";

/// A schema and the document that it stands in.
#[derive(Clone, Copy)]
struct Placed<'a> {
    file: &'a str,
    schema: &'a Value,
}

/// The members of an object, those of all that it is composed of included.
#[derive(Default)]
struct Members<'a> {
    properties: BTreeMap<&'a str, Placed<'a>>,
    required: BTreeSet<&'a str>,
    /// The schema of further members: `None` if the documents say nothing about them.
    rest: Option<Placed<'a>>,
}

impl Documents {
    /// Reads `tests/data/azureml/openapi/NAME` and the common types.
    pub(crate) fn read(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/azureml/openapi");
        let load = |name: &str| -> Value {
            serde_json::from_str(&std::fs::read_to_string(folder.join(name)).unwrap()).unwrap()
        };
        let files = [(MAIN, name), ("types", "types-v3.json"), ("managedidentity", "managedidentity-v5.json")];
        Self { files: files.into_iter().map(|(short, name)| (short.to_owned(), load(name))).collect() }
    }

    /// The document itself.
    pub(crate) fn main(&self) -> &Value {
        &self.files[MAIN]
    }

    /// What a reference leads to: the document's short name, the last part of the pointer, and the value there.
    pub(crate) fn resolve<'a>(&'a self, file: &'a str, reference: &'a str) -> (&'a str, &'a str, &'a Value) {
        let (path, pointer) = reference.split_once('#').unwrap();
        let stem = path.rsplit('/').next().and_then(|name| name.strip_suffix(".json")).unwrap_or_default();
        let file = if stem.is_empty() { file } else { stem };
        // The only identity that is published with the documents at hand is that of version 5 of the common types.
        let found = self.files[file].pointer(pointer);
        let found = found.unwrap_or_else(|| panic!("{reference} of {file} leads nowhere"));
        (file, pointer.rsplit('/').next().unwrap_or_default(), found)
    }

    /// The schema for a value, whole in itself.
    pub(crate) fn schema(&self, file: &str, schema: &Value) -> Value {
        let mut made = Made { documents: self, definitions: Map::new(), wanted: VecDeque::new() };
        let mut root = made.convert(Placed { file, schema });
        while let Some((key, placed)) = made.wanted.pop_front() {
            if !made.definitions.contains_key(&key) {
                made.definitions.insert(key.clone(), Value::Null);
                let definition = made.definition(placed);
                made.definitions.insert(key, definition);
            }
        }
        root["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
        root["$defs"] = Value::Object(made.definitions);
        root
    }

    fn members<'a>(&'a self, placed: Placed<'a>, members: &mut Members<'a>) {
        let Placed { file, schema } = placed;
        if let Some(reference) = schema["$ref"].as_str() {
            let (file, _, schema) = self.resolve(file, reference);
            self.members(Placed { file, schema }, members);
        }
        for part in schema["allOf"].as_array().into_iter().flatten() {
            self.members(Placed { file, schema: part }, members);
        }
        for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
            members.properties.insert(name, Placed { file, schema });
        }
        members.required.extend(schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str));
        if schema.get("additionalProperties").is_some() {
            members.rest = Some(Placed { file, schema: &schema["additionalProperties"] });
        }
    }

    /// The kinds that a discriminator tells apart, by its values.
    fn kinds<'a>(&'a self, base: Placed<'a>) -> BTreeMap<&'a str, Placed<'a>> {
        let Placed { file, schema } = base;
        if let Some(listed) = schema["x-subtypes"].as_object() {
            return listed.iter().map(|(word, schema)| (word.as_str(), Placed { file, schema })).collect();
        }
        let definitions = self.files[file]["definitions"].as_object().unwrap();
        let extends = |each: &&Value| {
            let parts = each["allOf"].as_array().into_iter().flatten();
            let mut references = parts.filter_map(|part| part["$ref"].as_str());
            references.any(|reference| std::ptr::eq(self.resolve(file, reference).2, schema))
        };
        let named = definitions.iter().filter(|(_, each)| extends(each));
        named
            .map(|(name, schema)| {
                (schema["x-ms-discriminator-value"].as_str().unwrap_or(name), Placed { file, schema })
            })
            .collect()
    }
}

struct Made<'a> {
    documents: &'a Documents,
    definitions: Map<String, Value>,
    /// Definitions that were referred to.
    wanted: VecDeque<(String, Placed<'a>)>,
}

impl<'a> Made<'a> {
    fn convert(&mut self, placed: Placed<'a>) -> Value {
        let Placed { file, schema } = placed;
        let nullable = schema["x-nullable"] == json!(true);
        if let Some(reference) = schema["$ref"].as_str() {
            let (file, name, target) = self.documents.resolve(file, reference);
            let key = format!("{file}.{name}");
            self.wanted.push_back((key.clone(), Placed { file, schema: target }));
            return or_null(json!({"$ref": format!("#/$defs/{key}")}), nullable || target["x-nullable"] == json!(true));
        }
        or_null(self.definition(placed), nullable)
    }

    fn definition(&mut self, placed: Placed<'a>) -> Value {
        let Placed { file, schema } = placed;
        if let Some(name) = schema["discriminator"].as_str() {
            return self.kinds(placed, name);
        }
        // Some words are declared with `additionalProperties`, which says nothing of a text.
        let holds_members = schema["type"].as_str().is_none_or(|kind| kind == "object");
        let has_members = holds_members
            && ["properties", "allOf", "additionalProperties"].iter().any(|key| schema.get(key).is_some());
        if has_members {
            let mut members = Members::default();
            self.documents.members(placed, &mut members);
            return self.object(&members);
        }
        let mut made = Map::new();
        for key in [
            "type",
            "enum",
            "format",
            "pattern",
            "minLength",
            "maxLength",
            "minimum",
            "maximum",
            "maxItems",
            "uniqueItems",
        ] {
            if let Some(value) = schema.get(key) {
                made.insert(key.to_owned(), value.clone());
            }
        }
        // Numbers have formats of their own (int32), which say nothing to a JSON Schema.
        if schema["type"] != json!("string") {
            made.remove("format");
        }
        if schema.get("items").is_some() {
            made.insert("items".into(), self.convert(Placed { file, schema: &schema["items"] }));
        }
        Value::Object(made)
    }

    fn object(&mut self, members: &Members<'a>) -> Value {
        let mut properties = Map::new();
        for (name, placed) in &members.properties {
            properties.insert((*name).to_owned(), self.convert(*placed));
        }
        let rest = match members.rest {
            None if members.properties.is_empty() => json!(true),
            None => json!(false),
            Some(Placed { schema: Value::Bool(any), .. }) => json!(any),
            Some(placed) => self.convert(placed),
        };
        let required: Vec<&str> = members.required.iter().copied().collect();
        json!({"type": "object", "properties": properties, "required": required, "additionalProperties": rest})
    }

    fn kinds(&mut self, base: Placed<'a>, discriminator: &str) -> Value {
        let mut cases = Vec::new();
        let kinds = self.documents.kinds(base);
        for (word, kind) in &kinds {
            let mut members = Members::default();
            self.documents.members(base, &mut members);
            self.documents.members(*kind, &mut members);
            let mut object = self.object(&members);
            object["properties"][discriminator] = json!({"const": word});
            cases.push(json!({
                "if": {"properties": {discriminator: {"const": word}}, "required": [discriminator]},
                "then": object
            }));
        }
        let words: Vec<&str> = kinds.keys().copied().collect();
        json!({"type": "object", "required": [discriminator], "properties": {discriminator: {"enum": words}}, "allOf": cases})
    }
}

fn or_null(mut schema: Value, nullable: bool) -> Value {
    // `if` rather than `anyOf`: what is wrong with the other case is then told where it is.
    if nullable { json!({"if": {"type": "null"}, "then": true, "else": schema.take()}) } else { schema }
}
