"""Pack files of this host into a tar stream, and unpack one, without writing outside its target."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import shutil
import stat
import tarfile
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from inception.errors import InceptionError

_CHUNK = 256 * 1024
_OPENERS = ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ\0", lzma.open))
"""First bytes of compressed files, and what reads them: the formats that `docker cp -` takes."""


_PADDING_LIMIT = 1 << 20
"""Bytes that may follow the end of an archive: it fills a record, of 10 KiB as a rule."""
_DESCRIPTION_LIMIT = 1 << 20
"""Bytes of a header that describes a member: a name of 4096 characters, extended attributes of 64 KiB each."""
_DESCRIPTIONS = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)


def pack(source: Path, name: str, stream: BinaryIO) -> None:
    """Write `source` to `stream` as a tar archive with the one top entry `name`, owned by root. Raises OSError."""
    with tarfile.open(fileobj=stream, mode="w|") as archive:
        archive.add(source, arcname=name, filter=_owned_by_root)


def unpack(stream: BinaryIO, top: str, into: Path, name: str) -> None:
    """Unpack an archive with the one top entry `top` below `into`, and rename that entry to `name`.

    The files belong to this user; devices are left out. Raises OSError, tarfile.TarError, or ValueError for an entry
    that leads elsewhere and for bytes behind the archive.
    """
    if not hasattr(tarfile, "tar_filter"):
        raise InceptionError("this Python cannot unpack an archive safely", remedy="use Python 3.11.4 or later")
    with tarfile.open(fileobj=stream, mode="r|", tarinfo=_BoundedTarInfo) as archive:
        _Unpacking(archive, into).unpack(_renaming(archive, top, name))
    left = _PADDING_LIMIT
    while part := stream.read(_CHUNK):  # The padding behind an archive: its writer must not find the pipe closed.
        left -= len(part)
        if left < 0:
            raise ValueError("the archive has ended, and more follows")


class _BoundedTarInfo(tarfile.TarInfo):
    """Header of a member. One that describes another member is read into memory, whatever size it claims."""

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        """Return the member that this header begins. Raises tarfile.ReadError for a description that is too long.

        Python's source names this method as the one to override; `frombuf` is passed over from 3.14 on.
        """
        if self.type in _DESCRIPTIONS and self.size > _DESCRIPTION_LIMIT:
            raise tarfile.ReadError(f"a header of {self.size} bytes")
        member: tarfile.TarInfo = super()._proc_member(archive)  # type: ignore[misc]
        return member


class _Unpacking:
    """Unpacks members below `into`, symbolic links last: nothing is written through one that came in the archive.

    tarfile's own filter relies on realpath(), which can be led astray (CVE-2025-4517), and passes over hard links.
    """

    def __init__(self, archive: tarfile.TarFile, into: Path) -> None:
        self._archive = archive
        self._into = into
        self._files: set[str] = set()
        self._symbolic: dict[str, str] = {}

    def unpack(self, members: Iterator[tarfile.TarInfo]) -> None:
        """Unpack `members`, whose names are relative and without dots."""
        for member in members:
            if member.issym():
                self._symbolic[member.name] = member.linkname
            elif member.islnk():
                self._link(member.name, member.linkname)
            elif not member.isdev():
                self._extract(member)
        for name, target in self._symbolic.items():
            self._place(name).symlink_to(target)

    def _extract(self, member: tarfile.TarInfo) -> None:
        self._check_parents(member.name)
        path = self._into / member.name
        if path.is_symlink() and not Path(os.path.realpath(path, strict=True)).is_relative_to(self._into.resolve()):
            raise ValueError(f"{member.name} is a symbolic link that leads elsewhere")
        self._archive.extract(member, self._into, filter="tar")
        if not member.isdir():
            self._files.add(member.name)

    def _link(self, name: str, target: str) -> None:
        if target in self._symbolic:
            self._symbolic[name] = self._symbolic[target]
        elif target in self._files:
            self._place(name).hardlink_to(self._into / target)
            self._files.add(name)
        else:
            raise ValueError(f"{name} is a link to {target}, which is no file in the archive")

    def _place(self, name: str) -> Path:
        """Return the path of a link to be made; what is there, no directory, is removed."""
        self._check_parents(name)
        path = self._into / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        return path

    def _check_parents(self, name: str) -> None:
        *parents, _ = PurePosixPath(name).parents
        if any((self._into / parent).is_symlink() for parent in parents):
            raise ValueError(f"{name} lies behind a symbolic link")


def _renaming(archive: tarfile.TarFile, top: str, name: str) -> Iterator[tarfile.TarInfo]:
    """Yield the members with `name` in place of `top`, owned by this user. Raises ValueError for other names."""
    for member in archive:
        renamed = member.replace(name=_renamed(member.name, top, name), deep=False)
        if renamed.islnk():
            renamed.linkname = _renamed(renamed.linkname, top, name)
        renamed.uid, renamed.gid = os.geteuid(), os.getegid()
        renamed.uname = renamed.gname = ""
        yield renamed


def feed(source: int, stream: BinaryIO) -> None:
    """Write the tar archive behind the descriptor `source`, which may be compressed, to `stream`.

    Raises OSError, EOFError or lzma.LZMAError if it cannot be read or decompressed.
    """
    # A reader of its own: that of sys.stdin could not be closed at exit while this thread waits in it.
    with os.fdopen(os.dup(source), "rb") as archive, _decompressed(archive) as opened:
        shutil.copyfileobj(opened, stream, _CHUNK)


def _decompressed(archive: BufferedReader) -> BinaryIO:
    first = archive.peek(8)
    for magic, opener in _OPENERS:
        if first.startswith(magic):
            return opener(archive)  # type: ignore[return-value]
    return archive


def _renamed(path: str, top: str, name: str) -> str:
    below = PurePosixPath(path).relative_to(top)
    if ".." in below.parts:
        raise ValueError(f"{path} leads outside of {top}")
    return str(PurePosixPath(name, below))


def _owned_by_root(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    if stat.S_ISSOCK(member.mode):
        return None
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    return member
