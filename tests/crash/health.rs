//! Every stored revision of a run, judged by the real kstatus library against what Azure had; must not judge by itself.

#![allow(dead_code, unreachable_pub, missing_docs, reason = "every test target uses a part of it; names say it all")]

use crate::rig::Rig;
use crate::stage::{self, condition, is_ready};
use crate::workload::Subject;
use emulator::Entry;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::sync::OnceLock;
use support::error::{Error, Result};
use support::history::{Change, Revision};
use support::kstatus::{Judge, Status};

/// The one judge of this process.
fn judge() -> Result<&'static Judge> {
    static JUDGE: OnceLock<Result<Judge, String>> = OnceLock::new();
    let judge = JUDGE.get_or_init(|| Judge::start().map_err(|error| format!("{error:?}")));
    judge.as_ref().map_err(|error| Error::new(error.clone()))
}

/// What the revisions of a run had to say that was wrong.
pub struct Health {
    pub revisions: usize,
    pub faults: Vec<String>,
}

/// Judges every revision of the run's object.
pub async fn examine(rig: &Rig, subject: Subject) -> Result<Health> {
    let last = subject.object(rig).await.map_err(Error::new)?;
    let version = last["metadata"]["resourceVersion"].as_str().unwrap_or_default().to_owned();
    let is_last = |revision: &Revision| {
        if last.is_null() { revision.change == Change::Deleted } else { revision.version() == version }
    };
    rig.history.until("the history is complete", stage::PATIENCE, is_last).await?;
    let revisions = rig.history.revisions()?;
    let journal = rig.emulator.journal();
    let mut faults = Vec::new();
    let mut before = None;
    for revision in &revisions {
        let judgement = judge()?.judge(&revision.object)?;
        let found = unhealthy(revision, judgement.status, before, &journal);
        faults.extend(found.into_iter().map(|fault| {
            let status = &revision.object["status"];
            format!("kstatus {:?}, version {}: {fault}; status {status}", judgement.status, revision.version())
        }));
        before = Some(judgement.status);
    }
    Ok(Health { revisions: revisions.len(), faults })
}

/// What is wrong with one revision.
fn unhealthy(revision: &Revision, status: Status, before: Option<Status>, journal: &[Entry]) -> Vec<String> {
    let object = &revision.object;
    let mut faults = Vec::new();
    let is_true = |kind| condition(object, kind).is_some_and(|found| found["status"] == "True");
    if is_true("Reconciling") && is_true("Stalled") {
        faults.push("it is Reconciling and Stalled at once".to_owned());
    }
    let leaving = !object["metadata"]["deletionTimestamp"].is_null();
    match status {
        Status::Current => {
            if before.is_none() {
                faults.push("it is Current before the operator saw it".to_owned());
            }
            if !is_ready(object) || object["status"]["azure"]["provisioningState"] != "Succeeded" {
                faults.push("it is Current without being Ready for its generation".to_owned());
            }
            let declared = declared(object);
            let mut truth = truth(journal, revision.at);
            if declared["power"].is_null() && truth.is_object() {
                // Nobody declares whether it runs.
                truth["power"] = Value::Null;
            }
            if declared != truth {
                faults.push(format!("it is Current, declares {declared}, and Azure was asked for {truth}"));
            }
        }
        Status::InProgress => {}
        Status::Terminating if leaving => {}
        Status::Terminating | Status::Failed | Status::NotFound | Status::Unknown => {
            faults.push(format!("a crash must not show as {status:?}"));
        }
    }
    if before == Some(Status::Terminating) && status != Status::Terminating {
        faults.push("it came back from Terminating".to_owned());
    }
    faults
}

/// What of its spec the workloads change.
fn declared(object: &Value) -> Value {
    let spec = &object["spec"];
    json!({
        "vmSize": spec["vmSize"], "maxNodes": spec["scale"]["maxNodes"], "identity": spec["identity"]["type"],
        "power": spec["powerState"], "machine": spec["virtualMachine"]["resourceId"],
    })
}

/// The same as Azure accepted it until then; null if there is none.
fn truth(journal: &[Entry], until: Timestamp) -> Value {
    let mut truth = Value::Null;
    let writes = journal.iter().filter(|e| e.at <= until && e.path.contains("/computes/"));
    for entry in writes.filter(|e| e.status.is_some_and(|status| status < 300)) {
        let body = &entry.request_body;
        let inner = &body["properties"]["properties"];
        let max = &inner["scaleSettings"]["maxNodeCount"];
        match entry.method.as_str() {
            // A PUT on what is there does not change the size (azureml-api.md f.2).
            "PUT" => {
                let size = if truth.is_null() { inner["vmSize"].clone() } else { truth["vmSize"].clone() };
                truth = json!({
                    "vmSize": size, "maxNodes": max, "identity": body["identity"]["type"], "power": "Running",
                    "machine": body["properties"]["resourceId"],
                });
            }
            "POST" if entry.path.ends_with("/start") => truth["power"] = json!("Running"),
            "POST" if entry.path.ends_with("/stop") => truth["power"] = json!("Stopped"),
            "PATCH" => truth["maxNodes"] = max.clone(),
            "DELETE" => truth = Value::Null,
            _ => {}
        }
    }
    truth
}
