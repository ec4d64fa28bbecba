"""Level 0 on Podman: its service speaks Docker's API, but not all of it.

The service is the tests' own, in network and mount namespaces of its own, with which its bridge, rules and locks go,
and in a PID namespace: Podman keeps a process for 5 minutes after each command that it was asked to run in a container.
So the host is compared before the service starts and after it is gone; in between, Podman's own lists tell.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path

import docker
import pytest

from inception.engine.client import open_client
from inception.engine.connect import Engine
from inception.linux.mounts import parse_mountinfo
from tests.integration.conftest import INCEPTION, RunInception, lasting_difference, steady_inventory, wait_for

LACKING = next(
    (
        f"{what}; `.ci/run`, as root, installs it with `apt-get install podman` and runs these tests"
        for what, missing in (
            ("no podman to serve Docker's API", shutil.which("podman") is None),
            ("podman is here, but only root can run it as levels need it", os.geteuid() != 0),
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

START_LIMIT_S = 30
DESCENT_LIMIT_S = 60
UNWIND_LIMIT_S = 30
PARENT_CGROUP = "libpod_parent"

PLACES = tuple(map(Path, ("/var/lib/cni", "/var/lib/containers", "/dev/shm", "/run")))
"""Where Podman keeps things whatever its options say: addresses given, a cache of blobs, locks, the state of runc."""
SERVE = """
set -e
ip link set lo up
directory=$1
shift
for place; do mount -t tmpfs tmpfs "$place"; done
podman --root "$directory/root" --runroot "$directory/runroot" --tmpdir "$directory/tmp" \
    --cgroup-manager cgroupfs --events-backend file system service --time=0 "unix://$directory/podman.sock" &
wait $!
"""


@dataclass(frozen=True, kw_only=True)
class Podman:
    """A service that answers at `address`."""

    address: str
    client: docker.APIClient

    def holdings(self) -> tuple[list[str], list[str]]:
        """The names of all containers and volumes."""
        containers = [name for one in self.client.containers(all=True) for name in one["Names"]]
        return containers, [one["Name"] for one in self.client.volumes()["Volumes"] or ()]


@pytest.fixture(scope="module")
def podman(engine: Engine, level_image: str) -> Iterator[Podman]:
    """A Podman service that has the level image."""
    before = steady_inventory(engine)
    with ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="podman-", dir="/var/tmp"))
        for place in PLACES:
            if not place.exists():
                place.mkdir()
                stack.callback(place.rmdir)
        settings = Path(directory) / "containers.conf"
        settings.write_text(_settings(directory))
        with Path(directory, "log").open("wb") as log:
            service = subprocess.Popen(
                [
                    *("unshare", "--net", "--mount", "--pid", "--mount-proc", "--fork", "--kill-child"),
                    *("sh", "-c", SERVE, "serve"),
                    directory,
                    *PLACES,
                ],
                env={**os.environ, "CONTAINERS_CONF": str(settings)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            socket = Path(directory, "podman.sock")
            wait_for(socket.exists, START_LIMIT_S, "Podman did not start")
            with closing(open_client(f"unix://{socket}")) as client:
                for message in client.load_image(engine.client.get_image(level_image)):
                    assert "error" not in message, message
                yield Podman(address=f"unix://{socket}", client=client)
        finally:
            service.kill()
            service.wait()
            wait_for(_remove_parent_cgroups, UNWIND_LIMIT_S, "Podman's control groups are in use")
    difference = lasting_difference(before, engine)
    assert not difference, "\n".join(difference)


def _settings(directory: str) -> str:
    """Podman asks for 1048576 files and as many processes, which it may not where it lacks CAP_SYS_RESOURCE."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    # It lowers its own limit to what the kernel can count.
    processes = int(Path("/proc/sys/kernel/pid_max").read_text())
    if (hard := resource.getrlimit(resource.RLIMIT_NPROC)[1]) != resource.RLIM_INFINITY:
        processes = min(processes, hard)
    ulimits = [f"nofile={files}:{files}", f"nproc={processes}:{processes}"]
    network = json.dumps(f"{directory}/networks")
    return f"[containers]\ndefault_ulimits = {json.dumps(ulimits)}\n[network]\nnetwork_config_dir = {network}\n"


def _remove_parent_cgroups() -> bool:
    """Whether they are gone: the kernel keeps them until the last process in them is."""
    left = [group for mount in _mounts() for group in mount.glob(f"{PARENT_CGROUP}/**/")]
    for group in sorted(left, reverse=True):
        with suppress(OSError):
            group.rmdir()
    return not any(group.exists() for group in left)


def _mounts() -> list[Path]:
    mounts = parse_mountinfo(Path("/proc/self/mountinfo").read_text())
    return [mount.target for mount in mounts if mount.filesystem in {"cgroup", "cgroup2"}]


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
    children = [path for root in _mounts() for path in root.glob(f"{PARENT_CGROUP}/libpod-{level_1}/docker/*/")]
    # Two levels below level 1, side by side, in each hierarchy.
    assert {len(list(path.parent.glob("*/"))) for path in children} == {2}


def test_doctor_says_that_it_is_podman(podman: Podman, run_inception: RunInception) -> None:
    done = run_inception("doctor", "--engine", podman.address, "--json")
    findings = {finding["name"]: finding for finding in json.loads(done.stdout)["checks"]}
    assert findings["engine-version"]["status"] == "pass"
    assert findings["engine-version"]["measured"].startswith("Podman ")
