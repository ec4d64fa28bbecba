"""Paths of the private engine's files.

All of them are below one directory:

    <state directory>/engine/
      docker.sock      the engine's socket
      data/            dockerd's data-root: images and volumes, kept for next time
      containerd/      containerd's own content, kept likewise
      exec/            sockets and state of the running daemons; gone with them
      daemon.json      dockerd's configuration, written at each start
      containerd.toml  containerd's
      dockerd.log  containerd.log  supervisor.log
      users.lock       held, shared, by each client; the supervisor stops the engine when it gets the lock exclusively
      start.lock       held by the one client that looks for the engine or starts it
      supervisor.lock  held by the supervisor as long as it lives
      ready            exists while the engine takes new clients
      host.json        the supervisor's changes on the host, to be undone by another process if it is killed
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from inception.places import state_directory
from inception.plan.paths import SOCKET_PATH_LIMIT


@dataclass(frozen=True)
class EngineDirectory:
    """Paths of one private engine. Creates none of them."""

    root: Path

    @property
    def tag(self) -> str:
        """Name of this engine's link, firewall rules and control groups on the host, unique to `root`."""
        return f"incep{hashlib.sha256(str(self.root).encode()).hexdigest()[:8]}"

    @property
    def socket(self) -> Path:
        """The engine's socket."""
        return self.root / "docker.sock"

    @property
    def address(self) -> str:
        """The engine's address, as in DOCKER_HOST."""
        return f"unix://{self.socket}"

    @property
    def data_root(self) -> Path:
        """The data-root of dockerd."""
        return self.root / "data"

    @property
    def containerd_root(self) -> Path:
        """The content of containerd."""
        return self.root / "containerd"

    @property
    def exec_root(self) -> Path:
        """Sockets and state of the running daemons."""
        return self.root / "exec"

    @property
    def containerd_socket(self) -> Path:
        """The socket of containerd."""
        return self.exec_root / "containerd.sock"

    @property
    def daemon_json(self) -> Path:
        """The configuration of dockerd."""
        return self.root / "daemon.json"

    @property
    def containerd_toml(self) -> Path:
        """The configuration of containerd."""
        return self.root / "containerd.toml"

    @property
    def users_lock(self) -> Path:
        """Lock that each client holds, shared."""
        return self.root / "users.lock"

    @property
    def start_lock(self) -> Path:
        """Lock of the client that starts the engine."""
        return self.root / "start.lock"

    @property
    def supervisor_lock(self) -> Path:
        """Lock that the supervisor holds until it ends."""
        return self.root / "supervisor.lock"

    @property
    def ready(self) -> Path:
        """File that exists while the engine takes new clients."""
        return self.root / "ready"

    @property
    def host_changes(self) -> Path:
        """Record of the changes on the host."""
        return self.root / "host.json"

    @property
    def transient(self) -> tuple[Path, ...]:
        """Files to remove when the engine stops, in this order: while `ready` exists, so do the others."""
        return (self.ready, self.socket, self.exec_root, self.daemon_json, self.containerd_toml)

    def log(self, program: str) -> Path:
        """Return the log of `program`: dockerd, containerd or supervisor."""
        return self.root / f"{program}.log"

    def too_long_socket(self) -> Path | None:
        """Return a socket whose path is longer than the kernel takes (unix(7)), or None."""
        # The longest one: libnetwork's, named by the engine's short id.
        longest = self.exec_root / "docker" / "libnetwork" / "0123456789ab.sock"
        return longest if len(str(longest).encode()) > SOCKET_PATH_LIMIT else None


def private_engine_directory() -> EngineDirectory:
    """Return the paths of the private engine of this user."""
    return EngineDirectory(state_directory() / "engine")
