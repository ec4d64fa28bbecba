"""Quantities as people write them: how long, and by what share."""

from __future__ import annotations

import re

_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(?P<number>\d+(?:\.\d+)?)(?P<unit>[smh]?)")


def parse_duration(text: str) -> float:
    """Seconds in `90`, `30s`, `5m` or `1h30m`. Raises ValueError."""
    parts = list(_PART.finditer(text))
    whole = "".join(part.group() for part in parts)
    if not parts or whole != text.strip() or (len(parts) > 1 and any(not part["unit"] for part in parts)):
        raise ValueError(f"{text!r} is not a duration")
    return sum(float(part["number"]) * _UNITS[part["unit"]] for part in parts)


def parse_share(text: str) -> float:
    """0.2 in `20%`. Raises ValueError."""
    share = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*%\s*", text)
    if share is None:
        raise ValueError(f"{text!r} is not a percentage")
    return float(share[1]) / 100
