"""Follows a fleet until each node has reported, or is lost, failed or late."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from inception.errors import EngineError
from inception.fleet.nodes import NodeState, Phase
from inception.plan.light_dataclasses import replace

_PAUSE_S = 1.0
_REST = 4.0
"""Times that a reading takes, for which the scheduler is left alone: with many nodes it takes seconds."""
_SETTLE_S = 6.0
"""Time for the last lines of a task that ended to arrive."""
_SILENT_S = 120.0
"""Time without an answer of the scheduler after which following ends."""


class FleetReader(Protocol):
    """Reads the state of a fleet from its scheduler."""

    def read(self) -> tuple[NodeState, ...]:
        """Return the state of each node now. Raises EngineError."""

    def reread(self) -> None:
        """Have the next reading take the logs from their beginning: a node's clock may be late."""


class Following:
    """Reads a fleet again and again. `on_message` gets a line for each change of a node."""

    def __init__(self, reader: FleetReader, *, on_message: Callable[[str], None], wait_s: float | None) -> None:
        self._reader = reader
        self._on_message = on_message
        self._wait_s = wait_s
        self._said: dict[str, tuple[Phase, str]] = {}
        self._ended_s: dict[str, float] = {}

    def run(self) -> tuple[NodeState, ...]:
        """Return the last state of each node. Raises EngineError if the scheduler does not answer for long."""
        begun_s = answered_s = time.monotonic()
        while True:
            reading_s = time.monotonic()
            try:
                states = self._reader.read()
                answered_s = time.monotonic()
            except EngineError:
                if time.monotonic() - answered_s > _SILENT_S:
                    raise
                time.sleep(_PAUSE_S)
                continue
            self._say(states)
            if states and all(map(self._has_settled, states)):
                return states
            if self._wait_s is not None and time.monotonic() - begun_s > self._wait_s:
                return tuple(it if it.is_final else _late(it, self._wait_s) for it in states)
            time.sleep(max(_PAUSE_S, _REST * (answered_s - reading_s)))

    def _say(self, states: Sequence[NodeState]) -> None:
        for state in states:
            if self._said.get(state.name) != (state.phase, state.line):
                self._said[state.name] = (state.phase, state.line)
                self._on_message(f"{state.name}: {state.phase}" + (f": {state.line}" if state.line else ""))

    def _has_settled(self, state: NodeState) -> bool:
        """Return whether the node is final; one that failed or is lost only after a while, for what may still come."""
        if not state.is_final:
            self._ended_s.pop(state.name, None)
            return False
        if state.phase is Phase.REPORTED:
            return True
        if state.name not in self._ended_s:
            self._ended_s[state.name] = time.monotonic()
            self._reader.reread()
        return time.monotonic() - self._ended_s[state.name] > _SETTLE_S


def _late(state: NodeState, wait_s: float) -> NodeState:
    return replace(state, phase=Phase.FAILED, line=f"no report within {wait_s:.0f} s; {state.phase}: {state.line}")
