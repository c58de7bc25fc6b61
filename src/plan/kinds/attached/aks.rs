//! An AKS cluster for real-time inference: attached, or made by Azure ML in a region of its own (azureml-api.md b.5).
//!
//! Must not change one in place, TLS included: Azure ML's documentation detaches and attaches again.

use super::super::wire::subnet_id;
use super::{DESCRIPTION, NUMBER, PLAIN, RESOURCE, Spec, Type, count, own, put, rule, secret, text, unshown};
use crate::inputs::{Refs, WorkspaceFacts};
use crate::kind::NodePool;
use crate::rules::Change::Recreate;
use crate::rules::{Compare, Missing};
use api::{
    Advice, AksAttachment, AksLoadBalancer, AksLoadBalancerType, AksPurpose, AksReport, AksSystemService, AksTls,
    SecretKeyRef,
};
use arm::Compute;
use serde_json::{Map, Value, json};

const OWN: &str = "/properties/properties";

pub(super) const TYPE: Type = Type {
    wire: "AKS",
    rules: &[
        DESCRIPTION,
        own("spec.aks.attach.resourceId", RESOURCE, Compare::ArmId),
        rule("spec.aks.create.location", "/properties/computeLocation", Compare::Location, Missing::Untold, Recreate),
        own("spec.aks.create.vmSize", "/properties/properties/agentVmSize", Compare::NoCase),
        own("spec.aks.create.nodeCount", "/properties/properties/agentCount", NUMBER),
        own(
            "spec.aks.create.network.subnet",
            "/properties/properties/aksNetworkingConfiguration/subnetId",
            Compare::ArmId,
        ),
        own(
            "spec.aks.create.network.serviceCidr",
            "/properties/properties/aksNetworkingConfiguration/serviceCidr",
            Compare::Exact,
        ),
        own(
            "spec.aks.create.network.dnsServiceIP",
            "/properties/properties/aksNetworkingConfiguration/dnsServiceIP",
            Compare::Exact,
        ),
        own(
            "spec.aks.create.network.dockerBridgeCidr",
            "/properties/properties/aksNetworkingConfiguration/dockerBridgeCidr",
            Compare::Exact,
        ),
        own("spec.aks.purpose", "/properties/properties/clusterPurpose", Compare::NoCase),
        own("spec.aks.loadBalancer.type", "/properties/properties/loadBalancerType", Compare::NoCase),
        own("spec.aks.loadBalancer.subnet", "/properties/properties/loadBalancerSubnet", Compare::Exact),
    ],
    // Certificate and key are never answered (azureml-api.md f.4), and of the rest no answer was recorded.
    write_only: |spec| {
        let field = unshown("spec.aks.tls", "/properties/properties/sslConfiguration");
        spec.aks.as_ref()?.tls.as_ref().map(|_| field)
    },
    secrets: |spec| spec.aks.as_ref().and_then(|aks| certificate(aks.tls.as_ref()?)).map(Vec::from).unwrap_or_default(),
    location: |spec| spec.aks.as_ref()?.create.as_ref()?.location.as_deref(),
    nodes: |spec| nodes(spec.aks.as_ref()?),
    body: |spec, refs, workspace| spec.aks.as_ref().map(|aks| body(aks, refs, workspace)).unwrap_or_default(),
    advice,
    report: |seen, status| status.aks = Some(report(seen)),
    ..PLAIN
};

/// vCPUs that both production purposes need (issue text).
const PRODUCTION_VCPUS: i64 = 12;
/// Nodes of a cluster whose number is not declared (azureml-core, `AksCompute.provisioning_configuration`).
const DEFAULT_NODES: i64 = 3;

fn purpose(purpose: AksPurpose) -> &'static str {
    match purpose {
        AksPurpose::Production => "FastProd",
        AksPurpose::DenseProd => "DenseProd",
        AksPurpose::DevTest => "DevTest",
    }
}

/// The nodes to be made; any number will do for tests.
fn nodes(aks: &AksAttachment) -> Option<NodePool<'_>> {
    let create = aks.create.as_ref()?;
    let (field, way) = ("spec.aks.create", "or set purpose DevTest, which takes any size");
    match aks.purpose {
        Some(AksPurpose::DevTest) => None,
        Some(AksPurpose::Production | AksPurpose::DenseProd) | None => Some(NodePool {
            field,
            vm_size: create.vm_size.as_deref()?,
            nodes: create.node_count.map_or(DEFAULT_NODES, i64::from),
            location: create.location.as_deref(),
            least_vcpus: PRODUCTION_VCPUS,
            way,
        }),
    }
}

/// Certificate and key of a Secret of type kubernetes.io/tls.
fn certificate(tls: &AksTls) -> Option<[SecretKeyRef; 2]> {
    let name = &tls.secret_ref.as_ref()?.name;
    Some(["tls.crt", "tls.key"].map(|key| SecretKeyRef { name: name.clone(), key: key.into() }))
}

fn body(aks: &AksAttachment, refs: &Refs, workspace: &WorkspaceFacts) -> Map<String, Value> {
    let mut own = Map::new();
    if let Some(create) = &aks.create {
        put(&mut own, "agentVmSize", create.vm_size.clone());
        put(&mut own, "agentCount", create.node_count);
        if let Some(network) = &create.network {
            let network = json!({
                "subnetId": subnet_id(&network.subnet, workspace),
                "serviceCidr": network.service_cidr,
                "dnsServiceIP": network.dns_service_ip,
                "dockerBridgeCidr": network.docker_bridge_cidr,
            });
            own.insert("aksNetworkingConfiguration".into(), network);
        }
    }
    put(&mut own, "clusterPurpose", aks.purpose.map(purpose));
    if let Some(AksLoadBalancer { kind, subnet }) = &aks.load_balancer {
        let kind = match kind {
            AksLoadBalancerType::PublicIp => "PublicIp",
            AksLoadBalancerType::Internal => "InternalLoadBalancer",
        };
        own.insert("loadBalancerType".into(), json!(kind));
        put(&mut own, "loadBalancerSubnet", subnet.clone());
    }
    put(&mut own, "sslConfiguration", aks.tls.as_ref().map(|tls| ssl(tls, refs)));
    own
}

fn ssl(tls: &AksTls, refs: &Refs) -> Value {
    let mut ssl = Map::new();
    if let Some([certificate, key]) = certificate(tls) {
        ssl.insert("status".into(), json!("Enabled"));
        put(&mut ssl, "cert", secret(refs, &certificate));
        put(&mut ssl, "key", secret(refs, &key));
        put(&mut ssl, "cname", tls.hostname.clone());
    } else {
        ssl.insert("status".into(), json!("Auto"));
        put(&mut ssl, "leafDomainLabel", tls.leaf_domain_label.clone());
        put(&mut ssl, "overwriteExistingDomain", tls.overwrite_existing_domain);
    }
    ssl.into()
}

fn advice(spec: &Spec) -> Vec<Advice> {
    let mut advice = Vec::new();
    let mut say = |reason: &str, message: &str| advice.push(Advice { reason: reason.into(), message: message.into() });
    let Some(aks) = &spec.aks else { return advice };
    if aks.create.is_some() && spec.deletion_policy != api::AttachedDeletionPolicy::Delete {
        say(
            "ClusterOutlivesObject",
            "deleting this object detaches the AKS cluster, which stays and is billed; deletionPolicy: Delete deletes it",
        );
    }
    advice
}

fn report(seen: &Compute) -> AksReport {
    let services = seen.body.pointer(OWN).and_then(|own| own.get("systemServices")).and_then(Value::as_array);
    let word = |service: &Value, key: &str| service.get(key).and_then(Value::as_str).map(str::to_owned);
    AksReport {
        fqdn: text(seen, "/clusterFqdn"),
        purpose: text(seen, "/clusterPurpose"),
        node_count: count(seen, "/agentCount"),
        vm_size: text(seen, "/agentVmSize"),
        system_services: services
            .into_iter()
            .flatten()
            .map(|service| AksSystemService {
                kind: word(service, "systemServiceType").unwrap_or_default(),
                public_ip: word(service, "publicIpAddress"),
                version: word(service, "version"),
            })
            .collect(),
    }
}
