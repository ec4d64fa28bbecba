"""Values of an explanation: causes, the failure of a chain, and the host before and after it."""

from __future__ import annotations

import re
from enum import StrEnum

from inception.plan.light_dataclasses import dataclass
from inception.stress.evidence import Evidence

PID_NAMESPACE_LIMIT = 32
"""MAX_PID_NS_LEVEL (include/linux/pid_namespace.h)."""
_UNLIMITED = 1 << 60
"""Cgroup v1 shows "no limit" as some page below 2 to the 63rd."""


class Cause(StrEnum):
    """The resource that a chain ran out of."""

    PID_NAMESPACES = "pid-namespaces"
    USER_NAMESPACES = "user-namespaces"
    MEMORY = "memory"
    DISK = "disk"
    INODES = "inodes"
    MOUNTS = "mounts"
    KEYS = "keys"
    PTYS = "ptys"
    INOTIFY = "inotify"
    OPEN_FILES = "open-files"
    TASKS = "tasks"
    SUBNETS = "subnets"
    TTL = "ttl"
    LOOP_DEVICES = "loop-devices"
    PATH_LENGTH = "path-length"
    CGROUP_LIMIT = "cgroup-limit"
    TIME_LIMIT = "time-limit"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Failure:
    """The message of a failure and where it happened. `level` and `phase` are None where no level was begun.

    `pid_namespaces` is how many the levels down to it would take; `image` is the level, down to it, whose data-root is
    the smallest image of its own, and that image's size in bytes.
    """

    message: str
    level: int | None = None
    phase: str | None = None
    remedy: str | None = None
    log_tail: tuple[str, ...] = ()
    pid_namespaces: int = 0
    image: tuple[int, int] | None = None

    @property
    def text(self) -> str:
        """Message and log tail in lower case, to find symptoms in."""
        return "\n".join((self.message, *self.log_tail)).lower()


@dataclass(frozen=True, kw_only=True)
class Incident:
    """A failure and the host before and after it. `pid_namespaces_free` is how many the host had for levels."""

    failure: Failure
    before: Evidence
    after: Evidence
    pid_namespaces_free: int = PID_NAMESPACE_LIMIT

    @property
    def is_nested_too_deep(self) -> bool:
        """Whether the levels would take more PID namespaces than the kernel has left below the host."""
        return self.failure.pid_namespaces > self.pid_namespaces_free

    def setting(self, name: str) -> int | None:
        """Return the sysctl `name` (a path below /proc/sys) after the failure; None if the kernel does not have it."""
        return self.after.settings.get(name)

    def growth(self, name: str) -> int:
        """Return by how much a counter of the chain's control groups grew, all of them together."""

        def total(evidence: Evidence) -> int:
            return sum(group.values.get(name, 0) for group in evidence.cgroups)

        return total(self.after) - total(self.before)

    def limit(self, *names: str) -> int | None:
        """Return the lowest limit with one of these names in the chain's control groups; None without a limit."""
        values = [group.values[name] for group in self.after.cgroups for name in names if name in group.values]
        return min((it for it in values if it < _UNLIMITED), default=None)

    def matches(self, pattern: str) -> bool:
        """Return whether the message or the log tail contains `pattern`."""
        return re.search(pattern, self.failure.text) is not None
