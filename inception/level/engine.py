"""This level's engine: containerd and dockerd, brought up with the chain's image and taken down again."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import docker

from inception.level.daemons import (
    CONTAINERD_SOCKET,
    Daemon,
    dockerd_command,
    start_containerd,
    start_dockerd,
    wait_for_socket,
)
from inception.level.ending import Ending
from inception.level.events import EventLog
from inception.level.failure import PhaseError
from inception.level.graft import Seed, plan_graft
from inception.plan.chain import ChainPlan
from inception.plan.events import Phase, State
from inception.plan.paths import SEED_DIRECTORY
from inception.plan.request import ImageTransfer

API_VERSION = "1.41"
"""Spoken to every level's engine: the oldest that knows all we use (CgroupnsMode), so nothing is negotiated."""


class LevelEngine:
    """The engine of level `number`, its data-root at `data_root`."""

    def __init__(self, plan: ChainPlan, number: int, data_root: Path, events: EventLog) -> None:
        self._plan = plan
        self._level = plan.level(number)
        self._data_root = data_root
        self._events = events
        self._seed = Seed.read(Path(SEED_DIRECTORY))
        self._daemons: list[Daemon] = []
        self._stopping = False

    @property
    def image_id(self) -> str:
        """The chain's image, as this engine names it."""
        return self._seed.image_id

    def connect(self) -> docker.APIClient:
        """A client of this engine."""
        return connect_level(self._plan, self._level.number)

    def boot(self) -> None:
        """Bring the engine up, with the image in it. Raises LevelFailure."""
        events, limits, number = self._events, self._plan.limits, self._level.number
        with events.phase(Phase.CONTAINERD, log="containerd"):
            containerd = start_containerd(self._data_root, self._log("containerd"))
            self._daemons.append(containerd)
            grafted = self._graft()
            wait_for_socket(CONTAINERD_SOCKET, containerd, limits.containerd_s)
        with events.phase(Phase.DOCKERD, log="dockerd"):
            command = dockerd_command(self._plan, self._level, self._data_root)
            dockerd = start_dockerd(command, self._log("dockerd"))
            self._daemons.append(dockerd)
            socket = Path(self._plan.paths.socket(number))
            wait_for_socket(socket, dockerd, limits.dockerd_s)
            client = self.connect()
            client.ping()  # The socket takes connections before the engine answers them.
            os.chown(socket, self._plan.owner_uid, self._plan.owner_gid)
        with events.phase(Phase.VERIFY, log="dockerd"):
            present = self._holds_image(client)
        if grafted and not present:
            if self._plan.image_transfer is ImageTransfer.GRAFT:
                reason = "the engine does not know the grafted image"
                remedy = "use --image-transfer auto or load"
                self._events.write(Phase.VERIFY, State.FAIL, message=reason, remedy=remedy)
                raise PhaseError(reason, remedy=remedy)
            events.note(Phase.VERIFY, "the engine does not know the grafted image: loading it instead")
        if not present:
            self._load(client)

    def watch(self, ending: Ending) -> None:
        """End the level when one of its daemons ends."""
        for daemon in self._daemons:
            threading.Thread(
                target=self._watch, args=(daemon, ending), name=f"watch {daemon.name}", daemon=True
            ).start()

    def _watch(self, daemon: Daemon, ending: Ending) -> None:
        status = daemon.process.wait()
        if self._stopping or ending.begun:
            return
        phase = Phase(daemon.name)
        self._events.write(phase, State.FAIL, message=f"{daemon.name} ended with status {status}")
        ending.because(f"{daemon.name} ended")

    def stop(self) -> None:
        """Take both daemons down, dockerd first. Nothing runs below any more."""
        self._stopping = True
        for daemon in reversed(self._daemons):
            if not daemon.stop(self._plan.limits.level_stop_s):
                self._events.note(Phase.UNWIND, f"{daemon.name} did not stop in time and was killed")

    def _log(self, program: str) -> Path:
        return Path(self._plan.paths.log(self._level.number, program))

    def _graft(self) -> bool:
        if self._plan.image_transfer is ImageTransfer.LOAD:
            return False
        with self._events.phase(Phase.IMAGE):
            plan_graft(self._seed, self._data_root).execute()
        return True

    def _holds_image(self, client: docker.APIClient) -> bool:
        try:
            return bool(client.inspect_image(self._plan.image)["Id"] == self.image_id)
        except docker.errors.ImageNotFound:
            return False

    def _load(self, client: docker.APIClient) -> None:
        with self._events.phase(Phase.IMAGE, log="dockerd"):
            load_tarball(client, self._seed.tarball)
            if not self._holds_image(client):
                raise PhaseError(f"{self._plan.image} was loaded, but the engine does not know it")


def connect_level(plan: ChainPlan, number: int) -> docker.APIClient:
    """A client of the engine of level `number`; no request of it is shorter-lived than the longest phase."""
    socket = plan.paths.socket(number)
    return docker.APIClient(base_url=f"unix://{socket}", version=API_VERSION, timeout=int(plan.limits.image_s))


def load_tarball(client: docker.APIClient, tarball: Path) -> None:
    """`docker load` a tarball. Raises PhaseError with the engine's words if it refuses."""
    with tarball.open("rb") as stream:
        for message in client.load_image(stream):
            if "error" in message:
                raise PhaseError(f"docker load: {message['error']}")
