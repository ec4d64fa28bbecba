"""Level 0 on Podman: its service speaks Docker's API, but not all of it.

The service has a network namespace of its own, with which its bridge and rules go. The host is compared before the
service starts and after it is gone; in between, Podman's own lists tell.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import docker
import pytest

from inception.engine.client import open_client
from inception.engine.connect import Engine
from inception.engine.private import cgroups
from tests.engines.engine import ADDRESS, running_engine
from tests.engines.kinds import kind_named
from tests.integration.conftest import INCEPTION, RunInception, lasting_difference, steady_inventory, wait_for

LACKING = next(
    (
        what
        for what, missing in (
            ("only root can boot another engine", os.geteuid() != 0),
            ("no mmdebstrap to make Podman's root with", shutil.which("mmdebstrap") is None),
        )
        if missing
    ),
    None,
)
pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(LACKING is not None, reason=str(LACKING)),
    pytest.mark.usefixtures("own_run_root"),
]

NEWEST_ALONE = pytest.mark.parametrize("podman", ["podman-5.8"], indirect=True)
"""On what a test shows here both agree."""
UNWIND_LIMIT_S = 30
PARENT_CGROUP = "libpod_parent"


@dataclass(frozen=True, kw_only=True)
class Podman:
    """A service that answers at `address`."""

    address: str
    client: docker.APIClient

    def holdings(self) -> tuple[list[str], list[str]]:
        """The names of all containers and volumes."""
        containers = [name for one in self.client.containers(all=True) for name in one["Names"]]
        return containers, [one["Name"] for one in self.client.volumes()["Volumes"] or ()]


@pytest.fixture(scope="module", params=["podman-4.3", "podman-5.8"])
def podman(request: pytest.FixtureRequest, engine: Engine, level_image: str) -> Iterator[Podman]:
    """A Podman service that has the level image."""
    before = steady_inventory(engine)
    with (
        tempfile.TemporaryDirectory(prefix="podman-", dir="/var/tmp") as state,
        running_engine(kind_named(request.param), state=Path(state, "state"), own_network=True),
        closing(open_client(ADDRESS)) as client,
    ):
        for message in client.load_image(engine.client.get_image(level_image)):
            assert "error" not in message, message
        yield Podman(address=ADDRESS, client=client)
    for group in cgroups.own_groups(PARENT_CGROUP):
        cgroups.remove(group)
    difference = lasting_difference(before, engine)
    assert not difference, "\n".join(difference)


def _run(podman: Podman, run_inception: RunInception, *arguments: str, stdin: bytes = b"") -> tuple[int, str, str]:
    done = run_inception("--engine", podman.address, *arguments, stdin=stdin)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def _check_only_the_seed_is_left(podman: Podman) -> None:
    containers, volumes = podman.holdings()
    assert containers == []
    assert [name for name in volumes if not name.startswith("inception-seed-")] == []


def test_a_command_and_a_container_run_at_the_bottom(podman: Podman, run_inception: RunInception) -> None:
    script = 'cat; docker run --rm "$INCEPTION_IMAGE" hostname -s >/dev/null && hostname; exit 7'
    status, said, told = _run(
        podman, run_inception, "--depth", "2", "--name", "on-podman", "--", "sh", "-c", script, stdin=b"in\n"
    )
    assert (status, said) == (7, "in\non-podman-2\n"), told
    _check_only_the_seed_is_left(podman)


@NEWEST_ALONE
def test_an_image_that_podman_saved_can_be_loaded_by_each_level(podman: Podman, run_inception: RunInception) -> None:
    arguments = ("--depth", "2", "--name", "pod-load", "--image-transfer", "load", "--", "hostname")
    status, said, told = _run(podman, run_inception, *arguments)
    assert (status, said) == (0, "pod-load-2\n"), told


def test_levels_lift_device_rules_and_write_settings(podman: Podman, run_inception: RunInception) -> None:
    """Loop devices and /proc/sys: what Podman's API would not grant to a list of capabilities."""
    script = "echo 65 >/proc/sys/net/ipv4/ip_default_ttl && findmnt -no FSTYPE /var/lib/docker"
    arguments = ("--depth", "1", "--name", "pod-loop", "--storage", "loopback", "--", "sh", "-c", script)
    status, said, told = _run(podman, run_inception, *arguments)
    assert (status, said) == (0, "ext4\n"), told


@NEWEST_ALONE
def test_a_chain_whose_client_was_killed_leaves_nothing(
    podman: Podman, inception_environment: dict[str, str], own_run_root: Path
) -> None:
    """Also no control groups: those of the levels lie inside level 1's, though Podman shares the host's namespace."""
    command = [INCEPTION, "--engine", podman.address, "--depth", "3", "--name", "pod-kill", "--", "cat"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=inception_environment) as client:
        assert client.stdin is not None
        assert client.stdout is not None
        client.stdin.write(b"up\n")
        client.stdin.flush()
        assert client.stdout.readline() == b"up\n"
        _check_cgroups_are_inside_level_1(podman.client.inspect_container("inception-pod-kill-1")["Id"])
        client.kill()
    wait_for(lambda: podman.holdings()[0] == [], UNWIND_LIMIT_S, "level 1 is still there")
    _check_only_the_seed_is_left(podman)
    wait_for(lambda: not any(own_run_root.iterdir()), UNWIND_LIMIT_S, "the run directory is still there")


def _check_cgroups_are_inside_level_1(level_1: str) -> None:
    parents = cgroups.own_groups(PARENT_CGROUP)
    children = [path for parent in parents for path in parent.glob(f"libpod-{level_1}/docker/*/")]
    # Two levels below level 1, side by side, in each hierarchy.
    assert {len(list(path.parent.glob("*/"))) for path in children} == {2}


@NEWEST_ALONE
def test_doctor_says_that_it_is_podman(podman: Podman, run_inception: RunInception) -> None:
    done = run_inception("doctor", "--engine", podman.address, "--json")
    findings = {finding["name"]: finding for finding in json.loads(done.stdout)["checks"]}
    assert findings["engine-version"]["status"] == "pass"
    assert findings["engine-version"]["measured"].startswith("Podman ")
