"""Copy the parts of this program that run in levels, and in the containers that read an engine's machine."""

from __future__ import annotations

import hashlib
import io
import shutil
import tarfile
from functools import cache
from pathlib import Path

import inception

_PACKAGE = Path(inception.__file__).parent
LEVEL_PARTS = ("plan", "linux", "level")
"""Subpackages that a level runs."""


def payload_files(parts: tuple[str, ...] = LEVEL_PARTS) -> tuple[Path, ...]:
    """Return the files of the subpackages `parts`, relative to the directory that holds the package."""
    files = [_PACKAGE / "__init__.py"]
    for part in parts:
        files.extend(sorted((_PACKAGE / part).rglob("*.py")))
    return tuple(file.relative_to(_PACKAGE.parent) for file in files)


def copy_payload(directory: Path, byte_code: Path | None = None) -> None:
    """Copy a level's payload into `directory`, which becomes an entry of the level's module path.

    What there is of its `byte_code` goes with it; levels keep other byte code beside it. A directory that one of them,
    being root, made for that could not be emptied by an ordinary user who kicks the chain, so it is made here. Raises
    OSError.
    """
    for file in payload_files():
        target = directory / file
        (target.parent / "__pycache__").mkdir(parents=True, exist_ok=True)
        shutil.copyfile(_PACKAGE.parent / file, target)
    if byte_code is not None:
        for file in byte_code.rglob("*.pyc"):
            shutil.copyfile(file, directory / file.relative_to(byte_code))


def payload_archive(prefix: str, parts: tuple[str, ...] = LEVEL_PARTS) -> bytes:
    """Return the payload as a tar archive, every path below `prefix`, for a container that mounts none of our files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for file in payload_files(parts):
            archive.add(_PACKAGE.parent / file, arcname=f"{prefix}/{file}", filter=_owned_by_root)
    return buffer.getvalue()


@cache
def payload_digest() -> str:
    """Return the SHA-256 of a level's payload, in hexadecimal."""
    whole = hashlib.sha256()
    for file in payload_files():
        content = (_PACKAGE.parent / file).read_bytes()
        whole.update(f"{file} {len(content)}\n".encode() + content)
    return whole.hexdigest()


def _owned_by_root(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    return member
