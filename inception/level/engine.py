"""This level's engine: containerd and dockerd, brought up with the chain's image and taken down again."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from pathlib import Path

from inception.level.daemons import (
    CONTAINERD_SOCKET,
    DOCKERD_PID_FILE,
    Daemon,
    dockerd_command,
    start_containerd,
    start_dockerd,
    wait_for_socket,
)
from inception.level.event_log import EventLog
from inception.level.failure import PhaseError, explain
from inception.level.graft import Seed, plan_graft
from inception.level.restarts import MAX_RESTARTS, RESTART_WINDOW_S, Restarts
from inception.level.shutdown import Shutdown
from inception.linux import lifeline
from inception.plan.chain import LABEL_LEVEL, ChainPlan
from inception.plan.events import Phase, State
from inception.plan.paths import SEED_DIRECTORY
from inception.plan.request import ImageTransfer

_BEREFT_STOP_S = 1.0
"""Seconds for a daemon to stop when the other one is gone."""
_LOOK_AT_DISK_S = 2.0
_FULL_BYTES = 1 << 20
_FULL_FRACTION = 0.01


def is_full(path: Path) -> bool:
    """Whether the file system of `path` has next to no bytes or no inodes left."""
    disk = os.statvfs(path)
    free, size = disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize
    # Some file systems count no inodes.
    return free < max(_FULL_BYTES, min(size * _FULL_FRACTION, 16 * _FULL_BYTES)) or disk.f_favail == 0 < disk.f_files


class LevelEngine:
    """The engine of level `number`, its data-root at `data_root`."""

    def __init__(self, plan: ChainPlan, number: int, data_root: Path, events: EventLog) -> None:
        self._plan = plan
        self._level = plan.level(number)
        self._data_root = data_root
        self._events = events
        self._seed = Seed.read(Path(SEED_DIRECTORY))
        self._daemons: list[Daemon] = []
        self._restarts = Restarts()
        self._replacing = threading.Lock()
        self._stopping = False

    @property
    def image_id(self) -> str:
        """The chain's image, as this engine names it."""
        return self._seed.image_id

    def boot(self) -> None:
        """Bring the engine up, with the image in it. Raises LevelFailure."""
        grafted = self._start_containerd()
        self._start_dockerd()
        self._check_image(grafted)

    def _start_containerd(self) -> bool:
        """Start it, and graft the image while it boots. Says whether that was done."""
        with self._events.phase(Phase.CONTAINERD, log="containerd"):
            containerd = start_containerd(self._data_root, self._log("containerd"))
            self._daemons.append(containerd)
            grafted = self._plan.image_transfer is not ImageTransfer.LOAD
            if grafted:
                with self._events.phase(Phase.IMAGE):
                    plan_graft(self._seed, self._data_root).execute()
            wait_for_socket(CONTAINERD_SOCKET, containerd, self._plan.limits.containerd_s)
        return grafted

    def _start_dockerd(self) -> None:
        with self._events.phase(Phase.DOCKERD, log="dockerd"):
            dockerd = self._launch_dockerd()
            self._daemons.append(dockerd)
            self._wait_for_dockerd(dockerd)

    def _launch_dockerd(self) -> Daemon:
        return start_dockerd(dockerd_command(self._plan, self._level, self._data_root), self._log("dockerd"))

    def _wait_for_dockerd(self, dockerd: Daemon) -> None:
        from inception.level.engine_client import connect_level

        socket = Path(self._plan.paths.socket(self._level.number))
        wait_for_socket(socket, dockerd, self._plan.limits.dockerd_s)
        with connect_level(self._plan, self._level.number) as client:
            client.ping()  # The socket takes connections before the engine answers them.
        os.chown(socket, self._plan.owner_uid, self._plan.owner_gid)

    def _check_image(self, grafted: bool) -> None:
        from inception.level.engine_client import connect_level, knows_image, load_as

        image = self._plan.image
        with connect_level(self._plan, self._level.number) as client:
            with self._events.phase(Phase.VERIFY, log="dockerd"):
                if grafted and knows_image(client, image, self.image_id):
                    return
                if self._plan.image_transfer is ImageTransfer.GRAFT:
                    raise PhaseError(
                        "the engine does not know the grafted image", remedy="use --image-transfer auto or load"
                    )
            if grafted:
                self._events.note(Phase.VERIFY, "the engine does not know the grafted image: loading it instead")
            with self._events.phase(Phase.IMAGE, log="dockerd"):
                load_as(client, self._seed.tarball, image)
                if not knows_image(client, image, self.image_id):
                    raise PhaseError(f"{image} was loaded, but the engine does not know it")

    def watch(self, shutdown: Shutdown) -> None:
        """End the level when one of its daemons ends for good, and tell when its disk is full."""
        threading.Thread(target=self._watch_disk, name="watch disk", daemon=True).start()
        for daemon in self._daemons:
            threading.Thread(
                target=self._watch, args=(daemon, shutdown), name=f"watch {daemon.name}", daemon=True
            ).start()

    def _watch(self, daemon: Daemon, shutdown: Shutdown) -> None:
        running: Daemon | None = daemon
        while running is not None:
            status = running.process.wait()
            if self._is_over(shutdown):
                return
            reason = f"{daemon.name} ended with status {status}"
            running = None
            if not self._plan.restart_engines:
                self._break(daemon, shutdown, reason)
            elif daemon.name != "dockerd":
                self._break(daemon, shutdown, f"{reason}, and only a dockerd can be started again")
            elif not self._restarts.take_one():
                self._break(daemon, shutdown, f"{reason}, after {MAX_RESTARTS} restarts within {RESTART_WINDOW_S:g} s")
            else:
                running = self._restart(reason, shutdown)

    def _is_over(self, shutdown: Shutdown) -> bool:
        return self._stopping or shutdown.begun

    def _break(self, daemon: Daemon, shutdown: Shutdown, reason: str) -> None:
        self._events.write(Phase(daemon.name), State.FAIL, message=reason)
        shutdown.request(f"{daemon.name} ended", broken=True)

    def _restart(self, reason: str, shutdown: Shutdown) -> Daemon | None:
        """Start dockerd again, and see that it has taken over what runs; None if it has not, or if the level ends."""
        self._events.note(Phase.DOCKERD, f"{reason}: restarting it")
        begun_s = time.monotonic()
        with self._replacing:
            if self._stopping:
                return None
            # Its process is reaped, so that another one may have its number.
            DOCKERD_PID_FILE.unlink(missing_ok=True)
            dockerd = self._daemons[-1] = self._launch_dockerd()
        try:
            self._wait_for_dockerd(dockerd)
            kept = self._check_below()
        except Exception as error:  # noqa: BLE001 - whatever it is, the engine is not there again
            if not self._is_over(shutdown):
                self._break(dockerd, shutdown, f"{reason}, and could not be restarted: {explain(error)[0]}")
            return None
        took_s = time.monotonic() - begun_s
        self._events.note(Phase.DOCKERD, f"engine restarted in {took_s:.1f} s{kept}: {reason}")
        return dockerd

    def _check_below(self) -> str:
        """Words on the level below, if there is one. Raises PhaseError if the engine has not taken it over."""
        from inception.level.engine_client import connect_level

        below = self._level.number + 1
        with connect_level(self._plan, self._level.number) as client:
            taken_over = client.containers(filters={"label": f"{LABEL_LEVEL}={below}"})
        # Asked last: a level that has ended meanwhile is none that got lost.
        if not lifeline.is_held(Path(self._plan.paths.alive(below))):
            return ""
        if not taken_over:
            raise PhaseError(f"level {below} lives, and the new dockerd has not taken it over")
        return f", level {below} kept"

    def _watch_disk(self) -> None:
        was_full = False
        while not self._stopping:
            if (full := is_full(self._data_root)) != was_full:
                words = "is full: nothing can be written in it" if full else "has room again"
                self._events.note(Phase.DOCKERD, f"its data-root {words}")
                was_full = full
            time.sleep(_LOOK_AT_DISK_S)

    def stop(self) -> None:
        """Take both daemons down, dockerd first. No level is below any more."""
        with self._replacing:
            self._stopping = True
        if self._plan.restart_engines:
            self._end_containers()
        # A dockerd that has lost its containerd waits 15 s for containers that ended long ago: nobody can tell it.
        bereft = any(daemon.process.poll() is not None for daemon in self._daemons)
        limit_s = _BEREFT_STOP_S if bereft else self._plan.limits.level_stop_s
        for daemon in reversed(self._daemons):
            if not daemon.stop(limit_s):
                self._events.note(Phase.UNWIND, f"{daemon.name} did not stop in time and was killed")

    def _end_containers(self) -> None:
        """What users run here: a dockerd whose containers are to outlive it leaves them alone when it ends."""
        from concurrent.futures import ThreadPoolExecutor

        from inception.level.engine_client import ENGINE_GONE, connect_level

        with suppress(*ENGINE_GONE), connect_level(self._plan, self._level.number) as client:
            running = [container["Id"] for container in client.containers()]
            with ThreadPoolExecutor() as threads:
                list(threads.map(client.stop, running))

    def _log(self, program: str) -> Path:
        return Path(self._plan.paths.log(self._level.number, program))
