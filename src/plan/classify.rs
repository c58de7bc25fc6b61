//! From a failure to what follows: retried or stalled, how soon, and in which words.
//!
//! Must not keep count; attempts and times come in from the engine's memory.

use crate::action::Because;
use crate::failure::{Attempt, Cause, Failure};
use crate::table::{ROWS, Row, When};
use arm::ArmError;

/// How soon something is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speed {
    /// It heals by itself.
    Fast,
    /// It may need somebody.
    Slow,
    /// It needs somebody; probed because quotas and policies heal too.
    VerySlow,
}

/// What follows from a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Tried again: Reconciling.
    Retry(Speed),
    /// Needs somebody: Stalled, and probed slowly.
    Stalled(Speed),
    /// A missing right: retried while role assignments may still be spreading, then Stalled.
    Forbidden,
}

/// A classified failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disposition {
    /// What follows.
    pub fate: Fate,
    /// In which words.
    pub because: Because,
}

/// Looks a failure up.
pub fn classify(failure: &Failure) -> Disposition {
    let verb = failure.attempt.verb();
    let say = |reason: &str, fate, what: &str, advice: &str| Disposition {
        fate,
        because: Because::new(reason, format!("cannot {verb} the compute: {}; {advice}", cut(what))),
    };
    match &failure.cause {
        Cause::Http { .. } | Cause::OperationFailed { .. } | Cause::Provisioning { .. } => {
            let row = row_of(failure);
            say(row.reason, row.fate, &told(failure), row.advice)
        }
        Cause::ParentNotFound { code } => {
            let what = if code.is_empty() {
                "Azure has no such workspace (404)".into()
            } else {
                format!("Azure answers {code}")
            };
            let advice = "check the Workspace's spec.resourceId, and that the identity may see it";
            say("WorkspaceNotFound", Fate::Stalled(Speed::VerySlow), &what, advice)
        }
        Cause::Throttled => {
            let what = "Azure limits how many requests it takes (429)";
            say("Throttled", Fate::Retry(Speed::Fast), what, "it is tried again after the time Azure asked for")
        }
        Cause::Credential { code, message } => {
            let what =
                if code.is_empty() { message.clone() } else { format!("Microsoft Entra answers {code}: {message}") };
            let advice = "check tenantId, clientId and the Secret of the AzureIdentity";
            say("Unauthenticated", Fate::Retry(Speed::Slow), &what, advice)
        }
        Cause::Timeout => say("AzureUnavailable", Fate::Retry(Speed::Fast), "no answer in time", "it is tried again"),
        Cause::Connect { message } => say(
            "AzureUnavailable",
            Fate::Retry(Speed::Fast),
            message,
            "it is tried again; if it stays, check the operator's network",
        ),
        Cause::Unreadable { message } => say(
            "UnexpectedAnswer",
            Fate::Retry(Speed::Slow),
            message,
            "it is tried again; if it stays, look for a proxy that answers in Azure's place",
        ),
        Cause::ForeignUrl => {
            let what = "the answer leads to another host than Azure Resource Manager";
            say(
                "ForeignOperationUrl",
                Fate::Retry(Speed::Slow),
                what,
                "nothing was sent there; the compute itself is looked at instead",
            )
        }
    }
}

/// The row that matches what ARM said. The table's last row matches anything.
pub(crate) fn row_of(failure: &Failure) -> &'static Row {
    let matches = |when: &When| match when {
        When::Code(codes) => failure.error().is_some_and(|error| codes.iter().any(|code| error.has_code(code))),
        When::Words(words) => failure.error().is_some_and(|error| {
            let message = error.message.to_ascii_lowercase();
            words.iter().any(|word| message.contains(word))
        }),
        When::Underlying(codes) => {
            let of_it = failure.status() != Some(404);
            of_it && failure.error().is_some_and(|error| codes.iter().any(|code| error.has_code(code)))
        }
        When::Status(status) => failure.status() == Some(*status),
        When::Statuses(from, to) => failure.status().is_some_and(|status| (*from..=*to).contains(&status)),
        When::Anything => true,
    };
    ROWS.iter().find(|row| matches(&row.when)).unwrap_or(&ROWS[ROWS.len() - 1])
}

/// The row that matches an error of what is attached.
pub(crate) fn row_of_error(error: &ArmError) -> &'static Row {
    let cause = Cause::Provisioning { error: error.clone() };
    row_of(&Failure { attempt: Attempt::Look, cause, retry_after: None })
}

/// What Azure said, in one clause: code, message, or at least the status.
fn told(failure: &Failure) -> String {
    let error = failure.error();
    let code = error.map(|e| e.code.as_str()).filter(|code| !code.is_empty());
    let message = error.map(|e| e.message.trim_end_matches('.')).filter(|message| !message.is_empty());
    let status = failure.status();
    let answers = match (code, status) {
        (Some(code), Some(status)) => format!("Azure answers {code} ({status})"),
        (Some(code), None) => format!("Azure answers {code}"),
        (None, Some(status)) => format!("Azure answers {status}"),
        (None, None) => "Azure answers".to_owned(),
    };
    match message {
        Some(message) => format!("{answers}: {message}"),
        None if code.is_some() => answers,
        None if status.is_some() => format!("{answers} and does not say why"),
        None => "Azure does not say why".to_owned(),
    }
}

/// Longest that Azure speaks within our sentence: a condition holds 1,024 characters, and what to do comes last.
const TOLD_LIMIT: usize = 700;

/// Cuts what others say, so that what to do still fits after it.
pub(crate) fn cut(message: &str) -> String {
    match message.char_indices().nth(TOLD_LIMIT) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message.to_owned(),
    }
}

/// Cuts what a program says, of which the end tells why it failed.
pub(crate) fn cut_tail(message: &str) -> String {
    let length = message.chars().count();
    if length <= TOLD_LIMIT {
        return message.to_owned();
    }
    std::iter::once('…').chain(message.chars().skip(length - TOLD_LIMIT)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn http(status: u16, code: &str, message: &str) -> Failure {
        let error = ArmError { code: code.into(), message: message.into(), ..ArmError::default() };
        Failure { attempt: Attempt::Create, cause: Cause::Http { status, error }, retry_after: None }
    }

    #[test]
    fn every_row_is_reached_by_what_it_names() {
        for row in ROWS {
            let failure = match row.when {
                When::Code(codes) | When::Underlying(codes) => codes.iter().map(|code| http(400, code, "")).collect(),
                When::Words(words) => words.iter().map(|word| http(400, "UserError", &word.to_uppercase())).collect(),
                When::Status(status) => vec![http(status, "", "")],
                When::Statuses(_, to) => vec![http(to, "", "")],
                When::Anything => {
                    vec![Failure { cause: Cause::OperationFailed { error: ArmError::default() }, ..http(0, "", "") }]
                }
            };
            for failure in failure {
                assert_eq!(row_of(&failure).reason, row.reason, "{:?}", row.when);
            }
        }
    }

    #[test]
    fn recorded_errors_have_their_fate() {
        let quota = http(
            400,
            "BadRequest",
            "Operation results in exceeding quota limits of Total Cluster Dedicated Regional vCPUs. Maximum allowed: 100",
        );
        assert_eq!(classify(&quota).because.reason, "QuotaExceeded");
        let busy = http(409, "Conflict", "There is already an active operation submitted");
        assert_eq!(classify(&busy).fate, Fate::Retry(Speed::Fast));
        let unknown = http(418, "Teapot", "short and stout");
        assert_eq!(classify(&unknown).fate, Fate::Retry(Speed::VerySlow));
        assert_eq!(classify(&http(503, "", "")).fate, Fate::Retry(Speed::Fast));
    }

    #[test]
    fn long_words_of_azure_do_not_push_out_what_to_do() {
        let because = classify(&http(403, "RequestDisallowedByPolicy", &"ä".repeat(1024))).because;
        assert!(because.message.ends_with("it is tried again by itself") && because.message.chars().count() < 900);
    }

    #[test]
    fn message_says_what_failed_what_azure_said_and_what_to_do() {
        let denied = http(
            403,
            "AuthorizationFailed",
            "The client 'x' does not have authorization to perform action 'Microsoft.MachineLearningServices/workspaces/computes/write'.",
        );
        let because = classify(&denied).because;
        assert_eq!(because.reason, "Forbidden");
        assert!(
            because
                .message
                .starts_with("cannot create the compute: Azure answers AuthorizationFailed (403): The client")
        );
        assert!(because.message.contains("computes/write'; grant"), "{}", because.message);
        assert!(!because.message.ends_with('.'));
    }
}
