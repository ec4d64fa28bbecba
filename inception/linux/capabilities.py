"""The capabilities that this process holds."""

from __future__ import annotations

from enum import IntEnum
from pathlib import Path


class Capability(IntEnum):
    """Those that are asked for by name, each the number that the kernel gives it (include/uapi/linux/capability.h)."""

    NET_ADMIN = 12
    SYS_ADMIN = 21
    SYS_RESOURCE = 24


def held(status: str | None = None) -> frozenset[Capability]:
    """Which of them are effective, by `status`, the text of /proc/PID/status; our own without."""
    text = Path("/proc/self/status").read_text() if status is None else status
    mask = int(next(line for line in text.splitlines() if line.startswith("CapEff:")).split()[1], 16)
    return frozenset(capability for capability in Capability if mask >> capability & 1)
