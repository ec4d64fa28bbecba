"""A level's engine: containerd and dockerd, booted with the chain's image in it, and stopped again.

Imports inside of methods take a while: they come where dockerd boots meanwhile, or are rare.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from inception.level.early.daemons import EarlyDaemons, give_settings, start_containerd
from inception.level.early.databases import move_databases
from inception.level.early.processes import Daemon, SpawnedProcess
from inception.level.engine.daemons import (
    CONTAINERD_SOCKET,
    DOCKERD_PID_FILE,
    level_configuration,
    reload_without_live_restore,
    start_dockerd,
    wait_for_socket,
)
from inception.level.event_log import EventLog
from inception.level.failure import PhaseError
from inception.level.images.graft import Seed, is_used, plan_graft, plan_regraft
from inception.plan.chain import LABEL_LEVEL, ChainPlan
from inception.plan.engine.early import databases_in_memory
from inception.plan.events import Phase
from inception.plan.paths import DATABASES_DIRECTORY, SEEDS_DIRECTORY
from inception.plan.request import ImageStore, ImageTransfer

if TYPE_CHECKING:
    import docker

_REMEDY_OF_GRAFT = "use --image-transfer auto or load"
_BEREFT_STOP_S = 1.0
"""Seconds for a daemon to stop when the other one is gone."""
_CONTAINERS_S = 2.0
"""Seconds for containers to end whose data go with the level: they may still write to a directory of the host."""
_QUESTION_S = 2.0
"""Seconds for an engine to say what runs in it."""
_RELOAD_LIMIT_S = 3.0
_RELOAD_PAUSE_S = 0.02


def find_installed_modules() -> None:
    """Add the image's own modules, as the Docker SDK, to those that this process finds: a runner starts without."""
    if sys.flags.no_site and "site" not in sys.modules:
        import site

        site.main()


class LevelEngine:
    """The engine of level `number`, its data-root at `data_root`. It takes those of its daemons that run `early`."""

    def __init__(self, plan: ChainPlan, number: int, data_root: Path, events: EventLog, early: EarlyDaemons) -> None:
        self.data_root = data_root
        self._plan = plan
        self._level = plan.level(number)
        self._events = events
        self._early = early
        self._seed = Seed.read(Path(SEEDS_DIRECTORY / self._level.seed))
        self._image = plan.seed_of(number).image
        self._image_id = self._seed.image_id
        self._daemons: list[Daemon] = []
        self._replacing = threading.Lock()
        self._stopping = False

    @property
    def image_id(self) -> str:
        """Id in this engine of the image that it is given."""
        return self._image_id

    @property
    def daemons(self) -> tuple[Daemon, ...]:
        """The daemons that are started, in that order."""
        return tuple(self._daemons)

    @property
    def stopping(self) -> bool:
        """Whether the engine is being stopped, or is stopped."""
        return self._stopping

    def boot(self) -> None:
        """Start both daemons, with the image in the engine. Raises LevelFailure."""
        used = is_used(self.data_root)
        grafted = self._boot_containerd()
        with self._events.phase(Phase.DOCKERD, log="dockerd"):
            dockerd = self._start_dockerd()
            self._daemons.append(dockerd)
            self._wait_for_dockerd(dockerd)
        # Its users may have removed an image from a level that was stopped.
        if not used:
            self._check_image(grafted)

    def take_over(self, containerd: int, dockerd: int, image_id: str) -> None:
        """Take over the daemons, by process id, of a runner that has stood by; `image_id` is as it was there."""
        self._daemons = [Daemon("containerd", SpawnedProcess(containerd)), Daemon("dockerd", SpawnedProcess(dockerd))]
        self._image_id = image_id

    @contextmanager
    def held(self) -> Iterator[bool]:
        """Keep both daemons from being reaped and replaced; yield whether they run, and nothing goes on with them."""
        with self._replacing:
            processes = [it.process for it in self._daemons if isinstance(it.process, SpawnedProcess)]
            held = [process for process in processes if process.hold()]
            try:
                yield held == processes and not self._stopping
            finally:
                for process in held:
                    process.let_go()

    def _boot_containerd(self) -> bool:
        """Start it, and graft the image; return whether the image is grafted."""
        with self._events.phase(Phase.CONTAINERD, log="containerd"):
            # containerd reads the databases of its own store as it starts. Another store is grafted while it boots.
            grafted = self._seed.store is ImageStore.CONTAINERD and self._graft()
            if databases_in_memory(self._plan):
                move_databases(self.data_root, DATABASES_DIRECTORY)
            containerd = self._early.take("containerd") or start_containerd(self.data_root, self._log("containerd"))
            self._daemons.append(containerd)
            grafted = grafted or (self._seed.store is not ImageStore.CONTAINERD and self._graft())
            wait_for_socket(CONTAINERD_SOCKET, containerd, self._plan.limits.containerd_s)
        return grafted

    def _graft(self) -> bool:
        """Graft the image if the plan allows it; return whether it is grafted. Raises LevelFailure if it has to be."""
        if self._plan.image_transfer is ImageTransfer.LOAD:
            return False
        with self._events.phase(Phase.IMAGE):
            if is_used(self.data_root):
                plan_regraft(self._seed, self.data_root).execute()
                return True
            try:
                plan_graft(self._seed, self.data_root).execute()
            except Exception as error:
                if self._plan.image_transfer is ImageTransfer.GRAFT:
                    raise PhaseError(f"the image cannot be grafted: {error}", remedy=_REMEDY_OF_GRAFT) from error
                self._events.note(Phase.IMAGE, f"the image cannot be grafted: {error}: loading it instead")
                return False
        return True

    def _start_dockerd(self) -> Daemon:
        configuration = level_configuration(self._plan, self._level, self.data_root, self._seed)
        if self._first_with_its_image and not self._daemons[1:]:
            # Of levels with the same image one reports what they all pass over.
            for note in configuration.notes:
                self._events.note(Phase.DOCKERD, note)
        if (waiting := self._early.take("dockerd")) is None:
            return start_dockerd(configuration, self._log("dockerd"))
        give_settings(waiting, configuration.settings, timeout_s=self._plan.limits.dockerd_s)
        return waiting

    @property
    def _first_with_its_image(self) -> bool:
        return not any(it.image == self._level.image for it in self._plan.levels[: self._level.number - 1])

    def _wait_for_dockerd(self, dockerd: Daemon) -> None:
        import inception.level.children  # noqa: F401 what comes next
        from inception.level.api.client import ask_version

        socket = Path(self._plan.paths.socket(self._level.number))
        wait_for_socket(socket, dockerd, self._plan.limits.dockerd_s)
        # The socket takes connections before the engine answers them.
        ask_version(str(socket), self._plan.limits.image_s)
        os.chown(socket, self._plan.owner_uid, self._plan.owner_gid)

    def _check_image(self, grafted: bool) -> None:
        """Check that the engine knows image and preloads; load them where the graft failed and loading is allowed."""
        from inception.level.api.client import level_api
        from inception.level.images.known_images import unknown_preloads

        with self._events.phase(Phase.VERIFY, log="dockerd"):
            api = level_api(self._plan, self._level.number)
            lacks_image = not grafted or api.image_id(self._image) != self.image_id
            lacking = unknown_preloads(api, self._seed) if grafted else self._seed.preloads
            if not lacks_image and not lacking:
                return
            what = "image" if lacks_image else "preloads"
            if self._plan.image_transfer is ImageTransfer.GRAFT:
                raise PhaseError(f"the engine does not know the grafted {what}", remedy=_REMEDY_OF_GRAFT)
        if grafted:
            self._events.note(Phase.VERIFY, f"the engine does not know the grafted {what}: loading it instead")
        find_installed_modules()
        from inception.level.engine.client import connect_level, load_preload

        with self._events.phase(Phase.IMAGE, log="dockerd"), connect_level(self._plan, self._level.number) as client:
            if lacks_image:
                self._load_image(client)
            for preload in lacking:
                load_preload(client, preload.archive, preload.names)

    def _load_image(self, client: docker.APIClient) -> None:
        """Load the image from the seed's tarball, and keep its id in this engine. Raises PhaseError and APIError."""
        from inception.level.engine.client import id_of_image, load_as

        load_as(client, self._seed.tarball, self._image)
        if (image_id := id_of_image(client, self._image)) is None:
            raise PhaseError(f"{self._image} was loaded, but the engine does not know it")
        self._image_id = image_id

    def restore_image(self) -> str:
        """Load the image into the engine, whose users have removed it; return its id there.

        A graft needs a dockerd that has not started yet. Raises PhaseError, OSError, and what the SDK raises.
        """
        find_installed_modules()
        from inception.level.engine.client import connect_level

        self._events.note(
            Phase.IMAGE,
            f"{self._image} was removed from the engine of level {self._level.number}: loading it again",
        )
        with connect_level(self._plan, self._level.number) as client:
            self._load_image(client)
        return self._image_id

    def restart_dockerd(self) -> Daemon | None:
        """Start a dockerd in place of the one that has ended; return it once it answers, or None if the engine stops.

        Raises PhaseError, OSError, and what the SDK raises.
        """
        with self._replacing:
            if self._stopping:
                return None
            # Its process is reaped, so that another one may have its number.
            DOCKERD_PID_FILE.unlink(missing_ok=True)
            dockerd = self._daemons[-1] = self._start_dockerd()
        self._wait_for_dockerd(dockerd)
        return dockerd

    def kill(self) -> bool:
        """Kill the engine at once, unless containers run in it that are no levels; return whether it is killed.

        What it keeps has to go with this level, and what it runs has to end with it. One that does not answer is left.
        """
        from inception.level.api.client import ENGINE_GONE, EngineApi
        from inception.level.engine.shims import kill_shims

        api = EngineApi(Path(self._plan.paths.socket(self._level.number)), timeout_s=_QUESTION_S)
        try:
            if set(api.running()) - set(api.running(label=LABEL_LEVEL)):
                return False
        except ENGINE_GONE:
            return False
        with self._replacing:
            self._stopping = True
        # containerd has ended when the shims do: it would end their containers.
        for daemon in self._daemons:
            daemon.process.kill()
        for daemon in self._daemons:
            daemon.process.wait()
        kill_shims()
        return True

    def stop(self) -> None:
        """Stop both daemons, dockerd with its containers first. There is no child level any more."""
        with self._replacing:
            self._stopping = True
        if self._plan.restart_engines:
            self._end_live_restore()
        # A dockerd that has lost its containerd waits 15 s for containers that ended long ago: it learns of no end.
        bereft = any(daemon.process.poll() is not None for daemon in self._daemons)
        limit_s = _BEREFT_STOP_S if bereft else self._plan.limits.level_stop_s
        # Containers whose data are kept get the time that dockerd gives them.
        from inception.level.engine.last_containers import ending_containers

        kept = Path(self._plan.paths.kept).exists()
        with nullcontext() if kept else ending_containers(self.data_root, _CONTAINERS_S):
            for daemon in reversed(self._daemons):
                if not daemon.stop(limit_s):
                    self._events.note(Phase.UNWIND, f"{daemon.name} did not stop in time and was killed")

    def _end_live_restore(self) -> None:
        """Have dockerd stop its containers when it ends: with live-restore it leaves them running.

        Stopped one by one through its API they would count as stopped by hand, and not start again with the chain.
        """
        from inception.level.api.client import ENGINE_GONE, level_api
        from inception.linux.retry import retry

        api = level_api(self._plan, self._level.number)

        def check_ended() -> None:
            if api.info()["LiveRestoreEnabled"]:
                raise PhaseError("dockerd keeps live-restore")

        with suppress(*ENGINE_GONE):
            reload_without_live_restore(self._daemons[-1])
            try:
                retry(check_ended, errors=PhaseError, limit_s=_RELOAD_LIMIT_S, pause_s=_RELOAD_PAUSE_S)
            except PhaseError as error:
                self._events.note(Phase.UNWIND, str(error))

    def _log(self, program: str) -> Path:
        return Path(self._plan.paths.log(self._level.number, program))
