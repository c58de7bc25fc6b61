//! An AKS cluster for inference: attached, or made by Azure ML in a region of its own. Serves no model.

use serde_json::{Map, Value, json};

use super::{Attached, AttachedType, Makes, PLAIN, Reput, TIMES, facts, trouble};
use crate::{
    checks,
    compute::machine::Times,
    errors::Refusal,
    fields::Fields,
    resources::{Credentials, Resource},
    sizes::Catalogue,
};

const KIND: &str = "Microsoft.ContainerService/managedClusters";

/// vCPUs that both production purposes need ("Create and attach an Azure Kubernetes Service cluster").
const PRODUCTION_VCPUS: i64 = 12;

/// The size of nodes that a body does not name (documentation of azureml-core's provisioning configuration).
const DEFAULT_SIZE: &str = "STANDARD_D3_V2";

/// The row of the type. The documentation estimates 10 minutes for a create and 5 for an attach; a delete's time is assumed. What a
/// PUT changes is what azureml-core's `AksCompute.update` sends.
pub(crate) const TYPE: AttachedType = AttachedType {
    name: "AKS",
    longest_name: 16,
    resources: &[KIND],
    times: Times { create: (240.0, 360.0), update: (60.0, 180.0), delete: (120.0, 300.0), ..TIMES },
    makes: Some(Makes {
        time: (480.0, 720.0),
        kind: KIND,
        facts: |attached| {
            let fqdn = attached.resource_id.as_deref().and_then(|id| id.rsplit('/').next()).unwrap_or_default();
            facts([
                ("agentVmSize", size(attached)),
                ("agentCount", json!(count(attached))),
                ("clusterFqdn", json!(format!("{}.hcp.azmk8s.io", fqdn.to_ascii_lowercase()))),
            ])
        },
    }),
    read,
    check,
    facts: |place| {
        facts([
            ("agentVmSize", json!(DEFAULT_SIZE)),
            ("agentCount", json!(3)),
            ("clusterFqdn", json!(format!("{}.hcp.{}.azmk8s.io", place.name().to_ascii_lowercase(), place.location))),
        ])
    },
    trouble: trouble::of_cluster,
    // An inference cluster and a Kubernetes compute can share a cluster.
    claims: |attached| attached.resource_id.iter().map(|id| format!("aks {}", id.to_ascii_lowercase())).collect(),
    change: Reput::Settings(&["sslConfiguration", "loadBalancerType", "loadBalancerSubnet"]),
    show: |attached| {
        json!({
            "clusterFqdn": attached.known("clusterFqdn"),
            "systemServices": [],
            "agentCount": attached.known("agentCount"),
            "agentVmSize": attached.known("agentVmSize"),
            "clusterPurpose": attached.settings.member("clusterPurpose"),
            "sslConfiguration": attached.settings.member("sslConfiguration"),
            "aksNetworkingConfiguration": attached.settings.member("aksNetworkingConfiguration"),
            "loadBalancerType": attached.settings.member("loadBalancerType"),
            "loadBalancerSubnet": attached.settings.member("loadBalancerSubnet")
        })
    },
    keys: |attached| {
        let fqdn = attached.known("clusterFqdn");
        let config = |user: &str| {
            format!(
                "apiVersion: v1\nkind: Config\nclusters:\n- name: aks\n  cluster:\n    server: https://{}:443\nusers:\n- name: {user}\n",
                fqdn.as_str().unwrap_or_default()
            )
        };
        json!({
            "userKubeConfig": config("clusterUser"),
            "adminKubeConfig": config("clusterAdmin"),
            "imagePullSecretName": "azuremlsecret"
        })
    },
    ..PLAIN
};

fn read(base: &Fields<'_>) -> Result<(Value, Credentials), Refusal> {
    let fields = base.object("properties")?;
    let agents = fields.integer("agentCount")?;
    if agents.is_some_and(|count| count < 1) {
        return Err(fields.refuse("agentCount", "a positive number"));
    }
    let size = fields.filled("agentVmSize")?;
    let settings = json!({
        "agentCount": agents,
        "agentVmSize": size.map(str::to_ascii_uppercase),
        "clusterPurpose": fields.word("clusterPurpose", &["FastProd", "DenseProd", "DevTest"])?.unwrap_or("FastProd"),
        "sslConfiguration": tls(&fields)?,
        "aksNetworkingConfiguration": network(&fields)?,
        "loadBalancerType":
            fields.word("loadBalancerType", &["PublicIp", "InternalLoadBalancer"])?.unwrap_or("PublicIp"),
        "loadBalancerSubnet": fields.filled("loadBalancerSubnet")?
    });
    Ok((settings, Credentials::default()))
}

/// TLS settings, without certificate and key: neither is ever answered (azureml-api f.4).
fn tls(fields: &Fields<'_>) -> Result<Value, Refusal> {
    let tls = fields.object("sslConfiguration")?;
    if !tls.exists() {
        return Ok(Value::Null);
    }
    let status = tls.word("status", &["Disabled", "Enabled", "Auto"])?.unwrap_or("Disabled");
    let (label, cname) = (tls.filled("leafDomainLabel")?, tls.filled("cname")?);
    let own = tls.filled("cert")?.is_some() && tls.filled("key")?.is_some() && cname.is_some();
    let whole = match status {
        "Enabled" => own,
        "Auto" => label.is_some(),
        _ => true,
    };
    if !whole {
        let path = fields.at("sslConfiguration");
        let text =
            format!("'{path}' is not complete: Enabled needs 'cert', 'key' and 'cname', Auto needs 'leafDomainLabel'.");
        return Err(Refusal::user_error(text).target(path));
    }
    Ok(json!({
        "status": status,
        "cert": null,
        "key": null,
        "cname": cname,
        "leafDomainLabel": label,
        "overwriteExistingDomain": tls.boolean("overwriteExistingDomain")?.unwrap_or(false)
    }))
}

/// The network of a cluster that is to be made: all of it or nothing (azureml-core).
fn network(fields: &Fields<'_>) -> Result<Value, Refusal> {
    let network = fields.object("aksNetworkingConfiguration")?;
    let names = ["subnetId", "serviceCidr", "dnsServiceIP", "dockerBridgeCidr"];
    let mut read = Map::new();
    for name in names {
        if let Some(text) = network.filled(name)? {
            read.insert(name.into(), json!(text));
        }
    }
    if read.is_empty() {
        return Ok(Value::Null);
    }
    if read.len() < names.len() {
        let path = fields.at("aksNetworkingConfiguration");
        let text = format!("'{path}' is not complete: it needs {}.", names.join(", "));
        return Err(Refusal::user_error(text).target(path));
    }
    if let Some(id) = read["subnetId"].as_str() {
        checks::subnet_id(id)?;
    }
    Ok(Value::Object(read))
}

/// Both production purposes need enough vCPUs. Sizes that the catalogue does not have are not judged.
fn check(attached: &Attached, _resource: Option<&Resource>) -> Result<(), Refusal> {
    let purpose = attached.settings.member("clusterPurpose");
    let purpose = purpose.as_str().unwrap_or_default();
    let (count, size) = (count(attached), size(attached));
    let size = size.as_str().unwrap_or_default();
    let Some(known) = Catalogue::get().size(size) else { return Ok(()) };
    let vcpus = count * i64::from(known.vcpus);
    if purpose == "DevTest" || vcpus >= PRODUCTION_VCPUS {
        return Ok(());
    }
    let text = format!(
        "A cluster with purpose {purpose} needs at least {PRODUCTION_VCPUS} vCPUs: {count} nodes of size {size} have {vcpus}. Use more or larger nodes, or the purpose DevTest."
    );
    Err(Refusal::user_error(text).target("properties.properties.agentCount"))
}

/// 3 nodes, or 1 for tests (azureml-core's documentation of purposes).
fn count(attached: &Attached) -> i64 {
    let default = if attached.settings.member("clusterPurpose") == "DevTest" { 1 } else { 3 };
    attached.known("agentCount").as_i64().unwrap_or(default)
}

fn size(attached: &Attached) -> Value {
    json!(attached.known("agentVmSize").as_str().unwrap_or(DEFAULT_SIZE))
}
