"""`inception logs`: the logs of a chain's runners, containerds and dockerds."""

from __future__ import annotations

import os
import sys
import time
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from inception.cli import selection
from inception.linux import files

_POLL_S = 0.1
_CHUNK = 1 << 20
_CHUNKS = 8
"""Parts of a log to print at once: a level may write faster than they can be read."""


class Program(StrEnum):
    """The programs of a level that have a log."""

    RUNNER = "runner"
    CONTAINERD = "containerd"
    DOCKERD = "dockerd"


def logs(
    *,
    name: selection.LevelPath = None,
    level: Annotated[
        int | None,
        typer.Option("--level", "-l", metavar="K", help="Number of the level.  [default: all]", show_default=False),
    ] = None,
    program: Annotated[
        list[Program] | None,
        typer.Option(
            "--program", "-p", help="Program whose log to print; may be repeated.  [default: all]", show_default=False
        ),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Print new lines as they come, until the chain ends.")
    ] = False,
) -> None:
    """Print the logs of a chain, with level and program on each line.

    A terminal gets escape sequences in a readable form, a pipe as they are.
    """
    from inception.chain.level_paths import find_level

    found, chosen = find_level(name, level)
    tails = [
        LogTail(f"{number} {which}", Path(found.plan.paths.log(number, which)))
        for number in ([chosen] if chosen else range(1, found.plan.depth + 1))
        for which in program or list(Program)
    ]
    _print(tails)
    while follow and Path(found.plan.run_directory).exists():
        time.sleep(_POLL_S)
        _print(tails)


class LogTail:
    """The part of a log that has not been printed yet, its older part included. Both files may be missing."""

    def __init__(self, label: str, path: Path) -> None:
        self._label = label
        self._path = path
        self._position: int | None = None

    def lines(self) -> list[str]:
        """Return the whole lines that were added since the last call, labelled."""
        try:
            with os.fdopen(files.open_regular(self._path), "rb") as log:
                older = b""
                if self._position is None or os.fstat(log.fileno()).st_size < self._position:
                    older = self._unprinted_of_previous(self._position or 0)
                    self._position = 0
                log.seek(self._position)
                added = log.read(_CHUNK)
        except OSError:
            return []
        unfinished = len(added) - (added.rfind(b"\n") + 1)
        if unfinished == _CHUNK:
            unfinished = 0  # No line of a log is as long.
        self._position += len(added) - unfinished
        whole = older + added[: len(added) - unfinished]
        return [f"{self._label}: {line}" for line in whole.decode(errors="replace").splitlines()]

    def _unprinted_of_previous(self, printed: int) -> bytes:
        """Return what the log held after its first `printed` bytes before its content moved (see `log_rotation`)."""
        from inception.plan.paths import previous_log

        try:
            content = files.read_end(previous_log(self._path), _CHUNK)
        except OSError:
            return b""
        # It is shorter than what was printed if it holds the end of a long log alone.
        return content[printed if printed <= len(content) else 0 :]


def _print(tails: list[LogTail]) -> None:
    """Print what is new: harmless to a terminal, or as it is to a pipe or a file."""
    from inception.plan.formats.text import printable

    shown = printable if sys.stdout.isatty() else str
    for tail in tails:
        for line in chain.from_iterable(tail.lines() for _ in range(_CHUNKS)):
            sys.stdout.write(f"{shown(line)}\n")  # typer.echo would take colours out of a pipe.
    sys.stdout.flush()
