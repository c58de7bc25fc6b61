//! Instances in the decision core, case by case: bodies, power, restarts, states, what changes in place and what does not.
//!
//! Must not repeat what holds for all kinds; `decide` shows that on clusters.

// Everything here is test code, also outside of test functions.
#![allow(clippy::unwrap_used, clippy::panic)]

// The package is named amlco-plan; the project calls it plan everywhere.
extern crate amlco_plan as plan;

#[path = "../world/random.rs"]
mod random;
#[path = "../support/mod.rs"]
mod support;

mod adopt;
mod bodies;
mod change;
mod model;
mod power;
mod restart;
mod states;
mod told;
mod world;

use api::{ComputeInstance, ComputeInstanceStatus};
use plan::Plan;
use serde_json::{Value, json};
use support::{CREATED_ON, Given, OWNER_OBJECT, OWNER_UID, UID, WORKSPACE, of, overlay, recorded};

/// A workstation for a named user, with `spec` laid over it.
pub(crate) fn given(spec: &Value) -> Given<ComputeInstance> {
    let mut object = json!({
        "apiVersion": "compute.azureml.dev/v1alpha1", "kind": "ComputeInstance",
        "metadata": {"name": "ada-box", "namespace": "team-a", "uid": UID, "generation": 1,
            "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"workspaceRef": {"name": "research"}, "vmSize": "STANDARD_DS3_V2"},
    });
    overlay(&mut object["spec"], spec);
    of(serde_json::from_value(object).unwrap())
}

/// An object that holds its instance and has reported this very incarnation as ready.
pub(crate) fn holding(spec: &Value) -> Given<ComputeInstance> {
    given(spec).claimed().reporting(&json!({}))
}

/// What Azure answers for it when it runs and is ours, with `over` laid over it.
pub(crate) fn azure(over: &Value) -> Value {
    let mut body = recorded("instance");
    overlay(
        &mut body,
        &json!({
            "id": format!("{WORKSPACE}/computes/ada-box"), "name": "ada-box", "location": "westeurope",
            "tags": {OWNER_UID: UID, OWNER_OBJECT: "team-a/ada-box"}, "identity": null,
            "properties": {"createdOn": CREATED_ON, "computeLocation": "westeurope"},
        }),
    );
    overlay(&mut body, over);
    body
}

/// The instance in a state, after an operation by somebody at a time of the day (2026-01-01).
pub(crate) fn after(state: &str, operation: &str, trigger: &str, time: &str) -> Value {
    azure(&json!({"properties": {"properties": {"state": state, "lastOperation": {
        "operationName": operation, "operationTime": format!("2026-01-01T{time}.123+00:00"),
        "operationStatus": "Succeeded", "operationTrigger": trigger}}}}))
}

/// The instance with this laid over its own properties.
pub(crate) fn own(over: &Value) -> Value {
    azure(&json!({"properties": {"properties": over}}))
}

pub(crate) fn status(given: &Given<ComputeInstance>, plan: &Plan) -> ComputeInstanceStatus {
    serde_json::from_value(given.applied(plan)).unwrap()
}

/// The status that is reported for the decision.
pub(crate) fn reports(given: &Given<ComputeInstance>) -> ComputeInstanceStatus {
    status(given, &given.decide())
}
