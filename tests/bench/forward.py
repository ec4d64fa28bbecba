"""`python -m tests.bench.forward`: the bandwidth of forwarded ports at a deep level against level 1, of one chain.

A program in each of the two levels sends bytes, or takes them; the turns alternate between the levels.
"""

from __future__ import annotations

import argparse
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

from inception.chain.forwarding.forward import Forward
from inception.chain.forwarding.start import start
from inception.chain.prepare import prepare
from inception.chain.running import RunningChain, running
from inception.engine.connect import EngineChoice, connect
from inception.image.recipe import default_tag
from inception.plan.request import Request

_GOAL = 0.5
_PORT = 9000
_PIECE = 1 << 18
_SERVER = f"""
import socket, threading
piece = bytes({_PIECE})
def serve(client):
    with client:
        if client.recv(1) == b"<":
            while client.recv({_PIECE}): pass
            client.sendall(b".")
        else:
            try:
                while True: client.sendall(piece)
            except OSError: pass
listener = socket.create_server(("127.0.0.1", {_PORT}))
while True: threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
"""


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _serve_in(chain: RunningChain, level: int) -> None:
    """Run the program of both directions in `level`, as long as that lives."""
    client = chain.client_of(level - 1)
    made = client.exec_create(chain.plan.level(level).container, ["python3", "-c", _SERVER])
    client.exec_start(made["Id"], detach=True)


def down(port: int, seconds: float) -> float:
    """Return the bytes a second that come out of the port."""
    with _connected(port) as connection:
        connection.sendall(b">")
        buffer, taken, begun_s = bytearray(_PIECE), 0, time.monotonic()
        while (took_s := time.monotonic() - begun_s) < seconds:
            taken += connection.recv_into(buffer)
        return taken / took_s


def up(port: int, seconds: float) -> float:
    """Return the bytes a second that go into the port and arrive."""
    with _connected(port) as connection:
        connection.sendall(b"<")
        piece, given, begun_s = bytes(_PIECE), 0, time.monotonic()
        while time.monotonic() - begun_s < seconds:
            connection.sendall(piece)
            given += len(piece)
        connection.shutdown(socket.SHUT_WR)
        if connection.recv(1) != b".":
            raise ConnectionError("not all of it has arrived")
        return given / (time.monotonic() - begun_s)


@contextmanager
def _connected(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        yield connection


def measure(
    chain: RunningChain, levels: tuple[int, int], turns: int, seconds: float
) -> dict[str, dict[int, list[float]]]:
    """Return the bytes a second of each turn, by direction and level."""
    ports = {}
    for level in levels:
        _serve_in(chain, level)
        ports[level] = _free_port()
        start(
            chain.plan,
            Forward(level=level, address="127.0.0.1", port=ports[level], container=None, target=_PORT, protocol="tcp"),
        )
    time.sleep(1)  # Until the programs listen.
    found: dict[str, dict[int, list[float]]] = {way.__name__: {level: [] for level in levels} for way in (down, up)}
    for turn in range(turns):
        for level in levels if turn % 2 == 0 else reversed(levels):
            for way in (down, up):
                found[way.__name__][level].append(way(ports[level], seconds))
    return found


def main() -> int:
    """Print the medians; return 1 if the deep level has less than half of level 1's bandwidth."""
    parser = argparse.ArgumentParser(prog="tests.bench.forward", description=__doc__)
    parser.add_argument("--depth", type=int, default=16)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each turn")
    options = parser.parse_args()
    with connect(EngineChoice.AUTO, on_message=_say) as engine:
        plan = prepare(engine, Request(depth=options.depth, name="bench-forward", image=default_tag()), _say)
        with running(engine.client, plan, lambda _: None) as chain:
            found = measure(chain, (1, options.depth), options.turns, options.seconds)
    met = True
    for way, by_level in found.items():
        shallow, deep = (median(values) / 1e6 for values in by_level.values())
        met = met and deep >= _GOAL * shallow
        ratio = deep / shallow
        print(f"{way:<5} level 1 {shallow:>6.0f} MB/s   level {options.depth} {deep:>6.0f} MB/s   ratio {ratio:.2f}")
    print(f"at least {_GOAL} of level 1's bandwidth: {'met' if met else 'MISSED'}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
