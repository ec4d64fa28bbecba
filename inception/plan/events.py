"""Events of a chain: every level appends one JSON object a line to the event file."""

from __future__ import annotations

from enum import StrEnum

from inception.plan.formats import codec
from inception.plan.light_dataclasses import dataclass


class Phase(StrEnum):
    """Phases of one level, in their order. The level above carries out the first two."""

    CREATE = "create"
    START = "start"
    PREPARE = "prepare"
    IMAGE = "image"
    CONTAINERD = "containerd"
    DOCKERD = "dockerd"
    VERIFY = "verify"
    READY = "ready"
    UNWIND = "unwind"


class State(StrEnum):
    """State of an event's phase; NOTE is a message during it."""

    BEGIN = "begin"
    END = "end"
    NOTE = "note"
    FAIL = "fail"


@dataclass(frozen=True, kw_only=True)
class Event:
    """One event at one level.

    `monotonic_s` compares across levels (they share one kernel and so one CLOCK_MONOTONIC) and is not moved by a
    change of the clock; `time_s` is Unix time. `seconds` is how long the phase took, on END and FAIL.
    `remedy` and `log_tail` come with FAIL.
    """

    time_s: float
    monotonic_s: float
    level: int
    phase: Phase
    state: State
    seconds: float | None = None
    message: str | None = None
    remedy: str | None = None
    log_tail: tuple[str, ...] = ()

    def to_line(self) -> str:
        """Return this event as one line of JSON, its newline included; fields that have their default are left out."""
        return codec.to_line(self)

    @classmethod
    def from_line(cls, line: str) -> Event:
        """Return the event of one line. Raises ValueError if it is not a whole event."""
        event = codec.from_json(cls, line)
        if event.level < 0:
            raise ValueError(f"invalid Event: level: {event.level} is no level")
        return event
