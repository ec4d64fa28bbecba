"""Things that take long to make and follow from their inputs alone: kept until the inputs change."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_DIGITS = 16


@dataclass(frozen=True)
class Cache:
    """A directory of such things, one file each, and at most one of a kind."""

    directory: Path

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Have it for us alone: what is made here would otherwise be made, or removed, twice at a time."""
        self.directory.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def get(self, kind: str, inputs: Iterable[str], make: Callable[[Path], None]) -> Path:
        """The file of `kind` that follows from `inputs`; `make` writes it to the path that it is given if need be."""
        file = self.directory / f"{kind}-{digest(inputs)}"
        if not file.exists():
            for outdated in self.directory.glob(f"{kind}-*"):
                outdated.unlink()
            part = self.directory / f"part.{kind}"
            part.unlink(missing_ok=True)
            make(part)
            part.replace(file)
        return file

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """An empty directory, removed in the end: beside what is made from it, so on a real file system."""
        directory = self.directory / "scratch"
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir()
        try:
            yield directory
        finally:
            shutil.rmtree(directory)


def digest(inputs: Iterable[str]) -> str:
    """A short name for `inputs`: another one if any of them changes, or where one ends and the next begins."""
    whole = hashlib.sha256()
    for text in inputs:
        whole.update(f"{len(text)} {text}".encode())
    return whole.hexdigest()[:_DIGITS]
