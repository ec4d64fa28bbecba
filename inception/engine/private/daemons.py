"""The two daemons of the private engine: containerd first, then dockerd on it, each in a session of its own."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from inception.engine.client import open_client
from inception.engine.private.addresses import EngineAddresses
from inception.engine.private.layout import EngineDirectory
from inception.engine.translate import one_line
from inception.errors import EngineError, EngineUnreachable
from inception.level import daemons
from inception.linux.retry import retry

_POLL_S = 0.01
_TRANSIENT = (OSError, EngineUnreachable)
_SHUTDOWN_TIMEOUT_S = 15
# What would be started, or made on the host, for nothing: the `opt` plugin makes /opt/containerd.
_UNUSED_PLUGINS = ("io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt", "io.containerd.nri.v1.nri")
_LOG_MESSAGE = re.compile(r'msg="((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True, kw_only=True)
class Daemon(daemons.Daemon):
    """One running daemon and its log."""

    log: Path

    @property
    def ended(self) -> bool:
        return self.process.poll() is not None

    def wait_until(self, answers: Callable[[], None], timeout_s: float) -> None:
        """Call `answers` until it raises neither EngineUnreachable nor an OSError.

        Raises EngineError if the daemon ends first, or `timeout_s` seconds pass.
        """

        def ask() -> None:
            if self.ended:
                raise EngineError(f"{self.name} of the private engine ended: {last_words(self.log)}", remedy=self._see)
            answers()

        try:
            retry(ask, errors=_TRANSIENT, limit_s=timeout_s, pause_s=_POLL_S)
        except _TRANSIENT as error:
            raise EngineError(
                f"{self.name} of the private engine did not answer within {timeout_s:g} s", remedy=self._see
            ) from error

    @property
    def _see(self) -> str:
        return f"see {self.log}"


def containerd_toml(directory: EngineDirectory) -> str:
    """The configuration of containerd, with everything below `directory`."""
    disabled = ", ".join(f'"{plugin}"' for plugin in _UNUSED_PLUGINS)
    return (
        "version = 2\n"
        f'root = "{directory.containerd_root}"\n'
        f'state = "{directory.exec_root / "containerd"}"\n'
        f"disabled_plugins = [{disabled}]\n"
        "[grpc]\n"
        f'address = "{directory.containerd_socket}"\n'
    )


def daemon_json(directory: EngineDirectory, addresses: EngineAddresses, mtu: int) -> str:
    """The configuration of dockerd, in place of the host's own: `mtu` is in bytes."""
    return json.dumps(
        {
            "containerd": str(directory.containerd_socket),
            "data-root": str(directory.data_root),
            "exec-root": str(directory.exec_root / "docker"),
            "pidfile": str(directory.exec_root / "docker.pid"),
            # Before version 23 it would be made in /etc/docker; later versions pass over this.
            "deprecated-key-path": str(directory.data_root / "key.json"),
            "hosts": [directory.address],
            "group": "root",
            "bip": addresses.bridge,
            "default-address-pools": [{"base": addresses.pool, "size": addresses.pool_prefix}],
            "mtu": mtu,
            # Not systemd's: its slices would be made on the host, and stay.
            "exec-opts": ["native.cgroupdriver=cgroupfs"],
            "cgroup-parent": f"/{directory.tag}",
            "shutdown-timeout": _SHUTDOWN_TIMEOUT_S,
            "log-level": "warn",
        },
        indent=2,
    )


def start_containerd(directory: EngineDirectory) -> Daemon:
    """Start containerd in the caller's namespaces. Raises OSError."""
    directory.containerd_toml.write_text(containerd_toml(directory))
    return _start("containerd", ("--config", str(directory.containerd_toml)), directory.log("containerd"))


def start_dockerd(directory: EngineDirectory, addresses: EngineAddresses, mtu: int) -> Daemon:
    """Start dockerd in the caller's namespaces. Raises OSError."""
    directory.daemon_json.write_text(daemon_json(directory, addresses, mtu))
    return _start("dockerd", ("--config-file", str(directory.daemon_json)), directory.log("dockerd"))


def containerd_answers(directory: EngineDirectory) -> None:
    """Raises OSError if it does not take connections."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(directory.containerd_socket))


def dockerd_answers(directory: EngineDirectory) -> None:
    """Raises EngineUnreachable if it does not answer: its socket takes connections long before."""
    open_client(directory.address).close()


def _start(name: str, arguments: tuple[str, ...], log: Path) -> Daemon:
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        process = subprocess.Popen(
            (name, *arguments),
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            cwd="/",
            start_new_session=True,
            # dockerd then leaves AppArmor alone: the profile that it loads would stay in the host's kernel.
            env={**os.environ, "container": "docker"},
        )
    finally:
        os.close(descriptor)
    return Daemon(name=name, process=process, log=log)


def last_words(log: Path) -> str:
    """What a daemon said last, in one line."""
    try:
        lines = log.read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    last = next((line for line in reversed(lines) if line.strip()), "it said nothing")
    message = _LOG_MESSAGE.search(last)
    return one_line(message[1].replace('\\"', '"') if message else last)
