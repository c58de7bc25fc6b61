//! The API versions of Microsoft.MachineLearningServices and where their answers differ. Knows no resource.

use crate::errors::Refusal;

/// Versions that are accepted: those that the papers and recordings name, and the published ones between them.
pub(crate) const SUPPORTED: [&str; 47] = [
    "2018-03-01-preview",
    "2018-11-19",
    "2019-05-01",
    "2019-06-01",
    "2019-11-01",
    "2020-01-01",
    "2020-02-02",
    "2020-03-01",
    "2020-04-01",
    "2020-06-01",
    "2020-08-01",
    "2020-09-01-preview",
    "2021-01-01",
    "2021-03-01-preview",
    "2021-04-01",
    "2021-07-01",
    "2022-01-01-preview",
    "2022-02-01-preview",
    "2022-05-01",
    "2022-06-01-preview",
    "2022-10-01",
    "2022-10-01-preview",
    "2022-12-01-preview",
    "2023-02-01-preview",
    "2023-04-01",
    "2023-04-01-preview",
    "2023-06-01-preview",
    "2023-08-01-preview",
    "2023-10-01",
    "2024-01-01-preview",
    "2024-04-01",
    "2024-04-01-preview",
    "2024-07-01-preview",
    "2024-10-01",
    "2024-10-01-preview",
    "2025-01-01-preview",
    "2025-04-01",
    "2025-04-01-preview",
    "2025-06-01",
    "2025-07-01-preview",
    "2025-09-01",
    "2025-10-01-preview",
    "2025-12-01",
    "2026-01-15-preview",
    "2026-03-01",
    "2026-05-01",
    "2026-05-15-preview",
];

/// Checks the `api-version` of a request for `resource_type` in `location`.
///
/// # Errors
/// 400 with ARM's codes: missing, malformed, or not one of the versions of this type.
pub(crate) fn check(version: Option<String>, resource_type: &str, location: &str) -> Result<String, Refusal> {
    let Some(version) = version.filter(|version| !version.is_empty()) else {
        return Err(Refusal::gateway(
            400,
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.",
        ));
    };
    if SUPPORTED.contains(&version.as_str()) {
        return Ok(version);
    }
    let supported = SUPPORTED.join(", ");
    if !well_formed(&version) {
        let text = format!("The api-version '{version}' is invalid. The supported versions are '{supported}'.");
        return Err(Refusal::gateway(400, "InvalidApiVersionParameter", text));
    }
    Err(Refusal::gateway(
        400,
        "NoRegisteredProviderFound",
        format!(
            "No registered resource provider found for location '{location}' and API version '{version}' for type '{resource_type}'. The supported api-versions are '{supported}'. The supported locations are '{}'.",
            crate::checks::LOCATIONS.join(", ")
        ),
    ))
}

/// A date, perhaps with a word after it: `2024-04-01-preview`.
fn well_formed(version: &str) -> bool {
    let Some(date) = version.get(..10) else { return false };
    let rest = &version[10..];
    let word = rest.is_empty()
        || rest
            .strip_prefix('-')
            .is_some_and(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase()));
    word && date.parse::<jiff::civil::Date>().is_ok()
}

/// The status of a PATCH: 202 (recorded 2025-11-04), but 200 for the versions whose only known client, Microsoft's Python
/// management SDK, takes nothing else (sdk-wire-notes 3).
pub(crate) fn patch_status(version: &str) -> u16 {
    if matches!(version, "2020-08-01" | "2023-04-01") { 200 } else { 202 }
}

/// The member of a `vmSizes` answer that holds the list: `amlCompute` for azureml-core's version (sdk-wire-notes 3).
pub(crate) fn sizes_member(version: &str) -> &'static str {
    if version == "2020-02-02" { "amlCompute" } else { "value" }
}

/// The status word of an `updateQuotas` answer: azureml-core wants it in lower case (sdk-wire-notes 3).
pub(crate) fn quota_success(version: &str) -> &'static str {
    if version == "2020-02-02" { "success" } else { "Success" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_checked_with_arms_codes() {
        let code = |version: Option<&str>| {
            check(version.map(str::to_owned), "workspaces/computes", "eastus").map_err(|refusal| refusal.code)
        };
        assert_eq!(code(Some("2026-05-01")).unwrap(), "2026-05-01");
        assert_eq!(code(None).unwrap_err(), "MissingApiVersionParameter");
        assert_eq!(code(Some("")).unwrap_err(), "MissingApiVersionParameter");
        for wrong in ["latest", "2024-13-01", "2024-04-01-", "2024-04-01x", "é2024-04-0"] {
            assert_eq!(code(Some(wrong)).unwrap_err(), "InvalidApiVersionParameter", "{wrong}");
        }
        assert_eq!(code(Some("2016-01-01")).unwrap_err(), "NoRegisteredProviderFound");
    }
}
