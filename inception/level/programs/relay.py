"""Helper programs that a client on another machine runs in level 1: it sees neither files nor sockets there.

`python -m inception.level.programs.relay hold|follow|connect PATH`, each connected to the client by standard streams.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
import threading
import time
from pathlib import Path

from inception.linux import lifeline

_CHUNK = 64 * 1024
_POLL_S = 0.01


def main() -> None:
    """Run the program that the first argument names, with the path that is the second one."""
    what, path = sys.argv[1:]
    {"hold": hold, "follow": follow, "connect": connect}[what](Path(path))


def hold(path: Path) -> None:
    """Hold the lock at `path` until standard input ends. Print both clocks in seconds as soon as it is held.

    The engine closes standard input when it loses the client, so that this lock is released then, too.
    """
    lifeline.hold(path)
    sys.stdout.write(f"{time.time()} {time.monotonic()}\n")
    sys.stdout.flush()
    while os.read(0, _CHUNK):
        pass


def follow(path: Path) -> None:
    """Copy the file at `path`, and all that is appended to it, to standard output, for ever; make it if need be."""
    path.touch(mode=0o600)
    with path.open("rb", buffering=0) as file:
        while True:
            shutil.copyfileobj(file, sys.stdout.buffer)
            sys.stdout.buffer.flush()
            time.sleep(_POLL_S)


def connect(path: Path) -> None:
    """Copy standard input to the socket at `path`, and its output back, until the socket ends; pass on a half-close."""
    with socket.socket(socket.AF_UNIX) as far:
        far.connect(str(path))
        threading.Thread(target=_send_input, args=(far,), daemon=True).start()
        while data := far.recv(_CHUNK):
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()


def _send_input(far: socket.socket) -> None:
    while data := os.read(0, _CHUNK):
        far.sendall(data)
    far.shutdown(socket.SHUT_WR)


if __name__ == "__main__":
    main()
