"""Follows a fleet on a Swarm until each node has reported, or is lost, failed or late."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import docker

from inception.engine.translate import translated
from inception.errors import EngineError
from inception.fleet.swarm.service import FleetService
from inception.fleet.swarm.state import Logs, NodeState, Phase, node_states

_PAUSE_S = 1.0
_REST = 4.0
"""Times that a reading takes, for which the manager is left alone: with many nodes it takes seconds."""
_OVERLAP_S = 5
"""So far back the logs are read again: a line may arrive late."""
_SETTLE_S = 6.0
"""Time for the last lines of a task that ended to arrive."""
_SILENT_S = 120.0
"""Time without an answer of the manager after which following ends."""
_log = logging.getLogger(__name__)


class Following:
    """Reads a fleet again and again. `on_message` gets a line for each change of a node."""

    def __init__(
        self, client: docker.APIClient, fleet: FleetService, *, on_message: Callable[[str], None], wait_s: float | None
    ) -> None:
        self._client = client
        self._fleet = fleet
        self._on_message = on_message
        self._wait_s = wait_s
        self._logs = Logs()
        self._said: dict[str, tuple[Phase, str]] = {}
        self._ended_s: dict[str, float] = {}
        self._read_until = 0

    def run(self) -> tuple[NodeState, ...]:
        """Return the last state of each node. Raises EngineError if the manager does not answer for long."""
        begun_s = answered_s = time.monotonic()
        while True:
            reading_s = time.monotonic()
            try:
                states = self._read()
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

    def _read(self) -> tuple[NodeState, ...]:
        with translated(f"following the fleet {self._fleet.name}"):
            nodes = [it for it in self._client.nodes() if _is_wanted(it, self._fleet.constraints)]
            tasks = self._client.tasks(filters={"service": self._fleet.service})
        self._read_logs()
        return node_states(nodes, tasks, self._logs)

    def _read_logs(self) -> None:
        """Take the lines since the last reading. A node that is lost keeps its logs back, which says its state."""
        now = int(time.time())
        try:
            with translated(f"reading the logs of the fleet {self._fleet.name}"):
                parts = self._client.service_logs(
                    self._fleet.service,
                    details=True,
                    timestamps=True,
                    stdout=True,
                    stderr=True,
                    is_tty=False,
                    since=self._read_until,
                )
                for part in parts:
                    for line in part.decode(errors="replace").splitlines():
                        self._logs.add(line)
        except EngineError as error:
            _log.debug("%s", error)
            return
        self._read_until = max(0, now - _OVERLAP_S)

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
            # A node's clock may be late: the last reading begins where the logs do.
            self._ended_s[state.name] = time.monotonic()
            self._read_until = 0
        return time.monotonic() - self._ended_s[state.name] > _SETTLE_S


def _late(state: NodeState, wait_s: float) -> NodeState:
    return replace(state, phase=Phase.FAILED, line=f"no report within {wait_s:.0f} s; {state.phase}: {state.line}")


def _is_wanted(node: Mapping[str, Any], constraints: Sequence[str]) -> bool:
    """Return whether a node has the labels of the fleet."""
    labels = node["Spec"].get("Labels") or {}
    wanted = (it.removeprefix("node.labels.").partition(" == ") for it in constraints)
    return all(labels.get(name) == value for name, _, value in wanted)
