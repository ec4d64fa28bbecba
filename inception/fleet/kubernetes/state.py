"""State of each node of a cluster's fleet, made from its Job and its pods and from the lines of their logs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from inception.fleet.nodes import Logs, NodeState, Phase, names_of_nodes, said_by

_INDEX = "batch.kubernetes.io/job-completion-index"
"""Annotation of an Indexed Job's pod: which of its completions it is."""


def node_states(job: Mapping[str, Any], pods: Sequence[Mapping[str, Any]], logs: Logs) -> tuple[NodeState, ...]:
    """Return the state of each pod of the Job, named after its node, and of each completion that failed without one."""
    latest = {_index_of(pod): pod for pod in sorted(pods, key=lambda it: str(it["metadata"]["creationTimestamp"]))}
    failed = set(indexes(job["status"].get("failedIndexes", "")))
    waiting = [it for it in range(job["spec"]["completions"]) if it not in latest and it not in failed]
    names = names_of_nodes(
        (str(index), latest.get(index, {}).get("spec", {}).get("nodeName", "no-node"))
        for index in sorted({*latest, *failed, *waiting})
    )
    states = [_state(names[str(index)], pod, logs) for index, pod in latest.items()]
    gone = "its pod failed and is gone, as with its node"
    states += [NodeState(name=names[str(index)], phase=Phase.LOST, line=gone, log=()) for index in failed - set(latest)]
    states += [NodeState(name=names[str(index)], phase=Phase.WAITING, line="no pod yet", log=()) for index in waiting]
    return tuple(sorted(states, key=lambda it: it.name))


def _index_of(pod: Mapping[str, Any]) -> int:
    """Return which completion of its Job a pod is."""
    return int(pod["metadata"].get("annotations", {}).get(_INDEX, "0"))


def indexes(text: str) -> Iterator[int]:
    """Yield the numbers of "1,3-5,7", as a Job's status writes indexes."""
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)


def _state(name: str, pod: Mapping[str, Any], logs: Logs) -> NodeState:
    said = said_by(logs, pod["metadata"]["name"])
    return said.state(name, *_phase(pod, said.last))


def _phase(pod: Mapping[str, Any], last: str) -> tuple[Phase, str]:
    """Return the phase of a pod without a report, and its line."""
    status = pod["status"]
    phase = status.get("phase", "Pending")
    if phase == "Unknown":
        return Phase.LOST, "the node does not answer" + (f"; the last that it said: {last}" if last else "")
    if phase in {"Failed", "Succeeded"}:
        reason = ": ".join(filter(None, (status.get("reason"), status.get("message")))) or _ended(pod)
        return Phase.FAILED, ": ".join(filter(None, (f"the pod ended as {phase}", last or reason)))
    if phase == "Running":
        return Phase.RUNNING, last or "started"
    return Phase.WAITING, _waits_for(pod) or phase


def _ended(pod: Mapping[str, Any]) -> str:
    """Return how the pod's container ended."""
    for container in pod["status"].get("containerStatuses", ()):
        if (ended := container["state"].get("terminated")) is not None:
            return f"{ended.get('reason', 'ended')} (exit status {ended['exitCode']})"
    return ""


def _waits_for(pod: Mapping[str, Any]) -> str:
    """Return why a pod does not run yet: its image, or no node that takes it."""
    for container in pod["status"].get("containerStatuses", ()):
        if (waiting := container["state"].get("waiting")) is not None:
            return ": ".join(filter(None, (waiting.get("reason"), waiting.get("message"))))
    unmet = (it for it in pod["status"].get("conditions", ()) if it["status"] == "False" and "message" in it)
    return next((": ".join(filter(None, (it.get("reason"), it["message"]))) for it in unmet), "")
