//! The conventions every definition keeps, checked at every node of every schema.
//!
//! Must not list fields: a field that is added tomorrow is checked the same.
// A test that cannot go on fails: clippy's leave for tests does not reach the functions beside them.
#![allow(clippy::unwrap_used)]

use serde_json::Value;

struct Definition {
    kind: String,
    version: Value,
    schema: Value,
}

fn definitions() -> Vec<Definition> {
    amlco_api::all_crds()
        .into_iter()
        .map(|crd| {
            let kind = crd.spec.names.kind.clone();
            let version = serde_json::to_value(crd).unwrap()["spec"]["versions"][0].clone();
            Definition { kind, schema: version["schema"]["openAPIV3Schema"].clone(), version }
        })
        .collect()
}

/// Calls the visitor for every schema in the schema, with its path and whether it is a property of an object.
fn walk(path: &str, schema: &Value, property: bool, visit: &mut dyn FnMut(&str, &Value, bool)) {
    visit(path, schema, property);
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        walk(&format!("{path}.{name}"), field, true, visit);
    }
    if schema["items"].is_object() {
        walk(&format!("{path}[]"), &schema["items"], false, visit);
    }
    if schema["additionalProperties"].is_object() {
        walk(&format!("{path}{{}}"), &schema["additionalProperties"], false, visit);
    }
}

fn every_node(mut check: impl FnMut(&Value, bool) -> Option<String>) {
    let (mut wrong, mut nodes) = (Vec::new(), 0);
    for Definition { kind, schema, .. } in definitions() {
        walk(&kind, &schema, true, &mut |path, node, property| {
            nodes += 1;
            wrong.extend(check(node, property).map(|what| format!("{path}: {what}")));
        });
    }
    assert!(nodes > 100, "the walk must find the fields, found {nodes}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn missing(node: &Value, names: &[&str]) -> Option<String> {
    names.iter().find(|name| node.get(**name).is_none()).map(|name| format!("{name} is missing"))
}

#[test]
fn every_value_is_bounded() {
    every_node(|node, _| match node["type"].as_str()? {
        "string" if node.get("enum").is_some() => None,
        "string" => missing(node, &["maxLength"]),
        "integer" => missing(node, &["minimum", "maximum", "format"]),
        "array" => missing(node, &["items", "maxItems", "x-kubernetes-list-type"]),
        "object" if node.get("additionalProperties").is_some() => missing(node, &["maxProperties"]),
        "object" => missing(node, &["properties"]),
        "boolean" => None,
        other => Some(format!("type {other} is not used: its values cannot be bounded or compared")),
    });
}

#[test]
fn every_schema_is_structural_and_of_known_formats() {
    every_node(|node, _| {
        if node.get("type").is_none() {
            return Some("has no type".into());
        }
        if node.get("nullable").is_some() {
            return Some("is nullable: an explicit null would be stored".into());
        }
        let banned = ["anyOf", "oneOf", "allOf", "not", "$ref", "x-kubernetes-preserve-unknown-fields"];
        if let Some(word) = banned.iter().find(|word| node.get(**word).is_some()) {
            return Some(format!("uses {word}"));
        }
        let format = node["format"].as_str()?;
        (!["int32", "int64", "date-time"].contains(&format)).then(|| format!("format {format}"))
    });
}

#[test]
fn every_field_is_described_and_every_enum_value_in_it() {
    every_node(|node, property| {
        if !property {
            return None;
        }
        let Some(text) = node["description"].as_str() else { return Some("has no description".into()) };
        if text.chars().count() > 300 || text.contains('\n') {
            return Some(format!("description is too long or has line ends: {text}"));
        }
        let mut values = node["enum"].as_array().into_iter().flatten().filter_map(Value::as_str);
        values.find(|value| !text.contains(value)).map(|value| format!("{value} is not described in: {text}"))
    });
}

#[test]
fn every_rule_is_one_line_with_a_message_that_names_a_field() {
    every_node(|node, _| {
        node["x-kubernetes-validations"].as_array().into_iter().flatten().find_map(|rule| {
            let (text, message) = (rule["rule"].as_str()?, rule["message"].as_str().unwrap_or_default());
            let lower = message.chars().next().is_some_and(|first| first.is_lowercase() || first == '`');
            let right = message.contains('`') && lower && !message.ends_with('.') && !text.contains('\n');
            (!right || text.contains("  ") || message.contains("  ")).then(|| format!("{text}: {message}"))
        })
    });
}

#[test]
fn status_says_that_it_was_never_reported_until_it_is() {
    for Definition { kind, schema, version } in definitions() {
        let status = &schema["properties"]["status"];
        assert_eq!(status["default"], serde_json::json!({"observedGeneration": -1}), "{kind}");
        assert_eq!(status["properties"]["observedGeneration"]["default"], -1, "{kind}");
        assert!(version["subresources"]["status"].is_object(), "{kind} has the status subresource");
        let conditions = &status["properties"]["conditions"];
        assert_eq!(conditions["x-kubernetes-list-type"], "map", "{kind}");
        assert_eq!(conditions["x-kubernetes-list-map-keys"], serde_json::json!(["type"]), "{kind}");
    }
}

#[test]
fn only_policies_and_switches_of_ours_have_defaults() {
    // What Azure defaults is neither sent nor compared: a default of ours would change clusters that are adopted.
    let expected = [
        "AttachedCompute.spec.adoptionPolicy",
        "AttachedCompute.spec.deletionPolicy",
        "AttachedCompute.spec.driftPolicy",
        "AttachedCompute.spec.managementPolicy",
        "AttachedCompute.spec.replacePolicy",
        "AttachedCompute.status",
        "AttachedCompute.status.azure.owned",
        "AttachedCompute.status.observedGeneration",
        "AzureIdentity.status",
        "AzureIdentity.status.observedGeneration",
        "ComputeCluster.spec.adoptionPolicy",
        "ComputeCluster.spec.deletionPolicy",
        "ComputeCluster.spec.driftPolicy",
        "ComputeCluster.spec.managementPolicy",
        "ComputeCluster.spec.replacePolicy",
        "ComputeCluster.spec.ssh.enabled",
        "ComputeCluster.status",
        "ComputeCluster.status.azure.owned",
        "ComputeCluster.status.observedGeneration",
        "ComputeInstance.spec.adoptionPolicy",
        "ComputeInstance.spec.customServices[].volumes[].readOnly",
        "ComputeInstance.spec.deletionPolicy",
        "ComputeInstance.spec.driftPolicy",
        "ComputeInstance.spec.managementPolicy",
        "ComputeInstance.spec.powerPolicy",
        "ComputeInstance.spec.replacePolicy",
        "ComputeInstance.spec.schedules[].enabled",
        "ComputeInstance.spec.ssh.enabled",
        "ComputeInstance.status",
        "ComputeInstance.status.azure.owned",
        "ComputeInstance.status.observedGeneration",
        "Workspace.spec.observeInterval",
        "Workspace.status",
        "Workspace.status.observedGeneration",
    ];
    let mut found = Vec::new();
    for Definition { kind, schema, .. } in definitions() {
        walk(&kind, &schema, true, &mut |path, node, _| {
            if node.get("default").is_some() {
                found.push(path.to_owned());
            }
        });
    }
    found.sort();
    assert_eq!(found, expected);
}

#[test]
fn no_field_holds_a_secret_or_names_another_namespace() {
    for Definition { kind, schema, .. } in definitions() {
        walk(&kind, &schema["properties"]["spec"], true, &mut |path, node, _| {
            let last = path.rsplit('.').next().unwrap_or_default();
            // A namespace of the cluster that is attached, where nothing of ours is.
            let theirs = path == "AttachedCompute.kubernetes.namespace";
            assert!(last != "namespace" || theirs, "{path} could leave its namespace");
            let secrets = ["password", "clientSecret", "certificate", "privateKey", "passphrase", "accessToken"];
            let secret = secrets.contains(&last);
            assert!(!secret || node["properties"]["secretRef"].is_object(), "{path} must be a reference");
        });
    }
}

#[test]
fn yaml_is_what_the_definition_says() {
    for crd in amlco_api::all_crds() {
        let text = amlco_api::to_yaml(&crd).unwrap();
        assert!(text.starts_with("# Generated"), "{text}");
        assert!(!text.contains(".0\n"), "whole numbers are written as such");
        let back: k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition =
            serde_saphyr::from_str(&text).unwrap();
        assert_eq!(back, crd);
    }
}
