"""azureml-core (SDK v1) as a player of intents; see play.py.

Its cloud is set by ARM_CLOUD_METADATA_URL and the name of the cloud, its certificate authority by REQUESTS_CA_BUNDLE and
SSL_CERT_FILE, its tokens by TokenAuthentication, as anybody can.
"""

import os
import re
import shutil

import play
from azureml.core import LinkedService, Workspace
from azureml.core import compute as classes
from azureml.core.authentication import TokenAuthentication
from azureml.core.compute.aks import AksUpdateConfiguration, SslConfiguration

CLOUD = "emulator"
TOKENS = play.Tokens()
# `ComputeTarget.create(ws, name, AmlCompute.provisioning_configuration(**args))`
DECLARED = re.compile(r"ComputeTarget\.(create|attach)\(ws, name, (\w+)\.(\w+)\(\*\*args\)\)")
# `AmlCompute.list_quotas(ws, **args)`
OF_CLASS = re.compile(r"(\w+)\.(\w+)\(ws, \*\*args\)")
# `target.update(**args)`
OF_TARGET = re.compile(r"target\.(\w+)\(\*\*args\)")


def workspace() -> Workspace:
    """The workspace of the environment, opened as everybody opens one."""
    auth = TokenAuthentication(lambda audience: TOKENS.of(audience)[0], cloud=CLOUD)
    return Workspace(play.SUBSCRIPTION, play.GROUP, play.WORKSPACE, auth=auth)


def summary(target: object, with_class: bool) -> dict:
    """As the captured intents sum up a compute."""
    found = {"name": target.name, "type": target.type, "provisioning_state": target.provisioning_state}
    if target.cluster_resource_id is not None:
        found["cluster_resource_id"] = target.cluster_resource_id
    found["is_attached"] = str(target.is_attached)
    if with_class:
        found["class"] = type(target).__name__
    return found


class Player:
    """Carries out the calls of the intents; computes that steps return are kept by name for the steps after them."""

    def __init__(self) -> None:
        self.ws = workspace()
        # The service is looked for once for the process, so that it is not part of the first step that reads.
        self.ws.compute_targets
        self.targets: dict = {}

    def declared(self, wanted: dict, verb: str, kind: str, maker: str) -> object:
        """create or attach."""
        configuration = getattr(getattr(classes, kind), maker)(**play.built(wanted["args"], classes))
        if "enable_ssl" in wanted:
            configuration.enable_ssl(**play.built(wanted["enable_ssl"], classes))
        return self.begun(wanted, getattr(classes.ComputeTarget, verb)(self.ws, wanted["name"], configuration))

    def begun(self, wanted: dict, target: object) -> dict:
        """Waits for it as the step says."""
        self.targets[wanted["name"]] = target
        if wanted.get("wait_for_completion", True):
            target.wait_for_completion(show_output=False)
        return {"returned": summary(target, False), "whole": target.serialize()}

    def play(self, wanted: dict) -> dict:
        """One call."""
        call = wanted["call"]
        if declared := DECLARED.fullmatch(call):
            return self.declared(wanted, *declared.groups())
        if of_class := OF_CLASS.fullmatch(call):
            kind, name = of_class.groups()
            found = getattr(getattr(classes, kind), name)(self.ws, **wanted["args"])
            if kind == "ComputeTarget":
                self.targets.update({target.name: target for target in found})
                return {"returned": len(found), "whole": [target.serialize() for target in found]}
            rows = play.plain(found)
            return {"returned": len(found), "whole": rows} if isinstance(found, list) else {"whole": rows}
        if of_target := OF_TARGET.fullmatch(call):
            return self.on_target(wanted, of_target[1])
        return self.other(wanted)

    def on_target(self, wanted: dict, name: str) -> dict:
        """A method of a compute that a step before returned; one by name if none did."""
        target = self.targets.get(wanted["name"])
        if target is None:
            target = classes.ComputeTarget(self.ws, wanted["name"])
        answer = getattr(target, name)(**wanted["args"])
        if name == "get_status":
            return {"whole": answer if isinstance(answer, str) else answer.serialize()}
        return {} if answer is None else {"returned": answer}

    def other(self, wanted: dict) -> dict:
        """The calls that are spelled out."""
        call = wanted["call"]
        if call == "ComputeTarget(ws, name)":
            target = self.targets[wanted["name"]] = classes.ComputeTarget(self.ws, wanted["name"])
            return {"returned": summary(target, True), "whole": target.serialize()}
        if call.startswith("Workspace("):
            shutil.rmtree(os.path.join(os.environ["HOME"], ".azureml"), ignore_errors=True)
            opened = workspace()
            opened.service_context
            return {"returned": {"location": opened.location}}
        if call.startswith("target.update(AksUpdateConfiguration"):
            change = AksUpdateConfiguration(SslConfiguration(**wanted["ssl"]), **wanted["args"])
            self.targets[wanted["name"]].update(change)
            return {}
        if "SynapseCompute" in call:
            link = LinkedService(self.ws, "link", "Synapse", wanted["linked_service_resource_id"], None)
            configuration = classes.SynapseCompute.attach_configuration(link, "SynapseSpark", wanted["pool"])
            return self.begun(wanted, classes.ComputeTarget.attach(self.ws, wanted["name"], configuration))
        raise ValueError(f"no call {call} is known")


if __name__ == "__main__":
    player = Player()
    play.serve(player.play)
