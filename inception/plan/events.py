"""The lines of a chain's event file: one JSON object each, appended by every level."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum


class Phase(StrEnum):
    """The steps of one level, in the order they happen. The level above does the first two."""

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
    """What an event says of its phase."""

    BEGIN = "begin"
    END = "end"
    NOTE = "note"
    FAIL = "fail"


@dataclass(frozen=True, kw_only=True)
class Event:
    """One thing that happened at one level.

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
        """This event as one line of JSON, its newline included; empty fields are left out."""
        fields = {key: value for key, value in asdict(self).items() if value not in (None, ())}
        return json.dumps(fields, separators=(",", ":")) + "\n"

    @classmethod
    def from_line(cls, line: str) -> Event:
        """Read back one line. Raises ValueError if it is not a whole event."""
        try:
            fields = json.loads(line)
            fields["phase"] = Phase(fields["phase"])
            fields["state"] = State(fields["state"])
            fields["log_tail"] = tuple(fields.get("log_tail", ()))
            return cls(**fields)
        except (KeyError, TypeError, json.JSONDecodeError) as error:
            raise ValueError(f"not an event: {line!r}") from error
