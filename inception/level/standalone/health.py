"""`python -m inception.level.standalone.health`: the health check of the standalone image.

It exits with 0 if the engine of this container answers, and otherwise with 1 and one line, for `docker inspect`.
"""

from __future__ import annotations

import socket
import sys
from pathlib import Path

CONTAINERD = Path("/run/containerd/containerd.sock")
DOCKERD = Path("/run/docker.sock")
# `daemons` and `engine` name the same sockets, and import what takes longer than the whole check.
_REQUEST = b"GET /_ping HTTP/1.0\r\n\r\n"
_STATUS_LINE = 64
_TIMEOUT_S = 4.0


def main() -> None:
    """Check both daemons; exit with 0, or with 1 and the reason on standard output."""
    reason = failure(CONTAINERD, DOCKERD)
    if reason is not None:
        sys.stdout.write(f"{reason}\n")
    sys.exit(0 if reason is None else 1)


def failure(containerd: Path, dockerd: Path, *, timeout_s: float = _TIMEOUT_S) -> str | None:
    """Return the reason why the engine at these sockets cannot serve, or None if it can."""
    for name, path, request in (("containerd", containerd, b""), ("dockerd", dockerd, _REQUEST)):
        try:
            status = _ask(path, request, timeout_s)
        except OSError as error:
            return f"{name} does not answer: {error.strerror or error}"
        if request and b" 200 " not in status:
            return f"{name} answers {status.decode(errors='replace')!r}"
    return None


def _ask(path: Path, request: bytes, timeout_s: float) -> bytes:
    """Return the first line of the answer; an empty one without a request. Raises OSError, TimeoutError among them."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(timeout_s)
        connection.connect(str(path))
        if not request:
            return b""
        connection.sendall(request)
        return connection.recv(_STATUS_LINE).partition(b"\r\n")[0]


if __name__ == "__main__":
    main()
