"""Reach the level-0 engine as the Docker CLI reaches ssh://: through an sshd of the tests' own, on a loopback port."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from inception.engine.connect import Engine
from tests.integration.conftest import wait_for
from tests.integration.remote_engine import RemoteEngine

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


@contextmanager
def engine_behind_ssh(engine: Engine) -> Iterator[RemoteEngine]:
    """Start an sshd whose host has `engine`, beside an ssh with a configuration of its own."""
    assert SSHD is not None
    made = not PRIVILEGE_SEPARATION.exists()
    PRIVILEGE_SEPARATION.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="sshd-") as name:
        directory = Path(name)
        port = make_configuration(directory, engine.endpoint)
        environment = {"PATH": f"{directory / 'bin'}:{os.environ['PATH']}"}
        with subprocess.Popen([SSHD, "-D", "-f", directory / "server", "-E", directory / "log"]) as server:
            try:
                wait_for(lambda: listens(port), START_LIMIT_S, "sshd does not listen")
                yield RemoteEngine(address="ssh://root@far", environment=environment, client=engine.client)
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
