"""The standalone image: `docker run` starts an engine, and a shell, a command or a port to use it."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import docker
import pexpect
import pytest

from inception.engine.connect import Engine
from tests.integration.conftest import INCEPTION, wait_for
from tests.integration.container_output import LINGER, archive_of
from tests.integration.tiny import TINY_IMAGE, import_tiny_image

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("alone", "unchanged_host")]

OPTIONS = (
    *("--cap-add", "SYS_ADMIN", "--cap-add", "NET_ADMIN"),
    *("--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined"),
    *("--device-cgroup-rule", "a *:* rwm"),
)
"""The manual's, for an engine that lacks what --privileged asks for."""
STOP_LIMIT_S = 10.0
"""Seconds that `docker stop` waits before it kills."""
NAME = "inception-test-alone"
Docker = Callable[..., subprocess.CompletedProcess[bytes]]
"""See the fixture `run_docker`."""


@pytest.fixture(scope="module")
def alone(engine: Engine, level_image: str) -> None:
    """The image `inception`, made as a user makes it. It stays, as the level image does."""
    del engine, level_image  # They hold the engine, and have the level image made.
    subprocess.run([INCEPTION, "image", "build"], check=True)


@pytest.fixture
def environment(engine: Engine) -> dict[str, str]:
    """What points a Docker client at the level-0 engine."""
    return {**os.environ, "DOCKER_HOST": engine.endpoint}


@pytest.fixture
def run_docker(environment: dict[str, str]) -> Docker:
    """Runs `docker ARGUMENTS` to its end, as a user of the level-0 engine."""

    def run(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            ["docker", *arguments], input=stdin, capture_output=True, env=environment, timeout=60, check=False
        )

    return run


@contextmanager
def removed(run_docker: Docker) -> Iterator[None]:
    """Whatever happens inside, the container `NAME` is gone in the end, and its volumes."""
    try:
        yield
    finally:
        run_docker("rm", "--force", "--volumes", NAME)


def stop(run_docker: Docker) -> float:
    """`docker stop` the container `NAME`; returns the seconds that it took."""
    started_s = time.monotonic()
    assert run_docker("stop", NAME).returncode == 0
    return time.monotonic() - started_s


def health(run_docker: Docker) -> bytes:
    return run_docker("inspect", "--format", "{{.State.Health.Status}}", NAME).stdout.strip()


def test_a_command_has_an_engine_and_returns_its_status(run_docker: Docker) -> None:
    script = f"""
        docker info --format '{{{{.Driver}}}}'
        {archive_of("tini-static")} | docker import - tiny >/dev/null
        docker run --rm tiny sh -c '/usr/bin/tini-static --version; {LINGER}' | cut -d ' ' -f 1
        tr a-z A-Z
        echo to standard error >&2
        exit 7
    """
    ended = run_docker("run", "--rm", "--interactive", *OPTIONS, "inception", "sh", "-c", script, stdin=b"abc")
    assert (ended.stdout, ended.stderr, ended.returncode) == (b"overlay2\ntini\nABC", b"to standard error\n", 7)


def test_an_engine_on_a_port_serves_and_stops_with_what_runs_in_it(run_docker: Docker, tmp_path: Path) -> None:
    variables = ("PORT=2375", "LOG=file", "DOCKER_DAEMON_ARGS=-H unix:///shared/socket --label 'for=you and me'")
    started = run_docker(
        *("run", "--detach", "--name", NAME, "--volume", f"{tmp_path}:/shared", "--health-interval", "1s"),
        *(word for variable in variables for word in ("--env", variable)),
        *(*OPTIONS, "inception"),
    )
    assert started.returncode == 0, started.stderr
    with removed(run_docker):
        wait_for((tmp_path / "socket").exists, 30, "no engine")
        with closing(docker.APIClient(f"unix://{tmp_path}/socket", version="1.41")) as inner:
            assert inner.info()["Labels"] == ["for=you and me"]
            import_tiny_image(inner)
            limited = inner.create_host_config(mem_limit="64m")
            script = "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes; exit 5"
            told = inner.create_container(TINY_IMAGE, ["bash", "-c", script], host_config=limited)["Id"]
            inner.start(told)
            assert inner.wait(told)["StatusCode"] == 5
            assert inner.logs(told, stderr=False) == b"%d\n" % (64 << 20)
            # As the first of its PID namespace it passes over SIGTERM, and would for 10 s.
            inner.start(inner.create_container(TINY_IMAGE, ["sleep", "600"])["Id"])
        version = ("docker", "-H", "tcp://localhost:2375", "version", "--format", "{{.Server.Version}}")
        assert run_docker("exec", NAME, *version).returncode == 0
        wait_for(lambda: health(run_docker) == b"healthy", 20, "the engine did not become healthy")
        logged = run_docker("exec", NAME, "cat", "/var/log/docker.log").stdout
        assert b"Daemon has completed initialization" in logged
        assert stop(run_docker) < STOP_LIMIT_S
        assert run_docker("inspect", "--format", "{{.State.ExitCode}}", NAME).stdout == b"0\n"
        said = run_docker("logs", NAME)
        assert said.stdout == b""
        # Nothing more than that: both daemons have ended by themselves.
        assert said.stderr.startswith(
            b"inception: warning: everybody who reaches port 2375 of this container is root in it"
        )
        assert said.stderr.count(b"\n") == 1


def test_a_shell_on_a_terminal_stops_at_once(run_docker: Docker, environment: dict[str, str]) -> None:
    arguments = ["run", "--rm", "-ti", "--name", NAME, "--hostname", "inside", *OPTIONS, "inception"]
    with removed(run_docker):
        shell = pexpect.spawn("docker", arguments, env=environment, timeout=30, encoding="utf-8")
        shell.expect_exact("root@inside:/#")
        shell.sendline('echo "<$(docker ps --all --quiet)>" $((6 * 7))')
        shell.expect_exact("<> 42")
        assert stop(run_docker) < STOP_LIMIT_S / 2
        shell.expect(pexpect.EOF)
        shell.close()
        assert shell.exitstatus == 129


def test_a_container_that_is_still_booting_stops_at_once(run_docker: Docker) -> None:
    with removed(run_docker):
        run_docker("run", "--detach", "--name", NAME, *OPTIONS, "inception", "sleep", "600")
        assert stop(run_docker) < STOP_LIMIT_S / 2
        assert run_docker("inspect", "--format", "{{.State.ExitCode}}", NAME).stdout == b"143\n"
        assert run_docker("logs", NAME).stderr == b""


def test_data_are_on_an_ext4_where_no_overlay_can_lie(run_docker: Docker) -> None:
    script = """
        mount -t tmpfs tmpfs /mnt
        mkdir /mnt/lower /mnt/upper /mnt/work
        mount -t overlay -o lowerdir=/mnt/lower,upperdir=/mnt/upper,workdir=/mnt/work overlay /var/lib/docker
        exec tini -s -- python3 -I -m inception.level.standalone.main sh -c "$1"
    """
    look = "docker info --format '{{.Driver}}'; findmnt --noheadings --bytes -o FSTYPE,SIZE /var/lib/docker | tail -1"
    ended = run_docker("run", "--rm", "--entrypoint", "sh", *OPTIONS, "inception", "-c", script, "sh", look)
    driver, file_system, size = ended.stdout.decode().split()
    assert (driver, file_system) == ("overlay2", "ext4"), ended.stderr
    assert 4.8e9 < int(size) < 5e9


def test_a_size_holds_and_a_killed_container_starts_again_with_its_data(run_docker: Docker) -> None:
    script = """
        docker image inspect kept:1 >/dev/null && exit 5
        findmnt --noheadings --output SIZE --bytes /var/lib/docker | tail -1
        tar -c /etc/hostname | docker import - kept:1
        exec sleep 600
    """
    with removed(run_docker):
        sized = ("--env", "VAR_LIB_DOCKER_SIZE=1.5GB")
        run_docker("run", "--detach", "--name", NAME, *sized, *OPTIONS, "inception", "sh", "-c", script)
        wait_for(lambda: b"sha256:" in run_docker("logs", NAME).stdout, 30, "no image was made")
        assert 1.4e9 < int(run_docker("logs", NAME).stdout.split()[0]) < 1.5e9
        run_docker("kill", NAME)
        ended = run_docker("start", "--attach", NAME)
        assert ended.returncode == 5, ended.stderr


def test_engine_is_healthy_until_it_dies_and_leaves_no_volume(run_docker: Docker) -> None:
    volumes = run_docker("volume", "ls", "--quiet").stdout
    # Sooner than in the image; a retry less.
    sooner = ("--health-interval", "1s", "--health-retries", "1")
    started = run_docker("run", "--detach", "--rm", "--name", NAME, *sooner, *OPTIONS, "inception", "sleep", "600")
    assert started.returncode == 0, started.stderr
    with removed(run_docker):
        wait_for(lambda: health(run_docker) == b"healthy", 20, "the engine did not become healthy")
        assert run_docker("exec", NAME, "docker", "info").returncode == 0
        run_docker("exec", NAME, "pkill", "-KILL", "-x", "dockerd")
        wait_for(lambda: health(run_docker) == b"unhealthy", 20, "the dead engine did not become unhealthy")
        log = run_docker("inspect", "--format", "{{json .State.Health.Log}}", NAME).stdout
        assert b"dockerd does not answer: Connection refused" in log
        stop(run_docker)
        wait_for(lambda: run_docker("inspect", NAME).returncode != 0, 10, "--rm did not remove the container")
        assert run_docker("volume", "ls", "--quiet").stdout == volumes


def test_containers_inside_resolve_names_of_the_users_network(run_docker: Docker, level_image: str) -> None:
    # A name server of the user's, here one that answers nothing, is published at port 53 meanwhile.
    script = f"""
        {archive_of("getent")} | docker import - tiny >/dev/null
        docker network create inner >/dev/null
        docker run --detach --init --publish 53:53 --publish 53:53/udp tiny sleep 600 >/dev/null
        for network in bridge inner host; do
            echo $network $(docker run --rm --network $network tiny sh -c 'getent ahostsv4 neighbour; {LINGER}')
        done
    """
    network, neighbour = f"{NAME}-network", f"{NAME}-neighbour"
    try:
        assert run_docker("network", "create", network).returncode == 0
        beside = ("--network", network, "--network-alias", "neighbour", "--name", neighbour)
        assert run_docker("run", "--detach", "--rm", *beside, level_image, "sleep", "600").returncode == 0
        found = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        address = run_docker("inspect", "--format", found, neighbour).stdout.strip()
        ended = run_docker("run", "--rm", "--network", network, *OPTIONS, "inception", "sh", "-euc", script)
        answers = [line.split()[:2] for line in ended.stdout.splitlines()]
        assert answers == [[b"bridge", address], [b"inner", address], [b"host", address]], ended.stderr
    finally:
        run_docker("rm", "--force", "--volumes", neighbour)
        run_docker("network", "rm", network)


def test_containers_inside_share_mounts_and_have_the_users_mtu(run_docker: Docker) -> None:
    script = f"""
        tar -C / -c bin lib lib64 usr | docker import - tiny >/dev/null
        docker network create own >/dev/null
        for network in bridge own; do
            docker run --rm --network $network tiny sh -c 'cat /sys/class/net/eth0/mtu; {LINGER}'
        done
        mkdir -p /mnt/s
        docker run --detach --name watcher --init -v /:/host:ro,rslave tiny sleep 600 >/dev/null
        docker run --rm --privileged -v /mnt/s:/mnt/s:rshared tiny \\
            sh -c 'mkdir /mnt/s/d && mount -t tmpfs made-inside /mnt/s/d && echo shared >/mnt/s/d/file'
        cat /mnt/s/d/file
        docker exec watcher cat /host/mnt/s/d/file
    """
    mtu = ("--env", "DOCKER_DAEMON_ARGS=--mtu=1300")
    ended = run_docker("run", "--rm", *mtu, *OPTIONS, "inception", "sh", "-euc", script)
    assert (ended.stdout, ended.returncode) == (b"1300\n1300\nshared\nshared\n", 0), ended.stderr
    assert "made-inside" not in Path("/proc/self/mountinfo").read_text()


def test_a_wrong_setting_is_reported_in_one_line(run_docker: Docker) -> None:
    for arguments, said in (
        (("inception", "true"), "an engine needs CAP_SYS_ADMIN and CAP_NET_ADMIN: docker run with --privileged, or"),
        (("--env", "PORT=http", "inception"), "PORT=http is not a port: give a number from 1 to 65535"),
        ((*OPTIONS, "--volume", "/dev/null:/var/run/docker.sock", "inception"), "/run/docker.sock is mounted here, "),
        ((*OPTIONS, "inception", "nonesuch"), "nonesuch: not found"),
    ):
        ended = run_docker("run", "--rm", *arguments)
        assert ended.returncode == (127 if arguments[-1] == "nonesuch" else 125)
        assert ended.stderr.startswith(f"inception: error: {said}".encode())
        assert ended.stderr.count(b"\n") == 1
        assert ended.stdout == b""
    variables = ("--env", "DOCKER_DAEMON_ARGS=--nonesuch", "--env", "LOG=file")
    ended = run_docker("run", "--rm", *variables, *OPTIONS, "inception", "true")
    assert ended.returncode == 125
    assert b"unknown flag: --nonesuch" in ended.stderr
    assert ended.stderr.splitlines()[-1].startswith(b"inception: error: dockerd ended with status 1: see its log")
