//! A Databricks workspace, entered with an access token (azureml-api.md b.5).
//!
//! Must not compare the token: Azure answers null in its place, so it is told apart by fingerprints.

use super::{DESCRIPTION, PLAIN, RESOURCE, Spec, Type, own, put, secret, text, unshown};
use crate::action::Because;
use crate::inputs::WorkspaceFacts;
use crate::rules::Compare;
use api::DatabricksReport;
use serde_json::Map;

pub(super) const TYPE: Type = Type {
    wire: "Databricks",
    rules: &[DESCRIPTION, own("spec.databricks.resourceId", RESOURCE, Compare::ArmId)],
    write_only: |_| {
        let pointer = "/properties/properties/databricksAccessToken";
        Some(unshown("spec.databricks.accessToken", pointer))
    },
    secrets: |spec| spec.databricks.iter().map(|workspace| workspace.access_token.secret_ref.clone()).collect(),
    check: same_subscription,
    body: |spec, refs, _| {
        let mut own = Map::new();
        if let Some(workspace) = &spec.databricks {
            put(&mut own, "databricksAccessToken", secret(refs, &workspace.access_token.secret_ref));
        }
        own
    },
    report: |seen, status| {
        status.databricks = Some(DatabricksReport { workspace_url: text(seen, "/workspaceUrl") });
    },
    ..PLAIN
};

/// Azure ML attaches only what is in its own subscription (issue text).
fn same_subscription(spec: &Spec, workspace: &WorkspaceFacts) -> Result<(), Because> {
    let Some(id) = spec.databricks.as_ref().map(|databricks| &databricks.resource_id) else { return Ok(()) };
    let (theirs, ours) = (id.split('/').nth(2).unwrap_or_default(), workspace.id.subscription());
    if theirs.eq_ignore_ascii_case(ours) {
        return Ok(());
    }
    let message = format!(
        "`spec.databricks.resourceId` is in subscription {theirs} and the Azure ML workspace in {ours}: azure ml attaches only a Databricks workspace of its own subscription; use one of {ours}"
    );
    Err(Because::new("SubscriptionMismatch", message))
}
