"""Reads the state of a cluster's fleet: its Job, the Job's pods and their logs."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from inception.errors import EngineError
from inception.fleet.fleets import Fleet
from inception.fleet.kubernetes.answers import ANSWER_S, answered, items, plain
from inception.fleet.kubernetes.state import node_states
from inception.fleet.nodes import Logs, NodeState, said_by
from inception.plan.chain import LABEL_FLEET

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

_OVERLAP_S = 5
"""So far back the logs are read again: a line may arrive late."""
_BEGUN = frozenset({"Running", "Succeeded", "Failed"})
"""Phases of a pod that may have a log."""
_log = logging.getLogger(__name__)


class JobReader:
    """Reads one fleet from the cluster's API."""

    def __init__(self, api: ApiClient, *, namespace: str, fleet: Fleet) -> None:
        from kubernetes.client import BatchV1Api, CoreV1Api

        self._api = api
        self._jobs = BatchV1Api(api)
        self._core = CoreV1Api(api)
        self._namespace = namespace
        self._fleet = fleet
        self._logs = Logs()
        self._read_s: dict[str, float] = {}

    def read(self) -> tuple[NodeState, ...]:
        """Return the state of each node now. Raises EngineError."""
        with answered(f"following the fleet {self._fleet.name}"):
            job = plain(
                self._api,
                self._jobs.read_namespaced_job(self._fleet.handle, self._namespace, _request_timeout=ANSWER_S),
            )
            selector = f"{LABEL_FLEET}={self._fleet.name}"
            pods = items(
                self._api,
                self._core.list_namespaced_pod(self._namespace, label_selector=selector, _request_timeout=ANSWER_S),
            )
        for pod in pods:
            # A report is the last that a node writes: with it the log is whole.
            if pod["status"].get("phase") in _BEGUN and said_by(self._logs, pod["metadata"]["name"]).report is None:
                self._read_log(pod)
        return node_states(job, pods, self._logs)

    def reread(self) -> None:
        """Have the next reading take the logs from their beginning."""
        self._read_s.clear()

    def _read_log(self, pod: Mapping[str, Any]) -> None:
        """Take the lines since the last reading. A node that is lost keeps its logs back, which says its state."""
        name, now_s = str(pod["metadata"]["name"]), time.monotonic()
        since_s = None if name not in self._read_s else int(now_s - self._read_s[name]) + _OVERLAP_S
        try:
            with answered(f"reading the log of the pod {name}"):
                text = self._core.read_namespaced_pod_log(
                    name, self._namespace, timestamps=True, since_seconds=since_s, _request_timeout=ANSWER_S
                )
        except EngineError as error:
            _log.debug("%s", error)
            return
        self._read_s[name] = now_s
        for line in text.splitlines():
            at, _, written = line.partition(" ")
            self._logs.add(name, at, written)
