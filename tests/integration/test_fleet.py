"""A campaign on each node of a Swarm of three: the engines of level 1 of three chains."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from inception.callbacks import ignore
from inception.engine.connect import Engine
from inception.image.client import CLIENT_TAG, ensure_client_image
from inception.image.store import find_image
from inception.places import run_root
from inception.plan.chain import LABEL_FLEET
from tests.integration.conftest import lasting_difference, steady_inventory, wait_for

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(900)]

NODES = ("swarm-a", "swarm-b", "swarm-c")
MANAGER, KILLED, OTHER = NODES
LIMIT_S = 300
BUSY_S = 120
STEP_S = 90
"""Seconds after which `prune` surely removes what a client was killed over."""
DEPTH = 8
INTERRUPTED = 130


def socket_of(node: str) -> str:
    return f"unix://{run_root() / node / '1' / 'docker.sock'}"


def client_of(node: str) -> docker.APIClient:
    return docker.APIClient(base_url=socket_of(node), timeout=LIMIT_S)


def inception(*words: str) -> subprocess.CompletedProcess[str]:
    """Run `inception` on the host."""
    command = [sys.executable, "-m", "inception", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)


def start_fleet(*words: str | Path) -> subprocess.Popen[str]:
    """Start `inception fleet` at the manager."""
    return subprocess.Popen(
        [sys.executable, "-m", "inception", "fleet", *map(str, words)],
        env={**os.environ, "DOCKER_HOST": socket_of(MANAGER)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def fleet(*words: str | Path) -> tuple[int, str, str]:
    with start_fleet(*words) as process:
        out, err = process.communicate(timeout=LIMIT_S)
    return process.returncode, out, err


def lines_until(process: subprocess.Popen[str], pattern: str) -> list[str]:
    """Return what the client says up to the line that has `pattern`; the test's time limit ends the waiting."""
    said = []
    for line in process.stderr or ():
        said.append(line)
        if re.search(pattern, line):
            return said
    raise AssertionError(f"no {pattern!r} in: {''.join(said)}")


def things_on(*nodes: str) -> list[str]:
    """Return containers, volumes and shims on the nodes, but for the seeds, which stay for the next campaign."""
    found = []
    for node in nodes:
        client = client_of(node)
        volumes = [it["Name"] for it in client.volumes()["Volumes"] or ()]
        found += [f"{node} {it['Names'][0]}" for it in client.containers(all=True)]
        found += [f"{node} {it}" for it in volumes if not it.startswith("inception-seed")]
        processes = inception("exec", node, "--", "ps", "-eo", "args=").stdout.splitlines()
        assert any("dockerd" in it for it in processes)
        found += [f"{node} {it}" for it in processes if "containerd-shim" in it]
    return found


def await_nothing_on_nodes() -> None:
    """Fail the test if a node keeps something; Swarm removes the containers of its workers in a moment."""
    wait_for(lambda: things_on(*NODES[1:]) == [], STEP_S, "a worker keeps something")
    assert things_on(*NODES) == []


def _is_empty_after_prune(node: str) -> bool:
    inception("prune", "--yes", "--engine", socket_of(node))
    return things_on(node) == []


def leaks(merged: dict[str, Any]) -> list[str]:
    """Return what the campaigns left, but for loop devices: these nodes have one kernel, and other tests use it too."""
    found = [f"{machine['name']} {leak}" for machine in merged["machines"] for leak in machine["leaks"]]
    return [it for it in found if " loop device " not in it]


def join(node: str) -> None:
    """Make a node a worker of the manager's Swarm."""
    manager = client_of(MANAGER)
    swarm = manager.info()["Swarm"]
    token = manager.inspect_swarm()["JoinTokens"]["Worker"]
    client_of(node).join_swarm(remote_addrs=[swarm["RemoteManagers"][0]["Addr"]], join_token=token)


@pytest.fixture(scope="module")
def swarm(engine: Engine, level_image: str) -> Iterator[None]:
    """Make a Swarm of three nodes that have the client image; the first is its manager."""
    before = steady_inventory(engine)
    level_image_id = find_image(engine.client, level_image)
    assert level_image_id is not None
    ensure_client_image(engine.client, level_image_id, on_message=ignore)
    try:
        for node in NODES:
            assert inception("up", "--depth", "1", "--name", node).returncode == 0
            client_of(node).load_image(b"".join(engine.client.get_image(CLIENT_TAG)))
        shown = inception("exec", MANAGER, "--", "ip", "-4", "-o", "addr", "show", "eth0").stdout
        address = re.search(r"inet ([\d.]+)/", shown)
        assert address
        client_of(MANAGER).init_swarm(advertise_addr=address[1], listen_addr=f"{address[1]}:2377")
        for node in NODES[1:]:
            join(node)
        yield
    finally:
        for node in NODES:
            # One is killed in a test already.
            inception("kick", node)
        engine.client.remove_image(CLIENT_TAG)
    difference = lasting_difference(before, engine)
    assert not difference, "\n".join(difference)


@pytest.mark.usefixtures("swarm")
def test_each_node_reports_and_nothing_is_left(tmp_path: Path) -> None:
    target = tmp_path / "f"
    status, out, err = fleet("run", "--max-depth", "2", "--fail-under", "2", "--output", target)
    assert status == 0, err
    assert "3 machines: 3 reached the depth" in out
    merged = json.loads((target / "fleet.json").read_text())
    assert {it["name"]: it["depth"] for it in merged["machines"]} == {f"{it}-1": 2 for it in NODES}
    assert leaks(merged) == []
    assert "level 1 of 2 is ready" in (target / f"{OTHER}-1" / "log.txt").read_text()
    assert re.search(f"{OTHER}-1: running: level . of 2 is ready", err)
    assert fleet("ls", "--json")[1] == "[]\n"
    await_nothing_on_nodes()


@pytest.mark.parametrize(
    ("option", "reason"),
    [
        ("--client-image", "the node refused the task: .*none-such"),
        ("--image", "the task ended as failed: image none-such is not on this engine"),
    ],
)
@pytest.mark.usefixtures("swarm")
def test_nodes_that_lack_an_image_are_named_and_not_asked_again(tmp_path: Path, option: str, reason: str) -> None:
    status, out, err = fleet("run", option, "none-such", "--max-depth", "2", "--output", tmp_path / "f")
    assert status == 1
    assert "requirement not met: no node sent a report" in err
    for node in NODES:
        assert re.search(f"{node}-1: failed: {reason}", out), out
        assert len(re.findall(f"{node}-1: failed", err)) == 1, err
    assert fleet("ls", "--json")[1] == "[]\n"


@pytest.mark.usefixtures("swarm")
def test_client_that_died_is_replaced(tmp_path: Path) -> None:
    with start_fleet("run", "--name", "orphan", "--max-depth", "1", "--output", tmp_path / "never") as process:
        lines_until(process, f"{OTHER}-1: running")
        process.kill()
    assert [it["name"] for it in json.loads(fleet("ls", "--json")[1])] == ["orphan"]
    status, out, err = fleet("collect", "--output", tmp_path / "f")
    assert status == 0, err
    assert "3 machines: 3 reached the depth" in out
    await_nothing_on_nodes()


@pytest.mark.usefixtures("swarm")
def test_interrupted_client_removes_the_fleet(tmp_path: Path) -> None:
    with start_fleet("run", "--max-depth", "3", "--soak", "10m", "--output", tmp_path / "f") as process:
        lines_until(process, f"{OTHER}-1: running")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=BUSY_S)
    assert process.returncode == INTERRUPTED, err
    assert fleet("ls", "--json")[1] == "[]\n"
    await_nothing_on_nodes()


@pytest.mark.usefixtures("swarm")
def test_fleet_is_taken_down_while_it_runs() -> None:
    assert fleet("run", "--detach", "--name", "short", "--max-depth", "3", "--soak", "10m")[1] == "short\n"
    label = {"label": f"{LABEL_FLEET}=short"}
    wait_for(lambda: bool(client_of(OTHER).containers(filters=label)), BUSY_S, "no task on the node")
    assert fleet("down", "short")[:2] == (0, "short\n")
    await_nothing_on_nodes()


@pytest.mark.usefixtures("swarm")
def test_node_that_leaves_is_named_and_keeps_nothing_that_prune_does_not_remove(tmp_path: Path) -> None:
    with start_fleet("run", "--max-depth", "4", "--cycles", "2", "--output", tmp_path / "f") as process:
        said = lines_until(process, f"{OTHER}-1: running: cycle 1 of 2")
        client_of(OTHER).leave_swarm()
        out, err = process.communicate(timeout=LIMIT_S)
    (gone,) = (it for it in client_of(MANAGER).nodes() if it["Status"]["State"] == "down")
    client_of(MANAGER).remove_node(gone["ID"])
    # Its engine forgets the volume of the task's container, and the client may have been killed in a step of its own.
    try:
        wait_for(lambda: _is_empty_after_prune(OTHER), STEP_S, f"prune leaves something on {OTHER}")
    finally:
        join(OTHER)
    assert process.returncode == 0, (said, err)
    assert "3 machines: 2 reached the depth, 1 sent no report" in out
    assert re.search(f"{OTHER}-1: lost: the node is down; the last that it said: .*cycle 1", out), out
    await_nothing_on_nodes()


@pytest.mark.usefixtures("swarm")
def test_node_that_is_killed_is_named_and_the_others_count(tmp_path: Path) -> None:
    words = ("--max-depth", str(DEPTH), "--cycles", "2", "--output", tmp_path / "f")
    with start_fleet("run", *words) as process:
        said = lines_until(process, f"{KILLED}-1: running: cycle 1 of 2: {DEPTH} levels")
        assert inception("kick", KILLED).returncode == 0
        _, err = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 0, (said, err)
    merged = json.loads((tmp_path / "f" / "fleet.json").read_text())
    assert {it["name"]: it["depth"] for it in merged["machines"]} == {f"{it}-1": DEPTH for it in (MANAGER, OTHER)}
    assert leaks(merged) == []
    (missing,) = merged["missing"]
    assert missing["name"] == f"{KILLED}-1"
    assert missing["reason"].startswith("lost: the node is down")
    assert things_on(MANAGER, OTHER) == []
