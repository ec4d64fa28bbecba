"""A level's engine on a TCP port of the host, by a process that ends with its level.

Run by `python -m inception.chain.publishing.proxy`.

dockerd itself would do for level 1 only, and for a plain port not without sixteen seconds of deliberate sleep. Here
every connection is handed on to the level's unix socket; each way ends for itself, as `docker exec -i` needs it.
"""

from __future__ import annotations

import argparse
import os
import socket
import ssl
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from inception.chain.publishing.certificates import SERVER
from inception.linux import lifeline

_CHUNK = 64 * 1024
_HANDSHAKE_LIMIT_S = 10.0
READY = "ready"


class Side(Protocol):
    """One end of a relayed connection."""

    def receive(self) -> bytes:
        """What comes next; empty at its end. Raises OSError."""

    def send(self, data: bytes) -> None:
        """Send all of it. Raises OSError."""

    def end(self) -> None:
        """Tell that nothing more will be sent; what comes goes on. Raises OSError."""


class PlainSide:
    """A socket as it is."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def receive(self) -> bytes:
        return self._connection.recv(_CHUNK)

    def send(self, data: bytes) -> None:
        self._connection.sendall(data)

    def end(self) -> None:
        self._connection.shutdown(socket.SHUT_WR)


class TlsSide:
    """A socket with TLS on it, which can end one way alone: SSLSocket cannot, so encryption happens in memory."""

    def __init__(self, connection: socket.socket, context: ssl.SSLContext) -> None:
        self._connection = connection
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._state = threading.Lock()
        self._sending = threading.Lock()
        connection.settimeout(_HANDSHAKE_LIMIT_S)
        self._shake_hands()
        connection.settimeout(None)

    def _shake_hands(self) -> None:
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._flush()
                self._take_in()
            except ssl.SSLError:
                self._flush()  # The alert that says why.
                raise
            else:
                self._flush()
                return

    def _take_in(self) -> None:
        data = self._connection.recv(_CHUNK)
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    def _flush(self) -> None:
        with self._sending:
            self._connection.sendall(self._outgoing.read())

    def receive(self) -> bytes:
        while True:
            try:
                with self._state:
                    return self._tls.read(_CHUNK)
            except ssl.SSLWantReadError:
                if self._outgoing.pending:
                    self._flush()
                self._take_in()
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return b""

    def send(self, data: bytes) -> None:
        with self._state:
            self._tls.write(data)
        self._flush()

    def end(self) -> None:
        with self._state, suppress(ssl.SSLWantReadError):  # It wants the other side's end, which comes in its own time.
            self._tls.unwrap()
        self._flush()
        self._connection.shutdown(socket.SHUT_WR)


def relay(one: Side, other: Side) -> None:
    """Hand on what comes from each to the other, until both have ended."""
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
    # A connection that fails is its client's affair, and it has been told.
    with client, suppress(OSError), socket.socket(socket.AF_UNIX) as to_engine:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        side = TlsSide(client, context) if context else PlainSide(client)
        to_engine.connect(str(engine))
        relay(side, PlainSide(to_engine))


def server_context(certificates: Path) -> ssl.SSLContext:
    """What the relay shows to clients, and wants of them: a certificate of the chain's own authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    certificate, key = (certificates / name for name in SERVER)
    context.load_cert_chain(certificate, key)
    context.load_verify_locations(certificates / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def main() -> None:
    """Listen, say so on standard output, and relay until nobody holds the lock that tells that the level lives."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--address", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--engine", type=Path, required=True)
    parser.add_argument("--alive", type=Path, required=True)
    parser.add_argument("--certificates", type=Path)
    options = parser.parse_args()
    context = server_context(options.certificates) if options.certificates else None
    family = socket.AF_INET6 if ":" in options.address else socket.AF_INET
    try:
        listener = socket.create_server((options.address, options.port), family=family)
    except OSError as error:
        sys.exit(f"{error.strerror}")
    sys.stdout.write(f"{READY}\n")
    sys.stdout.flush()
    for stream in (sys.stdout, sys.stderr):  # Whoever started us reads to their end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    lifeline.call_when_free(options.alive, lambda: os._exit(0))
    while True:
        client, _ = listener.accept()
        threading.Thread(target=_serve, args=(client, options.engine, context), daemon=True).start()


if __name__ == "__main__":
    main()
