//! Lists that span pages, honest and hostile.
//!
//! Must not accept a list that was cut short as a whole one.

use crate::server::{Reply, Seen, Server};
use crate::{COMPUTES, always, client, client_with, compute, workspace};
use amlco_azureml::{ErrorKind, Options};
use serde_json::{Value, json};
use std::time::Duration;

fn item(name: &str) -> Value {
    json!({"name": name, "properties": {"computeType": "AmlCompute"}})
}

/// The link to a further page on the server that was asked.
fn link(seen: &Seen, query: &str) -> String {
    format!("http://{}{}?{query}", seen.headers["host"], seen.target.split('?').next().unwrap_or_default())
}

#[tokio::test]
async fn every_page_is_fetched_in_order_and_null_ends_the_list() {
    let server = Server::start(|seen, number| match number {
        0 => Reply::json(200, &json!({"value": [item("a")], "nextLink": link(seen, "api-version=x&$skip=1%3D%3D")})),
        1 => Reply::json(200, &json!({"value": [], "nextLink": link(seen, "api-version=x&$skip=2")})),
        _ => Reply::json(200, &json!({"value": [item("b"), item("c")], "nextLink": null})),
    })
    .await;
    let computes = client(&server).list_computes(&workspace()).await.unwrap();
    let names: Vec<&str> = computes.iter().map(|compute| compute.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "c"]);
    let lines = server.lines();
    assert_eq!(lines[1], format!("GET {COMPUTES}?api-version=x&$skip=1%3D%3D"));
    assert!(server.seen().iter().all(|seen| seen.headers["authorization"] == "Bearer token-1"));
}

#[tokio::test]
async fn further_page_of_nodes_is_fetched_with_get() {
    let server = Server::start(|seen, number| match number {
        0 => Reply::json(200, &json!({"nodes": [{"nodeId": "a"}], "nextLink": link(seen, "p=2")})),
        _ => Reply::json(200, &json!({"nodes": [{"nodeId": "b"}]})),
    })
    .await;
    assert_eq!(client(&server).list_nodes(&compute()).await.unwrap().len(), 2);
    assert_eq!(server.seen()[1].method, "GET");
}

#[tokio::test]
async fn item_that_cannot_be_read_does_not_lose_the_others() {
    let odd = json!({"value": [item("a"), null, 7, {"name": "no-properties"}, {"properties": {}}, item("b")]});
    let server = always(Reply::json(200, &odd)).await;
    assert_eq!(client(&server).list_computes(&workspace()).await.unwrap().len(), 2);
}

#[tokio::test]
async fn list_that_goes_in_circles_ends_with_an_error() {
    let server = Server::start(|seen, number| {
        Reply::json(200, &json!({"value": [], "nextLink": link(seen, &format!("p={}", number % 3))}))
    })
    .await;
    let error = client(&server).list_computes(&workspace()).await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::EndlessList);
    assert_eq!(server.lines().len(), 4);
}

#[tokio::test]
async fn list_without_end_is_given_up() {
    let server = Server::start(|seen, number| {
        Reply::json(200, &json!({"value": [], "nextLink": link(seen, &format!("p={number}"))}))
    })
    .await;
    let error = client(&server).list_computes(&workspace()).await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::EndlessList);
    assert_eq!(server.lines().len(), 500);
}

#[tokio::test]
async fn list_has_a_deadline_of_its_own() {
    let server = Server::start(|seen, number| match number {
        0 => Reply::json(200, &json!({"value": [], "nextLink": link(seen, "p=1")})),
        _ => Reply::stall(),
    })
    .await;
    let options = Options { list_timeout: Duration::from_millis(300), ..Options::default() };
    let error = client_with(&server, options).list_computes(&workspace()).await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Timeout);
}

#[tokio::test]
async fn hostile_next_link_gets_no_request_and_no_token() {
    let elsewhere = always(Reply::json(200, &json!({"value": [item("stolen")]}))).await;
    let port = elsewhere.url().port().unwrap();
    for link in [
        format!("http://127.0.0.1:{port}{COMPUTES}"),
        format!("http://localhost:{port}{COMPUTES}"),
        format!("//127.0.0.1:{port}{COMPUTES}"),
        "https://evil.example/".to_owned(),
        format!("{COMPUTES}/../../vaults"),
        "/subscriptions/other/computes".to_owned(),
        format!("{COMPUTES}?x={}", "y".repeat(20_000)),
    ] {
        let page = json!({"value": [item("a")], "nextLink": link});
        let server = always(Reply::json(200, &page)).await;
        let error = client(&server).list_computes(&workspace()).await.unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::ForeignUrl, "{link}");
        assert_eq!(server.lines().len(), 1);
    }
    assert_eq!(elsewhere.seen().len(), 0);
}

#[tokio::test]
async fn page_that_fails_fails_the_list() {
    let server = Server::start(|seen, number| match number {
        0 => Reply::json(200, &json!({"value": [item("a")], "nextLink": link(seen, "p=1")})),
        _ => Reply::new(500, &[], ""),
    })
    .await;
    let error = client(&server).list_computes(&workspace()).await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Http { status: 500 });
}

#[tokio::test]
async fn answer_that_is_no_list_is_told() {
    for body in [json!({}), json!([]), json!({"value": {}}), json!({"value": "x"}), json!(null)] {
        let server = always(Reply::json(200, &body)).await;
        let error = client(&server).list_computes(&workspace()).await.unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::UnexpectedShape, "{body}");
    }
}
