"""Runs programs inside an emulated machine, through the QEMU guest agent that answers there.

One JSON object a line goes each way over a unix socket (https://qemu-project.gitlab.io/qemu/interop/qemu-ga-ref.html).
"""

from __future__ import annotations

import base64
import itertools
import json
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

POLL_S = 0.25
ANSWER_LIMIT_S = 60.0
_SYNC_LIMIT_S = 3.0
_RESET = b"\xff"
"""Makes the agent forget whatever half a line came before."""


class AgentError(Exception):
    """The agent refused a command, or fell silent."""


@dataclass(frozen=True, kw_only=True)
class Finished:
    """How a program inside the machine ended. `status` is minus the signal's number where a signal ended it."""

    status: int
    stdout: str
    stderr: str


class GuestAgent:
    """A connection to the agent of one machine. It may be made before the machine has booted."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._numbers = itertools.count(1)
        self._socket: socket.socket | None = None
        self._received = b""

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def answers(self) -> bool:
        """Whether the agent is there now; connects to it."""
        self.close()
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(_SYNC_LIMIT_S)
        number = next(self._numbers)
        try:
            connection.connect(str(self._path))
            self._socket, self._received = connection, b""
            self._send("guest-sync-delimited", {"id": number}, prefix=_RESET)
            # What the reset interrupted is answered with an error first, and an earlier try may be answered late.
            while self._receive().get("return") != number:
                pass
        except (OSError, ValueError, AgentError):
            connection.close()
            self._socket = None
            return False
        connection.settimeout(ANSWER_LIMIT_S)
        return True

    def run(self, command: list[str], *, environment: Mapping[str, str] | None = None, timeout_s: float) -> Finished:
        """Run `command` to its end. Raises AgentError, also when it has not ended after `timeout_s` seconds."""
        deadline_s = time.monotonic() + timeout_s
        started = self._call(
            "guest-exec",
            {
                "path": command[0],
                "arg": command[1:],
                "env": [f"{name}={value}" for name, value in (environment or {}).items()],
                "capture-output": True,
            },
        )
        while not (state := self._call("guest-exec-status", {"pid": started["pid"]}))["exited"]:
            if time.monotonic() > deadline_s:
                raise AgentError(f"{' '.join(command)!r} has not ended after {timeout_s:.0f} s")
            time.sleep(POLL_S)
        return Finished(
            status=state["exitcode"] if "exitcode" in state else -state["signal"],
            stdout=_text(state, "out-data"),
            stderr=_text(state, "err-data"),
        )

    def _call(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        self._send(name, arguments)
        answer = self._receive()
        if "error" in answer:
            raise AgentError(f"{name}: {answer['error'].get('desc')}")
        result: dict[str, Any] = answer["return"]
        return result

    def _send(self, name: str, arguments: dict[str, Any], *, prefix: bytes = b"") -> None:
        if self._socket is None:
            raise AgentError("not connected")
        self._socket.sendall(prefix + json.dumps({"execute": name, "arguments": arguments}).encode() + b"\n")

    def _receive(self) -> dict[str, Any]:
        if self._socket is None:
            raise AgentError("not connected")
        while b"\n" not in self._received:
            chunk = self._socket.recv(1 << 16)
            if not chunk:
                raise AgentError("the machine is gone")
            self._received += chunk
        line, _, self._received = self._received.partition(b"\n")
        answer: dict[str, Any] = json.loads(line.lstrip(_RESET))
        return answer


def _text(state: dict[str, Any], field: str) -> str:
    return base64.b64decode(state.get(field, "")).decode(errors="replace")
