"""The state of each node, from what the manager says and what the nodes wrote."""

from __future__ import annotations

from typing import Any

import pytest

from inception.fleet.nodes import Logs, NodeState, Phase
from inception.fleet.swarm.state import add_line, node_states
from inception.fleet.transport import to_lines


def node(
    name: str, *, state: str = "ready", availability: str = "active", hostname: str | None = None
) -> dict[str, Any]:
    return {
        "ID": f"id{name}",
        "Description": {"Hostname": name if hostname is None else hostname},
        "Status": {"State": state},
        "Spec": {"Availability": availability, "Labels": {}},
    }


def task(name: str, state: str = "running", *, err: str = "", created: str = "2026-01-01T00:00:00Z") -> dict[str, Any]:
    return {
        "ID": f"task{name}",
        "NodeID": f"id{name}",
        "CreatedAt": created,
        "ServiceID": "service",
        "Status": {"State": state, "Err": err, "Message": state},
    }


def log_line(name: str, text: str, second: int = 1) -> str:
    ids = f"com.docker.swarm.node.id=id{name},com.docker.swarm.service.id=s,com.docker.swarm.task.id=task{name}"
    return f"2026-01-01T00:00:{second:02}.000000001Z {ids} {text}\n"


def logs(*lines: str) -> Logs:
    made = Logs()
    for line in lines:
        add_line(made, line)
    return made


def one(*lines: str, state: str = "running", err: str = "", **of_node: str) -> NodeState:
    (found,) = node_states([node("a", **of_node)], [task("a", state, err=err)], logs(*lines))
    return found


def test_running_node_shows_what_its_campaign_said_last() -> None:
    found = one(log_line("a", "inception: level 1 of 2 is ready"), log_line("a", "inception: level 2 of 2 is ready", 2))
    assert (found.phase, found.line) == (Phase.RUNNING, "level 2 of 2 is ready")
    assert not found.is_final
    assert one().line == "started"


def test_report_counts_whatever_became_of_the_node() -> None:
    lines = [log_line("a", line) for line in to_lines("report")]
    for state, of_node in (("running", "ready"), ("failed", "ready"), ("running", "down")):
        (found,) = node_states([node("a", state=of_node)], [task("a", state)], logs(*lines))
        assert (found.phase, found.report) == (Phase.REPORTED, "report")
        assert found.log == ()


def test_line_that_is_read_twice_is_one_line_and_warnings_are_none() -> None:
    line = log_line("a", "once")
    found = one(line, line, "error from daemon in stream: node b is not available", log_line("a", "later", 2))
    assert found.log == ("once", "later")


def test_lines_are_in_the_order_of_their_times() -> None:
    assert one(log_line("a", "second", 2), log_line("a", "first", 1)).log == ("first", "second")


def test_lost_node_is_named_with_its_last_words() -> None:
    found = one(log_line("a", "inception: level 1 of 2 is ready"), state="running")
    (lost,) = node_states([node("a", state="down")], [task("a")], logs(log_line("a", "level 1 of 2 is ready")))
    assert found.phase is Phase.RUNNING
    assert (lost.phase, lost.line) == (Phase.LOST, "the node is down; the last that it said: level 1 of 2 is ready")
    (gone,) = node_states([], [task("a")], logs())
    assert (gone.phase, gone.line) == (Phase.LOST, "the node has left the Swarm")


@pytest.mark.parametrize(
    ("state", "err", "line"),
    [
        (
            "rejected",
            "No such image: inception-cli:latest",
            "the node refused the task: No such image: inception-cli:latest",
        ),
        ("failed", "task: non-zero exit (125)", "the task ended as failed: task: non-zero exit (125)"),
        ("complete", "", "the task ended as complete: complete"),
    ],
)
def test_node_without_a_report_has_a_reason(state: str, err: str, line: str) -> None:
    found = one(state=state, err=err)
    assert (found.phase, found.line) == (Phase.FAILED, line)


def test_failed_campaign_gives_its_own_words() -> None:
    found = one(log_line("a", "inception: error: no engine answers"), state="failed", err="non-zero exit (125)")
    assert found.line == "the task ended as failed: no engine answers"


def test_damaged_report_is_a_reason() -> None:
    (line,) = to_lines("report")
    head = line.rpartition(" ")[0]
    assert one(log_line("a", f"{head} QUJD")).line == "its report arrived damaged"


def test_waiting_and_drained_nodes() -> None:
    waiting, drained = node_states([node("a"), node("b", availability="drain")], [], logs())
    assert (waiting.phase, drained.phase) == (Phase.WAITING, Phase.FAILED)
    assert drained.line == "the node takes no task: its availability is drain"
    assert one(state="preparing").phase is Phase.WAITING


def test_latest_task_of_a_node_counts() -> None:
    old = {**task("a", "failed"), "ID": "old"}
    new = task("a", "running", created="2026-01-02T00:00:00Z")
    (found,) = node_states([node("a")], [new, old], logs())
    assert found.phase is Phase.RUNNING


def test_names_are_those_of_files_and_tell_the_nodes_apart() -> None:
    nodes = [
        node("a", hostname="../../etc"),
        node("b", hostname="same"),
        node("c", hostname="same"),
        node("d", hostname=".."),
    ]
    assert [it.name for it in node_states(nodes, [], logs())] == ["etc", "node", "same-idb", "same-idc"]
