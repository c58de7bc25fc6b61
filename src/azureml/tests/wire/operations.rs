//! Long operations: what a write's answer becomes, and what a look says.
//!
//! Must not let a request leave for an address that is not pinned.

use crate::server::{Reply, Server};
use crate::{SUBSCRIPTION, always, client, compute, operation};
use amlco_azureml::arm::OperationStatus;
use amlco_azureml::{Accepted, ErrorKind, OperationUrl, Progress, UnderlyingAction};
use serde_json::json;
use std::time::Duration;

/// A server whose writes are answered with `status`, the headers that `headers` makes of its own origin, and a body.
async fn writes(status: u16, headers: fn(&str) -> Vec<(&'static str, String)>, body: &'static str) -> Server {
    Server::start(move |seen, _| {
        let made = headers(&format!("http://{}", seen.headers["host"]));
        let headers: Vec<(&str, &str)> = made.iter().map(|(name, value)| (*name, value.as_str())).collect();
        Reply::new(status, &headers, body)
    })
    .await
}

const OPERATION: &str = "/subscriptions/11111111-1111-1111-1111-111111111111/providers/Microsoft.MachineLearningServices/locations/eastus/computeOperationsStatus/04e1?api-version=2026-05-01&service=new&t=1&c=M%2fI~x&s=a_b-c&h=z";

fn named(origin: &str) -> Vec<(&'static str, String)> {
    vec![("Azure-AsyncOperation", format!("{origin}{OPERATION}")), ("Retry-After", "15".into())]
}

#[tokio::test]
async fn signed_operation_is_kept_and_asked_to_the_byte() {
    let server = Server::start(|seen, number| match number {
        0 => {
            let url = format!("http://{}{OPERATION}&pad={}", seen.headers["host"], "x".repeat(4000));
            Reply::new(201, &[("Azure-AsyncOperation", &url), ("Retry-After", "15")], "{}")
        }
        _ => Reply::json(200, &json!({"status": "InProgress"})),
    })
    .await;
    let client = client(&server);
    let accepted = client.put_compute(&compute(), &json!({})).await.unwrap();
    let Accepted::Running { url: Some(url), retry_after, client_request_id } = accepted else {
        panic!("{accepted:?}");
    };
    assert_eq!(retry_after, Some(Duration::from_secs(15)));
    assert_eq!(client_request_id, server.seen()[0].headers["x-ms-client-request-id"]);
    client.poll(&url).await.unwrap();
    assert_eq!(server.seen()[1].target, format!("{OPERATION}&pad={}", "x".repeat(4000)));
    assert_eq!(server.seen()[1].headers["authorization"], "Bearer token-1");
    let again = OperationUrl::parse(url.as_str(), client.cloud(), SUBSCRIPTION).unwrap();
    assert_eq!(again, url);
}

#[tokio::test]
async fn write_is_running_done_or_absent_by_what_its_answer_says() {
    let none: fn(&str) -> Vec<(&'static str, String)> = |_| Vec::new();
    let creating = r#"{"properties":{"provisioningState":"Creating"}}"#;
    let succeeded = r#"{"properties":{"provisioningState":"Succeeded"}}"#;
    for (status, headers, body, running) in [
        (201, named as fn(&str) -> _, creating, Some(true)),
        (200, named, succeeded, Some(true)),
        (201, none, creating, Some(false)),
        (202, none, "", Some(false)),
        (200, none, "", Some(false)),
        (200, none, succeeded, None),
    ] {
        let server = writes(status, headers, body).await;
        match (client(&server).put_compute(&compute(), &json!({})).await.unwrap(), running) {
            (Accepted::Running { url, .. }, Some(has_url)) => assert_eq!(url.is_some(), has_url, "{status} {body}"),
            (Accepted::Done, None) => {}
            (other, _) => panic!("{status} {body}: {other:?}"),
        }
    }
    // Nothing changed: no operation (azureml-api.md a.3).
    let server = writes(200, none, "").await;
    assert_eq!(client(&server).patch_compute(&compute(), &json!({})).await.unwrap(), Accepted::Done);
    assert_eq!(client(&server).delete_compute(&compute(), UnderlyingAction::Delete).await.unwrap(), Accepted::Done);
    let server = writes(204, none, "").await;
    assert_eq!(client(&server).delete_compute(&compute(), UnderlyingAction::Delete).await.unwrap(), Accepted::Absent);
}

#[tokio::test]
async fn foreign_operation_is_an_error_after_an_effect_and_gets_no_request() {
    let elsewhere = always(Reply::json(200, &json!({"status": "Succeeded"}))).await;
    let port = elsewhere.url().port().unwrap();
    for url in [
        format!("http://127.0.0.1:{port}{OPERATION}"),
        format!("http://localhost:{port}{OPERATION}"),
        format!("https://management.azure.com{OPERATION}"),
        format!("http://user:pw@127.0.0.1:{port}{OPERATION}"),
        "//evil.example/x".to_owned(),
        "not a url".to_owned(),
        String::new(),
    ] {
        let server = Server::start(move |_, _| Reply::new(201, &[("Azure-AsyncOperation", &url)], "{}")).await;
        let error = client(&server).put_compute(&compute(), &json!({})).await.unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::ForeignOperationUrl);
        assert!(error.may_have_taken_effect());
        assert!(error.client_request_id().is_some());
        assert_eq!(server.lines().len(), 1);
    }
    assert_eq!(elsewhere.seen().len(), 0);
}

#[tokio::test]
async fn operation_of_another_cloud_is_not_polled() {
    let ours = always(Reply::json(200, &json!({"status": "Succeeded"}))).await;
    let theirs = always(Reply::json(200, &json!({"status": "Succeeded"}))).await;
    let (client_here, client_there) = (client(&ours), client(&theirs));
    let url = OperationUrl::parse(&operation(&theirs, "a=b"), client_there.cloud(), SUBSCRIPTION).unwrap();
    assert_eq!(client_here.poll(&url).await.unwrap_err().kind(), &ErrorKind::ForeignOperationUrl);
    assert_eq!((ours.seen().len(), theirs.seen().len()), (0, 0));
}

#[tokio::test]
async fn look_tells_progress_success_failure_or_that_it_is_gone() {
    let failed = json!({"status": "Failed", "error": {"code": "QuotaExceeded", "message": "m"}});
    for (reply, expected) in [
        (Reply::json(200, &json!({"status": "InProgress"})), Some(OperationStatus::InProgress)),
        (Reply::json(202, &json!({"status": "inprogress"})), Some(OperationStatus::InProgress)),
        (Reply::json(200, &json!({"status": "Succeeded", "percentComplete": 100.0})), Some(OperationStatus::Succeeded)),
        (Reply::json(200, &failed), Some(OperationStatus::Failed)),
        (Reply::json(200, &json!({"status": "Odd"})), Some(OperationStatus::Unknown("Odd".into()))),
        (Reply::new(404, &[], ""), None),
        (Reply::json(404, &json!({"error": {"code": "NotFound", "message": "m"}})), None),
        (Reply::new(410, &[], ""), None),
    ] {
        let server = always(reply).await;
        let client = client(&server);
        let url = OperationUrl::parse(&operation(&server, "a=b"), client.cloud(), SUBSCRIPTION).unwrap();
        match (client.poll(&url).await.unwrap(), expected) {
            (Progress::Reported { operation, .. }, Some(status)) => {
                assert_eq!(operation.error.is_some(), status == OperationStatus::Failed);
                assert_eq!(operation.status, status);
            }
            (Progress::Gone, None) => {}
            (other, expected) => panic!("{other:?} is not {expected:?}"),
        }
    }
}

#[tokio::test]
async fn look_that_fails_says_how() {
    for (reply, kind) in [
        (Reply::new(403, &[], ""), ErrorKind::Http { status: 403 }),
        (Reply::new(200, &[], ""), ErrorKind::NotJson),
        (Reply::json(200, &json!({})), ErrorKind::UnexpectedShape),
        (Reply::new(302, &[("Location", "https://evil.example")], ""), ErrorKind::Redirect { status: 302 }),
    ] {
        let server = always(reply).await;
        let client = client(&server);
        let url = OperationUrl::parse(&operation(&server, "a=b"), client.cloud(), SUBSCRIPTION).unwrap();
        let error = client.poll(&url).await.unwrap_err();
        assert_eq!(error.kind(), &kind);
        assert!(!error.may_have_taken_effect());
    }
}

#[tokio::test]
async fn operation_named_by_location_runs_while_it_answers_202() {
    let server = Server::start(|seen, number| match number {
        0 => Reply::new(202, &[("Location", &format!("http://{}{OPERATION}", seen.headers["host"]))], ""),
        1 => Reply::new(202, &[("Retry-After", "9")], ""),
        _ => Reply::new(200, &[], ""),
    })
    .await;
    let client = client(&server);
    let accepted = client.delete_compute(&compute(), UnderlyingAction::Delete).await.unwrap();
    let Accepted::Running { url: Some(url), .. } = accepted else { panic!("{accepted:?}") };
    let progress = |status, retry_after| Progress::Reported {
        operation: amlco_azureml::arm::Operation { status, error: None },
        retry_after,
    };
    let nine = Some(Duration::from_secs(9));
    assert_eq!(client.poll(&url).await.unwrap(), progress(OperationStatus::InProgress, nine));
    assert_eq!(client.poll(&url).await.unwrap(), progress(OperationStatus::Succeeded, None));
}
