"""azure-ai-ml (SDK v2) does with an emulator all it can do with computes of Azure ML, and says what came back.

Nothing but public calls and settings. Prints the steps as JSON; see story.py.
"""

import os

from azure.ai.ml import MLClient
from azure.ai.ml.entities import (
    AmlCompute,
    AmlComputeSshSettings,
    ComputeInstance,
    ComputeInstanceSshSettings,
    ComputeSchedules,
    ComputeStartStopSchedule,
    CronTrigger,
    IdentityConfiguration,
    KubernetesCompute,
    SynapseSparkCompute,
    VirtualMachineCompute,
    VirtualMachineSshSettings,
)
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.identity import ClientSecretCredential
from story import Story

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleKeyForTestsOnlyNotARealKey00000000 user@host"
SUBSCRIPTION = os.environ["SUBSCRIPTION_ID"]
credential = ClientSecretCredential(
    os.environ["AZURE_TENANT_ID"],
    os.environ["AZURE_CLIENT_ID"],
    os.environ["AZURE_CLIENT_SECRET"],
    authority=os.environ["AZURE_RESOURCE_MANAGER"],
    disable_instance_discovery=True,
)
computes = MLClient(
    credential,
    SUBSCRIPTION,
    os.environ["RESOURCE_GROUP"],
    os.environ["WORKSPACE"],
    enable_telemetry=False,
    polling_interval=1,
).compute
story = Story()


def used(name: str) -> int:
    """What is used of a quota. The class has `current_value`, which this release leaves unset. A family has a second row
    of the same name, for low priority."""
    rows = [usage for usage in computes.list_usage() if not usage.type.endswith("/lowPriorityCores/usages")]
    return {usage.name["value"]: usage.currentValue for usage in rows}[name]


def resource(kind: str) -> str:
    """ARM id of something to attach."""
    return f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-own/providers/{kind}"


def clusters() -> None:
    """The life of a cluster."""
    with story.step("sizes", "the workspace's region"):
        names = [size.name.upper() for size in computes.list_sizes(compute_type="AmlCompute")]
        story.holds("STANDARD_DS2_V2 among the sizes of clusters", "STANDARD_DS2_V2" in names, names[:3])
    with story.step("create", "AmlCompute"):
        wanted = AmlCompute(
            name="v2-cluster",
            size="Standard_DS2_v2",
            min_instances=1,
            max_instances=3,
            idle_time_before_scale_down=300,
            tags={"team": "vision"},
            ssh_public_access_enabled=True,
            ssh_settings=AmlComputeSshSettings(admin_username="azureuser", ssh_key_value=KEY),
            identity=IdentityConfiguration(type="system_assigned"),
        )
        made = computes.begin_create_or_update(wanted).result()
        story.equal("provisioning_state", made.provisioning_state.value, "Succeeded")
        story.equal("identity", (made.identity.type, len(made.identity.principal_id)), ("system_assigned", 36))
    with story.step("get", "AmlCompute"):
        cluster = computes.get("v2-cluster")
        seen = (cluster.size, cluster.min_instances, cluster.max_instances, cluster.idle_time_before_scale_down)
        story.equal("size and scale", seen, ("STANDARD_DS2_V2", 1, 3, 300))
        story.equal("user and key", (cluster.ssh_settings.admin_username, cluster.ssh_settings.ssh_key_value), ("azureuser", KEY))
        story.equal("password", cluster.ssh_settings.admin_password, None)
        story.equal("tags", cluster.tags, {"team": "vision"})
        story.equal("location", cluster.location, "westeurope")
    with story.step("nodes", "AmlCompute"):
        idle = story.until("an idle node", lambda: [node for node in computes.list_nodes("v2-cluster") if node.nodeState == "idle"])
        story.equal("nodes", len(idle), 1)
        story.holds("an address", idle[0].privateIpAddress.startswith("10."), idle[0].privateIpAddress)
    with story.step("usage", "AmlCompute"):
        story.equal("clusters", used("TotalClusters"), 1)
        story.equal("cores of the family", used("standardDSv2Family"), 2)
    with story.step("update", "AmlCompute"):
        cluster.max_instances, cluster.min_instances, cluster.tags = 2, 0, {"team": "speech"}
        computes.begin_update(cluster).result()
        cluster = computes.get("v2-cluster")
        story.equal("scale and tags", (cluster.min_instances, cluster.max_instances, cluster.tags), (0, 2, {"team": "speech"}))
    with story.step("list", "AmlCompute"):
        story.equal("names", [compute.name for compute in computes.list()], ["v2-cluster"])
        story.equal("of another type", list(computes.list(compute_type="computeinstance")), [])
    with story.step("delete", "AmlCompute"):
        computes.begin_delete("v2-cluster").wait()
        story.raises("get of what is gone", ResourceNotFoundError, lambda: computes.get("v2-cluster"))
        story.equal("clusters", used("TotalClusters"), 0)
    with story.step("create", "AmlCompute of a size that is not there"):
        wanted = AmlCompute(name="v2-nosize", size="Standard_Nothing_v9")
        error = story.raises("an unknown size", HttpResponseError, lambda: computes.begin_create_or_update(wanted).result())
        story.holds("the size in the words", error and "Standard_Nothing_v9".upper() in str(error).upper(), error)


def instances() -> None:
    """The life of an instance."""
    with story.step("create", "ComputeInstance"):
        # Both far away, because the emulator's day is short here.
        new_year = ComputeStartStopSchedule(trigger=CronTrigger(expression="0 18 1 1 *", time_zone="UTC"), action="stop")
        wanted = ComputeInstance(
            name="v2-instance",
            size="Standard_DS3_v2",
            idle_time_before_shutdown_minutes=4320,
            ssh_public_access_enabled=True,
            ssh_settings=ComputeInstanceSshSettings(ssh_key_value=KEY),
            schedules=ComputeSchedules(compute_start_stop=[new_year]),
            tags={"team": "vision"},
        )
        made = computes.begin_create_or_update(wanted).result()
        story.equal("state", (made.provisioning_state.value, made.state.value), ("Succeeded", "Running"))
    with story.step("get", "ComputeInstance"):
        seen = computes.get("v2-instance")
        story.equal("size", seen.size, "STANDARD_DS3_V2")
        story.equal("key", seen.ssh_settings.ssh_key_value, KEY)
        story.holds("the port of SSH", int(seen.ssh_settings.ssh_port) > 0, seen.ssh_settings.ssh_port)
        story.equal("idle minutes", seen.idle_time_before_shutdown_minutes, 4320)
        story.equal("schedules", [each.trigger.expression for each in seen.schedules.compute_start_stop], ["0 18 1 1 *"])
        story.equal("tags", seen.tags, {"team": "vision"})
        story.holds("applications", {"Jupyter", "Jupyter Lab"} <= {each["displayName"] for each in seen.services}, seen.services)
    with story.step("usage", "ComputeInstance"):
        story.equal("cores of the family", used("standardDSv2Family"), 4)
    for verb, begin, state in (
        ("stop", computes.begin_stop, "Stopped"),
        ("start", computes.begin_start, "Running"),
        ("restart", computes.begin_restart, "Running"),
    ):
        with story.step(verb, "ComputeInstance"):
            begin("v2-instance").wait()
            seen = computes.get("v2-instance")
            story.equal("state", seen.state.value, state)
            story.equal("last operation", seen.last_operation["operationName"], verb.capitalize())
    with story.step("single sign-on", "ComputeInstance"):
        computes.enable_sso(name="v2-instance", enable_sso=False)
        story.equal("enable_sso", computes.get("v2-instance").enable_sso, False)
    with story.step("list", "ComputeInstance"):
        found = [compute.name for compute in computes.list(compute_type="computeinstance")]
        story.equal("names", found, ["v2-instance"])
    with story.step("create", "ComputeInstance with a name that is taken in the region"):
        again = ComputeInstance(name="v2-instance", size="Standard_DS2_v2")
        computes.begin_create_or_update(again).result()
        story.equal("size, which a second PUT does not change", computes.get("v2-instance").size, "STANDARD_DS3_V2")
    with story.step("delete", "ComputeInstance"):
        computes.begin_delete("v2-instance").wait()
        story.raises("get of what is gone", ResourceNotFoundError, lambda: computes.get("v2-instance"))


def attached() -> None:
    """What the SDK can attach."""
    login = VirtualMachineSshSettings(admin_username="azureuser", admin_password="Fake-Passw0rd!")
    things = (
        KubernetesCompute(
            name="v2-k8s", resource_id=resource("Microsoft.ContainerService/managedClusters/aks-a"), namespace="ml"
        ),
        VirtualMachineCompute(
            name="v2-vm", resource_id=resource("Microsoft.Compute/virtualMachines/vm-a"), ssh_settings=login
        ),
        SynapseSparkCompute(
            name="v2-spark", resource_id=resource("Microsoft.Synapse/workspaces/syn-a/bigDataPools/pool1")
        ),
    )
    for wanted in things:
        kind = type(wanted).__name__
        with story.step("attach", kind):
            made = computes.begin_attach(wanted).result()
            story.equal("provisioning_state", made.provisioning_state.value, "Succeeded")
        with story.step("get", kind):
            seen = computes.get(wanted.name)
            story.equal("class", type(seen).__name__, kind)
            story.equal("resource", seen.resource_id.lower(), wanted.resource_id.lower())
        with story.step("list", kind):
            found = [compute.name for compute in computes.list(compute_type=wanted.type)]
            story.equal("names", found, [wanted.name])
        with story.step("detach", kind):
            computes.begin_delete(wanted.name, action="Detach").wait()
            story.raises("get of what is gone", ResourceNotFoundError, lambda: computes.get(wanted.name))


if __name__ == "__main__":
    clusters()
    instances()
    attached()
    story.tell()
