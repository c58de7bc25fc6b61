//! From the client's errors to the neutral failures that are decided on.
//!
//! Must not classify; the error table does.

use azureml::{Error, ErrorKind};
use plan::{Attempt, Cause, Failure};

/// What went wrong, neutrally.
pub(crate) fn of(attempt: Attempt, error: &Error) -> Failure {
    let retry_after = error.retry_after().and_then(|wait| wait.try_into().ok());
    let failure = |attempt, cause| Failure { attempt, cause, retry_after };
    let http = |status: u16| Cause::Http { status, error: error.arm().cloned().unwrap_or_default() };
    if error.is_authenticating() {
        return failure(Attempt::Authenticate, of_credential(error));
    }
    let cause = match error.kind() {
        ErrorKind::Http { status } | ErrorKind::Redirect { status } => http(*status),
        ErrorKind::Throttled => match error.arm() {
            Some(_) => http(429),
            None => Cause::Throttled,
        },
        ErrorKind::Unauthenticated { .. } => http(401),
        ErrorKind::ParentNotFound { code } => Cause::ParentNotFound { code: code.clone() },
        ErrorKind::Timeout => Cause::Timeout,
        ErrorKind::Connect | ErrorKind::Tls | ErrorKind::Interrupted => {
            Cause::Connect { message: error.detail().to_owned() }
        }
        ErrorKind::TooLarge | ErrorKind::NotJson | ErrorKind::UnexpectedShape | ErrorKind::EndlessList => {
            Cause::Unreadable { message: error.detail().to_owned() }
        }
        ErrorKind::ForeignUrl | ErrorKind::ForeignOperationUrl => Cause::ForeignUrl,
        ErrorKind::Invalid => Cause::Unreadable { message: error.detail().to_owned() },
    };
    failure(attempt, cause)
}

/// The token endpoint's side: what Entra refused is a credential's fault, what the network or a proxy did is not.
fn of_credential(error: &Error) -> Cause {
    let credential = |code: Option<&String>| Cause::Credential {
        code: code.cloned().unwrap_or_default(),
        message: error.detail().to_owned(),
    };
    match error.kind() {
        ErrorKind::Timeout => Cause::Timeout,
        ErrorKind::Connect | ErrorKind::Tls | ErrorKind::Interrupted => {
            Cause::Connect { message: error.detail().to_owned() }
        }
        ErrorKind::Throttled => Cause::Throttled,
        ErrorKind::Unauthenticated { aadsts } => credential(aadsts.as_ref()),
        ErrorKind::Http { status } if *status >= 500 => Cause::Connect { message: error.detail().to_owned() },
        ErrorKind::TooLarge | ErrorKind::NotJson | ErrorKind::UnexpectedShape | ErrorKind::Redirect { .. } => {
            Cause::Unreadable { message: error.detail().to_owned() }
        }
        ErrorKind::Http { .. }
        | ErrorKind::ParentNotFound { .. }
        | ErrorKind::ForeignUrl
        | ErrorKind::ForeignOperationUrl
        | ErrorKind::EndlessList
        | ErrorKind::Invalid => credential(None),
    }
}
