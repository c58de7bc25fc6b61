//! The published contract judges the emulator: its operations and examples.
//!
//! Must not judge the documents: where Azure itself leaves them, the recordings say so.

use std::collections::BTreeSet;

use support::conformance::{Difference, Judge, Section};

use crate::TMP;
use crate::allowed::Allowed;
use crate::compare::Finding;
use crate::contract::examples::Example;
use crate::contract::{Contract, DOCUMENTS, Exchanged, examples, excuses::Excuses};

/// A document and what Azure was recorded to do beside it.
struct Document {
    contract: Contract,
    excuses: Excuses,
}

impl Document {
    fn of(version: &str) -> Option<Self> {
        let (_, file) = DOCUMENTS.iter().find(|(known, _)| *known == version)?;
        let contract = Contract::read(file);
        Some(Self { excuses: Excuses::of(&contract), contract })
    }
}

/// What came of an example.
struct Judged {
    /// The operation that it reached; `None` if no document has it.
    operation: Option<String>,
    accepted: bool,
    differences: Vec<Difference>,
}

#[tokio::test]
async fn published_examples_are_accepted_and_every_operation_is_reached() {
    let allowed = Allowed::read("contract.json");
    let mut sent = Section::new(Judge::Contract, "published examples");
    let mut reached = Section::new(Judge::Contract, "operations reached");
    let mut versions: BTreeSet<String> = examples::versions().into_iter().collect();
    let published: Vec<String> =
        versions.iter().map(|version| format!("{} of {version}", examples::all(version).len())).collect();
    versions.extend(DOCUMENTS.iter().map(|(version, _)| (*version).to_owned()));
    let mut alone: Vec<String> = Vec::new();
    for version in versions {
        let document = Document::of(&version);
        let mut answered: BTreeSet<String> = BTreeSet::new();
        let mut names: BTreeSet<String> = BTreeSet::new();
        for example in examples::all(&version) {
            let name = format!("{version} {}", example.name);
            let judged = judge(&example, &name, document.as_ref(), &allowed).await;
            match judged.operation {
                Some(operation) if judged.accepted => drop(answered.insert(operation)),
                Some(_) => {}
                None => alone.push(name.clone()),
            }
            sent.tried(name, judged.differences);
            names.insert(example.name);
        }
        let Some(Document { contract, excuses }) = document else { continue };
        let undeclared = excuses.undeclared().join(", ");
        sent.note(format!("Undeclared in {version}, and sent by Azure all the same: {undeclared}."));
        for operation in &contract.operations {
            for named in operation.examples.iter().filter(|named| !names.contains(*named)) {
                let absent = Difference { what: "the document names it, and it is not at hand".into(), reason: None };
                sent.tried(format!("{version} {named}"), vec![absent]);
            }
            let missed = Difference { what: "no request was answered with success".into(), reason: None };
            let differences = if answered.contains(&operation.id) { Vec::new() } else { vec![missed] };
            reached.tried(format!("{version} {}", operation.id), differences);
        }
    }
    sent.note(format!(
        "Files of examples: {}. Each was sent in its version, those of 2024-04-01 as 2026-05-01 too: {} requests. No \
         document at hand has the operations of these, which are judged by the examples alone: {}.",
        published.join(", "),
        sent.tally().tried,
        alone.join(", ")
    ));
    sent.write(TMP).unwrap();
    reached.write(TMP).unwrap();
    println!("examples {:?}, operations {:?}", sent.tally(), reached.tally());
    let (wrong, missed, unused) = (sent.unexplained(), reached.unexplained(), allowed.unused());
    assert!(wrong.is_empty(), "{} differences have no reason:\n{}", wrong.len(), wrong.join("\n"));
    assert!(missed.is_empty(), "operations that nothing reached:\n{}", missed.join("\n"));
    assert!(unused.is_empty(), "rows of contract.json that nothing needs:\n{}", unused.join("\n"));
}

/// Sends an example and compares the answer with its document, or with the example alone if no document has its operation.
async fn judge(example: &Example, name: &str, document: Option<&Document>, allowed: &Allowed) -> Judged {
    let (method, target) = example.request();
    let world = example.world().await;
    let reply = world.send(method, &target, example.sent().as_ref()).await;
    world.emulator.stop().await;
    let (status, answer) = (reply.status, &reply.body);
    let exchanged = Exchanged { method, target: &target, request: example.body(), status, answer };
    let judged = document.and_then(|document| Some((document, document.contract.judge(&exchanged)?)));
    let (operation, excuses, mut findings) = match judged {
        Some((document, (operation, findings))) => (Some(operation), Some(&document.excuses), findings),
        None => (None, None, example.unlike(&reply)),
    };
    findings.extend(example.lacks(&reply));
    let told = operation.unwrap_or(name);
    let explain = |finding: &Finding| Difference {
        what: format!("{told}: {} ({:?}): {}", finding.at, finding.kind, finding.text),
        reason: excuses
            .and_then(|excuses| excuses.reason(told, answer, finding))
            .or_else(|| allowed.reason(name, finding)),
    };
    let mut differences: Vec<Difference> = findings.iter().map(explain).collect();
    let accepted = status < 300;
    if !accepted {
        differences.push(Difference { what: format!("{told}: refused with {status}: {answer}"), reason: None });
    }
    Judged { operation: operation.map(str::to_owned), accepted, differences }
}
