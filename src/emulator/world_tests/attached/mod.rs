//! What was made elsewhere: bodies as Microsoft's SDKs send them, and what they become. Refusals, resources and rivals are in files
//! beside.

mod refusals;
mod resources;
mod rivals;
mod types;

use super::*;

const ELSEWHERE: &str = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg/providers";

/// The id of a resource of a type, in the workspace's subscription.
fn id(kind: &str, name: &str) -> String {
    format!("{ELSEWHERE}/{kind}/{name}")
}

fn vm_id(name: &str) -> String {
    id("Microsoft.Compute/virtualMachines", name)
}

fn aks_id(name: &str) -> String {
    id("Microsoft.ContainerService/managedClusters", name)
}

/// A PUT body in demo's region. Null properties are left out.
fn body(kind: &str, resource: Option<&str>, properties: &Value) -> Value {
    let mut base = json!({"computeType": kind});
    if let Some(resource) = resource {
        base["resourceId"] = json!(resource);
    }
    if !properties.is_null() {
        base["properties"] = properties.clone();
    }
    json!({"location": "eastus", "properties": base})
}

fn vm(name: &str) -> Value {
    let account = json!({"username": "azureuser", "password": "Fake-Passw0rd!"});
    body("VirtualMachine", Some(&vm_id(name)), &json!({"sshPort": 22, "administratorAccount": account}))
}

fn kubernetes(name: &str, namespace: &str) -> Value {
    body("Kubernetes", Some(&aks_id(name)), &json!({"namespace": namespace}))
}

/// One body of each type that names a resource, with the members that a GET then shows beside null ones.
fn bodies() -> Vec<(Value, Value)> {
    let account = json!({"username": "sshuser", "password": "Fake-Passw0rd!"});
    let pool = id("Microsoft.Synapse/workspaces", "syn/bigDataPools/pool");
    let kusto = json!({"kustoConnectionString": "c", "servicePrincipalCredentials":
        {"clientId": "i", "secret": "s", "tenantId": "t"}});
    vec![
        (vm("vm"), json!({"virtualMachineSize": "STANDARD_DS3_V2", "sshPort": 22})),
        (
            // azureml-core's, port as a text.
            body(
                "HDInsight",
                Some(&id("Microsoft.HDInsight/clusters", "hdi")),
                &json!({"sshPort": "22", "address": null, "administratorAccount": account}),
            ),
            json!({"sshPort": 22, "address": "hdi-ssh.azurehdinsight.net"}),
        ),
        (
            body(
                "Databricks",
                Some(&id("Microsoft.Databricks/workspaces", "dbx")),
                &json!({"databricksAccessToken": "dapi0123", "workspaceUrl": "https://adb-1.2.azuredatabricks.net"}),
            ),
            json!({"workspaceUrl": "https://adb-1.2.azuredatabricks.net"}),
        ),
        (kubernetes("aks", "ml"), json!({"namespace": "ml", "extensionInstanceReleaseTrain": "stable"})),
        (
            body("AKS", Some(&aks_id("aks")), &json!({"loadBalancerType": "PublicIp", "loadBalancerSubnet": null})),
            json!({"agentCount": 3, "agentVmSize": "STANDARD_D3_V2", "clusterPurpose": "FastProd"}),
        ),
        (
            body("SynapseSpark", Some(&pool), &Value::Null),
            json!({"poolName": "pool", "workspaceName": "syn", "nodeSizeFamily": "MemoryOptimized"}),
        ),
        (
            body("DataLakeAnalytics", Some(&id("Microsoft.DataLakeAnalytics/accounts", "adla")), &Value::Null),
            json!({"dataLakeStoreAccountName": "adlastore"}),
        ),
        (body("DataFactory", Some(&id("Microsoft.DataFactory/factories", "adf")), &Value::Null), Value::Null),
        (body("Batch", Some(&id("Microsoft.Batch/batchAccounts", "batch")), &Value::Null), Value::Null),
        (body("Kusto", Some(&id("Microsoft.Kusto/clusters", "kusto")), &kusto), json!({"kustoConnectionString": "c"})),
    ]
}

impl Bench {
    /// A bench that speaks the version which knows every type.
    fn oldest() -> Self {
        let mut bench = Self::new();
        bench.version = "2020-02-02";
        bench
    }

    /// Attaches, waits for the end of the operation, and returns what a GET then shows.
    fn attach(&mut self, name: &str, body: &Value) -> Value {
        let answer = self.put(name, body);
        assert_eq!(answer.status, 201, "{:?}", answer.body);
        self.pass(720);
        let ended = self.poll(&answer);
        assert_ne!(ended["status"], "InProgress");
        self.compute(name)
    }

    fn detach(&mut self, name: &str, action: &str) -> Response {
        let answer = self.send("DELETE", &format!("{DEMO}/computes/{name}?underlyingResourceAction={action}"), None);
        self.pass(300);
        answer
    }

    fn act(&mut self, name: &str, action: &str) -> Response {
        self.send("POST", &format!("{DEMO}/computes/{name}/{action}"), None)
    }

    fn resource(&mut self, id: &str) -> Value {
        let world = self.world.snapshot(self.now);
        let (_, found) = world["resources"]
            .as_object()
            .unwrap()
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(id))
            .unwrap_or_else(|| panic!("no resource {id}"));
        found.clone()
    }

    fn attachment(&mut self, name: &str) -> Value {
        let pointer = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/ml/workspaces/demo/computes";
        self.world.snapshot(self.now).pointer(pointer).unwrap()[name]["attachment"].clone()
    }
}
