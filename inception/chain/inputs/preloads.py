"""Read which images a user wants in levels: names at level 0, or archives of images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from inception.errors import UsageError
from inception.plan.engine.preloads import names_file

_REMEDY = "name an image of level 0, or a file that `docker save` wrote"


def read_preloads(options: Sequence[str]) -> tuple[str, ...]:
    """Return the preloads in `options`, files by their absolute paths. Raises UsageError for one that is not there."""
    return tuple(map(_read_preload, options))


def _read_preload(text: str) -> str:
    if not text or text.isspace():
        raise UsageError("a preload without a name", remedy=_REMEDY)
    if not names_file(text):
        return text
    file = Path(text).absolute()
    if not file.is_file():
        raise UsageError(f"preload {text}: there is no such file", remedy=_REMEDY)
    return str(file)
