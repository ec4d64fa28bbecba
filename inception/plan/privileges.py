"""Privileges of a level's container: `--privileged` where the engine can, else every capability it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inception.plan.light_dataclasses import dataclass

if TYPE_CHECKING:
    from inception.plan.facts import EngineFacts


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
_KNOWN_TO_OLD_ENGINES = frozenset(NAMES[: NAMES.index("AUDIT_READ") + 1])
"""Capabilities that an engine before Docker 23 asks for to start a `--privileged` container, held or not."""


@dataclass(frozen=True, kw_only=True)
class Privileges:
    """Privileges of a level. `capabilities` (no `CAP_` prefix) is empty when `privileged`.

    An engine before Docker 23 whose own bounding set lacks a capability cannot start a `--privileged` container
    ("unable to apply caps: operation not permitted"), but a list of all that it does hold nests just as well.
    """

    privileged: bool
    capabilities: tuple[str, ...] = ()


def choose_privileges(engine: EngineFacts) -> Privileges:
    """Return the strongest privileges that `engine` can give, and any engine in the levels below it, too."""
    if engine.privileged and set(engine.capabilities) >= _KNOWN_TO_OLD_ENGINES:
        return Privileges(privileged=True)
    return Privileges(privileged=False, capabilities=engine.capabilities)
