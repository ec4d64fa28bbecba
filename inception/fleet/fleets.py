"""The fleets that a scheduler has or is to have, and the choice of one of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from inception.errors import UsageError
from inception.fleet.follow import FleetReader
from inception.plan.light_dataclasses import dataclass

LABEL_ARGUMENTS = "inception.fleet.arguments"
"""Label or annotation of a fleet: its options of `inception stress`, as JSON."""
NODE_SOCKET = "/var/run/docker.sock"
"""Usual socket of an engine, on a node and in the container of a task."""


@dataclass(frozen=True, kw_only=True)
class FleetJob:
    """A campaign for every node: the client image, the options of `inception stress`, and the nodes' labels.

    `socket` is that of each node's engine on a Swarm. `nodes` is their number on Kubernetes; None stands for all.
    """

    name: str
    image: str
    arguments: tuple[str, ...]
    labels: tuple[str, ...] = ()
    socket: str = NODE_SOCKET
    nodes: int | None = None

    def check(self) -> None:
        """Raise UsageError for labels without a value."""
        for label in self.labels:
            if not all(label.partition("=")):
                raise UsageError(f"{label!r} is no label", remedy="write it like disk=ssd")


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """A fleet that a scheduler has: its options of `stress`, the nodes that it is for, and when it was made.

    `handle` is the scheduler's own name for it.
    """

    name: str
    handle: str
    arguments: tuple[str, ...]
    constraints: tuple[str, ...]
    created: str


class Scheduler(Protocol):
    """A Swarm or a Kubernetes cluster. Every method raises EngineError."""

    def create(self, job: FleetJob) -> Fleet:
        """Create a fleet. Raises UsageError if there is one of its name, or the scheduler cannot have it."""

    def fleets(self) -> tuple[Fleet, ...]:
        """Return its fleets, by their names."""

    def reader(self, fleet: Fleet) -> FleetReader:
        """Return what reads the state of a fleet."""

    def remove(self, fleet: Fleet) -> None:
        """Remove a fleet, and wait until its tasks have unwound."""


def choose(fleets: Sequence[Fleet], name: str | None) -> Fleet:
    """Return the fleet of that name; without one, the only fleet. Raises UsageError."""
    found = [it for it in fleets if name in {None, it.name}]
    if len(found) == 1:
        return found[0]
    if name is None and found:
        raise UsageError("there are several fleets", remedy="name one of inception fleet ls")
    raise UsageError(
        "no fleet runs there" if name is None else f"no fleet {name} runs there", remedy="see inception fleet ls"
    )


def refuse_another(fleets: Sequence[Fleet], name: str) -> None:
    """Raise UsageError if there is a fleet of that name."""
    if any(it.name == name for it in fleets):
        raise UsageError(f"a fleet {name} exists already", remedy=f"see inception fleet collect {name}, or fleet down")
