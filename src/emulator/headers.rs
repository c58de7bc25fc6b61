//! The headers that Azure puts on every answer. Changes no status and no body.

use jiff::Timestamp;

use crate::{
    access::Caller,
    errors::{Origin, Refusal},
    message::{Request, Response},
    random::Random,
    throttle::Remaining,
    time::Now,
};

/// What the headers of one answer are made of.
#[derive(Debug, Clone)]
pub(crate) struct Trace {
    pub(crate) region: String,
    pub(crate) remaining: Option<Remaining>,
    request_id: String,
    correlation_id: String,
    operation: String,
    routed: String,
    cluster: u64,
    client_request_id: Option<String>,
    caller: Option<String>,
}

impl Trace {
    /// Ids for a request; the caller's own correlation id is kept, and its request id if it wants it back.
    pub(crate) fn new(request: &Request, random: &mut Random, region: &str, wall: Timestamp) -> Self {
        let request_id = random.uuid().to_string();
        let wanted =
            request.header("x-ms-return-client-request-id").is_some_and(|text| text.eq_ignore_ascii_case("true"));
        let clean = |text: &&str| text.len() <= 128 && text.bytes().all(|byte| byte.is_ascii_graphic());
        let correlation = request.header("x-ms-correlation-request-id").filter(clean);
        Self {
            region: region.to_owned(),
            remaining: None,
            correlation_id: correlation.map_or_else(|| request_id.clone(), str::to_owned),
            operation: random.uuid().to_string(),
            routed: wall.strftime("%Y%m%dT%H%M%SZ").to_string(),
            cluster: random.next() % 2 + 1,
            client_request_id: request
                .header("x-ms-client-request-id")
                .filter(|_| wanted)
                .filter(clean)
                .map(str::to_owned),
            caller: None,
            request_id,
        }
    }

    /// Notes who asks, for `x-ms-operation-identifier`.
    pub(crate) fn caller(&mut self, caller: &Caller) {
        self.caller = Some(format!("tenantId={},objectId={}", caller.tenant, caller.object_id));
    }
}

/// Headers of an answer of the Azure ML provider (recorded 2025-11-04).
pub(crate) fn answered(response: Response, trace: &Trace) -> Response {
    provider(common(response, trace), trace, "standard")
}

/// Headers of an answer of ARM's own, or of a provider that adds none.
pub(crate) fn forwarded(response: Response, trace: &Trace) -> Response {
    common(response, trace)
}

/// The answer to a refused request, with its headers.
pub(crate) fn refused(refusal: Refusal, trace: &Trace, now: Now) -> Response {
    let origin = refusal.origin;
    let operation = trace.operation.replace('-', "");
    let short = operation.get(..16).unwrap_or_default().to_owned();
    let response = refusal.into_response(&trace.region, (&operation, &short), now.service);
    let response = common(response, trace);
    match origin {
        Origin::Gateway => response.with("x-ms-failure-cause", "gateway"),
        Origin::Provider => provider(response, trace, "error"),
    }
}

fn common(mut response: Response, trace: &Trace) -> Response {
    response.headers.extend([
        ("Cache-Control", "no-cache".to_owned()),
        ("Pragma", "no-cache".to_owned()),
        ("Expires", "-1".to_owned()),
        ("Strict-Transport-Security", "max-age=31536000; includeSubDomains".to_owned()),
        ("X-Content-Type-Options", "nosniff".to_owned()),
        ("X-Cache", "CONFIG_NOCACHE".to_owned()),
        ("x-ms-request-id", trace.request_id.clone()),
        ("x-ms-correlation-request-id", trace.correlation_id.clone()),
        (
            "x-ms-routing-request-id",
            format!("{}:{}:{}", trace.region.to_ascii_uppercase(), trace.routed, trace.request_id),
        ),
    ]);
    if let Some(id) = &trace.client_request_id {
        response.headers.push(("x-ms-client-request-id", id.clone()));
    }
    if let Some(Remaining { kind, own, global }) = trace.remaining {
        let (own_name, global_name) = kind.headers();
        response.headers.extend([(own_name, own.to_string()), (global_name, global.to_string())]);
    }
    response
}

fn provider(mut response: Response, trace: &Trace, kind: &str) -> Response {
    let region = &trace.region;
    response.headers.extend([
        ("Request-Context", "appId=cid-v1:2d2e8e63-272e-4b3c-8598-4ee570a0e70d".to_owned()),
        ("x-ms-response-type", kind.to_owned()),
        ("azureml-served-by-cluster", format!("vienna-{region}-{:02}", trace.cluster)),
        ("x-request-time", format!("0.{:03}", 20 + trace.cluster * 7)),
    ]);
    if let Some(caller) = &trace.caller {
        response.headers.push(("x-ms-operation-identifier", format!("{caller}/{region}/{}", trace.operation)));
    }
    response
}
