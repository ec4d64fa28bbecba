"""All that a chain, or a private engine, could leave on the host: read before, read after, compared."""

from __future__ import annotations

import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from inception.engine.connect import Engine
from inception.engine.translate import translated
from inception.probe.surroundings import runs_client
from inception.stress import inventory_readers as read
from inception.stress.inventory_readers import Name, Unread

SETTLE_S = 5.0
"""Seconds that the host may take until all is as before."""
POLL_S = 0.1
ZOMBIE = "zombie"
"""A process that has ended and that nobody waited for. One that was waited for since is not missed."""


@dataclass(frozen=True, order=True)
class Thing:
    """One thing on the host or on its engine."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True)
class Gap:
    """Things of `kind` that could not be read: names that start with `prefix`, or some unknown names."""

    kind: str
    prefix: str | None
    reason: str

    def __str__(self) -> str:
        return f"{self.kind} {self.prefix}: {self.reason}" if self.prefix else f"{self.kind}: {self.reason}"


@dataclass(frozen=True)
class Inventory:
    """Everything that was there at one moment; `gaps` are what could not be read."""

    things: frozenset[Thing]
    gaps: frozenset[Gap] = frozenset()

    @classmethod
    def take(cls, engine: Engine | None) -> Inventory:
        """Read this host now, and `engine` where there is one. Raises EngineError; other failures become gaps."""
        things: set[Thing] = set()
        gaps: set[Gap] = set()
        readers = [*_readers(engine), *_readers_of_namespaces(engine)]
        if engine is not None and is_container_of(engine):
            readers, hidden = [*_readers(engine)], [kind for kind, _ in _readers_of_namespaces(engine)]
            gaps.add(Gap(", ".join(hidden), None, "a container sees its own, and not those of the engine's machine"))
        for kind, reader in readers:
            names, unread = _read(reader)
            things.update(Thing(kind, name) for name in numbered(names))
            gaps.update(Gap(kind, it.prefix, it.reason) for it in unread)
        return cls(frozenset(things), frozenset(gaps))

    def covers(self, thing: Thing) -> bool:
        """Return whether this inventory would hold `thing` if it was there."""
        return not any(
            gap.prefix is not None and thing.kind == gap.kind and thing.name.startswith(gap.prefix) for gap in self.gaps
        )

    def new_since(self, before: Inventory) -> frozenset[Thing]:
        """Return the things that `before` does not hold, but for those that it could not read."""
        return frozenset(thing for thing in self.things - before.things if before.covers(thing))


def is_container_of(engine: Engine) -> bool:
    """Return whether this program runs in a container of `engine`. Raises EngineError."""
    with translated("looking for the container of this program"):
        return engine.local and runs_client(engine.client)


def _readers_of_namespaces(engine: Engine | None) -> tuple[tuple[str, Callable[[], Iterable[Name]]], ...]:
    """Return the readers of what this program's namespaces show, which in a container are not the host's."""
    return (
        ("mount", read.mounts),
        ("link", read.links),
        ("route", read.routes),
        ("rule", read.rules),
        ("control group", lambda: read.control_groups(engine)),
        ("process", read.processes),
        (ZOMBIE, read.zombies),
        ("unix socket", read.unix_sockets),
        ("TCP listener", read.tcp_listeners),
    )


def _readers(engine: Engine | None) -> tuple[tuple[str, Callable[[], Iterable[Name]]], ...]:
    return (
        ("loop device", read.loop_devices),
        ("setting", read.settings),
        ("run directory entry", read.run_directories),
        ("state entry", lambda: read.state_entries(engine)),
        ("temporary file", read.temporary_files),
        *(read.engine_readers(engine) if engine else ()),
    )


def _read(reader: Callable[[], Iterable[Name]]) -> tuple[list[str], list[Unread]]:
    """Return the names that `reader` found and what it could not read: everything, where it raises."""
    try:
        found = list(reader())
    except (OSError, subprocess.SubprocessError) as error:
        return [], [Unread(reason=str(error))]
    return [it for it in found if isinstance(it, str)], [it for it in found if isinstance(it, Unread)]


def diff(before: Inventory, after: Inventory) -> list[str]:
    """Return a line for each thing that came or went, none if all is as before. What either cannot read is left out."""
    new = [f"left behind: {thing}" for thing in sorted(after.new_since(before))]
    return new + [f"gone: {thing}" for thing in sorted(before.new_since(after)) if thing.kind != ZOMBIE]


def settled(before: Inventory, engine: Engine | None) -> Inventory:
    """Return this host once nothing is new since `before`, or after `SETTLE_S` seconds.

    The kernel and the engine clean up behind our backs: some of it a moment later.
    """
    deadline_s = time.monotonic() + SETTLE_S
    now = Inventory.take(engine)
    while now.new_since(before) and time.monotonic() < deadline_s:
        time.sleep(POLL_S)
        again = Inventory.take(engine)
        now = Inventory(now.things & again.things, now.gaps | again.gaps)
    return now


def numbered(names: Iterable[str]) -> Iterator[str]:
    """Yield `names`; the second of the same name and those after it get a number."""
    seen: Counter[str] = Counter()
    for name in names:
        seen[name] += 1
        yield name if seen[name] == 1 else f"{name} ({seen[name]})"
