//! The chart on a real control plane: installed by helm, as a user would.
//!
//! Must not run the operator; the playground and the main tests do, from the same rendered chart.

use crate::tools::run;
use crate::{documents, of_kind};
use serde_json::{Value, json};
use std::time::Duration;
use support::plane::{Options, Plane};
use tokio::sync::OnceCell;

/// Longest wait for something that is under way.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);
const NAMESPACE: &str = "azureml-system";
const ACCOUNT: &str = "system:serviceaccount:azureml-system:azureml-compute-operator";

/// The plane with the chart on it, in a namespace that admits only restricted pods.
pub(crate) async fn installed() -> &'static Plane {
    static INSTALLED: OnceCell<()> = OnceCell::const_new();
    let plane = Plane::shared().await.unwrap();
    INSTALLED.get_or_init(|| install(plane)).await;
    plane
}

async fn install(plane: &Plane) {
    // team-b is lent to the operator by the chart; team-a brings its own Role, as the samples do.
    plane.ensure_namespace("team-a").await.unwrap();
    plane.ensure_namespace("team-b").await.unwrap();
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE,
        "labels": {"pod-security.kubernetes.io/enforce": "restricted"}}});
    plane.apply(&namespace.to_string()).await.unwrap();
    helm(plane, "install", r#"{"secretAccess": [{"namespace": "team-b", "secretNames": ["azure"]}]}"#);
    let wait = ["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"];
    let output = plane.kubectl(&wait).await.unwrap();
    assert!(output.status.success(), "{}", output.stderr);
}

fn helm(plane: &Plane, verb: &str, values: &str) -> String {
    let chart = crate::chart();
    let mut args = vec![verb, "amlco", "--namespace", NAMESPACE];
    if verb != "uninstall" {
        args.extend([&chart, "--values", "-"]);
    }
    let output = run("helm", &args, values, Some(plane.admin_kubeconfig()));
    assert!(output.success, "helm {verb}: {}", output.stderr);
    assert!(!output.stderr.contains("WARNING"), "helm {verb}: {}", output.stderr);
    output.stdout
}

#[tokio::test]
async fn restricted_namespace_admits_the_pod() {
    let plane = installed().await;
    let deployment = plane.kubectl(&["-n", NAMESPACE, "get", "deployments", "-o", "json"]).await.unwrap().stdout;
    let deployment: Value = serde_json::from_str(&deployment).unwrap();
    let template = &deployment["items"][0]["spec"]["template"];
    let mut pod =
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": template["metadata"], "spec": template["spec"]});
    pod["metadata"]["name"] = json!("operator");
    let create = async |pod: &Value| {
        let args = ["-n", NAMESPACE, "create", "--dry-run=server", "-f", "-"];
        plane.kubectl_with(&args, &pod.to_string()).await.unwrap()
    };
    let admitted = create(&pod).await;
    assert!(admitted.status.success(), "{}", admitted.stderr);
    assert!(!admitted.stderr.contains("Warning"), "{}", admitted.stderr);
    let loosened = [
        ("/spec/securityContext", "runAsNonRoot"),
        ("/spec/securityContext", "seccompProfile"),
        ("/spec/containers/0/securityContext", "allowPrivilegeEscalation"),
        ("/spec/containers/0/securityContext", "capabilities"),
    ];
    for (path, field) in loosened {
        let mut loose = pod.clone();
        loose.pointer_mut(path).unwrap().as_object_mut().unwrap().remove(field).unwrap();
        let refused = create(&loose).await;
        assert!(refused.stderr.contains("violates PodSecurity"), "a pod without {field}: {}", refused.stderr);
    }
}

#[tokio::test]
async fn account_may_do_what_is_declared_and_no_more() {
    let plane = installed().await;
    let may = async |namespace: &str, question: &str| {
        let words: Vec<&str> = question.split(' ').collect();
        let args = [&["auth", "can-i", "--as", ACCOUNT, "-n", namespace][..], &words].concat();
        plane.kubectl(&args).await.unwrap().stdout.trim() == "yes"
    };
    let allowed = [
        "watch computeclusters.compute.azureml.dev",
        "patch workspaces.compute.azureml.dev",
        "patch azureidentities.compute.azureml.dev --subresource=status",
        "create events.events.k8s.io",
        "patch roles/azureml-compute-operator-secrets",
        "get secrets/azure",
        "watch secrets/azure",
        "patch secrets/azure",
        "get customresourcedefinitions/workspaces.compute.azureml.dev",
    ];
    for question in allowed {
        assert!(may("team-b", question).await, "{question} must be allowed");
    }
    let denied = [
        "delete computeclusters.compute.azureml.dev",
        "create computeclusters.compute.azureml.dev",
        "update computeclusters.compute.azureml.dev",
        "get secrets",
        "list secrets",
        "get secrets/other",
        "delete secrets/azure",
        "get configmaps",
        "create pods",
        "list customresourcedefinitions",
        "patch customresourcedefinitions/workspaces.compute.azureml.dev",
        "get customresourcedefinitions/other.example.com",
        "create serviceaccounts --subresource=token",
        "impersonate users",
        "patch roles/other",
        "create rolebindings",
    ];
    for question in denied {
        assert!(!may("team-b", question).await, "{question} must be denied");
    }
    for question in ["get secrets/azure", "list secrets"] {
        assert!(!may("default", question).await, "{question} must be denied in other namespaces");
        assert!(!may(NAMESPACE, question).await, "{question} must be denied in its own namespace");
    }
}

#[tokio::test]
async fn editors_of_a_namespace_may_edit_objects_but_not_their_status() {
    let plane = installed().await;
    plane.apply_in("team-a", &binding("view", "reader").to_string()).await.unwrap();
    plane.apply_in("team-a", &binding("edit", "writer").to_string()).await.unwrap();
    let may = async |user: &str, words: &[&str]| {
        let args = [&["auth", "can-i", "--as", user, "-n", "team-a"][..], words].concat();
        plane.kubectl(&args).await.unwrap().stdout.trim() == "yes"
    };
    let aggregated = async || {
        let both = may("reader", &["list", "computeclusters"]).await && may("writer", &["create", "workspaces"]).await;
        if both { Ok(()) } else { Err("the roles are not aggregated yet".to_owned()) }
    };
    // Aggregation is a controller's work; a plane that does not run it must not let this test pass.
    support::wait::until("the roles to be aggregated", DEADLINE, aggregated).await.unwrap();
    assert!(!may("reader", &["create", "computeclusters"]).await);
    assert!(!may("writer", &["patch", "computeclusters", "--subresource=status"]).await);
}

fn binding(role: &str, user: &str) -> Value {
    let group = "rbac.authorization.k8s.io";
    json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": user},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": group, "kind": "User", "name": user}]})
}

#[tokio::test]
async fn samples_are_accepted_as_they_are() {
    let plane = installed().await;
    let samples = crate::tools::kustomized("samples");
    let args = ["apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-"];
    let output = plane.kubectl_with(&args, &samples).await.unwrap();
    assert!(output.status.success(), "{}", output.stderr);
    assert_eq!(output.stdout.lines().count(), documents(&samples).len(), "{}", output.stdout);
    let wrong = samples.replace("vmSize: STANDARD_NC4AS_T4_V3", "vmSise: STANDARD_NC4AS_T4_V3");
    let output = plane.kubectl_with(&args, &wrong).await.unwrap();
    assert!(output.stderr.contains("vmSise"), "{}", output.stderr);
}

#[tokio::test]
async fn release_can_be_upgraded_and_its_objects_outlive_it() {
    let plane = Plane::start(Options::default()).await.unwrap();
    install_and_note(&plane).await;
    let samples = crate::tools::kustomized("samples");
    let output = plane.kubectl_with(&["apply", "--server-side", "-f", "-"], &samples).await.unwrap();
    assert!(output.status.success(), "{}", output.stderr);
    helm(&plane, "upgrade", r#"{"concurrency": 4}"#);
    let deployment = plane.kubectl(&["-n", NAMESPACE, "get", "deployments", "-o", "yaml"]).await.unwrap().stdout;
    assert!(deployment.contains("--concurrency=4"), "{deployment}");
    let clusters = async || plane.kubectl(&["-n", "team-a", "get", "amlcc", "-o", "name"]).await.unwrap().stdout;
    let before = clusters().await;
    assert_eq!(before.lines().count(), of_kind(&documents(&samples), "ComputeCluster").len());
    helm(&plane, "uninstall", "");
    assert_eq!(clusters().await, before, "an uninstall takes no object away");
    let gone = plane.kubectl(&["get", "deployments,clusterroles", "-A", "-o", "name"]).await.unwrap().stdout;
    assert!(!gone.contains("azureml-compute-operator"), "{gone}");
    // The definitions that were kept are taken over again, because they carry the release's name.
    helm(&plane, "install", "{}");
    assert_eq!(clusters().await, before);
}

async fn install_and_note(plane: &Plane) {
    plane.ensure_namespace(NAMESPACE).await.unwrap();
    let notes = helm(plane, "install", "{}");
    for part in
        ["kubectl -n team-a create secret generic azure", "--serviceaccount=azureml-system:azureml-compute-operator"]
    {
        assert!(notes.contains(part), "the notes say what to do next: {notes}");
    }
    let wait = ["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"];
    assert!(plane.kubectl(&wait).await.unwrap().status.success());
}
