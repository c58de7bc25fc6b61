//! What is special about an attachment: the machine behind it, which is attached by one request and outlives it, and its
//! password, which Azure is told and nobody else. Must not act.

#![allow(unreachable_pub, missing_docs, reason = "names say it all")]

use crate::rig::Rig;
use crate::stage;
use crate::workload::{ATTACHMENT, MACHINE, PASSWORD, Workload};
use k8s_openapi::api::events::v1::Event;
use kube::api::{ApiResource, ListParams};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use support::error::{Context, Result};
use support::history::Revision;

/// Everything that is wrong with it; nothing if it is as it should be.
pub async fn faults(rig: &Rig, workload: Workload) -> Result<Vec<String>> {
    let revisions = rig.history.revisions()?;
    let mut faults = machine(rig, workload);
    faults.extend(requests(rig));
    faults.extend(fingerprints(&revisions));
    if !workload.removes() {
        let keys = format!("{}/listKeys", stage::path(ATTACHMENT));
        let (status, keys) = stage::azure(rig.emulator.url(), "POST", &keys, None).await;
        if keys["administratorAccount"]["password"] != PASSWORD {
            faults.push(format!("azure was not told the password: {status}"));
        }
    }
    faults.extend(spread(rig, &revisions).await?);
    Ok(faults)
}

/// The world has this machine, it runs, and the attachment there is (or none) is the only one and was never broken.
fn machine(rig: &Rig, workload: Workload) -> Vec<String> {
    let world = rig.emulator.world();
    let resources: Vec<(&String, &Value)> = world["resources"].as_object().into_iter().flatten().collect();
    let [(id, machine)] = resources.as_slice() else {
        return vec![format!("behind attachments there are {} resources instead of one", resources.len())];
    };
    let attachments = if workload.removes() { json!([]) } else { json!([stage::path(ATTACHMENT)]) };
    let computes = rig.computes();
    let attached = json!({"resource": MACHINE.to_lowercase(), "brokenBy": null});
    let checks = [("id", json!(id), json!(MACHINE)), ("state", machine["state"].clone(), json!("Running"))]
        .into_iter()
        .chain([("list of attachments", machine["attachments"].clone(), attachments)])
        .chain(computes.iter().map(|compute| ("attachment", compute["attachment"].clone(), attached.clone())));
    let wrong = checks.filter(|(_, found, wanted)| found != wanted);
    wrong.map(|(what, found, wanted)| format!("the machine's {what} is {found} instead of {wanted}")).collect()
}

/// Attaching is not tried again, not even in vain: whoever asks without a look would break another's attachment as well.
fn requests(rig: &Rig) -> Vec<String> {
    let journal = rig.emulator.journal();
    let puts: Vec<String> = journal
        .iter()
        .filter(|entry| entry.method == "PUT" && entry.path.contains("/computes/"))
        .map(|entry| format!("{:?}", entry.status))
        .collect();
    if puts.len() == 1 {
        Vec::new()
    } else {
        vec![format!("azure was asked for an attachment {} times: {puts:?}", puts.len())]
    }
}

/// One password, one key and one object have one fingerprint, whoever remembers it.
fn fingerprints(revisions: &[Revision]) -> Vec<String> {
    let prints = revisions.iter().map(|revision| revision.text("/status/azure/sentFingerprint"));
    let prints: BTreeSet<&str> = prints.filter(|print| !print.is_empty()).collect();
    if prints.len() == 1 {
        Vec::new()
    } else {
        vec![format!("there are these fingerprints instead of one: {prints:?}")]
    }
}

/// Where the password is seen, of all that people can read.
async fn spread(rig: &Rig, revisions: &[Revision]) -> Result<Vec<String>> {
    let events = rig.objects(&ApiResource::erase::<Event>(&())).list(&ListParams::default()).await;
    let events = events.context(|| "cannot list events".to_owned())?;
    let events = events.items.iter().map(|event| ("an event", json!(event).to_string()));
    let stored = revisions.iter().map(|revision| ("a revision", revision.object.to_string()));
    let places = stored.chain(events).chain([("the log", rig.log())]);
    let seen = places.filter(|(_, text)| text.contains(PASSWORD));
    Ok(seen.map(|(place, _)| format!("the password is seen in {place}")).collect())
}
