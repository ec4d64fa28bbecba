"""Where everything of a chain lies, on the host and in every level.

The run directory has the same path everywhere, so a path made here is right at each level:

    <run root>/<chain>/
      plan.json       the plan, written once before anything is touched
      events.jsonl    one JSON object a line, appended by every level (see `events`)
      client.lock     held by the client of an attached chain; level 1 unwinds when it falls free
      chain.lock      held by level 1; the levels below unwind when it falls free
      payload/        the runner: a copy of `inception/plan` and `inception/level`
      <k>/            level k: docker.sock, runner.log, containerd.log, dockerd.log
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

SEED_DIRECTORY = PurePosixPath("/var/lib/inception/seed")
"""Where each level finds the seed, read-only: `seed.json`, `image.tar` and `data-root/`."""

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
    def client_lock(self) -> PurePosixPath:
        return self.root / "client.lock"

    @property
    def chain_lock(self) -> PurePosixPath:
        return self.root / "chain.lock"

    @property
    def payload(self) -> PurePosixPath:
        return self.root / "payload"

    def level(self, number: int) -> PurePosixPath:
        return self.root / str(number)

    def socket(self, number: int) -> PurePosixPath:
        """The Docker socket of level `number`."""
        return self.level(number) / "docker.sock"

    def log(self, number: int, program: str) -> PurePosixPath:
        """The log of `program` (runner, containerd or dockerd) at level `number`."""
        return self.level(number) / f"{program}.log"
