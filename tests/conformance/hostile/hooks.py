"""What schemathesis is told of ARM: names that exist, and how a refusal looks. It must not make a request harmless."""

import json
import os

import schemathesis

REAL = json.loads(os.environ["REAL"])


def chosen(case, of):
    """The same answer for the same case, so that a run can be repeated; true for one in `of`."""
    text = repr((case.method, case.path_parameters, case.query, case.body))
    return sum(text.encode("utf-8", "surrogatepass")) % of == 0


@schemathesis.hook
def before_call(ctx, case, kwargs):
    """Most requests are about things that exist: others end at the first name."""
    if chosen(case, 4):
        return
    for name, value in REAL["path"].items():
        if case.path_parameters and name in case.path_parameters:
            case.path_parameters[name] = value
    if case.query is not None and not chosen(case, 7):
        case.query["api-version"] = REAL["version"]


@schemathesis.check
def arm_shaped(ctx, response, case):
    """A refusal is ARM's: JSON with a code and a message, or a 404 or 204 without any body."""
    if response.status_code < 400:
        return
    if response.status_code == 404 and not response.content:
        return
    kind = response.headers.get("content-type", [""])[0]
    assert kind.startswith("application/json"), f"{response.status_code} with {kind!r}"
    error = json.loads(response.content)["error"]
    assert isinstance(error["code"], str) and error["code"], "an error has a code"
    assert isinstance(error["message"], str) and error["message"], "an error has a message"
