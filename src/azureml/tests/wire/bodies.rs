//! Answers that are too large, too slow, cut, empty, or not Azure's at all.
//!
//! Must not need more memory or time than the limits the client promises.

use crate::server::{Reply, Server};
use crate::{Watcher, always, client, client_with, compute, workspace};
use amlco_azureml::{Accepted, ErrorKind, Options, Outcome};
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};

async fn failure(reply: Reply) -> amlco_azureml::Error {
    let server = always(reply).await;
    client(&server).compute(&compute()).await.expect_err("the answer cannot be used")
}

#[tokio::test]
async fn ten_megabytes_are_not_read() {
    let body = vec![b' '; 10 * 1024 * 1024];
    assert_eq!(failure(Reply::new(200, &[], &body)).await.kind(), &ErrorKind::TooLarge);
    assert_eq!(failure(Reply::unbounded(200, &[], &body)).await.kind(), &ErrorKind::TooLarge);
    let refused = failure(Reply::unbounded(500, &[], &body)).await;
    assert_eq!(refused.kind(), &ErrorKind::Http { status: 500 });
}

#[tokio::test]
async fn gzip_is_read_and_a_gzip_bomb_is_not() {
    let whole = gzip_stored(br#"{"name":"cpu-cluster","properties":{}}"#);
    let server = always(Reply::new(200, &[("Content-Encoding", "gzip")], whole)).await;
    assert_eq!(client(&server).compute(&compute()).await.unwrap().unwrap().name, "cpu-cluster");

    let bomb = gzip_bomb(64 * 1024 * 1024);
    assert!(bomb.len() < 512 * 1024);
    assert_eq!(failure(Reply::new(200, &[("Content-Encoding", "gzip")], bomb)).await.kind(), &ErrorKind::TooLarge);
}

#[tokio::test]
async fn broken_gzip_is_an_interrupted_answer() {
    let broken = Reply::new(200, &[("Content-Encoding", "gzip")], "no gzip at all");
    assert_eq!(failure(broken).await.kind(), &ErrorKind::Interrupted);
}

#[tokio::test]
async fn answer_cut_short_is_interrupted() {
    assert_eq!(failure(Reply::cut(200, 100, r#"{"name":"#)).await.kind(), &ErrorKind::Interrupted);
    assert_eq!(failure(Reply::hang_up()).await.kind(), &ErrorKind::Interrupted);
}

#[tokio::test]
async fn answer_that_is_no_json_says_what_it_is() {
    let deep = "[".repeat(100_000);
    for (body, word) in
        [("", "empty"), ("<html>sign in</html>", "HTML"), (r#"{"name":"#, "truncated"), (&deep, "no JSON")]
    {
        let error = failure(Reply::new(200, &[], body)).await;
        assert_eq!(error.kind(), &ErrorKind::NotJson);
        assert!(error.to_string().contains(word), "{error}");
        assert!(error.to_string().len() < 300, "{error}");
    }
}

#[tokio::test]
async fn answer_that_is_no_compute_is_told() {
    for body in [json!([]), json!({}), json!({"name": "x"}), json!({"name": "x", "properties": null})] {
        assert_eq!(failure(Reply::json(200, &body)).await.kind(), &ErrorKind::UnexpectedShape, "{body}");
    }
    let accepted = failure(Reply::json(202, &json!({"name": "x", "properties": {}}))).await;
    assert_eq!(accepted.kind(), &ErrorKind::UnexpectedShape);
}

#[tokio::test]
async fn byte_order_mark_is_no_obstacle() {
    let body = "\u{feff}{\"name\":\"cpu-cluster\",\"properties\":{}}";
    let server = always(Reply::new(200, &[], body)).await;
    client(&server).compute(&compute()).await.unwrap().unwrap();
}

#[tokio::test]
async fn answer_that_stalls_or_drips_ends_at_the_deadline() {
    for reply in [Reply::stall(), Reply::drip()] {
        let server = always(reply).await;
        let watcher = Arc::new(Watcher::default());
        let timeout = Duration::from_millis(300);
        let options = Options { timeout, observer: Some(watcher.clone()), ..Options::default() };
        let client = client_with(&server, options);
        let started = Instant::now();
        let error = client.put_compute(&compute(), &json!({})).await.unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::Timeout);
        assert!(error.may_have_taken_effect());
        assert!(started.elapsed() < Duration::from_secs(10));
        assert_eq!(watcher.outcomes(), [Outcome::Timeout]);
        assert!(!client.compute(&compute()).await.unwrap_err().may_have_taken_effect());
    }
}

#[tokio::test]
async fn redirect_is_not_followed() {
    let elsewhere = always(Reply::json(200, &json!({"name": "x", "properties": {}}))).await;
    for status in [301, 302, 303, 307, 308] {
        let error = failure(Reply::new(status, &[("Location", elsewhere.url().as_str())], "")).await;
        assert_eq!(error.kind(), &ErrorKind::Redirect { status });
    }
    assert_eq!(elsewhere.seen().len(), 0);
}

#[tokio::test]
async fn nobody_listening_is_no_connection_and_no_effect() {
    let server = always(Reply::hang_up()).await;
    let client = client(&server);
    drop(server);
    // The port is free once the listener's task has ended; until then a connection may be accepted and dropped.
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let error = client.put_compute(&compute(), &json!({})).await.unwrap_err();
        if error.kind() == &ErrorKind::Connect {
            assert!(!error.may_have_taken_effect());
            return;
        }
        assert!(Instant::now() < deadline, "{error}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn error_of_azure_is_carried_whole_and_shown_short() {
    let body = json!({"error": {"code": "UserError", "message": "Bearer token-1 is no good.", "innerError": {"code": "BadArgument"}}});
    let headers = [("x-ms-request-id", "r-1"), ("Retry-After", "7")];
    let server = Server::start(move |_, _| Reply::json_with(400, &headers, &body)).await;
    let error = client(&server).put_compute(&compute(), &json!({})).await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Http { status: 400 });
    assert!(error.arm().unwrap().has_code("BadArgument"));
    assert_eq!((error.request_id(), error.retry_after()), (Some("r-1"), Some(Duration::from_secs(7))));
    assert_eq!(error.client_request_id(), server.seen()[0].headers.get("x-ms-client-request-id").map(String::as_str));
    assert!(!error.may_have_taken_effect());
    let expected = "cannot create or replace compute cpu-cluster of workspace demo: Azure answered 400 UserError: Bearer [redacted] is no good";
    assert_eq!(error.to_string(), expected);
    assert!(!format!("{error:?}").contains("token-1"));
}

#[tokio::test]
async fn write_that_failed_inside_azure_may_have_happened() {
    for (status, may) in [(500, true), (502, true), (504, true), (408, true), (400, false), (409, false), (403, false)]
    {
        let server = always(Reply::new(status, &[], "<html>")).await;
        let client = client(&server);
        let error = client.put_compute(&compute(), &json!({})).await.unwrap_err();
        assert_eq!(error.may_have_taken_effect(), may, "{status}");
        assert!(!client.workspace(&workspace()).await.unwrap_err().may_have_taken_effect());
    }
    let server = always(Reply::hang_up()).await;
    assert!(client(&server).put_compute(&compute(), &json!({})).await.unwrap_err().may_have_taken_effect());
}

#[tokio::test]
async fn write_whose_answer_cannot_be_read_still_happened() {
    for reply in
        [Reply::cut(201, 100, "{"), Reply::unbounded(201, &[], vec![b' '; 9 << 20]), Reply::new(201, &[], "<html>")]
    {
        let server = always(reply).await;
        let accepted = client(&server).put_compute(&compute(), &json!({})).await.unwrap();
        assert!(matches!(accepted, Accepted::Running { url: None, .. }), "{accepted:?}");
    }
}

/// A gzip member with one stored block.
fn gzip_stored(body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap();
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 1];
    out.extend(length.to_le_bytes());
    out.extend((!length).to_le_bytes());
    out.extend(body);
    out.extend(crc32(body).to_le_bytes());
    out.extend(u32::from(length).to_le_bytes());
    out
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

/// A gzip member of `size` spaces in a few hundred kilobytes: one literal, then copies of 258 bytes from one byte back,
/// in the fixed Huffman codes of RFC 1951. It has no end, which nobody should get to see.
fn gzip_bomb(size: usize) -> Vec<u8> {
    let mut bits = vec![true, true, false];
    let code = |bits: &mut Vec<bool>, value: u16, width: u32| {
        bits.extend((0..width).rev().map(|bit| value >> bit & 1 == 1));
    };
    code(&mut bits, 0x30 + u16::from(b' '), 8);
    for _ in 0..size / 258 {
        code(&mut bits, 0b1100_0101, 8);
        code(&mut bits, 0, 5);
    }
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    out.extend(bits.chunks(8).map(|byte| byte.iter().enumerate().fold(0, |sum, (at, bit)| sum | u8::from(*bit) << at)));
    out
}
