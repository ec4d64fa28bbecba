"""Start the daemons of the private engine: containerd, then dockerd on it, each in a session of its own."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

from inception.engine.client import open_client
from inception.engine.private.addresses import EngineAddresses
from inception.engine.private.layout import EngineDirectory
from inception.engine.translate import one_line
from inception.errors import EngineError, EngineUnreachable
from inception.level.early.processes import Daemon
from inception.linux.retry import retry

_POLL_S = 0.01
_TRANSIENT = (OSError, EngineUnreachable)
_SHUTDOWN_TIMEOUT_S = 15
# Nothing here uses them, and the `opt` plugin would make /opt/containerd on the host.
_UNUSED_PLUGINS = ("io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt", "io.containerd.nri.v1.nri")
_LOG_MESSAGE = re.compile(r'msg="((?:[^"\\]|\\.)*)"')


class PrivateDaemon(Daemon):
    """One running daemon of the private engine and its log."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], *, log: Path) -> None:
        super().__init__(name, process)
        self.log = log

    @property
    def ended(self) -> bool:
        """Whether the process has ended."""
        return self.process.poll() is not None

    def wait_until(self, answers: Callable[[], None], timeout_s: float) -> None:
        """Call `answers` until it raises neither EngineUnreachable nor an OSError.

        Raises EngineError if the daemon ends first, or `timeout_s` seconds pass.
        """

        def ask() -> None:
            if self.ended:
                raise EngineError(
                    f"{self.name} of the private engine ended: {last_message(self.log)}", remedy=self._remedy
                )
            answers()

        try:
            retry(ask, errors=_TRANSIENT, limit_s=timeout_s, pause_s=_POLL_S)
        except _TRANSIENT as error:
            raise EngineError(
                f"{self.name} of the private engine did not answer within {timeout_s:g} s", remedy=self._remedy
            ) from error

    @property
    def _remedy(self) -> str:
        return f"see {self.log}"


def containerd_toml(directory: EngineDirectory) -> str:
    """Return the configuration of containerd, with all of its paths below `directory`."""
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
    """Return the configuration of dockerd, used in place of the host's; `mtu` is in bytes."""
    return json.dumps(
        {
            "containerd": str(directory.containerd_socket),
            "data-root": str(directory.data_root),
            "exec-root": str(directory.exec_root / "docker"),
            "pidfile": str(directory.exec_root / "docker.pid"),
            # Before version 23 dockerd would make it in /etc/docker; later versions ignore this.
            "deprecated-key-path": str(directory.data_root / "key.json"),
            "hosts": [directory.address],
            "group": "root",
            "bip": addresses.bridge,
            "default-address-pools": [{"base": addresses.pool, "size": addresses.pool_prefix}],
            "mtu": mtu,
            # With the systemd driver, slices would be made on the host, and stay there.
            "exec-opts": ["native.cgroupdriver=cgroupfs"],
            "cgroup-parent": f"/{directory.tag}",
            "shutdown-timeout": _SHUTDOWN_TIMEOUT_S,
            "log-level": "warn",
        },
        indent=2,
    )


def start_containerd(directory: EngineDirectory) -> PrivateDaemon:
    """Start containerd in the caller's namespaces. Raises OSError."""
    directory.containerd_toml.write_text(containerd_toml(directory))
    return _start("containerd", ("--config", str(directory.containerd_toml)), directory.log("containerd"))


def start_dockerd(directory: EngineDirectory, addresses: EngineAddresses, mtu: int) -> PrivateDaemon:
    """Start dockerd in the caller's namespaces. Raises OSError."""
    directory.daemon_json.write_text(daemon_json(directory, addresses, mtu))
    return _start("dockerd", ("--config-file", str(directory.daemon_json)), directory.log("dockerd"))


def containerd_answers(directory: EngineDirectory) -> None:
    """Check that containerd takes connections. Raises OSError."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(directory.containerd_socket))


def dockerd_answers(directory: EngineDirectory) -> None:
    """Check that dockerd answers: its socket takes connections long before. Raises EngineUnreachable."""
    open_client(directory.address).close()


def _start(name: str, arguments: tuple[str, ...], log: Path) -> PrivateDaemon:
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        process = subprocess.Popen(
            (name, *arguments),
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            cwd="/",
            start_new_session=True,
            # With this dockerd does not load an AppArmor profile, which would stay in the host's kernel.
            env={**os.environ, "container": "docker"},
        )
    finally:
        os.close(descriptor)
    return PrivateDaemon(name=name, process=process, log=log)


def last_message(log: Path) -> str:
    """Return the last message of a daemon's log, in one line."""
    try:
        lines = log.read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    last = next((line for line in reversed(lines) if line.strip()), "its log is empty")
    message = _LOG_MESSAGE.search(last)
    return one_line(message[1].replace('\\"', '"') if message else last)
