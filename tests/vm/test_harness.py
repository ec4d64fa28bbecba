"""The parts of the harness that need no machine: what is kept for the next run, and the talk with the guest agent."""

from __future__ import annotations

import base64
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.vm.cache import Cache
from tests.vm.guest_agent import AgentError, GuestAgent

Answer = Callable[[dict[str, Any]], bytes]


def test_cache_makes_an_entry_once_for_each_input(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    made: list[str] = []

    def get(*inputs: str) -> str:
        def make(file: Path) -> None:
            made.append("".join(inputs))
            file.write_text("".join(inputs))

        return cache.get("thing", inputs, make).read_text()

    assert [get("a", "b"), get("a", "b"), get("ab"), get("ab")] == ["ab"] * 4
    assert made == ["ab", "ab"]
    assert len(list(tmp_path.iterdir())) == 1


def test_cache_makes_an_unfinished_entry_again(tmp_path: Path) -> None:
    cache = Cache(tmp_path)

    def fail(file: Path) -> None:
        file.write_text("half")
        raise OSError

    with pytest.raises(OSError):  # noqa: PT011 it is ours
        cache.get("thing", ["a"], fail)
    assert cache.get("thing", ["a"], lambda file: file.touch(exist_ok=False)).read_text() == ""


def _line(answer: dict[str, Any]) -> bytes:
    return json.dumps(answer).encode() + b"\n"


@contextmanager
def _agent(path: Path, answer: Answer) -> Iterator[GuestAgent]:
    """A connection to an agent that gives `answer` to each command."""

    def serve(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection, connection.makefile("rb") as lines:
            for line in lines:
                connection.sendall(answer(json.loads(line.lstrip(b"\xff"))))

    with socket.create_server(str(path), family=socket.AF_UNIX) as server:
        threading.Thread(target=serve, args=(server,), daemon=True).start()
        agent = GuestAgent(path)
        try:
            yield agent
        finally:
            agent.close()


def test_agent_skips_late_answers(tmp_path: Path) -> None:
    def answer(command: dict[str, Any]) -> bytes:
        stale = _line({"error": {"desc": "half a line"}}) + b"\xff" + _line({"return": 0})
        return stale + b"\xff" + _line({"return": command["arguments"]["id"]})

    with _agent(tmp_path / "socket", answer) as agent:
        assert agent.answers()


def test_agent_without_a_guest_gives_no_answer(tmp_path: Path) -> None:
    assert not GuestAgent(tmp_path / "socket").answers()


def _exec_answer(state: dict[str, Any]) -> Answer:
    def answer(command: dict[str, Any]) -> bytes:
        name = command["execute"]
        if name == "guest-sync-delimited":
            return b"\xff" + _line({"return": command["arguments"]["id"]})
        return _line({"return": {"pid": 1} if name == "guest-exec" else state})

    return answer


@pytest.mark.parametrize(("how", "status"), [({"exitcode": 3}, 3), ({"signal": 9}, -9)])
def test_agent_returns_status_and_streams_of_a_program(tmp_path: Path, how: dict[str, int], status: int) -> None:
    streams = {"out-data": base64.b64encode(b"out").decode(), "err-data": base64.b64encode(b"err").decode()}
    with _agent(tmp_path / "socket", _exec_answer({"exited": True, **how, **streams})) as agent:
        assert agent.answers()
        finished = agent.run(["true"], timeout_s=10)
    assert (finished.status, finished.stdout, finished.stderr) == (status, "out", "err")


def test_program_that_does_not_end_is_an_error(tmp_path: Path) -> None:
    with _agent(tmp_path / "socket", _exec_answer({"exited": False})) as agent:
        assert agent.answers()
        with pytest.raises(AgentError, match="'sleep 9' has not ended after 0 s"):
            agent.run(["sleep", "9"], timeout_s=0)


def test_refusal_of_the_guest_agent_is_an_error(tmp_path: Path) -> None:
    def answer(command: dict[str, Any]) -> bytes:
        if command["execute"] == "guest-exec":
            return _line({"error": {"desc": "no such file"}})
        return b"\xff" + _line({"return": command["arguments"]["id"]})

    with _agent(tmp_path / "socket", answer) as agent:
        assert agent.answers()
        with pytest.raises(AgentError, match="no such file"):
            agent.run(["nothing"], timeout_s=10)
