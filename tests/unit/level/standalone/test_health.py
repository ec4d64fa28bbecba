from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from inception.level.standalone.health import failure


@contextmanager
def _listening(path: Path, answer: bytes | None = None) -> Iterator[None]:
    """Listen at `path`, and answer a request with `answer` if there is one."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()

        def serve(answer: bytes) -> None:
            with listening.accept()[0] as connection:
                connection.recv(100)
                connection.sendall(answer)

        if answer is not None:
            threading.Thread(target=serve, args=(answer,), daemon=True).start()
        yield


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.0 200 OK\r\nApi-Version: 1.45\r\n\r\nOK", None),
        (b"HTTP/1.0 500 Internal Server Error\r\n\r\n", "dockerd answers 'HTTP/1.0 500 Internal Server Error'"),
        (None, "dockerd does not answer: timed out"),
    ],
)
def test_failure_tells_what_dockerd_answers(tmp_path: Path, answer: bytes | None, reason: str | None) -> None:
    with _listening(tmp_path / "containerd"), _listening(tmp_path / "dockerd", answer):
        assert failure(tmp_path / "containerd", tmp_path / "dockerd", timeout_s=0.2) == reason


def test_failure_names_the_daemon_that_has_died(tmp_path: Path) -> None:
    with _listening(tmp_path / "containerd"):
        dockerd = failure(tmp_path / "containerd", tmp_path / "dockerd")
    assert dockerd == "dockerd does not answer: No such file or directory"


def test_failure_names_a_containerd_that_was_killed(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(tmp_path / "containerd"))
    containerd = failure(tmp_path / "containerd", tmp_path / "dockerd")
    assert containerd == "containerd does not answer: Connection refused"
