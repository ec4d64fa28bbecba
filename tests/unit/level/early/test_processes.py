from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from inception.level.early.processes import Daemon, SpawnedProcess, start_daemon


def test_a_daemon_that_does_not_stop_is_killed() -> None:
    code = "import signal, sys, time; signal.signal(15, signal.SIG_IGN); print(flush=True); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    assert not Daemon("toyd", process).stop(0.2)
    process.stdout.close()


def test_a_daemon_has_a_session_of_its_own_its_log_and_the_usual_signals(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("before\n")
    own = "os.getsid(0) == os.getpid(), os.environ['container'], sys.stdin.read() == ''"
    code = f"import os, sys; print({own}, flush=True); print('error', file=sys.stderr)"
    daemon = start_daemon("toyd", [sys.executable, "-c", code], log)
    assert daemon.process.wait() == 0
    assert log.read_text().splitlines() == ["before", "True docker True", "error"]
    # Python ignores SIGPIPE and SIGXFSZ by itself.
    shell = start_daemon("toyd", ["cat", "/proc/self/status"], tmp_path / "status")
    shell.process.wait()
    ignored = next(line for line in (tmp_path / "status").read_text().splitlines() if line.startswith("SigIgn:"))
    mask = int(ignored.split()[1], 16)
    assert not mask & (1 << signal.SIGPIPE - 1 | 1 << signal.SIGXFSZ - 1)


def test_a_program_that_is_not_there_raises_an_error_and_leaves_no_descriptor(tmp_path: Path) -> None:
    before = set(Path("/proc/self/fd").iterdir())
    with pytest.raises(FileNotFoundError):
        start_daemon("toyd", ["inception-lacks-this"], tmp_path / "log")
    assert set(Path("/proc/self/fd").iterdir()) == before


@pytest.mark.parametrize(("command", "status"), [("exit 3", 3), ("kill -KILL $$", -9), ("true", 0)])
def test_a_process_has_the_status_that_it_ended_with(command: str, status: int, tmp_path: Path) -> None:
    process = start_daemon("toyd", ["sh", "-c", command], tmp_path / "log").process
    assert process.wait() == status
    assert process.poll() == process.wait() == process.returncode == status
    process.terminate()  # Its number may be another's by now.
    process.kill()


def test_threads_that_wait_for_one_process_all_get_its_status(tmp_path: Path) -> None:
    process = start_daemon("toyd", ["sh", "-c", "sleep 0.2; exit 4"], tmp_path / "log").process
    assert isinstance(process, SpawnedProcess)
    found: list[int] = []
    waiting = [threading.Thread(target=lambda: found.append(process.wait())) for _ in range(8)]
    for thread in waiting:
        thread.start()
    while process.poll() is None:
        time.sleep(0.001)
    for thread in waiting:
        thread.join(10)
    assert found == [4] * 8


def test_a_daemon_is_stopped_by_its_signal(tmp_path: Path) -> None:
    daemon = start_daemon("toyd", ["sleep", "60"], tmp_path / "log")
    assert daemon.process.poll() is None
    assert daemon.stop(10)
    assert daemon.process.returncode == -signal.SIGTERM
