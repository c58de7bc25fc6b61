//! The reference: one page per kind, every field with its type, limits, default and words.
//!
//! Must not say anything the definition does not say.

use crate::Artefact;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::Value;
use std::fmt::Write;

/// `docs/reference/`.
pub(crate) fn pages() -> Vec<Artefact> {
    let crds = api::all_crds();
    let mut pages: Vec<Artefact> = crds.iter().map(page).collect();
    let mut index =
        format!("<!-- {} -->\n\n# Objects\n\n| kind | short | what it is |\n|---|---|---|\n", api::GENERATED);
    for crd in &crds {
        let names = &crd.spec.names;
        let short = names.short_names.iter().flatten().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let schema = schema(crd);
        let text = schema["description"].as_str().unwrap();
        writeln!(index, "| [{}]({}.md) | {short} | {text} |", names.kind, names.singular.as_deref().unwrap()).unwrap();
    }
    let group = format!("\nGroup `{}`, version `{}`, category `azureml`.\n", api::GROUP, api::VERSION);
    pages.push(Artefact::new("docs/reference/README.md", index + &group));
    pages
}

fn schema(crd: &CustomResourceDefinition) -> Value {
    let version = &crd.spec.versions[0];
    serde_json::to_value(version.schema.as_ref().unwrap().open_api_v3_schema.as_ref().unwrap()).unwrap()
}

fn page(crd: &CustomResourceDefinition) -> Artefact {
    let schema = schema(crd);
    let mut text = format!("<!-- {} -->\n\n# {}\n\n", api::GENERATED, crd.spec.names.kind);
    writeln!(text, "{}", schema["description"].as_str().unwrap()).unwrap();
    for part in ["spec", "status"] {
        let fields = &schema["properties"][part];
        writeln!(text, "\n## {part}\n\n| field | type | limits | what it is |\n|---|---|---|---|").unwrap();
        rows(&mut text, part, fields);
    }
    let mut rules = Vec::new();
    collect_rules("", &schema, &mut rules);
    if !rules.is_empty() {
        writeln!(text, "\n## What is refused\n\n| at | message |\n|---|---|").unwrap();
        for (at, message) in rules {
            writeln!(text, "| `{at}` | {} |", cell(&message)).unwrap();
        }
    }
    columns(&mut text, crd);
    Artefact::new(format!("docs/reference/{}.md", crd.spec.names.singular.as_deref().unwrap()), text)
}

/// Rows of the fields of an object, depth first; a required field is marked.
fn rows(text: &mut String, path: &str, schema: &Value) {
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        let mark = if required.contains(&name.as_str()) { " **required**" } else { "" };
        let words = cell(field["description"].as_str().unwrap_or_default());
        let (kind, limits) = (kind(field), limits(field).join("; "));
        writeln!(text, "| `{path}`{mark} | {kind} | {limits} | {words} |").unwrap();
        rows(text, &path, field);
        rows(text, &format!("{path}[]"), &field["items"]);
    }
}

fn kind(field: &Value) -> String {
    match (field["type"].as_str().unwrap_or_default(), field["format"].as_str()) {
        ("array", _) => format!("list of {}", kind(&field["items"])),
        ("object", _) if field["additionalProperties"].is_object() => {
            format!("map of {}", kind(&field["additionalProperties"]))
        }
        ("string", Some("date-time")) => "time".into(),
        (name, _) => name.into(),
    }
}

fn limits(field: &Value) -> Vec<String> {
    let mut limits = Vec::new();
    if let Some(values) = field["enum"].as_array() {
        let values: Vec<String> = values.iter().map(|value| format!("`{}`", value.as_str().unwrap())).collect();
        limits.push(values.join(" "));
    }
    if let Some(default) = field.get("default") {
        let default = default.as_str().map_or_else(|| default.to_string(), str::to_owned);
        limits.push(format!("default `{default}`"));
    }
    let number = |name: &str| field.get(name).and_then(Value::as_f64);
    match (number("minimum"), number("maximum")) {
        // Generations have the widest range a JSON number keeps: that tells nobody anything.
        (Some(min), Some(max)) if max < api::limits::GENERATION as f64 => limits.push(format!("{min} to {max}")),
        (_, _) => {}
    }
    for (name, unit) in [("maxLength", "characters"), ("maxItems", "entries"), ("maxProperties", "entries")] {
        if let Some(max) = number(name).filter(|_| field["format"] != "date-time") {
            limits.push(format!("at most {max} {unit}"));
        }
    }
    limits
}

fn collect_rules(path: &str, schema: &Value, rules: &mut Vec<(String, String)>) {
    for rule in schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
        let at = format!("{path}{}", rule["fieldPath"].as_str().unwrap_or_default());
        rules.push((at.trim_start_matches('.').to_owned(), rule["message"].as_str().unwrap().to_owned()));
    }
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        collect_rules(&format!("{path}.{name}"), field, rules);
    }
    if schema["items"].is_object() {
        collect_rules(&format!("{path}[]"), &schema["items"], rules);
    }
}

fn columns(text: &mut String, crd: &CustomResourceDefinition) {
    let names = crd.spec.names.short_names.iter().flatten().next().unwrap();
    writeln!(text, "\n## Columns of `kubectl get {names}`\n\n| column | shows | |\n|---|---|---|").unwrap();
    for column in crd.spec.versions[0].additional_printer_columns.iter().flatten() {
        let wide = if column.priority.is_some_and(|priority| priority > 0) { "with `-o wide`" } else { "" };
        writeln!(text, "| {} | `{}` | {wide} |", column.name, column.json_path).unwrap();
    }
}

/// A text that may stand in a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;").replace('>', "&gt;")
}
