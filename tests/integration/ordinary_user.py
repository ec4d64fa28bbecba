"""Run a program as an ordinary user of the engine's group: `python -m tests.integration.ordinary_user`.

The user needs no entry in /etc/passwd and no login session, as under `su`, cron or a CI runner. What the program needs
and only root can reach (this Python in /root, a private engine's socket) is shown to it in a mount namespace.
"""

from __future__ import annotations

import argparse
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

UID = GID = 64321
"""Nobody's on any system: distributions end their ordinary users at 60000."""
SOCKET_DIRECTORY = Path("/run/inception-tests-engine")


def main() -> None:
    """Show the user what it needs, become it, and run the command."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--socket", type=Path, required=True)
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    show(options.socket, [Path(sys.base_prefix), Path(sys.prefix), Path(__file__).parents[2]])
    os.setgroups([])
    os.setgid(GID)
    os.setuid(UID)
    os.execvp(options.command[0], options.command)  # noqa: S606 - the arguments are a list


def show(socket: Path, directories: Iterable[Path]) -> None:
    """Show `socket` in SOCKET_DIRECTORY, its group the user's, and each of `directories` where only root could enter.

    This process must have a mount namespace of its own.
    """
    hidden = {directory: above for directory in directories if (above := _closed_above(directory)) is not None}
    with tempfile.TemporaryDirectory(prefix="shown-") as holder:
        kept = {directory: Path(holder, str(number)) for number, directory in enumerate(hidden)}
        for directory, place in kept.items():
            place.mkdir()
            _mount("--bind", str(directory), str(place))
        for above in set(hidden.values()):
            _mount("-t", "tmpfs", "-o", "mode=755", "none", str(above))
        for directory, place in kept.items():
            directory.mkdir(parents=True)
            _mount("--bind", str(place), str(directory))
            subprocess.run(("umount", "--lazy", place), check=True)
    _mount("-t", "tmpfs", "-o", "mode=755", "none", str(SOCKET_DIRECTORY.parent))
    SOCKET_DIRECTORY.mkdir()
    shown = SOCKET_DIRECTORY / "docker.sock"
    shown.touch()
    _mount("--bind", str(socket), str(shown))


def _closed_above(directory: Path) -> Path | None:
    """Return the outermost directory on the way to `directory` that only its owner may enter."""
    return next((path for path in _way_to(directory) if not path.stat().st_mode & stat.S_IXOTH), None)


def _way_to(directory: Path) -> Iterator[Path]:
    yield from reversed((directory, *directory.parents))


def _mount(*arguments: str) -> None:
    subprocess.run(("mount", *arguments), check=True)


if __name__ == "__main__":
    main()
