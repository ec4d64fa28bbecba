"""The stand-in for dockerd's network hook sends what that sends, and leaves to it whatever it does not know."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from inception.level.programs import set_network_key

CONTAINER = "0a" * 32
STATE = {"ociVersion": "1.2.0", "id": CONTAINER, "status": "creating", "pid": 4321, "bundle": "/b", "annotations": {}}


@contextmanager
def controller(root: Path, reply: bytes) -> Iterator[list[bytes]]:
    """Listen as an engine's network controller does; yield the messages that came."""
    (root / "libnetwork").mkdir()
    came: list[bytes] = []

    def answer() -> None:
        connection, _ = listener.accept()
        with connection:
            came.append(connection.recv(1280))
            connection.send(reply)

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(root / "libnetwork" / "c0ffee.sock"))
        listener.listen()
        thread = threading.Thread(target=answer)
        thread.start()
        yield came
        thread.join()


@pytest.fixture
def dockerd(tmp_path: Path) -> Path:
    program = tmp_path / "dockerd"
    program.write_text('#!/bin/sh\necho "usual: $*"\ncat\nexit 5\n')
    program.chmod(0o755)
    return program


def run(dockerd: Path, *arguments: str, state: object = STATE) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, "-ISB", set_network_key.__file__, str(dockerd), *arguments)
    return subprocess.run(
        command, input=json.dumps(state, separators=(",", ":")), capture_output=True, text=True, check=False
    )


def test_namespace_is_sent_to_the_controller(tmp_path: Path, dockerd: Path) -> None:
    with controller(tmp_path, b"success") as came:
        done = run(dockerd, "libnetwork-setkey", f"-exec-root={tmp_path}", CONTAINER, "c0ffee")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert json.loads(came[0]) == {"ContainerID": CONTAINER, "Key": "/proc/4321/ns/net"}


def test_what_the_controller_objects_to_is_said(tmp_path: Path, dockerd: Path) -> None:
    with controller(tmp_path, b"no sandbox present"):
        done = run(dockerd, "libnetwork-setkey", f"-exec-root={tmp_path}", CONTAINER, "c0ffee")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "no sandbox present\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ("libnetwork-setkey", "-exec-root={root}", CONTAINER, "nobody"),
        ("libnetwork-setkey", "-exec-root={root}", CONTAINER, "c0ffee", "more"),
        ("libnetwork-setkey", "-root={root}", CONTAINER, "c0ffee"),
        ("libnetwork-setkey", "-exec-root={root}", 'a"b', "c0ffee"),
    ],
)
def test_unknown_arguments_and_a_missing_controller_are_dockerds(
    tmp_path: Path, dockerd: Path, arguments: tuple[str, ...]
) -> None:
    # A script's name is its path, so the first word is not to be seen.
    given = [it.format(root=tmp_path) for it in arguments]
    done = run(dockerd, *given)
    usual, _, state = done.stdout.partition("\n")
    assert (done.returncode, usual, json.loads(state)) == (5, f"usual: {' '.join(given[1:])}", STATE)


def test_unknown_state_is_dockerds(tmp_path: Path, dockerd: Path) -> None:
    done = run(dockerd, "libnetwork-setkey", f"-exec-root={tmp_path}", CONTAINER, "c0ffee", state={"pid": "x"})
    assert (done.returncode, done.stdout.splitlines()[1:]) == (5, ['{"pid":"x"}'])
