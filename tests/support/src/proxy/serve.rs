//! One request through the proxy: journal, rules, upstream, answer; it must not decide what is wrong with it.

use std::convert::Infallible;
use std::sync::Arc;

use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::{Request, Response, StatusCode};
use tokio::sync::watch;

use super::answer::{Answer, Outbox};
use super::journal::{Journal, is_watch};
use super::rules::{Due, Fault, FaultRule, Phase, Rules};
use super::upstream::Upstream;
use crate::error::{Context, Error, Result};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The body of an answer, wherever it comes from.
pub(super) type AnswerBody = UnsyncBoxBody<Bytes, BoxError>;

/// What all connections of a proxy share.
pub(super) struct Shared {
    pub(super) journal: Arc<Journal>,
    pub(super) rules: Arc<Rules>,
    pub(super) upstream: Upstream,
    /// URLs that become `own` in answers.
    pub(super) rewrite: Vec<String>,
    pub(super) own: String,
    /// How many actions after an answer are being carried out: meanwhile nothing goes on.
    pub(super) halted: watch::Sender<usize>,
}

/// Serves one request; an error ends the connection without an answer.
pub(super) async fn serve(
    shared: Arc<Shared>,
    outbox: Outbox,
    request: Request<Incoming>,
) -> Result<Response<AnswerBody>> {
    // The sender is in `shared`, so this ends by the value alone.
    drop(shared.halted.subscribe().wait_for(|&halted| halted == 0).await);
    let method = request.method().as_str().to_owned();
    let path = request.uri().path().to_owned();
    let query = request.uri().query().unwrap_or_default().to_owned();
    let seq = shared.journal.begin(&method, &path, &query);
    let (due, fault) = shared.rules.take(&method, &path, &query);

    let due = stop_at(due, Phase::BeforeSend).await?;
    if let Some(rule) = &fault
        && let Some(answer) = instead(rule).await?
    {
        shared.journal.answered(seq, answer.status().as_u16());
        return Ok(finish(&shared, &outbox, seq, due, answer));
    }
    let answer = forward(&shared, request, is_watch(&query)).await?;
    let due = stop_at(due, Phase::AfterEffect).await?;
    let status = answer.status().as_u16();
    let answer = match fault.as_deref().map(FaultRule::fault) {
        Some(Fault::DropAnswer) => return Err(Error::new("the answer is dropped by a fault")),
        Some(Fault::Truncate(bytes)) => {
            let bytes = *bytes;
            shared.journal.answered(seq, status);
            return Ok(answer.map(|body| Answer::truncated(body, bytes).boxed_unsync()));
        }
        Some(Fault::Answer { .. } | Fault::Drop | Fault::Hold) | None => answer,
    };
    shared.journal.answered(seq, status);
    if is_watch(&query) {
        // The answer to a watch ends when nobody watches any more; what the client waits for is its head.
        let done = due.map(|due| halt_and_carry_out(&shared, due));
        outbox.at_flush(done.unwrap_or_else(|| Box::new(|| {})));
        let journal = Arc::clone(&shared.journal);
        return Ok(answer.map(|body| Answer::new(body, Box::new(move || journal.finished(seq))).boxed_unsync()));
    }
    Ok(finish(&shared, &outbox, seq, due, answer))
}

/// Carries out an action of this phase and ends the connection; hands back one of another phase.
async fn stop_at(due: Option<Due>, phase: Phase) -> Result<Option<Due>> {
    match due {
        Some(due) if due.phase == phase => {
            due.carry_out().await;
            Err(Error::new("the request ends here"))
        }
        Some(_) | None => Ok(due),
    }
}

/// The answer of a fault that gives one, after having waited in one that holds.
async fn instead(rule: &FaultRule) -> Result<Option<Response<AnswerBody>>> {
    match rule.fault() {
        Fault::Drop => Err(Error::new("the connection is dropped by a fault")),
        Fault::Hold => {
            rule.wait_released().await;
            Ok(None)
        }
        Fault::DropAnswer | Fault::Truncate(_) => Ok(None),
        Fault::Answer { status, headers, body } => {
            let mut answer = Response::builder().status(*status);
            for (name, value) in headers {
                answer = answer.header(name, value);
            }
            answer.body(full(body.clone())).map(Some).context(|| "the fault's answer is no HTTP".to_owned())
        }
    }
}

/// Sends the request on, in a task of its own, so that it takes effect even if the client dies meanwhile.
async fn forward(shared: &Arc<Shared>, mut request: Request<Incoming>, watch: bool) -> Result<Response<AnswerBody>> {
    let rewriting = !shared.rewrite.is_empty() && !watch;
    if rewriting {
        // A compressed body could not be rewritten.
        request.headers_mut().remove(ACCEPT_ENCODING);
    }
    let sending = Arc::clone(shared);
    let sent = tokio::spawn(async move { sending.upstream.send(request).await }).await;
    let answer = match sent.context(|| "the request to the upstream was interrupted".to_owned())? {
        Ok(answer) => answer,
        Err(error) => return Ok(bad_gateway(&error)),
    };
    if rewriting {
        rewrite(shared, answer).await
    } else {
        Ok(answer.map(|body| body.map_err(BoxError::from).boxed_unsync()))
    }
}

/// Puts the proxy's own URL for the upstream's, in headers and JSON, so that what a client follows comes here too.
async fn rewrite(shared: &Shared, answer: Response<Incoming>) -> Result<Response<AnswerBody>> {
    let (mut head, body) = answer.into_parts();
    rewrite_headers(shared, &mut head.headers);
    let json =
        head.headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().windows(4).any(|part| part == b"json"));
    if !json {
        return Ok(Response::from_parts(head, body.map_err(BoxError::from).boxed_unsync()));
    }
    let bytes = body.collect().await.context(|| "the upstream broke off its answer".to_owned())?.to_bytes();
    let body = match std::str::from_utf8(&bytes) {
        Ok(text) => replaced(shared, text).into_bytes(),
        Err(_) => bytes.to_vec(),
    };
    if head.headers.contains_key(CONTENT_LENGTH) {
        head.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    }
    Ok(Response::from_parts(head, full(body)))
}

fn rewrite_headers(shared: &Shared, headers: &mut HeaderMap) {
    for value in headers.values_mut() {
        let changed = value.to_str().ok().map(|text| replaced(shared, text));
        if let Some(changed) = changed.and_then(|text| HeaderValue::from_str(&text).ok()) {
            *value = changed;
        }
    }
}

fn replaced(shared: &Shared, text: &str) -> String {
    shared.rewrite.iter().fold(text.to_owned(), |text, url| text.replace(url, &shared.own))
}

/// Gives the answer, notes its end, and carries out what is due after it.
fn finish(
    shared: &Arc<Shared>,
    outbox: &Outbox,
    seq: u64,
    due: Option<Due>,
    answer: Response<AnswerBody>,
) -> Response<AnswerBody> {
    let journal = Arc::clone(&shared.journal);
    let done = due.map(|due| halt_and_carry_out(shared, due));
    let at_flush = outbox.clone();
    let at_end = Box::new(move || {
        journal.finished(seq);
        if let Some(done) = done {
            at_flush.at_flush(done);
        }
    });
    answer.map(|body| Answer::new(body, at_end).boxed_unsync())
}

/// From now on nothing goes on, until the returned closure has been called and its action is done.
fn halt_and_carry_out(shared: &Arc<Shared>, due: Due) -> Box<dyn FnOnce() + Send> {
    shared.halted.send_modify(|halted| *halted += 1);
    let halt = Halt { shared: Arc::clone(shared) };
    Box::new(move || {
        tokio::spawn(async move {
            due.carry_out().await;
            drop(halt);
        });
    })
}

/// Lets requests go on again when it is dropped, also if the client died before it had its answer.
struct Halt {
    shared: Arc<Shared>,
}

impl Drop for Halt {
    fn drop(&mut self) {
        self.shared.halted.send_modify(|halted| *halted -= 1);
    }
}

fn bad_gateway(error: &Error) -> Response<AnswerBody> {
    let mut answer = Response::new(full(format!("{error:?}").into_bytes()));
    *answer.status_mut() = StatusCode::BAD_GATEWAY;
    answer
}

fn full(body: Vec<u8>) -> AnswerBody {
    Full::new(Bytes::from(body)).map_err(|never: Infallible| match never {}).boxed_unsync()
}
