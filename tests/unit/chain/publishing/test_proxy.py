"""Connections relayed, over sockets of this process."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from inception.chain.publishing.certificates import make_certificates
from inception.chain.publishing.proxy import PlainSide, TlsSide, relay, server_context
from inception.chain.session.connection import TlsExecConnection

LIMIT_S = 20
NOISE = bytes(range(250)) * 8000


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("chain") / "tls"
    make_certificates(directory, ("127.0.0.1", "localhost"))
    return directory


def client_context(certificates: Path, *, own: bool = True) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(certificates / "ca.pem"))
    if own:
        context.load_cert_chain(certificates / "cert.pem", certificates / "key.pem")
    return context


@contextmanager
def relayed(context: ssl.SSLContext | None) -> Iterator[tuple[socket.socket, socket.socket]]:
    """The two far ends of a relayed connection: a client's, not yet past a handshake, and an engine's."""
    client, client_side = socket.socketpair()
    engine, engine_side = socket.socketpair()

    def serve() -> None:
        with client_side, engine_side:
            try:
                side = TlsSide(client_side, context) if context else PlainSide(client_side)
            except OSError:
                return
            relay(side, PlainSide(engine_side))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    for end in (client, engine):
        end.settimeout(LIMIT_S)
    with client, engine:
        yield client, engine
    thread.join(LIMIT_S)
    assert not thread.is_alive()


def answer(engine: socket.socket) -> None:
    """Send much, read to the end, and say how much that was."""
    engine.sendall(NOISE)
    count = 0
    while data := engine.recv(65536):
        count += len(data)
    engine.sendall(b"after %d" % count)
    engine.shutdown(socket.SHUT_WR)


def receive_exactly(connection: socket.socket, count: int) -> bytes:
    received = b""
    while len(received) < count and (data := connection.recv(65536)):
        received += data
    return received


def read_all(connection: TlsExecConnection) -> bytes:
    """Send what waits, and read to the end."""
    received = b""
    while (data := connection.receive()) != b"":
        received += data or b""
        if connection.waiting:
            connection.send_some()
    return received


def test_tls_is_relayed_both_ways_at_once_and_each_way_ends_alone(certificates: Path) -> None:
    with relayed(server_context(certificates)) as (client, engine):
        engine_thread = threading.Thread(target=answer, args=(engine,), daemon=True)
        engine_thread.start()
        connection = TlsExecConnection(client, client_context(certificates), "localhost")
        connection.put(NOISE)
        connection.end()
        assert read_all(connection) == NOISE + b"after %d" % len(NOISE)
        engine_thread.join(LIMIT_S)


def test_tls_client_that_sends_everything_before_it_reads_is_served(certificates: Path) -> None:
    with relayed(server_context(certificates)) as (client, engine):
        sender = threading.Thread(target=engine.sendall, args=(NOISE,), daemon=True)
        receiver = threading.Thread(target=receive_exactly, args=(engine, len(NOISE)), daemon=True)
        sender.start()
        receiver.start()
        with client_context(certificates).wrap_socket(client, server_hostname="localhost") as wrapped:
            wrapped.sendall(NOISE)
            assert receive_exactly(wrapped, len(NOISE)) == NOISE
        sender.join(LIMIT_S)
        receiver.join(LIMIT_S)


def test_client_without_a_certificate_gets_an_alert(certificates: Path) -> None:
    context = client_context(certificates, own=False)
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # With 1.3 it would see the alert at its first read only.
    with (
        relayed(server_context(certificates)) as (client, _),
        pytest.raises(ssl.SSLError, match=r"(?i)alert"),
    ):
        TlsExecConnection(client, context, "localhost")


def test_plain_connection_ends_each_way_alone() -> None:
    with relayed(None) as (client, engine):
        client.sendall(b"question")
        client.shutdown(socket.SHUT_WR)
        assert engine.recv(100) == b"question"
        assert engine.recv(100) == b""
        engine.sendall(b"answer")
        engine.shutdown(socket.SHUT_WR)
        assert client.recv(100) == b"answer"
        assert client.recv(100) == b""
