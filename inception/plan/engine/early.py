"""Steps of a level's boot that need nothing of its own plan, and are taken before its runner has read that."""

from __future__ import annotations

from enum import StrEnum

from inception.plan.chain import ChainPlan
from inception.plan.request import ImageStore, Storage


class Early(StrEnum):
    """Steps that may come early, in their order."""

    DATABASES = "databases"
    """Lead the engine's databases to memory, which is mounted for them."""
    CONTAINERD = "containerd"
    """Start containerd."""
    DOCKERD = "dockerd"
    """Start a dockerd that waits for its settings."""


def early_steps(plan: ChainPlan, number: int) -> tuple[Early, ...]:
    """Return the steps that level `number` takes early.

    containerd reads its own image store as it starts, from a data-root that must be there; and a level 1 of Podman may
    yet enter another cgroup namespace, which its daemons are to be in. Arguments of dockerd depend on the image's own
    settings, which only the runner sees.
    """
    in_place = not (plan.podman and number == 1)
    kind, store = plan.level(number).storage.kind, plan.seed_of(number).store
    steps: list[Early] = []
    if in_place and kind is not Storage.LOOPBACK and store is ImageStore.OVERLAY2:
        steps += [Early.DATABASES, Early.CONTAINERD] if databases_in_memory(plan) else [Early.CONTAINERD]
    if in_place and not any(number in it.levels for it in plan.request.dockerd):
        steps.append(Early.DOCKERD)
    return tuple(steps)


def databases_in_memory(plan: ChainPlan) -> bool:
    """Return whether the engines' databases are kept in memory, where they are never synced to a disk.

    An attached chain ends with its client, so nothing of it is there after a crash of the machine. A detached one may
    be looked into once it is broken.
    """
    return plan.attached
