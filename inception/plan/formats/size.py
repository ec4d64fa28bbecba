"""Sizes in bytes, as people write and read them."""

from __future__ import annotations

import re

KIB = 1 << 10
MIB = 1 << 20
GIB = 1 << 30

_SIZE = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?:(?P<unit>[kmgt])(?P<binary>i)?)?(?P<byte>b)?", re.IGNORECASE)
_POWER = {"k": 1, "m": 2, "g": 3, "t": 4}


def parse_size(text: str) -> int:
    """Return the bytes in a size like `5GB`, `512MiB` or `1.5G`; without a unit it is in GB. Raises ValueError.

    `G` and `GB` are 1000³ bytes, `GiB` 1024³. Numbers without a unit are GB, as in VAR_LIB_DOCKER_SIZE.
    """
    size = _SIZE.fullmatch(text.strip())
    if size is None:
        raise ValueError(f"{text!r} is not a size")
    unit = size["unit"] or ("" if size["byte"] else "g")
    base = 1024 if size["binary"] else 1000
    factor: int = base ** _POWER.get(unit.lower(), 0)
    return round(float(size["number"]) * factor)


def show_size(size: int) -> str:
    """Return a size for people, to three digits: `5.00 GB`."""
    unit, scaled = "B", float(size)
    for larger in ("kB", "MB", "GB", "TB"):
        # What would be rounded to 1000 is 1.00 of the next unit.
        if round(scaled) < 1000:  # noqa: PLR2004
            break
        unit, scaled = larger, scaled / 1000
    digits = 0 if unit == "B" else max(3 - len(str(int(scaled))), 0)
    return f"{scaled:.{digits}f} {unit}"
