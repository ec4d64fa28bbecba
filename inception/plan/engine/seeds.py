"""The seeds of a chain: which image the engine of each level is given, in which store, made by which engine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from inception.plan.engine.preloads import Preload, digest_of, distinct_preloads
from inception.plan.engine.versions import has_containerd_store
from inception.plan.light_dataclasses import dataclass, replace
from inception.plan.request import ImageStore, Request

_PREFIX = "inception-seed-"
_DIGITS = 12


@dataclass(frozen=True, kw_only=True)
class ImageFacts:
    """Facts of an image at level 0. Without the image, `image_id` and `engine_version` are empty and `size` is None.

    `size` is in bytes, unpacked. `engine_version` is that of the dockerd in it, by its label.
    """

    name: str
    image_id: str = ""
    size: int | None = None
    engine_version: str = ""


@dataclass(frozen=True, kw_only=True)
class SeedPlan:
    """A seed in `volume`: `image` in the image store of the engine in `engine_image`, which makes the seed itself.

    `image_id` and `engine_image_id` are ids at level 0. `store` is the one asked for, until the seed is there: from
    then on the one that is used, as `engine_version` is the engine's own answer and no longer the label of its image.
    `home` is the level whose engine has the volume: 0, or the bottom of a chain that grows by an image new to it.
    `preloads` are in it beside the image.
    """

    volume: str
    image: str
    image_id: str
    engine_image: str
    engine_image_id: str
    store: ImageStore
    engine_version: str = ""
    home: int = 0
    preloads: tuple[Preload, ...] = ()


def seed_volume_name(
    image_id: str,
    store: ImageStore = ImageStore.AUTO,
    *,
    engine_image_id: str | None = None,
    preloads: tuple[Preload, ...] = (),
) -> str:
    """Return the name of the volume with the seed of an image for engines that use `store`: its own, or another's."""
    by_another = engine_image_id is not None and engine_image_id != image_id
    words = [_digits(image_id)]
    words += ["in", _digits(engine_image_id or "")] if by_another else []
    words += [] if store is ImageStore.AUTO else [store]
    words += ["with", digest_of(preloads)] if preloads else []
    return _PREFIX + "-".join(words)


def bases_of(seed: SeedPlan) -> tuple[SeedPlan, ...]:
    """Return the seeds that `seed` may begin as a copy of, best first: of the same image and engine, without preloads.

    The second is in the store that the engine chooses by itself, which may be another than that of `seed`.
    """
    bases = (
        replace(
            seed,
            volume=seed_volume_name(seed.image_id, store, engine_image_id=seed.engine_image_id),
            store=store,
            preloads=(),
        )
        for store in dict.fromkeys((seed.store, ImageStore.AUTO))
    )
    return tuple(base for base in bases if base.volume != seed.volume)


def is_seed_of(volume: str, image_id: str) -> bool:
    """Return whether the volume of that name holds a seed of the image, or one made by the engine in it."""
    return volume.startswith(_PREFIX) and _digits(image_id) in volume.removeprefix(_PREFIX).split("-")


def _digits(image_id: str) -> str:
    return image_id.removeprefix("sha256:")[:_DIGITS]


def assign_seeds(
    request: Request, images: Iterable[ImageFacts], known: Iterable[SeedPlan] = (), preloads: Iterable[Preload] = ()
) -> tuple[SeedPlan, ...]:
    """Return the seed of each level's engine, level 1 first: of its first child's image, at a bottom of its own.

    `images` are those at level 0; a seed that is `known` to be there is taken as it is. Each seed has all `preloads`.
    """
    by_name = {image.name: image for image in images}
    by_volume = {seed.volume: seed for seed in known}
    beside = distinct_preloads(preloads)
    shape = request.shape
    numbers = range(1, request.depth + 1)
    wanted = (_seed(request, by_name, beside, number, shape.children(number) or (number,)) for number in numbers)
    return tuple(by_volume.get(seed.volume, seed) for seed in wanted)


def lacks_store(seed: SeedPlan) -> bool:
    """Return whether the version of the seed's engine is known, and cannot keep images in the store asked for."""
    return seed.store is ImageStore.CONTAINERD and not has_containerd_store(seed.engine_version)


def distinct(seeds: Iterable[SeedPlan]) -> tuple[SeedPlan, ...]:
    """Return each of `seeds` once, in their order."""
    return tuple({seed.volume: seed for seed in seeds}.values())


def preloads_in(seeds: Iterable[SeedPlan]) -> tuple[Preload, ...]:
    """Return the preloads of a chain that has `seeds`: those that all seeds have. One may have a child's image, too."""
    first, *others = (seed.preloads for seed in seeds) if (seeds := tuple(seeds)) else ((),)
    return tuple(it for it in first if all(it in other for other in others))


def _seed(
    request: Request,
    images: Mapping[str, ImageFacts],
    preloads: tuple[Preload, ...],
    number: int,
    inside: tuple[int, ...],
) -> SeedPlan:
    own, inner, *others = (images.get(it) or ImageFacts(name=it) for it in map(request.image_of, (number, *inside)))
    # An engine is given one image, and those of a tree's other children as it is given preloads.
    beside = [Preload(source=it.name, identity=it.image_id, names=(it.name,)) for it in others if it != inner]
    all_beside = distinct_preloads((*preloads, *beside)) if beside else preloads
    store = request.image_store_of(number)
    return SeedPlan(
        volume=seed_volume_name(inner.image_id, store, engine_image_id=own.image_id, preloads=all_beside),
        image=inner.name,
        image_id=inner.image_id,
        engine_image=own.name,
        engine_image_id=own.image_id,
        store=store,
        engine_version=own.engine_version,
        preloads=all_beside,
    )
