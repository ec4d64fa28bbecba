"""Exceptions that reach a user, and their exit statuses.

::

    InceptionError                125  what failed, and what to do next
    ├── UsageError                  2  the request itself is wrong: a name, a number, an option
    ├── PlanError                   2  the request is well formed, but this host cannot carry it
    ├── EngineError               125  the level-0 engine refused or failed
    │   ├── CommandRefused        126  the engine cannot run a command as it was asked to
    │   └── EngineUnreachable     125  no level-0 engine answers
    ├── ImageError                125  the level image or its seed is missing, wrong or cannot be made
    └── ChainError                125  a chain is missing, in use or broken
        └── LevelError            125  a level failed in one of its phases

    Interrupted               128 + n  signal n ended the program

Messages are one line. `remedy` is one line too: what the user can do about it. `topic` is the short name under which
`inception help` explains the error: that of its class, or of this very refusal.
"""

from __future__ import annotations


class InceptionError(Exception):
    """Error with a message of one line, and a remedy of one line if there is one."""

    exit_code = 125
    topic = "failure"

    def __init__(self, message: str, *, remedy: str | None = None, topic: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        if topic is not None:
            self.topic = topic

    def __str__(self) -> str:
        """Return message and remedy in one line."""
        return f"{self.message}: {self.remedy}" if self.remedy else self.message


class UsageError(InceptionError):
    """Error: the request itself is wrong."""

    exit_code = 2
    topic = "usage"


class PlanError(InceptionError):
    """Error: the request is well formed, but this host cannot carry it."""

    exit_code = 2
    topic = "refused"


class EngineError(InceptionError):
    """Error: the level-0 engine refused a request or failed."""

    topic = "engine"


class CommandRefused(EngineError):
    """Error: the engine cannot run a command as it was asked to, as by a user whom its container does not know."""

    exit_code = 126


class EngineUnreachable(EngineError):
    """Error: no level-0 engine answers."""

    topic = "engine-unreachable"


class ImageError(InceptionError):
    """Error: the level image or its seed is missing, wrong or cannot be made."""

    topic = "level-image"


class ChainError(InceptionError):
    """Error: a chain is missing, in use or broken."""

    topic = "chain"


class LevelError(ChainError):
    """Error: a level failed in one of its phases.

    `log_tail` holds the last lines of the log of that phase, oldest first.
    """

    topic = "level"

    def __init__(
        self,
        *,
        level: int,
        phase: str,
        reason: str,
        remedy: str | None = None,
        log_tail: tuple[str, ...] = (),
    ) -> None:
        super().__init__(f"level {level} failed at {phase}: {reason}", remedy=remedy)
        self.level = level
        self.phase = phase
        self.reason = reason
        self.log_tail = log_tail


class Interrupted(BaseException):
    """End by signal `signal_number`. Like KeyboardInterrupt it is no failure, so no subclass of Exception."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(f"interrupted by signal {signal_number}")
        self.signal_number = signal_number
        self.exit_code = 128 + signal_number
