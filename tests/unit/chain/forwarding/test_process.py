"""Sockets given and relayed on this machine, as a level gives them."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from inception.chain.forwarding.dialer import get_sockets
from inception.chain.forwarding.process import Datagrams, accept
from inception.level.programs import dial
from inception.plan.chain import ChainPlan
from inception.plan.protocol import SocketRequest, SocketUse
from tests.factories.plans import FACTS, plan

LOOPBACK = "127.0.0.1"
LIMIT_S = 10


@pytest.fixture
def level(tmp_path: Path) -> ChainPlan:
    """A chain whose level 1 gives sockets of this machine."""
    made = plan(1, replace(FACTS, run_root=str(tmp_path)))
    Path(made.paths.level(1)).mkdir(parents=True)
    path = Path(made.paths.dial(1))
    threading.Thread(target=dial.serve, args=(path,), kwargs={"owner": (os.getuid(), os.getgid())}, daemon=True).start()
    while not path.exists() or path.stat().st_mode & 0o777 != 0o600:
        threading.Event().wait(0.01)
    return made


@pytest.fixture
def echo() -> Iterator[int]:
    """The port of a server that sends back the first thing that it gets, in upper case."""

    def serve() -> None:
        client, _ = server.accept()
        with client:
            client.sendall(client.recv(100).upper())

    with socket.create_server((LOOPBACK, 0)) as server:
        server.settimeout(LIMIT_S)
        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        thread.join()


def test_a_connection_is_relayed_by_a_socket_of_the_level(level: ChainPlan, echo: int) -> None:
    request = SocketRequest(use=SocketUse.TCP, host=LOOPBACK, port=echo)
    listener = socket.create_server((LOOPBACK, 0))
    serving = threading.Thread(target=accept, args=(listener, lambda: get_sockets(level, 1, request)[0]), daemon=True)
    serving.start()
    with socket.create_connection(listener.getsockname(), timeout=LIMIT_S) as client:
        client.sendall(b"hello")
        assert client.recv(100) == b"HELLO"
        assert client.recv(100) == b""


def test_a_target_that_nobody_listens_at_is_refused_with_the_level_s_reason(level: ChainPlan) -> None:
    with socket.socket() as unused:
        unused.bind((LOOPBACK, 0))
        request = SocketRequest(use=SocketUse.TCP, host=LOOPBACK, port=unused.getsockname()[1])
        with pytest.raises(ConnectionError, match="Connection refused"):
            get_sockets(level, 1, request)


def test_datagrams_of_two_senders_are_answered_to_each(level: ChainPlan) -> None:
    with (
        socket.socket(type=socket.SOCK_DGRAM) as server,
        socket.socket(type=socket.SOCK_DGRAM) as receiver,
        socket.socket(type=socket.SOCK_DGRAM) as one,
        socket.socket(type=socket.SOCK_DGRAM) as other,
    ):
        for it in (server, receiver, one, other):
            it.bind((LOOPBACK, 0))
            it.settimeout(LIMIT_S)
        request = SocketRequest(use=SocketUse.UDP, host=LOOPBACK, port=server.getsockname()[1])
        datagrams = Datagrams(receiver, lambda: get_sockets(level, 1, request)[0])
        for sender, text in ((one, b"one"), (other, b"other")):
            sender.sendto(text, receiver.getsockname())
            datagrams.step(LIMIT_S)
        for _ in range(2):
            data, place = server.recvfrom(100)
            server.sendto(data.upper(), place)
            datagrams.step(LIMIT_S)
        assert (one.recv(100), other.recv(100)) == (b"ONE", b"OTHER")
        for idle in list(datagrams._senders):
            datagrams._forget(idle)


def test_nonsense_is_answered_by_a_reason(level: ChainPlan) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(LIMIT_S)
        client.connect(str(level.paths.dial(1)))
        client.sendall(b"nonsense\n")
        assert b"not a request" in client.recv(1000)
