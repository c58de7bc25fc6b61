//! The chart and the manifests: they render, they say what the code says, and a real API server takes them.
//!
//! Must not render by itself: helm and kubectl do, as they do for users.

// A test that cannot go on fails: clippy's leave for tests does not reach the functions beside them.
#![allow(clippy::unwrap_used, clippy::panic)]

mod cluster;
mod conform;
mod rendered;
mod tools;
mod values;

use serde_json::Value;
use std::path::PathBuf;

/// The chart's folder.
fn chart() -> String {
    top().join("charts/azureml-compute-operator").display().to_string()
}

fn top() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The documents of a YAML stream.
fn documents(yaml: &str) -> Vec<Value> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(yaml).unwrap();
    documents.into_iter().filter(|document| !document.is_null()).collect()
}

/// The objects of a kind.
fn of_kind<'a>(objects: &'a [Value], kind: &str) -> Vec<&'a Value> {
    objects.iter().filter(|object| object["kind"] == kind).collect()
}

/// Values that use every part of the chart.
const EVERYTHING: &str = r#"{
    "image": {"digest": "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"},
    "imagePullSecrets": [{"name": "pull"}],
    "serviceAccount": {"annotations": {"a": "b"}},
    "secretAccess": [{"namespace": "team-a", "secretNames": ["azure", "gpu-ssh"]}, {"namespace": "team-b", "secretNames": ["x"]}],
    "configMapAccess": [{"namespace": "team-b", "configMapNames": ["scripts", "more"]}],
    "watchNamespaces": ["team-a", "team-b"],
    "azure": {"cloud": "custom", "resourceManager": "https://127.0.0.1:1", "authority": "https://127.0.0.1:2", "caFile": "/certificates/ca.pem"},
    "log": {"format": "text", "level": "info,azureml=debug"},
    "port": 9090,
    "concurrency": 4,
    "intervals": {"requeue": "PT5M", "transition": "2s", "referenceGrace": "1s"},
    "extraArgs": ["--retry-fast=1s"],
    "env": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}],
    "extraVolumes": [{"name": "certificates", "configMap": {"name": "certificates"}}],
    "extraVolumeMounts": [{"name": "certificates", "mountPath": "/certificates", "readOnly": true}],
    "podAnnotations": {"c": "d"}, "podLabels": {"e": "f"}, "priorityClassName": "system-cluster-critical",
    "nodeSelector": {"kubernetes.io/os": "linux"}, "tolerations": [{"operator": "Exists"}],
    "affinity": {"nodeAffinity": {}}
}"#;
