"""Mount operations as frozen values: `describe` returns the equivalent command, `execute` does it or raises OSError."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

from inception.plan.light_dataclasses import dataclass

# include/uapi/linux/mount.h
_MS_RDONLY = 0x1
_MS_NOSUID = 0x2
_MS_NODEV = 0x4
_MS_NOEXEC = 0x8
_MS_REMOUNT = 0x20
_MS_BIND = 0x1000
_MS_REC = 0x4000
_MS_PRIVATE = 0x40000
_MS_SHARED = 0x100000
_MNT_DETACH = 0x2
_MOUNT_ATTR_RDONLY = 0x1
# include/uapi/linux/fcntl.h
_AT_FDCWD = -100
_AT_RECURSIVE = 0x8000
# include/uapi/asm-generic/unistd.h: the same number on every architecture. glibc has had it since 2.36 only.
_SYS_MOUNT_SETATTR = 442

_libc = ctypes.CDLL(None, use_errno=True)


def _mount(source: str, target: Path, filesystem: str | None, flags: int, data: str | None) -> None:
    arguments = (
        source.encode(),
        os.fsencode(target),
        filesystem and filesystem.encode(),
        flags,
        data and data.encode(),
    )
    if _libc.mount(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(target))


def unmount(target: Path, *, lazily: bool = False) -> None:
    """Unmount `target`; with `lazily` also if it is in use. Raises OSError (EBUSY)."""
    if _libc.umount2(os.fsencode(target), _MNT_DETACH if lazily else 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(target))


@dataclass(frozen=True, kw_only=True)
class RemountWritable:
    """Make a mount writable that the engine above made read-only in this mount namespace."""

    target: Path

    def describe(self) -> str:
        """Return the equivalent shell command."""
        return f"mount -o remount,bind,rw {self.target}"

    def execute(self) -> None:
        """Do it. Raises OSError."""
        _mount("none", self.target, None, _MS_REMOUNT | _MS_BIND, None)


@dataclass(frozen=True, kw_only=True)
class BindReadOnly:
    """Bind `source` to `target`, read-only. Both exist already."""

    source: Path
    target: Path

    def describe(self) -> str:
        """Return the equivalent shell command."""
        return f"mount --bind -o ro {self.source} {self.target}"

    def execute(self) -> None:
        """Do it. Raises OSError."""
        _mount(str(self.source), self.target, None, _MS_BIND, None)
        # A bind takes its flags from the source: read-only needs a second call (mount(2), "Creating a bind mount").
        _mount("none", self.target, None, _MS_REMOUNT | _MS_BIND | _MS_RDONLY, None)


@dataclass(frozen=True, kw_only=True)
class BindRecursively:
    """Bind `source`, with the mounts below it, to `target`. Each keeps its flags, and both exist already."""

    source: Path
    target: Path

    def describe(self) -> str:
        """Return the equivalent shell command."""
        return f"mount --rbind {self.source} {self.target}"

    def execute(self) -> None:
        """Do it. Raises OSError."""
        _mount(str(self.source), self.target, None, _MS_BIND | _MS_REC, None)


@dataclass(frozen=True, kw_only=True)
class MakeReadOnly:
    """Make the mount at `target` and all below it read-only, their other flags kept: mount_setattr(2), Linux 5.12."""

    target: Path

    def describe(self) -> str:
        """Return the equivalent shell command."""
        return f"mount -o remount,bind,ro=recursive {self.target}"

    def execute(self) -> None:
        """Do it. Raises OSError."""
        attributes = (ctypes.c_uint64 * 4)(_MOUNT_ATTR_RDONLY, 0, 0, 0)
        size = ctypes.c_size_t(ctypes.sizeof(attributes))
        target = os.fsencode(self.target)
        if _libc.syscall(_SYS_MOUNT_SETATTR, _AT_FDCWD, target, _AT_RECURSIVE, attributes, size) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(self.target))


@dataclass(frozen=True, kw_only=True)
class ShareMounts:
    """Share the mounts at and below `target` with the containers of this mount namespace, and with no other one.

    An engine refuses binds with the propagation "slave" or "shared" from mounts that are private, as those of a
    container are. Private comes first: a mount that has a master would keep it (mount_namespaces(7)).
    """

    target: Path

    def describe(self) -> str:
        """Return the equivalent shell commands."""
        return f"mount --make-rprivate {self.target} && mount --make-rshared {self.target}"

    def execute(self) -> None:
        """Do it. Raises OSError."""
        for propagation in (_MS_PRIVATE, _MS_SHARED):
            _mount("none", self.target, None, _MS_REC | propagation, None)


@dataclass(frozen=True, kw_only=True)
class RemountCgroup:
    """Mount a control group hierarchy anew, as this cgroup namespace sees it. `options` is its v1 name; v2 has none.

    The old mount goes first: the kernel refuses a file system on a mount point of its own (EBUSY, do_add_mount).
    """

    target: Path
    filesystem: str
    options: str | None = None

    def describe(self) -> str:
        """Return the equivalent shell command."""
        options = f" -o {self.options}" if self.options else ""
        return f"umount -l {self.target} && mount -t {self.filesystem}{options} {self.filesystem} {self.target}"

    def execute(self) -> None:
        """Do it. Raises OSError."""
        unmount(self.target, lazily=True)
        _mount(self.filesystem, self.target, self.filesystem, _MS_NOSUID | _MS_NODEV | _MS_NOEXEC, self.options)


@dataclass(frozen=True, kw_only=True)
class MountOverlay:
    """Mount `lower` at `target`, changes going to `upper`. All directories exist already."""

    lower: Path
    upper: Path
    work: Path
    target: Path

    def describe(self) -> str:
        """Return the equivalent shell command."""
        return f"mount -t overlay -o {self._options()} overlay {self.target}"

    def execute(self) -> None:
        """Do it. Raises OSError."""
        _mount("overlay", self.target, "overlay", 0, self._options())

    def _options(self) -> str:
        return f"lowerdir={self.lower},upperdir={self.upper},workdir={self.work}"


Mount = RemountWritable | BindReadOnly | BindRecursively | MakeReadOnly | ShareMounts | RemountCgroup | MountOverlay


@dataclass(frozen=True, kw_only=True)
class MountPoint:
    """One line of /proc/self/mountinfo (proc_pid_mountinfo(5)). `super_options` are the file system's own.

    `root` is the path in the file system that is mounted at `target`.
    """

    root: Path
    target: Path
    filesystem: str
    source: str
    super_options: tuple[str, ...]


def parse_mountinfo(text: str) -> tuple[MountPoint, ...]:
    """Parse the text of a mountinfo file into its mounts, in their order."""
    return tuple(_parse_line(line) for line in text.splitlines())


def _parse_line(line: str) -> MountPoint:
    fields = line.split(" ")
    separator = fields.index("-", 6)
    return MountPoint(
        root=_unescaped(fields[3]),
        target=_unescaped(fields[4]),
        filesystem=fields[separator + 1],
        source=fields[separator + 2],
        super_options=tuple(fields[separator + 3].split(",")),
    )


def _unescaped(field: str) -> Path:
    """Return the path of a field in which spaces and the like are octal escapes."""
    return Path(field.encode().decode("unicode_escape"))
