//! What the status of an instance tells, and the hints.
//!
//! Must not cover conditions; the other modules do.

use crate::{azure, given, holding, own, reports};
use api::{Endpoint, InstanceSshReport};
use serde_json::{Value, json};

#[test]
fn status_tells_what_azure_told() {
    let status = reports(&holding(&json!({})).sees(azure(&json!({}))));
    assert_eq!(status.power_state.as_deref(), Some("Running"));
    let last = status.last_operation.unwrap();
    assert_eq!((last.name.as_deref(), last.status.as_deref()), (Some("Create"), Some("Succeeded")));
    assert_eq!(last.trigger.as_deref(), Some("User"));
    assert_eq!(last.time.as_deref(), Some("2024-07-24T08:42:35.907+00:00"));
    let lab =
        Endpoint { name: "Jupyter Lab".into(), url: "https://jiajicompute1.eastus.instances.azureml.ms/lab".into() };
    assert_eq!((status.endpoints.len(), &status.endpoints[1]), (2, &lab));
    assert_eq!((status.public_ip.as_deref(), status.private_ip.as_deref()), (Some("13.92.83.21"), Some("10.0.0.4")));
    assert_eq!(status.os_image.unwrap().is_latest, Some(true));
    assert_eq!(status.created_by.unwrap().object_id.as_deref(), Some("6205f759-1234-453c-9712-34d7671bceff"));
    assert_eq!((status.ssh, status.assigned_user), (None, None));
    assert_eq!(status.openable_by.as_deref(), Some("6205f759-1234-453c-9712-34d7671bceff, who made it"));
}

#[test]
fn ssh_command_is_ready_to_be_typed_and_only_there_with_ssh() {
    let open = json!({"sshSettings": {"sshPublicAccess": "Enabled", "adminUserName": "azureuser", "sshPort": 50000}});
    let status = reports(&holding(&json!({})).sees(own(&open)));
    let command = "ssh azureuser@13.92.83.21 -p 50000";
    let (host, user) = ("13.92.83.21".to_owned(), "azureuser".to_owned());
    assert_eq!(status.ssh, Some(InstanceSshReport { host, port: 50000, user, command: command.into() }));
    let odd = json!({"sshSettings": {"sshPublicAccess": "Enabled", "adminUserName": "a;rm -rf /", "sshPort": 22}});
    assert_eq!(reports(&holding(&json!({})).sees(own(&odd))).ssh, None, "what is pasted is plain");
    let inside = json!({"connectivityEndpoints": {"publicIpAddress": null}, "sshSettings": open["sshSettings"]});
    assert_eq!(reports(&holding(&json!({})).sees(own(&inside))).ssh.unwrap().host, "10.0.0.4");
}

#[test]
fn person_it_is_made_for_is_who_may_open_it() {
    let user = json!({"personalComputeInstanceSettings": {"assignedUser": {"objectId": "4444", "tenantId": "2222"}}});
    let status = reports(&holding(&json!({"assignedUser": {"objectId": "4444", "tenantId": "2222"}})).sees(own(&user)));
    assert_eq!(status.openable_by.as_deref(), Some("4444, its assigned user"));
    assert_eq!(status.assigned_user.unwrap().object_id.as_deref(), Some("4444"));
}

#[test]
fn hints_say_what_bills_who_can_open_it_and_what_only_its_user_can_do() {
    let user = json!({"objectId": "4444", "tenantId": "2222"});
    let script = json!({"creation": {"inline": "canary"}});
    for (spec, expected) in [
        (json!({}), vec!["NoUserAssigned", "BillsUntilStopped"]),
        (json!({"assignedUser": user, "powerState": "Running"}), vec![]),
        (json!({"assignedUser": user, "idleTimeBeforeShutdown": "30m"}), vec![]),
        (json!({"assignedUser": user, "schedules": [{"name": "s", "action": "Stop", "cron": "0 18 * * *"}]}), vec![]),
        (
            json!({"assignedUser": user, "powerState": "Running", "setupScripts": script}),
            vec!["SingleSignOnIsTheUsers"],
        ),
        (json!({"assignedUser": user, "powerState": "Running", "sso": true}), vec!["SingleSignOnIsTheUsers"]),
        (
            json!({"assignedUser": user, "idleTimeBeforeShutdown": "30m", "identity": {"type": "SystemAssigned"}}),
            vec!["IdleShutdownNeedsContributor"],
        ),
    ] {
        let advice = reports(&given(&spec).with(|g| g.refs.fingerprint = Some("k-1".into()))).common.advice;
        let reasons: Vec<&str> = advice.iter().map(|hint| hint.reason.as_str()).collect();
        assert_eq!(reasons, expected, "{spec}");
        assert!(advice.iter().all(|hint| hint.message.chars().count() <= api::limits::VALUE), "{advice:?}");
    }
}

#[test]
fn status_holds_neither_script_nor_key_nor_variable() {
    let service = json!({"name": "app", "image": {"reference": "r:1"}, "endpoints": [{"target": 8787, "published": 8787}],
        "environment": {"A": "canary-variable"}});
    let spec = json!({"setupScripts": {"creation": {"inline": "canary-script", "arguments": ["canary-argument"]}},
        "ssh": {"enabled": true, "publicKey": {"value": "ssh-ed25519 canarykey"}}, "customServices": [service]});
    for seen in [Value::Null, azure(&json!({}))] {
        let given = holding(&spec);
        let given = if seen.is_null() { given.sees_nothing() } else { given.sees(seen) };
        let plan = given.decide();
        let told = format!("{:?} {}", plan, given.applied(&plan));
        assert!(!told.contains("canary"), "{told}");
    }
}
