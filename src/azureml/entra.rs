//! Tokens from Microsoft Entra, over the protocol code of `azure_identity` and connections of our own.
//!
//! Must not keep tokens (`token` does) and must not let the wrapped library retry, wait, or hide what Entra said: it
//! reads error descriptions as borrowed text, which fails on the line breaks that Entra really sends, so answers are
//! read here first.

use crate::cloud::Cloud;
use crate::error::{Error, ErrorKind, from_http};
use crate::retry_after::retry_after;
use crate::token::{Kept, Token, TokenSource};
use crate::transport::read_body;
use azure_core::cloud::CustomConfiguration;
use azure_core::credentials::{Secret, TokenCredential};
use azure_core::error::{Error as CoreError, ErrorKind as CoreKind};
use azure_core::http::headers::Headers;
use azure_core::http::{
    AsyncRawResponse, Body, ClientOptions, HttpClient, Request, RetryOptions, StatusCode, Transport,
};
use azure_identity::{ClientSecretCredential, ClientSecretCredentialOptions};
use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

/// Largest token answer that is read. Tokens are a few kilobytes.
const BODY_LIMIT: usize = 256 * 1024;
/// Longest life of a token that is believed. Entra gives an hour, and up to 28 with continuous access evaluation.
const LONGEST_LIFE: i64 = 28 * 3600;

/// Tokens of a service principal with a client secret, for that cloud's resource manager.
///
/// The source is cheap to clone and to share; equal principals should share one. A line break at the end of the secret
/// is dropped, because files and Secrets so often end in one and no secret of Entra does.
///
/// # Errors
/// `Invalid` when tenant, client or secret is empty or has characters that cannot be.
pub fn service_principal(
    cloud: &Cloud,
    tenant_id: &str,
    client_id: &str,
    secret: SecretString,
) -> Result<Arc<dyn TokenSource>, Error> {
    named("tenant id", tenant_id)?;
    named("client id", client_id)?;
    let trimmed = secret.expose_secret().trim_end_matches(['\r', '\n']);
    let secret = if trimmed.len() == secret.expose_secret().len() { secret } else { SecretString::from(trimmed) };
    if secret.expose_secret().is_empty() {
        return Err(Error::new(ErrorKind::Invalid, "the client secret is empty"));
    }
    let principal = format!("{tenant_id}/{client_id}").to_ascii_lowercase();
    let (cloud, tenant_id, client_id) = (cloud.clone(), tenant_id.to_owned(), client_id.to_owned());
    let fetch = move || -> BoxFuture<'static, Result<Token, Error>> {
        let (cloud, tenant_id, client_id, secret) =
            (cloud.clone(), tenant_id.clone(), client_id.clone(), secret.clone());
        async move {
            let client = EntraHttp::new(&cloud, &secret)?;
            let options = ClientSecretCredentialOptions { client_options: client_options(&cloud, client) };
            // A credential of its own for every fetch: the library's cache could not be told to forget, and hands out
            // no early refresh.
            let secret = Secret::new(secret.expose_secret().to_owned());
            let credential = ClientSecretCredential::new(&tenant_id, client_id, secret, Some(options));
            fetch_with(credential.map_err(|error| translate(&error))?, &cloud).await
        }
        .map(|result: Result<Token, Error>| result.map_err(Error::while_authenticating))
        .boxed()
    };
    Ok(Arc::new(Kept::new(principal, fetch)))
}

async fn fetch_with(credential: Arc<dyn TokenCredential>, cloud: &Cloud) -> Result<Token, Error> {
    let scope = cloud.scope();
    let token = credential.get_token(&[&scope], None).await.map_err(|error| translate(&error))?;
    let expires_at = Timestamp::from_second(token.expires_on.unix_timestamp())
        .map_err(|error| unexpected("the token's end is no time").with_source(error))?;
    tracing::debug!(authority = %cloud.authority(), %expires_at, "Fetched a token");
    Ok(Token::new(SecretString::from(token.token.secret()), expires_at))
}

fn client_options(cloud: &Cloud, http: EntraHttp) -> ClientOptions {
    let mut configuration = CustomConfiguration::default();
    configuration.authority_host = cloud.authority().to_string();
    ClientOptions {
        // Ours decides when to ask again; the library's default can block for over an hour on a Retry-After.
        retry: RetryOptions::none(),
        transport: Some(Transport::new(Arc::new(http))),
        cloud: Some(Arc::new(configuration.into())),
        ..ClientOptions::default()
    }
}

/// Tenant and client ids are GUIDs or domain names; anything else would end up in a URL path.
fn named(what: &str, text: &str) -> Result<(), Error> {
    let fine = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    if !text.is_empty() && text.len() <= 256 && text.chars().all(fine) && !text.chars().all(|c| c == '.') {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Invalid, format!("the {what} must be a GUID (or, for a tenant, a domain name)")))
}

/// Our own error out of the library's chain, else the library's words, of which only known ones are shown.
fn translate(error: &CoreError) -> Error {
    let mut next: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(cause) = next {
        if let Some(ours) = cause.downcast_ref::<Error>() {
            return ours.clone();
        }
        next = cause.source();
    }
    unexpected("the answer of the authority could not be understood")
}

/// Sends one token request and reads its answer whole, before the library sees it.
struct EntraHttp {
    client: reqwest::Client,
    host: String,
    secret: SecretString,
}

impl EntraHttp {
    fn new(cloud: &Cloud, secret: &SecretString) -> Result<Self, Error> {
        let host = cloud.authority().authority().to_owned();
        Ok(Self { client: cloud.authority_http()?, host, secret: secret.clone() })
    }

    async fn exchange(&self, request: &Request) -> Result<Vec<u8>, Error> {
        let mut builder = self.client.post(request.url().clone());
        for (name, value) in request.headers().iter() {
            builder = builder.header(name.as_str(), value.as_str());
        }
        let body = match request.body() {
            Body::Bytes(bytes) => bytes.clone(),
            Body::SeekableStream(_) => return Err(unexpected("the token request is no plain form")),
        };
        let response = builder.body(body).send().await.map_err(|error| from_http(error, &self.host))?;
        let status = response.status().as_u16();
        let asked = retry_after(response.headers(), Timestamp::now());
        let body = read_body(response, BODY_LIMIT, &self.host).await;
        if (200..300).contains(&status) {
            return checked_token(&body?);
        }
        // A refusal counts even if its body could not be read.
        Err(refusal(status, &body.unwrap_or_default(), self.secret.expose_secret()).with_retry_after(asked))
    }
}

impl fmt::Debug for EntraHttp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntraHttp").field("host", &self.host).finish_non_exhaustive()
    }
}

impl HttpClient for EntraHttp {
    // Written as `async_trait` expands it, which is how the trait is declared.
    fn execute_request<'a, 'b, 'c>(
        &'a self,
        request: &'b Request,
    ) -> std::pin::Pin<Box<dyn Future<Output = azure_core::Result<AsyncRawResponse>> + Send + 'c>>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        Box::pin(async move {
            match self.exchange(request).await {
                Ok(body) => Ok(AsyncRawResponse::from_bytes(StatusCode::Ok, Headers::default(), body)),
                Err(error) => Err(CoreError::with_error(CoreKind::Credential, error, "the token request failed")),
            }
        })
    }
}

/// The parts of a token answer that count, checked: a token that can stand in a header, and a life that is sane. The
/// library would take an empty token, and overflow on an absurd life.
fn checked_token(body: &[u8]) -> Result<Vec<u8>, Error> {
    let answer: Value = serde_json::from_slice(body).map_err(|_| {
        let seen = if body.trim_ascii_start().starts_with(b"<") { "an HTML page" } else { "something that is no JSON" };
        let detail = format!("the authority answered {seen}; a proxy or sign-in page may be in between");
        Error::new(ErrorKind::NotJson, detail)
    })?;
    let token = answer.get("access_token").and_then(Value::as_str).unwrap_or_default();
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(unexpected("the authority answered without a usable access_token"));
    }
    // A number, or (as version 1 endpoints and proxies of them write it) a number in quotes.
    let life = answer.get("expires_in").and_then(|life| life.as_i64().or_else(|| life.as_str()?.parse().ok()));
    let life = life.filter(|life| *life > 0).ok_or_else(|| unexpected("the authority's token has no life left"))?;
    let answer = json!({"token_type": "Bearer", "access_token": token, "expires_in": life.min(LONGEST_LIFE)});
    Ok(answer.to_string().into_bytes())
}

/// What Entra means by refusing.
fn refusal(status: u16, body: &[u8], secret: &str) -> Error {
    let answer: Option<Value> = serde_json::from_slice(body).ok();
    let text = |key: &str| answer.as_ref()?.get(key)?.as_str().map(str::to_owned);
    let said = text("error_description").or_else(|| text("error")).unwrap_or_default();
    let said = said.split(['\r', '\n']).next().unwrap_or_default();
    // The first sentence says it; the rest is general advice and trace ids, which never repeat and would make every
    // message new.
    let said = [". ", " Trace ID:"].iter().fold(said, |said, end| said.split(end).next().unwrap_or_default());
    let said = said.replace(secret, "[redacted]");
    let said: String = said.chars().filter(|c| !c.is_control()).take(300).collect();
    let aadsts = aadsts(&said);
    let kind = match (&aadsts, status) {
        (_, 429) => ErrorKind::Throttled,
        (Some(_), 400..=499) => ErrorKind::Unauthenticated { aadsts: aadsts.clone() },
        // `invalid_client` and its like without a code still are a refusal of the credential.
        (None, 400 | 401) if answer.is_some() => ErrorKind::Unauthenticated { aadsts: None },
        (Some(_) | None, status) => ErrorKind::Http { status },
    };
    let said = said.trim_end_matches('.');
    let detail = match (aadsts.as_deref().and_then(advice), said.is_empty()) {
        (Some(advice), _) => format!("{advice} ({said})"),
        (None, false) => format!("the authority answered {status}: {said}"),
        (None, true) => format!("the authority answered {status} and no reason; look at what is between here and it"),
    };
    Error::new(kind, detail)
}

fn aadsts(text: &str) -> Option<String> {
    let rest = &text[text.find("AADSTS")? + "AADSTS".len()..];
    let digits: String = rest.chars().take_while(char::is_ascii_digit).take(12).collect();
    (!digits.is_empty()).then(|| format!("AADSTS{digits}"))
}

/// What to do about the codes that service principals meet (learn.microsoft.com, "Microsoft Entra authentication and
/// authorization error codes").
fn advice(code: &str) -> Option<&'static str> {
    Some(match code {
        "AADSTS7000215" => "the client secret is wrong; store the secret's value, not its id",
        "AADSTS7000222" => "the client secret has expired; make a new one and store it",
        "AADSTS700016" => "the client id is not known in this tenant; check client id and tenant id",
        "AADSTS90002" | "AADSTS900023" => "the tenant does not exist; check the tenant id and the cloud",
        "AADSTS7000112" => "the application is disabled; enable its enterprise application",
        "AADSTS7000229" => "the application has no service principal in this tenant; create one",
        "AADSTS53003" => "a conditional access policy blocks this identity; ask who manages the tenant",
        "AADSTS500011" | "AADSTS500014" => "the resource manager is not known in this tenant; check the cloud",
        _ => return None,
    })
}

fn unexpected(detail: &str) -> Error {
    Error::new(ErrorKind::UnexpectedShape, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusal_with_line_breaks_keeps_its_code() {
        let body = json!({"error":"invalid_client","error_codes":[7000215],"error_description":
            "AADSTS7000215: Invalid client secret provided hunter2. Ensure that.\r\nTrace ID: 1\r\nCorrelation ID: 2"});
        let error = refusal(401, body.to_string().as_bytes(), "hunter2");
        assert_eq!(error.kind(), &ErrorKind::Unauthenticated { aadsts: Some("AADSTS7000215".into()) });
        let text = error.to_string();
        assert!(text.contains("store the secret's value"), "{text}");
        assert!(text.ends_with("provided [redacted])"), "{text}");
    }

    #[test]
    fn refusal_without_a_reason_is_no_verdict_on_the_credential() {
        assert_eq!(refusal(403, b"<html>", "s").kind(), &ErrorKind::Http { status: 403 });
        assert_eq!(refusal(401, b"<html>", "s").kind(), &ErrorKind::Http { status: 401 });
        assert_eq!(refusal(503, b"", "s").kind(), &ErrorKind::Http { status: 503 });
        assert_eq!(refusal(429, b"{}", "s").kind(), &ErrorKind::Throttled);
        let plain = refusal(400, br#"{"error":"unauthorized_client"}"#, "s");
        assert_eq!(plain.kind(), &ErrorKind::Unauthenticated { aadsts: None });
    }

    #[test]
    fn token_answers_that_cannot_be_used_are_refused() {
        for body in [
            r#"{}"#,
            r#"{"access_token":"","expires_in":60}"#,
            r#"{"access_token":"a\nb","expires_in":60}"#,
            r#"{"access_token":"a"}"#,
            r#"{"access_token":"a","expires_in":0}"#,
            "<html>",
            "",
        ] {
            assert!(checked_token(body.as_bytes()).is_err(), "{body}");
        }
        let absurd = checked_token(br#"{"access_token":"a","expires_in":9223372036854775807}"#).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&absurd).unwrap()["expires_in"], LONGEST_LIFE);
        assert!(checked_token(br#"{"access_token":"a","expires_in":"3599"}"#).is_ok());
    }

    #[test]
    fn ids_that_would_change_the_path_are_refused() {
        let cloud = Cloud::public();
        for tenant in ["", "a/b", "..", "a?b", "ä", "a b"] {
            assert!(service_principal(&cloud, tenant, "c", "s".into()).is_err(), "{tenant}");
        }
        assert!(service_principal(&cloud, "t", "c", "\n".into()).is_err());
        assert!(service_principal(&cloud, "contoso.onmicrosoft.com", "c", "s".into()).is_ok());
    }
}
