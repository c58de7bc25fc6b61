//! Every CEL rule, from both sides, without a server.
//!
//! Must not be the only judge: an evaluator is not the API server. tests/crds runs the same rows against a real one.
// A test that cannot go on fails: clippy's leave for tests does not reach the functions beside them.
#![allow(clippy::unwrap_used)]

mod cases;

use cases::{Case, Verdict};
use kube_cel::{CompiledSchema, Validator, apply_defaults, compile_schema};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

fn schemas() -> BTreeMap<String, Value> {
    let schema = |crd: Value| crd.pointer("/spec/versions/0/schema/openAPIV3Schema").unwrap().clone();
    amlco_api::all_crds()
        .into_iter()
        .map(|crd| (crd.spec.names.kind.clone(), schema(serde_json::to_value(crd).unwrap())))
        .collect()
}

/// Every row, with the messages of the rules that refuse it. Evaluated once: both tests need all of it.
fn judged() -> &'static [(Case, Vec<String>)] {
    static JUDGED: OnceLock<Vec<(Case, Vec<String>)>> = OnceLock::new();
    JUDGED.get_or_init(|| {
        let compiled = |(kind, schema): (String, Value)| (kind, (compile_schema(&schema), schema));
        let schemas: BTreeMap<String, (CompiledSchema, Value)> = schemas().into_iter().map(compiled).collect();
        let judge = |case: Case| {
            let (compiled, schema) = &schemas[case.object["kind"].as_str().unwrap()];
            let refusals = refusals(compiled, schema, &case);
            (case, refusals)
        };
        cases::all().into_iter().map(judge).collect()
    })
}

/// The messages of the rules that refuse.
fn refusals(compiled: &CompiledSchema, schema: &Value, case: &Case) -> Vec<String> {
    // The API server fills in defaults before it asks the rules.
    let new = apply_defaults(schema, &case.object);
    let old = case.old.as_ref().map(|old| apply_defaults(schema, old));
    match Validator::new().validate_compiled(compiled, &new, old.as_ref()) {
        Ok(()) => Vec::new(),
        Err(errors) => errors.into_vec().into_iter().map(|error| error.message).collect(),
    }
}

#[test]
fn rules_accept_and_refuse_as_the_table_says() {
    let mut wrong = Vec::new();
    for (case, refusals) in judged() {
        let right = match case.verdict {
            Verdict::Accepted => refusals.is_empty(),
            Verdict::Rule(part) => refusals.iter().any(|message| message.contains(part)),
            // Bounds, types and enums are the schema's: only a server tells them.
            Verdict::Schema(_) => true,
        };
        if !right {
            wrong.push(format!("{}: wanted {:?}, got {refusals:?}", case.name, case.verdict));
        }
    }
    assert!(wrong.is_empty(), "{} rows are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_rule_refuses_something_in_the_table() {
    let mut silent = BTreeSet::new();
    for schema in schemas().values() {
        collect_messages(schema, &mut silent);
    }
    assert!(silent.len() > 30, "the walk must find the rules: {silent:?}");
    for message in judged().iter().flat_map(|(_, refusals)| refusals) {
        silent.remove(message);
    }
    assert!(silent.is_empty(), "no row of the table is refused by: {silent:#?}");
}

fn collect_messages(schema: &Value, messages: &mut BTreeSet<String>) {
    match schema {
        Value::Object(fields) => {
            for rule in fields.get("x-kubernetes-validations").and_then(Value::as_array).into_iter().flatten() {
                messages.insert(rule["message"].as_str().expect("every rule has a message").to_owned());
            }
            fields.values().for_each(|field| collect_messages(field, messages));
        }
        Value::Array(items) => items.iter().for_each(|item| collect_messages(item, messages)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn every_row_has_a_name_of_its_own() {
    let mut names = BTreeSet::new();
    for case in cases::all() {
        assert!(names.insert(case.name.clone()), "twice: {}", case.name);
    }
}
