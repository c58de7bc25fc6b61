//! What ARM and the resource provider say when something failed, in every shape that was recorded.
//!
//! Must not classify: which failure is retried, and how, is the decision core's.

use serde_json::Value;

/// One error, whatever envelope it came in. Messages are cut and cleaned so that they may be shown to people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ArmError {
    /// The outermost code, empty when the answer had none.
    pub code: String,
    /// What it says, at most 1,024 characters, control characters removed; of a longer message beginning and end.
    pub message: String,
    /// What it is about, where Azure says so.
    pub target: Option<String>,
    /// Codes of `details`, `innerError` and `additionalInfo.type`, outermost first: the resource provider's generic
    /// `UserError` hides the telling code there (azureml-api.md e.1).
    pub inner_codes: Vec<String>,
}

/// Longest message that is kept; conditions allow 32 KiB, people read less.
const MESSAGE_LIMIT: usize = 1024;
/// How deep nested errors are followed. Real ones nest two or three levels.
const DEPTH_LIMIT: usize = 8;

impl ArmError {
    /// Reads an error body: `{"error":{…}}`, a doubly nested one, or a bare `{code,message}`. `None` if it is no JSON
    /// object with a code or a message (empty and HTML bodies exist).
    pub fn from_body(body: &[u8]) -> Option<Self> {
        Self::from_value(&serde_json::from_slice(body).ok()?)
    }

    /// The same, from a parsed value.
    pub fn from_value(value: &Value) -> Option<Self> {
        let mut inner = value;
        for _ in 0..DEPTH_LIMIT {
            match inner.get("error") {
                Some(next) if next.is_object() => inner = next,
                Some(_) | None => break,
            }
        }
        let text = |key: &str| inner.get(key).and_then(Value::as_str);
        let (code, message) = (text("code"), text("message"));
        if code.is_none() && message.is_none() {
            return None;
        }
        let mut inner_codes = Vec::new();
        collect_codes(inner, 0, &mut inner_codes);
        Some(Self {
            code: clean(code.unwrap_or_default(), 128),
            message: shortened(&clean(message.unwrap_or_default(), usize::MAX)),
            target: text("target").map(|t| clean(t, 256)),
            inner_codes,
        })
    }

    /// Reads `provisioningErrors` or `errors` of a resource: a list of `{"error":{…}}`; null is the empty list.
    pub fn list(value: Option<&Value>) -> Vec<Self> {
        value.and_then(Value::as_array).into_iter().flatten().filter_map(Self::from_value).collect()
    }

    /// Whether the code, or one hidden below it, is this one (without case).
    pub fn has_code(&self, code: &str) -> bool {
        self.code.eq_ignore_ascii_case(code) || self.inner_codes.iter().any(|inner| inner.eq_ignore_ascii_case(code))
    }
}

fn collect_codes(value: &Value, depth: usize, codes: &mut Vec<String>) {
    if depth > DEPTH_LIMIT || codes.len() >= 16 {
        return;
    }
    let lists = ["details", "additionalInfo"].into_iter().filter_map(|key| value.get(key)?.as_array()).flatten();
    let singles = ["innerError", "innererror"].into_iter().filter_map(|key| value.get(key));
    for child in lists.chain(singles) {
        if let Some(code) = child.get("code").or_else(|| child.get("type")).and_then(Value::as_str) {
            codes.push(clean(code, 128));
        }
        collect_codes(child, depth + 1, codes);
    }
}

/// Cuts the middle out of a long message: its beginning says what failed, its end why.
fn shortened(message: &str) -> String {
    let length = message.chars().count();
    if length <= MESSAGE_LIMIT {
        return message.to_owned();
    }
    let head = message.chars().take(MESSAGE_LIMIT / 4);
    let tail = message.chars().skip(length - (MESSAGE_LIMIT - MESSAGE_LIMIT / 4 - 1));
    head.chain(std::iter::once('…')).chain(tail).collect()
}

/// Folds control characters to spaces and cuts at a character border.
fn clean(text: &str, limit: usize) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(limit).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_recorded_shape_is_read() {
        let provider = json!({"error":{"code":"UserError","severity":null,"message":"no","details":[],"innerError":{"code":"BadArgument","innerError":{"code":"Deep"}}},"correlation":{}});
        let error = ArmError::from_value(&provider).unwrap();
        assert_eq!(error.inner_codes, ["BadArgument", "Deep"]);
        assert!(error.has_code("deep"));
        let gateway = br#"{"error":{"code":"ParentResourceNotFound","message":"Failed to perform 'delete'"}}"#;
        assert_eq!(ArmError::from_body(gateway).unwrap().code, "ParentResourceNotFound");
        let doubled = json!({"error":{"error":{"code":"X","message":"y"}}});
        assert_eq!(ArmError::from_value(&doubled).unwrap().code, "X");
        let policy = json!({"error":{"code":"RequestDisallowedByPolicy","message":"m","additionalInfo":[{"type":"PolicyViolation","info":{}}]}});
        assert!(ArmError::from_value(&policy).unwrap().has_code("PolicyViolation"));
    }

    #[test]
    fn body_that_is_no_error_is_none() {
        for body in [&b""[..], b"<html>", b"{}", b"[]", b"null", b"{\"error\":null}"] {
            assert_eq!(ArmError::from_body(body), None);
        }
    }

    #[test]
    fn message_is_cut_and_cleaned() {
        let error = ArmError::from_value(&json!({"code":"c","message":format!("a\r\nb{}", "x".repeat(5000))})).unwrap();
        assert!(error.message.starts_with("a  bx"));
        assert_eq!(error.message.chars().count(), 1024);
        let script = json!({"code":"c","message":format!("setup failed: {} pip: no such package", "x".repeat(5000))});
        let error = ArmError::from_value(&script).unwrap();
        assert!(error.message.starts_with("setup failed") && error.message.ends_with("no such package"), "{error:?}");
    }
}
