"""Pack files of this host into a tar stream, and unpack one, without writing outside its target."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import shutil
import stat
import tarfile
from io import BufferedReader
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from inception.errors import InceptionError

_CHUNK = 256 * 1024
_OPENERS = ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ\0", lzma.open))
"""First bytes of compressed files, and what reads them: the formats that `docker cp -` takes."""


def pack(source: Path, name: str, stream: BinaryIO) -> None:
    """Write `source` to `stream` as a tar archive with the one top entry `name`, owned by root. Raises OSError."""
    with tarfile.open(fileobj=stream, mode="w|") as archive:
        archive.add(source, arcname=name, filter=_owned_by_root)


def unpack(stream: BinaryIO, top: str, into: Path, name: str) -> None:
    """Unpack an archive with the one top entry `top` below `into`, and rename that entry to `name`.

    The files belong to this user. Raises OSError, tarfile.TarError, or ValueError for an entry that is not below `top`.
    """
    if not hasattr(tarfile, "tar_filter"):
        raise InceptionError("this Python cannot unpack an archive safely", remedy="use Python 3.11.4 or later")
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for member in archive:
            renamed = member.replace(name=_renamed(member.name, top, name), deep=False)
            if renamed.islnk():
                renamed.linkname = _renamed(renamed.linkname, top, name)
            if renamed.isdev():
                continue
            renamed.uid, renamed.gid = os.geteuid(), os.getegid()
            renamed.uname = renamed.gname = ""
            archive.extract(renamed, into, filter="tar")
    while stream.read(_CHUNK):  # The padding behind an archive: its writer must not find the pipe closed.
        pass


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
    return str(PurePosixPath(name, PurePosixPath(path).relative_to(top)))


def _owned_by_root(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    if stat.S_ISSOCK(member.mode):
        return None
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    return member
