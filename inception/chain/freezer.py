"""Freeze a chain and let it go on: the engine of level 0 stops every process of level 1's container and below."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import docker

from inception.chain.status import ChainState, ChainStatus, is_paused, refuse_paused
from inception.engine.translate import translated
from inception.errors import ChainError
from inception.plan.chain import ChainPlan
from inception.plan.protocol import Variable


def pause(client: docker.APIClient, chain: ChainStatus) -> None:
    """Freeze all levels of a running chain. Raises EngineError, or ChainError if the chain is not running.

    Locks stay held and memory stays in use. The control groups of all levels lie below that of level 1, so one request
    is enough at any depth. Time goes on: a --ttl that is over ends the chain when it is resumed.
    """
    plan = chain.plan
    refuse_paused(plan)
    if chain.state is not ChainState.RUNNING:
        raise ChainError(f"chain {plan.name} is {chain.state}", remedy=f"see: inception tree {plan.name}")
    marker = Path(plan.paths.paused)
    with translated(f"pausing chain {plan.name}"):
        container = own_level_1(client, plan)
        if container is None:
            raise ChainError(f"level 1 of chain {plan.name} is gone", remedy=f"see: inception tree {plan.name}")
        # First, so that no other client waits for a level that does not answer.
        marker.touch(mode=0o600)
        try:
            client.pause(container)
        except BaseException:
            marker.unlink(missing_ok=True)
            raise


def resume(client: docker.APIClient, plan: ChainPlan) -> None:
    """Let a paused chain go on. Raises EngineError, or ChainError if it is not paused."""
    if not is_paused(plan):
        raise ChainError(f"chain {plan.name} is not paused", remedy=f"see: inception tree {plan.name}")
    thaw(client, plan)


def thaw(client: docker.APIClient, plan: ChainPlan) -> None:
    """Let the chain go on if it is paused: frozen processes obey no signal and hold their locks. Raises EngineError."""
    if not is_paused(plan):
        return
    with translated(f"resuming chain {plan.name}"), suppress(docker.errors.NotFound):
        container = own_level_1(client, plan)
        # Somebody may have let it go on with the engine's own command.
        if container is not None and client.inspect_container(container)["State"]["Paused"]:
            client.unpause(container)
    Path(plan.paths.paused).unlink(missing_ok=True)


def own_level_1(client: docker.APIClient, plan: ChainPlan) -> str | None:
    """Return the id of level 1's container, or None if the container belongs to another chain. Raises NotFound.

    Another user's chain, or one of another run root, can have the same name, and so the same container name.
    """
    container = client.inspect_container(plan.level(1).container)
    own = f"{Variable.PLAN}={plan.paths.plan}" in container["Config"]["Env"]
    return str(container["Id"]) if own else None
