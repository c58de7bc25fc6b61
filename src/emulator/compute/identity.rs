//! Managed identities of a compute: what a body asks for and what the service answers. Grants nothing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{errors::Refusal, resources};

/// ARM type of user-assigned identities.
pub(crate) const USER_ASSIGNED: &str = "Microsoft.ManagedIdentity/userAssignedIdentities";

/// Which identities a compute has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum IdentityType {
    None,
    SystemAssigned,
    UserAssigned,
}

/// What a body asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IdentityRequest {
    pub(crate) kind: IdentityType,
    /// ARM ids as sent; `false` asks for removal (a null value, as azureml-core sends).
    pub(crate) users: Vec<(String, bool)>,
}

/// The identities that a compute has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    kind: IdentityType,
    principal: Option<String>,
    tenant: String,
    /// Principal id and client id by ARM id, in the service's spelling.
    users: BTreeMap<String, (String, String)>,
}

impl IdentityRequest {
    /// Reads the `identity` member of a body; `None` if it is absent or null.
    ///
    /// # Errors
    /// Unknown types, both kinds at once (a compute takes one), ids that are none.
    pub(crate) fn read(value: Option<&Value>) -> Result<Option<Self>, Refusal> {
        let Some(value) = value.filter(|value| !value.is_null()) else { return Ok(None) };
        let wrong = |text: &str| Refusal::user_error(text).target("identity");
        let object = value.as_object().ok_or_else(|| wrong("The identity must be an object."))?;
        let text = object.get("type").and_then(Value::as_str).unwrap_or_default();
        let folded: String = text.chars().filter(|letter| !letter.is_whitespace()).collect();
        let kind = match folded.to_ascii_lowercase().as_str() {
            "none" => IdentityType::None,
            "systemassigned" => IdentityType::SystemAssigned,
            "userassigned" => IdentityType::UserAssigned,
            "systemassigned,userassigned" => {
                return Err(wrong(
                    "A compute supports a system-assigned identity or user-assigned identities, not both.",
                ));
            }
            _ => {
                return Err(wrong(&format!(
                    "The identity type '{text}' is not valid. Valid types: None, SystemAssigned, UserAssigned."
                )));
            }
        };
        let users = match object.get("userAssignedIdentities") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Object(users)) => read_users(users)?,
            Some(_) => return Err(wrong("The userAssignedIdentities must be an object.")),
        };
        match (kind, users.is_empty()) {
            (IdentityType::UserAssigned, true) => {
                Err(wrong("The identity type 'UserAssigned' needs at least one entry in userAssignedIdentities."))
            }
            (IdentityType::None | IdentityType::SystemAssigned, false) => {
                Err(wrong(&format!("The identity type '{text}' takes no userAssignedIdentities.")))
            }
            _ => Ok(Some(Self { kind, users })),
        }
    }

    /// The ARM ids it asks to use.
    pub(crate) fn used(&self) -> impl Iterator<Item = &str> {
        self.users.iter().filter(|(_, keep)| *keep).map(|(id, _)| id.as_str())
    }
}

fn read_users(users: &Map<String, Value>) -> Result<Vec<(String, bool)>, Refusal> {
    users
        .iter()
        .map(|(id, value)| {
            if !resources::is_a(id, USER_ASSIGNED) {
                return Err(Refusal::linked_id(id, "identity.userAssignedIdentities"));
            }
            Ok((id.clone(), !value.is_null()))
        })
        .collect()
}

/// What new identities are looked up and made with.
pub(crate) struct Issuer<'a> {
    pub(crate) tenant: &'a str,
    /// Principal of the system-assigned identity, should it be wanted.
    pub(crate) system: &'a str,
    /// Principal id and client id of a user-assigned identity.
    pub(crate) lookup: &'a dyn Fn(&str) -> Option<(String, String)>,
}

impl Identity {
    /// Carries out a request on what was there before. A PUT (`replace`) leaves only what it names.
    ///
    /// # Errors
    /// A user-assigned identity that does not exist.
    pub(crate) fn apply(
        before: Option<&Self>,
        request: &IdentityRequest,
        replace: bool,
        issuer: &Issuer<'_>,
    ) -> Result<Self, Refusal> {
        let mut users = before
            .filter(|before| !replace && before.kind == IdentityType::UserAssigned && request.kind == before.kind)
            .map(|before| before.users.clone())
            .unwrap_or_default();
        for (id, keep) in &request.users {
            users.retain(|known, _| !known.eq_ignore_ascii_case(id));
            if *keep {
                let ids = (issuer.lookup)(id).ok_or_else(|| {
                    Refusal::gateway(
                        400,
                        "FailedIdentityOperation",
                        format!("Identity operation failed: the user-assigned identity '{id}' was not found."),
                    )
                })?;
                users.insert(spelled(id), ids);
            }
        }
        let kind = match request.kind {
            IdentityType::UserAssigned if users.is_empty() => IdentityType::None,
            IdentityType::None | IdentityType::SystemAssigned | IdentityType::UserAssigned => request.kind,
        };
        let kept = before.and_then(|before| before.principal.clone());
        let principal = match kind {
            IdentityType::SystemAssigned => Some(kept.unwrap_or_else(|| issuer.system.to_owned())),
            IdentityType::None | IdentityType::UserAssigned => None,
        };
        Ok(Self { kind, principal, tenant: issuer.tenant.to_owned(), users })
    }

    /// The `identity` member of an answer (recorded: system 2024-07-24, user 2022).
    pub(crate) fn describe(&self) -> Value {
        match self.kind {
            IdentityType::None => json!({"type": "None"}),
            IdentityType::SystemAssigned => {
                json!({"type": "SystemAssigned", "principalId": self.principal, "tenantId": self.tenant})
            }
            IdentityType::UserAssigned => {
                let users: Map<String, Value> = self
                    .users
                    .iter()
                    .map(|(id, (principal, client))| {
                        (id.clone(), json!({"principalId": principal, "clientId": client}))
                    })
                    .collect();
                json!({"type": "UserAssigned", "tenantId": self.tenant, "userAssignedIdentities": users})
            }
        }
    }
}

/// The service answers ids with `resourcegroups` in lower case, whatever was sent (azureml-api f.5).
fn spelled(id: &str) -> String {
    let mut parts: Vec<&str> = id.split('/').collect();
    if let Some(part) = parts.get_mut(3).filter(|part| part.eq_ignore_ascii_case("resourcegroups")) {
        *part = "resourcegroups";
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "/subscriptions/S/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/a";

    fn apply(before: Option<&Identity>, body: &Value, replace: bool) -> Identity {
        let request = IdentityRequest::read(Some(body)).unwrap().unwrap();
        let lookup = |id: &str| Some((format!("p {id}"), "c".to_owned()));
        Identity::apply(before, &request, replace, &Issuer { tenant: "T", system: "P", lookup: &lookup }).unwrap()
    }

    #[test]
    fn system_identity_keeps_its_principal_and_none_removes_it() {
        let first = apply(None, &json!({"type": "Systemassigned"}), true);
        assert_eq!(first.describe(), json!({"type": "SystemAssigned", "principalId": "P", "tenantId": "T"}));
        assert_eq!(apply(Some(&first), &json!({"type": "SystemAssigned"}), true), first);
        assert_eq!(apply(Some(&first), &json!({"type": "None"}), true).describe(), json!({"type": "None"}));
    }

    #[test]
    fn user_identities_are_answered_in_the_services_spelling_and_removed_by_null() {
        let first = apply(None, &json!({"type": "UserAssigned", "userAssignedIdentities": {ID: {}}}), true);
        let spelled = ID.replace("resourceGroups", "resourcegroups");
        assert_eq!(first.describe()["userAssignedIdentities"][&spelled]["clientId"], "c");
        let rest = apply(Some(&first), &json!({"type": "UserAssigned", "userAssignedIdentities": {ID: null}}), false);
        assert_eq!(rest.describe(), json!({"type": "None"}));
    }

    #[test]
    fn wrong_identities_are_refused() {
        for body in [
            json!({"type": "Managed"}),
            json!({"type": "SystemAssigned, UserAssigned", "userAssignedIdentities": {ID: {}}}),
            json!({"type": "UserAssigned"}),
            json!({"type": "UserAssigned", "userAssignedIdentities": {"me": {}}}),
            json!({"type": "None", "userAssignedIdentities": {ID: {}}}),
            json!("SystemAssigned"),
        ] {
            assert_eq!(IdentityRequest::read(Some(&body)).unwrap_err().status, 400, "{body}");
        }
    }
}
