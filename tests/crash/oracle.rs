//! Whether a run ended well: the same end, one effect, nothing left over, health that never lied; must not act.

#![allow(unreachable_pub, missing_docs, reason = "names say it all")]

use crate::attachment;
use crate::rig::{KEY_SECRET, Rig};
use crate::workload::{Effects, FOREIGN_TAG, SECRET, Subject, Workload, object};
use emulator::Entry;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::net::IpAddr;
use support::error::{Error, Result};

/// Words that only a bug brings into a log.
const BUGS: [&str; 3] = ["panicked", "this is a bug", "breaks the contract"];

/// Everything there is at the end of a run, without what differs between runs that end alike.
pub async fn end_state(rig: &Rig, subject: Subject) -> Result<Value> {
    let wanted = [
        ("compute", subject.object(rig).await),
        ("workspace", object::<api::Workspace>(rig, "research").await),
        ("identity", object::<api::AzureIdentity>(rig, &rig.namespace).await),
        ("secret", object::<Secret>(rig, "azure").await),
        ("password", object::<Secret>(rig, SECRET).await),
        ("key", object::<Secret>(rig, KEY_SECRET).await),
    ];
    let mut all = Map::new();
    for (name, found) in wanted {
        let found = found.map_err(Error::new)?;
        let meta = &found["metadata"];
        let finalizers = &meta["finalizers"];
        let annotations = &meta["annotations"];
        let shown = json!({
            "exists": !found.is_null(), "generation": meta["generation"], "finalizers": finalizers,
            "annotations": annotations, "spec": found["spec"], "status": found["status"],
        });
        all.insert(name.to_owned(), shown);
    }
    all.insert("azure".to_owned(), rig.computes().into());
    let mut end = Value::Object(all);
    mask(&mut end, &rig.namespace);
    Ok(end)
}

/// Puts words for UUIDs, times, addresses and the namespace.
fn mask(value: &mut Value, namespace: &str) {
    match value {
        Value::String(text) if text.parse::<Timestamp>().is_ok() => *text = "<time>".to_owned(),
        Value::String(text) if text.parse::<IpAddr>().is_ok() => *text = "<address>".to_owned(),
        Value::String(text) if is_fingerprint(text) => *text = "<fingerprint>".to_owned(),
        Value::String(text) => *text = mask_text(text).replace(namespace, "<namespace>"),
        Value::Array(items) => items.iter_mut().for_each(|item| mask(item, namespace)),
        Value::Object(members) => members.values_mut().for_each(|member| mask(member, namespace)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// `<mark of the key>-<hash>` of a value that Azure never shows; key and UID are the run's own.
fn is_fingerprint(text: &str) -> bool {
    let is_hex = |part: &str| part.chars().all(|c| c.is_ascii_hexdigit());
    text.split_once('-').is_some_and(|(mark, hash)| (mark.len(), hash.len()) == (8, 16) && is_hex(mark) && is_hex(hash))
}

fn mask_text(text: &str) -> String {
    let is_uuid = |word: &str| word.len() == 36 && word.split('-').map(str::len).eq([8, 4, 4, 4, 12]);
    let mut masked = String::new();
    for part in text.split_inclusive(|c: char| !c.is_ascii_hexdigit() && c != '-') {
        let word = part.trim_end_matches(|c: char| !c.is_ascii_hexdigit() && c != '-');
        masked.push_str(if is_uuid(word) { "<uuid>" } else { word });
        masked.push_str(&part[word.len()..]);
    }
    masked
}

/// What differs between two ends, by path.
pub fn differences(wanted: &Value, found: &Value) -> Vec<String> {
    let mut all = Vec::new();
    compare("", wanted, found, &mut all);
    all
}

fn compare(path: &str, wanted: &Value, found: &Value, all: &mut Vec<String>) {
    match (wanted, found) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for key in keys {
                compare(&format!("{path}/{key}"), &wanted[key], &found[key], all);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (index, (a, b)) in a.iter().zip(b).enumerate() {
                compare(&format!("{path}/{index}"), a, b, all);
            }
        }
        _ if wanted != found => all.push(format!("{path} is {found} instead of {wanted}")),
        _ => {}
    }
}

/// The operation an accepted write began or joined.
fn operation(entry: &Entry) -> Option<String> {
    let url = entry.response_headers.get("azure-asyncoperation")?;
    url.split('?').next()?.rsplit('/').next().map(str::to_owned)
}

/// Writes of a method to computes that Azure accepted, told apart by the operation they began.
fn accepted(journal: &[Entry], method: &str) -> usize {
    let writes = journal.iter().filter(|e| e.method == method && e.path.contains("/computes/"));
    writes.filter_map(operation).collect::<BTreeSet<_>>().len()
}

/// What Azure accepted in the later part of the journal, given the earlier.
fn effects(earlier: &[Entry], journal: &[Entry]) -> Effects {
    let made = |journal: &[Entry]| -> BTreeSet<String> {
        let puts = journal.iter().filter(|e| e.method == "PUT");
        puts.filter_map(|e| e.response_body["properties"]["createdOn"].as_str().map(str::to_owned)).collect()
    };
    Effects {
        puts: accepted(journal, "PUT"),
        patches: accepted(journal, "PATCH"),
        deletes: accepted(journal, "DELETE"),
        posts: accepted(journal, "POST"),
        incarnations: made(journal).difference(&made(earlier)).count(),
    }
}

/// Everything that is wrong with the end of a run; nothing if it is as it should be. `since` is the journal's number
/// at which the workload began.
pub async fn faults(rig: &Rig, workload: Workload, since: u64, reference: &Value) -> Result<Vec<String>> {
    let mut faults = differences(reference, &end_state(rig, workload.subject()).await?);
    faults.extend(azure_faults(rig, workload).await?);
    let all = rig.emulator.journal();
    let (earlier, journal) = all.split_at(all.partition_point(|entry| entry.seq <= since));
    let (wanted, found) = (workload.effects(), effects(earlier, journal));
    if wanted != found {
        let writes = journal.iter().filter(|e| e.method != "GET" && e.path.contains("/computes/"));
        let writes: Vec<String> = writes.map(|e| format!("{} {:?}", e.method, e.status)).collect();
        faults.push(format!("azure carried out {found:?} instead of {wanted:?}: {}", writes.join(", ")));
    }
    let action = format!("underlyingResourceAction={}", workload.subject().underlying_action());
    let others = journal.iter().filter(|e| e.method == "DELETE" && !e.query.contains(&action));
    faults.extend(others.map(|e| format!("a DELETE without {action}: {}", e.query)));
    let log = rig.log();
    faults.extend(
        log.lines().filter(|line| BUGS.iter().any(|bug| line.contains(bug))).map(|line| format!("log: {line}")),
    );
    if workload.subject() == Subject::Attachment {
        faults.extend(attachment::faults(rig, workload).await?);
    }
    Ok(faults)
}

/// What is wrong with Azure, whatever a run without a crash says: one compute as declared, ours, with what others set,
/// or none.
async fn azure_faults(rig: &Rig, workload: Workload) -> Result<Vec<String>> {
    let computes = rig.computes();
    if workload.removes() {
        return Ok(computes.iter().map(|compute| format!("azure has still {compute}")).collect());
    }
    let [compute] = computes.as_slice() else {
        return Ok(vec![format!("azure has {} computes instead of one", computes.len())]);
    };
    let subject = workload.subject();
    let object = subject.object(rig).await.map_err(Error::new)?;
    let (spec, inner) = (&object["spec"], &compute["properties"]["properties"]);
    let (key, value) = FOREIGN_TAG;
    let foreign = if workload.has_foreign_tag() { json!(value) } else { Value::Null };
    let checks = [
        ("name", &compute["name"], &json!(subject.name())),
        ("owner", &compute["tags"]["azureml-operator-uid"], &object["metadata"]["uid"]),
        ("state", &compute["properties"]["provisioningState"], &json!("Succeeded")),
        ("size", &inner["vmSize"], &spec["vmSize"]),
        ("most nodes", &inner["scaleSettings"]["maxNodeCount"], &spec["scale"]["maxNodes"]),
        ("identity", &compute["identity"]["type"], &spec["identity"]["type"]),
        ("tag of somebody else", &compute["tags"][key], &foreign),
    ];
    let wrong = checks.into_iter().filter(|(_, found, wanted)| found != wanted);
    Ok(wrong.map(|(what, found, wanted)| format!("in azure the {what} is {found} instead of {wanted}")).collect())
}
