"""From a request to a plan: the image is found or built, the facts are read, the plan is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from inception.engine.connect import Engine
from inception.engine.translate import translated
from inception.errors import ImageError, PlanError, UsageError
from inception.image.build import ensure_image
from inception.image.recipe import default_tag
from inception.image.seed import ensure_seed
from inception.image.store import find_image
from inception.places import run_root
from inception.plan.chain import ChainPlan
from inception.plan.facts import Facts
from inception.plan.planner import plan_chain
from inception.plan.refusal import Refusal, check_request
from inception.plan.request import Request
from inception.probe.facts import read_facts


def refuse_early(request: Request) -> None:
    """Raise UsageError for what no host could carry, before anything is asked of one."""
    try:
        check_request(request)
    except Refusal as refusal:
        raise UsageError(str(refusal), remedy=refusal.remedy) from refusal


def facts_on(engine: Engine, image_id: str) -> Facts:
    """What is to be known of `engine` and its machine; nothing is touched. Raises EngineError."""
    with translated("reading the engine's facts"):
        return read_facts(
            engine.client,
            endpoint=engine.endpoint,
            local=engine.local,
            image_id=image_id,
            run_root=str(run_root()),
        )


@contextmanager
def refusing() -> Iterator[None]:
    """Raise a Refusal inside as UsageError where the request is wrong, or as PlanError where the host is."""
    try:
        yield
    except Refusal as refusal:
        kind = UsageError if refusal.usage else PlanError
        raise kind(str(refusal), remedy=refusal.remedy) from refusal


def plan_on(engine: Engine, request: Request, image_id: str) -> ChainPlan:
    """The plan of `request` on `engine`; nothing is touched. Raises PlanError or UsageError."""
    facts = facts_on(engine, image_id)
    with refusing():
        return plan_chain(request, facts)


def prepare(engine: Engine, request: Request, on_message: Callable[[str], None]) -> ChainPlan:
    """A plan whose image and seed are on the engine. Raises ImageError, PlanError, UsageError or EngineError.

    The default image is built when it is missing; one that the user names is not.
    """
    if request.image == default_tag():
        image_id = ensure_image(engine.client, on_message=on_message)
    elif (found := find_image(engine.client, request.image)) is not None:
        image_id = found
    else:
        raise ImageError(
            f"image {request.image} is not on this engine", remedy="see `inception image ls`, or `docker pull` it"
        )
    plan = plan_on(engine, request, image_id)
    ensure_seed(
        engine.client,
        image=request.image,
        image_id=image_id,
        privileges=plan.privileges,
        patience=request.patience,
        on_message=on_message,
    )
    return plan
