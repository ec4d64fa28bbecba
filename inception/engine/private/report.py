"""The one line that the supervisor tells whoever started it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True, kw_only=True)
class Report:
    """What came of a start: the engine is ready, or `failure` and `remedy` say why not."""

    failure: str | None = None
    remedy: str | None = None

    def to_line(self) -> str:
        """This report as one line of JSON, its newline included."""
        return json.dumps(asdict(self)) + "\n"

    @classmethod
    def from_line(cls, line: str) -> Report:
        """Read back one line. Raises ValueError if it is not a whole report."""
        try:
            return cls(**json.loads(line))
        except TypeError as error:
            raise ValueError(f"not a report: {line!r}") from error
