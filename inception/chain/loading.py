"""Give the engines of a running chain images of level 0, or those of archives.

A graft needs an engine that does not run, so each engine loads them. They are saved once, into one file that all levels
are sent.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from inception.chain.level_engines import level_0_engine, level_client
from inception.chain.level_paths import require_live_level
from inception.chain.status import ChainStatus
from inception.engine.translate import translated
from inception.errors import ImageError, UsageError
from inception.image.preloads import find_preloads, opened
from inception.level.engine.client import id_of_image, load_preload, name_images
from inception.level.failure import PhaseError
from inception.plan.chain import ChainPlan
from inception.plan.engine.options import LevelRange
from inception.plan.engine.preloads import Preload, show_preload
from inception.plan.light_dataclasses import dataclass

_AT_ONCE = 8
"""Engines that load at the same time: each of them takes a processor, and reads and writes the same disk."""


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A level whose engine has all images now, and the seconds that it took."""

    level: int
    seconds: float


def load(
    chain: ChainStatus,
    sources: Sequence[str],
    levels: LevelRange,
    *,
    on_message: Callable[[str], None],
    on_loaded: Callable[[Loaded], None],
) -> None:
    """Have the engines of those `levels` that the chain has load the images that `sources` name, several at a time.

    Raises UsageError if it has none of them, ChainError if one cannot be reached, and ImageError and EngineError.
    """
    numbers = [number for number in range(1, chain.plan.depth + 1) if number in levels]
    if not numbers:
        raise UsageError(f"chain {chain.name} has no level {levels}", remedy=f"its levels are 1 to {chain.plan.depth}")
    for number in numbers:
        require_live_level(chain, number)
    with ExitStack() as stack:
        engine = stack.enter_context(level_0_engine(chain.plan, on_message))
        found = find_preloads(engine.client, sources)
        archives = []
        for preload in found:
            on_message(f"reading {show_preload(preload)}")
            place = stack.enter_context(tempfile.NamedTemporaryFile())
            archives.append((preload, Path(stack.enter_context(opened(engine.client, preload, place)).name)))
        threads = stack.enter_context(ThreadPoolExecutor(_AT_ONCE))
        for loaded in threads.map(lambda number: _load_at(chain.plan, number, archives), numbers):
            on_loaded(loaded)


def _load_at(plan: ChainPlan, level: int, archives: Sequence[tuple[Preload, Path]]) -> Loaded:
    begun_s = time.monotonic()
    with level_client(plan, level) as client:
        for preload, archive in archives:
            with translated(f"level {level}: loading {show_preload(preload)}"):
                if id_of_image(client, preload.identity) is not None:
                    name_images(client, (preload.identity,), preload.names)
                    continue
                try:
                    load_preload(client, archive, preload.names)
                except PhaseError as error:
                    raise ImageError(f"level {level} cannot load {show_preload(preload)}: {error}") from error
    return Loaded(level=level, seconds=time.monotonic() - begun_s)
