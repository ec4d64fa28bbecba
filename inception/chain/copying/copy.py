"""Copy files into a level and out of it, by a tar that runs in the level and so sees every mount of it.

The engine's archive API would not do: it reads and writes a container's layers, below what is mounted there.
"""

from __future__ import annotations

import errno
import os
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Literal

import docker

from inception.chain.copying.archive import feed, pack, unpack
from inception.chain.interrupts import ENDING_SIGNALS
from inception.chain.session.exec_options import ExecOptions
from inception.chain.session.run import run_session
from inception.chain.session.streams import Streams
from inception.engine.translate import one_line
from inception.errors import InceptionError, Interrupted, UsageError
from inception.plan.light_dataclasses import dataclass

# Relative paths begin at the root, as with docker cp. Messages are compared with English ones.
_OPTIONS = ExecOptions(environment={"LC_ALL": "C"}, workdir="/", terminal=False)
_NO_TAR = 99
# Extended attributes carry file capabilities, which only GNU tar keeps, and only if it is asked to.
_PREPARE_TAR = f"""set -f
command -v tar >/dev/null || exit {_NO_TAR}
attributes=
tar --help 2>&1 | grep -q -e --xattrs-include && attributes='--xattrs --xattrs-include=*'
"""
_UNPACK = (
    _PREPARE_TAR
    + """[ -d "$1" ] || { echo "$1 is not a directory of that level" >&2; exit 2; }
cd -- "$1" && exec tar $attributes --numeric-owner -xpf -"""
)
# A file of procfs has no size before it is read, and tar would take it for an empty one.
_PACK = (
    _PREPARE_TAR
    # A slash behind a symbolic link means the directory that it leads to.
    + """case $3 in */) [ -L "$1/$2" ] && set -- "$1" "$2/." ;; esac
[ -e "$1/$2" ] || [ -L "$1/$2" ] || { echo "No such file or directory" >&2; exit 2; }
if [ -f "$1/$2" ] && [ ! -s "$1/$2" ] && [ -n "$(head -c 1 "$1/$2" | tr '\\0' 0)" ]
then echo "the kernel makes it while it is read, so it has no size: use exec and cat" >&2; exit 2
fi
cd -- "$1" && exec tar $attributes -cf - -- "$2\""""
)
_IS_DIRECTORY = '[ -d "$1" ]'
_REMARKS = ("file changed as we read it", "File removed before we read it", "socket ignored")
"""GNU tar's remarks on files that are in use; with these alone and status 1, its archive is whole."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """A path in the level whose container is `container`, in the engine of `client`."""

    client: docker.APIClient
    container: str
    path: str

    @property
    def parent(self) -> str:
        """Directory of the path."""
        return str(PurePosixPath("/", self.path).parent)

    @property
    def name(self) -> str:
        """Last part of the path; that of the root is a dot."""
        return PurePosixPath("/", self.path).name or "."

    @property
    def is_directory(self) -> bool:
        """Whether there is a directory, or a symbolic link to one. Raises InceptionError."""
        with _null() as null:
            status, errors = self.run(_IS_DIRECTORY, (self.path,), stdin=null, stdout=None)
        if status > 1:
            raise _failure(f"looking for {self.path}", status, errors)
        return status == 0

    def run(self, script: str, arguments: tuple[str, ...], *, stdin: int, stdout: int | None) -> tuple[int, str]:
        """Run a shell script in the level; return its status and its errors, with its output if `stdout` is None."""
        with tempfile.TemporaryFile() as errors:
            status = run_session(
                self.client,
                self.container,
                command=["/bin/sh", "-c", script, "cp", *arguments],
                options=_OPTIONS,
                streams=Streams(
                    stdin=stdin, stdout=errors.fileno() if stdout is None else stdout, stderr=errors.fileno()
                ),
            )
            errors.seek(0)
            return status, errors.read().decode(errors="replace")


def copy_in(source: Path, target: Place) -> None:
    """Copy the file or directory `source` of this host to `target`, or into it if it is a directory.

    The copies belong to root. Raises UsageError if `source` does not exist, InceptionError if it cannot be read or
    `target` not be written.
    """
    if not source.exists():
        raise UsageError(f"{source} does not exist", remedy="correct the path")
    into, name = target.parent, target.name
    if target.path.endswith("/") or target.is_directory:
        into, name = target.path, source.resolve().name
    _write_archive(partial(pack, source, name), target, into, f"copying {source} to {target.path}")


def unpack_in(archive: BinaryIO, target: Place) -> None:
    """Unpack the tar stream `archive`, which may be compressed, in the directory `target`, with its owners and modes.

    Raises UsageError if `target` is not a directory, InceptionError if the stream is not a tar archive.
    """
    if not target.is_directory:
        raise UsageError(
            f"{target.path} is not a directory of that level", remedy="make it first: an archive is unpacked in one"
        )
    _write_archive(partial(feed, archive.fileno()), target, target.path, f"unpacking in {target.path}")


def copy_out(source: Place, target: Path) -> None:
    """Copy the file or directory `source` to `target` on this host, or into it if it is a directory.

    The copies belong to this user, and nothing is written outside `target`. Raises InceptionError if `source` does not
    exist, UsageError if the directory to write to does not.
    """
    into = target if target.is_dir() else target.parent
    if not into.is_dir():
        raise UsageError(f"{into} is not a directory", remedy="make it first")
    name = source.name if target.is_dir() else target.name
    doing = f"copying {source.path}"
    with _piped(lambda stream: unpack(stream, source.name, into, name), "rb") as (writer, failures):
        status, errors = _read_archive(source, writer)
    if _is_failed(status, errors) and status != 128 + signal.SIGPIPE:
        raise _failure(doing, status, errors)
    _raise_first(doing, failures)


def pack_out(source: Place, archive: BinaryIO) -> None:
    """Write the file or directory `source` to `archive` as a tar stream.

    Raises InceptionError if `source` does not exist, or if `archive` cannot be written (a closed pipe).
    """
    status, errors = _read_archive(source, archive.fileno())
    if status == 128 + signal.SIGPIPE:
        raise InceptionError(f"the archive of {source.path} cannot be written: {os.strerror(errno.EPIPE)}")
    if _is_failed(status, errors):
        raise _failure(f"copying {source.path}", status, errors)


def _write_archive(write: Callable[[BinaryIO], None], target: Place, directory: str, doing: str) -> None:
    with _piped(write, "wb") as (reader, failures):
        status, errors = target.run(_UNPACK, (directory,), stdin=reader, stdout=None)
    _raise_first(doing, failures)
    if status:
        raise _failure(doing, status, errors)


def _read_archive(source: Place, stdout: int) -> tuple[int, str]:
    with _null() as null:
        return source.run(_PACK, (source.parent, source.name, source.path), stdin=null, stdout=stdout)


@contextmanager
def _piped(work: Callable[[BinaryIO], None], mode: Literal["rb", "wb"]) -> Iterator[tuple[int, list[Exception]]]:
    """Do `work` with one end of a pipe in a thread; yield the other end, and the list for the failure of `work`.

    A reader has finished when this ends. A writer that nobody reads any more may still wait for its own input.
    """
    reader, writer = os.pipe()
    theirs, ours = (reader, writer) if mode == "rb" else (writer, reader)
    failures: list[Exception] = []

    def run() -> None:
        with suppress(BrokenPipeError), os.fdopen(theirs, mode) as stream:
            try:
                work(stream)
            except BrokenPipeError:
                raise  # The other side has a reason, and tells it.
            except Exception as error:  # noqa: BLE001 - one that is not noted would pass for success
                failures.append(error)  # Before the end of the pipe, which the other side takes for success.

    worker = threading.Thread(target=run, name="archive", daemon=True)
    worker.start()
    try:
        yield ours, failures
    finally:
        os.close(ours)
    if mode == "rb":
        worker.join()


@contextmanager
def _null() -> Iterator[int]:
    descriptor = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _is_failed(status: int, errors: str) -> bool:
    return status != 0 and not (status == 1 and all(line.endswith(_REMARKS) for line in errors.splitlines()))


def _raise_first(doing: str, failures: list[Exception]) -> None:
    for failure in failures:
        if isinstance(failure, InceptionError):
            raise failure
        reason = failure.strerror if isinstance(failure, OSError) and failure.strerror else failure
        raise InceptionError(f"{doing}: {one_line(reason)}") from failure


def _failure(doing: str, status: int, errors: str) -> InceptionError:
    """Return the error for a script that failed. Raises Interrupted if a signal to us ended it."""
    if status - 128 in ENDING_SIGNALS:
        raise Interrupted(status - 128)
    if status == _NO_TAR:
        return InceptionError(f"{doing}: there is no tar in the level", remedy="add it to the image")
    first = next(filter(None, errors.splitlines()), f"status {status}")
    return InceptionError(f"{doing}: {one_line(first).removeprefix('tar: ')}")
