//! What a call can fail with: one opaque error with a closed kind, the facts a caller decides on, and words for people.
//!
//! Must not hold or print a token, a secret, a body or a URL with a signature, and must not decide what is retried.

use crate::call::Call;
use arm::ArmError;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// What went wrong. Closed: whoever matches it sees at compile time when a kind is added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Azure answered with an error status that none of the other kinds describes better.
    Http {
        /// 4xx or 5xx.
        status: u16,
    },
    /// 429, or held back here because the wait that Azure asked for has not ended. See [`Error::retry_after`].
    Throttled,
    /// Azure refused the token even after a fresh one, or the token endpoint refused the credential.
    Unauthenticated {
        /// The code of Microsoft Entra, such as `AADSTS7000215`, where it gave one.
        aadsts: Option<String>,
    },
    /// 404, but not of the thing itself: its workspace, resource group or subscription is missing.
    ParentNotFound {
        /// ARM's code, such as `ResourceGroupNotFound`.
        code: String,
    },
    /// No whole answer before the deadline.
    Timeout,
    /// No connection could be made (name, route, refused port, proxy).
    Connect,
    /// The other end's certificate is not trusted, or TLS failed otherwise.
    Tls,
    /// The connection broke before the answer was whole.
    Interrupted,
    /// The answer is larger than is ever read.
    TooLarge,
    /// The answer should be JSON and is not (empty, truncated, HTML, nested too deep).
    NotJson,
    /// The answer is JSON, but not what was asked for.
    UnexpectedShape,
    /// The answer is a redirect; none is ever followed.
    Redirect {
        /// 3xx.
        status: u16,
    },
    /// A next page lies outside of what was asked; it was not fetched.
    ForeignUrl,
    /// An operation's URL lies outside of Azure Resource Manager; nothing was sent there.
    ForeignOperationUrl,
    /// A list that does not end: a page came twice, or there are too many.
    EndlessList,
    /// An argument or setting of this client is wrong; nothing was sent.
    Invalid,
}

/// Why a call failed. `Display` is for people and safe to show; the predicates are for programs.
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    /// What was being done, and to what.
    doing: Option<(Call, String)>,
    detail: String,
    arm: Option<ArmError>,
    retry_after: Option<Duration>,
    request_id: Option<String>,
    client_request_id: Option<String>,
    authenticating: bool,
    effect_possible: bool,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error of that kind. `detail` is for people: lower-case, no final period, what to do next where that is known.
    pub(crate) fn new(kind: ErrorKind, detail: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            doing: None,
            detail: detail.into(),
            arm: None,
            retry_after: None,
            request_id: None,
            client_request_id: None,
            authenticating: false,
            effect_possible: false,
            source: None,
        }))
    }

    pub(crate) fn doing(mut self, call: Call, target: &str) -> Self {
        self.0.doing = Some((call, target.to_owned()));
        self
    }

    pub(crate) fn with_detail(mut self, detail: String) -> Self {
        self.0.detail = detail;
        self
    }

    pub(crate) fn with_arm(mut self, arm: Option<ArmError>) -> Self {
        self.0.arm = arm;
        self
    }

    pub(crate) fn with_retry_after(mut self, retry_after: Option<Duration>) -> Self {
        self.0.retry_after = retry_after;
        self
    }

    pub(crate) fn with_ids(mut self, request_id: Option<String>, client_request_id: &str) -> Self {
        self.0.request_id = request_id;
        self.0.client_request_id = Some(client_request_id.to_owned());
        self
    }

    pub(crate) fn while_authenticating(mut self) -> Self {
        self.0.authenticating = true;
        self
    }

    pub(crate) fn with_possible_effect(mut self, possible: bool) -> Self {
        self.0.effect_possible = possible;
        self
    }

    pub(crate) fn with_source(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.0.source = Some(Arc::new(source));
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// The HTTP status that the kind stands for; `None` if there was no answer.
    pub fn status(&self) -> Option<u16> {
        match &self.0.kind {
            ErrorKind::Http { status } | ErrorKind::Redirect { status } => Some(*status),
            ErrorKind::ParentNotFound { .. } => Some(404),
            ErrorKind::Throttled
            | ErrorKind::Unauthenticated { .. }
            | ErrorKind::Timeout
            | ErrorKind::Connect
            | ErrorKind::Tls
            | ErrorKind::Interrupted
            | ErrorKind::TooLarge
            | ErrorKind::NotJson
            | ErrorKind::UnexpectedShape
            | ErrorKind::ForeignUrl
            | ErrorKind::ForeignOperationUrl
            | ErrorKind::EndlessList
            | ErrorKind::Invalid => None,
        }
    }

    /// What Azure said, where it said something that could be read.
    pub fn arm(&self) -> Option<&ArmError> {
        self.0.arm.as_ref()
    }

    /// The words of `Display` without what was being done to what, for a caller's own sentence.
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// How long Azure asks to wait, at most ten minutes.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// `x-ms-request-id` of the answer: what Azure's support asks for. Not for conditions, because it never repeats.
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// `x-ms-client-request-id` that was sent.
    pub fn client_request_id(&self) -> Option<&str> {
        self.0.client_request_id.as_deref()
    }

    /// Whether it happened while getting a token: the call itself was never sent.
    pub fn is_authenticating(&self) -> bool {
        self.0.authenticating
    }

    /// Whether the write may have happened all the same (the answer was lost, or spoke of a failure of the server), so
    /// that the next step is to look. Always false for reads.
    pub fn may_have_taken_effect(&self) -> bool {
        self.0.effect_possible
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((call, target)) = &self.0.doing {
            write!(f, "cannot {} {target}: ", call.row().phrase)?;
        }
        if self.0.authenticating {
            f.write_str("no token: ")?;
        }
        f.write_str(&self.0.detail)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("message", &self.to_string())
            .field("request_id", &self.0.request_id)
            .field("client_request_id", &self.0.client_request_id)
            .finish_non_exhaustive()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_ref().map(|source| source.as_ref() as &(dyn StdError + 'static))
    }
}

/// Turns a failure of the HTTP library into ours. `host` is named, the URL is not: it may carry a signature.
pub(crate) fn from_http(error: reqwest::Error, host: &str) -> Error {
    let error = error.without_url();
    let cause = innermost(&error);
    if error.is_timeout() {
        Error::new(ErrorKind::Timeout, format!("{host} did not answer in time")).with_source(error)
    } else if let Some(tls) = tls_failure(&error) {
        let detail = format!("TLS with {host} failed: {tls}; check the CA file of the cloud, or what intercepts TLS");
        Error::new(ErrorKind::Tls, detail).with_source(error)
    } else if error.is_connect() {
        let detail = format!("no connection to {host}: {cause}; check name resolution, network policy and HTTPS_PROXY");
        Error::new(ErrorKind::Connect, detail).with_source(error)
    } else if error.is_builder() {
        Error::new(ErrorKind::Invalid, format!("the request to {host} could not be made: {cause}")).with_source(error)
    } else {
        Error::new(ErrorKind::Interrupted, format!("the connection to {host} broke: {cause}")).with_source(error)
    }
}

/// Every error below `error`, outermost first. A custom `io::Error` hides its content from `source`, so it is opened.
fn causes(error: &reqwest::Error) -> Vec<&(dyn StdError + 'static)> {
    let mut found = Vec::new();
    let mut next: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(cause) = next {
        // A cycle is impossible in an owned chain; the bound only guards against absurd depth.
        if found.len() > 32 {
            break;
        }
        found.push(cause);
        let inside = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        next = inside.map(|inner| inner as &(dyn StdError + 'static)).or_else(|| cause.source());
    }
    found
}

fn tls_failure(error: &reqwest::Error) -> Option<String> {
    use rustls::CertificateError::{Expired, ExpiredContext, NotValidYet, NotValidYetContext};
    let tls = causes(error).into_iter().find_map(|cause| cause.downcast_ref::<rustls::Error>())?;
    // rustls tells how many seconds ago, which would make every message a new one.
    let expired = matches!(tls, rustls::Error::InvalidCertificate(Expired | ExpiredContext { .. }));
    let early = matches!(tls, rustls::Error::InvalidCertificate(NotValidYet | NotValidYetContext { .. }));
    Some(match (expired, early) {
        (true, _) => "the certificate has expired".to_owned(),
        (_, true) => "the certificate is not valid yet".to_owned(),
        (false, false) => lower_first(&tls.to_string()),
    })
}

fn innermost(error: &reqwest::Error) -> String {
    causes(error).last().map(|cause| lower_first(&cause.to_string())).unwrap_or_default()
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars().take(300);
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_names_what_was_done_to_what() {
        let error = Error::new(ErrorKind::Timeout, "no answer in 30 s").doing(Call::GetCompute, "compute c");
        assert_eq!(error.to_string(), "cannot read compute c: no answer in 30 s");
        assert_eq!(error.while_authenticating().to_string(), "cannot read compute c: no token: no answer in 30 s");
    }

    #[test]
    fn status_is_told_only_where_there_was_one() {
        assert_eq!(Error::new(ErrorKind::Http { status: 409 }, "").status(), Some(409));
        assert_eq!(Error::new(ErrorKind::ParentNotFound { code: String::new() }, "").status(), Some(404));
        assert_eq!(Error::new(ErrorKind::Connect, "").status(), None);
    }
}
