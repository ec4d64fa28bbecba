"""The two daemons of a level's engine: containerd first, then dockerd on it.

A dockerd that starts its own containerd dials before the socket is there and then waits a second in gRPC's back-off.
Each daemon gets a session of its own, so that Ctrl-C in a shell of this level does not reach it, and a log of its own.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from inception.level.failure import PhaseError
from inception.level.graft import Seed
from inception.level.image_store import store_settings
from inception.level.network import own_bridge
from inception.linux.capabilities import held
from inception.linux.retry import retry
from inception.plan.chain import ChainPlan, LevelPlan
from inception.plan.engine.settings import (
    CONTAINER_LOGS,
    NEEDED_BY_LEVELS,
    DockerdConfiguration,
    SettingsFile,
    configure,
    open_files,
)
from inception.plan.paths import CONTAINERD_ROOT

CONTAINERD_SOCKET = Path("/run/containerd/containerd.sock")
DOCKERD_PID_FILE = Path("/run/docker.pid")
_CONTAINERD_CONFIG = Path("/run/inception-containerd.toml")
_SETTINGS = Path("/run/inception-daemon.json")
_IMAGE_SETTINGS = Path("/etc/docker/daemon.json")
_RUNC = "runc"
_POLL_S = 0.004
_TRANSIENT = (FileNotFoundError, ConnectionRefusedError)
_OOM_SCORE = -500
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
    "io.containerd.internal.v1.tracing",
    "io.containerd.tracing.processor.v1.otlp",
    "io.containerd.nri.v1.nri",
)


@dataclass(frozen=True)
class Daemon:
    """A daemon and its process."""

    name: str
    process: subprocess.Popen[bytes]

    def stop(self, timeout_s: float) -> bool:
        """Send SIGTERM, and SIGKILL after `timeout_s` seconds; return whether it ended by itself."""
        self.process.terminate()
        try:
            self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return False
        return True


def _start(name: str, command: list[str], log: Path | None) -> Daemon:
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
    descriptor = os.dup(2) if log is None else os.open(log, flags, 0o600)
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            start_new_session=True,
            # dockerd then leaves AppArmor alone: a container has no way to load profiles.
            env={**os.environ, "container": "docker"},
        )
    finally:
        os.close(descriptor)
    _raise_open_files(process.pid)
    return Daemon(name, process)


def _raise_open_files(process: int) -> None:
    """Raise a daemon's limit of open files to the greatest that this container has: many containers need many."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with suppress(ProcessLookupError):  # It has ended already, as `wait_for_socket` reports.
        resource.prlimit(process, resource.RLIMIT_NOFILE, (hard, hard))


def containerd_config(root: Path, *, oom_score: int) -> str:
    """Return the configuration of a level's containerd: its content is under `root`, its state in /run as usual."""
    disabled = ", ".join(f'"{plugin}"' for plugin in _UNUSED_PLUGINS)
    return f'version = 2\nroot = "{root}"\noom_score = {oom_score}\ndisabled_plugins = [{disabled}]\n'


def start_containerd(data_root: Path, log: Path) -> Daemon:
    """Start containerd; it is ready when `CONTAINERD_SOCKET` answers (`wait_for_socket`). Raises OSError."""
    # Without the capability to lower it (proc_pid_oom_score_adj(5)), containerd would log an error.
    oom_score = _OOM_SCORE if "SYS_RESOURCE" in held() else 0
    _CONTAINERD_CONFIG.write_text(containerd_config(data_root / CONTAINERD_ROOT, oom_score=oom_score))
    return _start("containerd", ["containerd", "--config", str(_CONTAINERD_CONFIG)], log)


def level_configuration(plan: ChainPlan, level: LevelPlan, data_root: Path, seed: Seed) -> DockerdConfiguration:
    """Return the configuration of a level's dockerd, which `seed` describes. Raises PhaseError for an invalid file."""
    own: dict[str, Any] = {
        "containerd": str(CONTAINERD_SOCKET),
        "data-root": str(data_root),
        "hosts": ["unix:///run/docker.sock", f"unix://{plan.paths.socket(level.number)}"],
        "default-address-pools": [
            {"base": pool, "size": level.subnet.address_pool_prefix} for pool in level.subnet.address_pools
        ],
        "mtu": plan.mtu,
        "log-level": "warn",
        **open_files(plan.open_files_limit),
        **CONTAINER_LOGS,
    }
    if (bridge := own_bridge(plan, level)) is None:
        own["bip"] = level.subnet.bridge
    else:
        own["bridge"] = bridge
    if plan.restart_engines:
        # Containers outlive their dockerd, and the next one takes them over by way of containerd.
        own["live-restore"] = True
    lists = {
        "dns": plan.dns,
        "registry-mirrors": plan.outward.registry_mirrors,
        "insecure-registries": plan.outward.insecure_registries,
    }
    own |= {name: list(values) for name, values in lists.items() if values}
    request = plan.request
    chosen = {"mtu": request.mtu, "dns": list(request.dns), **runtime_settings(level.runtime)}
    options = SettingsFile(source="options", text=json.dumps({name: it for name, it in chosen.items() if it}))
    given = [it.file for it in request.daemon_json if level.number in it.levels]
    try:
        return configure(
            own,
            needed=NEEDED_BY_LEVELS,
            # A user's options go before what the image happens to say.
            files=(*image_settings(), options, *given),
            fixed=SettingsFile(source="image store", text=store_settings(seed.store)),
            arguments=[it.argument for it in request.dockerd if level.number in it.levels],
            engine_version=seed.engine_version,
        )
    except ValueError as error:
        raise PhaseError(str(error), remedy="correct that file in the image") from error


def runtime_settings(runtime: str | None) -> dict[str, Any]:
    """Return the settings of a dockerd that runs containers by `runtime`, a name or a path; None for its own choice."""
    if runtime is None:
        return {}
    name = PurePosixPath(runtime).name
    if runtime == _RUNC:
        return {"default-runtime": _RUNC}  # dockerd refuses another definition of this name.
    return {"default-runtime": name, "runtimes": {name: {"path": runtime}}}


def image_settings() -> tuple[SettingsFile, ...]:
    """Return the daemon.json of this container's image, if it has one. Raises OSError."""
    try:
        return (SettingsFile(source=str(_IMAGE_SETTINGS), text=_IMAGE_SETTINGS.read_text()),)
    except FileNotFoundError:
        return ()


def start_dockerd(configuration: DockerdConfiguration, log: Path | None) -> Daemon:
    """Start dockerd as configured. Without a `log` it writes to this process's standard error. Raises OSError."""
    _SETTINGS.write_text(configuration.settings)
    return _start("dockerd", ["dockerd", f"--config-file={_SETTINGS}", *configuration.arguments], log)


def reload_without_live_restore(dockerd: Daemon) -> None:
    """Have a running dockerd that `start_dockerd` started give up live-restore, some milliseconds later."""
    settings = json.loads(_SETTINGS.read_text())
    _SETTINGS.write_text(json.dumps({**settings, "live-restore": False}))
    dockerd.process.send_signal(signal.SIGHUP)


def wait_for_socket(path: Path, daemon: Daemon, timeout_s: float) -> None:
    """Wait until `path` takes connections. Raises PhaseError when `daemon` ends first or `timeout_s` seconds pass."""

    def connect() -> None:
        if (status := daemon.process.poll()) is not None:
            raise PhaseError(f"{daemon.name} ended with status {status}", remedy=f"see {daemon.name}.log of this level")
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(path))

    try:
        retry(connect, errors=_TRANSIENT, limit_s=timeout_s, pause_s=_POLL_S)
    except _TRANSIENT as error:
        raise PhaseError(
            f"{daemon.name} did not answer within {timeout_s:g} s", remedy="give it longer with --patience"
        ) from error
