//! From flags to validated settings: whatever is wrong is told before anything starts.
//!
//! Must not start anything.

use super::Failure;
use super::args::{CloudArgs, CloudName, RunArgs};
use azureml::Cloud;
use jiff::SignedDuration;
use std::time::Duration;
use url::Url;

/// A duration flag: ISO 8601 or Go form, longer than nothing.
fn duration(flag: &str, text: &str) -> Result<SignedDuration, Failure> {
    let parsed = arm::parse_duration(text).filter(|duration| !duration.is_zero());
    parsed.ok_or_else(|| format!("--{flag} {text:?} is no duration; write it like 10s, 5m, 1h30m or PT10S").into())
}

fn std_duration(flag: &str, text: &str) -> Result<Duration, Failure> {
    Ok(duration(flag, text)?.unsigned_abs())
}

fn url(flag: &str, text: Option<&str>) -> Result<Url, Failure> {
    let text = text.ok_or_else(|| format!("--azure-cloud custom needs --{flag}"))?;
    Url::parse(text).map_err(|error| format!("--{flag} {text:?} is no URL: {error}").into())
}

/// The cloud.
pub(crate) fn cloud(args: &CloudArgs) -> Result<Cloud, Failure> {
    let given = [
        ("azure-resource-manager", args.azure_resource_manager.is_some()),
        ("azure-authority", args.azure_authority.is_some()),
        ("azure-ca-file", args.azure_ca_file.is_some()),
    ];
    let custom = args.azure_cloud == CloudName::Custom;
    if let Some((flag, _)) = given.iter().find(|(_, given)| *given && !custom) {
        return Err(format!("--{flag} only goes with --azure-cloud custom").into());
    }
    Ok(match args.azure_cloud {
        CloudName::Public => Cloud::public(),
        CloudName::UsGovernment => Cloud::us_government(),
        CloudName::China => Cloud::china(),
        CloudName::Custom => {
            let manager = url("azure-resource-manager", args.azure_resource_manager.as_deref())?;
            let authority = url("azure-authority", args.azure_authority.as_deref())?;
            let read = |path: &std::path::PathBuf| {
                std::fs::read(path).map_err(|error| format!("--azure-ca-file {}: {error}", path.display()))
            };
            let ca = args.azure_ca_file.as_ref().map(read).transpose()?;
            Cloud::custom(manager, authority, ca)?
        }
    })
}

/// Longest time for one request to Azure.
pub(crate) fn azure_timeout(args: &CloudArgs) -> Result<Duration, Failure> {
    std_duration("azure-timeout", &args.azure_timeout)
}

/// The engine's settings.
pub(crate) fn engine(args: &RunArgs) -> Result<controller::Settings, Failure> {
    let pace = &args.pace;
    let mut settings = controller::Settings::new(cloud(&args.cloud)?);
    settings.namespaces = args.watch_namespaces.iter().filter(|name| !name.is_empty()).cloned().collect();
    settings.concurrency = args.concurrency;
    settings.kubernetes_timeout = std_duration("kubernetes-timeout", &args.kubernetes_timeout)?;
    settings.azure_timeout = azure_timeout(&args.cloud)?;
    settings.observe_interval =
        pace.observe_interval.as_deref().map(|text| std_duration("observe-interval", text)).transpose()?;
    settings.plan = plan::Settings {
        requeue: duration("requeue-interval", &pace.requeue_interval)?,
        transition: duration("transition-interval", &pace.transition_interval)?,
        reference_grace: duration("reference-grace", &pace.reference_grace)?,
        forbidden_grace: duration("forbidden-grace", &pace.forbidden_grace)?,
        consistency_grace: duration("consistency-grace", &pace.consistency_grace)?,
        retry_fast: duration("retry-fast", &pace.retry_fast)?,
        retry_slow: duration("retry-slow", &pace.retry_slow)?,
        retry_very_slow: duration("retry-very-slow", &pace.retry_very_slow)?,
    };
    if let Some(pod) = std::env::var("POD_NAME").ok().filter(|name| !name.is_empty()) {
        settings.instance = pod;
    }
    Ok(settings)
}
