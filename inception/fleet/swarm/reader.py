"""Reads the state of a Swarm's fleet: the manager's nodes, the service's tasks and their logs."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

import docker

from inception.engine.translate import translated
from inception.errors import EngineError
from inception.fleet.fleets import Fleet
from inception.fleet.nodes import Logs, NodeState
from inception.fleet.swarm.state import add_line, node_states

_OVERLAP_S = 5
"""So far back the logs are read again: a line may arrive late."""
_log = logging.getLogger(__name__)


class SwarmReader:
    """Reads one fleet from the Swarm's manager."""

    def __init__(self, client: docker.APIClient, fleet: Fleet) -> None:
        self._client = client
        self._fleet = fleet
        self._logs = Logs()
        self._read_until = 0

    def read(self) -> tuple[NodeState, ...]:
        """Return the state of each node now. Raises EngineError."""
        with translated(f"following the fleet {self._fleet.name}"):
            nodes = [it for it in self._client.nodes() if _is_wanted(it, self._fleet.constraints)]
            tasks = self._client.tasks(filters={"service": self._fleet.handle})
        self._read_logs()
        return node_states(nodes, tasks, self._logs)

    def reread(self) -> None:
        """Have the next reading take the logs from their beginning."""
        self._read_until = 0

    def _read_logs(self) -> None:
        """Take the lines since the last reading. A node that is lost keeps its logs back, which says its state."""
        now = int(time.time())
        try:
            with translated(f"reading the logs of the fleet {self._fleet.name}"):
                parts = self._client.service_logs(
                    self._fleet.handle,
                    details=True,
                    timestamps=True,
                    stdout=True,
                    stderr=True,
                    is_tty=False,
                    since=self._read_until,
                )
                for part in parts:
                    for line in part.decode(errors="replace").splitlines():
                        add_line(self._logs, line)
        except EngineError as error:
            _log.debug("%s", error)
            return
        self._read_until = max(0, now - _OVERLAP_S)


def _is_wanted(node: Mapping[str, Any], constraints: Sequence[str]) -> bool:
    """Return whether a node has the labels of the fleet."""
    labels = node["Spec"].get("Labels") or {}
    wanted = (it.removeprefix("node.labels.").partition(" == ") for it in constraints)
    return all(labels.get(name) == value for name, _, value in wanted)
