//! What the values may be.
//!
//! Must not look at what is rendered from them: see `rendered`.

use crate::tools::{run, template};

#[test]
fn chart_passes_the_strict_lint() {
    for values in ["{}", crate::EVERYTHING] {
        let output = run("helm", &["lint", "--strict", &crate::chart(), "--values", "-"], values, None);
        assert!(output.success, "{}{}", output.stdout, output.stderr);
        assert!(!output.stdout.contains("[WARNING]"), "{}", output.stdout);
    }
}

#[test]
fn values_that_are_unknown_or_wrong_are_refused_by_name() {
    let refused = [
        (r#"{"replicas": 2}"#, "replicas"),
        (r#"{"crds": {"instal": true}}"#, "instal"),
        (r#"{"crds": {"install": "yes"}}"#, "install"),
        (r#"{"image": {"repositry": "x"}}"#, "repositry"),
        (r#"{"image": {"digest": "latest"}}"#, "digest"),
        (r#"{"serviceAccount": {"name": "A_b"}}"#, "name"),
        (r#"{"rbac": {"enabled": true}}"#, "enabled"),
        (r#"{"azure": {"cloud": "Public"}}"#, "cloud"),
        (r#"{"azure": {"cloud": "custom"}}"#, "resourceManager"),
        (r#"{"azure": {"resourceManager": "https://arm.example"}}"#, "resourceManager"),
        (
            r#"{"azure": {"cloud": "custom", "resourceManager": "http://x", "authority": "https://x"}}"#,
            "resourceManager",
        ),
        (r#"{"log": {"level": "loud"}}"#, "level"),
        (r#"{"port": 80}"#, "port"),
        (r#"{"concurrency": 0}"#, "concurrency"),
        (r#"{"intervals": {"requeue": "soon"}}"#, "requeue"),
        (r#"{"intervals": {"reque": "10m"}}"#, "reque"),
        (r#"{"secretAccess": [{"namespace": "team-a", "secretNames": []}]}"#, "secretNames"),
        (r#"{"secretAccess": [{"namespace": "team-a", "secretNames": ["*"]}]}"#, "secretNames"),
        (r#"{"secretAccess": [{"namespace": "team-a", "secrets": ["a"]}]}"#, "secrets"),
        (r#"{"configMapAccess": [{"namespace": "team-a", "configMapNames": []}]}"#, "configMapNames"),
        (r#"{"configMapAccess": [{"namespace": "team-a", "configMapNames": ["*"]}]}"#, "configMapNames"),
        (r#"{"watchNamespaces": ["a", "a"]}"#, "watchNamespaces"),
        (r#"{"env": [{"nam": "A"}]}"#, "env"),
    ];
    let mut wrong = Vec::new();
    for (values, name) in refused {
        let output = template(values);
        if output.success || !output.stderr.contains(name) {
            wrong.push(format!("{values}: {}", if output.success { "accepted" } else { &output.stderr }));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_default_value_is_accepted_when_it_is_written_out() {
    let defaults = std::fs::read_to_string(crate::top().join("charts/azureml-compute-operator/values.yaml")).unwrap();
    assert!(template(&defaults).success);
    assert!(template(crate::EVERYTHING).success, "{}", template(crate::EVERYTHING).stderr);
}

#[test]
fn every_value_is_known_to_the_schema_and_every_property_has_a_default() {
    let folder = crate::top().join("charts/azureml-compute-operator");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let defaults: serde_json::Value = serde_saphyr::from_str(&read("values.yaml")).unwrap();
    let schema: serde_json::Value = serde_json::from_str(&read("values.schema.json")).unwrap();
    let mut missing = Vec::new();
    compare("", &defaults, &schema, &mut missing);
    // `global` is Helm's own; the parts of `resources` are Kubernetes'.
    missing.retain(|path| !path.starts_with(".global") && !path.starts_with(".resources."));
    assert!(missing.is_empty(), "{missing:?}");
}

fn compare(path: &str, defaults: &serde_json::Value, schema: &serde_json::Value, missing: &mut Vec<String>) {
    let Some(properties) = schema["properties"].as_object() else { return };
    if !path.is_empty() || schema["title"].is_string() {
        assert_eq!(schema["additionalProperties"], false, "{path} lets typos through");
    }
    for (name, property) in properties {
        let path = format!("{path}.{name}");
        match defaults.get(name) {
            None => missing.push(path),
            Some(value) => compare(&path, value, property, missing),
        }
    }
}
