"""containerd, and a dockerd that waits for its settings: started before the runner has read its plan."""

from __future__ import annotations

import os
import time
from errno import ENXIO, ETIMEDOUT

from inception.level.early.databases import move_databases
from inception.level.early.processes import Daemon, start_daemon
from inception.level.early.runc import install_runc, path_with_runc
from inception.plan.directories import CONTAINERD_ROOT, DATA_ROOT, DATABASES_DIRECTORY, log_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

CONTAINERD_CONFIG = "/run/inception-containerd.toml"
DOCKERD_SETTINGS = "/run/inception-daemon.json"
_OOM_SCORE = -500
_CAP_SYS_RESOURCE = 24  # include/uapi/linux/capability.h
_POLL_S = 0.001
_STOP_S = 1.0
"""Seconds for a daemon to stop that nobody has used."""
# What a level never uses. Each plugin costs start-up time and memory, once a level.
_UNUSED_PLUGINS = (
    "io.containerd.grpc.v1.cri",
    "io.containerd.cri.v1.images",
    "io.containerd.cri.v1.runtime",
    "io.containerd.snapshotter.v1.aufs",
    "io.containerd.snapshotter.v1.blockfile",
    "io.containerd.snapshotter.v1.btrfs",
    "io.containerd.snapshotter.v1.devmapper",
    "io.containerd.snapshotter.v1.zfs",
    "io.containerd.internal.v1.opt",
    "io.containerd.internal.v1.restart",
    "io.containerd.internal.v1.tracing",
    "io.containerd.tracing.processor.v1.otlp",
    "io.containerd.nri.v1.nri",
)
# By default containerd looks four times a second whether to collect garbage. Deletions tell it so; the rest has time.
_GARBAGE_COLLECTION = """[plugins."io.containerd.gc.v1.scheduler"]
pause_threshold = 0.0005
deletion_threshold = 1
schedule_delay = "250ms"
"""


class EarlyDaemons:
    """Daemons that run, and that nobody has taken yet, by name."""

    def __init__(self, daemons: Collection[Daemon] = ()) -> None:
        self._daemons = {daemon.name: daemon for daemon in daemons}

    def take(self, name: str) -> Daemon | None:
        """Return the daemon of that name, whose end is then up to the caller; None if none was started."""
        return self._daemons.pop(name, None)

    def stop(self) -> None:
        """End those that nobody has taken."""
        while self._daemons:
            self._daemons.popitem()[1].stop(_STOP_S)


def start_early(level_directory: str, steps: Collection[str]) -> EarlyDaemons:
    """Take those of `Early` that `steps` names for the level with this directory, and return the daemons.

    One that cannot be started is left out: the runner tries again, and reports why.
    """
    daemons = []
    try:
        install_runc()
        if "databases" in steps:
            move_databases(DATA_ROOT, DATABASES_DIRECTORY)
        if "containerd" in steps:
            daemons.append(start_containerd(DATA_ROOT, log_of(level_directory, "containerd")))
    except OSError:
        pass
    try:
        if "dockerd" in steps:
            daemons.append(start_waiting_dockerd(log_of(level_directory, "dockerd")))
    except OSError:
        pass
    return EarlyDaemons(daemons)


def containerd_config(root: str, *, oom_score: int) -> str:
    """Return the configuration of a level's containerd: its content is under `root`, its state in /run as usual."""
    disabled = ", ".join(f'"{plugin}"' for plugin in _UNUSED_PLUGINS)
    head = f'version = 2\nroot = "{root}"\noom_score = {oom_score}\ndisabled_plugins = [{disabled}]\n'
    return head + _GARBAGE_COLLECTION


def start_containerd(data_root: str | os.PathLike[str], log: str | os.PathLike[str]) -> Daemon:
    """Start containerd; it is ready when its socket answers. Raises OSError."""
    # Without the capability to lower it (proc_pid_oom_score_adj(5)), containerd would log an error.
    with open("/proc/self/status") as status:
        oom_score = _OOM_SCORE if holds_sys_resource(status.read()) else 0
    root = os.path.join(data_root, CONTAINERD_ROOT)
    with open(CONTAINERD_CONFIG, "w") as config:
        config.write(containerd_config(root, oom_score=oom_score))
    return start_daemon("containerd", ["containerd", "--config", CONTAINERD_CONFIG], log, path_with_runc())


def holds_sys_resource(status: str) -> bool:
    """Return whether CAP_SYS_RESOURCE is effective by `status`, the text of /proc/PID/status.

    `linux.capabilities` knows all of them, and imports too much for this moment.
    """
    effective = next(line for line in status.splitlines() if line.startswith("CapEff:"))
    return bool(int(effective.split()[1], 16) >> _CAP_SYS_RESOURCE & 1)


def start_waiting_dockerd(log: str, settings: str = DOCKERD_SETTINGS) -> Daemon:
    """Start a dockerd that initialises itself and then waits for `give_settings`. Raises OSError.

    Its file of settings is a named pipe, which opens once both ends are there (fifo(7)): until then it does nothing.
    """
    os.mkfifo(settings, 0o600)
    return start_daemon("dockerd", dockerd_command(settings), log, path_with_runc())


def dockerd_command(settings: str = DOCKERD_SETTINGS) -> list[str]:
    """Return the command of a dockerd with the file `settings`."""
    return ["dockerd", f"--config-file={settings}"]


def give_settings(dockerd: Daemon, text: str, *, timeout_s: float, settings: str = DOCKERD_SETTINGS) -> None:
    """Give a waiting dockerd its settings, and leave them in a file, as it reads them again on SIGHUP.

    Raises OSError. If it does not read within `timeout_s` seconds, it is stopped, and TimeoutError raised.
    """
    deadline_s = time.monotonic() + timeout_s
    while dockerd.process.poll() is None:
        try:
            pipe = os.open(settings, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if error.errno != ENXIO:
                raise
            if time.monotonic() > deadline_s:
                dockerd.stop(_STOP_S)
                raise TimeoutError(ETIMEDOUT, "dockerd does not read its settings", settings) from error
            time.sleep(_POLL_S)
            continue
        os.set_blocking(pipe, True)
        try:
            with os.fdopen(pipe, "w") as file:
                file.write(text)
        except BrokenPipeError:  # It has ended, which its waiters report.
            pass
        break
    whole = f"{settings}.whole"
    with open(whole, "w") as file:
        file.write(text)
    os.replace(whole, settings)
