//! The token endpoint of a machine with a managed identity, as tools ask for it at `169.254.169.254` or, told otherwise by
//! `AZURE_POD_IDENTITY_AUTHORITY_HOST`, here. Knows no machine: whoever asks has the identities of the seed.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    aad::Directory,
    message::{Request, Response},
    route,
    token::Claims,
};

/// Answers `GET /metadata/identity/oauth2/token` (learn.microsoft.com: how-to-use-vm-token; numbers are texts there). Without a
/// choice it is the first principal; `client_id`, `object_id` and `msi_res_id` (the ARM id of an identity of the seed) choose another.
pub(crate) fn token(directory: &Directory, request: &Request, wall: Timestamp) -> Response {
    match grant(directory, request, wall) {
        Ok(body) => Response::json(200, &body),
        Err(why) => Response::json(400, &json!({"error": "invalid_request", "error_description": why})),
    }
}

fn grant(directory: &Directory, request: &Request, wall: Timestamp) -> Result<Value, &'static str> {
    let value = |name: &str| route::query_value(&request.query, name).filter(|value| !value.is_empty());
    if !request.header("metadata").is_some_and(|text| text.eq_ignore_ascii_case("true")) {
        return Err("Required metadata header not specified");
    }
    if request.method != "GET" {
        return Err("Only GET is supported");
    }
    value("api-version").ok_or("Required query variable 'api-version' is missing")?;
    let resource = value("resource").ok_or("Required query variable 'resource' is missing")?;
    let (client, object) = (value("client_id"), value("object_id"));
    let resource_id = value("msi_res_id").or_else(|| value("mi_res_id"));
    let client = match resource_id {
        Some(id) => Some(directory.listed_identity(&id).ok_or("Identity not found")?.to_owned()),
        None => client,
    };
    let is = |wanted: &Option<String>, known: &str| wanted.as_ref().is_none_or(|id| id.eq_ignore_ascii_case(known));
    let mut known = directory.principals().iter();
    let principal = known
        .find(|known| is(&client, &known.client_id) && is(&object, &known.object_id))
        .ok_or("Identity not found")?;
    let lifetime = directory.lifetime();
    let (tenant, id, object) = (&principal.tenant, &principal.client_id, &principal.object_id);
    let claims = Claims::of(&resource, tenant, id, object, wall, lifetime);
    Ok(json!({
        "access_token": claims.encode(),
        "client_id": id,
        "expires_in": lifetime.to_string(),
        "expires_on": claims.exp.to_string(),
        "ext_expires_in": lifetime.to_string(),
        "not_before": claims.nbf.to_string(),
        "resource": resource,
        "token_type": "Bearer"
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::{CLIENT_ID, OBJECT_ID, Seed};

    fn ask(header: bool, query: &str) -> (u16, Value) {
        let request = Request {
            method: "GET".into(),
            path: "/metadata/identity/oauth2/token".into(),
            query: query.into(),
            headers: header.then(|| ("metadata".to_owned(), "true".to_owned())).into_iter().collect(),
            ..Request::default()
        };
        let answer = token(&Directory::new(&Seed::default()).unwrap(), &request, Timestamp::UNIX_EPOCH);
        (answer.status, serde_json::from_slice(&answer.body).unwrap())
    }

    #[test]
    fn machine_gets_a_token_of_its_identity_for_the_resource_it_names() {
        let resource = "resource=https%3A%2F%2Fmanagement.azure.com%2F";
        for choice in [String::new(), format!("&client_id={CLIENT_ID}"), format!("&object_id={OBJECT_ID}")] {
            let (status, body) = ask(true, &format!("api-version=2018-02-01&{resource}{choice}"));
            assert_eq!((status, &body["expires_on"], &body["token_type"]), (200, &json!("3599"), &json!("Bearer")));
            let claims = Claims::decode(body["access_token"].as_str().unwrap()).unwrap();
            assert_eq!((claims.appid.as_str(), claims.aud.as_str()), (CLIENT_ID, "https://management.azure.com/"));
        }
    }

    #[test]
    fn identity_is_chosen_by_its_arm_id_if_the_seed_lists_it() {
        let seed = r#"{"identities": [{"id": "/subscriptions/S/i", "principalId": "p", "clientId": "second"}], "principals": [
            {"tenant": "t", "clientId": "first", "clientSecret": "x"},
            {"tenant": "t", "clientId": "second", "clientSecret": "x"}]}"#;
        let directory = Directory::new(&Seed::from_json(seed).unwrap()).unwrap();
        let request = Request {
            method: "GET".into(),
            query: "api-version=2018-02-01&resource=https://management.azure.com/&msi_res_id=%2Fsubscriptions%2Fs%2Fi"
                .into(),
            headers: vec![("metadata".into(), "true".into())],
            ..Request::default()
        };
        let answer = token(&directory, &request, Timestamp::UNIX_EPOCH);
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!((answer.status, &body["client_id"]), (200, &json!("second")));
    }

    #[test]
    fn machine_is_refused_without_header_version_or_resource_and_for_an_identity_it_has_not() {
        let good = "api-version=2018-02-01&resource=https://management.azure.com/";
        for (header, query, word) in [
            (false, good.to_owned(), "metadata header"),
            (true, "resource=x".into(), "'api-version'"),
            (true, "api-version=2018-02-01".into(), "'resource'"),
            (true, format!("{good}&client_id=nobody"), "Identity not found"),
            (true, format!("{good}&msi_res_id=/subscriptions/s/x"), "Identity not found"),
        ] {
            let (status, body) = ask(header, &query);
            assert_eq!((status, &body["error"]), (400, &json!("invalid_request")));
            assert!(body["error_description"].as_str().unwrap().contains(word), "{body}");
        }
    }
}
