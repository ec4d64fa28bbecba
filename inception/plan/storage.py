"""Storage of each level's data-root.

An overlay cannot be the upper directory of another overlay, so a data-root must lie on a real file system: a volume of
the engine above, an ext4 image on a loop device, or a tmpfs.

The image of a level's file system is a sparse file in the data-root of the level above, and so inside that level's own
image. Each level must therefore hold its own data and the whole image of the next: sizes shrink inward.
"""

from __future__ import annotations

from inception.plan.formats.size import GIB, MIB
from inception.plan.light_dataclasses import dataclass
from inception.plan.request import ImageTransfer, Storage

MKFS_OPTIONS = (
    *("-q", "-F"),
    # It does not outlive the chain, so a journal would only write everything twice, and again at each level.
    *("-O", "^has_journal"),
    # All of it is for one user; root needs no reserve.
    *("-m", "0"),
    # The same sizes of blocks and inodes however small it is: `usable` counts on them.
    *("-b", "4096", "-i", "16384", "-I", "256"),
    # Blocks that mkfs neither reads nor writes stay holes in the sparse file.
    *("-E", "nodiscard,lazy_itable_init=1"),
)
"""Options of `mkfs.ext4` for a level's image."""

OWN_DATA = 32 * MIB
"""Bytes of a level's own data: its engine's databases, the grafted image's metadata (5 MB), a container or two."""
WORKSPACE = 512 * MIB
"""Bytes that the bottom offers to its user at least."""
ROOM = 16 * GIB
"""Bytes that the bottom offers by default, if the disk has them."""

_OVERHEAD_DIVISOR = 40
"""ext4 with MKFS_OPTIONS takes 1.6 to 2.0 % for inodes and bitmaps (measured, 512 MiB to 1 TiB): 2.5 % is enough."""
_OVERHEAD_FIXED = 24 * MIB
"""Bytes: ext4 reserves 4096 clusters for delayed allocation (s_resv_clusters, 16 MiB), and directories need some."""


@dataclass(frozen=True, kw_only=True)
class LevelStorage:
    """Storage of one level's data-root: `kind` is never AUTO; `size` is in bytes, where the kind has one."""

    kind: Storage
    size: int | None = None


class NoOverlayOnVolumes(ValueError):
    """Error: the engine's volumes are on a file system that cannot hold the upper directory of an overlay."""


class StorageTooSmall(ValueError):
    """Error: the outermost image is too small for the depth; `least_size` (bytes) is the smallest that suffices."""

    def __init__(self, size: int, depth: int, least_size: int) -> None:
        super().__init__(f"{size} bytes at level 1 are too small for {depth} levels")
        self.size = size
        self.least_size = least_size


def assign_storage(
    kind: Storage, depth: int, *, carries_overlay: bool, outermost: int | None, own: int, disk_free: int | None
) -> tuple[LevelStorage, ...]:
    """Return the storage of each level's data-root, level 1 first.

    `carries_overlay`: the engine's volumes can hold the upper directory of an overlay.
    `outermost` is the size of level 1's image, `own` the size of each level's own data, `disk_free` what the engine's
    data-root has left, all in bytes.
    Raises StorageTooSmall, or NoOverlayOnVolumes where volumes are asked for.
    """
    if depth == 0:
        return ()
    volumes = (LevelStorage(kind=Storage.VOLUME),) * depth
    if kind is Storage.TMPFS:
        return (LevelStorage(kind=Storage.TMPFS, size=outermost),) * depth
    if kind is Storage.VOLUME and not carries_overlay:
        raise NoOverlayOnVolumes("the engine's volumes lie on a file system that carries no overlay")
    if kind is Storage.VOLUME or (kind is Storage.AUTO and carries_overlay):
        return volumes
    if kind is Storage.AUTO:
        # The ext4 of level 1 carries overlays, and so do the volumes of its engine and of all deeper ones: one image
        # holds everything, and writes go through one loop device only.
        return (*_images(1, own * depth, outermost, disk_free), *volumes[1:])
    return _images(depth, own, outermost, disk_free)


def _images(nested: int, own: int, outermost: int | None, disk_free: int | None) -> tuple[LevelStorage, ...]:
    size = default_size(least_size(nested, own), disk_free) if outermost is None else outermost
    return tuple(LevelStorage(kind=Storage.LOOPBACK, size=each) for each in shrinking_sizes(size, nested, own))


def usable(size: int) -> int:
    """Return the bytes of data that an image of `size` bytes can hold at least."""
    return max(size - size // _OVERHEAD_DIVISOR - _OVERHEAD_FIXED, 0)


def holding(data: int) -> int:
    """Return the least size, in bytes and whole MiB, of an image that can hold `data` bytes."""
    roughly = (data + _OVERHEAD_FIXED) * _OVERHEAD_DIVISOR // (_OVERHEAD_DIVISOR - 1)
    size = max(roughly // MIB - 1, 0) * MIB if data > 0 else 0
    while usable(size) < data:
        size += MIB
    return size


def own_data(transfer: ImageTransfer, image_size: int) -> int:
    """Return the bytes that each level keeps in its own data-root.

    `docker load` needs twice the image for a while: it unpacks the archive before it unpacks the layers.
    """
    return OWN_DATA + (2 * image_size if transfer is ImageTransfer.LOAD else 0)


def least_size(nested: int, own: int) -> int:
    """Return the bytes of the outermost of `nested` images that leaves WORKSPACE at the bottom."""
    size = WORKSPACE
    for _ in range(nested):
        size = holding(own + size)
    return size


def shrinking_sizes(outermost: int, nested: int, own: int) -> tuple[int, ...]:
    """Return the sizes of `nested` images, outermost first; each holds the next one and `own` bytes besides.

    Raises StorageTooSmall.
    """
    least = least_size(nested, own)
    if outermost < least:
        raise StorageTooSmall(outermost, nested, least)
    sizes = [outermost]
    while len(sizes) < nested:
        sizes.append((usable(sizes[-1]) - own) // MIB * MIB)
    return tuple(sizes)


def default_size(least: int, disk_free: int | None) -> int:
    """Return the default outermost size: the least and ROOM, if the disk has it."""
    return least + ROOM if disk_free is None else max(least, min(least + ROOM, disk_free // MIB * MIB))
