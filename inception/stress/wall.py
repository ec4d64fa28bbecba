"""Why a chain went no deeper: a failure and what the host shows, turned into a cause with its evidence and a remedy.

What an engine says is often far from the cause: "can't get final child's PID from pipe" is a kernel that is out of PID
namespaces. So each cause is known by the words of the failure, by what the host's counters show, or by both.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from inception.plan.size import KIB, MIB, show_size
from inception.stress.evidence import Evidence
from inception.stress.report.record import WallRecord

PID_NAMESPACE_LIMIT = 32
"""MAX_PID_NS_LEVEL (include/linux/pid_namespace.h)."""
UNLIMITED = 1 << 60
"""What cgroup v1 shows in place of "no limit" is some page below 2 to the 63rd."""
FEW_BYTES = 4 * MIB
FEW_INODES = 64
"""With less left, a file system counts as full where something failed for want of space: that gave some back."""
NO_BYTES = 64 * KIB
"""With less left, it is full, whatever was said."""
NO_SPACE = "no space left on device|enospc|nothing (can|could) be written"


class Cause(StrEnum):
    """What gave."""

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
    """What failed, as it was said. `level` and `phase` are None where no level was begun.

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
    def words(self) -> str:
        """All that was said, for finding a symptom in it."""
        return "\n".join((self.message, *self.log_tail)).lower()


@dataclass(frozen=True, kw_only=True)
class Incident:
    """A failure and the host before and after it. `pid_namespaces_free` is what the host had for levels."""

    failure: Failure
    before: Evidence
    after: Evidence
    pid_namespaces_free: int = PID_NAMESPACE_LIMIT

    def setting(self, name: str) -> int | None:
        return self.after.settings.get(name)

    def grown(self, name: str) -> int:
        """How much a counter of the chain's control groups grew, all of them together."""

        def total(evidence: Evidence) -> int:
            return sum(group.values.get(name, 0) for group in evidence.cgroups)

        return total(self.after) - total(self.before)

    def limit(self, *names: str) -> int | None:
        """The tightest limit of that name that the chain's control groups have."""
        values = [group.values[name] for group in self.after.cgroups for name in names if name in group.values]
        return min((it for it in values if it < UNLIMITED), default=None)

    def says(self, pattern: str) -> bool:
        return re.search(pattern, self.failure.words) is not None


def _message(incident: Incident) -> list[str]:
    return [incident.failure.message]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One cause: it is considered where `words`, a pattern, are found in what was said, or anyway without `words`.

    `evidence` then gives its proof in this incident, line by line, and nothing if it is not the cause.
    """

    cause: Cause
    title: str
    remedy: str
    words: str = ""
    evidence: Callable[[Incident], list[str]] = _message


def _sysctls(*names: str) -> Callable[[Incident], list[str]]:
    """Evidence that is these sysctls, as they were."""

    def evidence(incident: Incident) -> list[str]:
        return [f"{name} = {incident.setting(name.replace('.', '/'))}" for name in names]

    return evidence


def _cgroup_limit(incident: Incident) -> list[str]:
    limit = incident.limit("pids.max")
    # A fork that is refused counts in the forker's own group on v1 (pids_event in kernel/cgroup/pids.c), which may be
    # gone by now; how many there were at most stays with level 1's.
    most = incident.limit("pids.peak") or incident.limit("pids.current")
    refused = incident.grown("pids.events max")
    exhausted = limit is not None and most is not None and most >= limit
    if not refused and not exhausted:
        return []
    proof = [f"the control group of level 1 allows {limit} processes and threads to the whole chain"]
    return [*proof, f"it refused {refused} (pids.events)"] if refused else proof


def _memory(incident: Incident) -> list[str]:
    proof = []
    # Of all control groups (CONFIG_MEMCG), or of the chain's own; v1 counts kills in the same file as the state.
    kills = incident.after.oom_kills - incident.before.oom_kills
    own = max(incident.grown("memory.events oom_kill"), incident.grown("memory.oom_control oom_kill"))
    if kills or own:
        proof.append(f"the kernel killed {max(kills, own)} for want of memory (oom_kill in /proc/vmstat)")
    elif incident.says("needs .* of memory"):
        return _message(incident)
    elif not incident.says("cannot allocate memory|out of memory"):
        return []
    if (limit := incident.limit("memory.max", "memory.limit_in_bytes")) is not None:
        proof.append(f"the control group of level 1 allows {show_size(limit)} to the whole chain")
    return proof or ["an allocation failed (ENOMEM)"]


def _nested_too_deep(incident: Incident) -> list[str]:
    used, free = incident.failure.pid_namespaces, incident.pid_namespaces_free
    if used <= free:
        return []
    return [
        f"this level would be PID namespace {used} below the host, which has room for {free}",
        f"the kernel nests {PID_NAMESPACE_LIMIT} (MAX_PID_NS_LEVEL) and answers ENOSPC to the next",
    ]


def _no_user_namespace(incident: Incident) -> list[str]:
    # What runc tells its caller is the same for every kind of namespace: then the lower limit is the one.
    limit, other = incident.setting("user/max_user_namespaces"), incident.setting("user/max_pid_namespaces")
    lower = limit is not None and other is not None and limit < other
    return [f"user.max_user_namespaces = {limit}"] if lower or incident.says(_NEW_USER_NAMESPACE) else []


def _refused(incident: Incident) -> list[str]:
    return _message(incident) if incident.failure.phase is None else []


def _keys(incident: Incident) -> list[str]:
    most = incident.setting("kernel/keys/root_maxkeys")
    return [f"root holds {incident.after.keys} keys of {most} (kernel.keys.root_maxkeys)"]


def _loop_devices(incident: Incident) -> list[str]:
    return [f"{incident.after.loop_devices} loop devices are in use"]


def _inodes(incident: Incident) -> list[str]:
    full = [it for it in incident.after.spaces if it.inodes_free is not None and it.inodes_free < FEW_INODES]
    proof = [f"{space.path} has {space.inodes_free} inodes free" for space in full]
    # What has none at all is the cause, even where nothing could be written about it any more.
    if (incident.says(NO_SPACE) and proof) or any(space.inodes_free == 0 for space in full):
        return proof
    return _message(incident) if incident.says(r"needs \d+ inodes") else []


def _disk(incident: Incident) -> list[str]:
    full = [space for space in incident.after.spaces if space.free < FEW_BYTES]
    proof = [f"{space.path} has {show_size(space.free)} free" for space in full]
    if incident.failure.image:
        level, size = incident.failure.image
        proof.append(f"the data-root of level {level} holds {show_size(size)}")
    if incident.says(NO_SPACE) and proof:
        return proof
    if any(space.free < NO_BYTES for space in full):
        return proof
    return _message(incident) if incident.says("of disk") else []


_NEW_USER_NAMESPACE = r"clone_newuser|user namespace|max_user_namespaces"
_NEW_PID_NAMESPACE = (
    r"final child's pid from pipe|unshare remaining namespaces|max_pid_namespaces|pid namespace.*no space left"
)

# The most certain come first: a counter of the kernel, then words that only one cause has.
RULES = (
    Rule(
        cause=Cause.CGROUP_LIMIT,
        title="a limit of the control group",
        remedy="raise the limit of tasks (docker update --pids-limit, TasksMax= of the engine's service)",
        evidence=_cgroup_limit,
    ),
    Rule(cause=Cause.MEMORY, title="memory", remedy="free memory, or go less deep", evidence=_memory),
    Rule(
        cause=Cause.PID_NAMESPACES,
        title="PID namespaces",
        remedy="go less deep, or let the deepest levels share with --pid auto",
        words=_NEW_PID_NAMESPACE,
        evidence=_nested_too_deep,
    ),
    Rule(
        cause=Cause.USER_NAMESPACES,
        title="user namespaces",
        remedy="raise user.max_user_namespaces",
        words=f"{_NEW_PID_NAMESPACE}|{_NEW_USER_NAMESPACE}",
        evidence=_no_user_namespace,
    ),
    Rule(
        cause=Cause.PID_NAMESPACES,
        title="PID namespaces",
        remedy="raise user.max_pid_namespaces",
        words=_NEW_PID_NAMESPACE,
        evidence=_sysctls("user.max_pid_namespaces"),
    ),
    Rule(
        cause=Cause.PID_NAMESPACES,
        title="PID namespaces",
        remedy="go less deep, or let the deepest levels share with --pid auto",
        words="pid namespaces",
        evidence=_refused,
    ),
    Rule(
        cause=Cause.KEYS,
        title="keys",
        remedy="raise kernel.keys.root_maxkeys",
        words=r"session keyring|session key|keyctl|disk quota exceeded",
        evidence=_keys,
    ),
    Rule(
        cause=Cause.INOTIFY,
        title="inotify",
        remedy="raise fs.inotify.max_user_instances and max_user_watches",
        words=r"inotify|fsnotify|file watcher|watch.*(too many|no space left)",
        evidence=_sysctls("fs.inotify.max_user_instances", "fs.inotify.max_user_watches"),
    ),
    Rule(
        cause=Cause.OPEN_FILES,
        title="open files of the whole system",
        remedy="raise fs.file-max",
        words="too many open files in system|enfile",
        evidence=_sysctls("fs.file-max"),
    ),
    Rule(
        cause=Cause.OPEN_FILES,
        title="open files",
        remedy="raise the limit of open files (ulimit -n)",
        words="too many open files|emfile",
    ),
    Rule(
        cause=Cause.PTYS,
        title="ptys",
        remedy="raise kernel.pty.max",
        words=r"/ptmx|pseudo.?terminal|openpty|allocate a pty",
        evidence=_sysctls("kernel.pty.nr", "kernel.pty.max"),
    ),
    Rule(
        cause=Cause.LOOP_DEVICES,
        title="loop devices",
        remedy="let level 1 use /dev/loop-control and free loop devices (losetup -D), or use --storage volume",
        words=r"loop device|loop-control|/dev/loop|losetup|loop_ctl",
        evidence=_loop_devices,
    ),
    Rule(cause=Cause.INODES, title="inodes", remedy="free inodes, or go less deep", evidence=_inodes),
    Rule(cause=Cause.DISK, title="disk", remedy="free disk space, or go less deep", evidence=_disk),
    Rule(
        # attach_recursive_mnt answers ENOSPC when a mount namespace is full.
        cause=Cause.MOUNTS,
        title="mounts",
        remedy="raise fs.mount-max",
        words=r"(mount|pivot|rootfs|unshare|bind).*no space left|no space left.*(mount|rootfs)",
        evidence=_sysctls("fs.mount-max"),
    ),
    Rule(
        cause=Cause.TASKS,
        title="processes and threads",
        remedy="raise kernel.pid_max and kernel.threads-max, or go less deep",
        words="resource temporarily unavailable|can't start new thread|pthread_create failed|newosproc|fork.*eagain"
        "|processes and threads",
        evidence=_sysctls("kernel.pid_max", "kernel.threads-max"),
    ),
    Rule(
        cause=Cause.SUBNETS,
        title="subnets",
        remedy="give a wider range that nothing else uses with --pool",
        words="pool .* is too small|no non-overlapping|could not find an available.*address pool",
    ),
    Rule(
        cause=Cause.PATH_LENGTH,
        title="path length",
        remedy="use a shorter --name, or a shorter INCEPTION_RUN_ROOT",
        words="socket path .* is longer|file name too long|path too long",
    ),
    Rule(
        cause=Cause.TTL,
        title="TTL",
        remedy="let no router on the way set it lower, or raise net.ipv4.ip_default_ttl: each level takes one off",
        words="time to live exceeded|ttl exceeded|ttl expired|hop limit",
    ),
    Rule(
        cause=Cause.TIME_LIMIT,
        title="the time limit",
        remedy="give it longer with --patience or --time-limit",
        words="did not answer within|time limit|timed out|deadline exceeded",
    ),
)


def explain_wall(incident: Incident) -> WallRecord:
    """The cause of a failure, with its evidence; or `unknown`, and the log's tail is all that can be shown."""
    for rule in RULES:
        if incident.says(rule.words) and (proof := rule.evidence(incident)):
            return _record(incident, rule.cause, rule.title, tuple(proof), rule.remedy)
    remedy = incident.failure.remedy or "see the end of the level's log"
    return _record(incident, Cause.UNKNOWN, "unknown", (), remedy)


def _record(incident: Incident, cause: Cause, title: str, evidence: tuple[str, ...], remedy: str) -> WallRecord:
    failure = incident.failure
    return WallRecord(
        cause=cause,
        title=title,
        level=failure.level,
        phase=failure.phase,
        message=failure.message,
        evidence=evidence,
        remedy=remedy,
        log_tail=failure.log_tail,
    )
