"""The run root as an engine finds it."""

from __future__ import annotations

from inception.plan.light_dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class RunRootSource:
    """Place of the run root on the engine's machine, where a client in a container has it at another path.

    `path` is a directory there, or the name of a `volume` that the client has mounted as its run root.
    """

    path: str
    volume: bool = False
