"""The service of a fleet: one task on each node, made, listed and removed at a manager of the Swarm."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import docker
from docker.types import ContainerSpec, DriverConfig, Mount, Placement, RestartPolicy, ServiceMode, TaskTemplate

from inception.engine.translate import translated
from inception.errors import EngineError, UsageError
from inception.fleet.fleets import LABEL_ARGUMENTS, NODE_SOCKET, Fleet, FleetJob, choose, refuse_another
from inception.fleet.swarm.reader import SwarmReader
from inception.plan.chain import LABEL_FLEET
from inception.plan.request import is_name

_RUN_ROOT = "/run/inception"
_GRACE_NS = 90 * 10**9
"""Time for a node's chains to unwind before the task is killed; one that is killed leaves nothing either."""
_GONE_S = 120.0
_PAUSE_S = 0.5
_LABEL_SERVICE = "com.docker.swarm.service.id"
"""Label that Swarm gives the containers of a service."""


def check(job: FleetJob) -> None:
    """Raise UsageError for a name that cannot name a service, or labels without a value."""
    job.check()
    if not is_name(job.name):
        raise UsageError(f"{job.name!r} cannot name a fleet", remedy="use lower-case letters, digits and dashes")


class Swarm:
    """The Swarm that an engine manages. Methods raise EngineError."""

    def __init__(self, client: docker.APIClient) -> None:
        """Raise UsageError if the engine manages none, and EngineError."""
        self._client = client
        with translated("asking the engine for its Swarm"):
            swarm = client.info().get("Swarm") or {}
        if not swarm.get("ControlAvailable"):
            raise UsageError(
                f"the engine manages no Swarm (its state: {swarm.get('LocalNodeState') or 'inactive'})",
                remedy="name a manager with DOCKER_HOST or --engine, or run docker swarm init",
            )

    def create(self, job: FleetJob) -> Fleet:
        """Create the service of `job`. Raises UsageError if there is one of its name."""
        refuse_another(self.fleets(), job.name)
        with translated("creating the service"):
            self._client.create_service(
                _template(job),
                name=job.name,
                labels={LABEL_FLEET: job.name, LABEL_ARGUMENTS: json.dumps(job.arguments)},
                # Not a global job: the manager makes new tasks for those that fail there, also with "none".
                mode=ServiceMode("global"),
            )
        return choose(self.fleets(), job.name)

    def fleets(self) -> tuple[Fleet, ...]:
        """Return the fleets of the Swarm, by their names."""
        with translated("listing the Swarm's services"):
            services = self._client.services(filters={"label": LABEL_FLEET})
        return tuple(sorted(map(_fleet_of, services), key=lambda it: it.name))

    def reader(self, fleet: Fleet) -> SwarmReader:
        """Return what reads the state of a fleet."""
        return SwarmReader(self._client, fleet)

    def remove(self, fleet: Fleet) -> None:
        """Remove the service, and wait until its tasks on nodes that are up have unwound.

        The container of a task that ended is gone from the manager's node by then; other nodes remove it in a moment.
        """
        with translated(f"removing the fleet {fleet.name}"):
            self._client.remove_service(fleet.handle)
            deadline_s = time.monotonic() + _GONE_S
            while left := self._tasks_left(fleet) or self._containers_left(fleet):
                if time.monotonic() > deadline_s:
                    raise EngineError(
                        f"fleet {fleet.name}: {len(left)} tasks did not end within {_GONE_S:.0f} s",
                        remedy="look for containers with the label inception.fleet on the nodes",
                    )
                time.sleep(_PAUSE_S)

    def _tasks_left(self, fleet: Fleet) -> list[Mapping[str, Any]]:
        ready = {it["ID"] for it in self._client.nodes() if it["Status"]["State"] == "ready"}
        # A filter for a service that is removed would be refused.
        return [it for it in self._client.tasks() if it["ServiceID"] == fleet.handle and it.get("NodeID") in ready]

    def _containers_left(self, fleet: Fleet) -> list[Mapping[str, Any]]:
        """Return those on this node: the manager forgets a task before the node removes its container."""
        of_service = {"label": f"{_LABEL_SERVICE}={fleet.handle}"}
        containers: list[Mapping[str, Any]] = self._client.containers(all=True, filters=of_service)
        return containers


def _template(job: FleetJob) -> TaskTemplate:
    """Return the task of each node."""
    container = ContainerSpec(
        image=job.image,
        args=["inception", "fleet", "node", *job.arguments],
        mounts=[
            Mount(target=NODE_SOCKET, source=job.socket, type="bind"),
            # Without a name the volume ends with the task's container, unless its node leaves the Swarm.
            Mount(target=_RUN_ROOT, source=None, type="volume", labels={LABEL_FLEET: job.name}),
        ],
        stop_grace_period=_GRACE_NS,
        labels={LABEL_FLEET: job.name},
    )
    return TaskTemplate(
        container,
        restart_policy=RestartPolicy(condition="none"),
        placement=Placement(
            constraints=[
                f"node.labels.{name} == {value}" for name, _, value in (it.partition("=") for it in job.labels)
            ]
        ),
        # The engine's own driver may be one that cannot be read.
        log_driver=DriverConfig("json-file"),
    )


def _fleet_of(service: Mapping[str, Any]) -> Fleet:
    labels, task = service["Spec"]["Labels"], service["Spec"]["TaskTemplate"]
    return Fleet(
        name=labels[LABEL_FLEET],
        handle=service["ID"],
        arguments=tuple(json.loads(labels.get(LABEL_ARGUMENTS, "[]"))),
        constraints=tuple((task.get("Placement") or {}).get("Constraints") or ()),
        created=service["CreatedAt"],
    )
