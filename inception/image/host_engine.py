"""Copy the binaries of the host's engine into the level image, to test that version."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path, PurePosixPath

from inception.errors import ImageError
from inception.plan.light_dataclasses import dataclass

_PLACES = {
    "dockerd": "usr/sbin",
    "docker-proxy": "usr/sbin",
    "runc": "usr/sbin",
    "containerd": "usr/bin",
    "containerd-shim-runc-v2": "usr/bin",
    "docker": "usr/bin",
}
"""Directory of each program in Debian: the host's replaces it, so that only one is there."""
_SEARCH_PATH = "/usr/local/sbin:/usr/sbin:/sbin"
"""Directories of daemons that a user's PATH may lack."""


@dataclass(frozen=True, kw_only=True)
class HostFile:
    """One program of the host, and its path below the image's root."""

    source: Path
    target: PurePosixPath


def find_host_engine() -> tuple[HostFile, ...]:
    """Return the programs of the host's engine. Raises ImageError that names the missing ones."""
    search = f"{os.environ.get('PATH', os.defpath)}:{_SEARCH_PATH}"
    found = {program: shutil.which(program, path=search) for program in _PLACES}
    missing = [program for program, path in found.items() if path is None]
    if missing:
        raise ImageError(
            f"the host has no {', '.join(missing)} to put into the level image",
            remedy="install Docker Engine on the host, or leave out --engine-from-host",
        )
    return tuple(
        HostFile(source=Path(path).resolve(), target=PurePosixPath(_PLACES[program], program))
        for program, path in found.items()
        if path is not None
    )


def copy_host_engine(files: tuple[HostFile, ...], directory: Path) -> None:
    """Copy `files` to `directory`/root, and each shared library that they load to `directory`/libraries."""
    libraries = directory / "libraries"
    libraries.mkdir(parents=True)
    for file in files:
        target = directory / "root" / file.target
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file.source, target)
        target.chmod(0o755)
        for library in shared_libraries(file.source):
            shutil.copyfile(library, libraries / library.name)


def shared_libraries(program: Path) -> tuple[Path, ...]:
    """Return the shared libraries that the host's loader finds for `program`; none if it is static."""
    listing = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=False)
    return parse_ldd(listing.stdout)


def parse_ldd(listing: str) -> tuple[Path, ...]:
    """Return the paths in the output of `ldd` (`NAME => PATH (ADDRESS)`), named as programs ask for them."""
    paths = []
    for line in listing.splitlines():
        _, arrow, rest = line.partition(" => ")
        path = rest.split(" (")[0].strip()
        if arrow and path.startswith("/"):
            paths.append(Path(path))
    return tuple(paths)
