"""Where everything of the private engine lies.

All of it is below one directory:

    <state directory>/engine/
      docker.sock      the engine's socket
      data/            dockerd's data-root: images and volumes, kept for next time
      containerd/      containerd's own content, kept likewise
      exec/            sockets and state of the running daemons; gone with them
      daemon.json      dockerd's configuration, written at each start
      containerd.toml  containerd's
      dockerd.log  containerd.log  supervisor.log
      users.lock       held, shared, by each client; the supervisor stops the engine when it gets it for itself
      start.lock       held by the one client that looks for the engine or starts it
      supervisor.lock  held by the supervisor as long as it lives
      ready            there while the engine takes new clients
      host.json        what the supervisor changed on the host, for whoever must clean up after one that was killed
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from inception.plan.paths import SOCKET_PATH_LIMIT


@dataclass(frozen=True)
class EngineDirectory:
    """The paths of one private engine. Makes nothing."""

    root: Path

    @property
    def tag(self) -> str:
        """What marks this engine's links, rules and control groups on the host: short, and its own."""
        return f"incep{hashlib.sha256(str(self.root).encode()).hexdigest()[:8]}"

    @property
    def socket(self) -> Path:
        return self.root / "docker.sock"

    @property
    def address(self) -> str:
        return f"unix://{self.socket}"

    @property
    def data_root(self) -> Path:
        return self.root / "data"

    @property
    def containerd_root(self) -> Path:
        return self.root / "containerd"

    @property
    def exec_root(self) -> Path:
        return self.root / "exec"

    @property
    def containerd_socket(self) -> Path:
        return self.exec_root / "containerd.sock"

    @property
    def daemon_json(self) -> Path:
        return self.root / "daemon.json"

    @property
    def containerd_toml(self) -> Path:
        return self.root / "containerd.toml"

    @property
    def users_lock(self) -> Path:
        return self.root / "users.lock"

    @property
    def start_lock(self) -> Path:
        return self.root / "start.lock"

    @property
    def supervisor_lock(self) -> Path:
        return self.root / "supervisor.lock"

    @property
    def ready(self) -> Path:
        return self.root / "ready"

    @property
    def host_changes(self) -> Path:
        return self.root / "host.json"

    @property
    def passing(self) -> tuple[Path, ...]:
        """What goes when the engine stops, in this order: a reader of `ready` finds the rest, too."""
        return (self.ready, self.socket, self.exec_root, self.daemon_json, self.containerd_toml)

    def log(self, program: str) -> Path:
        """The log of `program`: dockerd, containerd or supervisor."""
        return self.root / f"{program}.log"

    def too_long_socket(self) -> Path | None:
        """A socket whose path is longer than the kernel takes (unix(7)), if one is."""
        # The longest one: libnetwork's, named by the engine's short id.
        longest = self.exec_root / "docker" / "libnetwork" / "0123456789ab.sock"
        return longest if len(str(longest).encode()) > SOCKET_PATH_LIMIT else None
