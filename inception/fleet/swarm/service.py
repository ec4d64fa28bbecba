"""The service of a fleet: one task on each node, made, listed and removed at a manager of the Swarm."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import docker
from docker.types import ContainerSpec, DriverConfig, Mount, Placement, RestartPolicy, ServiceMode, TaskTemplate

from inception.engine.translate import translated
from inception.errors import EngineError, UsageError
from inception.plan.chain import LABEL_FLEET
from inception.plan.request import is_name

LABEL_ARGUMENTS = "inception.fleet.arguments"
_SOCKET = "/var/run/docker.sock"
_RUN_ROOT = "/run/inception"
_GRACE_NS = 90 * 10**9
"""Time for a node's chains to unwind before the task is killed; one that is killed leaves nothing either."""
_GONE_S = 120.0
_PAUSE_S = 0.5


@dataclass(frozen=True, kw_only=True)
class FleetJob:
    """A campaign for every node: the client image, the options of `inception stress`, and the nodes' labels."""

    name: str
    image: str
    arguments: tuple[str, ...]
    labels: tuple[str, ...] = ()
    socket: str = _SOCKET

    def check(self) -> None:
        """Raise UsageError for a name that cannot name a service, or labels without a value."""
        if not is_name(self.name):
            raise UsageError(f"{self.name!r} cannot name a fleet", remedy="use lower-case letters, digits and dashes")
        for label in self.labels:
            if not all(label.partition("=")):
                raise UsageError(f"{label!r} is no label", remedy="write it like disk=ssd")

    def constraints(self) -> list[str]:
        """Return the Swarm's constraints for the labels."""
        return [f"node.labels.{name} == {value}" for name, _, value in (it.partition("=") for it in self.labels)]

    def template(self) -> TaskTemplate:
        """Return the task of each node."""
        container = ContainerSpec(
            image=self.image,
            args=["inception", "fleet", "node", *self.arguments],
            mounts=[
                Mount(target=_SOCKET, source=self.socket, type="bind"),
                # Without a name the volume ends with the task's container, unless its node leaves the Swarm.
                Mount(target=_RUN_ROOT, source=None, type="volume", labels={LABEL_FLEET: self.name}),
            ],
            stop_grace_period=_GRACE_NS,
            labels={LABEL_FLEET: self.name},
        )
        return TaskTemplate(
            container,
            restart_policy=RestartPolicy(condition="none"),
            placement=Placement(constraints=self.constraints()),
            # The engine's own driver may be one that cannot be read.
            log_driver=DriverConfig("json-file"),
        )


@dataclass(frozen=True, kw_only=True)
class FleetService:
    """A fleet that a Swarm has: its service, its options of `stress`, its constraints, and when it was made."""

    name: str
    service: str
    arguments: tuple[str, ...]
    constraints: tuple[str, ...]
    created: str


def require_manager(client: docker.APIClient) -> None:
    """Check that the engine manages a Swarm. Raises UsageError and EngineError."""
    with translated("asking the engine for its Swarm"):
        swarm = client.info().get("Swarm") or {}
    if not swarm.get("ControlAvailable"):
        raise UsageError(
            f"the engine manages no Swarm (its state: {swarm.get('LocalNodeState') or 'inactive'})",
            remedy="name a manager with DOCKER_HOST or --engine, or run docker swarm init",
        )


def create(client: docker.APIClient, job: FleetJob) -> FleetService:
    """Create the service of `job`. Raises UsageError if there is one of its name, and EngineError."""
    if any(it.name == job.name for it in find_fleets(client)):
        raise UsageError(
            f"a fleet {job.name} exists already", remedy=f"see inception fleet collect {job.name}, or fleet down"
        )
    with translated("creating the service"):
        client.create_service(
            job.template(),
            name=job.name,
            labels={LABEL_FLEET: job.name, LABEL_ARGUMENTS: json.dumps(job.arguments)},
            # Not a global job: the manager makes new tasks for those that fail there, without end, also with "none".
            mode=ServiceMode("global"),
        )
    return find_fleet(client, job.name)


def find_fleets(client: docker.APIClient) -> tuple[FleetService, ...]:
    """Return the fleets of the Swarm, by their names. Raises EngineError."""
    with translated("listing the Swarm's services"):
        services = client.services(filters={"label": LABEL_FLEET})
    return tuple(sorted(map(_service_of, services), key=lambda it: it.name))


def _service_of(service: Mapping[str, Any]) -> FleetService:
    labels, task = service["Spec"]["Labels"], service["Spec"]["TaskTemplate"]
    return FleetService(
        name=labels[LABEL_FLEET],
        service=service["ID"],
        arguments=tuple(json.loads(labels.get(LABEL_ARGUMENTS, "[]"))),
        constraints=tuple((task.get("Placement") or {}).get("Constraints") or ()),
        created=service["CreatedAt"],
    )


def find_fleet(client: docker.APIClient, name: str | None) -> FleetService:
    """Return the fleet of that name; without one, the only fleet. Raises UsageError and EngineError."""
    fleets = find_fleets(client)
    found = [it for it in fleets if name in {None, it.name}]
    if len(found) == 1:
        return found[0]
    if name is None and found:
        raise UsageError("there are several fleets", remedy="name one of inception fleet ls")
    what = "no fleet runs on this Swarm" if name is None else f"no fleet {name} runs on this Swarm"
    raise UsageError(what, remedy="see inception fleet ls")


def remove(client: docker.APIClient, fleet: FleetService) -> None:
    """Remove the service, and wait until its tasks on nodes that are up have unwound. Raises EngineError."""
    with translated(f"removing the fleet {fleet.name}"):
        client.remove_service(fleet.service)
        deadline_s = time.monotonic() + _GONE_S
        while left := _tasks_left(client, fleet):
            if time.monotonic() > deadline_s:
                raise EngineError(
                    f"fleet {fleet.name}: {len(left)} tasks did not end within {_GONE_S:.0f} s",
                    remedy="look for containers with the label inception.fleet on the nodes",
                )
            time.sleep(_PAUSE_S)


def _tasks_left(client: docker.APIClient, fleet: FleetService) -> list[Mapping[str, Any]]:
    ready = {it["ID"] for it in client.nodes() if it["Status"]["State"] == "ready"}
    # A filter for a service that is removed would be refused.
    return [it for it in client.tasks() if it["ServiceID"] == fleet.service and it.get("NodeID") in ready]
