from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from inception.level.shutdown import Shutdown
from inception.level.standby import program
from inception.linux import lifeline
from inception.plan.protocol import SIGNAL_PLAN_CHANGED

LIMIT_S = 20
# What it would become is printed, with the signals that wait for it.
CODE = """
import os, signal, sys
import inception.level.standby.program as program
def execute(_, arguments):
    print(*arguments[-3:], *sorted(signal.sigpending()), flush=True)
    os._exit(0)
program.os.execv = execute
program.main()
"""
LOG_LIMIT = 100


def test_signals_are_those_of_the_runner() -> None:
    assert set(program.END_SIGNALS) == set(Shutdown.SIGNALS)
    assert set(program.SIGNALS) == {*Shutdown.SIGNALS, SIGNAL_PLAN_CHANGED}


def test_next_to_nothing_is_imported() -> None:
    heavy = "{'signal', 'threading', 'enum', 're', 'typing', 'pathlib', 'json', 'collections', 'contextlib'}"
    code = f"import sys, inception.level.standby.program; print(*{heavy} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []


@dataclass
class Standby:
    """A program that stands by, and what it watches: `above`, `child` and `daemon` are held, or run."""

    process: subprocess.Popen[str]
    directory: Path
    own: int
    above: int
    child: int
    daemon: subprocess.Popen[bytes]

    @property
    def end(self) -> list[str]:
        """The words that it ends with."""
        out, _ = self.process.communicate(timeout=LIMIT_S)
        return out.split()

    @property
    def stays(self) -> list[str]:
        """The words that it ends with where the level goes on."""
        return [program.AGAIN, "handover", str(self.own)]


Start = Callable[..., Standby]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    made: list[Standby] = []

    def start_with(*words: str) -> Standby:
        own, above, child = (lifeline.hold(tmp_path / name) for name in ("own", "above", "child"))
        daemon = subprocess.Popen(["sleep", "60"])
        log = tmp_path / "log"
        log.touch()
        signals, signals_in = os.pipe2(os.O_NONBLOCK)
        given = (own, signals, signals_in)
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, program.SIGNALS)
        process = subprocess.Popen(
            [
                *(sys.executable, "-c", CODE, "3", "handover"),
                *(f"own-lifeline={own}", f"signals={signals}", f"signals-in={signals_in}", "period=0.02"),
                *(f"above={tmp_path}/above", f"child={tmp_path}/child", f"daemon={daemon.pid}"),
                *(f"log={log}", f"log={tmp_path}/missing", f"log-limit={LOG_LIMIT}", f"data-root={tmp_path}", *words),
            ],
            stdout=subprocess.PIPE,
            text=True,
            pass_fds=given,
        )
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        os.close(signals)
        os.close(signals_in)
        made.append(Standby(process, tmp_path, own, above, child, daemon))
        return made[-1]

    yield start_with
    for it in made:
        it.process.kill()
        it.process.wait()
        it.daemon.kill()
        it.daemon.wait()
        assert it.process.stdout
        it.process.stdout.close()
        for lock in (it.own, it.above, it.child):
            with suppress(OSError):  # The test has closed it.
                os.close(lock)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR2])
def test_signal_that_ends_the_level_waits_for_the_runner_and_the_levels_below_hear_at_once(
    start: Start, number: signal.Signals
) -> None:
    standby = start()
    standby.process.send_signal(number)
    assert standby.end == [program.AGAIN, "handover", program.RELEASED, str(int(number))]
    assert lifeline.is_ending(standby.directory / "own")


def test_change_of_the_plan_waits_for_the_runner(start: Start) -> None:
    standby = start()
    standby.process.send_signal(SIGNAL_PLAN_CHANGED)
    assert standby.end == [*standby.stays, str(int(SIGNAL_PLAN_CHANGED))]
    assert not lifeline.is_ending(standby.directory / "own")


def test_end_of_the_level_above_ends_the_level(start: Start) -> None:
    standby = start()
    os.close(standby.above)
    assert standby.end == [program.AGAIN, "handover", program.RELEASED]


def test_end_of_the_time_to_live_ends_the_level(start: Start) -> None:
    ends_s = time.monotonic() + 0.5
    standby = start(f"ends={ends_s}")
    assert standby.end == [program.AGAIN, "handover", program.RELEASED]
    assert time.monotonic() >= ends_s


def test_end_of_a_child_level_is_for_the_runner(start: Start) -> None:
    standby = start()
    os.close(standby.child)
    assert standby.end == standby.stays


def test_end_of_a_daemon_is_for_the_runner(start: Start) -> None:
    standby = start()
    standby.daemon.kill()
    standby.daemon.wait()
    assert standby.end == standby.stays


def test_long_log_is_for_the_runner(start: Start) -> None:
    standby = start()
    (standby.directory / "log").write_bytes(bytes(LOG_LIMIT + 1))
    assert standby.end == standby.stays


def test_it_waits_while_nothing_happens(start: Start) -> None:
    standby = start()
    with pytest.raises(subprocess.TimeoutExpired):
        standby.process.wait(0.5)
