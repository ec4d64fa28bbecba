"""Capabilities by their names, as the kernel numbers them."""

from __future__ import annotations

from pathlib import Path

NAMES = (
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
)
"""Every capability, each at the place that is its number (include/uapi/linux/capability.h)."""


def names_in(mask: int) -> tuple[str, ...]:
    """Return the names of the capabilities in a bit mask, as /proc/PID/status shows it. Unknown bits are left out."""
    return tuple(name for number, name in enumerate(NAMES) if mask >> number & 1)


def held(status: str | None = None) -> tuple[str, ...]:
    """Return the names of the effective capabilities in `status`, the text of /proc/PID/status; our own without it."""
    text = Path("/proc/self/status").read_text() if status is None else status
    return names_in(int(next(line for line in text.splitlines() if line.startswith("CapEff:")).split()[1], 16))
