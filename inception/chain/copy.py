"""Copy files into a level and out of it, as tar streams through the engine above it, as `docker cp` does."""

from __future__ import annotations

import base64
import io
import json
import os
import stat
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from http import HTTPStatus
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import docker

from inception.engine.translate import translated
from inception.errors import InceptionError, UsageError

_CHUNK = 256 * 1024
_GO_DIRECTORY = 1 << 31
"""The bit of a directory in a file mode as Go encodes it (os.ModeDir)."""


def copy_in(client: docker.APIClient, container: str, source: Path, target: str) -> None:
    """Copy the file or directory `source` of this host to `target` in the level, or into it if it is a directory.

    The copies belong to root. Raises UsageError if `source` does not exist, EngineError if `target` cannot be written.
    """
    if not source.exists():
        raise UsageError(f"{source} does not exist", remedy="correct the path")
    place = PurePosixPath(target)
    with translated(f"copying {source} to {target}"):
        if target.endswith("/") or _is_directory(client, container, target):
            place /= source.resolve().name
        client.put_archive(container, str(place.parent), _packed(source, place.name))


def copy_out(client: docker.APIClient, container: str, source: str, target: Path) -> None:
    """Copy the file or directory `source` of a level to `target` on this host, or into it if it is a directory.

    The copies belong to this user, and nothing is written outside `target`. Raises EngineError if `source` does not
    exist, UsageError if the directory to write to does not.
    """
    into = target if target.is_dir() else target.parent
    if not into.is_dir():
        raise UsageError(f"{into} is not a directory", remedy="make it first")
    name = PurePosixPath(source).name if target.is_dir() else target.name
    with translated(f"copying {source}"):
        chunks, _ = client.get_archive(container, source)
        _unpack(chunks, into, name)


def unpack_in(client: docker.APIClient, container: str, archive: BinaryIO, target: str) -> None:
    """Unpack the tar stream `archive` in the directory `target` of the level, with its owners and modes.

    Raises UsageError if `target` is not a directory, EngineError if the stream is not a tar archive.
    """
    with translated(f"unpacking in {target}"):
        if not _is_directory(client, container, target):
            raise UsageError(
                f"{target} is not a directory of that level", remedy="make it first: an archive is unpacked in one"
            )
        client.put_archive(container, target, iter(partial(archive.read, _CHUNK), b""))


def pack_out(client: docker.APIClient, container: str, source: str, archive: BinaryIO) -> None:
    """Write the file or directory `source` of a level to `archive` as a tar stream.

    Raises EngineError if `source` does not exist, InceptionError if `archive` cannot be written (a closed pipe).
    """
    chunks = _chunks_of(client, container, source)
    try:
        archive.writelines(chunks)
        archive.flush()
    except OSError as error:
        raise InceptionError(f"the archive of {source} cannot be written: {error.strerror}") from error


def _chunks_of(client: docker.APIClient, container: str, source: str) -> Iterator[bytes]:
    # An exception that the consumer raises between two chunks does not pass through `translated`.
    with translated(f"copying {source}"):
        chunks, _ = client.get_archive(container, source)
        yield from chunks


def _is_directory(client: docker.APIClient, container: str, path: str) -> bool:
    # The SDK wraps GET of this path (the archive), but not HEAD (what the path is).
    answer = client.head(
        f"{client.base_url}/v{client.api_version}/containers/{container}/archive",
        params={"path": path},
        timeout=client.timeout,
    )
    if answer.status_code != HTTPStatus.OK:
        return False
    path_stat = json.loads(base64.b64decode(answer.headers["X-Docker-Container-Path-Stat"]))
    return bool(path_stat["mode"] & _GO_DIRECTORY)


def _packed(source: Path, name: str) -> Iterator[bytes]:
    """Yield `source` as a tar archive with the one top entry `name`, in chunks: it may be larger than memory."""
    reader, writer = os.pipe()
    failures: list[OSError] = []

    def pack() -> None:
        try:
            with os.fdopen(writer, "wb") as stream, tarfile.open(fileobj=stream, mode="w|") as archive:
                archive.add(source, arcname=name, filter=_owned_by_root)
        except OSError as error:
            failures.append(error)

    packer = threading.Thread(target=pack, name="pack", daemon=True)
    packer.start()
    with os.fdopen(reader, "rb") as stream:
        while chunk := stream.read(_CHUNK):
            yield chunk
    packer.join()
    if failures:
        raise failures[0]


def _owned_by_root(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    if stat.S_ISSOCK(member.mode):
        return None
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    return member


def _unpack(chunks: Iterator[bytes], into: Path, name: str) -> None:
    """Unpack an archive with one top entry below `into`, and rename that entry to `name`."""
    if not hasattr(tarfile, "tar_filter"):
        raise InceptionError("this Python cannot unpack an archive safely", remedy="use Python 3.11.4 or later")
    with tarfile.open(fileobj=io.BufferedReader(_Chunks(chunks), _CHUNK), mode="r|") as archive:
        for member in archive:
            _, *below = PurePosixPath(member.name).parts
            renamed = member.replace(name=str(PurePosixPath(name, *below)), deep=False)
            if renamed.islnk():
                _, *linked = PurePosixPath(renamed.linkname).parts
                renamed.linkname = str(PurePosixPath(name, *linked))
            if renamed.isdev():
                continue
            renamed.uid, renamed.gid = os.geteuid(), os.getegid()
            renamed.uname = renamed.gname = ""
            archive.extract(renamed, into, filter="tar")


class _Chunks(io.RawIOBase):
    """A readable file made of chunks of bytes."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._left = memoryview(b"")

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill `buffer` from the chunks and return the number of bytes, 0 at the end."""
        while not self._left:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._left = memoryview(chunk)
        size = min(len(buffer), len(self._left))
        buffer[:size] = self._left[:size]
        self._left = self._left[size:]
        return size
