"""Plans of a running chain that grows or shrinks: the levels that stay are left as they are."""

from __future__ import annotations

from typing import TypeVar

from inception.plan.chain import ChainPlan
from inception.plan.engine.options import DaemonJson, DockerdArgument, LevelImage, LevelRange, LevelRuntime
from inception.plan.engine.seeds import ImageFacts, distinct
from inception.plan.estimate import without
from inception.plan.facts import Facts
from inception.plan.light_dataclasses import replace
from inception.plan.planner import plan_chain
from inception.plan.refusal import Refusal
from inception.plan.request import LevelStore, Request
from inception.plan.resources import ResourceLimit

_ForLevels = TypeVar("_ForLevels", DockerdArgument, DaemonJson, LevelImage, LevelStore, LevelRuntime, ResourceLimit)


def request_grown(plan: ChainPlan, by: int, image: str | None = None, *, force: bool = False) -> Request:
    """Return the request of `plan` with `by` more levels, which run from `image` if it is given. Raises Refusal.

    With `force` they need not fit by the estimates.
    """
    if by < 1:
        raise _no_change(by)
    _check_line(plan)
    chosen = () if image is None else (LevelImage(levels=LevelRange(first=plan.depth + 1), image=image),)
    return replace(
        plan.request,
        depth=plan.depth + by,
        name=plan.name,
        force=force or plan.request.force,
        places=(),
        level_images=(*plan.request.level_images, *chosen),
        # The file system of level 1 exists already, and new levels must fit inside it.
        storage_size=plan.level(1).storage.size if plan.depth else plan.request.storage_size,
    )


def images_in(plan: ChainPlan) -> tuple[ImageFacts, ...]:
    """Return the images of the chain as it was started with them, whatever their tags mean at level 0 by now."""
    given = [ImageFacts(name=it.image, image_id=it.image_id) for it in plan.seeds]
    run = [
        ImageFacts(name=it.engine_image, image_id=it.engine_image_id, engine_version=it.engine_version)
        for it in plan.seeds
    ]
    return tuple({image.name: image for image in (*given, *run)}.values())


def grown(plan: ChainPlan, request: Request, facts: Facts) -> ChainPlan:
    """Return `plan` with the levels of `request` that it lacks, on the host that `facts` describe now.

    A seed that the chain lacks is made in the engine of its bottom: no level sees a new volume of level 0. Raises
    Refusal.
    """
    # The blocks of the levels that are there count as routed: the new levels get others.
    routed = facts.engine.networks + tuple(level.subnet.block for level in plan.levels)
    # All levels of `request` must fit, and those that are there have taken what they need.
    host = without(facts.host, plan.estimate)
    deeper = plan_chain(
        _without_deeper(request),
        replace(facts, engine=replace(facts.engine, networks=routed), host=host, seeds=plan.seeds),
    )
    there = {seed.volume for seed in plan.seeds}
    new = [replace(seed, home=plan.depth) for seed in map(deeper.seed_of, range(plan.depth + 1, deeper.depth + 1))]
    return replace(
        plan,
        request=replace(plan.request, level_images=request.level_images),
        packet_ttl=deeper.packet_ttl,
        estimate=deeper.estimate,
        seeds=(*plan.seeds, *distinct(seed for seed in new if seed.volume not in there)),
        levels=plan.levels + deeper.levels[plan.depth :],
    )


def shrunk(plan: ChainPlan, by: int) -> ChainPlan:
    """Return `plan` without its `by` deepest levels. Raises Refusal if none would be left."""
    if by < 1:
        raise _no_change(by)
    _check_line(plan)
    if by >= plan.depth:
        raise Refusal(
            f"chain {plan.name} has {plan.depth} levels, and {by} fewer would leave none",
            remedy=f"end it with: inception down {plan.name}",
            usage=True,
        )
    depth = plan.depth - by
    seeds = tuple(seed for seed in plan.seeds if seed.home <= depth)
    return replace(plan, levels=plan.levels[:depth], seeds=seeds, estimate=plan.estimate.share(depth, plan.depth))


def _without_deeper(request: Request) -> Request:
    """Return `request` without what is meant for levels that a chain which has shrunk no longer has."""

    def kept(options: tuple[_ForLevels, ...]) -> tuple[_ForLevels, ...]:
        return tuple(it for it in options if it.levels.first <= request.depth)

    return replace(
        request,
        dockerd=kept(request.dockerd),
        daemon_json=kept(request.daemon_json),
        level_images=kept(request.level_images),
        image_store=kept(request.image_store),
        runtimes=kept(request.runtimes),
        resources=kept(request.resources),
    )


def _check_line(plan: ChainPlan) -> None:
    if not plan.shape.is_line:
        raise Refusal(
            f"chain {plan.name} is a tree, which neither grows nor shrinks",
            remedy=f"change the file that `inception spec {plan.name}` prints, and start another with `inception up`",
            usage=True,
        )


def _no_change(by: int) -> Refusal:
    return Refusal(f"{by} levels is no change", remedy="use 1 or more", usage=True)
