"""Engines behind ssh: a program of ours plays ssh, and leads to a server of ours."""

from __future__ import annotations

import json
import select
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from inception.chain.session.connection import ExecConnection, open_exec_connection
from inception.engine.client import open_client
from inception.engine.connect import EngineChoice, connect
from inception.engine.ssh import SshTarget, ssh_client
from inception.errors import EngineError, EngineUnreachable

ADDRESS = "ssh://me@host:2222"
LIMIT_S = 10
COPY = """
import os, socket, sys, threading
far = socket.socket(socket.AF_UNIX)
far.connect(sys.argv[1])
def outward():
    while data := os.read(0, 65536):
        far.sendall(data)
    far.shutdown(socket.SHUT_WR)
threading.Thread(target=outward, daemon=True).start()
while data := far.recv(65536):
    os.write(1, data)
"""


@pytest.mark.parametrize(
    ("address", "options"),
    [
        ("ssh://host", ["--", "host"]),
        ("ssh://Alias", ["--", "Alias"]),
        ("ssh://me@host", ["-l", "me", "--", "host"]),
        ("ssh://me%40home@host:2222", ["-l", "me@home", "-p", "2222", "--", "host"]),
        ("ssh://[::1]:22", ["-p", "22", "--", "::1"]),
        ("ssh://-oProxyCommand=x", ["--", "-oProxyCommand=x"]),
    ],
)
def test_command_dials_the_engine_with_user_and_port_of_the_address(address: str, options: list[str]) -> None:
    first = ["ssh", "-o", "ConnectTimeout=30", "-o", "ControlMaster=no", "-T"]
    assert list(SshTarget.parse(address).command) == [*first, *options, "docker", "system", "dial-stdio"]


class Engine(socketserver.ThreadingUnixStreamServer):
    """Answers each `GET` with a version; an exec gets `early`, the number of bytes that came, and a last line."""

    daemon_threads = True


class Exchange(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        while request := self.rfile.readline():
            length = 0
            while (line := self.rfile.readline()) != b"\r\n":
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            self.rfile.read(length)
            if request.startswith(b"POST"):
                self.request.sendall(b"HTTP/1.1 101 UPGRADED\r\n\r\nearly ")
                self.request.sendall(b"%d last" % len(self.rfile.read()))
                return
            body = json.dumps({"ApiVersion": "1.41"}).encode()
            self.request.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


def make_ssh(directory: Path, script: str) -> None:
    program = directory / "bin" / "ssh"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


@pytest.fixture(autouse=True)
def _path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")


@pytest.fixture
def _engine(tmp_path: Path) -> Iterator[None]:
    """An engine, and an ssh that leads there."""
    (tmp_path / "copy.py").write_text(COPY)
    make_ssh(
        tmp_path, f"echo $$ >> {tmp_path}/pids; exec {sys.executable} -S {tmp_path}/copy.py {tmp_path}/engine.sock"
    )
    with Engine(str(tmp_path / "engine.sock"), Exchange) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield
        server.shutdown()
        thread.join()


def read_all(connection: ExecConnection, given: bytes) -> bytes:
    received = b""
    connection.put(given)
    connection.end()
    while True:
        poll = select.poll()
        poll.register(connection, select.POLLIN | (select.POLLOUT if connection.waiting else 0))
        assert connection.readable or poll.poll(LIMIT_S * 1000)
        if connection.waiting:
            connection.send_some()
        if (data := connection.receive()) == b"":
            return received
        received += data or b""


@pytest.mark.usefixtures("_engine")
def test_requests_share_a_connection_that_ends_with_the_client(tmp_path: Path) -> None:
    with closing(open_client(ADDRESS)) as client:
        assert client.info() == client.version() == {"ApiVersion": "1.41"}
    pids = (tmp_path / "pids").read_text().split()
    assert len(pids) == 2  # One to ask for the version.
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


@pytest.mark.usefixtures("_engine")
def test_each_way_of_a_session_ends_alone() -> None:
    with (
        closing(open_client(ADDRESS)) as client,
        closing(open_exec_connection(client, "abc", terminal=False)) as connection,
    ):
        assert read_all(connection, bytes(3_000_000)) == b"early 3000000 last"


@pytest.mark.usefixtures("_engine")
def test_ssh_ends_with_a_session_that_is_closed_early(tmp_path: Path) -> None:
    with closing(open_client(ADDRESS)) as client:
        open_exec_connection(client, "abc", terminal=False).close()
    assert not [pid for pid in (tmp_path / "pids").read_text().split() if Path(f"/proc/{pid}").exists()]


def test_ctrl_c_at_our_terminal_does_not_reach_ssh(tmp_path: Path) -> None:
    make_ssh(tmp_path, f"ps -o sid= -p $$ > {tmp_path}/session; exit 1")
    with pytest.raises(EngineUnreachable):
        open_client(ADDRESS)
    ours = subprocess.run(["ps", "-o", "sid=", "-p", "self"], capture_output=True, check=False).stdout
    assert (tmp_path / "session").read_bytes() != ours


@pytest.mark.parametrize(
    ("script", "why"),
    [
        (
            "echo '@@@ WARNING @@@' >&2; echo 'Host key verification failed.\r' >&2; exit 255",
            "Host key verification failed.",
        ),
        ("echo 'sh: 1: docker: not found' >&2; exit 127", "sh: 1: docker: not found"),
        ("exit 3", "ssh ended with status 3"),
    ],
)
def test_reason_of_ssh_is_in_the_error(tmp_path: Path, script: str, why: str) -> None:
    make_ssh(tmp_path, script)
    with (
        pytest.raises(EngineUnreachable) as caught,
        connect(EngineChoice.AUTO, endpoint=ADDRESS, on_message=print),
    ):
        pass
    assert str(caught.value) == (
        f"no Docker engine answers at {ADDRESS} (from the command line): {why}: "
        f"make this work first: ssh {ADDRESS} docker version"
    )
    with (
        closing(ssh_client(ADDRESS, timeout_s=LIMIT_S, version="1.41")) as client,
        pytest.raises(EngineError, match=why),
    ):
        open_exec_connection(client, "abc", terminal=False)


def test_ssh_that_is_silent_times_out(tmp_path: Path) -> None:
    make_ssh(tmp_path, "exec sleep 60")
    with closing(ssh_client(ADDRESS, timeout_s=1, version="1.41")) as client:
        with pytest.raises(Exception, match="timed out"):
            client.version()
        with pytest.raises(TimeoutError):
            open_exec_connection(client, "abc", terminal=False)
