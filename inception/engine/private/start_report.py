"""The one line in which the supervisor reports its start to the client that started it."""

from __future__ import annotations

from inception.plan.formats import codec
from inception.plan.light_dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class StartReport:
    """Outcome of a start: the engine is ready, or `failure` and `remedy` say why not."""

    failure: str | None = None
    remedy: str | None = None

    def to_line(self) -> str:
        """Return this report as one line of JSON, its newline included."""
        return codec.to_line(self)

    @classmethod
    def from_line(cls, line: str) -> StartReport:
        """Return the report of one line. Raises ValueError if it is not a whole report."""
        return codec.from_json(cls, line)
