//! What a path asks for: ARM's resource ids and Entra ID's endpoints, letter case and doubled slashes folded. Looks up nothing.

use crate::errors::Refusal;

/// What a request is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    /// `/{tenant}/oauth2/v2.0/token`
    Token { tenant: String },
    /// `/{tenant}/v2.0/.well-known/openid-configuration`
    OpenIdConfiguration { tenant: String },
    /// `/common/discovery/instance`
    InstanceDiscovery,
    /// `/metadata/identity/oauth2/token`, of a machine with a managed identity.
    MachineToken,
    /// `/metadata/endpoints`
    CloudMetadata,
    /// `/discovery`, where a workspace's `discoveryUrl` leads.
    Discovery,
    /// `/subscriptions`
    Subscriptions,
    /// Anything below `/subscriptions`.
    Arm(ArmRoute),
    /// The same below `/rp/workspaces`: the regional service that azureml-core reads from (sdk-wire-notes 1).
    Regional(ArmRoute),
}

/// A resource or collection of ARM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ArmRoute {
    pub(crate) subscription: String,
    pub(crate) target: Target,
}

/// The part of an ARM path after the subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// All workspaces, of a group if one is named.
    Workspaces { group: Option<String> },
    /// One workspace.
    Workspace(WorkspacePath),
    /// Something below a workspace.
    Computes(WorkspacePath),
    /// One compute.
    Compute(WorkspacePath, String),
    /// A POST action on a compute; its name as sent.
    ComputeAction(WorkspacePath, String, String),
    /// POST `checkComputeNameAvailability` on a workspace.
    NameAvailability(WorkspacePath),
    /// Something of a region.
    Location { location: String, resource: LocationResource },
    /// A namespace or a type that is not served here.
    Unknown { namespace: String, resource_type: String },
}

/// The group and name of a workspace, as sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WorkspacePath {
    pub(crate) group: String,
    pub(crate) name: String,
}

/// Collections of a region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LocationResource {
    VmSizes,
    Usages,
    Quotas,
    UpdateQuotas,
    Operation(String),
}

/// The one provider served.
pub(crate) const NAMESPACE: &str = "Microsoft.MachineLearningServices";

/// Reads a path.
///
/// # Errors
/// A path that is no id: bad escapes, dots, slashes hidden in escapes, control characters.
pub(crate) fn parse(path: &str) -> Result<Route, Refusal> {
    let mut segments = Vec::new();
    for raw in path.split('/').filter(|segment| !segment.is_empty()) {
        segments.push(segment(raw)?);
    }
    let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
    let lower: Vec<String> = segments.iter().map(|segment| segment.to_ascii_lowercase()).collect();
    let names: Vec<&str> = lower.iter().map(String::as_str).collect();
    match names.as_slice() {
        ["metadata", "identity", "oauth2", "token"] => Ok(Route::MachineToken),
        ["metadata", "endpoints"] => Ok(Route::CloudMetadata),
        ["common", "discovery", "instance"] => Ok(Route::InstanceDiscovery),
        [_, "oauth2", "v2.0", "token"] => Ok(Route::Token { tenant: parts[0].to_owned() }),
        [_, "v2.0", ".well-known", "openid-configuration"] => {
            Ok(Route::OpenIdConfiguration { tenant: parts[0].to_owned() })
        }
        ["discovery"] => Ok(Route::Discovery),
        ["subscriptions"] => Ok(Route::Subscriptions),
        ["subscriptions", _, ..] => Ok(Route::Arm(arm(&parts, &names)?)),
        ["rp", "workspaces", "subscriptions", _, ..] => Ok(Route::Regional(arm(&parts[2..], &names[2..])?)),
        _ => Err(Refusal::gateway(
            404,
            "MissingSubscription",
            "The request did not have a subscription or a valid tenant level resource provider.",
        )),
    }
}

fn segment(raw: &str) -> Result<String, Refusal> {
    let bad = |why: &str| {
        Refusal::gateway(400, "InvalidRequestUri", format!("The request URI is invalid: a path segment {why}."))
    };
    let text = decode(raw, false).ok_or_else(|| bad("is not valid percent-encoded UTF-8"))?;
    if text == "." || text == ".." {
        return Err(bad("is a dot segment"));
    }
    if text.chars().any(|letter| matches!(letter, '/' | '\\') || letter.is_control()) {
        return Err(bad("contains a slash or a control character"));
    }
    if text.chars().count() > 260 {
        return Err(bad("is longer than 260 characters"));
    }
    Ok(text)
}

fn arm(parts: &[&str], names: &[&str]) -> Result<ArmRoute, Refusal> {
    Ok(ArmRoute { subscription: parts[1].to_owned(), target: target(&parts[2..], &names[2..])? })
}

fn target(parts: &[&str], names: &[&str]) -> Result<Target, Refusal> {
    let own = NAMESPACE.to_ascii_lowercase();
    let path = |group: usize, name: usize| WorkspacePath { group: parts[group].into(), name: parts[name].into() };
    Ok(match names {
        ["providers", namespace, rest @ ..] if *namespace == own => match rest {
            ["workspaces"] => Target::Workspaces { group: None },
            ["locations", _, resource @ ..] => location(parts[3], resource, &parts[4..]),
            _ => unknown(parts[1], &parts[2..]),
        },
        ["resourcegroups", _, "providers", namespace, rest @ ..] if *namespace == own => match rest {
            ["workspaces"] => Target::Workspaces { group: Some(parts[1].into()) },
            ["workspaces", _] => Target::Workspace(path(1, 5)),
            ["workspaces", _, "checkcomputenameavailability"] => Target::NameAvailability(path(1, 5)),
            ["workspaces", _, "computes"] => Target::Computes(path(1, 5)),
            ["workspaces", _, "computes", _] => Target::Compute(path(1, 5), parts[7].into()),
            ["workspaces", _, "computes", _, _] => Target::ComputeAction(path(1, 5), parts[7].into(), parts[8].into()),
            _ => unknown(parts[3], &parts[4..]),
        },
        ["resourcegroups", _, "providers", _, ..] => unknown(parts[3], &parts[4..]),
        ["providers", _, ..] => unknown(parts[1], &parts[2..]),
        _ => {
            return Err(Refusal::gateway(
                404,
                "InvalidResourceType",
                "The path names no resource provider. This emulator serves Microsoft.MachineLearningServices only.",
            ));
        }
    })
}

fn location(location: &str, resource: &[&str], parts: &[&str]) -> Target {
    let resource = match resource {
        ["vmsizes"] => LocationResource::VmSizes,
        ["usages"] => LocationResource::Usages,
        ["quotas"] => LocationResource::Quotas,
        ["updatequotas"] => LocationResource::UpdateQuotas,
        ["computeoperationsstatus", _] => LocationResource::Operation(parts[1].into()),
        _ => {
            return Target::Unknown {
                namespace: NAMESPACE.into(),
                resource_type: format!("locations/{}", parts.first().copied().unwrap_or_default()),
            };
        }
    };
    Target::Location { location: location.into(), resource }
}

/// Types stand at every other place: `workspaces/x/jobs/y` is of type `workspaces/jobs`.
fn unknown(namespace: &str, rest: &[&str]) -> Target {
    let resource_type = rest.iter().step_by(2).copied().collect::<Vec<_>>().join("/");
    Target::Unknown { namespace: namespace.into(), resource_type }
}

/// The values of a query parameter, its name in any letter case.
pub(crate) fn query_value(query: &str, name: &str) -> Option<String> {
    query.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        decode(key, true).filter(|key| key.eq_ignore_ascii_case(name))?;
        decode(value, true)
    })
}

/// Undoes percent-encoding (and `+` for a space in queries and forms); `None` if it is malformed or no UTF-8.
pub(crate) fn decode(text: &str, plus_is_space: bool) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let high = char::from(rest.next()?).to_digit(16)?;
                let low = char::from(rest.next()?).to_digit(16)?;
                u8::try_from(high * 16 + low).ok()?
            }
            b'+' if plus_is_space => b' ',
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

/// Whether one scope is another or lies above it, both in lower case and without a slash at their end.
pub(crate) fn reaches(above: &str, below: &str) -> bool {
    below.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The form of a region's name that ids and answers use: `West Europe` is `westeurope`.
pub(crate) fn normal_location(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_whitespace()).collect::<String>().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORKSPACE: &str =
        "subscriptions/S/resourceGroups/ml/providers/Microsoft.MachineLearningServices/workspaces/demo";

    #[test]
    fn paths_are_read_in_any_letter_case_and_with_doubled_slashes() {
        let wanted = parse(&format!("/{WORKSPACE}/computes/cpu")).unwrap();
        for other in [
            format!("//{WORKSPACE}/computes/cpu"),
            "/Subscriptions/S/resourcegroups/ml/Providers/microsoft.machinelearningservices/WORKSPACES/demo//Computes/cpu/".into(),
        ] {
            assert_eq!(parse(&other).unwrap(), wanted, "{other}");
        }
        let Route::Arm(wanted) = wanted else { panic!() };
        assert_eq!(parse(&format!("//RP/workspaces//{WORKSPACE}/computes/cpu")).unwrap(), Route::Regional(wanted));
    }

    #[test]
    fn actions_and_locations_are_told_apart() {
        let Route::Arm(route) = parse(&format!("/{WORKSPACE}/computes/cpu/listNodes")).unwrap() else { panic!() };
        assert!(matches!(route.target, Target::ComputeAction(_, _, ref action) if action == "listNodes"));
        let path =
            "/subscriptions/S/providers/Microsoft.MachineLearningServices/locations/eastus/computeOperationsStatus/Id";
        let Route::Arm(route) = parse(path).unwrap() else { panic!() };
        let resource = LocationResource::Operation("Id".into());
        assert_eq!(route.target, Target::Location { location: "eastus".into(), resource });
    }

    #[test]
    fn path_tricks_are_refused() {
        for trick in ["..", "%2e%2e", "a%2fb", "a%5cb", "a%00", "%zz", "%ff", "%"] {
            let refusal = parse(&format!("/{WORKSPACE}/computes/{trick}")).unwrap_err();
            assert_eq!((refusal.status, refusal.code.as_str()), (400, "InvalidRequestUri"), "{trick}");
        }
    }

    #[test]
    fn types_that_are_not_served_are_named() {
        let Route::Arm(route) = parse(&format!("/{WORKSPACE}/jobs/j1/versions/2")).unwrap() else { panic!() };
        let Target::Unknown { resource_type, .. } = route.target else { panic!() };
        assert_eq!(resource_type, "workspaces/jobs/versions");
    }

    #[test]
    fn query_values_are_decoded() {
        assert_eq!(query_value("a=1&API-version=2024%2D04-01", "api-version").as_deref(), Some("2024-04-01"));
        assert_eq!(query_value("api-versions=x", "api-version"), None);
    }
}
