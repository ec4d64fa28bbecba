from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from inception.level.engine.last_containers import LastProcess, _is_deaf, passes_over, signal_number

_HANDLES = "import signal, sys, time; signal.signal({number}, lambda *_: sys.exit()); print(flush=True); time.sleep(60)"


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("SIGTERM", 15),
        ("term", 15),
        ("15", 15),
        ("SIGQUIT", 3),
        ("SIGRTMIN+3", signal.SIGRTMIN + 3),
        ("rtmax-1", signal.SIGRTMAX - 1),
        ("SIGRTMIN", signal.SIGRTMIN),
        ("0", None),
        ("4000", None),
        ("SIG_IGN", None),
        ("nonsense", None),
    ],
)
def test_signals_have_the_names_that_docker_takes(name: str, number: int | None) -> None:
    assert signal_number(name) == number


@pytest.mark.parametrize(
    ("caught", "blocked", "passed_over"),
    [(0, 0, True), (1 << 16, 0, True), (1 << 14, 0, False), (0, 1 << 14, False)],
)
def test_a_signal_without_a_handler_is_passed_over_by_the_first_of_a_namespace(
    caught: int, blocked: int, passed_over: bool
) -> None:
    status = f"Name:\tx\nSigBlk:\t{blocked:016x}\nSigCgt:\t{caught:016x}\nNSpid:\t{{}}\n"
    assert passes_over(status.format("77\t1"), 15) is passed_over
    assert not passes_over(status.format("77\t12"), 15)


@contextmanager
def _container(*command: str) -> Iterator[int]:
    """Run a command as the first process of a PID namespace; give its number once it has written a line."""
    unshare = ("unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child")
    with subprocess.Popen((*unshare, *command), stdout=subprocess.PIPE) as outside:
        assert outside.stdout
        outside.stdout.readline()
        yield int(Path(f"/proc/{outside.pid}/task/{outside.pid}/children").read_text())
        outside.kill()


@pytest.mark.parametrize(
    ("program", "stop_signal", "deaf"),
    [
        ("print(flush=True); import time; time.sleep(60)", None, True),
        (_HANDLES.format(number=15), None, False),
        (_HANDLES.format(number=15), "SIGQUIT", True),
        (_HANDLES.format(number=3), "SIGQUIT", False),
        ("print(flush=True); import time; time.sleep(60)", "nonsense", False),
    ],
)
def test_a_container_is_deaf_without_a_handler_for_its_own_stop_signal(
    program: str, stop_signal: str | None, deaf: bool, tmp_path: Path
) -> None:
    directory = tmp_path / "containers" / "c1"
    directory.mkdir(parents=True)
    config = {"Config": {"StopSignal": stop_signal} if stop_signal else {}}
    (directory / "config.v2.json").write_text(json.dumps(config))
    with _container(sys.executable, "-c", program) as pid:
        assert _is_deaf(LastProcess(pid, "c1"), tmp_path) is deaf
        assert not _is_deaf(LastProcess(pid, "unknown"), tmp_path)
