"""Runs in a container: `python3 -c THIS SERVER PORT` prints what its work costs, as JSON.

`python3 -c THIS --network SERVER PORT` leaves out all but the network, whose other end, in a container of level 0, is
`python3 -c THIS --serve PORT`.
"""

from __future__ import annotations

import json
import mmap
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

_MIB = 1 << 20
_DISK_BYTES = 128 * _MIB
_SYNCS = 50
_ROUND_TRIPS = 300
_TURNS = 10
_TURN_PAUSE_S = 0.02
_NETWORK_BYTES = 256 * _MIB
_CALLS = 500_000
_FAULT_BYTES = 128 * _MIB
_CHUNK = b"\0" * _MIB
_FILE = Path("/work")


def serve(port: int) -> None:
    """Echo single bytes; swallow what follows a 0 byte, then say how that went by one byte."""
    with socket.create_server(("0.0.0.0", port)) as server:  # noqa: S104 its container's own network
        print("listening", flush=True)
        while True:
            connection, _ = server.accept()
            with connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                while (byte := connection.recv(1)) and byte != b"\0":
                    connection.sendall(byte)
                left = _NETWORK_BYTES if byte else 0
                while left > 0 and (got := len(connection.recv(_MIB))):
                    left -= got
                if byte and left <= 0:
                    connection.sendall(b"!")


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that `work` takes."""
    begun_s = time.monotonic()
    work()
    return time.monotonic() - begun_s


def disk() -> dict[str, float]:
    """Write one large file to the container's layer and sync it, then many small ones."""

    def write_much() -> None:
        with _FILE.open("wb") as file:
            file.writelines(_CHUNK for _ in range(_DISK_BYTES // _MIB))
            file.flush()
            os.fsync(file.fileno())

    def write_little() -> None:
        with _FILE.open("wb") as file:
            file.write(b"x" * 4096)
            file.flush()
            os.fsync(file.fileno())

    much_s = timed(write_much)
    little_s = statistics.median(timed(write_little) for _ in range(_SYNCS))
    return {"disk, s for 128 MiB": much_s, "synced write of 4 KiB, ms": little_s * 1e3}


def network(server: str, port: int) -> dict[str, float]:
    """Send single bytes there and back, then much one way.

    Of some turns the best counts: a round trip takes much longer while its ends happen to be on two processors.
    """
    with socket.create_connection((server, port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def round_trip() -> None:
            connection.sendall(b"?")
            connection.recv(1)

        def send_much() -> None:
            connection.sendall(b"\0")
            for _ in range(_NETWORK_BYTES // _MIB):
                connection.sendall(_CHUNK)
            if connection.recv(1) != b"!":
                raise ConnectionError("the server has not got all")

        def turn_s() -> float:
            time.sleep(_TURN_PAUSE_S)
            return statistics.median(timed(round_trip) for _ in range(_ROUND_TRIPS))

        trip_s = min(turn_s() for _ in range(_TURNS))
        return {"round trip to level 0, us": trip_s * 1e6, "network, s for 256 MiB": timed(send_much)}


def kernel() -> dict[str, float]:
    """Make system calls (dd reads and writes bytes, one call each), and touch new pages."""

    def touch() -> None:
        with mmap.mmap(-1, _FAULT_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
            for place in range(0, _FAULT_BYTES, mmap.PAGESIZE):
                memory[place] = 1

    command = ("dd", "if=/dev/zero", "of=/dev/null", "bs=1", f"count={_CALLS}", "status=none")
    calls_s = timed(lambda: subprocess.run(command, check=True))
    return {
        "system call, ns": calls_s / _CALLS / 2 * 1e9,
        "page fault, ns": timed(touch) / (_FAULT_BYTES // mmap.PAGESIZE) * 1e9,
    }


def main() -> None:
    """Serve, or measure and print."""
    if sys.argv[1] == "--serve":
        serve(int(sys.argv[2]))
    elif sys.argv[1] == "--network":
        print(json.dumps(network(sys.argv[2], int(sys.argv[3]))))
    else:
        print(json.dumps({**disk(), **network(sys.argv[1], int(sys.argv[2])), **kernel()}))


if __name__ == "__main__":
    main()
