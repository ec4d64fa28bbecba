"""File system of this level's data-root: a volume or a tmpfs comes with the container, an ext4 image is made here.

The image is a sparse file on a volume of the engine above. Its loop device has the autoclear flag (mount(8), "loop"),
so that the kernel detaches it when the mount ends, however the level ends.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import subprocess
from pathlib import Path

from inception.level.failure import PhaseError
from inception.linux.mounts import parse_mountinfo, unmount
from inception.linux.retry import retry
from inception.plan.paths import IMAGE_DIRECTORY
from inception.plan.request import Storage
from inception.plan.storage import MKFS_OPTIONS, LevelStorage

_IMAGE = Path(IMAGE_DIRECTORY) / "data-root.ext4"
_LOOP_CTL_GET_FREE = 0x4C82  # include/uapi/linux/loop.h
_LOOP_MAJOR = 7  # Documentation/admin-guide/devices.txt
_LOOP_CONTROL = (10, 237)  # include/linux/miscdevice.h
_SPARE_NODES = 8
"""Nodes made beyond the first free one: other levels and programs take devices at the same time."""
_MOUNT_ATTEMPTS_S = 10.0
_DETACH_LIMIT_S = 10.0
_PAUSE_S = 0.02


def open_storage(storage: LevelStorage, data_root: Path) -> None:
    """Mount an ext4 image on `data_root` if `storage` wants one; make it unless the level has been stopped before.

    Raises PhaseError or OSError.
    """
    if storage.kind is not Storage.LOOPBACK or storage.size is None:
        return
    if _IMAGE.exists():
        mend_image(_IMAGE)
    else:
        make_image(_IMAGE, storage.size)
    mount_image(_IMAGE, data_root)


def make_image(image: Path, size: int) -> None:
    """Make an empty ext4 of `size` bytes in the file `image`. Raises PhaseError or OSError."""
    with image.open("wb") as file:
        file.truncate(size)
    _run("mkfs.ext4", *MKFS_OPTIONS, str(image))


def mend_image(image: Path) -> None:
    """Repair the ext4 in `image`, which has no journal, after its container was killed. Raises PhaseError.

    Status 1 of e2fsck(8) is "errors corrected".
    """
    _run("e2fsck", "-p", str(image), successes=(0, 1))


def mount_image(image: Path, data_root: Path) -> None:
    """Mount the ext4 in `image` on `data_root`. Raises PhaseError or OSError."""
    data_root.mkdir(parents=True, exist_ok=True)
    # Another process can take the free device before mount does.
    retry(lambda: _mount(image, data_root), errors=PhaseError, limit_s=_MOUNT_ATTEMPTS_S, pause_s=_PAUSE_S)


def close_storage(storage: LevelStorage, data_root: Path) -> None:
    """Unmount the image that `open_storage` mounted. Raises OSError (`unmount_image`)."""
    if storage.kind is Storage.LOOPBACK:
        unmount_image(data_root)


def unmount_image(data_root: Path) -> None:
    """Unmount the image on `data_root`, if there is one, and wait until the kernel has detached its loop device.

    Detaching is asynchronous: the image of the level above stays busy until that of this one is gone. Raises OSError
    when it takes longer than `_DETACH_LIMIT_S` seconds.
    """
    if (backing := _backing_file(data_root)) is None:
        return
    attached_to = _read(backing)

    def check_detached() -> None:
        if attached_to is not None and _read(backing) == attached_to:
            raise OSError(errno.EBUSY, "the loop device stays attached", attached_to)

    for step in (lambda: unmount(data_root), check_detached):
        retry(step, errors=OSError, limit_s=_DETACH_LIMIT_S, pause_s=_PAUSE_S)


def _backing_file(data_root: Path) -> Path | None:
    """Return the sysfs file that names the backing file of the loop device on `data_root`; None if none is mounted."""
    mounts = parse_mountinfo(Path("/proc/self/mountinfo").read_text())
    devices = [mount.source for mount in mounts if mount.target == data_root]
    if not devices or not devices[-1].startswith("/dev/loop"):
        return None
    return Path("/sys/block") / Path(devices[-1]).name / "loop" / "backing_file"


def _read(path: Path) -> str | None:
    try:
        return path.read_text()
    except OSError:
        return None  # Not attached.


def _mount(image: Path, data_root: Path) -> None:
    _make_nodes()
    _run("mount", "-t", "ext4", "-o", "loop,noatime", str(image), str(data_root))


def _run(*command: str, successes: tuple[int, ...] = (0,)) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in successes:
        reason = " ".join(done.stderr.split()) or f"status {done.returncode}"
        raise PhaseError(f"{command[0]}: {reason}", remedy="use --storage volume or tmpfs, or a larger --storage-size")


def _make_nodes() -> None:
    """Make the device nodes for `mount -o loop`: a container has those of the host's boot, or none."""
    control = Path("/dev/loop-control")
    _make_node(control, stat.S_IFCHR, os.makedev(*_LOOP_CONTROL))
    descriptor = os.open(control, os.O_RDWR | os.O_CLOEXEC)
    try:
        free = fcntl.ioctl(descriptor, _LOOP_CTL_GET_FREE)
    finally:
        os.close(descriptor)
    for number in range(free + _SPARE_NODES):
        _make_node(Path(f"/dev/loop{number}"), stat.S_IFBLK, os.makedev(_LOOP_MAJOR, number))


def _make_node(path: Path, kind: int, device: int) -> None:
    try:
        os.mknod(path, 0o660 | kind, device)
    except FileExistsError:
        return
    except OSError as error:  # Its error has no file name.
        raise OSError(error.errno, error.strerror, str(path)) from error
