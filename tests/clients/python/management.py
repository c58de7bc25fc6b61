"""azure-mgmt-machinelearningservices, 1.0 or 2.0, as a player of intents; see play.py.

Its endpoint is set by base_url and credential_scopes, its certificate authority by REQUESTS_CA_BUNDLE, as anybody can.
"""

import play
from azure.core.credentials import AccessToken
from azure.mgmt.machinelearningservices import MachineLearningServicesMgmtClient, models

AUDIENCE = "https://management.azure.com"
TOKENS = play.Tokens()


class Credential:
    """What the SDK asks of a credential: an object with get_token."""

    def get_token(self, *_: str, **__: object) -> AccessToken:
        """A token for ARM."""
        return AccessToken(*TOKENS.of(AUDIENCE))


CLIENT = MachineLearningServicesMgmtClient(
    Credential(),
    play.SUBSCRIPTION,
    base_url=play.BASE,
    credential_scopes=[AUDIENCE + "/.default"],
    polling_interval=1,
)
# 1.0 calls its group of operations otherwise than 2.0.
STABLE = not hasattr(CLIENT, "compute")
COMPUTES = CLIENT.machine_learning_compute if STABLE else CLIENT.compute
# Waited for by their pollers; start, stop and restart are no long operations for 1.0.
POLLED = ("begin_create_or_update", "begin_update", "begin_delete")
POWER = ("start", "stop", "restart")


def run(wanted: dict) -> object:
    """One call and what it returned."""
    call, where = wanted["call"], (play.GROUP, play.WORKSPACE)
    if "args" in wanted:
        group, name = call.split(".")
        args = play.built(wanted["args"], models)
        answer = getattr(getattr(CLIENT, group), name)(**args)
        return list(answer) if hasattr(answer, "by_page") else answer
    if call == "list":
        return list(COMPUTES.list_by_workspace(*where) if STABLE else COMPUTES.list(*where))
    args = {name: play.built(value, models) for name, value in wanted.items() if name not in ("call", "name")}
    if call in POWER and not STABLE:
        return getattr(COMPUTES, "begin_" + call)(*where, wanted["name"]).result()
    answer = getattr(COMPUTES, call)(*where, wanted["name"], **args)
    if call in POLLED:
        return answer.result()
    return list(answer) if call == "list_nodes" and hasattr(answer, "by_page") else answer


def play_one(wanted: dict) -> dict:
    """One call with its summary, as the captured intents sum up, and everything."""
    value = run(wanted)
    if value is None:
        return {}
    if isinstance(value, list):
        summary = len(value)
    elif wanted["call"] in POLLED:
        summary = value.properties.provisioning_state
    elif wanted["call"] == "list_nodes":
        summary = len(value.nodes)
    else:
        summary = type(value).__name__
    return {"returned": summary, "whole": play.plain(value)}


if __name__ == "__main__":
    play.serve(play_one)
