"""Proxy of a level's engine: relay connections to a TCP port of the host to the level's unix socket.

A process of its own, `python -m inception.chain.publishing.proxy`, that ends with the level. dockerd itself could
listen for level 1 only, and sleeps sixteen seconds before it does so without TLS. Each way of a connection ends alone,
as `docker exec -i` needs it.
"""

from __future__ import annotations

import argparse
import os
import socket
import ssl
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Protocol

from inception.chain.background import report_ready
from inception.chain.publishing.certificates import SERVER
from inception.chain.tls import TlsCodec, shake_hands
from inception.linux import lifeline

_CHUNK = 64 * 1024
_HANDSHAKE_LIMIT_S = 10.0


class Side(Protocol):
    """One end of a relayed connection."""

    def receive(self) -> bytes:
        """Return what comes next, empty at the end. Raises OSError."""

    def send(self, data: bytes) -> None:
        """Send all of it. Raises OSError."""

    def end(self) -> None:
        """End what we send; what the other end sends goes on. Raises OSError."""


class PlainSide:
    """A socket without TLS."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def receive(self) -> bytes:
        """Return what comes next, empty at the end. Raises OSError."""
        return self._connection.recv(_CHUNK)

    def send(self, data: bytes) -> None:
        """Send all of `data`. Raises OSError."""
        self._connection.sendall(data)

    def end(self) -> None:
        """End what we send. Raises OSError."""
        self._connection.shutdown(socket.SHUT_WR)


class TlsSide:
    """A socket with TLS on it. One thread may receive while another one sends."""

    def __init__(self, connection: socket.socket, context: ssl.SSLContext) -> None:
        self._connection = connection
        self._codec = TlsCodec(context, server_side=True)
        self._state = threading.Lock()
        self._sending = threading.Lock()
        connection.settimeout(_HANDSHAKE_LIMIT_S)
        shake_hands(self._codec, connection)
        connection.settimeout(None)

    def receive(self) -> bytes:
        """Return decrypted bytes, empty at the end. Raises OSError."""
        while True:
            with self._state:
                data, ended = self._codec.take_plaintext(), self._codec.ended
            if data or ended:
                return data
            received = self._connection.recv(_CHUNK)
            with self._state:
                self._codec.feed(received)
                answers = self._codec.has_outgoing
            if answers:  # Rarely. Else the client may be sending on without reading, and a sender wait for that.
                with self._transmitting():
                    pass

    def send(self, data: bytes) -> None:
        """Encrypt and send all of `data`. Raises OSError."""
        with self._transmitting():
            self._codec.write(data)

    def end(self) -> None:
        """End what we send, by a close_notify and then the socket's own end. Raises OSError."""
        with self._transmitting():
            self._codec.end()
        self._connection.shutdown(socket.SHUT_WR)

    @contextmanager
    def _transmitting(self) -> Iterator[None]:
        """Send the records that the codec makes inside; they must go out in the order in which they are made."""
        with self._sending:
            with self._state:
                yield
                records = self._codec.take_outgoing()
            self._connection.sendall(records)


def relay(one: Side, other: Side) -> None:
    """Pass on what comes from each side to the other, until both have ended."""
    back = threading.Thread(target=_pump, args=(other, one), daemon=True)
    back.start()
    _pump(one, other)
    back.join()


def _pump(source: Side, target: Side) -> None:
    with suppress(OSError):
        while data := source.receive():
            target.send(data)
    with suppress(OSError):
        target.end()


def _serve(client: socket.socket, engine: Path, context: ssl.SSLContext | None) -> None:
    # A connection that fails concerns its client alone, which has noticed: there is nobody else to report it to.
    with client, suppress(OSError), socket.socket(socket.AF_UNIX) as to_engine:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        side = TlsSide(client, context) if context else PlainSide(client)
        to_engine.connect(str(engine))
        relay(side, PlainSide(to_engine))


def server_context(certificates: Path) -> ssl.SSLContext:
    """Return a context with the server's certificate that lets in clients with one of the chain's own authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    certificate, key = (certificates / name for name in SERVER)
    context.load_cert_chain(certificate, key)
    context.load_verify_locations(certificates / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def listen(address: str, port: int) -> socket.socket:
    """Return a socket that listens on `address`, on IPv4 too if that is the wildcard of IPv6. Raises OSError."""
    if ":" not in address:
        return socket.create_server((address, port))
    both = ip_address(address).is_unspecified and socket.has_dualstack_ipv6()
    return socket.create_server((address, port), family=socket.AF_INET6, dualstack_ipv6=both)


def main() -> None:
    """Listen, write READY to standard output, and relay until the level's `alive` lock is free."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--address", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--engine", type=Path, required=True)
    parser.add_argument("--alive", type=Path, required=True)
    parser.add_argument("--certificates", type=Path)
    options = parser.parse_args()
    context = server_context(options.certificates) if options.certificates else None
    try:
        listener = listen(options.address, options.port)
    except OSError as error:
        sys.exit(f"{error.strerror}")
    report_ready()
    lifeline.call_when_free(options.alive, lambda: os._exit(0))
    while True:
        client, _ = listener.accept()
        threading.Thread(target=_serve, args=(client, options.engine, context), daemon=True).start()


if __name__ == "__main__":
    main()
