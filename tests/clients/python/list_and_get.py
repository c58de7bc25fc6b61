"""Lists and gets the computes of a workspace by Microsoft's SDK, and prints what it made of the answers.

Must not know what is expected, and must not touch the SDK: no patch, no subclass, no private name but the attribute map
by which its models say which fields they have.

Usage: list_and_get.py BASE_URL WORKSPACE_ARM_ID NAME...
Environment: TENANT_ID, CLIENT_ID, CLIENT_SECRET; REQUESTS_CA_BUNDLE for an endpoint with an authority of its own.
"""

import datetime
import enum
import json
import os
import sys
import time

import requests
from azure.core.credentials import AccessToken
from azure.mgmt.machinelearningservices import MachineLearningServicesMgmtClient


class ClientSecretCredential:
    """What the SDK asks of a credential: an object with get_token."""

    def __init__(self, authority: str) -> None:
        self.authority = authority

    def get_token(self, *scopes: str, **_: object) -> AccessToken:
        """A token from the endpoint of the tenant, by the client's secret."""
        answer = requests.post(
            f"{self.authority}/{os.environ['TENANT_ID']}/oauth2/v2.0/token",
            data={
                "grant_type": "client_credentials",
                "client_id": os.environ["CLIENT_ID"],
                "client_secret": os.environ["CLIENT_SECRET"],
                "scope": " ".join(scopes),
            },
            timeout=30,
        )
        answer.raise_for_status()
        token = answer.json()
        return AccessToken(token["access_token"], int(time.time()) + int(token["expires_in"]))


def plain(value: object) -> object:
    """A value of the SDK as JSON; a model becomes its class and every field it has, absent ones too."""
    if hasattr(value, "_attribute_map"):
        fields = {name: plain(getattr(value, name)) for name in value._attribute_map}
        return {"class": type(value).__name__, **fields}
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, datetime.datetime):
        return {"class": "datetime", "at": value.astimezone(datetime.timezone.utc).isoformat(timespec="milliseconds")}
    if isinstance(value, datetime.timedelta):
        return {"class": "timedelta", "seconds": value.total_seconds()}
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def main() -> None:
    """Prints {"list": [compute], "get": {name: compute}}."""
    base_url, workspace, *names = sys.argv[1:]
    _, _, subscription, _, group, *_, workspace_name = workspace.split("/")
    client = MachineLearningServicesMgmtClient(
        ClientSecretCredential(base_url),
        subscription,
        base_url=base_url,
        credential_scopes=["https://management.azure.com/.default"],
    )
    # 1.0 calls its group of operations otherwise than 2.0.
    if hasattr(client, "compute"):
        computes, everything = client.compute, client.compute.list
    else:
        computes, everything = client.machine_learning_compute, client.machine_learning_compute.list_by_workspace
    json.dump(
        {
            "list": [plain(compute) for compute in everything(group, workspace_name)],
            "get": {name: plain(computes.get(group, workspace_name, name)) for name in names},
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()
