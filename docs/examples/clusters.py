"""Makes a compute cluster in Azure Machine Learning, changes it, looks at it and deletes it.

Written as Microsoft's tutorials are: nothing in it knows whether it talks to Azure or to an emulator. That is decided by
the environment; see "Your own scripts against the emulator" in the README.

    pip install azure-ai-ml azure-identity
    SUBSCRIPTION_ID=… RESOURCE_GROUP=… WORKSPACE=… python clusters.py
"""

import os

from azure.ai.ml import MLClient
from azure.ai.ml.entities import AmlCompute
from azure.core.exceptions import ResourceNotFoundError
from azure.identity import DefaultAzureCredential

ml_client = MLClient(
    DefaultAzureCredential(),
    os.environ["SUBSCRIPTION_ID"],
    os.environ["RESOURCE_GROUP"],
    os.environ["WORKSPACE"],
)

cluster_name = "cpu-cluster"
try:
    cluster = ml_client.compute.get(cluster_name)
    print(f"{cluster_name} is there already")
except ResourceNotFoundError:
    cluster = AmlCompute(
        name=cluster_name,
        type="amlcompute",
        size="STANDARD_DS3_V2",
        min_instances=0,
        max_instances=4,
        idle_time_before_scale_down=120,
        tier="Dedicated",
    )
    cluster = ml_client.compute.begin_create_or_update(cluster).result()
print(f"{cluster.name}: {cluster.size}, at most {cluster.max_instances} nodes, {cluster.provisioning_state.value}")

cluster.max_instances = 2
cluster = ml_client.compute.begin_update(cluster).result()
print(f"{cluster.name}: at most {cluster.max_instances} nodes")

for compute in ml_client.compute.list():
    print(f"{compute.name} is of type {compute.type}")
offered = [size.name for size in ml_client.compute.list_sizes()]
print(f"the region offers {cluster.size}: {cluster.size in map(str.upper, offered)}")

ml_client.compute.begin_delete(cluster_name).wait()
print(f"computes left: {[compute.name for compute in ml_client.compute.list()]}")
