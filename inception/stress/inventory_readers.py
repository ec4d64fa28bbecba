"""Readers of an inventory: each yields the names of one kind of thing on the host, and what it could not read."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from inception.engine.connect import Engine
from inception.engine.private.layout import private_engine_directory
from inception.engine.translate import translated
from inception.linux.mounts import parse_mountinfo
from inception.linux.process_stat import ZOMBIE, read_process_stat
from inception.places import run_root, state_directory
from inception.plan.light_dataclasses import dataclass
from inception.stress.loop_devices import loop_devices as used_loop_devices

PROC = Path("/proc")
NAMESPACES = ("pid", "net")
"""Those that a service of the host seldom has of its own: many, udev's passing workers too, have their own mounts."""
PROGRAMS = re.compile(r"dockerd|containerd|containerd-shim.*|runc|docker-proxy|docker-init|tini|inception")
MODULES = re.compile(r"inception(\.level|\.engine\.private\.supervisor)?")
CGROUP = re.compile(r"docker|incep|[0-9a-f]{64}")
COUNTERS = re.compile(r" ?\[\d+:\d+\]")
STOCK_CGROUP = "docker"
"""Made by any dockerd for its first container, and kept by it."""
STOCK_MOUNT = "docker/netns/default"
"""Made by any dockerd for its first container in the host's network, and kept likewise."""
KEPT = re.compile(r".*\.lock|endpoint\.key|byte-code(/.*)?|seeds(/.*)?|engine(/(data|containerd)(/.*)?|/\w+\.log)?")
"""In the state directory: locks, the key of proofs, byte code, records of seeds, the private engine's logs and data."""
SYSCTLS = (
    "fs/inotify/max_user_instances",
    "fs/inotify/max_user_watches",
    "kernel/keys/maxkeys",
    "kernel/pty/max",
    "net/bridge/bridge-nf-call-iptables",
    "net/ipv4/conf/all/forwarding",
    "net/ipv4/ip_default_ttl",
    "net/ipv4/ip_forward",
    "net/ipv6/conf/all/forwarding",
)
INIT = 1
KERNEL_THREADS = 2
"""The process number of their common parent, kthreadd."""
LISTENING_UNIX = 0x10000
"""The flag __SO_ACCEPTCON in /proc/net/unix (include/linux/net.h)."""
LISTENING_TCP = "0A"
"""The state TCP_LISTEN in /proc/net/tcp (include/net/tcp_states.h)."""


@dataclass(frozen=True, kw_only=True)
class Unread:
    """Names that could not be read: those that start with `prefix`, or with None some that are not known."""

    prefix: str | None = ""
    reason: str


Name = str | Unread


def mounts() -> Iterator[str]:
    """Yield the mount points of this mount namespace."""
    for mount in parse_mountinfo((PROC / "self/mountinfo").read_text()):
        if not mount.target.match(STOCK_MOUNT):
            yield f"{mount.target} ({mount.filesystem})"


def loop_devices() -> Iterator[str]:
    """Yield the loop devices in use, but for those of another mount namespace with a disk of its own."""
    yield from used_loop_devices((PROC / "self/mountinfo").read_text())


def links() -> Iterator[str]:
    """Yield the network links."""
    for link in Path("/sys/class/net").iterdir():
        if link.is_dir():  # Not the file bonding_masters.
            yield link.name


def routes() -> Iterator[str]:
    """Yield the routes of all tables. Raises OSError without `ip`, and CalledProcessError."""
    for line in _output("ip", "-oneline", "route", "show", "table", "all").splitlines():
        yield " ".join(word for word in line.split() if word != "linkdown")


def rules() -> Iterator[Name]:
    """Yield the rules of the packet filter, which only root with CAP_NET_ADMIN can read."""
    for program in ("iptables-save", "ip6tables-save"):
        prefix = f"{program.removesuffix('-save')}: "
        if shutil.which(program) is None:
            continue
        try:
            lines = _output(program).splitlines()
        except subprocess.CalledProcessError as error:
            yield Unread(prefix=prefix, reason=f"{program} ended with status {error.returncode}")
            continue
        yield from (f"{prefix}{COUNTERS.sub('', line)}" for line in lines if not line.startswith("#"))


def control_groups(engine: Engine | None) -> Iterator[str]:
    """Yield the control groups of containers, and those of this program."""
    running = private_engine_directory().tag if engine and engine.private else None
    for mount in parse_mountinfo((PROC / "self/mountinfo").read_text()):
        if mount.filesystem not in {"cgroup", "cgroup2"}:
            continue
        for directory, children, _ in os.walk(mount.target):
            for path in (Path(directory) / child for child in children):
                relative = str(path.relative_to(mount.target))
                if CGROUP.search(relative) and relative not in {STOCK_CGROUP, running}:
                    yield str(path)


def processes() -> Iterator[Name]:
    """Yield the processes that make up engines and levels, and all that live in other namespaces than this one.

    An ordinary user cannot read the namespaces of others' processes: those are recognised by their programs alone.
    """
    home = _namespaces(PROC / "self")
    hidden = 0
    for entry in PROC.iterdir():
        if not entry.name.isdecimal() or int(entry.name) in {os.getpid(), os.getppid()}:
            continue
        try:
            words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
            stat = read_process_stat(entry)
            if KERNEL_THREADS in {stat.parent, int(entry.name)}:
                continue
            stray = _is_program(stat.name, words) or _lives_elsewhere(entry, home)
        except PermissionError:
            hidden += 1
            continue
        except OSError:  # It ended meanwhile.
            continue
        if stray and stat.state != ZOMBIE:
            yield f"{entry.name} started at {stat.started}: {' '.join(words).strip()}"[:200]
    if hidden:
        yield Unread(prefix=None, reason="the namespaces of some processes cannot be read")


def zombies() -> Iterator[str]:
    """Yield the processes that have ended and that nobody waited for. Those of init are left out: it waits in time."""
    for entry in PROC.iterdir():
        try:
            stat = read_process_stat(entry)
        except OSError:  # No process, or not any more.
            continue
        if stat.state == ZOMBIE and stat.parent != INIT:
            yield f"{entry.name} [{stat.name}]"


def _is_program(name: str, words: list[str]) -> bool:
    started = (name, *(Path(word).name for word in words[:2]))
    module = words[words.index("-m") + 1] if "-m" in words[:-1] else ""
    return any(PROGRAMS.fullmatch(word) for word in started) or MODULES.fullmatch(module) is not None


def _lives_elsewhere(process: Path, home: tuple[str, ...]) -> bool:
    """Return whether no thread of `process` is in the namespaces `home`. Raises OSError.

    An engine enters a container's network with a thread that Go then ends, but for the first: that one stays there.
    """
    if _namespaces(process) == home:
        return False
    for thread in (process / "task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):  # It ended meanwhile.
            if _namespaces(thread) == home:
                return False
    return True


def _namespaces(process: Path) -> tuple[str, ...]:
    return tuple(str((process / "ns" / name).readlink()) for name in NAMESPACES)


def unix_sockets() -> Iterator[str]:
    """Yield the paths at which a process listens."""
    for line in (PROC / "net/unix").read_text().splitlines()[1:]:
        _, _, _, flags, _, _, _, *path = line.split(maxsplit=7)
        if path and int(flags, 16) & LISTENING_UNIX:
            yield path[0]


def tcp_listeners() -> Iterator[str]:
    """Yield the addresses at which a process listens."""
    for table in ("tcp", "tcp6"):
        if (PROC / "net" / table).exists():
            for line in (PROC / "net" / table).read_text().splitlines()[1:]:
                _, address, _, state, *_ = line.split()
                if state == LISTENING_TCP:
                    yield f"{table} {address}"


def settings() -> Iterator[str]:
    """Yield the settings of the kernel that a chain could change."""
    for name in SYSCTLS:
        setting = PROC / "sys" / name
        if setting.exists():
            yield f"{name} = {setting.read_text().strip()}"


def run_directories() -> Iterator[Name]:
    """Yield everything below the run root."""
    denied: list[OSError] = []
    for name, directories, files in os.walk(run_root(), onerror=denied.append):
        yield from (str(Path(name) / entry) for entry in (*directories, *files))
    yield from _unread(denied)


def state_entries(engine: Engine | None) -> Iterator[Name]:
    """Yield everything in the state directory, but for what is kept there."""
    denied: list[OSError] = []
    running = engine is not None and engine.endpoint.startswith(f"unix://{state_directory()}/")
    passed_over = {"engine"} if running else {"engine/data", "engine/containerd"}
    for name, directories, files in os.walk(state_directory(), onerror=denied.append):
        place = Path(name).relative_to(state_directory())
        # An engine's data is large, and changes while one looks: not even its names are read.
        directories[:] = [it for it in directories if str(place / it) not in passed_over]
        for entry in (*directories, *files):
            if not KEPT.fullmatch(str(place / entry)):
                yield str(state_directory() / place / entry)
    yield from _unread(denied)


def _unread(errors: Iterable[OSError]) -> Iterator[Unread]:
    """Yield the directories that may not be read; others were removed meanwhile."""
    for error in errors:
        if isinstance(error, PermissionError):
            yield Unread(prefix=f"{error.filename}/", reason="permission denied")


def temporary_files() -> Iterator[str]:
    """Yield what this program could leave in the directory of temporary files."""
    yield from map(str, Path(tempfile.gettempdir()).glob("inception*"))


def engine_readers(engine: Engine) -> tuple[tuple[str, Callable[[], Iterable[Name]]], ...]:
    """Return a reader for each kind of thing on `engine`. They raise EngineError."""
    client = engine.client

    def containers() -> list[Name]:
        with translated("listing containers"):
            return [f"{one['Id'][:12]} {one['Names']} {one['State']}" for one in client.containers(all=True)]

    def volumes() -> list[Name]:
        with translated("listing volumes"):
            return [one["Name"] for one in client.volumes()["Volumes"] or ()]

    def networks() -> list[Name]:
        with translated("listing networks"):
            return [f"{one['Name']} {one['Id'][:12]}" for one in client.networks()]

    def images() -> list[Name]:
        with translated("listing images"):
            return [f"{one['Id']} {one['RepoTags']}" for one in client.images()]

    return (("container", containers), ("volume", volumes), ("network", networks), ("image", images))


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
