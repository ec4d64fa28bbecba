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
from inception.stress.record import WallRecord

PID_NAMESPACE_LIMIT = 32
"""MAX_PID_NS_LEVEL (include/linux/pid_namespace.h)."""
UNLIMITED = 1 << 60
"""What cgroup v1 shows in place of "no limit" is some page below 2 to the 63rd."""
FEW_BYTES = 4 * MIB
FEW_INODES = 64
"""With less left, a file system counts as full where something failed for want of space: that gave some back."""
NO_BYTES = 64 * KIB
"""With less left, it is full, whatever was said."""
NO_SPACE = "no space left on device|enospc"


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
class Scene:
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


@dataclass(frozen=True, kw_only=True)
class Suspect:
    """One cause: `evidence` gives its proof in this scene, line by line, and nothing if it is not the cause."""

    cause: Cause
    title: str
    remedy: str
    evidence: Callable[[Scene], list[str]]


def _pid_namespaces(scene: Scene) -> list[str]:
    if not scene.says(r"final child's pid from pipe|max_pid_namespaces|pid namespace.*no space left"):
        if scene.failure.phase is not None or not scene.says("pid namespaces"):
            return []
        return [scene.failure.message]
    used, free = scene.failure.pid_namespaces, scene.pid_namespaces_free
    if used > free:
        return [
            f"this level would be PID namespace {used} below the host, which has room for {free}",
            f"the kernel nests {PID_NAMESPACE_LIMIT} (MAX_PID_NS_LEVEL) and answers ENOSPC to the next",
        ]
    allowed = scene.setting("user/max_pid_namespaces")
    return [f"user.max_pid_namespaces = {allowed}: clone(CLONE_NEWPID) answers ENOSPC beyond it"]


def _user_namespaces(scene: Scene) -> list[str]:
    if not scene.says(r"clone_newuser|user namespace|max_user_namespaces"):
        return []
    return [f"user.max_user_namespaces = {scene.setting('user/max_user_namespaces')}"]


def _memory(scene: Scene) -> list[str]:
    proof = []
    # Of all control groups (CONFIG_MEMCG), or of the chain's own; v1 counts kills in the same file as the state.
    kills = scene.after.oom_kills - scene.before.oom_kills
    own = max(scene.grown("memory.events oom_kill"), scene.grown("memory.oom_control oom_kill"))
    if kills or own:
        proof.append(f"the kernel killed {max(kills, own)} for want of memory (oom_kill in /proc/vmstat)")
    elif scene.says("needs .* of memory"):
        return [scene.failure.message]
    elif not scene.says("cannot allocate memory|out of memory"):
        return []
    if (limit := scene.limit("memory.max", "memory.limit_in_bytes")) is not None:
        proof.append(f"the control group of level 1 allows {show_size(limit)} to the whole chain")
    return proof or ["an allocation failed (ENOMEM)"]


def _disk(scene: Scene) -> list[str]:
    full = [space for space in scene.after.spaces if space.free < FEW_BYTES]
    proof = [f"{space.path} has {show_size(space.free)} free" for space in full]
    if scene.failure.image:
        level, size = scene.failure.image
        proof.append(f"the data-root of level {level} is an image of {show_size(size)}")
    if scene.says(NO_SPACE) and proof:
        return proof
    if any(space.free < NO_BYTES for space in full):
        return proof
    return [scene.failure.message] if scene.says("of disk") else []


def _inodes(scene: Scene) -> list[str]:
    full = [it for it in scene.after.spaces if it.inodes_free is not None and it.inodes_free < FEW_INODES]
    proof = [f"{space.path} has {space.inodes_free} inodes free" for space in full]
    # What has none at all is the cause, even where nothing could be written about it any more.
    if (scene.says(NO_SPACE) and proof) or any(space.inodes_free == 0 for space in full):
        return proof
    return [scene.failure.message] if scene.says(r"needs \d+ inodes") else []


def _mounts(scene: Scene) -> list[str]:
    # attach_recursive_mnt answers ENOSPC when a mount namespace is full.
    if not scene.says(r"(mount|pivot|rootfs|unshare|bind).*no space left|no space left.*(mount|rootfs)"):
        return []
    return [f"a mount failed with ENOSPC; fs.mount-max = {scene.setting('fs/mount-max')} a mount namespace"]


def _keys(scene: Scene) -> list[str]:
    if not scene.says(r"session keyring|session key|keyctl|disk quota exceeded"):
        return []
    return [
        f"root holds {scene.after.keys} keys of {scene.setting('kernel/keys/root_maxkeys')} (kernel.keys.root_maxkeys)"
    ]


def _ptys(scene: Scene) -> list[str]:
    if not scene.says(r"/ptmx|pseudo.?terminal|openpty|allocate a pty"):
        return []
    return [f"{scene.setting('kernel/pty/nr')} ptys of {scene.setting('kernel/pty/max')} are taken (kernel.pty.max)"]


def _inotify(scene: Scene) -> list[str]:
    if not scene.says(r"inotify|fsnotify|file watcher|watch.*(too many|no space left)"):
        return []
    return [
        f"fs.inotify.{name} = {scene.setting(f'fs/inotify/{name}')}"
        for name in ("max_user_instances", "max_user_watches")
    ]


def _open_files(scene: Scene) -> list[str]:
    if not scene.says("too many open files|emfile|enfile"):
        return []
    system = scene.says("too many open files in system|enfile")
    return [
        f"a process hit its limit of open files (EMFILE); the whole system's is {scene.setting('fs/file-max')}"
        if not system
        else f"the system hit fs.file-max = {scene.setting('fs/file-max')} (ENFILE)"
    ]


def _tasks(scene: Scene) -> list[str]:
    stuck = r"resource temporarily unavailable|can't start new thread|pthread_create failed|newosproc|fork.*eagain"
    if not scene.says(stuck) and not scene.says("processes and threads"):
        return []
    return [f"a fork failed (EAGAIN); kernel.pid_max = {scene.setting('kernel/pid_max')}"]


def _cgroup_limit(scene: Scene) -> list[str]:
    limit = scene.limit("pids.max")
    current = scene.limit("pids.current")
    refused = scene.grown("pids.events max")
    exhausted = limit is not None and current is not None and current >= limit
    if not refused and not exhausted:
        return []
    proof = [f"the control group of level 1 allows {limit} processes and threads to the whole chain"]
    return [*proof, f"it refused {refused} (pids.events)"] if refused else proof


def _says(pattern: str) -> Callable[[Scene], list[str]]:
    def evidence(scene: Scene) -> list[str]:
        return [scene.failure.message] if scene.says(pattern) else []

    return evidence


def _loop_devices(scene: Scene) -> list[str]:
    if not scene.says(r"loop device|loop-control|/dev/loop|losetup|loop_ctl"):
        return []
    return [f"{scene.after.loop_devices} loop devices are in use"]


def _ttl(scene: Scene) -> list[str]:
    if not scene.says(r"time to live exceeded|ttl exceeded|ttl expired|hop limit"):
        return []
    return [f"each level is a hop: net.ipv4.ip_default_ttl = {scene.setting('net/ipv4/ip_default_ttl')}"]


# The most certain come first: a counter of the kernel, then words that only one cause has.
SUSPECTS = (
    Suspect(
        cause=Cause.CGROUP_LIMIT,
        title="a limit of the control group",
        remedy="raise the limit of tasks (docker update --pids-limit, TasksMax= of the engine's service)",
        evidence=_cgroup_limit,
    ),
    Suspect(cause=Cause.MEMORY, title="memory", remedy="free memory, or go less deep", evidence=_memory),
    Suspect(
        cause=Cause.PID_NAMESPACES,
        title="PID namespaces",
        remedy="go less deep, or let the deepest levels share with --pid auto",
        evidence=_pid_namespaces,
    ),
    Suspect(
        cause=Cause.USER_NAMESPACES,
        title="user namespaces",
        remedy="raise user.max_user_namespaces",
        evidence=_user_namespaces,
    ),
    Suspect(cause=Cause.KEYS, title="keys", remedy="raise kernel.keys.root_maxkeys", evidence=_keys),
    Suspect(
        cause=Cause.INOTIFY,
        title="inotify",
        remedy="raise fs.inotify.max_user_instances and max_user_watches",
        evidence=_inotify,
    ),
    Suspect(
        cause=Cause.OPEN_FILES,
        title="open files",
        remedy="raise the limit of open files (ulimit -n, fs.file-max)",
        evidence=_open_files,
    ),
    Suspect(cause=Cause.PTYS, title="ptys", remedy="raise kernel.pty.max", evidence=_ptys),
    Suspect(
        cause=Cause.LOOP_DEVICES,
        title="loop devices",
        remedy="free loop devices (losetup -D), or use --storage volume",
        evidence=_loop_devices,
    ),
    Suspect(cause=Cause.INODES, title="inodes", remedy="free inodes, or go less deep", evidence=_inodes),
    Suspect(cause=Cause.DISK, title="disk", remedy="free disk space, or go less deep", evidence=_disk),
    Suspect(cause=Cause.MOUNTS, title="mounts", remedy="raise fs.mount-max", evidence=_mounts),
    Suspect(
        cause=Cause.TASKS,
        title="processes and threads",
        remedy="raise kernel.pid_max and kernel.threads-max, or go less deep",
        evidence=_tasks,
    ),
    Suspect(
        cause=Cause.SUBNETS,
        title="subnets",
        remedy="give a wider range that nothing else uses with --pool",
        evidence=_says("pool .* is too small|no non-overlapping|could not find an available.*address pool"),
    ),
    Suspect(
        cause=Cause.PATH_LENGTH,
        title="path length",
        remedy="use a shorter --name, or a shorter INCEPTION_RUN_ROOT",
        evidence=_says("socket path .* is longer|file name too long|path too long"),
    ),
    Suspect(cause=Cause.TTL, title="TTL", remedy="raise net.ipv4.ip_default_ttl on the way", evidence=_ttl),
    Suspect(
        cause=Cause.TIME_LIMIT,
        title="the time limit",
        remedy="give it longer with --patience or --time-limit",
        evidence=_says("did not answer within|time limit|timed out|deadline exceeded"),
    ),
)


def explain_wall(scene: Scene) -> WallRecord:
    """The cause of a failure, with its evidence; or `unknown`, and the log's tail is all that can be shown."""
    for suspect in SUSPECTS:
        if proof := suspect.evidence(scene):
            return _record(scene, suspect.cause, suspect.title, tuple(proof), suspect.remedy)
    remedy = scene.failure.remedy or "see the end of the level's log"
    return _record(scene, Cause.UNKNOWN, "unknown", (), remedy)


def _record(scene: Scene, cause: Cause, title: str, evidence: tuple[str, ...], remedy: str) -> WallRecord:
    failure = scene.failure
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
