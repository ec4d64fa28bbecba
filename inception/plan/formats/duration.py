"""Durations as people write them: `90s`, `2h`, `1d12h`."""

from __future__ import annotations

import re

_SECONDS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_PART = re.compile(r"(\d+(?:\.\d+)?)([dhms])")


def parse_duration(text: str) -> float:
    """Return the seconds in `text`; a bare number is seconds. Raises ValueError."""
    cleaned = text.strip().lower()
    if re.fullmatch(r"\d+(\.\d+)?", cleaned):
        seconds = float(cleaned)
    elif cleaned and not _PART.sub("", cleaned):
        seconds = sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(cleaned))
    else:
        raise ValueError(f"{text!r} is not a duration")
    if seconds <= 0:
        raise ValueError(f"{text!r} is not a positive duration")
    return seconds


def show_duration(seconds: float) -> str:
    """Return `seconds` in its two largest units, as people write it."""
    left = int(seconds)
    parts: list[str] = []
    for unit, size in _SECONDS.items():
        if left >= size or (unit == "s" and not parts):
            parts.append(f"{left // size}{unit}")
            left %= size
    return "".join(parts[:2])
