"""State of each node of a Swarm's fleet, made from the manager's nodes and tasks and from the lines of their logs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from inception.fleet.nodes import Logs, NodeState, Phase, Said, names_of_nodes, said_by

_ENDED = frozenset({"complete", "failed", "shutdown", "rejected", "orphaned", "remove"})
"""States of a task that will not run any more."""
_LOG_LINE = re.compile(r"(?P<at>\S+Z) \S*com\.docker\.swarm\.task\.id=(?P<task>\w+)\S* (?P<text>.*)")


def add_line(logs: Logs, text: str) -> None:
    """Add a line as the manager gives it, with its time and its task; others, such as warnings, are left out."""
    found = _LOG_LINE.fullmatch(text.rstrip("\r\n"))
    if found:
        logs.add(found["task"], found["at"], found["text"])


def node_states(
    nodes: Sequence[Mapping[str, Any]], tasks: Sequence[Mapping[str, Any]], logs: Logs
) -> tuple[NodeState, ...]:
    """Return the state of each node of `nodes`, and of nodes with tasks that have left the Swarm, by their names."""
    latest: dict[str, Mapping[str, Any]] = {}
    for task in sorted(tasks, key=lambda it: str(it["CreatedAt"])):
        latest[str(task.get("NodeID", ""))] = task
    known = {str(it["ID"]): it for it in nodes}
    ids = sorted({*known, *filter(None, latest)})
    names = names_of_nodes((node, _hostname(known.get(node))) for node in ids)
    return tuple(
        _state(names[node], known.get(node), latest.get(node), logs) for node in sorted(ids, key=names.__getitem__)
    )


def _hostname(node: Mapping[str, Any] | None) -> str:
    return str((node or {}).get("Description", {}).get("Hostname", "gone"))


def _state(name: str, node: Mapping[str, Any] | None, task: Mapping[str, Any] | None, logs: Logs) -> NodeState:
    said = said_by(logs, str(task["ID"])) if task else Said()
    return said.state(name, *_phase(node, task, said.last))


def _phase(node: Mapping[str, Any] | None, task: Mapping[str, Any] | None, last: str) -> tuple[Phase, str]:
    """Return the phase of a node without a report, and its line."""
    if node is None or node.get("Status", {}).get("State") != "ready":
        condition = "has left the Swarm" if node is None else f"is {node.get('Status', {}).get('State')}"
        return Phase.LOST, f"the node {condition}" + (f"; the last that it said: {last}" if last else "")
    if task is None:
        availability = node.get("Spec", {}).get("Availability")
        if availability != "active":
            return Phase.FAILED, f"the node takes no task: its availability is {availability}"
        return Phase.WAITING, "no task yet"
    return _phase_of_task(task["Status"], last)


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
