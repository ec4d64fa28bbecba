"""Carry one forward or exposure: `python -m inception.chain.forwarding.process PLAN RECORD`, until the chain ends.

RECORD is the file that describes it; its lock is held as long as this process lives, and it is removed at the end.
"""

from __future__ import annotations

import os
import selectors
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from inception.chain.background import report_ready
from inception.chain.forwarding.dialer import find_container, get_sockets, start_dialer
from inception.chain.forwarding.forward import LOOPBACK, Exposure, Forward
from inception.chain.forwarding.records import read_record
from inception.chain.publishing.proxy import PlainSide, listen, relay
from inception.errors import InceptionError
from inception.linux import flock, lifeline
from inception.plan.chain import ChainPlan
from inception.plan.protocol import SocketRequest, SocketUse

_DATAGRAM = 65535
_IDLE_S = 60.0
"""Seconds after which a client of UDP that sends nothing is forgotten."""
_LEVELS_POLL_S = 0.5
"""Seconds between two looks for levels that are new."""
_FAILURES = (OSError, InceptionError)


def main() -> None:
    """Open the port, write READY to standard output, and carry what comes, until the level or the chain ends."""
    plan_file, record = map(Path, sys.argv[1:])
    plan = ChainPlan.from_json(plan_file.read_text())
    carried = read_record(record)
    with flock.held(record, flock.Mode.EXCLUSIVE, limit_s=1.0):
        try:
            carry = _open(plan, plan_file, carried)
        except _FAILURES as error:
            record.unlink()
            sys.exit(str(getattr(error, "strerror", None) or error))
        report_ready()
        outermost = carried.level if isinstance(carried, Forward) else 1
        lifeline.call_when_free(Path(plan.paths.alive(outermost)), lambda: _end(record))
        carry()


def _end(record: Path) -> None:
    record.unlink(missing_ok=True)
    os._exit(0)


def _open(plan: ChainPlan, plan_file: Path, carried: Forward | Exposure) -> Callable[[], None]:
    """Open the port of `carried`; return the function that carries what comes. Raises OSError or InceptionError."""
    if isinstance(carried, Exposure):
        exposed = Exposed(plan_file, carried.port)
        exposed.open(plan)
        return exposed.follow
    start_dialer(plan, carried.level)
    _request(plan, carried)  # Its container must be there.
    if carried.protocol == "udp":
        family = socket.AF_INET6 if ":" in carried.address else socket.AF_INET
        receiver = socket.socket(family, socket.SOCK_DGRAM)
        receiver.bind((carried.address, carried.port))
        return Datagrams(receiver, lambda: _dial(plan, carried)).carry
    listener = listen(carried.address, carried.port)
    return lambda: accept(listener, lambda: _dial(plan, carried))


def _request(plan: ChainPlan, forward: Forward) -> SocketRequest:
    host = LOOPBACK if forward.container is None else find_container(plan, forward.level, forward.container)
    return SocketRequest(use=SocketUse(forward.protocol), host=host, port=forward.target)


def _dial(plan: ChainPlan, forward: Forward) -> socket.socket:
    """Return a socket of the level that is connected to the target, which may have another address by now."""
    return get_sockets(plan, forward.level, _request(plan, forward))[0]


def accept(listener: socket.socket, dial: Callable[[], socket.socket]) -> None:
    """Relay each connection to `listener` to a socket that `dial` returns, for ever."""
    while True:
        client, _ = listener.accept()
        threading.Thread(target=_serve, args=(client, dial), daemon=True).start()


def _serve(client: socket.socket, dial: Callable[[], socket.socket]) -> None:
    # A connection that fails concerns its client alone, which notices: there is nobody else to report it to.
    with client, suppress(*_FAILURES), dial() as target:
        for side in (client, target):
            side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        relay(PlainSide(client), PlainSide(target))


class Datagrams:
    """Datagrams to `receiver`, each sender's passed on by a socket of its own, by which answers come back."""

    def __init__(self, receiver: socket.socket, dial: Callable[[], socket.socket]) -> None:
        self._receiver = receiver
        self._dial = dial
        self._selector = selectors.DefaultSelector()
        self._selector.register(receiver, selectors.EVENT_READ)
        self._senders: dict[object, socket.socket] = {}
        self._heard_s: dict[object, float] = {}

    def carry(self) -> None:
        """Pass on datagrams in both directions, for ever."""
        while True:
            self.step(_IDLE_S)

    def step(self, limit_s: float) -> None:
        """Wait `limit_s` seconds at most for datagrams, pass them on, and forget senders that have been idle."""
        for key, _ in self._selector.select(limit_s):
            # One that its target refuses (ECONNREFUSED), or that is sent to nobody, is lost, as datagrams may be.
            with suppress(*_FAILURES):
                if key.fileobj is self._receiver:
                    data, sender = self._receiver.recvfrom(_DATAGRAM)
                    self._socket_of(sender).send(data)
                else:
                    self._receiver.sendto(self._senders[key.data].recv(_DATAGRAM), key.data)
                    self._heard_s[key.data] = time.monotonic()
        for sender in [it for it, heard_s in self._heard_s.items() if heard_s < time.monotonic() - _IDLE_S]:
            self._forget(sender)

    def _socket_of(self, sender: object) -> socket.socket:
        if sender not in self._senders:
            made = self._senders[sender] = self._dial()
            self._selector.register(made, selectors.EVENT_READ, sender)
        self._heard_s[sender] = time.monotonic()
        return self._senders[sender]

    def _forget(self, sender: object) -> None:
        idle = self._senders.pop(sender)
        del self._heard_s[sender]
        self._selector.unregister(idle)
        idle.close()


class Exposed:
    """A port of the host's loopback in every level of the chain whose plan is in `plan_file`."""

    def __init__(self, plan_file: Path, port: int) -> None:
        self._plan_file = plan_file
        self._port = port
        self._open: set[int] = set()

    def open(self, plan: ChainPlan) -> None:
        """Listen in each level that is ready and has it not yet. Raises OSError or InceptionError."""
        for level in range(1, plan.depth + 1):
            if level in self._open or not lifeline.is_ready(Path(plan.paths.alive(level))):
                continue
            start_dialer(plan, level)
            request = SocketRequest(use=SocketUse.LISTEN, host="", port=self._port)
            try:
                listeners = get_sockets(plan, level, request)
            except ConnectionError as error:
                raise InceptionError(f"port {self._port} in level {level}: {error}") from error
            for listener in listeners:
                threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
            self._open.add(level)

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):  # The level and its network are gone.
            accept(listener, lambda: socket.create_connection((LOOPBACK, self._port)))

    def follow(self) -> None:
        """Listen in levels that come, for ever; forget those that go."""
        while True:
            time.sleep(_LEVELS_POLL_S)
            with suppress(*_FAILURES, ValueError):
                plan = ChainPlan.from_json(self._plan_file.read_text())
                self._open &= set(range(1, plan.depth + 1))
                self.open(plan)


if __name__ == "__main__":
    main()
