"""What a chain will take of the host, and how deep the host's resources let one go.

The costs were measured level by level on the reference machine (2 cores, Linux 6.18, Docker 20.10 outside, 26.1
inside) with images of 300 MB; `docker load` grows with the image.
"""

from __future__ import annotations

from dataclasses import dataclass

from inception.plan.facts import HostFacts
from inception.plan.request import ImageTransfer, Storage
from inception.plan.size import show_size

MEMORY_PER_LEVEL = 70_000_000
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
"""Down and up again."""
LOAD_BYTES_PER_SECOND = 40_000_000
"""Of an image, by `docker load`."""
LOAD_BYTES_PER_INODE = 25_000
"""Of an image of Debian packages."""
USUAL_IMAGE_SIZE = 300_000_000
"""Bytes, where the image is not there yet."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What a chain takes: bytes of memory and disk, inodes, tasks, and seconds from the host down and up again."""

    memory: int
    disk: int
    inodes: int
    tasks: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Budget:
    """One resource of the host: how much is free (None: unknown, or without limit) and what each level takes of it."""

    resource: str
    free: int | None
    per_level: int
    in_bytes: bool

    @property
    def greatest_depth(self) -> int | None:
        """How deep it lets a chain go; None is as deep as one likes."""
        return None if self.free is None or self.per_level == 0 else self.free // self.per_level

    def allows(self, depth: int) -> bool:
        return self.greatest_depth is None or depth <= self.greatest_depth

    def show(self, amount: int) -> str:
        return f"{show_size(amount)} of {self.resource}" if self.in_bytes else f"{amount} {self.resource}"


def estimate(depth: int, transfer: ImageTransfer, storage: Storage, image_size: int) -> Estimate:
    """What `depth` levels take whose data-roots are on `storage`, of an image of `image_size` bytes."""
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
    """The host's resources, against what each level takes of them."""
    each = estimate(1, transfer, storage, image_size)
    return (
        Budget(resource="memory", free=host.memory_available, per_level=each.memory, in_bytes=True),
        Budget(resource="disk", free=host.disk_free, per_level=each.disk, in_bytes=True),
        Budget(resource="inodes", free=host.inodes_free, per_level=each.inodes, in_bytes=False),
        Budget(resource="processes and threads", free=host.tasks_free, per_level=each.tasks, in_bytes=False),
    )


def tightest(among: tuple[Budget, ...], depth: int) -> Budget | None:
    """The budget that stops a chain first on its way to `depth`, if one does."""
    stopping = [(budget.greatest_depth or 0, budget) for budget in among if not budget.allows(depth)]
    return min(stopping, key=lambda it: it[0])[1] if stopping else None
