"""Stop a chain and keep its data: the data-root of level 1, in which the data-roots of all deeper levels lie.

Level 1 and its volume are removed when it ends, but for a volume that another container has. So one that never runs is
given the volume before, and the seeds that the levels' images need; the engines of levels keep the containers of the
levels below.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import docker
from docker.types import Mount

from inception.chain.freezer import own_level_1
from inception.chain.status import ChainState, ChainStatus, find_chain, refuse_paused
from inception.chain.stopped.records import record_of, remove_record, stopped_names, write_record
from inception.chain.teardown import remove_data_volume, take_down
from inception.engine.translate import translated
from inception.errors import ChainError
from inception.level.containers import create_level, data_volume_of
from inception.plan.chain import LABEL_KEPT, LABEL_STOPPED, ChainPlan
from inception.plan.light_dataclasses import replace
from inception.plan.request import Storage


def stop(client: docker.APIClient, chain: ChainStatus) -> None:
    """End the levels of a running chain in order, and keep their data for a start.

    Raises ChainError if that cannot be, and EngineError.
    """
    plan = chain.plan
    _refuse(chain)
    with translated(f"keeping the data of chain {plan.name}"):
        kept = replace(plan, data_volume=_find_data(client, plan))
        write_record(kept)
        try:
            _keep(client, kept)
            Path(plan.paths.kept).touch()
        except BaseException:
            remove_record(plan.name)
            raise
    take_down(client, plan)


def _find_data(client: docker.APIClient, plan: ChainPlan) -> str:
    """Return the volume of level 1. Raises ChainError if it is gone."""
    with suppress(docker.errors.NotFound):
        container = own_level_1(client, plan)
        volume = None if container is None else data_volume_of(client, container)
        if volume is not None:
            return volume
    raise ChainError(f"level 1 of chain {plan.name} is gone", remedy=f"see: inception tree {plan.name}")


def _refuse(chain: ChainStatus) -> None:
    """Raise ChainError for a chain that cannot be stopped."""
    plan = chain.plan
    refuse_paused(plan)
    if plan.attached:
        raise ChainError(
            f"chain {plan.name} is attached, and ends with the program that started it",
            remedy="start a chain that stays with: inception up",
        )
    if chain.state is not ChainState.RUNNING:
        raise ChainError(f"chain {plan.name} is {chain.state}", remedy=f"see: inception tree {plan.name}")
    if plan.ttl_s is not None:
        raise ChainError(
            f"chain {plan.name} ends by itself after --ttl {plan.ttl_s:g}s, and its data with it",
            remedy="start a chain that stays without --ttl",
        )
    if in_memory := [level.number for level in plan.levels if level.storage.kind is Storage.TMPFS]:
        raise ChainError(
            f"chain {plan.name} has its data in memory (--storage tmpfs at level {in_memory[0]}), and would lose them",
            remedy=f"freeze it with: inception pause {plan.name}",
        )
    if plan.remote or plan.podman:
        where = "a Podman" if plan.podman else "another machine"
        raise ChainError(
            f"chain {plan.name} is on {where}, and only a Docker of this machine keeps the data of a chain",
            remedy=f"freeze it with: inception pause {plan.name}",
        )


def _keep(client: docker.APIClient, plan: ChainPlan) -> None:
    """Create the container that holds the volume, the seeds and the image of level 1."""
    with suppress(docker.errors.NotFound):  # Of an attempt that was cut short.
        client.remove_container(plan.kept(1), force=True)
    volumes = [plan.data_volume, *(seed.volume for seed in plan.seeds if seed.home == 0)]
    mounts = [Mount(f"/{index}", volume, type="volume", no_copy=True) for index, volume in enumerate(volumes)]
    client.create_container(
        image=client.inspect_container(plan.level(1).container)["Image"],
        name=plan.kept(1),
        entrypoint=["true"],
        labels={LABEL_KEPT: plan.name, LABEL_STOPPED: str(record_of(plan.name))},
        host_config=client.create_host_config(mounts=mounts, network_mode="none"),
    )


def create_restored(client: docker.APIClient, plan: ChainPlan) -> None:
    """Create level 1 of a chain that was stopped, with its data. Raises ChainError if they are gone, and APIError."""
    try:
        image = client.inspect_container(plan.kept(1))["Image"]
    except docker.errors.NotFound as error:
        raise ChainError(
            f"the data of chain {plan.name} are gone: level 0 has no container {plan.kept(1)}",
            remedy=f"forget the chain with: inception down {plan.name}",
        ) from error
    create_level(client, plan, 1, image, data_volume=plan.data_volume)


def release(client: docker.APIClient, plan: ChainPlan, *, with_data: bool) -> None:
    """Remove what keeps the data of a chain that was stopped, or also the data. Raises EngineError."""
    with translated(f"removing {plan.kept(1)}"), suppress(docker.errors.NotFound):
        labels: dict[str, str] = client.inspect_container(plan.kept(1))["Config"]["Labels"] or {}
        # Another user's chain, or one of another run root, can have the same name.
        if labels.get(LABEL_STOPPED) == str(record_of(plan.name)):
            client.remove_container(plan.kept(1), force=True)
    if with_data:
        remove_data_volume(client, plan)
    remove_record(plan.name)


def require_stopped(name: str | None) -> ChainPlan:
    """Return the plan of the stopped chain `name`, or of the only one. Raises ChainError if it is not stopped."""
    if name is None and len(names := stopped_names()) == 1:
        name = names[0]
    chain = find_chain(name, also_stopped=True)
    if chain.state is not ChainState.STOPPED:
        raise ChainError(f"chain {chain.name} is not stopped, but {chain.state}", remedy="see: inception ls")
    return chain.plan
