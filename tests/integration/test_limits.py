"""The kernel's limits on real engines: beyond 32 PID namespaces; loopback images inside loopback images."""

from __future__ import annotations

import pytest

from inception.chain.prepare import prepare
from inception.chain.running import RunningChain, running
from inception.engine.connect import Engine
from inception.plan.request import ImageTransfer, PidMode, Request, Storage
from tests.integration.conftest import RunInception, free_pid_namespaces

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("unchanged_host")]

_KNOCK = """
import socket, sys
knock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
knock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 20)
knock.setsockopt(socket.IPPROTO_IP, 11, 1)  # IP_RECVERR
knock.settimeout(5)
knock.connect((sys.argv[1], 33434))
knock.send(b"?")
try:
    knock.recv(1)
except OSError as error:
    print(error.strerror)
"""
"""Program that says how a packet with a TTL of 20 ends, which reaches a closed port or is dropped by a router."""


def _ask(chain: RunningChain, level: int, *command: str) -> str:
    with chain.client_of(level - 1) as above:
        exec_id = above.exec_create(chain.plan.level(level).container, list(command))["Id"]
        return str(above.exec_start(exec_id).decode())


def test_33rd_isolated_level_is_refused_before_anything_starts(run_inception: RunInception) -> None:
    done = run_inception("--quiet", "--depth", "33", "--pid", "isolated", "--headroom", "0", "--", "true")
    (line,) = done.stderr.decode().splitlines()
    assert done.returncode == 2
    assert f"{free_pid_namespaces()} are free" in line


@pytest.mark.slow
def test_40_levels_share_pid_namespaces_and_a_container_at_the_bottom_reaches_level_1(
    run_inception: RunInception, level_image: str
) -> None:
    command = ("docker", "run", "--rm", level_image, "python3", "-c", _KNOCK, "10.99.0.1")
    done = run_inception("--depth", "40", "--pool", "10.99.0.0/16", "--", *command)
    assert (done.returncode, done.stdout) == (0, b"Connection refused\n"), done.stderr.decode()


@pytest.mark.parametrize("mode", [PidMode.SHARED, PidMode.AUTO])
def test_kick_leaves_no_process_of_levels_that_share_a_pid_namespace(
    engine: Engine, level_image: str, mode: PidMode
) -> None:
    request = Request(depth=3, name="kicked", image=level_image, pid=mode)
    with running(engine.client, prepare(engine, request, print), lambda _: None) as chain:
        chain.kick()


@pytest.mark.parametrize("transfer", [ImageTransfer.GRAFT, ImageTransfer.LOAD])
def test_loopback_images_have_their_planned_sizes(engine: Engine, level_image: str, transfer: ImageTransfer) -> None:
    request = Request(depth=4, name="loops", image=level_image, storage=Storage.LOOPBACK, image_transfer=transfer)
    plan = prepare(engine, request, print)
    with running(engine.client, plan, lambda _: None) as chain:
        for level in plan.levels:
            listed = _ask(
                chain, level.number, "findmnt", "--noheadings", "--bytes", "--output", "FSTYPE,SIZE", "/var/lib/docker"
            )
            filesystem, size = listed.split()
            assert filesystem == "ext4"
            assert level.storage.size is not None
            assert 0.95 * level.storage.size < int(size) <= level.storage.size


def test_tmpfs_carries_levels(run_inception: RunInception, level_image: str) -> None:
    done = run_inception("--depth", "2", "--storage", "tmpfs", "--", "docker", "run", "--rm", level_image, "true")
    assert done.returncode == 0, done.stderr.decode()


@pytest.mark.parametrize("network", ["host", "none"])
def test_levels_run_with_network_host_and_none(run_inception: RunInception, level_image: str, network: str) -> None:
    done = run_inception("--depth", "3", "--network", network, "--", "docker", "run", "--rm", level_image, "true")
    assert done.returncode == 0, done.stderr.decode()
