"""azure-ai-ml (SDK v2) as a player of intents; see play.py.

Its cloud is set by ARM_CLOUD_METADATA_URL, its certificate authority by REQUESTS_CA_BUNDLE, as anybody can.
"""

import os

import play
from azure.ai.ml import MLClient, entities, load_compute
from azure.identity import ClientSecretCredential

# Set by the SDK itself for the process; a new client has to find the cloud again.
CLOUD_NAME = "AZUREML_CURRENT_CLOUD"


def client() -> MLClient:
    """A client for the workspace of the environment; polls once a second where the service does not say otherwise."""
    os.environ.pop(CLOUD_NAME, None)
    credential = ClientSecretCredential(
        os.environ["AZURE_TENANT_ID"],
        os.environ["AZURE_CLIENT_ID"],
        os.environ["AZURE_CLIENT_SECRET"],
        authority=play.BASE,
        disable_instance_discovery=True,
    )
    return MLClient(
        credential, play.SUBSCRIPTION, play.GROUP, play.WORKSPACE, enable_telemetry=False, polling_interval=1
    )


def summary(value: object) -> object:
    """As the captured intents sum up what came back."""
    if isinstance(value, entities.Compute):
        names = ("name", "type", "size", "provisioning_state", "state", "location")
        return {name: str(getattr(value, name)) for name in names if getattr(value, name, None) is not None}
    if isinstance(value, entities.Usage):
        return value.name
    return getattr(value, "name", None)


def returned(value: object) -> dict:
    """The summary and everything."""
    if value is None:
        return {}
    if isinstance(value, entities.Compute):
        return {"returned": summary(value), "whole": play.plain(value)}
    rows = list(value)
    named = [item.name if isinstance(item, entities.Compute) else summary(item) for item in rows]
    return {"returned": named, "whole": play.plain(rows)}


class Player:
    """Carries out the calls of the intents."""

    def __init__(self) -> None:
        self.client: MLClient = None

    def begin(self) -> None:
        """A new client for each intent, as each was captured with one."""
        self.client = client()

    def changed(self, wanted: dict) -> object:
        """A compute as it is, with attributes set."""
        compute = self.client.compute.get(wanted["name"])
        for name, value in wanted["set"].items():
            setattr(compute, name, play.built(value, entities))
        return compute

    def play(self, wanted: dict) -> dict:
        """One call."""
        call = wanted["call"]
        if call.startswith("MLClient(credential"):
            self.client = client()
            return {"returned": True}
        if call.startswith("load_compute"):
            file = play.built({"$file": wanted["yaml"]}, entities)
            compute = load_compute(file, params_override=wanted.get("params_override"))
            return returned(self.client.compute.begin_create_or_update(compute).result())
        if call.startswith("c = MLClient.compute.get(name)"):
            begin = self.client.compute.begin_update
            if call.endswith("begin_create_or_update(c)"):
                begin = self.client.compute.begin_create_or_update
            return returned(begin(self.changed(wanted)).result())
        operation = getattr(self.client.compute, call.removeprefix("MLClient.compute."))
        if "compute" in wanted:
            return returned(operation(play.built(wanted["compute"], entities)).result())
        answer = operation(**wanted["args"])
        return returned(answer.result() if call.startswith("MLClient.compute.begin_") else answer)


if __name__ == "__main__":
    player = Player()
    play.serve(player.play, player.begin)
