"""Lines of JSON in which the program `watch`, in level 1, reports a run directory to the client on another machine."""

from __future__ import annotations

import json
from typing import NamedTuple

_TEXT = "latin-1"
"""Encoding with a character for each byte: a log need not be UTF-8."""


class Clocks(NamedTuple):
    """The machine's clocks, in seconds: Unix time, and CLOCK_MONOTONIC. They come first."""

    time_s: float
    monotonic_s: float

    def to_line(self) -> bytes:
        """Return this as one line of JSON."""
        return _line({"clocks": [self.time_s, self.monotonic_s]})


class FileChange(NamedTuple):
    """Bytes that were appended to the file `path`, relative to the run directory; the whole file if it is `whole`."""

    path: str
    whole: bool
    data: bytes

    def to_line(self) -> bytes:
        """Return this as one line of JSON."""
        return _line({"file": self.path, "whole": self.whole, "data": self.data.decode(_TEXT)})


class LockChange(NamedTuple):
    """The state of the lock file `path`, relative to the run directory; `ready` if its holder has marked it so."""

    path: str
    held: bool
    ready: bool

    def to_line(self) -> bytes:
        """Return this as one line of JSON."""
        return _line({"lock": self.path, "held": self.held, "ready": self.ready})


class CaughtUp(NamedTuple):
    """All that was there when `watch` started has been reported."""

    def to_line(self) -> bytes:
        """Return this as one line of JSON."""
        return _line({"caught_up": True})


Report = Clocks | FileChange | LockChange | CaughtUp


def read_report(line: bytes) -> Report:
    """Return the report of one line. Raises ValueError if it is none."""
    try:
        fields = json.loads(line)
        if "clocks" in fields:
            time_s, monotonic_s = map(float, fields["clocks"])
            return Clocks(time_s, monotonic_s)
        if "file" in fields:
            return FileChange(str(fields["file"]), bool(fields["whole"]), fields["data"].encode(_TEXT))
        if "lock" in fields:
            return LockChange(str(fields["lock"]), bool(fields["held"]), bool(fields["ready"]))
        if "caught_up" in fields:
            return CaughtUp()
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"not a report: {line[:80]!r}") from error
    raise ValueError(f"not a report: {line[:80]!r}")


def _line(fields: dict[str, object]) -> bytes:
    return json.dumps(fields).encode() + b"\n"
