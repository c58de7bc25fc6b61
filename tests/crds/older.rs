//! Objects that were stored before a rule was made.
//!
//! Must not need an older version of ours: the definition is loosened instead.

use super::{cases, dynamic, objects, plane, reports};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

/// The definition as an older version might have been: no rules, no bounds, no defaults, in a group of its own.
fn loosened(group: &str) -> Value {
    fn strip(schema: &mut Value) {
        if let Some(fields) = schema.as_object_mut() {
            if fields.get("type").is_some_and(Value::is_string) {
                let gone =
                    ["x-kubernetes-validations", "maxLength", "minLength", "maximum", "minimum", "maxItems", "enum"];
                fields.retain(|name, _| !gone.contains(&name.as_str()) && name != "default" && name != "maxProperties");
            }
            fields.values_mut().for_each(strip);
        }
    }
    let mut crd = regrouped(group);
    strip(&mut crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]);
    crd
}

fn regrouped(group: &str) -> Value {
    let crd = api::all_crds().into_iter().find(|crd| crd.spec.names.kind == "ComputeCluster").unwrap();
    let mut crd = serde_json::to_value(crd).unwrap();
    crd["metadata"]["name"] = json!(format!("computeclusters.{group}"));
    crd["spec"]["group"] = json!(group);
    crd["spec"]["names"]["shortNames"] = json!([]);
    crd["spec"]["names"]["categories"] = json!([]);
    crd
}

#[tokio::test]
async fn object_from_before_a_rule_can_still_be_worked_on() {
    let plane = plane().await;
    let client = plane.admin().await.unwrap();
    let namespace = plane.namespace("older").await.unwrap();
    let group = "older.azureml.dev";
    plane.apply(&loosened(group).to_string()).await.unwrap();
    let crds: Api<CustomResourceDefinition> = Api::all(client.clone());
    let ready = async || {
        let name = format!("computeclusters.{group}");
        let args = ["wait", "--for=condition=Established", "crd", &name, "--timeout=60s"];
        assert!(plane.kubectl(&args).await.unwrap().status.success());
    };
    ready().await;
    let api = objects(&client, &namespace, group, "ComputeCluster");
    let mut old = cases::with(cases::cluster(), "spec.scale.idleTimeBeforeScaleDown", json!("soon"));
    old["apiVersion"] = json!(format!("{group}/v1alpha1"));
    let old = cases::with(old, "spec.tags", json!({"azureml-operator-uid": "x"}));
    let old = cases::with(old, "spec.vmPriority", json!("Spot"));
    let create = async || api.create(&PostParams::default(), &dynamic(&old)).await.map_err(|error| error.to_string());
    support::wait::until("the older kind to be served", std::time::Duration::from_secs(30), create).await.unwrap();

    let generation = crds.get(&format!("computeclusters.{group}")).await.unwrap().metadata.generation;
    plane.apply(&regrouped(group).to_string()).await.unwrap();
    assert_ne!(crds.get(&format!("computeclusters.{group}")).await.unwrap().metadata.generation, generation);
    let refused = async || {
        let other = cases::with(old.clone(), "metadata.name", json!("another"));
        let dry_run = PostParams { dry_run: true, ..PostParams::default() };
        match api.create(&dry_run, &dynamic(&other)).await {
            Ok(_) => Err("a new object like the old one is still accepted".to_owned()),
            Err(error) => Ok(error.to_string()),
        }
    };
    support::wait::until("the rules to hold", std::time::Duration::from_secs(30), refused).await.unwrap();

    let read = api.get("cpu-cluster").await.unwrap();
    assert_eq!(read.data["spec"]["replacePolicy"], "Never", "defaults appear on what is stored");
    assert_eq!(read.data["status"]["observedGeneration"], -1);
    let merge = async |patch: Value| api.patch("cpu-cluster", &PatchParams::default(), &Patch::Merge(patch)).await;
    merge(json!({"metadata": {"finalizers": [api::annotations::FINALIZER]}})).await.unwrap();
    merge(json!({"spec": {"scale": {"maxNodes": 8}}})).await.unwrap();
    let status = Patch::Merge(json!({"status": reports::cluster()}));
    api.patch_status("cpu-cluster", &PatchParams::default(), &status).await.unwrap();
    let mended = json!({"spec": {"scale": {"idleTimeBeforeScaleDown": "40m"}, "tags": null}});
    merge(mended).await.unwrap();
    api.delete("cpu-cluster", &DeleteParams::default()).await.unwrap();
    merge(json!({"metadata": {"finalizers": []}})).await.unwrap();
    assert!(api.get_opt("cpu-cluster").await.unwrap().is_none(), "it is gone with its finalizer");
}
