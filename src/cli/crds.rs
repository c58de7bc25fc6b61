//! `crds`: prints the definitions, or compares them with a cluster's.
//!
//! Must not install them; kubectl and Helm do.

use super::Failure;
use super::args::CrdsArgs;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{Api, ResourceExt};
use std::io::Write;

/// Prints, or checks.
pub(crate) fn run(args: &CrdsArgs) -> Result<(), Failure> {
    if args.check {
        return tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(check());
    }
    let mut out = std::io::stdout().lock();
    for crd in api::all_crds() {
        write!(out, "---\n{}", api::to_yaml(&crd)?)?;
    }
    Ok(())
}

/// Compares what matters: group, names, versions and schemas.
async fn check() -> Result<(), Failure> {
    let api: Api<CustomResourceDefinition> = Api::all(super::run::client().await?);
    let mut differing = Vec::new();
    for wanted in api::all_crds() {
        let name = wanted.name_any();
        match api.get_opt(&name).await? {
            None => differing.push(format!("{name} is not installed")),
            Some(found) if schema(&found)? != schema(&wanted)? => differing.push(format!("{name} has another schema")),
            Some(_) => {}
        }
    }
    if differing.is_empty() {
        return Ok(());
    }
    Err(format!("{}; apply the output of `crds`", differing.join(", ")).into())
}

/// The versions as served, without what the API server adds.
fn schema(crd: &CustomResourceDefinition) -> Result<serde_json::Value, Failure> {
    Ok(serde_json::to_value(&crd.spec.versions)?)
}
