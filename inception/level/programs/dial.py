"""Give sockets of this level's network to a client outside: `python -m inception.level.programs.dial SOCKET`.

A socket belongs to the network namespace that it was made in, whoever holds it. So a client connects to SOCKET, in the
run directory, and gets sockets by SCM_RIGHTS (unix(7)): data then pass by no process in here, whatever the depth.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

from inception.linux import flock, lifeline
from inception.plan.chain import ChainPlan
from inception.plan.protocol import GATE, SocketRequest, SocketUse, Variable

_CONNECT_LIMIT_S = 10.0
_MOST_REQUEST = 4096
"""Bytes of a request."""


def main() -> None:
    """Serve SOCKET until this level unwinds; do nothing if another process does."""
    path = Path(sys.argv[1])
    plan = ChainPlan.from_json(Path(os.environ[Variable.PLAN]).read_text())
    own = Path(plan.paths.lifeline(int(os.environ[Variable.LEVEL])))
    with flock.opened(path.with_suffix(".lock")) as lock:
        if not flock.try_take(lock, flock.Mode.EXCLUSIVE):
            return
        path.unlink(missing_ok=True)
        lifeline.call_when_free(own, lambda: os._exit(0))
        serve(path, owner=(plan.owner_uid, plan.owner_gid))


def serve(path: Path, *, owner: tuple[int, int]) -> None:
    """Answer each connection to the unix socket `path`, in a thread of its own, for ever."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        os.chown(path, *owner)
        path.chmod(0o600)
        listener.listen()
        while True:
            client, _ = listener.accept()
            threading.Thread(target=answer, args=(client,), daemon=True).start()


def answer(client: socket.socket) -> None:
    """Read a request and send its sockets, or an empty line's worth of none and the reason."""
    with client, suppress(OSError):
        try:
            sockets = make_sockets(SocketRequest.from_line(client.recv(_MOST_REQUEST)))
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            client.sendall(f"{getattr(error, 'strerror', None) or error}".encode())
            return
        try:
            socket.send_fds(client, [b"\n"], [it.fileno() for it in sockets])
        finally:
            for it in sockets:
                it.close()


def make_sockets(request: SocketRequest) -> list[socket.socket]:
    """Return connected or listening sockets of this network namespace. Raises OSError or SubprocessError."""
    if request.use is SocketUse.LISTEN:
        # A link-local address leads every container here to its gateway, which this level is.
        subprocess.run(["ip", "address", "replace", f"{GATE}/32", "dev", "lo"], check=True, capture_output=True)
        return [socket.create_server((address, request.port)) for address in ("127.0.0.1", GATE)]
    kind = socket.SOCK_DGRAM if request.use is SocketUse.UDP else socket.SOCK_STREAM
    made = socket.socket(socket.AF_INET6 if ":" in request.host else socket.AF_INET, kind)
    try:
        made.settimeout(_CONNECT_LIMIT_S)
        made.connect((request.host, request.port))
        made.settimeout(None)
    except OSError:
        made.close()
        raise
    return [made]


if __name__ == "__main__":
    main()
