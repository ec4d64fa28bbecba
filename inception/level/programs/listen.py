"""Take requests of `descend` and `kick` for a client on another machine: run in level 1, at its control socket's path.

`python -m inception.level.programs.listen PATH`, connected by standard streams. Each request goes out, and each reply
comes in, as one line behind the number of its connection.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
from contextlib import suppress
from pathlib import Path

from inception.plan.protocol import LISTENING

_LINE_LIMIT = 4096
_OWNER_ONLY = 0o600


def main() -> None:
    """Listen at the path that is the argument, print LISTENING, and pass lines on until standard input ends."""
    path = Path(sys.argv[1])
    exchange = Exchange()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        path.chmod(_OWNER_ONLY)
        listening.listen()
        exchange.send(LISTENING)
        threading.Thread(target=exchange.accept, args=(listening,), daemon=True).start()
        with suppress(BrokenPipeError):
            for line in sys.stdin.buffer:
                exchange.reply(line)
        path.unlink(missing_ok=True)
        os._exit(0)  # Threads may be waiting for callers that say nothing.


class Exchange:
    """Connections that wait for their reply, by number."""

    def __init__(self) -> None:
        self._waiting: dict[bytes, socket.socket] = {}
        self._sending = threading.Lock()

    def accept(self, listening: socket.socket) -> None:
        """Take connections for ever."""
        number = 0
        while True:
            caller, _ = listening.accept()
            number += 1
            threading.Thread(target=self._take, args=(b"%d" % number, caller), daemon=True).start()

    def reply(self, line: bytes) -> None:
        """Send the reply of `line` to the connection that it names, and close that."""
        number, _, reply = line.partition(b" ")
        if (caller := self._waiting.pop(number, None)) is not None:
            with caller, suppress(OSError):
                caller.sendall(reply.strip() and reply)

    def send(self, line: bytes) -> None:
        """Write a whole line to standard output."""
        with self._sending:
            sys.stdout.buffer.write(line)
            sys.stdout.buffer.flush()

    def _take(self, number: bytes, caller: socket.socket) -> None:
        with caller.makefile("rb") as stream:
            request = stream.readline(_LINE_LIMIT)
        if request.endswith(b"\n"):
            self._waiting[number] = caller
            self.send(number + b" " + request)
        else:
            caller.close()


if __name__ == "__main__":
    main()
