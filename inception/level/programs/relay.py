"""What a client far away has run in level 1, where it sees neither files nor sockets: its hands and its eyes there.

`python -m inception.level.programs.relay hold|follow|connect PATH`, each with its standard streams for the way home.
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
    """Do what the first argument says with the path that the second one is."""
    what, path = sys.argv[1:]
    {"hold": hold, "follow": follow, "connect": connect}[what](Path(path))


def hold(path: Path) -> None:
    """Hold the lock at `path` until standard input ends. Tells first what the clocks show, as a sign that it is held.

    The engine ends standard input when it loses whoever has this run, so that this lock dies with them, too.
    """
    lifeline.hold(path)
    sys.stdout.write(f"{time.time()} {time.monotonic()}\n")
    sys.stdout.flush()
    while os.read(0, _CHUNK):
        pass


def follow(path: Path) -> None:
    """Pass on what is in the file at `path` and what is added to it, for ever; it is made if it is not there."""
    path.touch(mode=0o600)
    with path.open("rb", buffering=0) as file:
        while True:
            shutil.copyfileobj(file, sys.stdout.buffer)
            sys.stdout.buffer.flush()
            time.sleep(_POLL_S)


def connect(path: Path) -> None:
    """Be the wire to the socket at `path` until it ends. That standard input ends is passed on, and the wire stays."""
    with socket.socket(socket.AF_UNIX) as far:
        far.connect(str(path))
        threading.Thread(target=_pass_on_input, args=(far,), daemon=True).start()
        while data := far.recv(_CHUNK):
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()


def _pass_on_input(far: socket.socket) -> None:
    while data := os.read(0, _CHUNK):
        far.sendall(data)
    far.shutdown(socket.SHUT_WR)


if __name__ == "__main__":
    main()
