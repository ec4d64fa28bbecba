"""Freeze a chain and let it go on: the engine of level 0 stops every process of level 1's container and below."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import docker
from docker.types import Mount

from inception.chain.status import ChainState, ChainStatus, is_paused, refuse_paused
from inception.engine.translate import translated
from inception.errors import ChainError
from inception.level.engine.client import ENGINE_GONE
from inception.linux.freezer import freezer_group
from inception.plan.chain import ChainPlan
from inception.plan.protocol import Variable
from inception.probe.engine import cgroup_version_of
from inception.probe.helper_container import helper_container

_SLOW_S = 4.0
"""Seconds that a killed container may take to end before it is thawed. The engine gives up after 10."""
_HIERARCHY = "/freezer"
"""Place of the freezer's hierarchy in the container that thaws."""
_THAW = f"""find {_HIERARCHY} -path "*$0*" -name freezer.state | while read -r state; do echo THAWED >"$state"; done"""
_log = logging.getLogger(__name__)


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


@contextmanager
def thawing_if_slow(client: docker.APIClient, plan: ChainPlan, container: str) -> Iterator[None]:
    """Thaw all that is in level 1's `container` if the block, which kills it, takes more than some seconds.

    On cgroup v1 no frozen process ends, killed or not: one of a container that is paused in a level, for example.
    """
    timer = threading.Timer(_SLOW_S, _thaw_below, (client, plan.level(1).image, container))
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


def _thaw_below(client: docker.APIClient, image: str, container: str) -> None:
    """Thaw the control groups of `container` and below, in whose paths its id is, by a container that sees them."""
    try:
        if cgroup_version_of(client.info()) != 1:
            return
        # Not in `binds`: where there is no such hierarchy, the engine would make a control group of this name.
        mount = Mount(_HIERARCHY, str(freezer_group("/")), type="bind")
        options = {"mounts": [mount], "security_opt": ["label=disable"]}
        with helper_container(client, image, ["sh", "-c", _THAW, container], host_config=options) as thawing:
            client.start(thawing)
            client.wait(thawing)
    except ENGINE_GONE as error:  # What kills the container says that it does not end.
        _log.debug("container %s: not thawed: %r", container, error)


def own_level_1(client: docker.APIClient, plan: ChainPlan) -> str | None:
    """Return the id of level 1's container, or None if the container belongs to another chain. Raises NotFound.

    Another user's chain, or one of another run root, can have the same name, and so the same container name.
    """
    container = client.inspect_container(plan.level(1).container)
    own = f"{Variable.PLAN}={plan.paths.plan}" in container["Config"]["Env"]
    return str(container["Id"]) if own else None
