//! A Kubernetes cluster with Azure ML's extension: AKS or Arc-enabled. Schedules nothing.

use serde_json::{Map, Value, json};

use super::{AttachedType, Cares, Lacking, NOTHING, PLAIN, Reput, TIMES, facts, trouble};
use crate::{compute::machine::Times, errors::Refusal, fields::Fields, random, resources::Credentials};

const AKS: &str = "Microsoft.ContainerService/managedClusters";
const ARC: &str = "Microsoft.Kubernetes/connectedClusters";

/// The row of the type. How long an attach takes is assumed. It may be attached several times, once for each namespace.
pub(crate) const TYPE: AttachedType = AttachedType {
    name: "Kubernetes",
    resources: &[AKS, ARC],
    cares: Cares { extension: true, ..NOTHING },
    times: Times { create: (10.0, 40.0), update: (10.0, 40.0), ..TIMES },
    // Roles that the documentation of Kubernetes attach asks for, and what it says that lacking them looks like.
    rights: &[
        (AKS, "Microsoft.ContainerService/managedClusters/listClusterAdminCredential/action", Lacking::InternalError),
        (AKS, "Microsoft.KubernetesConfiguration/extensions/read", Lacking::NoExtension),
        (ARC, "Microsoft.KubernetesConfiguration/extensions/read", Lacking::NoExtension),
    ],
    read,
    facts: |place| {
        let principal = random::uuid_for(place.seed, &format!("extension of {}", place.id.to_ascii_lowercase()));
        facts([
            ("extensionPrincipalId", json!(principal.to_string())),
            ("extensionInstanceReleaseTrain", json!("stable")),
        ])
    },
    trouble: trouble::of_extension,
    claims: |attached| {
        let namespace = attached.settings.member("namespace");
        let namespace = namespace.as_str().unwrap_or_default();
        attached.resource_id.iter().map(|id| format!("{} {namespace}", id.to_ascii_lowercase())).collect()
    },
    change: Reput::Nothing,
    show: |attached| {
        json!({
            "relayConnectionString": null,
            "serviceBusConnectionString": null,
            "extensionPrincipalId": attached.known("extensionPrincipalId"),
            "extensionInstanceReleaseTrain": attached.known("extensionInstanceReleaseTrain"),
            "vcName": attached.settings.member("vcName"),
            "namespace": attached.settings.member("namespace"),
            "defaultInstanceType": attached.settings.member("defaultInstanceType"),
            "instanceTypes": attached.settings.member("instanceTypes")
        })
    },
    ..PLAIN
};

/// The instance type of a body that brings none (documentation of instance types).
const DEFAULT: &str = "defaultinstancetype";

fn read(base: &Fields<'_>) -> Result<(Value, Credentials), Refusal> {
    let fields = base.object("properties")?;
    let mut types = instance_types(&fields)?;
    if types.is_empty() {
        let resources = json!({
            "requests": {"cpu": "100m", "memory": "2Gi", "nvidia.com/gpu": null},
            "limits": {"cpu": "2", "memory": "2Gi", "nvidia.com/gpu": null}
        });
        types.insert(DEFAULT.into(), json!({"nodeSelector": null, "resources": resources}));
    }
    let named = fields.filled("defaultInstanceType")?;
    let default = named.or_else(|| types.keys().next().map(String::as_str)).unwrap_or(DEFAULT).to_owned();
    if !types.contains_key(&default) {
        let path = fields.at("defaultInstanceType");
        let text = format!("The value '{default}' of '{path}' is not valid: there is no such instance type.");
        return Err(Refusal::user_error(text).target(path));
    }
    let settings = json!({
        "namespace": fields.filled("namespace")?.unwrap_or("default"),
        "vcName": fields.text("vcName")?,
        "defaultInstanceType": default,
        "instanceTypes": types
    });
    Ok((settings, Credentials::default()))
}

/// Instance types with their selectors, requests and limits.
fn instance_types(fields: &Fields<'_>) -> Result<Map<String, Value>, Refusal> {
    let types = fields.object("instanceTypes")?;
    let mut read = Map::new();
    let Some(Value::Object(named)) = fields.value("instanceTypes") else { return Ok(read) };
    for name in named.keys() {
        let one = types.object(name)?;
        let resources = one.object("resources")?;
        one.object("nodeSelector")?;
        resources.object("requests")?;
        resources.object("limits")?;
        let part = |fields: &Fields<'_>, name: &str| fields.value(name).cloned().unwrap_or(Value::Null);
        let resources = if resources.exists() {
            json!({"requests": part(&resources, "requests"), "limits": part(&resources, "limits")})
        } else {
            Value::Null
        };
        read.insert(name.clone(), json!({"nodeSelector": part(&one, "nodeSelector"), "resources": resources}));
    }
    Ok(read)
}
