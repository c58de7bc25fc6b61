//! The published contract judges the emulator: its operations and examples.
//!
//! Must not judge the documents: where Azure itself leaves them, the recordings say so.

use std::collections::BTreeSet;

use support::conformance::{Difference, Judge, Section};

use crate::TMP;
use crate::allowed::Allowed;
use crate::compare::Finding;
use crate::contract::{Contract, DOCUMENTS, Exchanged, examples, excuses::Excuses};

#[tokio::test]
async fn published_examples_are_accepted_and_every_operation_is_reached() {
    let allowed = Allowed::read("contract.json");
    let mut sent = Section::new(Judge::Contract, "published examples");
    let mut reached = Section::new(Judge::Contract, "operations reached");
    for (version, file) in DOCUMENTS {
        let contract = Contract::read(file);
        let excuses = Excuses::of(&contract);
        let undeclared = excuses.undeclared();
        sent.note(format!("Undeclared in {version}, and sent by Azure all the same: {}.", undeclared.join(", ")));
        let mut answered: BTreeSet<String> = BTreeSet::new();
        for example in examples::all(version) {
            let name = format!("{version} {}", example.name);
            let (method, target) = example.request();
            if contract.operation(method, &target).is_none() {
                sent.not_tried(name, "its operation is not in the part of the document that is at hand");
                continue;
            }
            let world = example.world().await;
            let reply = world.send(method, &target, example.sent().as_ref()).await;
            world.emulator.stop().await;
            let exchanged = Exchanged {
                method,
                target: &target,
                request: example.body(),
                status: reply.status,
                answer: &reply.body,
            };
            let (operation, mut findings) = contract.judge(&exchanged).unwrap();
            findings.extend(example.lacks(&reply));
            let explain = |finding: &Finding| Difference {
                what: format!("{operation}: {} ({:?}): {}", finding.at, finding.kind, finding.text),
                reason: excuses.reason(operation, &reply.body, finding).or_else(|| allowed.reason(&name, finding)),
            };
            let mut differences: Vec<Difference> = findings.iter().map(explain).collect();
            if reply.status < 300 {
                answered.insert(operation.to_owned());
            } else {
                let what = format!("{operation}: refused with {}: {}", reply.status, reply.body);
                differences.push(Difference { what, reason: None });
            }
            sent.tried(name, differences);
        }
        for operation in &contract.operations {
            let missed = Difference { what: "no request was answered with success".into(), reason: None };
            let differences = if answered.contains(&operation.id) { Vec::new() } else { vec![missed] };
            reached.tried(format!("{version} {}", operation.id), differences);
        }
    }
    sent.write(TMP).unwrap();
    reached.write(TMP).unwrap();
    println!("examples {:?}, operations {:?}", sent.tally(), reached.tally());
    let (wrong, missed, unused) = (sent.unexplained(), reached.unexplained(), allowed.unused());
    assert!(wrong.is_empty(), "{} differences have no reason:\n{}", wrong.len(), wrong.join("\n"));
    assert!(missed.is_empty(), "operations that nothing reached:\n{}", missed.join("\n"));
    assert!(unused.is_empty(), "rows of contract.json that nothing needs:\n{}", unused.join("\n"));
}
