# ruff: noqa: PTH102, PTH106, PTH108 (pathlib would take longer to load than all this takes to run)
"""Try a real overlay with its upper directory below the directory given, and print `ok` or the error.

    mount_overlay.py DIRECTORY [MOUNT_NAMESPACE]

Run as a program: it mounts in a mount namespace of its own, so no mount outlives it. The kernel takes the layers of
an overlay only from the mount namespace that it is made in, so that of the engine is entered first where it is given.
"""

from __future__ import annotations

import ctypes
import os
import sys

_CLONE_NEWNS = 0x00020000
_MS_REC = 0x4000
_MS_PRIVATE = 1 << 18

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, call: str) -> None:
    if result != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{call}: {os.strerror(error)}")


def _own_mount_namespace(start: str | None) -> None:
    """Enter a private copy of this mount namespace, or of `start`; its mounts end with this process."""
    if start is not None:
        descriptor = os.open(start, os.O_RDONLY | os.O_CLOEXEC)
        _checked(_libc.setns(descriptor, _CLONE_NEWNS), f"setns to {start}")
        os.close(descriptor)
    _checked(_libc.unshare(_CLONE_NEWNS), "unshare")
    _checked(_libc.mount(None, b"/", None, _MS_REC | _MS_PRIVATE, None), "mount --make-rprivate /")


def _try_overlay(scratch: str) -> None:
    """Mount an overlay in `scratch` and remove a file of its lower layer. Raises OSError."""
    options = f"lowerdir={scratch}/lower,upperdir={scratch}/upper,workdir={scratch}/work"
    merged = f"{scratch}/merged"
    _checked(_libc.mount(b"overlay", merged.encode(), b"overlay", 0, options.encode()), "mount of an overlay")
    try:
        # Removing leaves a whiteout in the upper directory, which not every file system can hold.
        os.unlink(f"{merged}/lower-file")
    finally:
        _checked(_libc.umount2(merged.encode(), 0), "umount of the overlay")


def _make(scratch: str) -> None:
    for path in (scratch, *(f"{scratch}/{name}" for name in ("lower", "upper", "work", "merged"))):
        os.mkdir(path, 0o700)
    os.close(os.open(f"{scratch}/lower/lower-file", os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600))


def _remove(scratch: str) -> None:
    for directory, directories, files in os.walk(scratch, topdown=False):
        for name in files:
            os.unlink(f"{directory}/{name}")
        for name in directories:
            os.rmdir(f"{directory}/{name}")
    os.rmdir(scratch)


def main(directory: str, mount_namespace: str | None = None) -> None:
    """Print `ok`, or why `directory` cannot carry an overlay."""
    scratch = f"{directory}/inception-probe-{os.urandom(8).hex()}"
    try:
        _own_mount_namespace(mount_namespace)
        try:
            _make(scratch)
            _try_overlay(scratch)
        finally:
            _remove(scratch)
    except OSError as error:
        print(error.strerror)  # noqa: T201 (this is how a program answers)
    else:
        print("ok")  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
