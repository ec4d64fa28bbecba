"""The two daemons of a level's engine: containerd first, then dockerd on it.

A dockerd that starts its own containerd dials before the socket is there and then waits a second in gRPC's back-off.
"""

from __future__ import annotations

import json
import signal
import socket
from pathlib import Path, PurePosixPath
from typing import Any

from inception.level.early.daemons import DOCKERD_SETTINGS, dockerd_command
from inception.level.early.processes import Daemon, start_daemon
from inception.level.early.runc import path_with_runc
from inception.level.failure import PhaseError
from inception.level.images.graft import Seed
from inception.level.images.store import store_settings
from inception.level.network import own_bridge
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

CONTAINERD_SOCKET = Path("/run/containerd/containerd.sock")
DOCKERD_PID_FILE = Path("/run/docker.pid")
_IMAGE_SETTINGS = Path("/etc/docker/daemon.json")
_RUNC = "runc"
_POLL_S = 0.004
_TRANSIENT = (FileNotFoundError, ConnectionRefusedError)


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
    Path(DOCKERD_SETTINGS).write_text(configuration.settings)
    return start_daemon("dockerd", [*dockerd_command(), *configuration.arguments], log, path_with_runc())


def reload_without_live_restore(dockerd: Daemon) -> None:
    """Have a running dockerd that `start_dockerd` started give up live-restore, some milliseconds later."""
    file = Path(DOCKERD_SETTINGS)
    file.write_text(json.dumps({**json.loads(file.read_text()), "live-restore": False}))
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
