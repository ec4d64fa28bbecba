"""Fixtures and helpers of the tests on real engines."""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import pytest

from inception.chain.prepare import prepare
from inception.engine.connect import Engine, EngineChoice, connect
from inception.image.recipe import default_tag
from inception.plan.protocol import Program, Variable
from inception.plan.request import Request
from inception.stress.inventory import Inventory, Thing, diff
from tests.isolated.run import is_isolated
from tests.isolated.slot import LOCKS

INCEPTION = str(Path(sys.executable).with_name("inception"))
"""The installed program, beside the Python that runs the tests."""
SETTLE_S = 5.0
"""Seconds for the kernel and the engine to finish their asynchronous clean-up after a test."""
POLL_S = 0.1


class RunInception(Protocol):
    """Type of the function that the fixture `run_inception` gives."""

    def __call__(
        self,
        *arguments: str,
        stdin: bytes | None = None,
        environment: Mapping[str, str] | None = None,
        timeout_s: float = 120,
    ) -> subprocess.CompletedProcess[bytes]: ...


def steady_inventory(engine: Engine | None) -> Inventory:
    """Return the inventory of the host without the things that come and go by themselves.

    A container that another test has left to its engine, which still starts or removes it, is waited for.
    """
    deadline = time.monotonic() + SETTLE_S
    earlier = Inventory.take(engine).things
    while True:
        time.sleep(POLL_S)
        things = Inventory.take(engine).things
        if (things == earlier and not any(map(_is_runc, things))) or time.monotonic() > deadline:
            return Inventory(earlier & things)
        earlier = things


def _is_runc(thing: Thing) -> bool:
    return thing.kind == "process" and re.search(r": (\S*/)?runc ", thing.name) is not None


def lasting_difference(before: Inventory, engine: Engine | None) -> list[str]:
    """Return the differences from `before` that last for `SETTLE_S` seconds, one a line."""
    deadline = time.monotonic() + SETTLE_S
    lasting = diff(before, Inventory.take(engine))
    while lasting and time.monotonic() < deadline:
        time.sleep(POLL_S)
        now = frozenset(diff(before, Inventory.take(engine)))
        lasting = [line for line in lasting if line in now]
    return lasting


def wait_for(condition: Callable[[], bool], limit_s: float, message: str) -> None:
    """Wait until `condition` holds; fail the test with `message` if it does not within `limit_s` seconds."""
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, message
        time.sleep(POLL_S)


def runners_of(chain: str) -> dict[int, Path]:
    """Return the processes of a chain's runners, by level: those that work, and those that stand by."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # It ended meanwhile.
            environment = dict(it.partition(b"=")[::2] for it in (process / "environ").read_bytes().split(b"\0"))
            command = (process / "cmdline").read_bytes()
            runner = any(it in command for it in (f"-m\0{Program.RUNNER}\0".encode(), Program.STANDBY.encode()))
            if runner and environment.get(Variable.CHAIN.encode()) == chain.encode():
                found[int(environment[Variable.LEVEL.encode()])] = process
    return found


def free_pid_namespaces() -> int:
    """Return how many PID namespaces levels can nest: of the kernel's 32, isolation takes one."""
    return 31 if is_isolated() else 32


class MachineLock:
    """A lock on this machine, held by its tests: shared by those that run in isolation, else exclusively."""

    def __init__(self) -> None:
        self._descriptor: int | None = None

    def take(self, mode: int, on_message: Callable[[str], None]) -> int:
        """Wait until this run holds the lock in `mode`, LOCK_SH or LOCK_EX; return its descriptor."""
        if self._descriptor is not None:
            return self._descriptor
        # Whoever waits holds the turn: those who share the lock would else always be before whoever wants it alone.
        turn, self._descriptor = _open_lock("turn"), _open_lock("lock")
        try:
            fcntl.flock(turn, fcntl.LOCK_EX)
            try:
                fcntl.flock(self._descriptor, mode | fcntl.LOCK_NB)
            except BlockingIOError:
                if mode == fcntl.LOCK_EX:
                    on_message("waiting for other tests on this machine")
                fcntl.flock(self._descriptor, mode)
        finally:
            os.close(turn)
        return self._descriptor

    def release(self) -> None:
        """Let another run take the lock."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _open_lock(name: str) -> int:
    return os.open(LOCKS / f"inception-tests-{name}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)


MACHINE_LOCK = MachineLock()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, object, object]:
    """Hold the machine's lock while one of these tests runs: its inventory would show what another run does.

    In isolation it does not: such tests share the lock, but for those marked `whole_machine`. Otherwise the lock is
    held for a whole module, since module-scoped fixtures end with its last test. pytest calls this hook for tests of
    other directories, too: they start no engine and need not wait.
    """
    if not item.path.is_relative_to(Path(__file__).parent):
        return (yield)
    isolated = is_isolated()
    shared = isolated and item.get_closest_marker("whole_machine") is None
    MACHINE_LOCK.take(fcntl.LOCK_SH if shared else fcntl.LOCK_EX, item.config.get_terminal_writer().line)
    try:
        return (yield)
    finally:
        if isolated or nextitem is None or nextitem.path != item.path:
            MACHINE_LOCK.release()


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """Connect to the level-0 engine that inception itself would use; a private one lives as long as the tests."""
    with connect(EngineChoice.AUTO, on_message=print) as engine:
        yield engine


@pytest.fixture(scope="session")
def level_image(engine: Engine) -> str:
    """Make the default level image and its seed if they are missing, and give its tag; both stay."""
    return prepare(engine, Request(depth=1, name="warm-up", image=default_tag()), print).level(1).image


@pytest.fixture
def unchanged_host(engine: Engine) -> Iterator[None]:
    """Fail the test if the inventory of the host differs after it."""
    before = steady_inventory(engine)
    yield
    difference = lasting_difference(before, engine)
    assert not difference, "\n".join(difference)


@pytest.fixture
def inception_environment() -> dict[str, str]:
    """Give the environment of the program under test, to be changed by other fixtures."""
    return dict(os.environ)


@pytest.fixture
def own_run_root(
    inception_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, run_inception: RunInception
) -> Iterator[Path]:
    """Give the test a run root of its own, and fail it if a chain is left there."""
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
    """Give a function that runs `inception ARGUMENTS` without a terminal and returns its status and output (bytes).

    `environment` is added to `inception_environment`. Standard input is empty by default.
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
