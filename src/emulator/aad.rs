//! Entra ID (Azure AD): tenants, principals and the token endpoint. Knows nothing of ARM.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    message::{Request, Response},
    random::{self, Random},
    rights::{self, Rights},
    route,
    seed::Seed,
    token::Claims,
};

/// A service principal.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Principal {
    pub(crate) tenant: String,
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
    pub(crate) object_id: String,
    #[serde(serialize_with = "rights::write", deserialize_with = "rights::read")]
    pub(crate) rights: Arc<Rights>,
}

/// Who exists.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Directory {
    tenants: BTreeSet<String>,
    principals: Vec<Principal>,
    identities: BTreeMap<String, (String, String)>,
    only_listed: bool,
    lifetime: u32,
    random: u64,
}

impl Directory {
    /// The tenants, principals and managed identities of a seed.
    ///
    /// # Errors
    /// What is wrong with a principal, and where.
    pub(crate) fn new(seed: &Seed) -> Result<Self, String> {
        let tenants = seed.principals.iter().map(|principal| &principal.tenant);
        let tenants = tenants.chain(seed.subscriptions.iter().map(|subscription| &subscription.tenant));
        let principals = seed.principals.iter().enumerate().map(|(index, principal)| {
            let rights = Rights::new(&principal.denied, principal.role_assignments.as_deref());
            Ok(Principal {
                tenant: principal.tenant.clone(),
                client_id: principal.client_id.clone(),
                client_secret: principal.client_secret.clone(),
                object_id: principal
                    .object_id
                    .clone()
                    .unwrap_or_else(|| random::uuid_for(seed.random, &principal.client_id).to_string()),
                rights: Arc::new(rights.map_err(|why| format!("principals[{index}].{why}"))?),
            })
        });
        let identities = seed.identities.iter().map(|identity| {
            (identity.id.to_ascii_lowercase(), (identity.principal_id.clone(), identity.client_id.clone()))
        });
        Ok(Self {
            tenants: tenants.map(|tenant| tenant.to_ascii_lowercase()).collect(),
            principals: principals.collect::<Result<_, String>>()?,
            identities: identities.collect(),
            only_listed: seed.only_listed_identities,
            lifetime: seed.token_lifetime_seconds,
            random: seed.random,
        })
    }

    /// The principal of a client id in a tenant.
    pub(crate) fn principal(&self, tenant: &str, client_id: &str) -> Option<&Principal> {
        self.principals
            .iter()
            .find(|known| known.client_id.eq_ignore_ascii_case(client_id) && known.tenant.eq_ignore_ascii_case(tenant))
    }

    /// The principals of a client id, to change them.
    pub(crate) fn principals_mut(&mut self, client_id: &str) -> impl Iterator<Item = &mut Principal> {
        let wanted = client_id.to_ascii_lowercase();
        self.principals.iter_mut().filter(move |known| known.client_id.to_ascii_lowercase() == wanted)
    }

    /// Seconds that a token is good for.
    pub(crate) fn lifetime(&self) -> u32 {
        self.lifetime
    }

    /// All principals, to show them.
    pub(crate) fn principals(&self) -> &[Principal] {
        &self.principals
    }

    /// Client id of a user-assigned identity that the seed lists.
    pub(crate) fn listed_identity(&self, id: &str) -> Option<&str> {
        self.identities.get(&id.to_ascii_lowercase()).map(|(_, client)| client.as_str())
    }

    /// Principal id and client id of a user-assigned identity, or `None` if there is no such identity.
    pub(crate) fn identity(&self, id: &str) -> Option<(String, String)> {
        let key = id.to_ascii_lowercase();
        let derived = |what: &str| random::uuid_for(self.random, &format!("{what} {key}")).to_string();
        match self.identities.get(&key) {
            Some(known) => Some(known.clone()),
            None if self.only_listed => None,
            None => Some((derived("principal"), derived("client"))),
        }
    }

    /// Answers `POST /{tenant}/oauth2/v2.0/token` for the grant `client_credentials` with a client secret.
    pub(crate) fn token(&self, tenant: &str, request: &Request, random: &mut Random, wall: Timestamp) -> Response {
        match self.grant(tenant, request, wall) {
            Ok(body) => Response::json(200, &body),
            Err(refusal) => refusal.into_response(&request.base, random, wall),
        }
        .with("Cache-Control", "no-store, no-cache")
        .with("Pragma", "no-cache")
        .with("Expires", "-1")
    }

    fn grant(&self, tenant: &str, request: &Request, wall: Timestamp) -> Result<Value, Denial> {
        if request.method != "POST" {
            return Err(Denial::new(400, "invalid_request", 900_561, "The endpoint only accepts POST requests."));
        }
        if !self.tenants.contains(&tenant.to_ascii_lowercase()) {
            let text = format!(
                "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud."
            );
            return Err(Denial::new(400, "invalid_request", 90_002, text));
        }
        let form = String::from_utf8_lossy(&request.body);
        let field = |name: &str| route::query_value(&form, name).filter(|value| !value.is_empty());
        let missing = |name: &str| {
            let text = format!("The request body must contain the following parameter: '{name}'.");
            Denial::new(400, "invalid_request", 900_144, text)
        };
        let grant = field("grant_type").ok_or_else(|| missing("grant_type"))?;
        if grant != "client_credentials" {
            let text = format!("The app requested an unsupported grant type '{grant}'.");
            return Err(Denial::new(400, "unsupported_grant_type", 70_003, text));
        }
        let client_id = field("client_id").ok_or_else(|| missing("client_id"))?;
        let principal = self.principal(tenant, &client_id).ok_or_else(|| {
            let text = format!(
                "Application with identifier '{client_id}' was not found in the directory '{tenant}'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant."
            );
            Denial::new(400, "unauthorized_client", 700_016, text)
        })?;
        let secret = field("client_secret").ok_or_else(|| {
            let text =
                "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type.";
            Denial::new(401, "invalid_client", 7_000_216, text)
        })?;
        if secret != principal.client_secret {
            let text = format!(
                "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '{client_id}'."
            );
            return Err(Denial::new(401, "invalid_client", 7_000_215, text));
        }
        let scope = field("scope").ok_or_else(|| missing("scope"))?;
        let audience = audience(&scope).ok_or_else(|| {
            let text = format!(
                "The provided value for scope {scope} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI)."
            );
            Denial::new(400, "invalid_scope", 1_002_012, text)
        })?;
        let claims = Claims::of(audience, tenant, &principal.client_id, &principal.object_id, wall, self.lifetime);
        Ok(json!({
            "token_type": "Bearer",
            "expires_in": self.lifetime,
            "ext_expires_in": self.lifetime,
            "access_token": claims.encode()
        }))
    }

    /// Answers the OpenID configuration of a tenant, which MSAL asks for first.
    pub(crate) fn openid_configuration(tenant: &str, base: &str) -> Response {
        Response::json(
            200,
            &json!({
                "token_endpoint": format!("{base}/{tenant}/oauth2/v2.0/token"),
                "token_endpoint_auth_methods_supported": ["client_secret_post"],
                "authorization_endpoint": format!("{base}/{tenant}/oauth2/v2.0/authorize"),
                "device_authorization_endpoint": format!("{base}/{tenant}/oauth2/v2.0/devicecode"),
                "jwks_uri": format!("{base}/{tenant}/discovery/v2.0/keys"),
                "issuer": format!("{base}/{tenant}/v2.0"),
                "response_types_supported": ["token"],
                "subject_types_supported": ["pairwise"],
                "scopes_supported": ["openid"],
                "tenant_region_scope": null,
                "cloud_instance_name": "emulator"
            }),
        )
    }

    /// Answers instance discovery: this host is the only one there is.
    pub(crate) fn instance_discovery(base: &str) -> Response {
        let host = base.split("://").nth(1).unwrap_or(base);
        Response::json(
            200,
            &json!({
                "tenant_discovery_endpoint": format!("{base}/common/v2.0/.well-known/openid-configuration"),
                "api-version": "1.1",
                "metadata": [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}]
            }),
        )
    }
}

/// A refused token request.
struct Denial {
    status: u16,
    error: &'static str,
    number: u32,
    text: String,
}

impl Denial {
    fn new(status: u16, error: &'static str, number: u32, text: impl Into<String>) -> Self {
        Self { status, error, number, text: text.into() }
    }

    /// The body as Entra ID writes it, line ends included (recorded in Microsoft 365 agents toolkit issue 8621).
    fn into_response(self, base: &str, random: &mut Random, wall: Timestamp) -> Response {
        let (trace, correlation) = (random.uuid(), random.uuid());
        let at = wall.strftime("%Y-%m-%d %H:%M:%SZ").to_string();
        let Self { status, error, number, text } = self;
        Response::json(
            status,
            &json!({
                "error": error,
                "error_description": format!(
                    "AADSTS{number}: {text}\r\nTrace ID: {trace}\r\nCorrelation ID: {correlation}\r\nTimestamp: {at}"
                ),
                "error_codes": [number],
                "timestamp": at,
                "trace_id": trace.to_string(),
                "correlation_id": correlation.to_string(),
                "error_uri": format!("{base}/error?code={number}")
            }),
        )
    }
}

/// The resource that a scope of the client credentials grant names. MSAL for Go sends the scopes of `OpenID` beside it, and
/// alone where there is no resource, which Entra ID refuses with the whole scope in its words
/// (microsoft-authentication-library-for-go issue 304).
fn audience(scope: &str) -> Option<&str> {
    let mut resources = scope.split_whitespace().filter(|word| !["openid", "offline_access", "profile"].contains(word));
    let resource = resources.next()?.strip_suffix("/.default")?;
    resources.next().is_none().then_some(resource)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::{CLIENT_ID, CLIENT_SECRET, OBJECT_ID, TENANT};

    fn ask(tenant: &str, form: &str) -> (u16, Value) {
        let request = Request {
            method: "POST".into(),
            body: form.to_owned().into(),
            base: "https://localhost:1".into(),
            ..Request::default()
        };
        let answer = Directory::new(&Seed::default()).unwrap().token(
            tenant,
            &request,
            &mut Random::new(1),
            Timestamp::UNIX_EPOCH,
        );
        (answer.status, serde_json::from_slice(&answer.body).unwrap())
    }

    fn form(client: &str, secret: &str, scope: &str) -> String {
        format!("grant_type=client_credentials&client_id={client}&client_secret={secret}&scope={scope}")
    }

    #[test]
    fn right_secret_gets_a_token_for_the_audience_it_asked_for() {
        let scope = "https%3A%2F%2Fmanagement.azure.com%2F.default";
        let (status, body) = ask(TENANT, &form(CLIENT_ID, CLIENT_SECRET, scope));
        assert_eq!((status, body["token_type"].as_str()), (200, Some("Bearer")));
        let claims = Claims::decode(body["access_token"].as_str().unwrap()).unwrap();
        assert_eq!(claims.aud, "https://management.azure.com");
        let (status, body) =
            ask(TENANT, &form(CLIENT_ID, CLIENT_SECRET, &format!("{scope}+openid+offline_access+profile")));
        assert_eq!((status, body["token_type"].as_str()), (200, Some("Bearer")));
        assert_eq!(Claims::decode(body["access_token"].as_str().unwrap()).unwrap().aud, claims.aud);
        assert_eq!((claims.appid.as_str(), claims.oid.as_str(), claims.exp), (CLIENT_ID, OBJECT_ID, 3599));
    }

    #[test]
    fn wrong_requests_get_entra_ids_codes_and_line_ends() {
        let scope = "x/.default";
        for (tenant, form, status, code, error) in [
            (TENANT, form(CLIENT_ID, "wrong", scope), 401, 7_000_215, "invalid_client"),
            (TENANT, form("99", CLIENT_SECRET, scope), 400, 700_016, "unauthorized_client"),
            ("nowhere", form(CLIENT_ID, CLIENT_SECRET, scope), 400, 90_002, "invalid_request"),
            (TENANT, form(CLIENT_ID, CLIENT_SECRET, "x"), 400, 1_002_012, "invalid_scope"),
            (TENANT, form(CLIENT_ID, CLIENT_SECRET, "openid+profile"), 400, 1_002_012, "invalid_scope"),
            (TENANT, form(CLIENT_ID, CLIENT_SECRET, "x/.default+y/.default"), 400, 1_002_012, "invalid_scope"),
            (TENANT, form(CLIENT_ID, "", scope), 401, 7_000_216, "invalid_client"),
            (TENANT, "grant_type=password".into(), 400, 70_003, "unsupported_grant_type"),
            (TENANT, String::new(), 400, 900_144, "invalid_request"),
        ] {
            let (got, body) = ask(tenant, &form);
            assert_eq!((got, body["error"].as_str()), (status, Some(error)), "{form}");
            assert_eq!(body["error_codes"], json!([code]));
            let text = body["error_description"].as_str().unwrap();
            assert!(text.starts_with(&format!("AADSTS{code}: ")) && text.contains("\r\nTrace ID: "), "{text}");
        }
    }

    #[test]
    fn identities_keep_their_ids_in_any_letter_case() {
        let directory = Directory::new(&Seed::default()).unwrap();
        assert_eq!(directory.identity("/subscriptions/S/x"), directory.identity("/Subscriptions/s/X"));
        let closed = Directory::new(&Seed { only_listed_identities: true, ..Seed::default() }).unwrap();
        assert_eq!(closed.identity("/subscriptions/S/x"), None);
    }
}
