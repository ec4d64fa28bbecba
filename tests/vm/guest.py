"""`python -m tests.vm.guest ENDING COMMAND...`: inside the machine, descend, and see that nothing is left of it.

`inception COMMAND...` is run; the bottom's command prints a line when it has come so far. What happened is printed as
one JSON object, an `Outcome`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from inception.engine.connect import Engine, EngineChoice, connect
from inception.plan.events import Event
from inception.stress.inventory import Inventory, diff

DESCENT_LIMIT_S = 600.0
SETTLE_LIMIT_S = 240.0
"""Seconds until nothing is left, from the client's end. A level takes long to unwind here, so this is no measure."""
_STEADY_S = 2.0


class Ending(StrEnum):
    """How the client of a descent ends: by itself, or killed as soon as the bottom's command has printed a line."""

    BY_ITSELF = "by-itself"
    KILLED = "killed"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One descent: how its client ended, and what was otherwise afterwards.

    `descent_s` is until the bottom's command printed its first line, `ending_s` from then until all was as before,
    both in seconds.
    """

    status: int
    stdout: str
    stderr: str
    events: str
    descent_s: float
    ending_s: float
    difference: tuple[str, ...]

    @classmethod
    def from_json(cls, text: str) -> Outcome:
        fields: dict[str, Any] = json.loads(text)
        fields["difference"] = tuple(fields["difference"])
        return cls(**fields)

    def read_events(self) -> tuple[Event, ...]:
        return tuple(Event.from_line(line) for line in self.events.splitlines())


def descend(ending: Ending, command: list[str], directory: Path) -> Outcome:
    """Run the program with `command`; files of ours go to `directory`."""
    with connect(EngineChoice.HOST, on_message=print) as engine:
        before = _steady_inventory(engine)
        started_s = time.monotonic()
        client = subprocess.Popen(
            [sys.executable, "-m", "inception", "--json-events", str(directory / "events"), *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=(directory / "stderr").open("wb"),
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        assert client.stdout is not None
        first = client.stdout.readline()
        descended_s = time.monotonic()
        if ending is Ending.KILLED:
            client.kill()
        rest, _ = client.communicate(timeout=DESCENT_LIMIT_S)
        difference = _lasting_difference(before, engine)
        ended_s = time.monotonic()
    return Outcome(
        status=client.returncode,
        stdout=(first + rest).decode(errors="replace"),
        stderr=(directory / "stderr").read_text(errors="replace"),
        events=(directory / "events").read_text(errors="replace"),
        descent_s=descended_s - started_s,
        ending_s=ended_s - descended_s,
        difference=tuple(difference),
    )


def _steady_inventory(engine: Engine) -> Inventory:
    """What is there now, but for what comes and goes by itself."""
    first = Inventory.take(engine)
    time.sleep(_STEADY_S)
    return Inventory(first.things & Inventory.take(engine).things)


def _lasting_difference(before: Inventory, engine: Engine) -> list[str]:
    deadline_s = time.monotonic() + SETTLE_LIMIT_S
    while (difference := diff(before, Inventory.take(engine))) and time.monotonic() < deadline_s:
        time.sleep(_STEADY_S)
    return difference


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        outcome = descend(Ending(sys.argv[1]), sys.argv[2:], Path(name))
    print(json.dumps(asdict(outcome)))  # noqa: T201 for whoever started us outside
