//! What is rendered: the permissions of the code, the container of the manifests, the arguments of the operator.
//!
//! Must not need a server.

use crate::tools::{kustomized, rendered};
use crate::{EVERYTHING, documents, of_kind};
use controller::rbac;
use k8s_openapi::api::rbac::v1::PolicyRule;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::{Value, json};
use std::process::Command;

fn rules(object: &Value) -> Vec<PolicyRule> {
    serde_json::from_value(object["rules"].clone()).unwrap()
}

fn named<'a>(objects: &'a [Value], kind: &str, name: &str) -> &'a Value {
    let found = of_kind(objects, kind).into_iter().find(|object| object["metadata"]["name"] == name);
    found.unwrap_or_else(|| panic!("no {kind} {name}"))
}

#[test]
fn permissions_are_those_the_code_declares_and_no_others() {
    let chart = documents(&rendered("{}"));
    let manifests = documents(&kustomized("default"));
    for (objects, name) in [(&chart, "amlco-azureml-compute-operator"), (&manifests, rbac::SERVICE_ACCOUNT)] {
        let role = |suffix: &str| rules(named(objects, "ClusterRole", &format!("{name}{suffix}")));
        assert_eq!(role(""), rbac::namespaced_rules(), "{name}");
        assert_eq!(role("-definitions"), rbac::cluster_rules(), "{name}");
        assert_eq!(role("-view"), rbac::view_rules(), "{name}");
        assert_eq!(role("-edit"), rbac::edit_rules(), "{name}");
        assert_eq!(of_kind(objects, "ClusterRole").len(), 4, "{name}: no role beside those");
        let roles = of_kind(objects, "Role");
        assert_eq!(roles.len(), 1, "{name}: no Secret of others without a word of an administrator");
        assert_eq!(rules(named(objects, "Role", &format!("{name}-own"))), rbac::own_rules(), "{name}");
        assert_eq!(roles[0]["metadata"]["namespace"], "azureml-system", "{name}: in its own namespace");
        for binding in of_kind(objects, "ClusterRoleBinding") {
            let role = binding["roleRef"]["name"].as_str().unwrap();
            assert!(role == name || role == format!("{name}-definitions"), "{role} is bound to the operator");
            let account =
                json!([{"kind": "ServiceAccount", "name": rbac::SERVICE_ACCOUNT, "namespace": "azureml-system"}]);
            assert_eq!(binding["subjects"], account);
        }
    }
}

#[test]
fn secrets_are_granted_by_namespace_and_name() {
    let chart = documents(&rendered(EVERYTHING));
    let name = rbac::secret_role("team-a", &[]).metadata.name.unwrap();
    let of_secrets = |role: &&Value| role["metadata"]["name"] == name.as_str();
    let roles: Vec<&Value> = of_kind(&chart, "Role").into_iter().filter(of_secrets).collect();
    let found: Vec<(&str, Vec<PolicyRule>)> =
        roles.iter().map(|role| (role["metadata"]["namespace"].as_str().unwrap(), rules(role))).collect();
    let expected = [("team-a", rbac::secret_rules(&["azure", "gpu-ssh"])), ("team-b", rbac::secret_rules(&["x"]))];
    assert_eq!(found, expected);
    let bound =
        of_kind(&chart, "RoleBinding").into_iter().filter(|binding| binding["roleRef"]["name"] == name.as_str());
    assert!(bound.clone().all(|binding| binding["metadata"]["name"] == name.as_str()));
    assert_eq!(bound.count(), 2, "each Role is bound");
    let samples = documents(&kustomized("samples"));
    let role = named(&samples, "Role", &name);
    let secrets: Vec<&str> =
        of_kind(&samples, "Secret").iter().map(|secret| secret["metadata"]["name"].as_str().unwrap()).collect();
    assert_eq!(rules(role), rbac::secret_rules(&secrets), "the samples grant the Secrets they bring");
}

#[test]
fn config_maps_are_granted_by_namespace_and_name() {
    let chart = documents(&rendered(EVERYTHING));
    let role = named(&chart, "Role", rbac::CONFIG_MAP_ACCESS);
    assert_eq!(
        (&role["metadata"]["namespace"], rules(role)),
        (&json!("team-b"), rbac::config_map_rules(&["scripts", "more"]))
    );
    let binding = named(&chart, "RoleBinding", rbac::CONFIG_MAP_ACCESS);
    assert_eq!(binding["metadata"]["namespace"], "team-b");
    assert_eq!(binding["roleRef"]["name"], rbac::CONFIG_MAP_ACCESS);
}

#[test]
fn watched_namespaces_are_all_the_operator_may_touch() {
    let chart = documents(&rendered(EVERYTHING));
    let name = "amlco-azureml-compute-operator";
    let bindings: Vec<&Value> =
        of_kind(&chart, "RoleBinding").into_iter().filter(|binding| binding["roleRef"]["name"] == name).collect();
    let namespaces: Vec<&str> =
        bindings.iter().map(|binding| binding["metadata"]["namespace"].as_str().unwrap()).collect();
    assert_eq!(namespaces, ["team-a", "team-b"]);
    let everywhere = of_kind(&chart, "ClusterRoleBinding");
    assert_eq!(everywhere.len(), 1, "only the reading of definitions is bound in the cluster");
    assert_eq!(everywhere[0]["roleRef"]["name"], format!("{name}-definitions"));
}

#[test]
fn definitions_are_kept_at_an_uninstall_unless_told_otherwise() {
    let definitions = |values: &str| {
        let objects = documents(&rendered(values));
        of_kind(&objects, "CustomResourceDefinition").into_iter().cloned().collect::<Vec<Value>>()
    };
    let kept = definitions("{}");
    assert_eq!(kept.len(), api::all_crds().len());
    for definition in &kept {
        assert_eq!(definition["metadata"]["annotations"]["helm.sh/resource-policy"], "keep");
    }
    let dropped = definitions(r#"{"crds": {"keep": false}}"#);
    assert!(dropped.iter().all(|definition| definition["metadata"]["annotations"].is_null()));
    assert_eq!(definitions(r#"{"crds": {"install": false}}"#), Vec::<Value>::new());
    for (rendered, crd) in kept.iter().zip(api::all_crds()) {
        let rendered: CustomResourceDefinition = serde_json::from_value(rendered.clone()).unwrap();
        assert!(rendered.spec == crd.spec, "the definition of {} is touched", crd.spec.names.kind);
    }
}

#[test]
fn chart_and_manifests_run_the_same_pod() {
    let pod = |objects: &[Value]| {
        let deployments = of_kind(objects, "Deployment");
        assert_eq!(deployments.len(), 1);
        let spec = &deployments[0]["spec"];
        assert_eq!((&spec["replicas"], &spec["strategy"]), (&json!(1), &json!({"type": "Recreate"})));
        spec["template"]["spec"].clone()
    };
    assert_eq!(pod(&documents(&rendered("{}"))), pod(&documents(&kustomized("default"))));
}

#[test]
fn arguments_are_understood_by_the_operator() {
    for values in ["{}", EVERYTHING] {
        let objects = documents(&rendered(values));
        let container = &of_kind(&objects, "Deployment")[0]["spec"]["template"]["spec"]["containers"][0];
        let args: Vec<&str> = container["args"].as_array().unwrap().iter().map(|arg| arg.as_str().unwrap()).collect();
        // Flags are read from left to right: help after them is shown only if all were understood.
        let operator = |args: &[&str]| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_azureml-compute-operator"));
            command.args(args).arg("--help").env_clear().output().unwrap()
        };
        let output = operator(&args);
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(String::from_utf8_lossy(&output.stdout).contains("--listen"), "help is that of run");
        let wrong = operator(&[&args[..], &["--no-such-flag=1"]].concat());
        assert!(!wrong.status.success(), "an unknown flag is an error even before help");
    }
}

#[test]
fn values_become_arguments() {
    let objects = documents(&rendered(EVERYTHING));
    let pod = &of_kind(&objects, "Deployment")[0]["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    let expected = json!([
        "run",
        "--listen=0.0.0.0:9090",
        "--azure-cloud=custom",
        "--azure-resource-manager=https://127.0.0.1:1",
        "--azure-authority=https://127.0.0.1:2",
        "--azure-ca-file=/certificates/ca.pem",
        "--log-format=text",
        "--log-level=info,azureml=debug",
        "--watch-namespaces=team-a,team-b",
        "--requeue-interval=PT5M",
        "--transition-interval=2s",
        "--reference-grace=1s",
        "--concurrency=4",
        "--retry-fast=1s",
    ]);
    assert_eq!(container["args"], expected);
    assert_eq!(container["env"], json!([{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}]));
    assert!(container["image"].as_str().unwrap().contains("@sha256:"), "a digest wins over the tag");
    assert_eq!(container["ports"][0]["containerPort"], 9090);
    for name in ["volumes", "nodeSelector", "tolerations", "affinity", "imagePullSecrets", "priorityClassName"] {
        assert!(!pod[name].is_null(), "{name}");
    }
}
