"""Paths of a chain's files, on the host and in every level.

The run directory has the same path everywhere, so a path made here is right at each level:

    <run root>/<chain>/
      plan.json       the plan, written once before anything is touched
      events.jsonl    one JSON object a line, appended by every level (see `events`)
      endpoint.proof  proves that the user chose the level-0 engine in the plan
      paused          exists while a client has frozen the chain
      payload/        the runner: a copy of `inception/plan` and `inception/level`
      <k>/            level k: docker.sock, lifeline, alive, runner.log, containerd.log, dockerd.log,
                      each with its older part (see `previous_log`)
      0/              the client that starts the chain, and stays if it is attached: lifeline

`lifeline` is a lock file that a level holds until it unwinds; the level below unwinds once the lock is free. `alive` is
a lock file that the level's runner holds until its process ends. It contains `ready` once the engine has answered, even
if the event file cannot be written.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from inception.plan import directories
from inception.plan.light_dataclasses import dataclass

DATA_ROOT = PurePosixPath(directories.DATA_ROOT)
"""Data-root of each level's engine."""

SEED_DIRECTORY = PurePosixPath("/var/lib/inception/seed")
"""Directory of the seed where it is made: `seed.json`, `image.tar`, `data-root/` and archives of preloads."""

BASE_SEED_DIRECTORY = PurePosixPath("/var/lib/inception/base-seed")
"""Directory of the seed that another one begins as a copy of, where that one is made."""

SEEDS_DIRECTORY = PurePosixPath("/var/lib/inception/seeds")
"""Directory of the chain's seeds in each level, read-only, each in a directory with the name of its volume."""

MOUNTS_DIRECTORY = PurePosixPath("/var/lib/inception/mounts")
"""Directory in each level with the host's directories that levels have: `0`, `1` and so on, as in the plan."""

IMAGE_DIRECTORY = PurePosixPath("/var/lib/inception/storage")
"""Mount point of the volume that holds the image of a level's file system, if it has one."""

DATABASES_DIRECTORY = PurePosixPath(directories.DATABASES_DIRECTORY)
"""Mount point of the tmpfs that holds the databases of a level's engine, if they are kept in memory."""

SOCKET_PATH_LIMIT = 107
"""Bytes in a unix socket's path: `sun_path` has 108, the last one a NUL (unix(7))."""

LOGGED_PROGRAMS = ("runner", "containerd", "dockerd")
"""The programs that have a log file in the directory of their level."""


def preload_file(index: int) -> str:
    """Return the name of the archive with the preload of that index, in the directory of a seed."""
    return f"preload-{index}.tar"


def previous_log(log: Path) -> Path:
    """Return the file with the older part of `log`, which exists once the log has exceeded its limit."""
    return log.with_name(f"{log.name}.1")


@dataclass(frozen=True, kw_only=True)
class RunDirectory:
    """Paths inside one chain's run directory. Creates none of them."""

    root: PurePosixPath

    @property
    def plan(self) -> PurePosixPath:
        """The chain's plan."""
        return self.root / "plan.json"

    @property
    def events(self) -> PurePosixPath:
        """The event file, to which every level appends."""
        return self.root / "events.jsonl"

    @property
    def paused(self) -> PurePosixPath:
        """File that exists while a client has frozen the chain."""
        return self.root / "paused"

    @property
    def kept(self) -> PurePosixPath:
        """File that exists once a client has arranged that the chain's data outlive its levels."""
        return self.root / "kept"

    @property
    def endpoint_proof(self) -> PurePosixPath:
        """Proof that the user chose the level-0 engine that the plan names."""
        return self.root / "endpoint.proof"

    @property
    def payload(self) -> PurePosixPath:
        """Directory of the payload, an entry of each level's module path."""
        return self.root / "payload"

    def level(self, number: int) -> PurePosixPath:
        """Return the directory of level `number`; 0 is the client's."""
        return self.root / str(number)

    def socket(self, number: int) -> PurePosixPath:
        """Return the Docker socket of level `number`."""
        return self.level(number) / "docker.sock"

    def dial(self, number: int) -> PurePosixPath:
        """Return the socket at which a program in level `number` gives sockets of its network."""
        return self.level(number) / "dial.sock"

    def lifeline(self, number: int) -> PurePosixPath:
        """Return the lock file that level `number` holds; 0 is the client's."""
        return self.level(number) / "lifeline"

    def alive(self, number: int) -> PurePosixPath:
        """Return the lock file that the runner of level `number` holds until its process ends."""
        return self.level(number) / "alive"

    def log(self, number: int, program: str) -> PurePosixPath:
        """Return the log of `program` (runner, containerd or dockerd) at level `number`."""
        return PurePosixPath(directories.log_of(str(self.level(number)), program))
