"""A fleet is made, followed, collected and removed at a manager, which a recorder stands for."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker
import pytest

from inception.errors import EngineError, UsageError
from inception.fleet import collect, follow
from inception.fleet.fleets import Fleet, FleetJob, choose
from inception.fleet.follow import Following
from inception.fleet.nodes import NodeState, Phase
from inception.fleet.swarm import reader, service
from inception.fleet.swarm.reader import SwarmReader
from inception.fleet.swarm.service import Swarm, check
from inception.fleet.transport import to_lines
from inception.plan.chain import LABEL_FLEET
from tests.factories.fleets import machine_report
from tests.unit.fleet.swarm.test_state import log_line, node, task


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds

    def monotonic(self) -> float:
        return self.now_s

    def time(self) -> float:
        return 1_800_000_000.0 + self.now_s


class Manager:
    """Answers as a manager whose `at(second)` gives nodes, tasks and lines; it records what it is asked to do."""

    def __init__(self, clock: Clock, at: Callable[[float], tuple[list[Any], list[Any], list[str]]]) -> None:
        self._clock = clock
        self._at = at
        self.has_late_nodes = False
        """Whether the nodes' clocks are late: their lines are given to a client alone that asks for all."""
        self.created: list[dict[str, Any]] = []
        self.removed: list[str] = []

    def info(self) -> dict[str, Any]:
        return {"Swarm": {"ControlAvailable": True}}

    def nodes(self) -> list[Any]:
        return self._at(self._clock.now_s)[0]

    def tasks(self, filters: object = None) -> list[Any]:
        del filters
        return [] if self.removed else self._at(self._clock.now_s)[1]

    def service_logs(self, *_: object, since: int, **__: object) -> Iterator[bytes]:
        for line in self._at(self._clock.now_s)[2]:
            if since and self.has_late_nodes:
                continue
            if line == "broken":
                raise docker.errors.APIError("incomplete log stream")
            yield line.encode()

    def services(self, filters: object = None) -> list[dict[str, Any]]:
        del filters
        return self.created

    def create_service(self, template: dict[str, Any], *, name: str, labels: dict[str, str], mode: object) -> None:
        del mode
        spec = {"Name": name, "Labels": labels, "TaskTemplate": json.loads(json.dumps(template))}
        self.created.append({"ID": "service", "CreatedAt": "2026-01-01T00:00:00Z", "Spec": spec})

    def containers(self, *, all: bool, filters: dict[str, str]) -> list[Any]:  # noqa: A002 docker's own word
        assert all
        assert filters == {"label": "com.docker.swarm.service.id=service"}
        return []

    def remove_service(self, name: str) -> None:
        self.removed.append(name)


FLEET = Fleet(name="f", handle="service", arguments=(), constraints=(), created="")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    for module in (follow, reader, service):
        monkeypatch.setattr(module, "time", made)
    return made


def _follow(
    manager: Any,  # noqa: ANN401 a recorder in place of docker's client
    wait_s: float | None = None,
    constraints: tuple[str, ...] = (),
) -> tuple[list[str], list[NodeState]]:
    said: list[str] = []
    fleet = Fleet(name="f", handle="service", arguments=(), constraints=constraints, created="")
    states = Following(SwarmReader(manager, fleet), on_message=said.append, wait_s=wait_s).run()
    return said, list(states)


def test_each_node_is_followed_to_its_report_or_its_end(clock: Clock) -> None:
    def at(now_s: float) -> tuple[list[Any], list[Any], list[str]]:
        nodes = [node("a"), node("b", state="down" if now_s > 3 else "ready"), node("c")]
        tasks = [task("a", "running" if now_s < 5 else "complete"), task("b"), task("c", "rejected", err="no image")]
        lines = [log_line("a", "inception: level 1 of 1 is ready")] if now_s > 2 else []
        lines += [log_line("a", it, 9) for it in to_lines("report")] if now_s > 6 else []
        return nodes, tasks, [*lines, "broken"]

    said, states = _follow(Manager(clock, at))
    assert [(it.name, it.phase) for it in states] == [("a", Phase.REPORTED), ("b", Phase.LOST), ("c", Phase.FAILED)]
    assert "a: running: level 1 of 1 is ready" in said
    assert "b: lost: the node is down" in said
    assert "c: failed: the node refused the task: no image" in said
    assert len(said) == len(set(said)), "each change is said once"


def test_report_of_a_node_whose_clock_is_late_arrives(clock: Clock) -> None:
    def at(now_s: float) -> tuple[list[Any], list[Any], list[str]]:
        lines = [log_line("a", it) for it in to_lines("report")] if now_s > 5 else []
        return [node("a")], [task("a", "running" if now_s < 5 else "complete")], lines

    manager: Any = Manager(clock, at)
    manager.has_late_nodes = True
    _, (state,) = _follow(manager)
    assert state.phase is Phase.REPORTED


def test_late_node_is_named_and_the_others_count(clock: Clock) -> None:
    lines = [log_line("a", it) for it in to_lines("report")]
    manager: Any = Manager(clock, lambda _: ([node("a"), node("b")], [task("a"), task("b")], lines))
    _, states = _follow(manager, wait_s=60)
    assert [it.phase for it in states] == [Phase.REPORTED, Phase.FAILED]
    assert states[1].line == "no report within 60 s; running: started"


def test_node_that_comes_back_is_waited_for(clock: Clock) -> None:
    def at(now_s: float) -> tuple[list[Any], list[Any], list[str]]:
        lines = [log_line("a", it) for it in to_lines("report")] if now_s > 20 else []
        return [node("a", state="down" if 2 < now_s < 5 else "ready")], [task("a")], lines

    _, (state,) = _follow(Manager(clock, at))
    assert state.phase is Phase.REPORTED


def test_only_nodes_with_the_labels_belong_to_the_fleet(clock: Clock) -> None:
    def at(_: float) -> tuple[list[Any], list[Any], list[str]]:
        other = node("b")
        wanted = {**node("a"), "Spec": {"Labels": {"disk": "ssd"}, "Availability": "active"}}
        return [wanted, other], [task("a", "rejected")], []

    _, states = _follow(Manager(clock, at), constraints=("node.labels.disk == ssd",))
    assert [it.name for it in states] == ["a"]


def test_manager_that_is_silent_for_long_ends_the_following(clock: Clock) -> None:
    def at(now_s: float) -> tuple[list[Any], list[Any], list[str]]:
        if now_s > 5:
            raise docker.errors.APIError("the swarm has no leader")
        return [node("a")], [task("a")], []

    with pytest.raises(EngineError, match="no leader"):
        _follow(Manager(clock, at))
    assert clock.now_s > 100


def test_service_is_a_job_with_one_try_a_node(clock: Clock) -> None:
    manager: Any = Manager(clock, lambda _: ([], [], []))
    job = FleetJob(name="f", image="cli", arguments=("--max-depth", "3"), labels=("disk=ssd",), socket="/run/d.sock")
    swarm = Swarm(manager)
    made = swarm.create(job)
    template = manager.created[0]["Spec"]["TaskTemplate"]
    assert (made.name, made.arguments, made.constraints) == ("f", ("--max-depth", "3"), ("node.labels.disk == ssd",))
    container = template["ContainerSpec"]
    assert container["Args"] == ["inception", "fleet", "node", "--max-depth", "3"]
    assert [(it["Type"], it["Source"], it["Target"]) for it in container["Mounts"]] == [
        ("bind", "/run/d.sock", "/var/run/docker.sock"),
        ("volume", None, "/run/inception"),
    ]
    assert template["RestartPolicy"]["Condition"] == "none"
    assert template["LogDriver"]["Name"] == "json-file"
    assert manager.created[0]["Spec"]["Labels"][LABEL_FLEET] == "f"
    with pytest.raises(UsageError, match="exists already"):
        swarm.create(job)
    with pytest.raises(UsageError, match="no fleet g"):
        choose(swarm.fleets(), "g")
    assert choose(swarm.fleets(), None) == made


@pytest.mark.parametrize("wrong", [{"name": "No Name"}, {"labels": ("disk",)}, {"labels": ("=ssd",)}])
def test_wrong_job_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        check(FleetJob(**{"name": "f", "image": "cli", "arguments": (), **wrong}))


def test_engine_without_a_swarm_is_refused(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    manager: Any = Manager(clock, lambda _: ([], [], []))
    Swarm(manager)
    monkeypatch.setattr(manager, "info", lambda: {"Swarm": {"LocalNodeState": "active", "ControlAvailable": False}})
    with pytest.raises(UsageError, match="manages no Swarm"):
        Swarm(manager)


def test_removing_waits_for_the_tasks_of_nodes_that_are_up(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    manager: Any = Manager(clock, lambda _: ([node("a"), node("b", state="down")], [], []))
    monkeypatch.setattr(manager, "tasks", lambda: [task("b"), *([task("a")] if clock.now_s < 30 else [])])
    Swarm(manager).remove(FLEET)
    assert manager.removed == ["service"]
    assert 30 <= clock.now_s < 40
    monkeypatch.setattr(manager, "containers", lambda **_: [{}] if clock.now_s < 60 else [])
    Swarm(manager).remove(FLEET)
    assert 60 <= clock.now_s < 70
    monkeypatch.setattr(manager, "tasks", lambda: [task("a")])
    with pytest.raises(EngineError, match="1 tasks did not end"):
        Swarm(manager).remove(FLEET)


def test_each_node_is_kept_with_its_log_and_all_are_one_report(tmp_path: Path) -> None:
    good = machine_report()
    states = [
        NodeState(name="a", phase=Phase.REPORTED, line="", log=("said",), report=good.to_json()),
        NodeState(name="b", phase=Phase.LOST, line="the node is down", log=()),
        NodeState(name="c", phase=Phase.REPORTED, line="", log=(), report='{"version": 99}'),
    ]
    fleet = collect.keep(states, tmp_path)
    assert fleet.headline == "3 machines: 1 reached the depth, 2 sent no report"
    assert [it.reason for it in fleet.missing] == [
        "lost: the node is down",
        "what it sent is no report: report version 99, not 1",
    ]
    assert (tmp_path / "a" / "log.txt").read_text() == "said\n"
    assert {it.name for it in tmp_path.iterdir()} == {"a", "b", "c", "fleet.json", "fleet.html"}
    with pytest.raises(UsageError, match="is not empty"):
        collect.check_output(tmp_path)


def test_report_that_no_machine_can_have_made_is_named_and_the_others_count(tmp_path: Path) -> None:
    absurd = replace(machine_report(), begun=1e300)
    states = [
        NodeState(name=name, phase=Phase.REPORTED, line="", log=(), report=report.to_json())
        for name, report in (("a", machine_report()), ("b", absurd))
    ]
    merged = collect.keep(states, tmp_path)
    assert [it.name for it in merged.machines] == ["a"]
    assert [(it.name, it.reason) for it in merged.missing] == [
        ("b", "what it sent is no report: a number in it is out of all bounds")
    ]


def test_manager_that_takes_long_to_answer_is_asked_less_often(clock: Clock) -> None:
    asked_s: list[float] = []

    class SlowManager(Manager):
        def nodes(self) -> list[Any]:
            asked_s.append(clock.now_s)
            clock.now_s += 10
            return super().nodes()

    _follow(SlowManager(clock, lambda _: ([node("a")], [task("a")], [])), wait_s=100)
    assert asked_s[:3] == [0, 50, 100]
