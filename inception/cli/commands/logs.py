"""`inception logs`: what runners, containerds and dockerds of a chain say."""

from __future__ import annotations

import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from inception.cli import selection

_POLL_S = 0.1


class Program(StrEnum):
    """Whose log."""

    RUNNER = "runner"
    CONTAINERD = "containerd"
    DOCKERD = "dockerd"


def logs(
    *,
    name: selection.ChainName = None,
    level: Annotated[
        int | None, typer.Option("--level", "-l", metavar="K", help="Which level.  [default: all]", show_default=False)
    ] = None,
    program: Annotated[
        list[Program] | None, typer.Option("--program", "-p", help="Whose log.  [default: all]", show_default=False)
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what is added, until the chain ends.")
    ] = False,
) -> None:
    """Print the logs of a chain, each line with its level and program."""
    from inception.chain.status import find_chain
    from inception.errors import UsageError

    chain = find_chain(name)
    if level is not None and not 1 <= level <= chain.plan.depth:
        raise UsageError(f"chain {chain.name} has no level {level}", remedy=f"its levels are 1 to {chain.plan.depth}")
    tails = [
        LogTail(f"{number} {which}", Path(chain.plan.paths.log(number, which)))
        for number in ([level] if level else range(1, chain.plan.depth + 1))
        for which in program or list(Program)
    ]
    _print(tails)
    while follow and Path(chain.plan.run_directory).exists():
        time.sleep(_POLL_S)
        _print(tails)


class LogTail:
    """The part of a log that has not been printed yet. The log need not be there."""

    def __init__(self, label: str, path: Path) -> None:
        self._label = label
        self._path = path
        self._position = 0

    def lines(self) -> list[str]:
        """Whole lines that have been added since the last time, labelled."""
        try:
            with self._path.open("rb") as log:
                log.seek(self._position)
                added = log.read()
        except OSError:
            return []
        whole = added[: added.rfind(b"\n") + 1]
        self._position += len(whole)
        return [f"{self._label}: {line}" for line in whole.decode(errors="replace").splitlines()]


def _print(tails: list[LogTail]) -> None:
    for tail in tails:
        for line in tail.lines():
            typer.echo(line)
