"""Prints what azure-ai-ml (SDK v2) makes of a compute instance, by the public attributes of its classes.

Must not know what is expected.

Usage: show_instance.py NAME; the environment is that of the other programs here, see player.rs.
"""

import json
import os
import sys

from azure.ai.ml import MLClient
from azure.identity import ClientSecretCredential

credential = ClientSecretCredential(
    os.environ["AZURE_TENANT_ID"],
    os.environ["AZURE_CLIENT_ID"],
    os.environ["AZURE_CLIENT_SECRET"],
    authority=os.environ["AZURE_RESOURCE_MANAGER"],
    disable_instance_discovery=True,
)
client = MLClient(
    credential,
    os.environ["SUBSCRIPTION_ID"],
    os.environ["RESOURCE_GROUP"],
    os.environ["WORKSPACE"],
    enable_telemetry=False,
)


def plain(value: object) -> object:
    """A value of the SDK as JSON; of an object what is public and set."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return getattr(value, "value", value)
    if isinstance(value, dict):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    names = [name for name in dir(value) if not name.startswith("_")]
    shown = {name: getattr(value, name) for name in names if not callable(getattr(value, name))}
    return {name: plain(item) for name, item in shown.items() if item is not None} or str(value)


def main() -> None:
    """Prints the instance."""
    instance = client.compute.get(sys.argv[1])
    names = [
        "name", "type", "size", "tags", "location", "provisioning_state", "state", "ssh_public_access_enabled", "ssh_settings",
        "create_on_behalf_of", "network_settings", "schedules", "idle_time_before_shutdown", "identity", "setup_scripts",
        "enable_node_public_ip", "custom_applications", "enable_sso", "enable_root_access", "enable_os_patching",
        "release_quota_on_stop", "description",
    ]
    json.dump({name: plain(getattr(instance, name, None)) for name in names}, sys.stdout)


if __name__ == "__main__":
    main()
