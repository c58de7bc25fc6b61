//! `nodes`: lists the nodes of a cluster, asked of Azure now, with the commands to reach them.
//!
//! Must not run anywhere at rest: listNodes is a POST and spends ARM's write budget. It speaks with the Workspace's
//! own identity, read with the rights of whoever calls.

use super::Failure;
use super::args::NodesArgs;
use super::settings;
use api::{AzureIdentity, ComputeCluster, IdentityKind, Workspace};
use arm::{Node, NodeState, WorkspaceId};
use azureml::{Client, Cloud, ErrorKind, Options};
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use std::io::Write;

/// Lists the nodes.
pub(crate) async fn run(args: NodesArgs) -> Result<(), Failure> {
    let cloud = settings::cloud(&args.cloud)?;
    let options = Options { timeout: settings::azure_timeout(&args.cloud)?, ..Options::default() };
    let kubernetes = super::run::client().await?;
    let namespace = args.namespace.clone().unwrap_or_else(|| kubernetes.default_namespace().to_owned());

    let cluster: ComputeCluster = get(&kubernetes, &namespace, "ComputeCluster", &args.cluster).await?;
    let workspace: Workspace = get(&kubernetes, &namespace, "Workspace", &cluster.spec.workspace_ref.name).await?;
    let client = client(&kubernetes, &namespace, &workspace, &cloud, options).await?;
    let name = cluster.spec.azure_name.as_deref().unwrap_or(&args.cluster);
    let id = WorkspaceId::parse(&workspace.spec.resource_id)?.compute(name)?;
    let nodes = match client.list_nodes(&id).await {
        Ok(nodes) => nodes,
        Err(error) if matches!(error.kind(), ErrorKind::Http { status: 404 }) => {
            let how = format!("kubectl -n {namespace} describe amlcc {} says how it stands", args.cluster);
            return Err(format!("Azure has no cluster {name} yet, or no more; {how}").into());
        }
        Err(error) => return Err(error.into()),
    };

    let ssh = cluster.spec.ssh.as_ref().filter(|ssh| ssh.enabled);
    let user = ssh.map(|ssh| ssh.admin_username.as_deref().unwrap_or("azureuser"));
    print(&nodes, user, &args.identity_file)
}

/// An object of ours, or a sentence that says what is missing.
async fn get<K>(client: &kube::Client, namespace: &str, kind: &str, name: &str) -> Result<K, Failure>
where
    K: kube::Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + serde::de::DeserializeOwned,
{
    let found = Api::<K>::namespaced(client.clone(), namespace).get_opt(name).await;
    match found.map_err(|error| format!("cannot read {kind} {name} in namespace {namespace}: {error}"))? {
        Some(object) => Ok(object),
        None => {
            Err(format!("{kind} {name} is not in namespace {namespace}; choose another with -n, or create it").into())
        }
    }
}

/// A client that speaks as the Workspace's identity.
async fn client(
    kubernetes: &kube::Client,
    namespace: &str,
    workspace: &Workspace,
    cloud: &Cloud,
    options: Options,
) -> Result<Client, Failure> {
    let reference = &workspace.spec.identity_ref;
    if reference.kind != IdentityKind::AzureIdentity {
        return Err("the Workspace's identity is no AzureIdentity, which this version needs".into());
    }
    let identity: AzureIdentity = get(kubernetes, namespace, "AzureIdentity", &reference.name).await?;
    let source = identity.spec.service_principal.as_ref().and_then(|principal| principal.client_secret.as_ref());
    let Some(source) = source else {
        return Err(format!("AzureIdentity {} has no client secret, which this version needs", reference.name).into());
    };
    let wanted = &source.secret_ref;
    let secret: Secret = get(kubernetes, namespace, "Secret", &wanted.name).await?;
    let value = secret.data.as_ref().and_then(|data| data.get(&wanted.key));
    let value = value.and_then(|bytes| String::from_utf8(bytes.0.clone()).ok());
    let value = value.ok_or_else(|| format!("Secret {} has no text under {}", wanted.name, wanted.key))?;
    let tokens = azureml::service_principal(cloud, &identity.spec.tenant_id, &identity.spec.client_id, value.into())?;
    Ok(Client::new(cloud, tokens, options)?)
}

/// A table, and below it a command for each node that can be reached.
fn print(nodes: &[Node], user: Option<&str>, key: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    if nodes.is_empty() {
        writeln!(out, "the cluster has no nodes now; it makes some when jobs need them")?;
        return Ok(());
    }
    let or_dash = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".into());
    let row = |node: &Node| {
        let port = node.port.map_or_else(|| "-".into(), |port| port.to_string());
        [
            node.id.clone(),
            node.state.to_string(),
            or_dash(&node.run_id),
            or_dash(&node.private_ip),
            or_dash(&node.public_ip),
            port,
        ]
    };
    let header = ["NODE", "STATE", "RUN", "PRIVATE IP", "PUBLIC IP", "PORT"].map(str::to_owned);
    let rows: Vec<[String; 6]> = std::iter::once(header).chain(nodes.iter().map(row)).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..6).map(width).collect();
    for row in &rows {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        writeln!(out, "{}", cells.join("   ").trim_end())?;
    }
    let Some(user) = user else {
        writeln!(out, "\nSSH is off on this cluster (spec.ssh)")?;
        return Ok(());
    };
    if nodes.iter().all(|node| node.public_ip.is_none()) {
        writeln!(
            out,
            "\nthe nodes have no public IP; reach them from within their virtual network as {user}@PRIVATE-IP"
        )?;
    }
    for node in nodes.iter().filter(|node| node.state != NodeState::Preparing && node.state != NodeState::Leaving) {
        if let (Some(address), Some(port)) = (&node.public_ip, node.port) {
            writeln!(out, "\n# {}", node.id)?;
            writeln!(out, "ssh -i {key} -p {port} {user}@{address}")?;
            writeln!(out, "scp -i {key} -P {port} FILE {user}@{address}:")?;
        }
    }
    Ok(())
}
