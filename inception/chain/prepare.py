"""Turn a request into a plan: find or build the image, read the facts, make the plan and the seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from inception.engine.connect import Engine
from inception.engine.translate import translated
from inception.errors import ImageError, PlanError, UsageError
from inception.image.build import ensure_image
from inception.image.byte_code import ensure_byte_code
from inception.image.preloads import find_preloads
from inception.image.recipe import default_tag
from inception.image.runtimes import check_runtimes
from inception.image.seed import ensure_seed
from inception.image.store import read_image
from inception.log import log_plan
from inception.places import run_root
from inception.plan.chain import ChainPlan
from inception.plan.engine.preloads import Preload
from inception.plan.engine.seeds import ImageFacts, SeedPlan
from inception.plan.facts import Facts
from inception.plan.light_dataclasses import replace
from inception.plan.planner import plan_chain
from inception.plan.refusal import Refusal, check_request
from inception.plan.request import Request
from inception.probe.facts import read_facts


def refuse_early(request: Request) -> None:
    """Raise UsageError for a request that is invalid on any host, before an engine is asked."""
    try:
        check_request(request)
    except Refusal as refusal:
        raise UsageError(str(refusal), remedy=refusal.remedy, topic=refusal.topic) from refusal


def images_on(engine: Engine, names: Sequence[str]) -> tuple[ImageFacts, ...]:
    """Return the facts of the named images; the default image need not be there, and has no id then.

    Raises ImageError if another one is missing, and EngineError.
    """
    return tuple(_image_on(engine, name) for name in names)


def _image_on(engine: Engine, name: str) -> ImageFacts:
    if (found := read_image(engine.client, name)) is not None:
        return found
    if name == default_tag():
        return ImageFacts(name=name)
    raise ImageError(
        f"image {name} is not on this engine",
        remedy="see `inception image ls`, make one with `inception image build`, or `docker pull` it",
    )


def facts_on(engine: Engine, images: Sequence[ImageFacts], seeds: Sequence[SeedPlan] = ()) -> Facts:
    """Read the facts of `engine` and its machine, to which `images` and `seeds` belong; change nothing.

    Raises EngineError.
    """
    with translated("reading the engine's facts"):
        facts = read_facts(
            engine.client,
            endpoint=engine.endpoint,
            local=engine.local,
            image_id=next((image.image_id for image in images if image.image_id), ""),
            run_root=str(run_root()),
        )
    return replace(facts, images=tuple(images), seeds=tuple(seeds))


@contextmanager
def refusals_as_errors() -> Iterator[None]:
    """Convert a Refusal: raise UsageError if the request is invalid, PlanError if this host cannot carry it."""
    try:
        yield
    except Refusal as refusal:
        kind = UsageError if refusal.usage else PlanError
        raise kind(str(refusal), remedy=refusal.remedy, topic=refusal.topic) from refusal


def plan_on(
    engine: Engine,
    request: Request,
    images: Sequence[ImageFacts],
    seeds: Sequence[SeedPlan] = (),
    preloads: Sequence[Preload] = (),
) -> ChainPlan:
    """Return the plan of `request` on `engine`; change nothing. `seeds` are those that are known to be there.

    Raises PlanError, UsageError or EngineError.
    """
    facts = replace(facts_on(engine, images, seeds), preloads=tuple(preloads))
    with refusals_as_errors():
        plan = plan_chain(request, facts)
    log_plan(plan)
    return plan


def prepare(engine: Engine, request: Request, on_message: Callable[[str], None]) -> ChainPlan:
    """Return the plan of `request` once its images and its seeds are on the engine.

    The default image is built if it is missing and a level runs from it; an image that the user named is not.
    Raises ImageError, PlanError, UsageError or EngineError.
    """
    names = request.images
    images = images_on(engine, names)
    preloads = find_preloads(engine.client, request.preload)
    if any(not image.image_id for image in images):
        ensure_image(engine.client, on_message=on_message)
        images = images_on(engine, names)
    check_runtimes(engine.client, request)
    plan = plan_on(engine, request, images, preloads=preloads)
    for remark in plan.remarks:
        on_message(f"warning: {remark}")
    made = {}
    # An image without the label of a level image may be none, which making its seed shows: that comes first.
    for seed in sorted(plan.seeds, key=lambda it: it.engine_version != ""):
        made[seed.volume] = ensure_seed(
            engine.client,
            seed,
            source=engine.client,
            privileges=plan.privileges,
            patience=request.patience,
            on_message=on_message,
        )
    ensure_byte_code(engine.client, plan.seed_of(1).engine_image_id)
    return replace(plan, seeds=tuple(made[seed.volume] for seed in plan.seeds))
