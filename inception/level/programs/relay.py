"""Connect a client on another machine, which sees no socket there, to a socket: run in level 1.

`python -m inception.level.programs.relay PATH`, connected by standard streams. Each connection starts one, so little is
imported.
"""

from __future__ import annotations

import os
import socket
import sys
import threading

_CHUNK = 64 * 1024


def main() -> None:
    """Copy standard input to the socket at the path that is the argument, and its output back, until the socket ends.

    A half-close is passed on.
    """
    with socket.socket(socket.AF_UNIX) as far:
        far.connect(sys.argv[1])
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
