"""Give the bottom of a running chain the images and the seeds that it lacks before it grows."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import docker

from inception.engine.translate import translated
from inception.errors import ImageError
from inception.image.seed import ensure_seed
from inception.level.engine.client import id_of_image, load_as
from inception.level.failure import PhaseError
from inception.plan.chain import ChainPlan
from inception.plan.engine.seeds import distinct
from inception.plan.light_dataclasses import replace

_CHUNK_BYTES = 1 << 20


def supply(
    source: docker.APIClient,
    client: docker.APIClient,
    plan: ChainPlan,
    bottom: int,
    on_message: Callable[[str], None],
) -> ChainPlan:
    """Give the engine of level `bottom`, that of `client`, what the deeper levels need from it; return their plan.

    Images come from the engine of `source`. The seeds at home in the bottom's engine are made there: no level sees a
    new volume of level 0. Raises ImageError and EngineError.
    """

    def report(line: str) -> None:
        on_message(f"level {bottom}: {line}")

    deeper = range(bottom + 1, plan.depth + 1)
    seeds = distinct(seed for seed in map(plan.seed_of, deeper) if seed.home == bottom)
    child = plan.level(bottom + 1).image
    lacking = () if child == plan.seed_of(bottom).image else (child,)
    for image in dict.fromkeys((*lacking, *(seed.engine_image for seed in seeds))):
        _ensure_image(source, client, image, report)
    made = {
        seed.volume: ensure_seed(
            client,
            seed,
            source=source,
            privileges=plan.privileges,
            patience=plan.request.patience,
            on_message=report,
        )
        for seed in seeds
    }
    return replace(plan, seeds=tuple(made.get(seed.volume, seed) for seed in plan.seeds))


def _ensure_image(
    source: docker.APIClient, client: docker.APIClient, image: str, on_message: Callable[[str], None]
) -> None:
    with translated(f"loading {image}"):
        if id_of_image(client, image) is not None:
            return
        on_message(f"loading {image}")
        with tempfile.NamedTemporaryFile() as tarball:
            for chunk in source.get_image(image, chunk_size=_CHUNK_BYTES):
                tarball.write(chunk)
            tarball.flush()
            try:
                load_as(client, Path(tarball.name), image)
            except PhaseError as error:
                raise ImageError(f"{image} cannot be given to the bottom: {error}") from error
