"""What a driver does and whether the answers were right, step by step, as JSON.

Must not hide anything: a step that raises is a step that did not agree, and the story goes on.
"""

import contextlib
import json
import sys
import time
import traceback


class Story:
    """The steps so far."""

    def __init__(self) -> None:
        self.steps: list = []
        self.open: dict = {}

    @contextlib.contextmanager
    def step(self, verb: str, subject: str) -> object:
        """One step: what is done (`create`, `attach`, …) to what (`AmlCompute`)."""
        self.open = {"verb": verb, "subject": subject, "compared": 0, "why": []}
        started = time.monotonic()
        try:
            yield self
        except Exception as error:  # whatever a client raises is an answer
            traceback.print_exc(file=sys.stderr)
            self.open["why"].append(f"{type(error).__name__}: {error}"[:600])
        self.open["seconds"] = round(time.monotonic() - started, 3)
        self.steps.append(self.open)

    def equal(self, what: str, seen: object, wanted: object) -> None:
        """Compares what came back with what Azure would say."""
        self.open["compared"] += 1
        if seen != wanted:
            self.open["why"].append(f"{what} is {seen!r}, not {wanted!r}")

    def holds(self, what: str, holds: object, seen: object = None) -> None:
        """Something that has to be so."""
        self.open["compared"] += 1
        if not holds:
            self.open["why"].append(f"{what} does not hold: {seen!r}")

    def raises(self, what: str, kind: type, call: object) -> object:
        """A call that has to be refused; returns the error."""
        self.open["compared"] += 1
        try:
            answer = call()
        except kind as error:
            return error
        self.open["why"].append(f"{what} is not refused, but answered {answer!r}")
        return None

    def until(self, what: str, look: object, seconds: int = 60) -> object:
        """Looks again and again, as people do, until something is so; returns what was seen last."""
        self.open["compared"] += 1
        deadline = time.monotonic() + seconds
        while True:
            seen = look()
            if seen:
                return seen
            if time.monotonic() > deadline:
                self.open["why"].append(f"{what} did not come in {seconds} s")
                return seen
            time.sleep(0.1)

    def tell(self) -> None:
        """Prints the story for the test that reads it."""
        json.dump(self.steps, sys.__stdout__)
