//! Rules: for each field of a kind, where it stands on the wire, how it is compared, and how it can be changed.
//!
//! Must not know any kind: a kind brings its rules as data.

use arm::{ComputeAction, parse_duration, same_id, same_location};
use serde_json::Value;

/// How a field can be changed once the compute exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// By PATCH of the scale settings.
    Patch,
    /// By PUT of a changed GET: tags and identity of most types.
    Put,
    /// By this action of the compute's own, and by nothing else.
    Post(ComputeAction),
    /// By deleting the compute and making it again.
    Recreate,
}

/// A comparison that a kind brings for a field of its own.
#[derive(Clone, Copy, Debug)]
pub struct Comparison {
    /// Whether Azure's value, the second, is what was declared.
    pub same: fn(&Value, &Value) -> bool,
    /// A value for people, without what must not be shown.
    pub show: fn(&Value) -> String,
}

/// How a declared value is compared with Azure's.
#[derive(Clone, Copy, Debug)]
pub enum Compare {
    /// As it is.
    Exact,
    /// Without case: sizes, enumerations.
    NoCase,
    /// As ARM ids.
    ArmId,
    /// As regions: without case and spaces.
    Location,
    /// As durations, by value.
    Duration,
    /// As public keys: type and key, without the comment.
    PublicKey,
    /// Without case; the word given here leaves the choice to Azure and differs from nothing.
    NoCaseUnless(&'static str),
    /// As the kind says.
    By(Comparison),
}

/// What a missing value of Azure's means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// Nothing is there.
    Nothing,
    /// Azure may keep it to itself: no difference is concluded.
    Untold,
    /// This text.
    Text(&'static str),
    /// This switch position.
    Flag(bool),
    /// This number.
    Number(i64),
    /// The value at this other pointer.
    At(&'static str),
}

/// One rule.
#[derive(Clone, Copy, Debug)]
pub struct FieldRule {
    /// Path in the object, as people know it.
    pub field: &'static str,
    /// JSON pointer in the body, the same in PUT and GET.
    pub pointer: &'static str,
    /// How it is compared.
    pub compare: Compare,
    /// What it means when Azure's answer lacks it or has null.
    pub missing: Missing,
    /// How it can be changed.
    pub change: Change,
}

/// One field in which Azure differs from what is declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Path in the object.
    pub field: String,
    /// What Azure has, for people.
    pub from: String,
    /// What is declared, for people.
    pub to: String,
    /// How it can be changed.
    pub change: Change,
}

/// Compares what the owner wrote, and nothing else: a rule whose pointer is absent in `desired` finds nothing. How a
/// difference can be carried out may depend on the object.
pub(crate) fn differences(
    rules: &[FieldRule],
    change: impl Fn(&FieldRule) -> Change,
    desired: &Value,
    seen: &Value,
) -> Vec<Difference> {
    let of = |rule: &FieldRule| Some(Difference { change: change(rule), ..difference(rule, desired, seen)? });
    rules.iter().filter_map(of).collect()
}

fn difference(rule: &FieldRule, desired: &Value, seen: &Value) -> Option<Difference> {
    let wanted = desired.pointer(rule.pointer).filter(|value| !value.is_null())?;
    let found = found(rule, seen);
    let untold = found.is_null() && matches!(rule.missing, Missing::Untold);
    if untold || equal(rule.compare, wanted, &found) {
        return None;
    }
    let show = |value: &Value| match rule.compare {
        Compare::By(comparison) => cut((comparison.show)(value)),
        Compare::Exact
        | Compare::NoCase
        | Compare::ArmId
        | Compare::Location
        | Compare::Duration
        | Compare::PublicKey
        | Compare::NoCaseUnless(_) => show(value),
    };
    Some(Difference { field: rule.field.into(), from: show(&found), to: show(wanted), change: rule.change })
}

fn found(rule: &FieldRule, seen: &Value) -> Value {
    if let Some(value) = seen.pointer(rule.pointer).filter(|value| !value.is_null()) {
        return value.clone();
    }
    match rule.missing {
        Missing::Nothing | Missing::Untold => Value::Null,
        Missing::Text(text) => text.into(),
        Missing::Flag(flag) => flag.into(),
        Missing::Number(number) => number.into(),
        Missing::At(pointer) => seen.pointer(pointer).cloned().unwrap_or_default(),
    }
}

fn equal(compare: Compare, wanted: &Value, found: &Value) -> bool {
    let texts = |same: fn(&str, &str) -> bool| match (wanted.as_str(), found.as_str()) {
        (Some(wanted), Some(found)) => same(wanted, found),
        (Some(_) | None, _) => wanted == found,
    };
    match compare {
        Compare::Exact => wanted == found,
        Compare::NoCase => texts(str::eq_ignore_ascii_case),
        Compare::ArmId => texts(same_id),
        Compare::Location => texts(same_location),
        Compare::Duration => texts(|a, b| parse_duration(a) == parse_duration(b)),
        Compare::PublicKey => texts(|a, b| a.split_whitespace().take(2).eq(b.split_whitespace().take(2))),
        Compare::NoCaseUnless(any) => wanted.as_str() == Some(any) || texts(str::eq_ignore_ascii_case),
        Compare::By(comparison) => (comparison.same)(wanted, found),
    }
}

/// A value for people.
fn show(value: &Value) -> String {
    match value {
        Value::Null => "nothing".into(),
        Value::String(text) => cut(text.clone()),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => cut(value.to_string()),
    }
}

/// At most 256 characters.
fn cut(text: String) -> String {
    if text.len() <= 256 { text } else { text.chars().take(256).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn differs(compare: Compare, missing: Missing, wanted: &Value, found: &Value) -> bool {
        let rule = FieldRule { field: "f", pointer: "/f", compare, missing, change: Change::Recreate };
        difference(&rule, &json!({ "f": wanted }), &json!({ "f": found })).is_some()
    }

    #[test]
    fn what_azure_normalises_is_no_difference() {
        for (compare, missing, wanted, found) in [
            (Compare::NoCase, Missing::Nothing, json!("Standard_D2_v2"), json!("STANDARD_D2_V2")),
            (Compare::NoCase, Missing::Text("Dedicated"), json!("Dedicated"), json!(null)),
            (Compare::Duration, Missing::Nothing, json!("40m"), json!("PT40M")),
            (Compare::Duration, Missing::Nothing, json!("PT100S"), json!("PT1M40S")),
            (Compare::Location, Missing::Nothing, json!("West Europe"), json!("westeurope")),
            (
                Compare::ArmId,
                Missing::Nothing,
                json!("/Subscriptions/A/resourceGroups/b"),
                json!("/subscriptions/a/resourcegroups/B"),
            ),
            (Compare::Exact, Missing::Flag(true), json!(true), json!(null)),
            (Compare::Exact, Missing::Number(0), json!(0), json!(null)),
            (Compare::PublicKey, Missing::Nothing, json!("ssh-ed25519 AAAA me@home"), json!("ssh-ed25519 AAAA")),
            (Compare::NoCaseUnless("NotSpecified"), Missing::Nothing, json!("NotSpecified"), json!("Disabled")),
            (Compare::Exact, Missing::Nothing, json!(null), json!("what the owner did not write")),
            (Compare::Exact, Missing::Untold, json!("sent"), json!(null)),
        ] {
            assert!(!differs(compare, missing, &wanted, &found), "{wanted} against {found}");
        }
    }

    #[test]
    fn what_the_owner_wrote_and_azure_has_not_is_a_difference() {
        for (compare, missing, wanted, found) in [
            (Compare::NoCase, Missing::Text("Dedicated"), json!("LowPriority"), json!(null)),
            (Compare::Exact, Missing::Flag(true), json!(false), json!(null)),
            (Compare::Duration, Missing::Nothing, json!("PT40M"), json!("PT2M")),
            (Compare::Exact, Missing::Nothing, json!(4), json!(8)),
            (Compare::Exact, Missing::Nothing, json!("text"), json!(null)),
            (Compare::Exact, Missing::Untold, json!("sent"), json!("another")),
        ] {
            assert!(differs(compare, missing, &wanted, &found), "{wanted} against {found}");
        }
    }
}
