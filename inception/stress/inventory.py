"""All that a chain, or a private engine, could leave on the host: read before, read after, compared."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from inception.engine.connect import Engine
from inception.engine.private.layout import EngineDirectory
from inception.linux.mounts import parse_mountinfo
from inception.places import run_root, state_directory

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
KEPT = re.compile(r".*\.lock|engine(/(data|containerd)(/.*)?|/\w+\.log)?")
"""In the state directory: locks, and the private engine's logs and its data for next time."""
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
SETTLE_S = 5.0
"""Seconds that the host may take until all is as before."""
POLL_S = 0.1
INIT = "1"
KERNEL_THREADS = "2"
"""The process number of their common parent, kthreadd."""
ZOMBIE = "zombie"
"""A process that has ended and that nobody waited for. One that was waited for since is not missed."""
LISTENING_UNIX = 0x10000
"""The flag __SO_ACCEPTCON in /proc/net/unix (include/linux/net.h)."""
LISTENING_TCP = "0A"
"""The state TCP_LISTEN in /proc/net/tcp (include/net/tcp_states.h)."""


@dataclass(frozen=True, order=True)
class Thing:
    """One thing that is there."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True)
class Inventory:
    """Everything that was there at one moment."""

    things: frozenset[Thing]

    @classmethod
    def take(cls, engine: Engine | None) -> Inventory:
        """Read this host now, and `engine` where there is one."""
        readers: tuple[tuple[str, Callable[[], Iterable[str]]], ...] = (
            ("mount", mounts),
            ("loop device", loop_devices),
            ("link", links),
            ("route", routes),
            ("rule", rules),
            ("control group", lambda: control_groups(engine)),
            ("process", processes),
            (ZOMBIE, zombies),
            ("unix socket", unix_sockets),
            ("TCP listener", tcp_listeners),
            ("setting", settings),
            ("run directory entry", run_directories),
            ("state entry", lambda: state_entries(engine)),
            ("temporary file", temporary_files),
            *(((kind, reader) for kind, reader in _engine_readers(engine)) if engine else ()),
        )
        return cls(frozenset(Thing(kind, name) for kind, reader in readers for name in numbered(reader())))


def diff(before: Inventory, after: Inventory) -> list[str]:
    """What is there now and was not, or was and is not any more: one line each, none if all is as before."""
    new = [f"left behind: {thing}" for thing in sorted(after.things - before.things)]
    return new + [f"gone: {thing}" for thing in sorted(before.things - after.things) if thing.kind != ZOMBIE]


def settled(before: Inventory, engine: Engine | None) -> Inventory:
    """This host once nothing differs from `before` any more, or after `SETTLE_S` seconds.

    The kernel and the engine clean up behind our backs: some of it a moment later.
    """
    deadline_s = time.monotonic() + SETTLE_S
    now = Inventory.take(engine)
    while now.things - before.things and time.monotonic() < deadline_s:
        time.sleep(POLL_S)
        now = Inventory(now.things & Inventory.take(engine).things)
    return now


def numbered(names: Iterable[str]) -> Iterator[str]:
    """`names`, with the second of the same name and those that follow told apart."""
    seen: Counter[str] = Counter()
    for name in names:
        seen[name] += 1
        yield name if seen[name] == 1 else f"{name} ({seen[name]})"


def mounts() -> Iterator[str]:
    """Mount points of this mount namespace."""
    for mount in parse_mountinfo((PROC / "self/mountinfo").read_text()):
        if not mount.target.match(STOCK_MOUNT):
            yield f"{mount.target} ({mount.filesystem})"


def loop_devices() -> Iterator[str]:
    """Loop devices that carry something."""
    for backing in Path("/sys/block").glob("loop*/loop/backing_file"):
        yield f"{backing.parts[3]} on {backing.read_text().strip()}"


def links() -> Iterator[str]:
    """Network links."""
    for link in Path("/sys/class/net").iterdir():
        if link.is_dir():  # Not the file bonding_masters.
            yield link.name


def routes() -> Iterator[str]:
    """Routes of all tables."""
    for line in _output("ip", "-oneline", "route", "show", "table", "all").splitlines():
        yield " ".join(word for word in line.split() if word != "linkdown")


def rules() -> Iterator[str]:
    """Rules of the packet filter. Only root can read them."""
    for program in ("iptables-save", "ip6tables-save"):
        if shutil.which(program) and os.geteuid() == 0:
            for line in _output(program).splitlines():
                if not line.startswith("#"):
                    yield f"{program.removesuffix('-save')}: {COUNTERS.sub('', line)}"


def control_groups(engine: Engine | None) -> Iterator[str]:
    """Control groups of containers, and our own."""
    running = EngineDirectory(state_directory() / "engine").tag if engine and engine.private else None
    for mount in parse_mountinfo((PROC / "self/mountinfo").read_text()):
        if mount.filesystem not in {"cgroup", "cgroup2"}:
            continue
        for directory, children, _ in os.walk(mount.target):
            for path in (Path(directory) / child for child in children):
                relative = str(path.relative_to(mount.target))
                if CGROUP.search(relative) and relative not in {STOCK_CGROUP, running}:
                    yield str(path)


def processes() -> Iterator[str]:
    """Those of the programs that make up engines and levels, and all that live in other namespaces than we do."""
    home = _namespaces(PROC / "self")
    for entry in PROC.iterdir():
        if not entry.name.isdecimal() or int(entry.name) in {os.getpid(), os.getppid()}:
            continue
        try:
            words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
            name, _, rest = (entry / "stat").read_text().partition("(")[2].rpartition(")")
            state, parent, *fields = rest.split()
            if KERNEL_THREADS in {parent, entry.name}:
                continue
            stray = _is_program(name, words) or _namespaces(entry) != home
        except OSError:  # It ended meanwhile.
            continue
        if stray and state != "Z":
            yield f"{entry.name} started at {fields[17]}: {' '.join(words).strip()}"[:200]


def zombies() -> Iterator[str]:
    """Processes that have ended and that nobody waited for; init sees to its own, if only now and then."""
    for entry in PROC.iterdir():
        try:
            name, _, rest = (entry / "stat").read_text().partition("(")[2].rpartition(")")
        except OSError:  # No process, or not any more.
            continue
        state, parent, *_ = rest.split()
        if state == "Z" and parent != INIT:
            yield f"{entry.name} [{name}]"


def _is_program(name: str, words: list[str]) -> bool:
    started = (name, *(Path(word).name for word in words[:2]))
    module = words[words.index("-m") + 1] if "-m" in words[:-1] else ""
    return any(PROGRAMS.fullmatch(word) for word in started) or MODULES.fullmatch(module) is not None


def _namespaces(process: Path) -> tuple[str, ...]:
    return tuple(str((process / "ns" / name).readlink()) for name in NAMESPACES)


def unix_sockets() -> Iterator[str]:
    """Paths that somebody listens at."""
    for line in (PROC / "net/unix").read_text().splitlines()[1:]:
        _, _, _, flags, _, _, _, *path = line.split(maxsplit=7)
        if path and int(flags, 16) & LISTENING_UNIX:
            yield path[0]


def tcp_listeners() -> Iterator[str]:
    """Addresses that somebody listens at."""
    for table in ("tcp", "tcp6"):
        if (PROC / "net" / table).exists():
            for line in (PROC / "net" / table).read_text().splitlines()[1:]:
                _, address, _, state, *_ = line.split()
                if state == LISTENING_TCP:
                    yield f"{table} {address}"


def settings() -> Iterator[str]:
    """Settings of the kernel that a chain could touch."""
    for name in SYSCTLS:
        setting = PROC / "sys" / name
        if setting.exists():
            yield f"{name} = {setting.read_text().strip()}"


def run_directories() -> Iterator[str]:
    """Everything below the run root."""
    yield from map(str, run_root().rglob("*"))


def state_entries(engine: Engine | None) -> Iterator[str]:
    """Everything in the state directory, but for what is kept there."""
    running = engine is not None and engine.endpoint.startswith(f"unix://{state_directory()}/")
    passed_over = {"engine"} if running else {"engine/data", "engine/containerd"}
    for name, directories, files in os.walk(state_directory()):
        place = Path(name).relative_to(state_directory())
        # An engine's data is large, and changes while one looks: not even its names are read.
        directories[:] = [it for it in directories if str(place / it) not in passed_over]
        for entry in (*directories, *files):
            if not KEPT.fullmatch(str(place / entry)):
                yield str(state_directory() / place / entry)


def temporary_files() -> Iterator[str]:
    """What programs of ours could forget in the directory for such things."""
    yield from map(str, Path(tempfile.gettempdir()).glob("inception*"))


def _engine_readers(engine: Engine) -> tuple[tuple[str, Callable[[], Iterable[str]]], ...]:
    client = engine.client
    return (
        (
            "container",
            lambda: (f"{one['Id'][:12]} {one['Names']} {one['State']}" for one in client.containers(all=True)),
        ),
        ("volume", lambda: (one["Name"] for one in client.volumes()["Volumes"] or ())),
        ("network", lambda: (f"{one['Name']} {one['Id'][:12]}" for one in client.networks())),
        ("image", lambda: (f"{one['Id']} {one['RepoTags']}" for one in client.images())),
    )


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
