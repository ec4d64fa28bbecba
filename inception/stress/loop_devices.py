"""Tell this machine's loop devices from those of another view of it: a container's, or that of an isolated test run."""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

_SYS_BLOCK = Path("/sys/block")
_DEV = Path("/dev")
_LOOP_MAJOR = 7
"""Documentation/admin-guide/devices.txt"""
_LOOP_GET_STATUS64 = 0x4C05
"""include/uapi/linux/loop.h; the file's device number is the first of struct loop_info64."""
_LOOP_INFO_BYTES = 232


def seen_devices(mountinfo: str) -> frozenset[int]:
    """Return the device numbers of the file systems mounted here, as both mountinfo and stat(2) name them."""
    numbers: set[int] = set()
    for line in mountinfo.splitlines():
        _, _, number, _, target, *_ = line.split(" ")
        major, _, minor = number.partition(":")
        numbers.add(os.makedev(int(major), int(minor)))
        # They differ for a btrfs subvolume. A mount point that is covered or forbidden has no other number to give.
        with suppress(OSError):
            numbers.add(Path(target.encode().decode("unicode_escape")).stat().st_dev)
    return frozenset(numbers)


def visible(files: Mapping[str, int | None], seen: frozenset[int]) -> Iterator[str]:
    """Yield the loop devices of `files` whose file lies on a file system of `seen`, maybe through other loop devices.

    `files` has the device number of each one's file; those whose number is None, unreadable, are taken to be visible.
    """
    numbers = {os.makedev(_LOOP_MAJOR, int(name.removeprefix("loop"))): name for name in files}
    for name in files:
        inner, device = set[str](), files[name]
        while device is not None and device not in seen and (below := numbers.get(device)) and below not in inner:
            inner.add(below)
            device = files[below]
        if device is None or device in seen:
            yield name


def loop_devices(mountinfo: str) -> Iterator[str]:
    """Yield the loop devices in use that are visible with these mounts, each with the path of its file."""
    paths: dict[str, str] = {}
    files: dict[str, int | None] = {}
    for backing in _SYS_BLOCK.glob("loop*/loop/backing_file"):
        name = backing.parts[3]
        with suppress(FileNotFoundError):  # It was detached meanwhile.
            paths[name] = backing.read_text().strip()
            files[name] = _device_of_file(name)
    for name in visible(files, seen_devices(mountinfo)):
        yield f"{name} on {paths[name]}"


def _device_of_file(name: str) -> int | None:
    """Return the device number of the file of loop device `name`, or None if this process may not ask."""
    try:
        descriptor = os.open(_DEV / name, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        answer = fcntl.ioctl(descriptor, _LOOP_GET_STATUS64, bytes(_LOOP_INFO_BYTES))
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return int(struct.unpack_from("=Q", answer)[0])
