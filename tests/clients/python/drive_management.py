"""azure-mgmt-machinelearningservices, 1.0 or 2.0, does with an emulator all it can do with computes, and says what came back.

Nothing but public calls and settings. Prints the steps as JSON; see story.py.
"""

import os
import sys
import time

import requests
from azure.core.credentials import AccessToken
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.mgmt.machinelearningservices import MachineLearningServicesMgmtClient, models
from story import Story

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleKeyForTestsOnlyNotARealKey00000000 user@host"
BASE = os.environ["AZURE_RESOURCE_MANAGER"]
SUBSCRIPTION = os.environ["SUBSCRIPTION_ID"]
WHERE = (os.environ["RESOURCE_GROUP"], os.environ["WORKSPACE"])
LOCATION = "westeurope"
AUDIENCE = "https://management.azure.com/.default"


class Credential:
    """What the SDK asks of a credential: an object with get_token."""

    def get_token(self, *_: str, **__: object) -> AccessToken:
        """A token from the tenant's endpoint."""
        answer = requests.post(
            f"{BASE}/{os.environ['AZURE_TENANT_ID']}/oauth2/v2.0/token",
            data={
                "grant_type": "client_credentials",
                "client_id": os.environ["AZURE_CLIENT_ID"],
                "client_secret": os.environ["AZURE_CLIENT_SECRET"],
                "scope": AUDIENCE,
            },
            timeout=30,
        ).json()
        return AccessToken(answer["access_token"], int(time.time()) + int(answer["expires_in"]))


client = MachineLearningServicesMgmtClient(
    Credential(), SUBSCRIPTION, base_url=BASE, credential_scopes=[AUDIENCE], polling_interval=1
)
# 1.0 calls its group of operations otherwise than 2.0, and some classes too.
STABLE = not hasattr(client, "compute")
computes = client.machine_learning_compute if STABLE else client.compute
everything = computes.list_by_workspace if STABLE else computes.list
story = Story()


def named(stable: str, preview: str) -> type:
    """A class that has another name in 2.0."""
    return getattr(models, stable if STABLE else preview)


def make(name: str, properties: object, **more: object) -> object:
    """Creates or attaches and waits."""
    body = models.ComputeResource(location=LOCATION, properties=properties, **more)
    return computes.begin_create_or_update(*WHERE, name, body).result()


def used(name: str) -> int:
    """What is used of a quota. A family has a second row of the same name, for low priority."""
    rows = [usage for usage in client.usages.list(LOCATION) if not usage.type.endswith("/lowPriorityCores/usages")]
    return {usage.name.value: usage.current_value for usage in rows}[name]


def resource(kind: str) -> str:
    """ARM id of something to attach."""
    return f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-own/providers/{kind}"


def gone(name: str) -> None:
    """It is not there any more."""
    story.raises("get of what is gone", ResourceNotFoundError, lambda: computes.get(*WHERE, name))


def clusters() -> None:
    """The life of a cluster."""
    with story.step("sizes", "the region"):
        answer = client.virtual_machine_sizes.list(LOCATION)
        sizes = answer.aml_compute if STABLE else answer.value
        size = {size.name.upper(): size for size in sizes}["STANDARD_DS2_V2"]
        story.equal("size", (size.v_cp_us, size.family, size.gpus), (2, "standardDSv2Family", 0))
    with story.step("create", "AmlCompute"):
        scale = models.ScaleSettings(max_node_count=3, min_node_count=1)
        settings = models.AmlComputeProperties(vm_size="Standard_DS2_v2", scale_settings=scale)
        identity = named("Identity", "ManagedServiceIdentity")(type="SystemAssigned")
        made = make("m-cluster", models.AmlCompute(properties=settings, description="d"), identity=identity)
        story.equal("provisioning_state", made.properties.provisioning_state, "Succeeded")
        story.equal("identity", (made.identity.type, len(made.identity.principal_id)), ("SystemAssigned", 36))
    with story.step("get", "AmlCompute"):
        seen = computes.get(*WHERE, "m-cluster").properties
        story.equal("type", (type(seen).__name__, seen.compute_type, seen.description), ("AmlCompute", "AmlCompute", "d"))
        scale = seen.properties.scale_settings
        story.equal("scale", (scale.min_node_count, scale.max_node_count), (1, 3))
        story.equal("size", seen.properties.vm_size.upper(), "STANDARD_DS2_V2")
    with story.step("nodes", "AmlCompute"):

        def idle() -> list:
            return [node for node in computes.list_nodes(*WHERE, "m-cluster") if node.node_state == "idle"]

        found = story.until("an idle node", idle)
        story.equal("nodes and port", [node.port for node in found], [50000])
    with story.step("usage", "the region"):
        story.equal("clusters and cores", (used("TotalClusters"), used("standardDSv2Family")), (1, 2))
    with story.step("update", "AmlCompute"):
        scale = models.ScaleSettings(max_node_count=5, min_node_count=0)
        change = models.ClusterUpdateParameters(scale_settings=scale)
        if not STABLE:
            change = models.ClusterUpdateParameters(properties=models.ScaleSettingsInformation(scale_settings=scale))
        computes.begin_update(*WHERE, "m-cluster", change).result()
        scale = computes.get(*WHERE, "m-cluster").properties.properties.scale_settings
        story.equal("scale", (scale.min_node_count, scale.max_node_count), (0, 5))
    with story.step("list", "AmlCompute"):
        story.equal("names", [compute.name for compute in everything(*WHERE)], ["m-cluster"])
    with story.step("delete", "AmlCompute"):
        computes.begin_delete(*WHERE, "m-cluster", "Delete").wait()
        gone("m-cluster")
    with story.step("quotas", "the region"):
        rows = [quota for quota in client.quotas.list(LOCATION) if quota.name.value == "standardDSv2Family"]
        story.equal("the subscription's and the workspace's", len(rows), 2)
        (own,) = [quota for quota in rows if f"/workspaces/{WHERE[1]}/quotas/" in quota.id]
        story.equal("limit", own.limit, 100)
    with story.step("update quotas", "a family"):
        wanted = models.QuotaBaseProperties(id=own.id, type=own.type, limit=12, unit="Count")
        answer = client.quotas.update(LOCATION, models.QuotaUpdateParameters(value=[wanted], location=LOCATION))
        story.equal("limit and status", [(row.limit, row.status) for row in answer.value], [(12, "Success")])
        limits = {quota.id: quota.limit for quota in client.quotas.list(LOCATION)}
        story.equal("limit from now on", limits[own.id], 12)


def instances() -> None:
    """The life of an instance."""
    with story.step("create", "ComputeInstance"):
        ssh = models.ComputeInstanceSshSettings(ssh_public_access="Enabled", admin_public_key=KEY)
        settings = models.ComputeInstanceProperties(vm_size="STANDARD_DS3_V2", ssh_settings=ssh)
        made = make("m-instance", models.ComputeInstance(properties=settings)).properties
        story.equal("state", (made.provisioning_state, made.properties.state), ("Succeeded", "Running"))
    with story.step("get", "ComputeInstance"):
        seen = computes.get(*WHERE, "m-instance").properties.properties
        story.equal("key", seen.ssh_settings.admin_public_key, KEY)
        names = [application.display_name for application in seen.applications]
        story.holds("Jupyter among the applications", "Jupyter" in names, names)
        story.holds("a public address", seen.connectivity_endpoints.public_ip_address)
    for verb, state in (("stop", "Stopped"), ("start", "Running"), ("restart", "Running")):
        with story.step(verb, "ComputeInstance"):
            if STABLE:
                getattr(computes, verb)(*WHERE, "m-instance")
            else:
                getattr(computes, "begin_" + verb)(*WHERE, "m-instance").wait()

            def there() -> bool:
                seen = computes.get(*WHERE, "m-instance").properties.properties
                done = seen.last_operation
                return (seen.state, done.operation_name, done.operation_status) == (state, verb.capitalize(), "Succeeded")

            story.until(f"{state} by {verb}", there)
    with story.step("delete", "ComputeInstance"):
        computes.begin_delete(*WHERE, "m-instance", "Delete").wait()
        gone("m-instance")


def things() -> list:
    """What can be attached: name, properties, and the class of its keys if it has some."""
    login = models.VirtualMachineSshCredentials(username="azureuser", password="Fake-Passw0rd!")
    machine = named("VirtualMachineProperties", "VirtualMachineSchemaProperties")
    lake = named("DataLakeAnalyticsProperties", "DataLakeAnalyticsSchemaProperties")
    token = models.DatabricksProperties(databricks_access_token="dapi0123")
    found = [
        ("m-aks", models.AKS(resource_id=resource("Microsoft.ContainerService/managedClusters/aks-a")), "AksComputeSecrets"),
        (
            "m-vm",
            models.VirtualMachine(
                resource_id=resource("Microsoft.Compute/virtualMachines/vm-a"),
                properties=machine(ssh_port=22, administrator_account=login),
            ),
            "VirtualMachineSecrets",
        ),
        (
            "m-hdi",
            models.HDInsight(
                resource_id=resource("Microsoft.HDInsight/clusters/hdi-a"),
                properties=models.HDInsightProperties(
                    ssh_port=22, address="hdi-a-ssh.azurehdinsight.net", administrator_account=login
                ),
            ),
            None,
        ),
        (
            "m-dbx",
            models.Databricks(resource_id=resource("Microsoft.Databricks/workspaces/dbx-a"), properties=token),
            "DatabricksComputeSecrets",
        ),
        (
            "m-adla",
            models.DataLakeAnalytics(
                resource_id=resource("Microsoft.DataLakeAnalytics/accounts/adlaa"),
                properties=lake(data_lake_store_account_name="adls"),
            ),
            None,
        ),
        ("m-adf", models.DataFactory(resource_id=resource("Microsoft.DataFactory/factories/adf-a")), None),
    ]
    if not STABLE:
        kubernetes = models.KubernetesProperties(namespace="default")
        spark = resource("Microsoft.Synapse/workspaces/syn-a/bigDataPools/pool1")
        found += [
            (
                "m-k8s",
                models.Kubernetes(
                    resource_id=resource("Microsoft.ContainerService/managedClusters/aks-b"), properties=kubernetes
                ),
                None,
            ),
            ("m-spark", models.SynapseSpark(resource_id=spark), None),
        ]
    return found


def attached() -> None:
    """What the SDK can attach."""
    for name, properties, secrets in things():
        kind = type(properties).__name__
        with story.step("attach", kind):
            made = make(name, properties).properties
            story.equal("state", (made.provisioning_state, made.is_attached_compute), ("Succeeded", True))
        with story.step("get", kind):
            seen = computes.get(*WHERE, name).properties
            story.equal("class", type(seen).__name__, kind)
            story.equal("resource", seen.resource_id.lower(), properties.resource_id.lower())
        if secrets:
            with story.step("keys", kind):
                story.equal("class", type(computes.list_keys(*WHERE, name)).__name__, secrets)
        with story.step("detach", kind):
            computes.begin_delete(*WHERE, name, "Detach").wait()
            gone(name)
    with story.step("keys", "of what has none"):
        settings = models.AmlComputeProperties(
            vm_size="Standard_DS2_v2", scale_settings=models.ScaleSettings(max_node_count=1)
        )
        make("m-nokeys", models.AmlCompute(properties=settings))
        story.raises("list_keys of a cluster", HttpResponseError, lambda: computes.list_keys(*WHERE, "m-nokeys"))
        computes.begin_delete(*WHERE, "m-nokeys", "Delete").wait()


if __name__ == "__main__":
    clusters()
    instances()
    attached()
    story.tell()
    sys.stdout.flush()
