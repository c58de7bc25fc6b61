//! A Kubernetes cluster with Azure ML's extension, of AKS or connected by Arc (azureml-api.md b.5).
//!
//! Must not change one in place: Azure answers a second PUT with a success and changes nothing (azureml-api.md f.1).

use super::{DESCRIPTION, PLAIN, RESOURCE, Spec, Type, own, put, rule, text};
use crate::rules::Change::Recreate;
use crate::rules::{Compare, Comparison, Missing};
use api::{InstanceType, InstanceTypeResources, KubernetesReport};
use arm::{DEFAULT_NAMESPACE, ResourceMark};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

pub(super) const TYPE: Type = Type {
    wire: "Kubernetes",
    rules: &[
        DESCRIPTION,
        own("spec.kubernetes.resourceId", RESOURCE, Compare::ArmId),
        rule(
            "spec.kubernetes.namespace",
            "/properties/properties/namespace",
            Compare::Exact,
            Missing::Text(DEFAULT_NAMESPACE),
            Recreate,
        ),
        own("spec.kubernetes.defaultInstanceType", "/properties/properties/defaultInstanceType", Compare::Exact),
        own("spec.kubernetes.instanceTypes", "/properties/properties/instanceTypes", INSTANCE_TYPES),
    ],
    repeats_location: true,
    marks: |spec| {
        let Some(cluster) = &spec.kubernetes else { return Vec::new() };
        let namespace = cluster.namespace.as_deref().unwrap_or(DEFAULT_NAMESPACE);
        vec![ResourceMark::Namespace { cluster: cluster.resource_id.clone(), namespace: namespace.to_owned() }]
    },
    body: |spec, _, _| body(spec),
    report: |seen, status| {
        let types = seen.body.pointer("/properties/properties/instanceTypes").and_then(Value::as_object);
        status.kubernetes = Some(KubernetesReport {
            namespace: text(seen, "/namespace"),
            default_instance_type: text(seen, "/defaultInstanceType"),
            instance_types: types.into_iter().flatten().map(|(name, _)| name.clone()).collect(),
            extension_principal_id: text(seen, "/extensionPrincipalId"),
            extension_release_train: text(seen, "/extensionInstanceReleaseTrain"),
        });
    },
    ..PLAIN
};

fn body(spec: &Spec) -> Map<String, Value> {
    let mut own = Map::new();
    let Some(cluster) = &spec.kubernetes else { return own };
    put(&mut own, "namespace", cluster.namespace.clone());
    put(&mut own, "defaultInstanceType", cluster.default_instance_type.clone());
    if !cluster.instance_types.is_empty() {
        let types: Map<String, Value> =
            cluster.instance_types.iter().map(|kind| (kind.name.clone(), instance_type(kind))).collect();
        own.insert("instanceTypes".into(), types.into());
    }
    own
}

fn instance_type(kind: &InstanceType) -> Value {
    let mut body = Map::new();
    let filled = |map: &BTreeMap<String, String>| (!map.is_empty()).then(|| json!(map));
    put(&mut body, "nodeSelector", filled(&kind.node_selector));
    if let Some(InstanceTypeResources { requests, limits }) = &kind.resources {
        let mut resources = Map::new();
        put(&mut resources, "requests", filled(requests));
        put(&mut resources, "limits", filled(limits));
        body.insert("resources".into(), resources.into());
    }
    body.into()
}

/// The name under which Azure ML adds an instance type of its own (the published example of 2024-04-01).
const ADDED: &str = "defaultInstanceType";

/// Instance types without what Azure fills in: nulls, empty maps, and a type of its own.
const INSTANCE_TYPES: Compare = Compare::By(Comparison {
    same: |wanted, seen| {
        let mut seen = bare(seen);
        if let (Some(seen), None) = (seen.as_object_mut(), wanted.get(ADDED)) {
            seen.remove(ADDED);
        }
        bare(wanted) == seen
    },
    show: |value| bare(value).to_string().chars().take(256).collect(),
});

/// A value without nulls and empty maps, at every depth.
fn bare(value: &Value) -> Value {
    let Some(map) = value.as_object() else { return value.clone() };
    let kept = map.iter().map(|(key, value)| (key.clone(), bare(value)));
    let empty = |value: &Value| value.is_null() || value.as_object().is_some_and(Map::is_empty);
    kept.filter(|(_, value)| !empty(value)).collect::<Map<_, _>>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(wanted: &Value, seen: &Value) -> bool {
        let Compare::By(comparison) = INSTANCE_TYPES else { return false };
        (comparison.same)(wanted, seen)
    }

    #[test]
    fn instance_types_are_the_same_whatever_azure_fills_in() {
        let wanted = json!({"gpu": {"nodeSelector": {"pool": "gpu"}, "resources": {"requests": {"cpu": "1"}}}});
        let mut seen = wanted.clone();
        seen["gpu"]["resources"]["requests"]["nvidia.com/gpu"] = Value::Null;
        seen["gpu"]["resources"]["limits"] = json!({});
        seen[ADDED] = json!({"nodeSelector": null, "resources": {"requests": {"cpu": "1"}}});
        assert!(same(&wanted, &seen));
        seen["gpu"]["resources"]["requests"]["cpu"] = json!("2");
        assert!(!same(&wanted, &seen));
        assert!(!same(&json!({}), &json!({"gpu": {"nodeSelector": {"pool": "gpu"}}})), "one that was taken out");
    }
}
