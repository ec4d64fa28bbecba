"""Capabilities that a process holds, as the kernel shows them."""

from __future__ import annotations

from pathlib import Path

from inception.plan.privileges import NAMES


def names_in(mask: int) -> tuple[str, ...]:
    """Return the names of the capabilities in a bit mask, as /proc/PID/status shows it. Unknown bits are left out."""
    return tuple(name for number, name in enumerate(NAMES) if mask >> number & 1)


def held(status: str | None = None) -> tuple[str, ...]:
    """Return the names of the effective capabilities in `status`, the text of /proc/PID/status; our own without it."""
    text = Path("/proc/self/status").read_text() if status is None else status
    return names_in(int(next(line for line in text.splitlines() if line.startswith("CapEff:")).split()[1], 16))
