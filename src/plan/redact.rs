//! Takes the values of an object's Secrets out of what is said of it: Azure repeats what it refuses.
//!
//! Must not be the reason to show a value: it is the last line, behind bodies that cannot be printed.

use crate::action::{Plan, Verdict};
use crate::failure::{Cause, Failure};
use crate::inputs::{Refs, SecretState};
use api::ProvisioningError;

/// What stands in the place of a value.
const HIDDEN: &str = "[redacted]";
/// Shorter values are not looked for: they would be found in the words of every message, and no service takes them.
const SHORTEST: usize = 4;
/// Words of a value that are this long are secret by themselves: a key without its type, a line of a private key.
const LONG_WORD: usize = 16;

/// A text without the values.
pub(crate) fn text(refs: &Refs, text: &mut String) {
    for state in refs.secrets.values() {
        let SecretState::Value(secret) = state else { continue };
        let whole = secret.expose();
        let words = whole.split_whitespace().filter(|word| word.len() >= LONG_WORD);
        for hidden in std::iter::once(whole).filter(|whole| whole.len() >= SHORTEST).chain(words) {
            if text.contains(hidden) {
                *text = text.replace(hidden, HIDDEN);
            }
        }
    }
}

/// A plan whose words are without the values. What it sends is left alone.
pub(crate) fn plan(refs: &Refs, mut plan: Plan) -> Plan {
    match &mut plan.verdict {
        Verdict::Ready(because) | Verdict::Working(because) | Verdict::Stalled(because) => {
            text(refs, &mut because.message);
        }
        Verdict::Paused => {}
    }
    for change in &mut plan.changes {
        text(refs, &mut change.from);
        text(refs, &mut change.to);
    }
    plan
}

/// An error of the status without the values.
pub(crate) fn error(refs: &Refs, mut error: ProvisioningError) -> ProvisioningError {
    text(refs, &mut error.message);
    error
}

/// A failure without the values, to be remembered: it may outlive the Secret that it repeats.
pub fn without_secrets(refs: &Refs, mut failure: Failure) -> Failure {
    match &mut failure.cause {
        Cause::Http { error, .. } | Cause::OperationFailed { error } | Cause::Provisioning { error } => {
            text(refs, &mut error.message);
        }
        Cause::Credential { message, .. } | Cause::Connect { message } | Cause::Unreadable { message } => {
            text(refs, message);
        }
        Cause::ParentNotFound { .. } | Cause::Throttled | Cause::Timeout | Cause::ForeignUrl => {}
    }
    failure
}
