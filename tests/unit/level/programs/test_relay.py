"""The relay programs as processes with pipes: an engine gives them nothing else."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from inception.linux import lifeline

LIMIT_S = 10


@contextmanager
def relay(what: str, path: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "inception.level.programs.relay", what, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def test_hold_prints_the_clocks_and_holds_until_its_input_ends(tmp_path: Path) -> None:
    path = tmp_path / "lifeline"
    with relay("hold", path) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        time_s, monotonic_s = map(float, holder.stdout.readline().split())
        assert abs(time.time() - time_s) < LIMIT_S
        assert 0 <= time.monotonic() - monotonic_s < LIMIT_S
        assert lifeline.is_held(path)
        holder.stdin.close()
        assert holder.wait(LIMIT_S) == 0
    assert not lifeline.is_held(path)


def test_hold_fails_for_a_lock_that_another_holds(tmp_path: Path) -> None:
    path = tmp_path / "lifeline"
    lifeline.hold(path)
    with relay("hold", path) as holder:
        assert holder.stdout is not None
        assert holder.stdout.read() == b""
        assert holder.wait(LIMIT_S) != 0


def test_follow_copies_a_file_that_is_made_late_and_grows(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with relay("follow", path) as follower:
        assert follower.stdout is not None
        while not path.exists():
            time.sleep(0.01)
        with path.open("ab", buffering=0) as events:
            for line in (b"first\n", b"second\n"):
                events.write(line)
                assert follower.stdout.readline() == line


def test_connect_passes_on_a_half_close_and_still_gets_the_answer(tmp_path: Path) -> None:
    path = tmp_path / "docker.sock"
    question, answer = b"q" * 50_000, b"a" * 50_000  # What a pipe takes at once.
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        listening.settimeout(LIMIT_S)
        with relay("connect", path) as wire:
            connection, _ = listening.accept()
            with connection, connection.makefile("rb") as asked:
                assert wire.stdin is not None
                assert wire.stdout is not None
                wire.stdin.write(question)
                wire.stdin.close()
                assert asked.read() == question
                connection.sendall(answer)
                connection.shutdown(socket.SHUT_WR)
                assert wire.stdout.read() == answer
            assert wire.wait(LIMIT_S) == 0


def test_connect_fails_where_nobody_listens(tmp_path: Path) -> None:
    with relay("connect", tmp_path / "docker.sock") as wire:
        assert wire.stdout is not None
        assert wire.stderr is not None
        assert wire.stdout.read() == b""
        assert b"No such file" in wire.stderr.read()
        assert wire.wait(LIMIT_S) != 0
