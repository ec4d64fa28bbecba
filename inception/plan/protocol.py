"""All that the client outside and the programs inside a level agree on: names, signals, exit statuses, lines."""

from __future__ import annotations

import json
import signal
from enum import IntEnum, StrEnum

from inception.plan.light_dataclasses import dataclass


class Variable(StrEnum):
    """Environment variables of a level's processes. The runner's children inherit all but CLIENT, as do sessions."""

    PLAN = "INCEPTION_PLAN"
    """Path of the chain's plan file."""
    CHAIN = "INCEPTION_CHAIN"
    """Name of the chain."""
    LEVEL = "INCEPTION_LEVEL"
    """Number of the level, from 1."""
    DEPTH = "INCEPTION_DEPTH"
    """Number of levels: in the runner when the level was made, in a session when the session began."""
    IMAGE = "INCEPTION_IMAGE"
    """Name of the level image that this level's engine was given, for the level below."""
    CLIENT = "INCEPTION_CLIENT"
    """Path of the control socket of the client that holds the session."""


class Program(StrEnum):
    """Modules that are run inside a container, with `python3 -m`; STANDBY with `-c`, which needs no runpy."""

    RUNNER = "inception.level"
    STANDBY = "inception.level.standby.program"
    STANDALONE = "inception.level.standalone.main"
    HEALTH = "inception.level.standalone.health"
    ADOPT = "inception.level.programs.adopt"
    DIAL = "inception.level.programs.dial"
    CONTROL_REQUEST = "inception.level.programs.control_request"
    LISTEN = "inception.level.programs.listen"
    MAKE_SEED = "inception.level.programs.make_seed"
    MEASURE = "inception.level.programs.measure"
    RELAY = "inception.level.programs.relay"
    TTL_PROBE = "inception.level.programs.ttl_probe"
    WATCH = "inception.level.programs.watch"


SIGNAL_PLAN_CHANGED = signal.SIGUSR1
"""Sent to the runner that has to act on a new plan: the one right above the levels that come or go."""
SIGNAL_UNWIND = signal.SIGUSR2
"""Sent to level 1 to end a chain on purpose. It is not SIGTERM, which a stopping engine sends to its containers."""


ADOPTED = "adopted\n"
"""Output of Program.ADOPT once the new plan is in place on another machine."""
LISTENING = b"listening\n"
"""First output of Program.LISTEN."""


class RunnerExit(IntEnum):
    """Exit statuses of a runner. Any other one means that it ended unexpectedly."""

    UNWOUND = 0
    FAILED = 70
    """It failed, reported that in the event file and unwound (EX_SOFTWARE of sysexits.h; Python's own is 1)."""
    FAILED_UNREPORTED = 74
    """It failed and unwound, but could not write the event file (EX_IOERR)."""


UNREPORTED = "it failed, and nothing could be written to the run directory to say how"
"""Message in place of the failure that a runner with RunnerExit.FAILED_UNREPORTED could not report."""


class Action(StrEnum):
    """Requests that the control socket takes."""

    DESCEND = "descend"
    KICK = "kick"


@dataclass(frozen=True, kw_only=True)
class ControlRequest:
    """Request of a program in level `level` to the client: to kick the chain, or to open a shell `by` levels deeper."""

    action: Action
    level: int
    by: int

    def to_line(self) -> bytes:
        """Return the request as one line of JSON, its newline included."""
        return _line({"action": self.action, "level": self.level, "by": self.by})

    @classmethod
    def from_line(cls, line: bytes) -> ControlRequest:
        """Read one line. Raises ValueError if it is no request."""
        try:
            fields = json.loads(line)
            request = cls(action=Action(fields["action"]), level=int(fields["level"]), by=int(fields["by"]))
        except _NO_FIELDS as error:
            raise ValueError(f"not a request: {line!r}") from error
        if request.level < 1 or request.by < 1:
            raise ValueError(f"no such level: {line!r}")
        return request


@dataclass(frozen=True, kw_only=True)
class ControlReply:
    """Reply of the client: the exit status for the program that asked, or the message of the error in its way."""

    status: int | None = None
    error: str | None = None

    def to_line(self) -> bytes:
        """Return the reply as one line of JSON, its newline included."""
        return _line({"status": self.status} if self.error is None else {"error": self.error})

    @classmethod
    def from_line(cls, line: bytes) -> ControlReply:
        """Read one line. Raises ValueError if it is no reply."""
        try:
            fields = json.loads(line)
            if "error" in fields:
                return cls(error=str(fields["error"]))
            return cls(status=int(fields["status"]))
        except _NO_FIELDS as error:
            raise ValueError(f"not a reply: {line!r}") from error


_NO_FIELDS = (KeyError, TypeError, ValueError, OverflowError, RecursionError)
"""Exceptions raised by lines that are not what they should be: any program in a level can write one."""


GATE = "169.254.53.54"
"""Address at which the containers of every level find the ports of the host that are exposed."""


class SocketUse(StrEnum):
    """Kinds of sockets that a level gives: connected ones of TCP or UDP, or listening ones."""

    TCP = "tcp"
    UDP = "udp"
    LISTEN = "listen"


@dataclass(frozen=True, kw_only=True)
class SocketRequest:
    """Request for a socket connected to `host` and `port` in a level's network, or for ones that listen on `port`."""

    use: SocketUse
    host: str
    port: int

    def to_line(self) -> bytes:
        """Return the request as one line of JSON, its newline included."""
        return _line({"use": self.use, "host": self.host, "port": self.port})

    @classmethod
    def from_line(cls, line: bytes) -> SocketRequest:
        """Read one line. Raises ValueError if it is no request."""
        try:
            fields = json.loads(line)
            return cls(use=SocketUse(fields["use"]), host=str(fields["host"]), port=int(fields["port"]))
        except (KeyError, TypeError, json.JSONDecodeError) as error:
            raise ValueError(f"not a request: {line!r}") from error


def _line(fields: dict[str, object]) -> bytes:
    return json.dumps(fields).encode() + b"\n"
