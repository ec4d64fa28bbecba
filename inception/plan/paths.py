"""Where everything of a chain lies, on the host and in every level.

The run directory has the same path everywhere, so a path made here is right at each level:

    <run root>/<chain>/
      plan.json       the plan, written once before anything is touched
      events.jsonl    one JSON object a line, appended by every level (see `events`)
      payload/        the runner: a copy of `inception/plan` and `inception/level`
      <k>/            level k: docker.sock, lifeline, alive, runner.log, containerd.log, dockerd.log
      0/              the client that starts the chain, and stays if it is attached: lifeline

A lifeline is a lock file that its level holds until it unwinds; the level below unwinds when it falls free. `alive` is
one that it holds to its very end, and that says `ready` once its engine answers: whatever becomes of the event file.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

DATA_ROOT = PurePosixPath("/var/lib/docker")
"""Data-root of each level's engine."""

SEED_DIRECTORY = PurePosixPath("/var/lib/inception/seed")
"""Where each level finds the seed, read-only: `seed.json`, `image.tar` and `data-root/`."""

IMAGE_DIRECTORY = PurePosixPath("/var/lib/inception/storage")
"""Where a level finds the volume for the image of its file system, if it has one."""

SOCKET_PATH_LIMIT = 107
"""Bytes in a unix socket's path: `sun_path` has 108, the last one a NUL (unix(7))."""


@dataclass(frozen=True)
class RunDirectory:
    """The paths inside one chain's run directory. Makes nothing."""

    root: PurePosixPath

    @property
    def plan(self) -> PurePosixPath:
        return self.root / "plan.json"

    @property
    def events(self) -> PurePosixPath:
        return self.root / "events.jsonl"

    @property
    def payload(self) -> PurePosixPath:
        return self.root / "payload"

    def level(self, number: int) -> PurePosixPath:
        return self.root / str(number)

    def socket(self, number: int) -> PurePosixPath:
        """The Docker socket of level `number`."""
        return self.level(number) / "docker.sock"

    def lifeline(self, number: int) -> PurePosixPath:
        """The lock that level `number` holds; 0 is the client's."""
        return self.level(number) / "lifeline"

    def alive(self, number: int) -> PurePosixPath:
        """The lock that the runner of level `number` holds until its process ends."""
        return self.level(number) / "alive"

    def log(self, number: int, program: str) -> PurePosixPath:
        """The log of `program` (runner, containerd or dockerd) at level `number`."""
        return self.level(number) / f"{program}.log"
