//! When a 404 means "no such compute", and when it means something else.
//!
//! Must not accept a doubtful answer as absence: a finalizer would be taken off a machine that still bills.

use crate::server::Reply;
use crate::{always, client, compute, workspace};
use amlco_azureml::{Accepted, ErrorKind, UnderlyingAction};
use serde_json::{Value, json};

fn error(code: &str, message: &str) -> Value {
    json!({"error": {"code": code, "message": message}})
}

#[tokio::test]
async fn empty_404_and_one_that_names_the_compute_are_absence() {
    let type_and_name =
        "The Resource 'Microsoft.MachineLearningServices/workspaces/demo/computes/CPU-Cluster' was not found.";
    for reply in [
        Reply::new(404, &[("x-ms-response-type", "standard")], ""),
        Reply::json(404, &error("ResourceNotFound", type_and_name)),
        Reply::json(
            404,
            &json!({"error": {"code": "UserError", "message": "no compute 'cpu-cluster' here", "innerError": {"code": "NotFound"}}}),
        ),
    ] {
        let server = always(reply).await;
        let client = client(&server);
        assert_eq!(client.compute(&compute()).await.unwrap(), None);
        let deleted = client.delete_compute(&compute(), UnderlyingAction::Delete).await.unwrap();
        assert_eq!(deleted, Accepted::Absent);
    }
}

#[tokio::test]
async fn missing_parent_is_told_apart_from_a_missing_compute() {
    let parent = "Failed to perform 'delete' on resource(s) of type 'workspaces/computes', because the parent resource '/subscriptions/s/workspaces/demo' could not be found.";
    let whole =
        "The Resource 'Microsoft.MachineLearningServices/workspaces/demo' under resource group 'ml' was not found.";
    for (code, message) in [
        ("ParentResourceNotFound", parent),
        ("ResourceGroupNotFound", "Resource group 'ml' could not be found."),
        ("SubscriptionNotFound", "The subscription could not be found."),
        ("ResourceNotFound", whole),
    ] {
        let server = always(Reply::json_with(404, &[("x-ms-failure-cause", "gateway")], &error(code, message))).await;
        let client = client(&server);
        let expected = ErrorKind::ParentNotFound { code: code.to_owned() };
        assert_eq!(client.compute(&compute()).await.unwrap_err().kind(), &expected);
        assert_eq!(client.workspace(&workspace()).await.unwrap_err().kind(), &expected);
        assert_eq!(client.list_computes(&workspace()).await.unwrap_err().kind(), &expected);
        let deleted = client.delete_compute(&compute(), UnderlyingAction::Delete).await.unwrap_err();
        assert_eq!(deleted.kind(), &expected);
        assert_eq!((deleted.status(), deleted.may_have_taken_effect()), (Some(404), false));
    }
}

#[tokio::test]
async fn doubtful_404_proves_nothing() {
    for reply in [
        Reply::new(404, &[("Content-Type", "text/html")], "<html>not here</html>"),
        Reply::json(404, &error("NotFound", "something was not found")),
        Reply::json(404, &error("NotFound", "no compute 'cpu-cluster-2' here")),
        Reply::json(404, &error("InvalidResourceType", "the type computes/cpu-cluster was not found")),
        Reply::json(404, &json!({})),
    ] {
        let server = always(reply).await;
        let client = client(&server);
        assert_eq!(client.compute(&compute()).await.unwrap_err().kind(), &ErrorKind::Http { status: 404 });
        client.delete_compute(&compute(), UnderlyingAction::Delete).await.unwrap_err();
    }
}

#[tokio::test]
async fn gateway_page_is_no_absence_whatever_its_status() {
    for status in [403, 410, 500, 502, 503] {
        let server = always(Reply::new(status, &[], "<html>")).await;
        let error = client(&server).compute(&compute()).await.unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::Http { status });
    }
}
