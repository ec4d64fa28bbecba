"""The program `relay` as a process with pipes: an engine gives it nothing else."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

LIMIT_S = 10


def test_a_half_close_is_passed_on_and_the_answer_still_comes(tmp_path: Path) -> None:
    path = tmp_path / "docker.sock"
    question, answer = b"q" * 50_000, b"a" * 50_000  # What a pipe takes at once.
    command = [sys.executable, "-m", "inception.level.programs.relay", str(path)]
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        listening.settimeout(LIMIT_S)
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as relay:
            connection, _ = listening.accept()
            with connection, connection.makefile("rb") as asked:
                assert relay.stdin is not None
                assert relay.stdout is not None
                relay.stdin.write(question)
                relay.stdin.close()
                assert asked.read() == question
                connection.sendall(answer)
                connection.shutdown(socket.SHUT_WR)
                assert relay.stdout.read() == answer
