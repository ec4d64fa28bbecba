"""The program `listen` as a process with pipes, and callers on its socket."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

LIMIT_S = 10
Listening = subprocess.Popen[bytes]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "c1"


@pytest.fixture
def listening(path: Path) -> Iterator[Listening]:
    command = [sys.executable, "-m", "inception.level.programs.listen", str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == b"listening\n"
            yield process
        finally:
            process.kill()


def call(path: Path, request: bytes) -> socket.socket:
    caller = socket.socket(socket.AF_UNIX)
    caller.settimeout(LIMIT_S)
    caller.connect(str(path))
    caller.sendall(request)
    return caller


def test_each_caller_gets_the_reply_to_its_own_request(path: Path, listening: Listening) -> None:
    assert listening.stdin is not None
    assert listening.stdout is not None
    with closing(call(path, b"outer\n")) as outer:
        assert listening.stdout.readline() == b"1 outer\n"
        with closing(call(path, b"inner\n")) as inner:
            assert listening.stdout.readline() == b"2 inner\n"
            listening.stdin.write(b"2 second\n")
            assert inner.recv(100) == b"second\n"
        listening.stdin.write(b"1 \n")
        assert outer.recv(100) == b""


def test_a_caller_that_sends_no_line_is_hung_up_on(path: Path, listening: Listening) -> None:
    with closing(call(path, b"half")) as caller:
        caller.shutdown(socket.SHUT_WR)
        assert caller.recv(100) == b""
    assert listening.poll() is None


def test_socket_goes_with_the_client(path: Path, listening: Listening) -> None:
    assert listening.stdin is not None
    assert path.stat().st_mode & 0o777 == 0o600
    with closing(call(path, b"waits\n")):
        listening.stdin.close()
        assert listening.wait(LIMIT_S) == 0
    assert not path.exists()
