//! The API versions of Microsoft.MachineLearningServices and where their answers differ. Knows no resource.

use crate::errors::Refusal;

/// Versions that are accepted: those that the papers and recordings name, and the published ones between them.
pub(crate) const SUPPORTED: [&str; 48] = [
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
    "2026-03-15-preview",
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

/// The status of a start, stop or restart: 202 (recorded 2022), but 200 for the version whose only known client, Microsoft's Python
/// management SDK of 2021, takes nothing else (sdk-wire-notes 3).
pub(crate) fn power_status(version: &str) -> u16 {
    if version == "2020-08-01" { 200 } else { 202 }
}

/// Whether a version knows something.
type Knows = fn(&str) -> bool;

/// The actions on computes, by their path in lower case, with the word for each in refusals and the versions that know it.
const ACTIONS: [(&str, &str, Knows); 12] = [
    ("listnodes", "ComputeListNodes", |_| true),
    ("listkeys", "ComputeListKeys", |_| true),
    ("start", "ComputeStart", |_| true),
    ("stop", "ComputeStop", |_| true),
    ("restart", "ComputeRestart", |_| true),
    ("resize", "ComputeResize", newer_preview),
    ("getallowedvmsizesforresize", "ComputeGetAllowedVmSizesForResize", newer_preview),
    // How-to-create-compute-instance calls it with this version, though no specification of it does.
    ("updateidleshutdownsetting", "ComputeUpdateIdleShutdownSetting", |version| {
        version == "2021-07-01" || newer_preview(version)
    }),
    ("customservices", "ComputeUpdateCustomServices", newer_preview),
    ("updatedatamounts", "ComputeUpdateDataMounts", newer_preview),
    // Published once (azure-rest-api-specs issue 20274).
    ("updateschedules", "ComputeUpdateSchedules", |version| version == "2021-03-01-preview"),
    // Never published: azureml-core calls it with 2020-02-02, azure-ai-ml with 2024-04-01-preview (measured).
    ("enablesso", "ComputeEnableSso", |version| version == "2020-02-02" || newer_preview(version)),
];

/// The previews that are on file with these actions: 2024-04-01-preview and those after it.
fn newer_preview(version: &str) -> bool {
    version.ends_with("-preview") && version >= "2024-04-01"
}

/// The word for an action, if the version knows it.
pub(crate) fn action(name: &str, version: &str) -> Option<&'static str> {
    let lower = name.to_ascii_lowercase();
    ACTIONS.iter().find(|(known, _, knows)| *known == lower && knows(version)).map(|(_, word, _)| *word)
}

/// The member of a `vmSizes` answer that holds the list: `amlCompute` in the versions of azureml-core (2020-02-02) and of
/// azure-mgmt-machinelearningservices 1.0.1 (2020-08-01), whose classes read no other; `value` in that of 2.0.0b2. Where between
/// them it changed is assumed.
pub(crate) fn sizes_member(version: &str) -> &'static str {
    if version <= "2020-08-01" { "amlCompute" } else { "value" }
}

/// The status word of an `updateQuotas` answer: azureml-core wants it in lower case (sdk-wire-notes 3).
pub(crate) fn quota_success(version: &str) -> &'static str {
    if version == "2020-02-02" { "success" } else { "Success" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_are_known_to_the_versions_that_have_them() {
        for (name, known, unknown) in [
            ("Start", "2020-02-02", ""),
            ("resize", "2026-03-15-preview", "2026-05-01"),
            ("updateIdleShutdownSetting", "2021-07-01", "2024-04-01"),
            ("updateSchedules", "2021-03-01-preview", "2024-04-01-preview"),
            ("enableSso", "2020-02-02", "2023-08-01-preview"),
            ("customServices", "2024-04-01-preview", "2023-10-01"),
        ] {
            assert!(action(name, known).is_some(), "{name}");
            assert!(unknown.is_empty() || action(name, unknown).is_none(), "{name}");
        }
        assert_eq!(action("explode", "2026-05-01"), None);
    }

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

    #[test]
    fn sizes_are_where_the_clients_of_each_version_read_them() {
        let versions = ["2020-02-02", "2020-08-01", "2020-09-01-preview", "2023-04-01", "2026-05-01"];
        assert_eq!(versions.map(sizes_member), ["amlCompute", "amlCompute", "value", "value", "value"]);
    }
}
