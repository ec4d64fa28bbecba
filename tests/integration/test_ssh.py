"""Level 0 behind ssh://, as the Docker CLI reaches it: through an sshd of the tests' own, on a loopback port."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import pexpect
import pytest

from inception.engine.connect import Engine
from tests.integration.conftest import INCEPTION, RunInception, wait_for

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
LACKING = next(
    (
        f"{what}; `.ci/run`, as root, installs it with `apt-get install openssh-server` and runs these tests"
        for what, missing in (
            ("no sshd", SSHD is None),
            ("sshd is here, but only root can start one that accepts root", os.geteuid() != 0),
            ("no docker command, which the far end of ssh runs", shutil.which("docker") is None),
        )
        if missing
    ),
    None,
)
pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(LACKING is not None, reason=str(LACKING)),
    pytest.mark.usefixtures("unchanged_host", "own_run_root"),
]

LIMIT_S = 60
START_LIMIT_S = 10
PRIVILEGE_SEPARATION = Path("/run/sshd")
"""Directory that sshd asks for; the package's service makes it when it starts."""
SERVER = """
Port {port}
ListenAddress 127.0.0.1
HostKey {directory}/host
AuthorizedKeysFile {directory}/authorized
PidFile none
StrictModes no
UsePAM no
PermitRootLogin prohibit-password
PermitUserEnvironment PATH
SetEnv DOCKER_HOST={endpoint}
"""
CLIENT = """
Host far
    HostKeyAlias known
    IdentityFile {directory}/key
Host stranger
    HostKeyAlias stranger
    IdentityFile {directory}/key
Host no-docker
    HostKeyAlias known
    IdentityFile {directory}/key-without-docker
Host closed
    Port {closed}
Host *
    HostName 127.0.0.1
    Port {port}
    IdentitiesOnly yes
    UserKnownHostsFile {directory}/known
    GlobalKnownHostsFile /dev/null
    StrictHostKeyChecking yes
"""


@dataclass(frozen=True, kw_only=True)
class Sshd:
    """A running server; `programs` is the directory of an ssh that knows its keys."""

    programs: Path


@pytest.fixture(scope="module")
def sshd(engine: Engine, level_image: str) -> Iterator[Sshd]:
    """An sshd whose host has the level-0 engine, and an ssh with a configuration of its own."""
    assert SSHD is not None
    assert level_image
    made = not PRIVILEGE_SEPARATION.exists()
    PRIVILEGE_SEPARATION.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="sshd-") as name:
        directory = Path(name)
        port = make_configuration(directory, engine.endpoint)
        with subprocess.Popen([SSHD, "-D", "-f", directory / "server", "-E", directory / "log"]) as server:
            try:
                wait_for(lambda: listens(port), START_LIMIT_S, "sshd does not listen")
                yield Sshd(programs=directory / "bin")
            finally:
                server.terminate()
    if made:
        PRIVILEGE_SEPARATION.rmdir()


def make_configuration(directory: Path, endpoint: str) -> int:
    """Make keys and configurations; return the port for sshd."""
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        port, closed = int(one.getsockname()[1]), int(other.getsockname()[1])
    for key in ("host", "key", "key-without-docker"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", directory / key], check=True)
    public = {key: (directory / f"{key}.pub").read_text() for key in ("host", "key", "key-without-docker")}
    authorized = f'{public["key"]}environment="PATH=/nonexistent" {public["key-without-docker"]}'
    (directory / "authorized").write_text(authorized)
    (directory / "known").write_text(f"known {public['host']}")
    (directory / "server").write_text(SERVER.format(port=port, directory=directory, endpoint=endpoint))
    (directory / "client").write_text(CLIENT.format(port=port, closed=closed, directory=directory))
    program = directory / "bin" / "ssh"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {directory}/client "$@"\n')
    program.chmod(0o755)
    return port


def listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


@pytest.fixture
def inception_environment(inception_environment: dict[str, str], sshd: Sshd) -> dict[str, str]:
    path = f"{sshd.programs}:{inception_environment['PATH']}"
    return {**inception_environment, "PATH": path, "DOCKER_HOST": "ssh://root@far"}


def test_command_behind_ssh_has_our_streams_and_gives_us_its_status(run_inception: RunInception) -> None:
    given = os.urandom(10 << 20)
    script = "cat; hostname >&2; exit 7"
    done = run_inception("--depth", "2", "--name", "ssh-command", "-q", "--", "sh", "-c", script, stdin=given)
    assert (done.returncode, done.stderr) == (7, b"ssh-command-2\n")
    assert done.stdout == given
    done = run_inception("--depth", "1", "--name", "ssh-one", "-q", "--", "sh", "-c", "wc -c; exit 3", stdin=given)
    assert (done.returncode, done.stdout, done.stderr) == (3, b"10485760\n", b"")


def test_terminal_behind_ssh_is_ours(inception_environment: dict[str, str]) -> None:
    shell = pexpect.spawn(
        INCEPTION,
        ["--depth", "1", "--name", "ssh-terminal", "-q", "--", "bash", "--norc"],
        dimensions=(30, 90),
        timeout=LIMIT_S,
        encoding="utf-8",
        env={**inception_environment, "TERM": "dumb"},
    )
    with closing(shell):
        shell.sendline("PS1='at:'; tty; hostname; stty size")
        shell.expect("/dev/pts/[0-9]+\r\nssh-terminal-1\r\n30 90\r\nat:")
        shell.setwinsize(40, 120)
        shell.sendline("until [ \"$(stty size)\" = '40 120' ]; do sleep 0.1; done; echo gr''own; sleep 600")
        shell.expect("grown\r\n")
        shell.sendcontrol("c")
        shell.expect("at:")
        shell.sendline("exit 5")
        shell.expect(pexpect.EOF)
        shell.wait()
    assert shell.exitstatus == 5


def test_chain_behind_ssh_ends_with_its_client(
    inception_environment: dict[str, str], own_run_root: Path, engine: Engine, run_inception: RunInception
) -> None:
    command = [INCEPTION, "--depth", "1", "--name", "ssh-killed", "-q", "--", "sh", "-c", "echo up; exec sleep 600"]
    with subprocess.Popen(
        command, env=inception_environment, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL
    ) as client:
        assert client.stdout is not None
        assert client.stdout.readline() == b"up\n"
        client.send_signal(signal.SIGKILL)
    ours = {"name": "inception-ssh-killed"}
    wait_for(lambda: not engine.client.containers(all=True, filters=ours), LIMIT_S, "level 1 is still there")
    assert run_inception("prune", "--yes").returncode == 0
    assert list(own_run_root.iterdir()) == []


@pytest.mark.parametrize(
    ("host", "why"),
    [
        ("stranger", "Host key verification failed."),
        ("no-docker", "docker: command not found"),
        ("closed", "Connection refused"),
    ],
)
def test_ssh_that_fails_is_one_line_with_its_reason(run_inception: RunInception, host: str, why: str) -> None:
    address = f"ssh://root@{host}"
    done = run_inception("--depth", "1", "--", "true", environment={"DOCKER_HOST": address})
    assert done.returncode == 125
    lines = done.stderr.decode().splitlines()
    assert len(lines) == 1
    assert f"no Docker engine answers at {address} (from DOCKER_HOST): " in lines[0]
    assert why in lines[0]
    assert lines[0].endswith(f": make this work first: ssh {address} docker version")
