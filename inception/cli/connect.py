"""From the word behind `--engine` to a connection."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from inception.engine.connect import Engine, EngineChoice, connect


@contextmanager
def connected(engine: str, progress: Callable[[str], None]) -> Iterator[Engine]:
    """Connect to the engine that `--engine` names: host, private, auto, or an address."""
    choices = {choice.value: choice for choice in EngineChoice}
    if engine in choices:
        with connect(choices[engine], progress=progress) as level_0:
            yield level_0
    else:
        with connect(EngineChoice.HOST, endpoint=engine, progress=progress) as level_0:
            yield level_0
