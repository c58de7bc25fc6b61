"""Plays intents through one of Microsoft's SDKs against an emulator: one line of JSON in, one line of JSON out.

Must not know what is expected, and must not touch the SDK: no patch, no private name. What it says of a step is what the
step returned or raised and what the emulator was sent meanwhile.

In:  {"steps": [{"call": "...", ...}, {"server": {...}}, {"management": {...}}]}
Out: {"steps": [{"outcome": {"ok": true, "returned": ...} | {"ok": false, "raised": ..., "message": ...}, "requests": [...]}]}
"""

import contextlib
import datetime
import enum
import json
import os
import sys
import tempfile
import time
import traceback
import urllib.parse
import urllib.request

import requests

SUBSCRIPTION = os.environ["SUBSCRIPTION_ID"]
GROUP = os.environ["RESOURCE_GROUP"]
WORKSPACE = os.environ["WORKSPACE"]
BASE = os.environ["AZURE_RESOURCE_MANAGER"]
MANAGEMENT = os.environ["EMULATOR_MANAGEMENT_URL"]
# Whether the world is this player's own, to be emptied before each intent.
ALONE = "ALONE" in os.environ
# How long an operation takes unless a step says otherwise: no time, so that the first poll finds it done.
AT_ONCE = {"match": {}, "times": 0, "effect": {"kind": "operationLasts", "time": "PT0S"}}


def management(method: str, path: str, body: object = None) -> object:
    """One request to the emulator's management plane."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(MANAGEMENT + path, data=data, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            text = answer.read()
    except urllib.error.HTTPError as refusal:
        raise RuntimeError(f"{method} {path} {body}: {refusal.read().decode()}") from None
    return json.loads(text) if text else None


def token(audience: str) -> dict:
    """A token of the tenant's endpoint for the service principal of the environment."""
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
    answer.raise_for_status()
    return answer.json()


class Tokens:
    """Tokens by audience, each asked for once and again five minutes before its end."""

    def __init__(self) -> None:
        self.known: dict = {}

    def of(self, audience: str) -> tuple:
        """Token and the second of its end."""
        if audience not in self.known or self.known[audience][1] < time.time() + 300:
            answer = token(audience)
            self.known[audience] = (answer["access_token"], int(time.time()) + int(answer["expires_in"]))
        return self.known[audience]


def built(value: object, classes: object) -> object:
    """A value of an intent as the SDK wants it: `$type` names one of its classes, `$file` is the text of a file."""
    if isinstance(value, list):
        return [built(item, classes) for item in value]
    if not isinstance(value, dict):
        return value
    if "$file" in value:
        file = tempfile.NamedTemporaryFile("w", suffix=".pem", delete=False, dir=os.environ["HOME"])
        with file:
            file.write(value["$file"])
        return file.name
    if "$duration" in value:
        return datetime.timedelta(seconds=value["$duration"])
    fields = {name: built(item, classes) for name, item in value.items() if name != "$type"}
    return getattr(classes, value["$type"])(**fields) if "$type" in value else fields


def plain(value: object, depth: int = 8) -> object:
    """What an SDK returned as JSON: the public attributes of its objects, absent ones left out."""
    if isinstance(value, enum.Enum):
        return value.value
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (datetime.datetime, datetime.date)):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if depth == 0:
        return type(value).__name__
    if isinstance(value, dict):
        return {str(name): plain(item, depth - 1) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item, depth - 1) for item in value]
    shown = {"class": type(value).__name__}
    for name in dir(value):
        if name.startswith("_") or name in ("print_as_yaml", "base_path", "creation_context"):
            continue
        with contextlib.suppress(Exception):
            item = getattr(value, name)
            if item is not None and not callable(item):
                shown[name] = plain(item, depth - 1)
    return shown


def server(settings: dict) -> None:
    """Makes the emulator behave as the recording server of the captured intents did."""
    polls = {"path": "/computeOperationsStatus/"}
    faults = []
    for name, value in settings.items():
        if name == "in_progress_polls":
            headers = {"Retry-After": settings["retry_after"]} if "retry_after" in settings else {}
            effect = {"kind": "respond", "status": 200, "headers": headers, "body": {"status": "InProgress"}}
            faults.append({"match": polls, "times": value, "effect": effect})
        elif name == "fail_lro":
            effect = {"kind": "operationFails", "code": value["code"], "message": value["message"]}
            faults.append({"match": {"method": "PUT"}, "effect": effect})
        elif name == "patch_status":
            faults.append({"match": {"method": "PATCH"}, "effect": {"kind": "alter", "status": value}})
        elif name == "location_header":
            location = f"{BASE}/subscriptions/{SUBSCRIPTION}/operationResults/nowhere"
            faults.append({"match": {"method": "PUT"}, "effect": {"kind": "alter", "headers": {"Location": location}}})
        elif name != "retry_after":
            raise ValueError(f"no setting {name} of the recording server is known")
    management("POST", "/faults", faults)


def manage(wish: dict) -> object:
    """A step of ours at the management plane: `advance`, `event`, `fault` or `real_time`."""
    (name, value), = wish.items()
    if name == "advance":
        return management("POST", "/clock/advance", {"by": value})
    if name == "event":
        return management("POST", "/world/events", value)
    if name == "fault":
        return management("POST", "/faults", value)
    if name == "real_durations":
        return management("DELETE", "/faults")
    raise ValueError(f"no wish {name} is known")


def computes() -> list:
    """ARM ids of all computes that the world holds."""
    world = management("GET", "/world")
    found = []
    for subscription in world["subscriptions"].values():
        for group in subscription["resourceGroups"].values():
            for workspace in group["workspaces"].values():
                found += [f"{workspace['id']}/computes/{name}" for name in workspace["computes"]]
    return found


def clean() -> None:
    """No computes, no faults but the one that makes operations short."""
    management("DELETE", "/faults")
    for compute in computes():
        management("POST", "/world/events", {"event": "computeDeleted", "compute": compute})
    management("POST", "/faults", AT_ONCE)


def newest() -> int:
    """Number of the latest entry of the journal."""
    entries = management("GET", "/journal")
    return entries[-1]["seq"] if entries else 0


def sent(since: int) -> tuple:
    """What the emulator was sent after an entry of its journal, without the requests for tokens."""
    entries = management("GET", f"/journal?since={since}")
    shown = []
    for entry in entries:
        path = entry["path"]
        if "/oauth2/" in path or "/.well-known/" in path or path.startswith("/common/discovery/"):
            continue
        headers = entry["requestHeaders"]
        kept = {name: text for name, text in headers.items() if name in ("user-agent", "content-type") or name.startswith("x-ms-")}
        request = {
            "method": entry["method"],
            "path": "/" + path.lstrip("/"),
            "query": dict(urllib.parse.parse_qsl(entry["query"], keep_blank_values=True)),
            "headers": kept,
            "body": entry["requestBody"],
            "answered": entry["status"],
        }
        if path.startswith("//"):
            request["leading_double_slash"] = True
        shown.append(request)
    return shown, entries[-1]["seq"] if entries else since


def step(play: object, wanted: dict) -> dict:
    """Carries out one step; whatever it raises is its outcome."""
    started = time.monotonic()
    try:
        if "server" in wanted:
            outcome = {"ok": True, "returned": server(wanted["server"])}
        elif "management" in wanted:
            outcome = {"ok": True, "returned": manage(wanted["management"])}
        else:
            outcome = {"ok": True, **play(wanted)}
    except Exception as error:  # whatever an SDK raises is what is asked for
        traceback.print_exc(file=sys.stderr)
        outcome = {"ok": False, "raised": type(error).__name__, "message": str(error)}
    return {**outcome, "seconds": round(time.monotonic() - started, 3)}


def serve(play: object, begin: object = None) -> None:
    """Plays what standard input says until it ends. What SDKs print goes to standard error."""
    with os.fdopen(os.dup(1), "w") as out:
        os.dup2(2, 1)
        for line in sys.stdin:
            if ALONE:
                clean()
            if begin is not None:
                begin()
            told, since = [], newest()
            for wanted in json.loads(line)["steps"]:
                outcome = step(play, wanted)
                asked, since = sent(since)
                told.append({"outcome": outcome, "requests": asked})
            print(json.dumps({"steps": told}), file=out, flush=True)
