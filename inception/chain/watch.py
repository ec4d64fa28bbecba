"""A chain's event file, followed as it grows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from inception.plan.events import Event

_POLL_S = 0.02


def follow(path: Path, *, stop: Callable[[], bool]) -> Iterator[Event]:
    """Every event of the file at `path`, which need not be there yet, until `stop` says so and no event is left."""
    while not path.exists():
        if stop():
            return
        time.sleep(_POLL_S)
    with path.open(encoding="utf-8", errors="replace") as file:
        line = ""
        while True:
            stopping = stop()
            line += file.readline()
            if line.endswith("\n"):
                yield Event.from_line(line)
                line = ""
            elif stopping:
                return
            else:
                time.sleep(_POLL_S)
