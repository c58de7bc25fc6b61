//! Who is asking, and whether they may: ARM's checks of tokens and of role assignments. Issues no tokens and changes nothing.

use std::sync::Arc;

use jiff::Timestamp;

use crate::{
    aad::{Directory, Principal},
    errors::Refusal,
    message::Request,
    rights::Rights,
    token::Claims,
};

/// The audiences that the public cloud accepts, as its own refusal lists them.
const AUDIENCES: [&str; 4] = [
    "https://management.core.windows.net/",
    "https://management.core.windows.net",
    "https://management.azure.com/",
    "https://management.azure.com",
];

/// A caller whose token was good.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) tenant: String,
    pub(crate) client_id: String,
    pub(crate) object_id: String,
    rights: Arc<Rights>,
}

impl Caller {
    fn of(principal: &Principal) -> Self {
        Self {
            tenant: principal.tenant.clone(),
            client_id: principal.client_id.clone(),
            object_id: principal.object_id.clone(),
            rights: Arc::clone(&principal.rights),
        }
    }

    /// Whether a role assignment covers the action.
    pub(crate) fn may(&self, action: &str, scope: &str) -> bool {
        self.rights.allow(action, scope)
    }

    /// Checks the reading of a list: ARM shows the part of it that the caller may see, if there can be one.
    ///
    /// # Errors
    /// As [`authorize`](Self::authorize).
    pub(crate) fn authorize_list(&self, action: &str, scope: &str) -> Result<(), Refusal> {
        if self.rights.allow_below(action, scope) { Ok(()) } else { self.authorize(action, scope) }
    }

    /// Checks one action.
    ///
    /// # Errors
    /// 403 `AuthorizationFailed` with ARM's words (azureml-api e.2).
    pub(crate) fn authorize(&self, action: &str, scope: &str) -> Result<(), Refusal> {
        if self.may(action, scope) {
            return Ok(());
        }
        let (client, object) = (&self.client_id, &self.object_id);
        Err(Refusal::gateway(
            403,
            "AuthorizationFailed",
            format!(
                "The client '{client}' with object id '{object}' does not have authorization to perform action '{action}' over scope '{scope}' or the scope is invalid. If access was recently granted, please refresh your credentials."
            ),
        ))
    }

    /// Checks an action on another resource that a write names.
    ///
    /// # Errors
    /// 403 `LinkedAuthorizationFailed` with ARM's words (recorded in aad-pod-identity issue 613).
    pub(crate) fn authorize_linked(&self, action: &str, scope: &str, linked: (&str, &str)) -> Result<(), Refusal> {
        let (linked_action, linked_scope) = linked;
        if self.may(linked_action, linked_scope) {
            return Ok(());
        }
        let (client, object) = (&self.client_id, &self.object_id);
        Err(Refusal::gateway(
            403,
            "LinkedAuthorizationFailed",
            format!(
                "The client '{client}' with object id '{object}' has permission to perform action '{action}' on scope '{scope}'; however, it does not have permission to perform action(s) '{linked_action}' on the linked scope(s) '{linked_scope}' (respectively) or the linked scope(s) are invalid."
            ),
        ))
    }
}

/// Reads and checks the token of a request for a subscription of `tenant` (`None`: not known which).
///
/// # Errors
/// 401 with the code and the `WWW-Authenticate` challenge that ARM answers.
pub(crate) fn authenticate(
    directory: &Directory,
    request: &Request,
    tenant: Option<&str>,
    wall: Timestamp,
) -> Result<Caller, Refusal> {
    let authority = format!("{}/{}", request.base, tenant.unwrap_or("common"));
    let refuse = |code: &str, message: String| {
        let challenge = format!(
            "Bearer authorization_uri=\"{authority}\", error=\"invalid_token\", error_description=\"{message}\""
        );
        Refusal::gateway(401, code, message).header("WWW-Authenticate", challenge)
    };
    let Some(header) = request.header("authorization") else {
        let text = "Authentication failed. The 'Authorization' header is missing.";
        return Err(refuse("AuthenticationFailed", text.into()));
    };
    let token = header.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("bearer ")).map(|_| header[7..].trim());
    let Some(token) = token else {
        let text = "Authentication failed. The 'Authorization' header is provided in an invalid format.";
        return Err(refuse("AuthenticationFailedInvalidHeader", text.into()));
    };
    let invalid = || refuse("InvalidAuthenticationToken", "The access token is invalid.".into());
    let claims = Claims::decode(token).ok_or_else(invalid)?;
    if !accepts(&claims.aud, request) {
        let allowed = AUDIENCES.map(|known| format!("'{known}'")).join(",");
        let text = format!(
            "The access token has been obtained for wrong audience or resource '{}'. It should exactly match with one of the allowed audiences {allowed}.",
            claims.aud
        );
        return Err(refuse("InvalidAuthenticationTokenAudience", text));
    }
    if claims.exp <= wall.as_second() {
        let shown = |second: i64| {
            Timestamp::from_second(second)
                .map(|at| at.strftime("%-m/%-d/%Y %-I:%M:%S %p").to_string())
                .unwrap_or_default()
        };
        let (expiry, current) = (shown(claims.exp), shown(wall.as_second()));
        let text = format!("The access token expiry UTC time '{expiry}' is earlier than current UTC time '{current}'.");
        return Err(refuse("ExpiredAuthenticationToken", text));
    }
    let principal = directory.principal(&claims.tid, &claims.appid).ok_or_else(invalid)?;
    match tenant {
        Some(tenant) if !tenant.eq_ignore_ascii_case(&claims.tid) => {
            let text = format!(
                "The access token is from the wrong issuer 'https://sts.windows.net/{}/'. It must match the tenant 'https://sts.windows.net/{tenant}/' associated with this subscription. Please use the authority (URL) 'https://login.windows.net/{tenant}' to get the token. Note, if the subscription is transferred to another tenant there is no impact to the services, but information about new tenant could take time to propagate (up to an hour). If you just transferred your subscription and see this error message, please try back later.",
                claims.tid
            );
            Err(refuse("InvalidAuthenticationTokenTenant", text))
        }
        _ => Ok(Caller::of(principal)),
    }
}

/// The public audiences, and the emulator itself by whatever loopback name or port it is called.
fn accepts(audience: &str, request: &Request) -> bool {
    if AUDIENCES.contains(&audience) || audience.trim_end_matches('/') == request.base {
        return true;
    }
    let host = audience.strip_prefix("https://").or_else(|| audience.strip_prefix("http://")).unwrap_or_default();
    let host = host.trim_end_matches('/');
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    matches!(host, "localhost" | "127.0.0.1" | "[::1]")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::{CLIENT_ID, OBJECT_ID, Seed, TENANT};

    fn try_token(token: Option<&str>, tenant: Option<&str>) -> Result<Caller, Refusal> {
        let headers = token.map(|token| ("authorization".to_owned(), token.to_owned()));
        let request =
            Request { headers: headers.into_iter().collect(), base: "http://127.0.0.1:1".into(), ..Request::default() };
        authenticate(&Directory::new(&Seed::default()).unwrap(), &request, tenant, Timestamp::UNIX_EPOCH)
    }

    fn token(audience: &str, tenant: &str, client: &str, lifetime: u32) -> String {
        let claims = Claims::of(audience, tenant, client, OBJECT_ID, Timestamp::UNIX_EPOCH, lifetime);
        format!("Bearer {}", claims.encode())
    }

    #[test]
    fn good_tokens_name_their_caller() {
        for audience in ["https://management.azure.com", "http://127.0.0.1:1", "https://localhost:2/"] {
            let caller = try_token(Some(&token(audience, TENANT, CLIENT_ID, 60)), Some(TENANT)).unwrap();
            assert_eq!((caller.client_id.as_str(), caller.object_id.as_str()), (CLIENT_ID, OBJECT_ID));
        }
    }

    #[test]
    fn bad_tokens_are_refused_with_arms_codes_and_a_challenge() {
        let good = "https://management.azure.com/";
        let other = "55555555-5555-5555-5555-555555555555";
        for (header, tenant, code) in [
            (None, Some(TENANT), "AuthenticationFailed"),
            (Some("Basic abc".to_owned()), Some(TENANT), "AuthenticationFailedInvalidHeader"),
            (Some("Bearer abc".to_owned()), Some(TENANT), "InvalidAuthenticationToken"),
            (Some(token(good, TENANT, CLIENT_ID, 0)), Some(TENANT), "ExpiredAuthenticationToken"),
            (
                Some(token("https://vault.azure.net", TENANT, CLIENT_ID, 9)),
                Some(TENANT),
                "InvalidAuthenticationTokenAudience",
            ),
            (Some(token(good, TENANT, CLIENT_ID, 9)), Some(other), "InvalidAuthenticationTokenTenant"),
            (Some(token(good, TENANT, "unknown", 9)), Some(TENANT), "InvalidAuthenticationToken"),
        ] {
            let refusal = try_token(header.as_deref(), tenant).unwrap_err();
            assert_eq!((refusal.status, refusal.code.as_str()), (401, code));
            let answer = refusal.into_response("eastus", ("", ""), Timestamp::UNIX_EPOCH);
            assert!(answer.header("www-authenticate").unwrap().starts_with("Bearer authorization_uri="));
        }
    }

    #[test]
    fn denied_actions_are_refused_by_name_and_by_prefix() {
        let mut caller = try_token(Some(&token("https://management.azure.com", TENANT, CLIENT_ID, 60)), None).unwrap();
        let denied = ["Microsoft.X/a/write".to_owned(), "Microsoft.Network/*".to_owned()];
        caller.rights = Arc::new(Rights::new(&denied, None).unwrap());
        assert!(caller.authorize("Microsoft.X/a/read", "/s").is_ok());
        let refusal = caller.authorize("microsoft.x/A/write", "/s").unwrap_err();
        assert_eq!(refusal.code, "AuthorizationFailed");
        assert!(refusal.message.contains(CLIENT_ID) && refusal.message.contains(OBJECT_ID));
        let linked = ("Microsoft.Network/virtualNetworks/subnets/join/action", "/subnet");
        assert_eq!(caller.authorize_linked("w", "/s", linked).unwrap_err().code, "LinkedAuthorizationFailed");
    }
}
