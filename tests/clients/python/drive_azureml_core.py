"""azureml-core (SDK v1) does with an emulator all it can do with computes of Azure ML, and says what came back.

Nothing but public calls and settings. Prints the steps as JSON; see story.py.
"""

import os
import sys

import requests
from azureml.core import LinkedService, Workspace
from azureml.core.authentication import TokenAuthentication
from azureml.core.compute import (
    AdlaCompute,
    AksCompute,
    AmlCompute,
    BatchCompute,
    ComputeInstance,
    ComputeTarget,
    DatabricksCompute,
    DataFactoryCompute,
    HDInsightCompute,
    KubernetesCompute,
    RemoteCompute,
    SynapseCompute,
)
from azureml.core.compute_target import ComputeTargetException
from story import Story

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleKeyForTestsOnlyNotARealKey00000000 user@host"
BASE = os.environ["AZURE_RESOURCE_MANAGER"]
SUBSCRIPTION = os.environ["SUBSCRIPTION_ID"]
story = Story()
# What this SDK prints while it waits is not part of the story.
sys.stdout = sys.stderr


def token(audience: str) -> str:
    """A token from the tenant's endpoint."""
    answer = requests.post(
        f"{BASE}/{os.environ['AZURE_TENANT_ID']}/oauth2/v2.0/token",
        data={
            "grant_type": "client_credentials",
            "client_id": os.environ["AZURE_CLIENT_ID"],
            "client_secret": os.environ["AZURE_CLIENT_SECRET"],
            "scope": audience.rstrip("/") + "/.default",
        },
        timeout=30,
    )
    return answer.json()["access_token"]


def resource(kind: str) -> str:
    """ARM id of something to attach."""
    return f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-own/providers/{kind}"


def gone(ws: Workspace, name: str) -> None:
    """It is not there any more, soon."""

    def look() -> bool:
        try:
            ComputeTarget(ws, name)
        except ComputeTargetException as error:
            return "ComputeTargetNotFound" in str(error)
        return False

    story.until(f"{name} is gone", look)


def cluster(ws: Workspace) -> None:
    """The life of a cluster."""
    with story.step("sizes", "AmlCompute"):
        sizes = {size["name"].upper(): size for size in AmlCompute.supported_vmsizes(ws)}
        story.equal("cores", sizes["STANDARD_D2_V2"]["vCPUs"], 2)
    with story.step("create", "AmlCompute"):
        wanted = AmlCompute.provisioning_configuration(
            vm_size="STANDARD_D2_V2", min_nodes=1, max_nodes=3, idle_seconds_before_scaledown=600,
            tags={"team": "vision"}, description="d", admin_username="azureuser", admin_user_ssh_key=KEY,
        )
        made = ComputeTarget.create(ws, "v1-cluster", wanted)
        # For this SDK a cluster is there when its smallest number of nodes is.
        made.wait_for_completion(show_output=False)
        story.equal("state", made.provisioning_state, "Succeeded")
        story.holds("a node", made.get_status().current_node_count >= 1, made.get_status().serialize())
    with story.step("get", "AmlCompute"):
        seen = ComputeTarget(ws, "v1-cluster")
        scale = seen.scale_settings
        story.equal("class", type(seen).__name__, "AmlCompute")
        story.equal("size and scale", (seen.vm_size, scale.minimum_node_count, scale.maximum_node_count), ("STANDARD_D2_V2", 1, 3))
        story.equal("tags and description", (seen.tags, seen.description), ({"team": "vision"}, "d"))
        story.equal("user", (seen.admin_username, seen.admin_user_password), ("azureuser", None))
    with story.step("nodes", "AmlCompute"):
        found = story.until("an idle node", lambda: [one for one in seen.list_nodes() if one["nodeState"] == "idle"])
        story.equal("ports", [node["port"] for node in found], [50000])
    with story.step("usage", "AmlCompute"):
        rows = AmlCompute.list_usages(ws, show_all=True)
        used = {row["name"]["value"]: row["currentValue"] for row in rows if "lowPriority" not in row["type"]}
        story.equal("clusters and cores", (used["TotalClusters"], used["standardDv2Family"]), (1, 2))
    with story.step("update", "AmlCompute"):
        seen.update(min_nodes=0, max_nodes=5, idle_seconds_before_scaledown=300)
        story.until("the new size", lambda: ComputeTarget(ws, "v1-cluster").scale_settings.maximum_node_count == 5)
        scale = ComputeTarget(ws, "v1-cluster").scale_settings
        story.equal("scale", (scale.minimum_node_count, scale.idle_seconds_before_scaledown), (0, 300))
    with story.step("update identity", "AmlCompute"):
        story.until("it is at rest", lambda: ComputeTarget(ws, "v1-cluster").provisioning_state == "Succeeded")
        seen.add_identity("SystemAssigned")
        story.until("an identity", lambda: ComputeTarget(ws, "v1-cluster").serialize()["identity"])
        story.equal("type", ComputeTarget(ws, "v1-cluster").identity_type, "SystemAssigned")
    with story.step("list", "AmlCompute"):
        story.equal("names", [target.name for target in ComputeTarget.list(ws)], ["v1-cluster"])
        story.equal("of the workspace", list(ws.compute_targets), ["v1-cluster"])
    with story.step("delete", "AmlCompute"):
        story.until("it is at rest", lambda: ComputeTarget(ws, "v1-cluster").provisioning_state == "Succeeded")
        seen.delete()
        gone(ws, "v1-cluster")
    with story.step("quotas", "AmlCompute"):
        names = [row["name"]["value"] for row in AmlCompute.list_quotas(ws)]
        story.holds("standardDv2Family among the quotas", "standardDv2Family" in names, names[:3])
        AmlCompute.update_quotas(ws, "standardDv2Family", 50)


def instance(ws: Workspace) -> None:
    """The life of an instance."""
    with story.step("create", "ComputeInstance"):
        wanted = ComputeInstance.provisioning_configuration(
            vm_size="STANDARD_D3_V2", ssh_public_access=True, admin_user_ssh_public_key=KEY
        )
        made = ComputeTarget.create(ws, "v1-instance", wanted)
        made.wait_for_completion(show_output=False)
        story.equal("state", made.get_status().state, "Running")
    with story.step("get", "ComputeInstance"):
        seen = ComputeTarget(ws, "v1-instance")
        story.equal("class", type(seen).__name__, "ComputeInstance")
        story.holds("applications", {"Jupyter", "Jupyter Lab"} <= set(seen.applications and [one["displayName"] for one in seen.applications]), seen.applications)
    for verb, state in (("stop", "Stopped"), ("start", "Running"), ("restart", "Running")):
        with story.step(verb, "ComputeInstance"):
            getattr(made, verb)(wait_for_completion=True, show_output=False)
            story.until(state, lambda: ComputeTarget(ws, "v1-instance").get_status().state == state)
    with story.step("single sign-on", "ComputeInstance"):
        story.equal("answer", made.update_sso_settings(value=False), True)
    with story.step("delete", "ComputeInstance"):
        made.delete(wait_for_completion=True, show_output=False)
        gone(ws, "v1-instance")


def things(ws: Workspace) -> list:
    """What can be attached: class, name, configuration, its resource and whether it has credentials to list."""
    aks = resource("Microsoft.ContainerService/managedClusters/aks-a")
    other = resource("Microsoft.ContainerService/managedClusters/aks-b")
    vm = resource("Microsoft.Compute/virtualMachines/vm-a")
    hdi = resource("Microsoft.HDInsight/clusters/hdi-a")
    dbx = resource("Microsoft.Databricks/workspaces/dbx-a")
    adla = resource("Microsoft.DataLakeAnalytics/accounts/adlaa")
    adf = resource("Microsoft.DataFactory/factories/adf-a")
    batch = resource("Microsoft.Batch/batchAccounts/batcha")
    spark = resource("Microsoft.Synapse/workspaces/syn-a")
    link = LinkedService(ws, "link", "Synapse", spark, None)
    login = {"username": "azureuser", "password": "Fake-Passw0rd!"}
    return [
        ("AksCompute", "v1-aks", AksCompute.attach_configuration(resource_id=aks), aks, True),
        ("KubernetesCompute", "v1-k8s", KubernetesCompute.attach_configuration(resource_id=other, namespace="ml"), other, False),
        ("RemoteCompute", "v1-vm", RemoteCompute.attach_configuration(resource_id=vm, **login), vm, True),
        ("HDInsightCompute", "v1-hdi", HDInsightCompute.attach_configuration(resource_id=hdi, **login), hdi, True),
        ("DatabricksCompute", "v1-dbx", DatabricksCompute.attach_configuration(resource_id=dbx, access_token="dapi0123"), dbx, True),
        ("AdlaCompute", "v1-adla", AdlaCompute.attach_configuration(resource_id=adla), adla, False),
        ("DataFactoryCompute", "v1-adf", DataFactoryCompute.attach_configuration(resource_id=adf), adf, False),
        ("BatchCompute", "v1-batch", BatchCompute.attach_configuration(resource_id=batch), batch, False),
        (
            "SynapseCompute",
            "v1-spark",
            SynapseCompute.attach_configuration(link, "SynapseSpark", "pool1"),
            spark + "/bigDataPools/pool1",
            False,
        ),
    ]


def attached(ws: Workspace) -> None:
    """What the SDK can attach."""
    for kind, name, configuration, underlying, secrets in things(ws):
        with story.step("attach", kind):
            made = ComputeTarget.attach(ws, name, configuration)
            made.wait_for_completion(show_output=False)
            story.equal("state", (made.provisioning_state, made.is_attached), ("Succeeded", True))
        with story.step("get", kind):
            seen = ComputeTarget(ws, name)
            story.equal("class", type(seen).__name__, kind)
            story.equal("resource", seen.cluster_resource_id.lower(), underlying.lower())
        if secrets:
            with story.step("keys", kind):
                story.holds("an answer", made.get_credentials())
        with story.step("detach", kind):
            made.detach()
            gone(ws, name)


def made_by_azure_ml(ws: Workspace) -> None:
    """What Azure ML makes itself, other than clusters and instances."""
    with story.step("create", "AksCompute"):
        wanted = AksCompute.provisioning_configuration(cluster_purpose="DevTest", agent_count=1, vm_size="Standard_D3_v2")
        made = ComputeTarget.create(ws, "v1-aksnew", wanted)
        made.wait_for_completion(show_output=False)
        story.equal("state", (made.provisioning_state, made.is_attached), ("Succeeded", False))
        story.holds("its cluster", made.cluster_resource_id, made.serialize())
    with story.step("delete", "AksCompute"):
        made.delete()
        gone(ws, "v1-aksnew")
    with story.step("create", "DataFactoryCompute"):
        made = ComputeTarget.create(ws, "v1-adfnew", DataFactoryCompute.provisioning_configuration())
        made.wait_for_completion(show_output=False)
        story.equal("state", (made.provisioning_state, made.is_attached), ("Succeeded", False))
    with story.step("delete", "DataFactoryCompute"):
        made.delete()
        gone(ws, "v1-adfnew")


if __name__ == "__main__":
    auth = TokenAuthentication(token, cloud="emulator")
    workspace = Workspace(SUBSCRIPTION, os.environ["RESOURCE_GROUP"], os.environ["WORKSPACE"], auth=auth)
    cluster(workspace)
    instance(workspace)
    attached(workspace)
    made_by_azure_ml(workspace)
    story.tell()
    sys.__stdout__.flush()
