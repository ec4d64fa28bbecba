"""What the tests on real engines share."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path
from typing import Protocol

import pytest

from inception.chain.prepare import prepare
from inception.engine.connect import Engine, EngineChoice, connect
from inception.image.recipe import default_tag
from inception.plan.request import Request
from inception.stress.inventory import Inventory, diff

INCEPTION = str(Path(sys.executable).with_name("inception"))
"""The installed program, beside the Python that runs the tests."""
MACHINE_LOCK = Path(tempfile.gettempdir()) / ".inception-tests.lock"
SETTLE_S = 5.0
"""Seconds that the host may take until all is as before: the kernel and the engine clean up behind our backs."""
POLL_S = 0.1


class RunInception(Protocol):
    """Runs the program to its end: see the fixture `run_inception`."""

    def __call__(
        self,
        *arguments: str,
        stdin: bytes | None = None,
        environment: Mapping[str, str] | None = None,
        timeout_s: float = 120,
    ) -> subprocess.CompletedProcess[bytes]: ...


def steady_inventory(engine: Engine | None) -> Inventory:
    """What is there now, but for what comes and goes by itself."""
    first = Inventory.take(engine)
    time.sleep(POLL_S)
    return Inventory(first.things & Inventory.take(engine).things)


def lasting_difference(before: Inventory, engine: Engine | None) -> list[str]:
    """What differs from `before` all the time for `SETTLE_S` seconds."""
    deadline = time.monotonic() + SETTLE_S
    lasting = diff(before, Inventory.take(engine))
    while lasting and time.monotonic() < deadline:
        time.sleep(POLL_S)
        now = frozenset(diff(before, Inventory.take(engine)))
        lasting = [line for line in lasting if line in now]
    return lasting


def wait_for(condition: Callable[[], bool], limit_s: float, otherwise: str) -> None:
    """Wait until `condition` holds; fail the test, saying `otherwise`, if it does not within `limit_s` seconds."""
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, otherwise
        time.sleep(POLL_S)


class Turn:
    """A lock on this machine's turn to run a module of these tests."""

    def __init__(self) -> None:
        self._descriptor: int | None = None

    def begin(self, config: pytest.Config) -> None:
        """Wait for it, unless we have it."""
        if self._descriptor is not None:
            return
        self._descriptor = os.open(MACHINE_LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            config.get_terminal_writer().line("waiting for another run of these tests on this machine")
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def end(self) -> None:
        """Let others have theirs."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


TURN = Turn()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, object, object]:
    """Let only one run of these tests on this machine have its turn: it would find in its inventory what others are at.

    A module is a turn, as what it set up for all its tests goes with the last of them. pytest calls this for tests of
    other directories, too: they start nothing, and need not wait.
    """
    if not item.path.is_relative_to(Path(__file__).parent):
        return (yield)
    TURN.begin(item.config)
    try:
        return (yield)
    finally:
        if nextitem is None or nextitem.path != item.path:
            TURN.end()


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """The level-0 engine that inception itself would take; a private one lives as long as the tests."""
    with connect(EngineChoice.AUTO, on_message=print) as engine:
        yield engine


@pytest.fixture(scope="session")
def level_image(engine: Engine) -> str:
    """The tag of the default level image. It and its seed are made if need be: both stay, as after a first descent."""
    return prepare(engine, Request(depth=1, name="warm-up", image=default_tag()), print).image


@pytest.fixture
def unchanged_host(engine: Engine) -> Iterator[None]:
    """Fails the test if it leaves anything on the host, or takes anything away."""
    before = steady_inventory(engine)
    yield
    difference = lasting_difference(before, engine)
    assert not difference, "\n".join(difference)


@pytest.fixture
def inception_environment() -> dict[str, str]:
    """The environment that the program under test starts in."""
    return dict(os.environ)


@pytest.fixture
def own_run_root(
    inception_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, run_inception: RunInception
) -> Iterator[Path]:
    """A run root of the test's own: it sees no chains but its own, and in the end there are none."""
    with tempfile.TemporaryDirectory(prefix="runs-") as root:
        inception_environment["INCEPTION_RUN_ROOT"] = root
        monkeypatch.setenv("INCEPTION_RUN_ROOT", root)
        yield Path(root)
        left = [entry.name for entry in Path(root).iterdir()]
        if left:
            run_inception("kick", "--all")
        assert not left


@pytest.fixture
def run_inception(inception_environment: dict[str, str]) -> RunInception:
    """Runs `inception ARGUMENTS` as a process of its own, without a terminal; its output is kept apart, as bytes.

    `environment` is added to ours. Standard input is at its end where none is given.
    """

    def run(
        *arguments: str,
        stdin: bytes | None = None,
        environment: Mapping[str, str] | None = None,
        timeout_s: float = 120,
    ) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [INCEPTION, *arguments],
            input=stdin or b"",
            capture_output=True,
            env={**inception_environment, **(environment or {})},
            timeout=timeout_s,
            check=False,
        )

    return run
