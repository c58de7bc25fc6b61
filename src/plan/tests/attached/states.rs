//! What Azure says of what is attached becomes a reason with a next step.
//!
//! Must not list the error table: that is the table's own test.

use crate::objects::{AKS, answer, attachment, machine_answer, machine_case};
use crate::support::*;
use plan::Action;
use serde_json::{Value, json};

fn failed(code: &str, text: &str) -> Value {
    json!({"properties": {"provisioningState": "Failed",
        "provisioningErrors": [{"error": {"code": code, "message": text}}]}})
}

#[test]
fn attachment_whose_resource_broke_says_why_and_what_to_do_and_is_left() {
    for (code, text, reason, step) in [
        (
            "ClusterNotReachable",
            "The Kubernetes cluster is not reachable.",
            "UnderlyingUnreachable",
            "start the cluster",
        ),
        ("ClusterNotFound", "Cannot find Kubernetes cluster.", "UnderlyingNotFound", "check the resource id"),
        ("ResourceNotFound", "The resource was not found.", "UnderlyingNotFound", "check the resource id"),
        ("ClusterServiceNotFound", "no service", "ExtensionNotReady", "install Azure ML's extension"),
        ("RefreshExtensionIdentityNotSet", "no identity", "ExtensionNotReady", "with an identity"),
        ("ClusterUnauthorized", "401", "UnderlyingForbidden", "access to the cluster"),
        ("GenericComputeError", "Failed to get compute information.", "UnderlyingTroubled", "namespace azureml"),
        ("Unheard", "The credentials for 'x' were not accepted.", "CredentialsRefused", "changed Secret is noticed"),
        ("Unheard", "'x' cannot be reached by SSH.", "UnderlyingUnreachable", "public IP address"),
    ] {
        let given = machine_case(&json!({})).claimed().reporting(&json!({}));
        let plan = given.sees(machine_answer(&failed(code, text))).decide();
        assert_eq!((stalled(&plan), &plan.action), (reason, &Action::Nothing), "{code}");
        assert!(message(&plan).contains(step) && message(&plan).contains(code), "{}", message(&plan));
    }
    let healed = machine_case(&json!({})).claimed().reporting(&json!({})).sees(machine_answer(&json!({})));
    assert_eq!(ready(&healed.decide()), "AsDeclared");
}

#[test]
fn attach_that_failed_is_detached_and_attached_again_after_its_backoff() {
    let never = json!({"firstReadyAt": null, "appliedGeneration": null});
    let spec = json!({"type": "Aks", "aks": {"attach": {"resourceId": AKS}}});
    let given = attachment(&spec).claimed().reporting(&never);
    let mut there = answer("dsvm", "AKS", Some(AKS), &json!({}));
    overlay(&mut there, &failed("ClusterNotReachable", "not reachable"));
    assert_eq!(given.sees(there).decide().action, Action::Detach);
}

#[test]
fn each_type_reports_what_azure_answers_of_it() {
    let report = |kind: &str, wire: &str, resource: Option<&str>, own: Value| {
        let member = match kind {
            "SynapseSpark" => json!({"synapseSpark": {"resourceId": "/x"}}),
            "Databricks" => {
                json!({"databricks": {"resourceId": "/subscriptions/11111111-1111-1111-1111-111111111111/x",
                "accessToken": {"secretRef": {"name": "t", "key": "t"}}}})
            }
            "Kubernetes" => json!({"kubernetes": {"resourceId": AKS}}),
            _ => json!({"aks": {"attach": {"resourceId": AKS}}}),
        };
        let mut spec = json!({"type": kind});
        overlay(&mut spec, &member);
        let given = attachment(&spec).claimed().sees(answer("dsvm", wire, resource, &own));
        given.applied(&given.decide())
    };
    let spark = report(
        "SynapseSpark",
        "SynapseSpark",
        Some("/x"),
        json!({"poolName": "p", "workspaceName": "w", "nodeCount": 3, "autoScaleProperties": {"enabled": true, "minNodeCount": 3, "maxNodeCount": 9},
            "autoPauseProperties": {"enabled": true, "delayInMinutes": 15}}),
    );
    assert_eq!(spark["attachedResource"], "/x");
    let expected = json!({"workspaceName": "w", "poolName": "p", "nodeCount": 3,
        "autoScale": {"enabled": true, "minNodes": 3, "maxNodes": 9}, "autoPause": {"enabled": true, "delayInMinutes": 15}});
    assert_eq!(spark["synapseSpark"], expected);
    let aks = json!({"clusterFqdn": "f", "agentCount": 3, "agentVmSize": "S", "clusterPurpose": "FastProd",
        "systemServices": [{"systemServiceType": "ScoringFrontEnd", "publicIpAddress": "1.2.3.4", "version": "1"}]});
    let service = json!({"type": "ScoringFrontEnd", "publicIp": "1.2.3.4", "version": "1"});
    assert_eq!(
        report("Aks", "AKS", Some(AKS), aks)["aks"],
        json!({"fqdn": "f", "nodeCount": 3, "vmSize": "S", "purpose": "FastProd", "systemServices": [service]})
    );
    let own = json!({"databricksAccessToken": null, "workspaceUrl": "adb.net"});
    assert_eq!(report("Databricks", "Databricks", Some("/y"), own)["databricks"], json!({"workspaceUrl": "adb.net"}));
    let own = json!({"namespace": "default", "instanceTypes": {"a": {}, "b": null}});
    let kubernetes = report("Kubernetes", "Kubernetes", Some(AKS), own);
    assert_eq!(kubernetes["kubernetes"], json!({"namespace": "default", "instanceTypes": ["a", "b"]}));
}
