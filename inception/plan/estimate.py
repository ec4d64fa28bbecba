"""Estimates of what a chain takes from the host, and of the depth that the host's resources allow.

The costs were measured level by level on the reference machine (2 cores, Linux 6.18, Docker 20.10 outside, 26.1
inside) with images of 300 MB; `docker load` grows with the image.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from inception.plan.formats.size import show_size
from inception.plan.light_dataclasses import dataclass, replace
from inception.plan.request import ImageTransfer, Storage
from inception.plan.resources import ResourceLimit, resources_of
from inception.plan.tree import Shape

if TYPE_CHECKING:
    from inception.plan.facts import HostFacts

MEMORY_PER_LEVEL = 60_000_000
"""Bytes: containerd, dockerd, shim, runner, tini, and what the kernel keeps of them."""
DISK_PER_LEVEL = 1_000_000
"""Bytes: the engine's databases and the grafted image's metadata (0.8 MB)."""
DISK_PER_LOOPBACK = 5_000_000
"""Bytes that an empty ext4 of some GB writes into its sparse file."""
INODES_PER_LEVEL = 120
"""Files and directories of an engine with a grafted image (106)."""
TASKS_PER_LEVEL = 40
"""Processes and threads (35)."""
SECONDS_PER_LEVEL = 0.9
"""Seconds of a level's descent and unwinding together."""
LOAD_BYTES_PER_SECOND = 40_000_000
"""Bytes of an image that `docker load` reads in a second."""
LOAD_BYTES_PER_INODE = 25_000
"""Bytes of an image of Debian packages for each inode that it takes."""
USUAL_IMAGE_SIZE = 460_000_000
"""Bytes assumed for an image that is not there yet."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Resources that a chain takes: memory and disk in bytes, inodes, tasks, and seconds to descend and unwind."""

    memory: int
    disk: int
    inodes: int
    tasks: int
    seconds: float

    def share(self, levels: int, of: int) -> Estimate:
        """Return what `levels` levels of a chain of `of` take: each takes as much."""
        return Estimate(
            memory=self.memory * levels // of,
            disk=self.disk * levels // of,
            inodes=self.inodes * levels // of,
            tasks=self.tasks * levels // of,
            seconds=self.seconds * levels / of,
        )


@dataclass(frozen=True, kw_only=True)
class Budget:
    """One resource of the host: the free amount (None: unknown or unlimited) and the amount that each level takes."""

    resource: str
    free: int | None
    per_level: int
    in_bytes: bool

    @property
    def greatest_depth(self) -> int | None:
        """Greatest depth that the resource allows; None if it sets no limit."""
        return None if self.free is None or self.per_level == 0 else self.free // self.per_level

    def allows(self, depth: int) -> bool:
        """Return whether the resource suffices for `depth` levels."""
        return self.greatest_depth is None or depth <= self.greatest_depth

    def show(self, amount: int) -> str:
        """Return `amount` of the resource for people, as in "1.40 GB of memory"."""
        return f"{show_size(amount)} of {self.resource}" if self.in_bytes else f"{amount} {self.resource}"


def estimate(depth: int, transfer: ImageTransfer, storage: Storage, image_size: int) -> Estimate:
    """Return what `depth` levels with data-roots on `storage` take, with an image of `image_size` bytes."""
    loaded = image_size if transfer is ImageTransfer.LOAD else 0
    disk = DISK_PER_LEVEL + loaded + (DISK_PER_LOOPBACK if storage is Storage.LOOPBACK else 0)
    in_memory = storage is Storage.TMPFS
    return Estimate(
        memory=depth * (MEMORY_PER_LEVEL + (disk if in_memory else 0)),
        disk=0 if in_memory else depth * disk,
        inodes=0 if in_memory else depth * (INODES_PER_LEVEL + loaded // LOAD_BYTES_PER_INODE),
        tasks=depth * TASKS_PER_LEVEL,
        seconds=depth * (SECONDS_PER_LEVEL + loaded / LOAD_BYTES_PER_SECOND),
    )


def budgets(host: HostFacts, transfer: ImageTransfer, storage: Storage, image_size: int) -> tuple[Budget, ...]:
    """Return the host's resources, each with the amount that a level takes."""
    each = estimate(1, transfer, storage, image_size)
    return (
        Budget(resource="memory", free=host.memory_available, per_level=each.memory, in_bytes=True),
        Budget(resource="disk", free=host.disk_free, per_level=each.disk, in_bytes=True),
        Budget(resource="inodes", free=host.inodes_free, per_level=each.inodes, in_bytes=False),
        Budget(resource="processes and threads", free=host.tasks_free, per_level=each.tasks, in_bytes=False),
    )


def without(host: HostFacts, chain: Estimate) -> HostFacts:
    """Return `host` as it would be if a chain that takes that much did not run."""

    def more(free: int | None, taken: int) -> int | None:
        return None if free is None else free + taken

    return replace(
        host,
        memory_available=more(host.memory_available, chain.memory),
        disk_free=more(host.disk_free, chain.disk),
        inodes_free=more(host.inodes_free, chain.inodes),
        tasks_free=more(host.tasks_free, chain.tasks),
    )


def tightest(among: tuple[Budget, ...], depth: int) -> Budget | None:
    """Return the budget that stops a chain first on its way to `depth`, or None."""
    stopping = [(budget.greatest_depth or 0, budget) for budget in among if not budget.allows(depth)]
    return min(stopping, key=lambda it: it[0])[1] if stopping else None


def too_tight(shape: Shape, limits: Sequence[ResourceLimit]) -> Iterator[tuple[str, str]]:
    """Yield each limit that is below what its level and those below it need, and the least amount that would do."""
    for level in range(1, shape.count + 1):
        below = shape.below(level)
        resources, count = resources_of(level, limits), len(below) + 1
        levels = f"levels {level} to {below[-1]}" if below else f"level {level}"
        memory, tasks = count * MEMORY_PER_LEVEL, count * TASKS_PER_LEVEL
        if resources.memory is not None and resources.memory < memory:
            needed = f"{show_size(memory)} that {levels} need"
            yield f"--memory of {show_size(resources.memory)} is less than the {needed}", f"{memory // 10**6}MB"
        if resources.pids is not None and resources.pids < tasks:
            yield f"--pids of {resources.pids} is less than the {tasks} tasks that {levels} need", str(tasks)
