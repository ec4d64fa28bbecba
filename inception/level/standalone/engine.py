"""The engine of a standalone container: containerd and dockerd, set up by the user's environment variables."""

from __future__ import annotations

import resource
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from inception.level.early.daemons import start_containerd
from inception.level.early.processes import Daemon
from inception.level.early.runc import install_runc
from inception.level.engine.daemons import (
    CONTAINERD_SOCKET,
    image_settings,
    start_dockerd,
    wait_for_socket,
)
from inception.level.engine.last_containers import ending_containers
from inception.level.engine.log_rotation import rotate
from inception.level.event_log import tail
from inception.level.failure import PhaseError
from inception.level.shutdown import Shutdown
from inception.level.standalone.settings import StandaloneSettings, WrongSetting
from inception.plan.engine.settings import (
    CONTAINER_LOGS,
    NEEDED_BY_STANDALONE,
    DockerdConfiguration,
    PortSecurity,
    SettingsFile,
    configure,
    open_files,
    port_security,
)
from inception.plan.engine.versions import parse_engine_version
from inception.plan.light_dataclasses import replace
from inception.plan.time_limits import TimeLimits

_LOG = Path("/var/log/docker.log")
"""Log of dockerd with LOG=file; without it dockerd writes to standard error."""
_CONTAINERD_LOG = Path("/var/log/containerd.log")
"""Always a file: each shim logs some lines about each container, whatever the log level."""
_LOG_LIMIT = 8 << 20
"""Bytes from which on a log is rotated: it lies on a disk, and may be all that tells of a week."""
_LOG_POLL_S = 5.0
SOCKET = Path("/run/docker.sock")
# `docker stop` gives 10 s for everything, of which the command may have taken 2.
_CONTAINERS_S = 3.0
_DOCKERD_S = 5.0
_CONTAINERD_S = 1.0


class StandaloneEngine:
    """containerd and dockerd, their data at `data_root`."""

    def __init__(self, settings: StandaloneSettings, data_root: Path) -> None:
        self._settings = settings
        self._data_root = data_root
        self._log = _LOG if settings.log_to_file else None
        self._daemons: list[Daemon] = []
        self._stopping = False

    def boot(self, on_message: Callable[[str], None]) -> None:
        """Start both daemons, and wait until the engine answers. Raises PhaseError, or WrongSetting for a file."""
        limits = TimeLimits()
        asked = subprocess.Popen(["dockerd", "--version"], stdout=subprocess.PIPE, text=True)
        with suppress(OSError):  # On a read-only root the usual one must do.
            install_runc()
        containerd = start_containerd(self._data_root, _CONTAINERD_LOG)
        self._daemons.append(containerd)
        wait_for_socket(CONTAINERD_SOCKET, containerd, limits.containerd_s)
        version = parse_engine_version(asked.communicate()[0])
        configuration = configure_standalone(self._settings, image_settings(), self._data_root, version)
        for note in configuration.notes:
            on_message(f"warning: {note}")
        dockerd = start_dockerd(configuration, self._log)
        self._daemons.append(dockerd)
        # Not at the top: importing the SDK takes a while, in which dockerd boots.
        from inception.level.engine.client import ENGINE_GONE, negotiate

        wait_for_socket(SOCKET, dockerd, limits.dockerd_s)
        try:
            negotiate(f"unix://{SOCKET}", timeout_s=limits.dockerd_s)
        except ENGINE_GONE as error:
            raise PhaseError(f"dockerd does not answer: {error}") from error

    def log_tail(self) -> tuple[str, ...]:
        """Return the end of the log of the daemon that was started last; none if it goes to standard error."""
        log = {"containerd": _CONTAINERD_LOG, "dockerd": self._log}[self._daemons[-1].name]
        return () if log is None else tail(log)

    def watch(self, shutdown: Shutdown | None, on_message: Callable[[str], None]) -> None:
        """Report a daemon that ends unexpectedly, and request a `shutdown` then if there is one."""
        for daemon in self._daemons:
            threading.Thread(target=self._watch, args=(daemon, shutdown, on_message), daemon=True).start()
        threading.Thread(target=self._rotate_logs, daemon=True).start()

    def _rotate_logs(self) -> None:
        while not self._stopping:
            for log in (_CONTAINERD_LOG, _LOG):
                rotate(log, limit=_LOG_LIMIT)
            time.sleep(_LOG_POLL_S)

    def _watch(self, daemon: Daemon, shutdown: Shutdown | None, on_message: Callable[[str], None]) -> None:
        status = daemon.process.wait()
        if not self._stopping:
            on_message(f"error: {daemon.name} ended with status {status}")
            if shutdown is not None:
                shutdown.request(f"{daemon.name} ended", broken=True)

    def stop(self, on_message: Callable[[str], None]) -> None:
        """Stop both daemons, dockerd with its containers first; report one that had to be killed."""
        self._stopping = True
        limits = {"dockerd": _DOCKERD_S, "containerd": _CONTAINERD_S}
        with ending_containers(self._data_root, _CONTAINERS_S):
            for daemon in reversed(self._daemons):
                if not daemon.stop(limits[daemon.name]):
                    on_message(f"warning: {daemon.name} did not stop in time and was killed")


def configure_standalone(
    settings: StandaloneSettings, files: Sequence[SettingsFile], data_root: Path, engine_version: str
) -> DockerdConfiguration:
    """Return our settings with the user's `files` and arguments; these win. Raises WrongSetting for an invalid file."""
    try:
        security = port_security(files, settings.daemon_arguments)
        made = configure(
            _own_settings(settings, data_root, security),
            needed=NEEDED_BY_STANDALONE,
            files=files,
            arguments=settings.daemon_arguments,
            engine_version=engine_version,
        )
    except ValueError as error:
        raise WrongSetting(f"{error}: give a JSON object, as dockerd reads it") from error
    if settings.port is None or security.verifies_clients:
        return made
    lacks = "no authentication" if security.encrypted else "neither encryption nor authentication"
    note = (
        f"everybody who reaches port {settings.port} of this container is root in it: it has {lacks}"
        " (--tlsverify in DOCKER_DAEMON_ARGS gives both)"
    )
    return replace(made, notes=(note, *made.notes))


def _own_settings(settings: StandaloneSettings, data_root: Path, security: PortSecurity) -> dict[str, Any]:
    """Return our settings of dockerd, to which the user's are added. Raises OSError."""
    hosts = [f"unix://{SOCKET}"]
    if settings.port is not None:
        hosts.append(f"tcp://0.0.0.0:{settings.port}")
    mtu = default_mtu(Path("/proc/net/route").read_text(), Path("/sys/class/net"))
    return {
        "containerd": str(CONTAINERD_SOCKET),
        "data-root": str(data_root),
        "hosts": hosts,
        # On a terminal, or between the lines of a command, only failures are worth a line.
        "log-level": "info" if settings.log_to_file else "warn",
        # Without it, dockerd warns and waits 15 s before it listens unencrypted.
        **({"tls": False} if settings.port is not None and not security.encrypted else {}),
        **({} if mtu is None else {"mtu": mtu}),
        **open_files(resource.getrlimit(resource.RLIMIT_NOFILE)[1]),
        **CONTAINER_LOGS,
    }


def default_mtu(routes: str, links: Path) -> int | None:
    """Return the MTU of the link with the default route in `routes`, the text of /proc/net/route; None without one."""
    for line in routes.splitlines()[1:]:
        link, destination, *_ = line.split()
        if int(destination, 16) == 0:
            return int((links / link / "mtu").read_text())
    return None
