//! kubeconform, with the schemas that the real API server publishes: nothing is downloaded.
//!
//! Must not weaken a schema: fields beyond it are errors.

use crate::tools::{kustomized, rendered, run};
use crate::{EVERYTHING, cluster};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::path::Path;

/// Writes one JSON schema per kind, as kubeconform looks for them.
fn write_schemas(folder: &Path, openapi: &Value) -> usize {
    let definitions = openapi["definitions"].as_object().unwrap();
    let mut written = 0;
    for (name, definition) in definitions {
        for gvk in definition["x-kubernetes-group-version-kind"].as_array().into_iter().flatten() {
            let part = |name: &str| gvk[name].as_str().unwrap().to_lowercase();
            let mut needed = BTreeSet::new();
            collect_references(definitions, name, &mut needed);
            let used: Map<String, Value> =
                needed.iter().map(|name| (name.clone(), strict(definitions[name].clone()))).collect();
            let schema = json!({"$ref": format!("#/definitions/{name}"), "definitions": used});
            // kubeconform takes what stands before the slash of apiVersion for the group, with or without a slash.
            let group = if part("group").is_empty() { part("version") } else { part("group") };
            let file = folder.join(format!("{group}-{}-{}.json", part("version"), part("kind")));
            std::fs::write(file, schema.to_string()).unwrap();
            written += 1;
        }
    }
    written
}

fn collect_references(definitions: &Map<String, Value>, name: &str, found: &mut BTreeSet<String>) {
    if !found.insert(name.to_owned()) {
        return;
    }
    let text = definitions[name].to_string();
    for part in text.split("\"#/definitions/").skip(1) {
        collect_references(definitions, part.split('"').next().unwrap(), found);
    }
}

/// Unknown fields are errors; a number-or-text is either; what Kubernetes omits may be null in the schema's eyes.
fn strict(mut schema: Value) -> Value {
    let Some(fields) = schema.as_object_mut() else { return schema };
    if fields.get("format").is_some_and(|format| format == "int-or-string") {
        return json!({"type": ["string", "integer"]});
    }
    // Our own rules are the API server's to check.
    fields.retain(|name, _| !name.starts_with("x-kubernetes"));
    let closed = fields.contains_key("properties") && !fields.contains_key("additionalProperties");
    if closed {
        fields.insert("additionalProperties".into(), json!(false));
    }
    for name in ["properties", "additionalProperties", "items"] {
        match fields.get_mut(name) {
            Some(Value::Object(inner)) if name == "properties" => {
                inner.values_mut().for_each(|value| *value = strict(value.take()));
            }
            Some(inner @ Value::Object(_)) => *inner = strict(inner.take()),
            _ => {}
        }
    }
    schema
}

/// The server's schemas, once its own objects are among them.
async fn openapi() -> Value {
    let plane = cluster::installed().await;
    let published = async || {
        let output = plane.kubectl(&["get", "--raw", "/openapi/v2"]).await.map_err(|error| error.to_string())?;
        let all =
            api::all_crds().iter().all(|crd| output.stdout.contains(&format!("\"kind\":\"{}\"", crd.spec.names.kind)));
        if all { Ok(output.stdout) } else { Err("our kinds are not published yet".to_owned()) }
    };
    let text = support::wait::until("the API server to publish our kinds", cluster::DEADLINE, published).await.unwrap();
    serde_json::from_str(&text).unwrap()
}

#[tokio::test]
async fn chart_manifests_and_samples_conform_to_what_the_server_publishes() {
    let folder = tempfile::tempdir().unwrap();
    let schemas = write_schemas(folder.path(), &openapi().await);
    assert!(schemas > 100, "only {schemas} kinds are published");
    let location =
        format!("{}/{{{{.Group}}}}-{{{{.ResourceAPIVersion}}}}-{{{{.ResourceKind}}}}.json", folder.path().display());
    let conform =
        |yaml: &str| run("kubeconform", &["-strict", "-summary", "-schema-location", &location, "-"], yaml, None);
    let texts = [
        ("the chart with its defaults", rendered("{}")),
        ("the chart with every value", rendered(EVERYTHING)),
        ("config/default", kustomized("default")),
        ("config/samples", kustomized("samples")),
    ];
    for (what, text) in &texts {
        let output = conform(text);
        assert!(output.success, "{what}: {}{}", output.stdout, output.stderr);
        let all = format!("Valid: {}, Invalid: 0, Errors: 0, Skipped: 0", crate::documents(text).len());
        assert!(output.stdout.contains(&all), "{what}: {}", output.stdout);
    }
    for (right, wrong) in
        [("vmPriority: LowPriority", "vmPrioriti: LowPriority"), ("vmPriority: LowPriority", "vmPriority: Spot")]
    {
        let output = conform(&texts[3].1.replace(right, wrong));
        assert!(!output.success, "{wrong} conforms: the check cannot fail: {}", output.stdout);
    }
    let output = conform(&texts[2].1.replace("readOnlyRootFilesystem", "readOnlyRootFileSystem"));
    assert!(!output.success, "a misspelt field of Kubernetes conforms: {}", output.stdout);
}
