//! New workspaces and identities.
//!
//! Must not hold changes of objects: those are in `updates`.

use super::{Case, SUBNET, Verdict, WORKSPACE, create, identity, with, workspace};
use Verdict::{Accepted, Rule, Schema};
use serde_json::{Value, json};

/// New workspaces and identities.
pub(crate) fn all() -> Vec<Case> {
    let mut cases = vec![
        create(workspace, "smallest workspace is accepted", "metadata.name", json!("research"), Accepted),
        create(
            workspace,
            "workspace id in lower case is accepted",
            "spec.resourceId",
            json!(WORKSPACE.to_lowercase()),
            Accepted,
        ),
        create(identity, "identity with a secret is accepted", "metadata.name", json!("team-a"), Accepted),
    ];
    const ID: &str = "`resourceId` must be the ARM id of an Azure ML workspace";
    let wrong = [
        "demo".to_owned(),
        SUBNET.to_owned(),
        format!("{WORKSPACE}/"),
        format!("{WORKSPACE}/computes/c"),
        format!("https://management.azure.com{WORKSPACE}"),
        WORKSPACE.replace("11111111-1111", "x"),
        WORKSPACE.replace("/ml/", "/../"),
        WORKSPACE.replace("demo", "ab"),
    ];
    for id in wrong {
        cases.push(create(workspace, format!("workspace id {id} is refused"), "spec.resourceId", json!(id), Rule(ID)));
    }
    for text in ["10s", "PT1H", "PT1M", "3600s", "60m"] {
        cases.push(create(
            workspace,
            format!("interval {text} is accepted"),
            "spec.observeInterval",
            json!(text),
            Accepted,
        ));
    }
    const INTERVAL: &str = "`observeInterval` must be a duration from 10 seconds to 1 hour";
    for text in ["9s", "PT1H1S", "0s", "P1D", "often", ""] {
        let verdict = if text.is_empty() { Schema("spec.observeInterval") } else { Rule(INTERVAL) };
        cases.push(create(
            workspace,
            format!("interval {text:?} is refused"),
            "spec.observeInterval",
            json!(text),
            verdict,
        ));
    }
    let other = json!({"kind": "ServiceAccount", "name": "x"});
    let verdict = Schema("\"AzureIdentity\", \"ClusterAzureIdentity\"");
    cases.push(create(workspace, "identity of another kind is refused", "spec.identityRef", other, verdict));
    let verdict = Rule("`identityRef.name` must be the name of an object");
    cases.push(create(
        workspace,
        "identity named with a slash is refused",
        "spec.identityRef.name",
        json!("a/b"),
        verdict,
    ));
    cases.extend(azure_identities());
    cases
}

fn azure_identities() -> Vec<Case> {
    let case = |name: &str, path: &str, value: Value, verdict: Verdict| create(identity, name, path, value, verdict);
    let secret = || json!({"secretRef": {"name": "azure", "key": "k"}});
    const MEMBER: &str = "`servicePrincipal` must be present with `type` ServicePrincipal, and only then";
    const ONE: &str = "`servicePrincipal` must have exactly one of `clientSecret` and `certificate`";
    let certificate = json!({"certificate": {"secretRef": {"name": "azure", "key": "tls.pem"}, "password": secret()}});
    let federated =
        with(with(identity(), "spec.servicePrincipal", Value::Null), "spec.type", json!("WorkloadIdentity"));
    let accepted = with(federated.clone(), "spec.workloadIdentity", json!({"serviceAccountName": "ml"}));
    let named = with(federated.clone(), "spec.workloadIdentity", json!({"serviceAccountName": "ML/x"}));
    let row = |name: &str, object: Value, verdict: Verdict| Case { name: name.into(), old: None, object, verdict };
    vec![
        case("identity with a certificate is accepted", "spec.servicePrincipal", certificate, Accepted),
        case("tenant that is no GUID is refused", "spec.tenantId", json!("contoso"), Rule("`tenantId` must be a GUID")),
        case("client that is no GUID is refused", "spec.clientId", json!("me"), Rule("`clientId` must be a GUID")),
        case("service principal without its member is refused", "spec.servicePrincipal", Value::Null, Rule(MEMBER)),
        case("member of another type is refused", "spec.type", json!("WorkloadIdentity"), Rule(MEMBER)),
        case(
            "members of both types are refused",
            "spec.workloadIdentity",
            json!({"serviceAccountName": "ml"}),
            Rule("`workloadIdentity` must be present with `type` WorkloadIdentity, and only then"),
        ),
        case("service principal without a credential is refused", "spec.servicePrincipal", json!({}), Rule(ONE)),
        case(
            "service principal with both credentials is refused",
            "spec.servicePrincipal.certificate",
            json!({"secretRef": {"name": "azure", "key": "k"}}),
            Rule(ONE),
        ),
        case(
            "inline secret is refused",
            "spec.servicePrincipal",
            json!({"clientSecret": "hunter2"}),
            Schema("must be of type object"),
        ),
        row("federated identity is accepted", accepted, Accepted),
        row(
            "service account named with a slash is refused",
            named,
            Rule("`workloadIdentity.serviceAccountName` must be"),
        ),
    ]
}
