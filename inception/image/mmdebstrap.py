"""Build the level image with mmdebstrap from Debian's packages, without a base image or a registry."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import IO

import docker

from inception.engine.translate import translated
from inception.errors import ImageError
from inception.image.importing import import_root
from inception.image.recipe import DOCKER_PREFERENCES, DOCKER_SOURCES, LABEL_ENGINE, Recipe, package_names
from inception.plan.engine.versions import parse_engine_version

SOURCE_DATE_EPOCH = 1754697600
"""Unix time: the latest time stamp of the image's files, the day of the Debian release."""
_CHUNK_BYTES = 1 << 20
_STOP_S = 60.0
"""Seconds for a user's mmdebstrap to remove its temporary root: it lets the running step of dpkg end first."""
_KEPT_LINES = 50
# Documentation and translations are not even unpacked.
_DPKG_OPTIONS = ("path-exclude=/usr/share/doc/*", "path-exclude=/usr/share/locale/*", "path-exclude=/usr/share/man/*")
# Engines make a container's /dev, and `finish` has removed the package managers that would be cleaned up.
_SKIPPED = ("output/dev", "cleanup/apt", "cleanup/mmdebstrap")


def has_mmdebstrap() -> bool:
    """Return whether mmdebstrap is installed."""
    return shutil.which("mmdebstrap") is not None


def build_by_mmdebstrap(
    client: docker.APIClient,
    staging: Path,
    recipe: Recipe,
    *,
    labels: dict[str, str],
    on_message: Callable[[str], None],
) -> None:
    """Make the root of `recipe`, staged in `staging`/recipe, with mmdebstrap, and stream it into the engine.

    The image gets the recipe's tag and settings, `labels` and that of its engine. Raises ImageError and EngineError.
    """
    engine_version = staging / "engine-version"
    with (
        running_mmdebstrap(mmdebstrap_command(recipe, staging / "recipe", engine_version), staging, on_message) as root,
        translated("importing the level image"),
    ):
        first = next(root)  # It comes after all hooks.
        import_root(
            client,
            recipe,
            chain([first], root),
            {**labels, LABEL_ENGINE: parse_engine_version(engine_version.read_text())},
        )


def mmdebstrap_command(recipe: Recipe, recipe_directory: Path, engine_version: Path) -> list[str]:
    """Return the command that writes the image's root to its standard output as a tar archive.

    It uses the staged `recipe_directory`, and writes the answer of `dockerd --version` to the file `engine_version`.
    """
    return [
        "mmdebstrap",
        "--variant=essential",
        "--format=tar",
        f"--include={','.join(package_names(recipe_directory))}",
        '--aptopt=APT::Install-Recommends "false"',
        *(f"--aptopt={option}" for option in recipe.apt_options),
        *(f"--dpkgopt={option}" for option in _DPKG_OPTIONS),
        f"--skip={','.join(_SKIPPED)}",
        *(() if recipe.docker is None else (_add_docker(recipe_directory),)),
        f'--customize-hook=sh {shlex.quote(str(recipe_directory / "finish"))} "$1"',
        f'--customize-hook=chroot "$1" dockerd --version >{shlex.quote(str(engine_version))}',
        recipe.suite,
        "-",
    ]


def _add_docker(recipe_directory: Path) -> str:
    """Return the hook that adds the repository of Docker's packages before apt reads its lists."""
    files = ((DOCKER_SOURCES, "sources.list.d"), (DOCKER_PREFERENCES, "preferences.d"))
    copies = (
        f'mkdir -p "$1"/etc/apt/{place} && cp {shlex.quote(str(recipe_directory / file))} "$1"/etc/apt/{place}/'
        for file, place in files
    )
    return f"--setup-hook={' && '.join(copies)}"


@contextmanager
def running_mmdebstrap(
    command: list[str], temporary: Path, on_message: Callable[[str], None]
) -> Iterator[Iterator[bytes]]:
    """Run mmdebstrap and give its standard output in chunks. After the block none of its processes is left.

    Reading the chunks raises ImageError if mmdebstrap fails, so that their import fails too.
    """
    if not has_mmdebstrap():
        raise ImageError("mmdebstrap is not installed", remedy="install it, or build with --method dockerfile")
    process = subprocess.Popen(
        [*_confinement(), *command],
        env={**os.environ, "SOURCE_DATE_EPOCH": str(SOURCE_DATE_EPOCH), "TMPDIR": str(temporary)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,  # so that signals of the terminal reach this process alone
    )
    assert process.stdout is not None  # noqa: S101 for mypy: both are pipes
    assert process.stderr is not None  # noqa: S101
    output_tail: deque[str] = deque(maxlen=_KEPT_LINES)
    listener = threading.Thread(target=_listen, args=(process.stderr, output_tail, on_message), daemon=True)
    listener.start()
    try:
        yield _chunks(process, process.stdout, listener, output_tail)
    finally:
        _stop(process)
        listener.join()  # ends with the last process that holds the pipe
        process.stdout.close()
        process.stderr.close()


def _confinement() -> list[str]:
    """Return the prefix of the command that ends all its processes at once and hides its mounts.

    As root it mounts /proc, /sys and /dev below its temporary root. Ended by a signal at the wrong moment it leaves
    them there, where a removal of the temporary root would go on into the host's: in a mount namespace they end with
    the last process, and in a PID namespace all processes end with the first, which ends with this one.
    A user's mmdebstrap makes such namespaces itself.
    """
    die_with_parent = ["setpriv", "--pdeathsig", "KILL" if os.geteuid() == 0 else "TERM", "--"]
    if os.geteuid() != 0:
        return die_with_parent
    return [*die_with_parent, "unshare", "--mount", "--pid", "--fork", "--kill-child", "--"]


def _stop(process: subprocess.Popen[bytes]) -> None:
    if os.geteuid() == 0:
        process.kill()
    else:
        process.terminate()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()


def _chunks(
    process: subprocess.Popen[bytes], output: IO[bytes], listener: threading.Thread, output_tail: deque[str]
) -> Iterator[bytes]:
    while chunk := output.read(_CHUNK_BYTES):
        yield chunk
    if process.wait() != 0:
        listener.join()
        raise ImageError(
            f"mmdebstrap failed: {failure_in(output_tail, process.returncode)}",
            remedy="let it download Debian's packages, and free 1 GB for temporary files",
        )


def failure_in(output_tail: Sequence[str], status: int) -> str:
    """Return mmdebstrap's first error, from which the later ones follow."""
    errors = (line[3:] for line in output_tail if line.startswith("E: "))
    return next(errors, output_tail[-1] if output_tail else f"exit status {status}")


def _listen(stream: IO[bytes], output_tail: deque[str], on_message: Callable[[str], None]) -> None:
    for raw in stream:
        line = raw.decode(errors="replace").strip()
        output_tail.append(line)
        # The names of its steps end with dots; other lines are about temporary files.
        if line.startswith("I: ") and line.endswith("...") and "/" not in line:
            on_message(f"mmdebstrap: {line[3:].rstrip('.')}")
