//! Tokens: a refused one is replaced once, and Entra's endpoint in good and bad moods, over TLS with an own CA.
//!
//! Must not trust certificates in any other way than a user of the client would.

use crate::server::{Ca, Reply, Seen, Server};
use crate::{Watcher, client, client_with, compute, workspace};
use amlco_azureml::{Client, Cloud, Error, ErrorKind, Options, Outcome, service_principal};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

const SECRET: &str = "s3cr3t~value";

fn unauthorized() -> Reply {
    Reply::json(
        401,
        &json!({"error": {"code": "InvalidAuthenticationToken", "message": "The access token is invalid."}}),
    )
}

#[tokio::test]
async fn token_refused_once_is_replaced_and_the_call_succeeds() {
    let server = Server::start(|seen, _| match seen.headers["authorization"].as_str() {
        "Bearer token-1" => unauthorized(),
        _ => Reply::new(200, &[], r#"{"name":"cpu-cluster","properties":{}}"#),
    })
    .await;
    let watcher = Arc::new(Watcher::default());
    let client = client_with(&server, Options { observer: Some(watcher.clone()), ..Options::default() });
    client.compute(&compute()).await.unwrap().unwrap();
    assert_eq!(server.seen()[1].headers["authorization"], "Bearer token-2");
    assert_eq!(watcher.outcomes(), [Outcome::Unauthenticated, Outcome::Success]);
}

#[tokio::test]
async fn token_refused_twice_is_an_error_after_two_requests() {
    let server = Server::start(|_, _| unauthorized()).await;
    let error = client(&server).put_compute(&compute(), &json!({})).await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Unauthenticated { aadsts: None });
    assert!(!error.may_have_taken_effect() && !error.is_authenticating());
    assert!(
        error.to_string().contains("tenant") && error.to_string().contains("InvalidAuthenticationToken"),
        "{error}"
    );
    assert_eq!(server.lines().len(), 2);
}

/// A resource manager that wants `Bearer good-N`, and a client whose tokens come from `authority`.
async fn behind(authority: &Server, ca: Option<&Ca>, timeout: Duration) -> (Server, Result<Client, Error>) {
    let server = Server::start(|_, _| Reply::json(200, &json!({"value": []}))).await;
    rustls::crypto::ring::default_provider().install_default().ok();
    let made = Cloud::custom(server.url().clone(), authority.url().clone(), ca.map(Ca::pem)).and_then(|cloud| {
        let tokens = service_principal(&cloud, "tenant-1", "client-1", format!("{SECRET}\n").into())?;
        Client::new(&cloud, tokens, Options { timeout, ..Options::default() })
    });
    (server, made)
}

async fn failure(reply: Reply) -> Error {
    let ca = Ca::new();
    let authority = Server::start_tls(&ca, move |_, _| reply.clone()).await;
    let (server, client) = behind(&authority, Some(&ca), Duration::from_secs(10)).await;
    let error = client.unwrap().list_computes(&workspace()).await.unwrap_err();
    assert_eq!(server.lines().len(), 0, "nothing is sent without a token");
    assert_eq!(authority.lines().len(), 1, "the library under the client does not ask again");
    assert!(error.is_authenticating());
    assert!(!format!("{error} {error:?}").contains(SECRET));
    error
}

fn grant(_: &Seen, number: usize) -> Reply {
    let token = format!("good-{}", number + 1);
    Reply::json(
        200,
        &json!({"token_type": "Bearer", "access_token": token, "expires_in": 3599, "ext_expires_in": 3599}),
    )
}

#[tokio::test]
async fn service_principal_gets_one_token_for_many_calls() {
    let ca = Ca::new();
    let authority = Server::start_tls(&ca, grant).await;
    let (server, client) = behind(&authority, Some(&ca), Duration::from_secs(10)).await;
    let client = client.unwrap();
    let calls = (0..20).map(|_| {
        let client = client.clone();
        tokio::spawn(async move { client.list_computes(&workspace()).await.unwrap() })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.unwrap();
    }
    assert_eq!(authority.lines(), ["POST /tenant-1/oauth2/v2.0/token"]);
    assert!(server.seen().iter().all(|seen| seen.headers["authorization"] == "Bearer good-1"));
    let form: Vec<(String, String)> =
        url::form_urlencoded::parse(authority.seen()[0].body.as_bytes()).into_owned().collect();
    let scope = format!("{}.default", server.url());
    for (name, value) in
        [("client_id", "client-1"), ("client_secret", SECRET), ("grant_type", "client_credentials"), ("scope", &scope)]
    {
        assert!(form.contains(&(name.to_owned(), value.to_owned())), "{name}");
    }
}

#[tokio::test]
async fn service_principal_fetches_anew_when_azure_refuses_the_token() {
    let ca = Ca::new();
    let authority = Server::start_tls(&ca, grant).await;
    let server = Server::start(|seen, _| match seen.headers["authorization"].as_str() {
        "Bearer good-1" => unauthorized(),
        _ => Reply::json(200, &json!({"value": []})),
    })
    .await;
    let cloud = Cloud::custom(server.url().clone(), authority.url().clone(), Some(ca.pem())).unwrap();
    let tokens = service_principal(&cloud, "t", "c", SECRET.into()).unwrap();
    let client = Client::new(&cloud, tokens, Options::default()).unwrap();
    client.list_computes(&workspace()).await.unwrap();
    client.list_computes(&workspace()).await.unwrap();
    assert_eq!((authority.lines().len(), server.lines().len()), (2, 3));
}

#[tokio::test]
async fn refusal_of_entra_keeps_its_code_and_says_what_to_do() {
    let description = "AADSTS7000215: Invalid client secret provided.\r\nTrace ID: 1\r\nTimestamp: \"2026\"";
    let error = failure(Reply::json(
        401,
        &json!({"error": "invalid_client", "error_description": description, "error_codes": [7000215]}),
    ))
    .await;
    assert_eq!(error.kind(), &ErrorKind::Unauthenticated { aadsts: Some("AADSTS7000215".into()) });
    let expected = "cannot list the computes of workspace demo: no token: the client secret is wrong; store the secret's value, not its id (AADSTS7000215: Invalid client secret provided)";
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn authority_in_a_bad_mood_is_no_verdict_on_the_credential() {
    for (reply, kind) in [
        (Reply::new(200, &[], "<html>sign in</html>"), ErrorKind::NotJson),
        (Reply::new(200, &[], ""), ErrorKind::NotJson),
        (Reply::json(200, &json!({"access_token": "", "expires_in": 60})), ErrorKind::UnexpectedShape),
        (Reply::new(403, &[], "<html>blocked</html>"), ErrorKind::Http { status: 403 }),
        (Reply::new(503, &[], ""), ErrorKind::Http { status: 503 }),
        (Reply::new(302, &[("Location", "https://evil.example")], ""), ErrorKind::Http { status: 302 }),
        (Reply::unbounded(200, &[], vec![b' '; 1 << 20]), ErrorKind::TooLarge),
        (Reply::cut(200, 100, "{"), ErrorKind::Interrupted),
        (Reply::hang_up(), ErrorKind::Interrupted),
    ] {
        assert_eq!(failure(reply).await.kind(), &kind);
    }
}

#[tokio::test]
async fn throttling_of_the_authority_is_told_with_its_wait_and_not_slept_out() {
    let error = failure(Reply::json_with(429, &[("Retry-After", "600")], &json!({"error": "throttled"}))).await;
    assert_eq!((error.kind(), error.retry_after()), (&ErrorKind::Throttled, Some(Duration::from_secs(600))));
}

#[tokio::test]
async fn authority_that_stalls_ends_at_the_deadline() {
    let ca = Ca::new();
    let authority = Server::start_tls(&ca, |_, _| Reply::stall()).await;
    let (_server, client) = behind(&authority, Some(&ca), Duration::from_millis(300)).await;
    let error = client.unwrap().list_computes(&workspace()).await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Timeout);
    assert!(error.is_authenticating());
}

#[tokio::test]
async fn authority_that_is_down_or_not_trusted_is_told_apart() {
    let (ca, stranger) = (Ca::new(), Ca::new());
    let authority = Server::start_tls(&ca, grant).await;
    for trusted in [None, Some(&stranger)] {
        let (_server, client) = behind(&authority, trusted, Duration::from_secs(10)).await;
        let error = client.unwrap().list_computes(&workspace()).await.unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::Tls, "{error}");
        assert!(error.is_authenticating());
    }
    assert_eq!(authority.lines().len(), 0);

    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = url::Url::parse(&format!("https://{}", free.local_addr().unwrap())).unwrap();
    drop(free);
    let cloud = Cloud::custom(authority.url().clone(), url, Some(ca.pem())).unwrap();
    let tokens = service_principal(&cloud, "t", "c", SECRET.into()).unwrap();
    let error = tokens.token().await.err().unwrap();
    assert_eq!(error.kind(), &ErrorKind::Connect, "{error}");
}

#[tokio::test]
async fn expired_certificate_is_told_in_words_that_do_not_change() {
    let ca = Ca::with_certificate_until(2020);
    let authority = Server::start_tls(&ca, grant).await;
    let (_server, client) = behind(&authority, Some(&ca), Duration::from_secs(10)).await;
    let error = client.unwrap().list_computes(&workspace()).await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Tls);
    assert!(error.to_string().contains("failed: the certificate has expired; check"), "{error}");
}

#[tokio::test]
async fn resource_manager_behind_an_own_ca_is_reached_and_a_stranger_is_not() {
    let (ca, stranger) = (Ca::new(), Ca::new());
    let server = Server::start_tls(&ca, |seen, number| match seen.method.as_str() {
        "POST" => grant(seen, number),
        _ => Reply::json(200, &json!({"value": []})),
    })
    .await;
    let made = |ca: &Ca| {
        let cloud = Cloud::custom(server.url().clone(), server.url().clone(), Some(ca.pem())).unwrap();
        let tokens = service_principal(&cloud, "t", "c", SECRET.into()).unwrap();
        Client::new(&cloud, tokens, Options::default()).unwrap()
    };
    made(&ca).list_computes(&workspace()).await.unwrap();
    let error = made(&stranger).list_computes(&workspace()).await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Tls, "{error}");
    assert_eq!(server.lines().len(), 2);
}
