"""State of each node of a fleet, made from the manager's nodes and tasks and from the lines of the nodes' logs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from inception.fleet.transport import from_lines, is_carrier

_ENDED = frozenset({"complete", "failed", "shutdown", "rejected", "orphaned", "remove"})
"""States of a task that will not run any more."""
_LOG_LINE = re.compile(r"(?P<at>\S+Z) \S*com\.docker\.swarm\.task\.id=(?P<task>\w+)\S* (?P<text>.*)")
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")
_MAX_NAME = 100


class Phase(StrEnum):
    """Progress of one node. The last two are final without a report."""

    WAITING = "waiting"
    RUNNING = "running"
    REPORTED = "reported"
    LOST = "lost"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class NodeState:
    """A node of the fleet: its `line` is the last that its campaign wrote, or the reason why it has no report."""

    name: str
    phase: Phase
    line: str
    log: tuple[str, ...]
    report: str | None = None

    @property
    def is_final(self) -> bool:
        """Whether nothing more is to come from the node."""
        return self.phase not in {Phase.WAITING, Phase.RUNNING}


class Logs:
    """Lines of the tasks' logs, each once, in the order in which the nodes wrote them."""

    def __init__(self) -> None:
        self._lines: dict[str, dict[tuple[str, str], None]] = {}
        self._reports: dict[str, tuple[int, str | None]] = {}

    def add(self, text: str) -> None:
        """Take a line as the manager gives it, with its time and its task; others, such as warnings, are left out."""
        found = _LOG_LINE.fullmatch(text.rstrip("\r\n"))
        if found:
            self._lines.setdefault(found["task"], {})[found["at"], found["text"]] = None

    def of(self, task: str) -> tuple[str, ...]:
        """Return the lines of a task."""
        return tuple(text for _, text in sorted(self._lines.get(task, {}), key=lambda line: line[0]))

    def report_of(self, task: str) -> str | None:
        """Return the report in a task's lines, None if it is not there yet. Raises ValueError if it is damaged."""
        count = len(self._lines.get(task, {}))
        known = self._reports.get(task)
        if known is None or known[0] != count:
            known = self._reports[task] = (count, from_lines(self.of(task)))
        return known[1]


def node_states(
    nodes: Sequence[Mapping[str, Any]], tasks: Sequence[Mapping[str, Any]], logs: Logs
) -> tuple[NodeState, ...]:
    """Return the state of each node of `nodes`, and of nodes with tasks that have left the Swarm, by their names."""
    latest: dict[str, Mapping[str, Any]] = {}
    for task in sorted(tasks, key=lambda it: str(it["CreatedAt"])):
        latest[str(task.get("NodeID", ""))] = task
    known = {str(it["ID"]): it for it in nodes}
    ids = sorted({*known, *filter(None, latest)})
    names = _names([(node, _hostname(known.get(node))) for node in ids])
    return tuple(
        _state(names[node], known.get(node), latest.get(node), logs) for node in sorted(ids, key=names.__getitem__)
    )


def _hostname(node: Mapping[str, Any] | None) -> str:
    """Return a node's name as one of a file: it comes from the node."""
    text = str((node or {}).get("Description", {}).get("Hostname", "gone"))
    return _UNSAFE.sub("-", text)[:_MAX_NAME].strip("-") or "node"


def _names(hostnames: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return a name for each node's id: its host name, with the id where several have the same."""
    pairs = list(hostnames)
    counts = Counter(name for _, name in pairs)
    return {node: name if counts[name] == 1 else f"{name}-{node[:12]}" for node, name in pairs}


def _state(name: str, node: Mapping[str, Any] | None, task: Mapping[str, Any] | None, logs: Logs) -> NodeState:
    log = logs.of(str(task["ID"])) if task else ()
    said = [line for line in log if not is_carrier(line) and line.strip()]
    last = said[-1].removeprefix("inception: ").removeprefix("error: ") if said else ""

    def state(phase: Phase, line: str, report: str | None = None) -> NodeState:
        return NodeState(name=name, phase=phase, line=line, log=tuple(said), report=report)

    try:
        report = logs.report_of(str(task["ID"])) if task else None
    except ValueError as error:
        return state(Phase.FAILED, str(error))
    if report is not None:
        return state(Phase.REPORTED, last, report)
    if node is None or node.get("Status", {}).get("State") != "ready":
        condition = "has left the Swarm" if node is None else f"is {node.get('Status', {}).get('State')}"
        return state(Phase.LOST, f"the node {condition}" + (f"; the last that it said: {last}" if last else ""))
    if task is None:
        availability = node.get("Spec", {}).get("Availability")
        if availability != "active":
            return state(Phase.FAILED, f"the node takes no task: its availability is {availability}")
        return state(Phase.WAITING, "no task yet")
    return state(*_phase_of_task(task["Status"], last))


def _phase_of_task(status: Mapping[str, Any], last: str) -> tuple[Phase, str]:
    reason = str(status.get("Err") or status.get("Message") or "")
    if status["State"] in _ENDED:
        refused = (
            "the node refused the task" if status["State"] == "rejected" else f"the task ended as {status['State']}"
        )
        return Phase.FAILED, ": ".join(filter(None, (refused, last or reason)))
    if status["State"] == "running":
        return Phase.RUNNING, last or "started"
    return Phase.WAITING, reason or str(status["State"])
