"""Sessions in a container of the level-0 engine: each is started by a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pexpect
import pytest

from inception.engine.connect import Engine
from tests.integration.conftest import lasting_difference, steady_inventory

CHECKOUT = Path(__file__).parents[3]
LIMIT_S = 30

# Stands for the command line: address, container, then the command.
DRIVER = """
import sys, docker
from inception.chain.session.run import run_session
from inception.errors import InceptionError, Interrupted
address, container, *command = sys.argv[1:]
client = docker.APIClient(base_url=address, timeout=60)
try:
    sys.exit(run_session(client, container, command=command or None))
except (InceptionError, Interrupted) as error:
    print(f"{type(error).__name__}: {error}", file=sys.stderr)
    sys.exit(error.exit_code)
"""


@contextmanager
def sleeping_container(engine: Engine, image: str) -> Iterator[str]:
    created = engine.client.create_container(image, ["tini", "-s", "--", "sleep", "600"])
    try:
        engine.client.start(created["Id"])
        yield created["Id"]
    finally:
        engine.client.remove_container(created["Id"], force=True, v=True)


@pytest.fixture(scope="module")
def container(engine: Engine, level_image: str) -> Iterator[str]:
    """Shared by all tests here; after the last one the host is as it was before the first."""
    before = steady_inventory(engine)
    with sleeping_container(engine, level_image) as container:
        yield container
    difference = lasting_difference(before, engine)
    assert not difference, "\n".join(difference)


class Sessions:
    """Starts sessions in one container, each by a process of its own."""

    def __init__(self, address: str, container: str) -> None:
        self.start = [sys.executable, "-c", DRIVER, address, container]

    def run(self, *command: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [*self.start, *command], input=given, capture_output=True, timeout=LIMIT_S, check=False, cwd=CHECKOUT
        )

    def shell_line(self, line: str) -> subprocess.CompletedProcess[bytes]:
        """Run a line of bash in which "$@" is the start of a session."""
        return subprocess.run(
            ["bash", "-c", line, "bash", *self.start],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=LIMIT_S,
            check=False,
            cwd=CHECKOUT,
        )

    @contextmanager
    def started(self, *command: str) -> Iterator[subprocess.Popen[bytes]]:
        """A session with pipes; it has said a line when this begins. Killed in the end."""
        with subprocess.Popen(
            [*self.start, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=CHECKOUT,
        ) as process:
            try:
                assert process.stdout is not None
                process.stdout.readline()
                yield process
            finally:
                process.kill()

    def at_terminal(self, *command: str, rows: int = 24, columns: int = 80) -> pexpect.spawn[str]:
        return pexpect.spawn(
            self.start[0],
            [*self.start[1:], *command],
            dimensions=(rows, columns),
            timeout=LIMIT_S,
            encoding="utf-8",
            cwd=str(CHECKOUT),
            env={**os.environ, "TERM": "xterm-256color"},
        )


@pytest.fixture
def sessions(engine: Engine, container: str) -> Sessions:
    return Sessions(engine.endpoint, container)
