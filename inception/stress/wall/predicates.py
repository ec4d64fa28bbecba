"""Proofs of the causes: each function looks for one in an incident and returns its evidence, or None."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from inception.plan.formats.size import KIB, MIB, show_size
from inception.plan.light_dataclasses import dataclass
from inception.plan.symptoms import SYMPTOMS
from inception.stress.wall.model import PID_NAMESPACE_LIMIT, Cause, Incident

_FEW_BYTES = 4 * MIB
_FEW_INODES = 64
"""With less left, a file system counts as full after ENOSPC: the failure itself gave some back."""
_NO_BYTES = 64 * KIB
"""With less left, it is full whatever the message."""
SYMPTOM_BY_CAUSE = {symptom.cause: symptom for symptom in SYMPTOMS}
NEW_USER_NAMESPACE = SYMPTOM_BY_CAUSE[Cause.USER_NAMESPACES].words
NEW_PID_NAMESPACE = SYMPTOM_BY_CAUSE[Cause.PID_NAMESPACES].words
_NO_SPACE = SYMPTOM_BY_CAUSE[Cause.DISK].words


@dataclass(frozen=True, kw_only=True)
class Proof:
    """Evidence of a cause, line by line. `remedy` replaces that of the rule where it is not None."""

    evidence: tuple[str, ...]
    remedy: str | None = None


Prove = Callable[[Incident], Proof | None]


def _proof(lines: Sequence[str], remedy: str | None = None) -> Proof | None:
    return Proof(evidence=tuple(lines), remedy=remedy) if lines else None


def message(incident: Incident) -> Proof | None:
    """Take the message for proof: only one cause has such a message."""
    return _proof([incident.failure.message])


def sysctls(*names: str) -> Prove:
    """Return a predicate that shows these sysctls."""
    return lambda incident: _proof(_settings(incident, *names))


def _settings(incident: Incident, *names: str) -> list[str]:
    return [f"{name} = {incident.setting(name.replace('.', '/'))}" for name in names]


def cgroup_limit(incident: Incident) -> Proof | None:
    """Find a control group that refused tasks, or has as many as it allows."""
    limit = incident.limit("pids.max")
    # A fork that is refused counts in the forker's own group on v1 (pids_event in kernel/cgroup/pids.c), which may be
    # gone by now; how many there were at most stays with level 1's.
    peak = incident.limit("pids.peak") or incident.limit("pids.current")
    refused = incident.growth("pids.events max")
    exhausted = limit is not None and peak is not None and peak >= limit
    if not refused and not exhausted:
        return None
    lines = [f"the control group of level 1 allows {limit} processes and threads to the whole chain"]
    return _proof([*lines, f"it refused {refused} (pids.events)"] if refused else lines)


def memory(incident: Incident) -> Proof | None:
    """Find an OOM kill, or a failed allocation."""
    if _is_beyond_pid_namespaces(incident):  # The kill that was counted is that of another program on this host.
        return None
    lines = []
    # Of all control groups (CONFIG_MEMCG), or of the chain's own; v1 counts kills in the same file as the state.
    kills = incident.after.oom_kills - incident.before.oom_kills
    own = max(incident.growth("memory.events oom_kill"), incident.growth("memory.oom_control oom_kill"))
    if kills or own:
        lines.append(f"the kernel killed {max(kills, own)} for want of memory (oom_kill in /proc/vmstat)")
    elif incident.matches("needs .* of memory"):
        return message(incident)
    elif not incident.matches(SYMPTOM_BY_CAUSE[Cause.MEMORY].words):
        return None
    if (limit := incident.limit("memory.max", "memory.limit_in_bytes")) is not None:
        lines.append(f"the control group of level 1 allows {show_size(limit)} to the whole chain")
    return _proof(lines or ["an allocation failed (ENOMEM)"])


def user_namespaces(incident: Incident) -> Proof | None:
    """Find a limit of user namespaces below that of PID namespaces: runc's message is the same for both kinds."""
    if _is_beyond_pid_namespaces(incident):
        return None
    limit, other = incident.setting("user/max_user_namespaces"), incident.setting("user/max_pid_namespaces")
    lower = limit is not None and other is not None and limit < other
    return _proof([f"user.max_user_namespaces = {limit}"]) if lower or incident.matches(NEW_USER_NAMESPACE) else None


def _is_beyond_pid_namespaces(incident: Incident) -> bool:
    return incident.is_nested_too_deep and incident.matches(NEW_PID_NAMESPACE)


def pid_namespaces(incident: Incident) -> Proof | None:
    """Find more nested PID namespaces than fit, a low sysctl, or a plan that was refused for them."""
    if not incident.matches(NEW_PID_NAMESPACE):
        return message(incident) if incident.failure.phase is None else None
    if not incident.is_nested_too_deep:
        return _proof(_settings(incident, "user.max_pid_namespaces"), "raise user.max_pid_namespaces")
    used, free = incident.failure.pid_namespaces, incident.pid_namespaces_free
    return _proof(
        [
            f"this level would be PID namespace {used} below the host, which has room for {free}",
            f"the kernel nests {PID_NAMESPACE_LIMIT} (MAX_PID_NS_LEVEL) and answers ENOSPC to the next",
        ]
    )


def open_files(incident: Incident) -> Proof | None:
    """Distinguish the limit of the whole system (ENFILE) from that of a process (EMFILE)."""
    if incident.matches("too many open files in system|enfile"):
        return _proof(_settings(incident, "fs.file-max"), "raise fs.file-max")
    return message(incident)


def keys(incident: Incident) -> Proof | None:
    """Show how many keys root holds of how many."""
    limit = incident.setting("kernel/keys/root_maxkeys")
    return _proof([f"root holds {incident.after.keys} keys of {limit} (kernel.keys.root_maxkeys)"])


def loop_devices(incident: Incident) -> Proof | None:
    """Show how many loop devices are in use."""
    return _proof([f"{incident.after.loop_devices} loop devices are in use"])


def inodes(incident: Incident) -> Proof | None:
    """Find a file system without inodes."""
    full = [it for it in incident.after.spaces if it.inodes_free is not None and it.inodes_free < _FEW_INODES]
    lines = [f"{space.path} has {space.inodes_free} inodes free" for space in full]
    # No inode at all is the cause, even where nothing could be written about it any more.
    if incident.matches(_NO_SPACE) or any(space.inodes_free == 0 for space in full):
        return _proof(lines)
    return message(incident) if incident.matches(r"needs \d+ inodes") else None


def disk(incident: Incident) -> Proof | None:
    """Find a file system without space, or an image that is too small."""
    full = [space for space in incident.after.spaces if space.free < _FEW_BYTES]
    lines = [f"{space.path} has {show_size(space.free)} free" for space in full]
    if incident.failure.image:
        level, size = incident.failure.image
        lines.append(f"the data-root of level {level} holds {show_size(size)}")
    if (incident.matches(_NO_SPACE) and lines) or any(space.free < _NO_BYTES for space in full):
        return _proof(lines)
    return message(incident) if incident.matches("of disk") else None
