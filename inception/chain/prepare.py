"""Turn a request into a plan: find or build the image, read the facts, make the plan and the seed."""

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
from inception.log import log_plan
from inception.places import run_root
from inception.plan.chain import ChainPlan
from inception.plan.facts import Facts
from inception.plan.planner import plan_chain
from inception.plan.refusal import Refusal, check_request
from inception.plan.request import Request
from inception.probe.facts import read_facts


def refuse_early(request: Request) -> None:
    """Raise UsageError for a request that is invalid on any host, before an engine is asked."""
    try:
        check_request(request)
    except Refusal as refusal:
        raise UsageError(str(refusal), remedy=refusal.remedy) from refusal


def facts_on(engine: Engine, image_id: str) -> Facts:
    """Read the facts of `engine` and its machine; change nothing. Raises EngineError."""
    with translated("reading the engine's facts"):
        return read_facts(
            engine.client,
            endpoint=engine.endpoint,
            local=engine.local,
            image_id=image_id,
            run_root=str(run_root()),
        )


@contextmanager
def refusals_as_errors() -> Iterator[None]:
    """Convert a Refusal: raise UsageError if the request is invalid, PlanError if this host cannot carry it."""
    try:
        yield
    except Refusal as refusal:
        kind = UsageError if refusal.usage else PlanError
        raise kind(str(refusal), remedy=refusal.remedy) from refusal


def plan_on(engine: Engine, request: Request, image_id: str) -> ChainPlan:
    """Return the plan of `request` on `engine`; change nothing. Raises PlanError, UsageError or EngineError."""
    facts = facts_on(engine, image_id)
    with refusals_as_errors():
        plan = plan_chain(request, facts)
    log_plan(plan)
    return plan


def prepare(engine: Engine, request: Request, on_message: Callable[[str], None]) -> ChainPlan:
    """Return the plan of `request` once its image and its seed are on the engine.

    The default image is built if it is missing; an image that the user named is not.
    Raises ImageError, PlanError, UsageError or EngineError.
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
    for remark in plan.remarks:
        on_message(f"warning: {remark}")
    ensure_seed(
        engine.client,
        image=request.image,
        image_id=image_id,
        store=request.image_store,
        privileges=plan.privileges,
        patience=request.patience,
        on_message=on_message,
    )
    return plan
