//! The types of attached compute, one row each: how an object declares it, and how each of Microsoft's clients attaches and
//! reads it.
//!
//! Must not judge: what has to hold of every type is said in `attachments`.

use serde_json::{Value, json};

use crate::stage;
use crate::venv::Client;

/// What is attached lives here.
const PROVIDERS: &str = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/data/providers";
/// Password of every machine, in the Secret `ssh`.
pub(crate) const PASSWORD: &str = "Fake-Passw0rd!";
/// Token of the Databricks workspace, in the same Secret.
pub(crate) const TOKEN: &str = "dapi0123";

/// A type of attached compute.
pub(crate) struct Attachable {
    /// Name of a compute of it; with a client's word before it still within the 16 characters that AKS and Synapse allow.
    pub(crate) name: &'static str,
    /// `computeType`.
    pub(crate) wire: &'static str,
    /// ARM type and name of what is attached.
    resource: &'static str,
    /// How an object declares it, by the id of its resource.
    spec: fn(&str) -> Value,
    /// Arguments of `attach_configuration` of its class in SDK v1, by the id of its resource.
    core: fn(&str) -> Value,
    /// What SDK v2 wants beside name and id; `None`: it can attach no such compute.
    ml: Option<fn() -> Value>,
    /// The classes that `CLIENTS` read it as; `None`: the API that the client speaks does not know the type.
    classes: [Option<&'static str>; 4],
    /// What clients read of it: where they have it, and where the object says the same.
    pub(crate) reads: &'static [(Client, &'static str, &'static str)],
    /// What `get_credentials` of SDK v1 answers of what the operator sent.
    pub(crate) keys: &'static [(&'static str, &'static str)],
}

/// All clients, in the order in which rows have their classes.
pub(crate) const CLIENTS: [Client; 4] = [Client::Core, Client::Ml, Client::Stable, Client::Preview];

/// What a client reads a compute as that its API knows and it has no class for.
const BASE: Option<&str> = Some("Compute");
/// The same of SDK v2.
pub(crate) const UNSUPPORTED: &str = "UnsupportedCompute";

/// How SDK v1 shows a login of a machine.
const LOGIN: &[(&str, &str)] =
    &[("/administratorAccount/username", "azureuser"), ("/administratorAccount/password", PASSWORD)];

/// Every type that an object can declare.
pub(crate) static TYPES: [Attachable; 9] = [KUBERNETES, AKS, MACHINE, HDINSIGHT, LAKEHOUSE, LAKE, FACTORY, POOL, BATCH];

const KUBERNETES: Attachable = Attachable {
    name: "kubernetes",
    wire: "Kubernetes",
    resource: "Microsoft.ContainerService/managedClusters/training",
    spec: |id| json!({"type": "Kubernetes", "kubernetes": {"resourceId": id, "namespace": "azureml"}}),
    core: |id| json!({"resource_id": id, "namespace": "azureml"}),
    ml: Some(|| json!({"$type": "KubernetesCompute", "namespace": "azureml"})),
    classes: [Some("KubernetesCompute"), Some("KubernetesCompute"), BASE, Some("Kubernetes")],
    reads: &[
        (Client::Core, "/properties/properties/namespace", "/spec/kubernetes/namespace"),
        (Client::Core, "/properties/properties/namespace", "/status/kubernetes/namespace"),
        (Client::Ml, "/namespace", "/spec/kubernetes/namespace"),
        (Client::Stable, "/properties/additional_properties/properties/namespace", "/spec/kubernetes/namespace"),
        (Client::Preview, "/properties/properties/namespace", "/spec/kubernetes/namespace"),
        (Client::Preview, "/properties/properties/extension_principal_id", "/status/kubernetes/extensionPrincipalId"),
    ],
    keys: &[],
};

const AKS: Attachable = Attachable {
    name: "aks",
    wire: "AKS",
    resource: "Microsoft.ContainerService/managedClusters/inference",
    spec: |id| {
        let balancer = json!({"type": "Internal", "subnet": "inference"});
        json!({"type": "Aks", "aks": {"attach": {"resourceId": id}, "purpose": "DevTest", "loadBalancer": balancer}})
    },
    core: |id| {
        json!({
            "resource_group": group(id), "cluster_name": last(id), "cluster_purpose": "DevTest",
            "load_balancer_type": "InternalLoadBalancer", "load_balancer_subnet": "inference",
        })
    },
    ml: None,
    classes: [Some("AksCompute"), Some(UNSUPPORTED), Some("AKS"), Some("AKS")],
    reads: &[
        (Client::Core, "/properties/properties/clusterPurpose", "/spec/aks/purpose"),
        (Client::Core, "/properties/properties/loadBalancerSubnet", "/spec/aks/loadBalancer/subnet"),
        (Client::Core, "/properties/properties/clusterPurpose", "/status/aks/purpose"),
        (Client::Core, "/properties/properties/clusterFqdn", "/status/aks/fqdn"),
        (Client::Core, "/properties/properties/agentCount", "/status/aks/nodeCount"),
        (Client::Core, "/properties/properties/agentVmSize", "/status/aks/vmSize"),
        (Client::Stable, "/properties/properties/cluster_fqdn", "/status/aks/fqdn"),
        (Client::Stable, "/properties/properties/agent_count", "/status/aks/nodeCount"),
        (Client::Preview, "/properties/properties/cluster_purpose", "/spec/aks/purpose"),
        (Client::Preview, "/properties/properties/agent_vm_size", "/status/aks/vmSize"),
    ],
    keys: &[],
};

const MACHINE: Attachable = Attachable {
    name: "machine",
    wire: "VirtualMachine",
    resource: "Microsoft.Compute/virtualMachines/dsvm",
    spec: |id| {
        let machine = json!({"resourceId": id, "sshPort": 2222, "credentials": login()});
        json!({"type": "VirtualMachine", "virtualMachine": machine})
    },
    core: |id| json!({"resource_id": id, "username": "azureuser", "password": PASSWORD, "ssh_port": 2222}),
    ml: Some(|| {
        let login = json!({
            "$type": "VirtualMachineSshSettings", "admin_username": "azureuser", "admin_password": PASSWORD, "ssh_port": 2222,
        });
        json!({"$type": "VirtualMachineCompute", "ssh_settings": login})
    }),
    classes: [Some("RemoteCompute"), Some("VirtualMachineCompute"), Some("VirtualMachine"), Some("VirtualMachine")],
    reads: &[
        (Client::Core, "/properties/properties/sshPort", "/spec/virtualMachine/sshPort"),
        (Client::Core, "/properties/properties/sshPort", "/status/virtualMachine/sshPort"),
        (Client::Core, "/properties/properties/address", "/status/virtualMachine/address"),
        (Client::Core, "/properties/properties/virtualMachineSize", "/status/virtualMachine/vmSize"),
        (Client::Ml, "/ssh_settings/ssh_port", "/spec/virtualMachine/sshPort"),
        (Client::Stable, "/properties/properties/ssh_port", "/spec/virtualMachine/sshPort"),
        (Client::Preview, "/properties/properties/address", "/status/virtualMachine/address"),
    ],
    keys: LOGIN,
};

const HDINSIGHT: Attachable = Attachable {
    name: "hdinsight",
    wire: "HDInsight",
    resource: "Microsoft.HDInsight/clusters/spark",
    spec: |id| json!({"type": "HdInsight", "hdInsight": {"resourceId": id, "sshPort": 22, "credentials": login()}}),
    // It sends the port that is usual there as a text.
    core: |id| json!({"resource_id": id, "username": "azureuser", "password": PASSWORD}),
    ml: None,
    classes: [Some("HDInsightCompute"), Some(UNSUPPORTED), Some("HDInsight"), Some("HDInsight")],
    reads: &[
        (Client::Core, "/properties/properties/ssh-port", "/spec/hdInsight/sshPort"),
        (Client::Core, "/properties/properties/ssh-port", "/status/hdInsight/sshPort"),
        (Client::Core, "/properties/properties/address", "/status/hdInsight/address"),
        (Client::Stable, "/properties/properties/ssh_port", "/spec/hdInsight/sshPort"),
        (Client::Preview, "/properties/properties/address", "/status/hdInsight/address"),
    ],
    keys: LOGIN,
};

const LAKEHOUSE: Attachable = Attachable {
    name: "lakehouse",
    wire: "Databricks",
    resource: "Microsoft.Databricks/workspaces/lakehouse",
    spec: |id| json!({"type": "Databricks", "databricks": {"resourceId": id, "accessToken": secret("token")}}),
    core: |id| json!({"resource_id": id, "access_token": TOKEN}),
    ml: None,
    classes: [Some("DatabricksCompute"), Some(UNSUPPORTED), Some("Databricks"), Some("Databricks")],
    // SDK v1 does not show the address of what it attached; 1.0 of the management SDK has no such member.
    reads: &[(Client::Preview, "/properties/properties/workspace_url", "/status/databricks/workspaceUrl")],
    keys: &[("/databricksAccessToken", TOKEN)],
};

const LAKE: Attachable = Attachable {
    name: "lake",
    wire: "DataLakeAnalytics",
    resource: "Microsoft.DataLakeAnalytics/accounts/lake",
    spec: |id| json!({"type": "DataLakeAnalytics", "dataLakeAnalytics": {"resourceId": id}}),
    core: |id| json!({"resource_group": group(id), "account_name": last(id)}),
    ml: None,
    classes: [Some("AdlaCompute"), Some(UNSUPPORTED), Some("DataLakeAnalytics"), Some("DataLakeAnalytics")],
    // SDK v1 does not show its store.
    reads: &[
        (
            Client::Stable,
            "/properties/properties/data_lake_store_account_name",
            "/status/dataLakeAnalytics/defaultStore",
        ),
        (
            Client::Preview,
            "/properties/properties/data_lake_store_account_name",
            "/status/dataLakeAnalytics/defaultStore",
        ),
    ],
    keys: &[],
};

const FACTORY: Attachable = Attachable {
    name: "factory",
    wire: "DataFactory",
    resource: "Microsoft.DataFactory/factories/movers",
    spec: |id| json!({"type": "DataFactory", "dataFactory": {"resourceId": id}}),
    core: |id| json!({"resource_group": group(id), "factory_name": last(id)}),
    ml: None,
    classes: [Some("DataFactoryCompute"), Some(UNSUPPORTED), Some("DataFactory"), Some("DataFactory")],
    reads: &[],
    keys: &[],
};

const POOL: Attachable = Attachable {
    name: "pool",
    wire: "SynapseSpark",
    resource: "Microsoft.Synapse/workspaces/analytics/bigDataPools/pool",
    spec: |id| json!({"type": "SynapseSpark", "synapseSpark": {"resourceId": id}}),
    // Of this type the call has arguments of its own.
    core: |_| json!({}),
    ml: Some(|| json!({"$type": "SynapseSparkCompute"})),
    classes: [Some("SynapseCompute"), Some("SynapseSparkCompute"), BASE, Some("SynapseSpark")],
    reads: &[
        (Client::Core, "/properties/properties/sparkVersion", "/status/synapseSpark/sparkVersion"),
        (Client::Core, "/properties/properties/nodeCount", "/status/synapseSpark/nodeCount"),
        (Client::Core, "/properties/properties/nodeSize", "/status/synapseSpark/nodeSize"),
        (Client::Core, "/properties/properties/nodeSizeFamily", "/status/synapseSpark/nodeSizeFamily"),
        (
            Client::Core,
            "/properties/properties/autoScaleProperties/maxNodeCount",
            "/status/synapseSpark/autoScale/maxNodes",
        ),
        (
            Client::Core,
            "/properties/properties/autoPauseProperties/delayInMinutes",
            "/status/synapseSpark/autoPause/delayInMinutes",
        ),
        (Client::Ml, "/spark_version", "/status/synapseSpark/sparkVersion"),
        (Client::Ml, "/node_count", "/status/synapseSpark/nodeCount"),
        (Client::Ml, "/node_size", "/status/synapseSpark/nodeSize"),
        (Client::Ml, "/node_family", "/status/synapseSpark/nodeSizeFamily"),
        (Client::Ml, "/scale_settings/auto_scale_enabled", "/status/synapseSpark/autoScale/enabled"),
        (Client::Ml, "/scale_settings/min_node_count", "/status/synapseSpark/autoScale/minNodes"),
        (Client::Ml, "/auto_pause_settings/auto_pause_enabled", "/status/synapseSpark/autoPause/enabled"),
        (Client::Ml, "/auto_pause_settings/delay_in_minutes", "/status/synapseSpark/autoPause/delayInMinutes"),
        (
            Client::Stable,
            "/properties/additional_properties/properties/sparkVersion",
            "/status/synapseSpark/sparkVersion",
        ),
        (Client::Preview, "/properties/properties/workspace_name", "/status/synapseSpark/workspaceName"),
        (Client::Preview, "/properties/properties/pool_name", "/status/synapseSpark/poolName"),
    ],
    keys: &[],
};

const BATCH: Attachable = Attachable {
    name: "batch",
    wire: "Batch",
    resource: "Microsoft.Batch/batchAccounts/night",
    spec: |id| json!({"type": "Batch", "batch": {"resourceId": id}}),
    core: |id| json!({"resource_group": group(id), "account_name": last(id)}),
    ml: None,
    classes: [Some("BatchCompute"), None, None, None],
    reads: &[],
    keys: &[],
};

/// The last part of an id.
fn last(id: &str) -> &str {
    id.rsplit('/').next().unwrap()
}

/// The group in an id. From the group's and the resource's name SDK v1 builds the id itself; that of AKS has
/// `resourcegroups`.
fn group(id: &str) -> &str {
    id.split('/').nth(4).unwrap()
}

fn secret(key: &str) -> Value {
    json!({"secretRef": {"name": "ssh", "key": key}})
}

fn login() -> Value {
    json!({"username": "azureuser", "password": secret("password")})
}

impl Attachable {
    /// The type of this name.
    pub(crate) fn of(name: &str) -> &'static Self {
        TYPES.iter().find(|one| one.name == name).unwrap()
    }

    /// ARM id of one of its resources.
    pub(crate) fn id(&self, mark: &str) -> String {
        format!("{PROVIDERS}/{}{mark}", self.resource)
    }

    /// An object that attaches this resource, with these further lines of spec.
    pub(crate) fn object(&self, name: &str, id: &str, spec: &Value) -> String {
        stage::compute("AttachedCompute", name, &[&(self.spec)(id), spec])
    }

    /// The class that a client reads it as; `None`: it does not see it.
    pub(crate) fn class(&self, client: Client) -> Option<&'static str> {
        let at = CLIENTS.iter().position(|one| *one == client).unwrap();
        self.classes[at]
    }

    /// How SDK v1 or v2 attaches this resource, as the object declares it; `None`: it cannot.
    pub(crate) fn attach(&self, client: Client, name: &str, id: &str) -> Option<Value> {
        match client {
            Client::Core if self.wire == "SynapseSpark" => {
                let (workspace, pool) = id.split_once("/bigDataPools/").unwrap();
                let configuration =
                    "SynapseCompute.attach_configuration(linked_service, type='SynapseSpark', pool_name=pool)";
                let call = format!("ComputeTarget.attach(ws, name, {configuration})");
                Some(json!({"call": call, "name": name, "linked_service_resource_id": workspace, "pool": pool}))
            }
            Client::Core => {
                let class = self.class(client).unwrap();
                let call = format!("ComputeTarget.attach(ws, name, {class}.attach_configuration(**args))");
                Some(json!({"call": call, "name": name, "args": (self.core)(id)}))
            }
            Client::Ml => {
                let mut compute = self.ml?();
                compute["name"] = json!(name);
                compute["resource_id"] = json!(id);
                Some(json!({"call": "MLClient.compute.begin_attach", "compute": compute}))
            }
            Client::Stable | Client::Preview => None,
        }
    }

    /// What a client has to make of what the operator attached, as its answer to [`get`] has it.
    pub(crate) fn meaning(&self, client: Client, id: &str, description: &str) -> Vec<(&'static str, Value)> {
        let class = json!(self.class(client));
        match client {
            Client::Core => vec![
                ("/returned/class", class),
                ("/returned/is_attached", json!("True")),
                ("/whole/properties/computeType", json!(self.wire)),
                ("/whole/properties/resourceId", json!(id)),
                ("/whole/properties/description", json!(description)),
                ("/whole/properties/provisioningState", json!("Succeeded")),
            ],
            Client::Ml => {
                let kind = match self.ml {
                    Some(_) => self.wire.to_lowercase(),
                    None => "*** unsupported compute type ***".to_owned(),
                };
                vec![
                    ("/whole/class", class),
                    ("/whole/type", json!(kind)),
                    ("/whole/resource_id", json!(id)),
                    ("/whole/description", json!(description)),
                    ("/whole/provisioning_state", json!("Succeeded")),
                ]
            }
            Client::Stable | Client::Preview => vec![
                ("/whole/properties/class", class),
                // The class of all computes does not show its type.
                ("/whole/properties/compute_type", json!((self.class(client) != BASE).then_some(self.wire))),
                ("/whole/properties/is_attached_compute", json!(true)),
                ("/whole/properties/resource_id", json!(id)),
                ("/whole/properties/description", json!(description)),
                ("/whole/properties/provisioning_state", json!("Succeeded")),
            ],
        }
    }
}

/// How each client reads a compute.
pub(crate) fn get(client: Client, name: &str) -> Value {
    match client {
        Client::Core => json!({"call": "ComputeTarget(ws, name)", "name": name}),
        Client::Ml => json!({"call": "MLClient.compute.get", "args": {"name": name}}),
        Client::Stable | Client::Preview => json!({"call": "get", "name": name}),
    }
}

/// How each client lists all.
pub(crate) fn list(client: Client) -> Value {
    match client {
        Client::Core => json!({"call": "ComputeTarget.list(ws, **args)", "args": {}}),
        Client::Ml => json!({"call": "MLClient.compute.list", "args": {}}),
        Client::Stable | Client::Preview => json!({"call": "list"}),
    }
}

/// How each client ends an attachment.
pub(crate) fn detach(client: Client, name: &str) -> Value {
    match client {
        Client::Core => json!({"call": "target.detach(**args)", "name": name, "args": {}}),
        Client::Ml => json!({"call": "MLClient.compute.begin_delete", "args": {"name": name, "action": "Detach"}}),
        Client::Stable | Client::Preview => {
            json!({"call": "begin_delete", "name": name, "underlying_resource_action": "Detach"})
        }
    }
}
