//! The published contract: which operations there are, and what their requests and answers look like.
//!
//! Must not know the emulator. Where Azure itself was recorded to leave the contract, the recording is the reason.

pub(crate) mod examples;
pub(crate) mod excuses;
pub(crate) mod schema;

use std::collections::BTreeMap;

use jsonschema::{Draft, Validator, error::ValidationErrorKind};
use serde_json::Value;

use crate::compare::{Finding, Kind};
use schema::{Documents, MAIN};

/// The documents, and the api-version that each is for.
pub(crate) const DOCUMENTS: [(&str, &str); 3] = [
    ("2024-04-01", "2024-04-01.compute.trimmed.json"),
    ("2024-04-01-preview", "2024-04-01-preview.compute.trimmed.json"),
    ("2026-05-01", "2026-05-01.compute.reconstructed.json"),
];

/// One operation of a document.
pub(crate) struct Operation {
    /// As in `Compute_Get`.
    pub(crate) id: String,
    /// The published examples that the document names for it, as in `Compute/get/AmlCompute`.
    pub(crate) examples: Vec<String>,
    method: String,
    /// The segments of its path in lower case; `None` for a parameter.
    segments: Vec<Option<String>>,
    request: Option<Validator>,
    /// By status; `None`: without a body.
    answers: BTreeMap<u16, Option<Validator>>,
    /// The answer to everything else.
    refusal: Option<Validator>,
}

/// One document.
pub(crate) struct Contract {
    pub(crate) operations: Vec<Operation>,
}

/// A request and its answer.
pub(crate) struct Exchanged<'a> {
    pub(crate) method: &'a str,
    /// Path and query.
    pub(crate) target: &'a str,
    pub(crate) request: Option<&'a Value>,
    pub(crate) status: u16,
    pub(crate) answer: &'a Value,
}

impl Contract {
    /// Reads a document.
    pub(crate) fn read(file: &str) -> Self {
        let documents = Documents::read(file);
        let mut operations = Vec::new();
        for (path, methods) in documents.main()["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap().iter().filter(|(name, _)| *name != "parameters") {
                operations.push(Operation::of(&documents, path, method, operation));
            }
        }
        Self { operations }
    }

    /// The operation that a request is, if it is one of the document's.
    pub(crate) fn operation(&self, method: &str, target: &str) -> Option<&Operation> {
        let path = target.split('?').next().unwrap_or_default().to_ascii_lowercase();
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        self.operations.iter().find(|operation| {
            let fits = |(segment, part): (&Option<String>, &&str)| segment.as_ref().is_none_or(|name| name == part);
            operation.method.eq_ignore_ascii_case(method)
                && operation.segments.len() == parts.len()
                && operation.segments.iter().zip(&parts).all(fits)
        })
    }

    /// Where a request and its answer are not as the document says; the operation's id with it, `None` if it has none.
    pub(crate) fn judge(&self, exchanged: &Exchanged<'_>) -> Option<(&str, Vec<Finding>)> {
        let operation = self.operation(exchanged.method, exchanged.target)?;
        let mut findings = Vec::new();
        if let Some((validator, body)) = operation.request.as_ref().zip(exchanged.request) {
            findings.extend(wrong("request", validator, body));
        }
        let refused = exchanged.status >= 400;
        match operation.answers.get(&exchanged.status) {
            Some(Some(validator)) => findings.extend(wrong("answer", validator, exchanged.answer)),
            Some(None) if !exchanged.answer.is_null() => {
                findings.push(Finding { at: "answer".into(), kind: Kind::Undeclared, text: "a body".into() });
            }
            Some(None) => {}
            None if refused => {
                // A compute that is absent has no body at all (recorded 2023).
                if let Some(validator) = operation.refusal.as_ref().filter(|_| !exchanged.answer.is_null()) {
                    findings.extend(wrong("refusal", validator, exchanged.answer));
                }
            }
            None => {
                let text = format!("status {}", exchanged.status);
                findings.push(Finding { at: format!("status {}", exchanged.status), kind: Kind::Undeclared, text });
                // The same body is declared for another success of the operation.
                if let Some(Some(validator)) = operation.answers.values().find(|answer| answer.is_some()) {
                    findings.extend(wrong("answer", validator, exchanged.answer));
                }
            }
        }
        Some((&operation.id, findings))
    }
}

impl Operation {
    fn of(documents: &Documents, path: &str, method: &str, operation: &Value) -> Self {
        let compile = |file: &str, schema: &Value| {
            let schema = documents.schema(file, schema);
            let options = jsonschema::options().with_draft(Draft::Draft202012).should_validate_formats(true);
            options.build(&schema).unwrap_or_else(|error| panic!("{method} {path}: {error}"))
        };
        let parameters = operation["parameters"].as_array().into_iter().flatten().map(|parameter| {
            match parameter["$ref"].as_str() {
                Some(reference) => {
                    let (file, _, found) = documents.resolve(MAIN, reference);
                    (file, found)
                }
                None => (MAIN, parameter),
            }
        });
        let mut parameters = parameters.filter(|(_, parameter)| parameter["in"] == "body");
        let request = parameters.next().map(|(file, parameter)| compile(file, &parameter["schema"]));
        let mut answers = BTreeMap::new();
        let mut refusal = None;
        for (status, answer) in operation["responses"].as_object().unwrap() {
            let validator = answer.get("schema").map(|schema| compile(MAIN, schema));
            match status.parse() {
                Ok(status) => drop(answers.insert(status, validator)),
                Err(_) => refusal = validator,
            }
        }
        let segment = |part: &str| (!part.starts_with('{')).then(|| part.to_ascii_lowercase());
        let segments = path.split('/').filter(|part| !part.is_empty()).map(segment).collect();
        let id = operation["operationId"].as_str().unwrap().to_owned();
        let named = operation["x-ms-examples"].as_object().into_iter().flat_map(serde_json::Map::values);
        let name = |example: &Value| {
            let file = example["$ref"].as_str().unwrap();
            file.trim_start_matches("./examples/").trim_end_matches(".json").to_owned()
        };
        let examples = named.map(name).collect();
        Self { id, examples, method: method.to_owned(), segments, request, answers, refusal }
    }
}

/// What of a body is not as its schema says. Indices of lists are left out of the places: one item is like another.
fn wrong(part: &str, validator: &Validator, body: &Value) -> Vec<Finding> {
    let mut findings = Vec::new();
    for error in validator.iter_errors(body) {
        let path = error.instance_path().to_string();
        let at = path.split('/').map(|name| if name.parse::<usize>().is_ok() { "*" } else { name });
        let at = format!("{part} {}", at.collect::<Vec<_>>().join("/"));
        if let ValidationErrorKind::AdditionalProperties { unexpected } = error.kind() {
            let undeclared = |name: &String| Finding {
                at: format!("{at}/{name}"),
                kind: Kind::Undeclared,
                text: "is not declared".to_owned(),
            };
            findings.extend(unexpected.iter().map(undeclared));
        } else {
            let text = error.to_string();
            let text = text.chars().take(160).collect();
            let kind = if error.instance().is_null() { Kind::Null } else { Kind::Invalid };
            findings.push(Finding { at, kind, text });
        }
    }
    findings.sort_by(|one, other| (&one.at, one.kind).cmp(&(&other.at, other.kind)));
    findings.dedup_by(|one, other| one.at == other.at && one.kind == other.kind);
    findings
}
