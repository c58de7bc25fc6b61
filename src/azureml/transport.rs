//! One request and its whole answer: token, deadline, budget, size limit, and one second try after a 401.
//!
//! Must not follow redirects, retry anything else, or read meaning into a body; it logs what was asked and how it
//! ended, never a header's secret or a body.

use crate::call::{Call, Outcome, Verb};
use crate::client::Inner;
use crate::error::{Error, ErrorKind, from_http};
use crate::gate::Key;
use crate::retry_after::retry_after;
use crate::token::Token;
use arm::ArmError;
use jiff::Timestamp;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, USER_AGENT};
use serde_json::Value;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use url::Url;

/// Largest answer that is read, after decompression. A page of 500 computes is below 2 MB.
const BODY_LIMIT: usize = 8 * 1024 * 1024;

/// What is asked. The URL has been made or pinned by the caller.
pub(crate) struct Request<'a> {
    pub(crate) call: Call,
    pub(crate) verb: Verb,
    pub(crate) url: Url,
    pub(crate) subscription: &'a str,
    /// What it is about, in words for an error.
    pub(crate) target: &'a str,
    pub(crate) body: Option<&'a Value>,
}

/// A whole answer, of any status but 3xx, 401 and 429. After a 2xx a body that could not be read is an error of its
/// own, because a write has happened all the same.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Result<Vec<u8>, Error>,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) client_request_id: String,
    call: Call,
    /// The bearer token, only to keep it out of texts.
    token: Token,
}

impl Answer {
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The JSON of a successful answer.
    pub(crate) fn json(self) -> Result<Value, Error> {
        let request_id = request_id(&self.headers);
        let body = self.body?;
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&body);
        serde_json::from_slice(body).map_err(|error| {
            let detail = match body.trim_ascii_start().first() {
                None => "the answer is empty".to_owned(),
                Some(b'<') => "the answer is an HTML page, not Azure's; look at proxies in between".to_owned(),
                Some(_) if error.is_eof() => "the answer is truncated JSON".to_owned(),
                Some(_) => "the answer is no JSON that can be read".to_owned(),
            };
            Error::new(ErrorKind::NotJson, detail).with_ids(request_id, &self.client_request_id)
        })
    }

    /// Azure's error in the body, where it has one.
    pub(crate) fn arm_error(&self) -> Option<ArmError> {
        let mut error = ArmError::from_body(self.body.as_deref().ok()?)?;
        error.message = error.message.replace(self.token.expose(), "[redacted]");
        Some(error)
    }

    /// The error that an answer with an error status stands for.
    pub(crate) fn into_error(self) -> Error {
        self.to_error(ErrorKind::Http { status: self.status })
    }

    /// The same with a kind that says more.
    pub(crate) fn to_error(&self, kind: ErrorKind) -> Error {
        let arm = self.arm_error();
        let said = match (&arm, &self.body) {
            (Some(arm), _) if arm.code.is_empty() => format!(": {}", arm.message),
            (Some(arm), _) => format!(" {}: {}", arm.code, arm.message),
            (None, Ok(body)) if body.trim_ascii().is_empty() => " and nothing else".to_owned(),
            (None, Ok(body)) if body.trim_ascii_start().starts_with(b"<") => " with an HTML page".to_owned(),
            (None, _) => " with an answer that is no ARM error".to_owned(),
        };
        let detail = format!("Azure answered {}{}", self.status, said.trim_end_matches(['.', ':', ' ']));
        // A server that failed may have done the work before it failed; one that refused has not.
        let effect = self.call.is_mutating() && (self.status >= 500 || self.status == 408);
        Error::new(kind, detail)
            .with_arm(arm)
            .with_retry_after(self.retry_after)
            .with_ids(request_id(&self.headers), &self.client_request_id)
            .with_possible_effect(effect)
    }

    pub(crate) fn unexpected(&self, detail: &str) -> Error {
        Error::new(ErrorKind::UnexpectedShape, detail)
            .with_ids(request_id(&self.headers), &self.client_request_id)
            .with_possible_effect(self.call.is_mutating())
    }
}

impl Inner {
    /// Sends a request and reads the answer, with one fresh token if the first is refused.
    pub(crate) async fn send(&self, request: &Request<'_>) -> Result<Answer, Error> {
        let deadline = Instant::now() + self.options.timeout;
        self.attempts(request, deadline).await.map_err(|error| error.doing(request.call, request.target))
    }

    async fn attempts(&self, request: &Request<'_>, deadline: Instant) -> Result<Answer, Error> {
        let key = Key {
            host: self.cloud.resource_manager().authority().to_owned(),
            subscription: request.subscription.to_ascii_lowercase(),
            principal: self.tokens.principal(),
            budget: match request.verb {
                Verb::Get => crate::call::Budget::Reads,
                Verb::Put | Verb::Patch | Verb::Post => crate::call::Budget::Writes,
                Verb::Delete => crate::call::Budget::Deletes,
            },
        };
        let mut refused = None;
        loop {
            self.admit(request.call, &key)?;
            let token = self.token(request.call, deadline).await?;
            let answer = self.observed(request, &token, deadline, &key).await?;
            match (answer.status, &refused) {
                (401, None) => {
                    self.tokens.forget(&token);
                    refused = Some(token);
                }
                (401, Some(_)) => return Err(unauthenticated(&answer)),
                (429, _) => return Err(throttled(&answer, &key)),
                (300..=399, _) => return Err(redirected(&answer)),
                (_, _) => return Ok(answer),
            }
        }
    }

    /// Fails at once while Azure's wait for this budget has not ended.
    fn admit(&self, call: Call, key: &Key) -> Result<(), Error> {
        self.options.gate.admit(key).map_err(|left| {
            self.observe(call, Outcome::HeldBack, None, Duration::ZERO);
            let seconds = left.as_millis().div_ceil(1000);
            let detail =
                format!("held back for {seconds} s, because Azure throttles the {} of this subscription", key.budget);
            Error::new(ErrorKind::Throttled, detail).with_retry_after(Some(left))
        })
    }

    async fn token(&self, call: Call, deadline: Instant) -> Result<Token, Error> {
        let started = Instant::now();
        let token = timeout_at(deadline, self.tokens.token()).await.unwrap_or_else(|_| {
            Err(Error::new(ErrorKind::Timeout, "the authority did not answer in time").while_authenticating())
        });
        if token.is_err() {
            self.observe(call, Outcome::NoToken, None, started.elapsed());
        }
        token
    }

    async fn observed(
        &self,
        request: &Request<'_>,
        token: &Token,
        deadline: Instant,
        key: &Key,
    ) -> Result<Answer, Error> {
        let started = Instant::now();
        let client_request_id = uuid::Uuid::new_v4().to_string();
        let exchange = self.exchange(request, token, &client_request_id);
        let result = timeout_at(deadline, exchange).await.unwrap_or_else(|_| {
            let detail = format!("no whole answer in {} s", self.options.timeout.as_secs_f32());
            Err(Error::new(ErrorKind::Timeout, detail).with_possible_effect(request.call.is_mutating()))
        });
        let (outcome, status, azure_id) = match &result {
            Ok(answer) => {
                self.options.gate.learn(key, answer.status, &answer.headers, answer.retry_after);
                (outcome_of(answer), Some(answer.status), request_id(&answer.headers))
            }
            Err(error) => (transport_outcome(error.kind()), None, None),
        };
        self.observe(request.call, outcome, status, started.elapsed());
        tracing::debug!(
            call = request.call.row().name,
            target = request.target,
            outcome = outcome.as_str(),
            status,
            duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            client_request_id,
            request_id = azure_id,
            "Asked Azure Resource Manager"
        );
        result.map_err(|error| error.with_ids(None, &client_request_id))
    }

    async fn exchange(&self, request: &Request<'_>, token: &Token, id: &str) -> Result<Answer, Error> {
        let host = self.cloud.resource_manager().authority().to_owned();
        let mut bearer = HeaderValue::from_str(&format!("Bearer {}", token.expose())).map_err(|_| {
            Error::new(ErrorKind::Invalid, "the token has characters that no header may have").while_authenticating()
        })?;
        bearer.set_sensitive(true);
        let mut builder = self
            .http
            .request(method(request.verb), request.url.clone())
            .header(AUTHORIZATION, bearer)
            .header(ACCEPT, "application/json")
            .header(USER_AGENT, &self.options.user_agent)
            .header("x-ms-client-request-id", id);
        if let Some(body) = request.body {
            builder = builder.header(CONTENT_TYPE, "application/json").body(body.to_string());
        } else if request.verb == Verb::Post {
            // A POST without a body says so (sdk-wire-notes.md 2).
            builder = builder.header(reqwest::header::CONTENT_LENGTH, 0);
        }
        let response = builder.send().await.map_err(|error| {
            let error = from_http(error, &host);
            let sent = !matches!(error.kind(), ErrorKind::Connect | ErrorKind::Tls | ErrorKind::Invalid);
            error.with_possible_effect(sent && request.call.is_mutating())
        })?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = read_body(response, BODY_LIMIT, &host).await;
        let retry_after = retry_after(&headers, Timestamp::now());
        let (token, client_request_id) = (token.clone(), id.to_owned());
        Ok(Answer { status, headers, body, retry_after, client_request_id, call: request.call, token })
    }

    fn observe(&self, call: Call, outcome: Outcome, status: Option<u16>, took: Duration) {
        if let Some(observer) = &self.options.observer {
            observer.request(call, outcome, status, took);
        }
    }
}

/// Reads a body piece by piece, counting what comes out of decompression, and gives up beyond `limit` bytes.
pub(crate) async fn read_body(mut response: reqwest::Response, limit: usize, host: &str) -> Result<Vec<u8>, Error> {
    let too_large = || Error::new(ErrorKind::TooLarge, format!("the answer of {host} is larger than {limit} bytes"));
    if response.content_length().is_some_and(|length| length > limit as u64) {
        return Err(too_large());
    }
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(|error| from_http(error, host))? {
        if body.len() + piece.len() > limit {
            return Err(too_large());
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

fn unauthenticated(answer: &Answer) -> Error {
    let arm = answer.arm_error();
    let said = arm.as_ref().map(|arm| format!(" ({}: {})", arm.code, arm.message.trim_end_matches('.')));
    let detail = format!(
        "Azure refused the token, and a fresh one too; check that the identity belongs to the subscription's tenant{}",
        said.unwrap_or_default()
    );
    answer.to_error(ErrorKind::Unauthenticated { aadsts: None }).with_detail(detail)
}

fn throttled(answer: &Answer, key: &Key) -> Error {
    let wait = match answer.retry_after {
        Some(wait) => format!("asks to wait {} s", wait.as_secs()),
        None => "does not say how long to wait".to_owned(),
    };
    let detail = format!("Azure throttles the {} of this subscription and {wait}", key.budget);
    answer.to_error(ErrorKind::Throttled).with_detail(detail)
}

fn redirected(answer: &Answer) -> Error {
    let detail =
        format!("Azure answered {}, a redirect, and none is followed; look at proxies in between", answer.status);
    answer.to_error(ErrorKind::Redirect { status: answer.status }).with_detail(detail)
}

fn outcome_of(answer: &Answer) -> Outcome {
    match (&answer.body, answer.status) {
        (Err(error), 200..=299) => transport_outcome(error.kind()),
        (_, 200..=299) => Outcome::Success,
        (_, 300..=399) => Outcome::Redirect,
        (_, 401) => Outcome::Unauthenticated,
        (_, 429) => Outcome::Throttled,
        (_, 500..) => Outcome::ServerError,
        (_, _) => Outcome::ClientError,
    }
}

fn transport_outcome(kind: &ErrorKind) -> Outcome {
    match kind {
        ErrorKind::Timeout => Outcome::Timeout,
        ErrorKind::TooLarge | ErrorKind::NotJson | ErrorKind::UnexpectedShape => Outcome::BadAnswer,
        ErrorKind::Connect
        | ErrorKind::Tls
        | ErrorKind::Interrupted
        | ErrorKind::Http { .. }
        | ErrorKind::Throttled
        | ErrorKind::Unauthenticated { .. }
        | ErrorKind::ParentNotFound { .. }
        | ErrorKind::Redirect { .. }
        | ErrorKind::ForeignUrl
        | ErrorKind::ForeignOperationUrl
        | ErrorKind::EndlessList
        | ErrorKind::Invalid => Outcome::Transport,
    }
}

fn method(verb: Verb) -> reqwest::Method {
    match verb {
        Verb::Get => reqwest::Method::GET,
        Verb::Put => reqwest::Method::PUT,
        Verb::Patch => reqwest::Method::PATCH,
        Verb::Post => reqwest::Method::POST,
        Verb::Delete => reqwest::Method::DELETE,
    }
}

/// ARM's `x-ms-request-id`, else the correlation id (azureml-api.md d.1: one of them is always there).
fn request_id(headers: &HeaderMap) -> Option<String> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(|id| id.chars().take(128).collect());
    text("x-ms-request-id").or_else(|| text("x-ms-correlation-request-id"))
}
