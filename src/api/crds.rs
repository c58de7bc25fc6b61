//! The definitions of all kinds, as they are put into a cluster.
//!
//! Must not be edited after generation: what is wrong in a definition is mended in the types.

use crate::limits;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSON, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube::CustomResourceExt;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

/// First lines of every generated file, behind its comment sign.
pub const GENERATED: &str = "Generated from code by `make generate`. Do not edit.";

/// Why a definition could not be written.
#[derive(Debug, thiserror::Error)]
pub enum YamlError {
    /// It is no JSON.
    #[error("the definition has no JSON form")]
    Json(#[from] serde_json::Error),
    /// It is no YAML.
    #[error("the definition has no YAML form")]
    Yaml(#[from] serde_saphyr::ser::Error),
}

/// Every definition, by plural name.
pub fn all_crds() -> Vec<CustomResourceDefinition> {
    [
        crate::AttachedCompute::crd(),
        crate::AzureIdentity::crd(),
        crate::ComputeCluster::crd(),
        crate::ComputeInstance::crd(),
        crate::Workspace::crd(),
    ]
    .map(finish)
    .into()
}

/// A definition as YAML, the way it is committed.
///
/// # Errors
/// When it cannot be written as YAML, which a test rules out.
pub fn to_yaml(crd: &CustomResourceDefinition) -> Result<String, YamlError> {
    let mut value = serde_json::to_value(crd)?;
    whole_numbers(&mut value);
    // Folded scalars change how a rule reads, and wrap it in other places whenever a word changes.
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    let mut text = format!("# {GENERATED}\n");
    serde_saphyr::to_fmt_writer_with_options(&mut text, &value, options)?;
    Ok(text)
}

/// Tags: bounded, which no attribute can say of a map.
pub(crate) fn tags_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": limits::TAGS,
        "additionalProperties": {"type": "string", "maxLength": limits::TAG_VALUE},
    })
}

/// Environment variables: bounded, which no attribute can say of a map.
pub(crate) fn environment_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": limits::VARIABLES,
        "additionalProperties": {"type": "string", "maxLength": limits::VARIABLE},
    })
}

/// Labels: bounded, which no attribute can say of a map.
pub(crate) fn labels_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": limits::LABELS,
        "additionalProperties": {"type": "string", "maxLength": limits::LABEL},
    })
}

/// Amounts of resources: bounded, which no attribute can say of a map.
pub(crate) fn quantities_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": limits::LABELS,
        "additionalProperties": {"type": "string", "maxLength": limits::DURATION},
    })
}

/// A word that a rule judges, where an enum could not say enough.
pub(crate) fn word_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "maxLength": limits::AZURE_WORD})
}

/// Client ids by ARM id: bounded, which no attribute can say of a map.
pub(crate) fn client_ids_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": limits::USER_ASSIGNED,
        "additionalProperties": {"type": "string", "maxLength": limits::WORD},
    })
}

/// What the derive writes and Kubernetes' conventions do not want, or want and the derive cannot write.
fn finish(mut crd: CustomResourceDefinition) -> CustomResourceDefinition {
    for version in &mut crd.spec.versions {
        let Some(schema) = version.schema.as_mut().and_then(|schema| schema.open_api_v3_schema.as_mut()) else {
            continue;
        };
        finish_schema(schema);
        if let Some(status) = schema.properties.as_mut().and_then(|properties| properties.get_mut("status")) {
            // On the property alone the default never shows, because an object is created without status: kstatus
            // would read it as done (controllers.md 2.1).
            status.default = Some(JSON(json!({"observedGeneration": crate::status::never_observed()})));
            status.description = Some("What is known of it. Written by the operator.".into());
        }
        if let Some(spec) = schema.properties.as_mut().and_then(|properties| properties.get_mut("spec")) {
            spec.description = Some("What is declared.".into());
        }
    }
    crd
}

fn finish_schema(schema: &mut JSONSchemaProps) {
    // An explicit null would be stored and would break merge patches and server-side apply: absent is absent.
    schema.nullable = None;
    // The kind's name once more.
    schema.title = None;
    if schema.format.as_deref() == Some("date-time") {
        schema.max_length = Some(limits::TIME as i64);
    }
    // Doc comments are wrapped for the source; a description is one line for `kubectl explain` to wrap.
    if let Some(description) = &mut schema.description {
        *description = description.split_whitespace().collect::<Vec<_>>().join(" ");
    }
    for property in schema.properties.iter_mut().flat_map(|properties| properties.values_mut()) {
        finish_schema(property);
    }
    match &mut schema.items {
        Some(JSONSchemaPropsOrArray::Schema(items)) => finish_schema(items),
        Some(JSONSchemaPropsOrArray::Schemas(all)) => all.iter_mut().for_each(finish_schema),
        None => {}
    }
    match &mut schema.additional_properties {
        Some(JSONSchemaPropsOrBool::Schema(values)) => finish_schema(values),
        Some(JSONSchemaPropsOrBool::Bool(_)) | None => {}
    }
}

/// Bounds are floating-point numbers in the type: `65000.0` is written `65000`.
fn whole_numbers(value: &mut Value) {
    match value {
        Value::Number(number) => {
            if let Some(float) = number.as_f64().filter(|float| number.is_f64() && float.fract() == 0.0) {
                // Exact: every bound is below 2^53, and a fraction was ruled out.
                *value = Value::from(float as i64);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(whole_numbers),
        Value::Object(fields) => fields.values_mut().for_each(whole_numbers),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}
