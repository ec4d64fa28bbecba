"""TLS without input or output: both ends of a connection are byte strings, and one way can end alone.

TLS ends one way with a close_notify (RFC 8446, 6.1). Python's `SSLSocket.unwrap` sends it, but then reads the other
side's at once, and breaks the connection if there is still data before that. In memory the two are apart.
"""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress

_CHUNK = 64 * 1024


class TlsCodec:
    """One side of a TLS connection, for one thread at a time.

    Send what `take_outgoing` returns after each other call, also after one that has raised an error.
    """

    def __init__(
        self, context: ssl.SSLContext, *, server_side: bool = False, server_hostname: str | None = None
    ) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(
            self._incoming, self._outgoing, server_side=server_side, server_hostname=server_hostname
        )
        self._plaintext = bytearray()
        self.ready = False
        """Whether the handshake is done."""
        self.ended = False
        """Whether the other side has ended what it sends."""
        self._advance()

    def feed(self, data: bytes) -> None:
        """Take in what the transport has received, empty at its end. Raises ssl.SSLError."""
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()
        self._advance()

    def take_plaintext(self) -> bytes:
        """Return what the other side has said since the last call."""
        plaintext = bytes(self._plaintext)
        self._plaintext.clear()
        return plaintext

    def write(self, data: bytes) -> None:
        """Encrypt `data`; the handshake must be done. Raises ssl.SSLError."""
        self._tls.write(data)

    def end(self) -> None:
        """End what we send, by a close_notify; what the other side sends goes on. Raises ssl.SSLError."""
        with suppress(ssl.SSLWantReadError):  # It wants the other side's, which comes in its own time.
            self._tls.unwrap()

    @property
    def has_outgoing(self) -> bool:
        """Whether `take_outgoing` has something."""
        return self._outgoing.pending > 0

    def take_outgoing(self) -> bytes:
        """Return what the transport has to send: records, handshake messages, alerts."""
        return self._outgoing.read()

    def _advance(self) -> None:
        with suppress(ssl.SSLWantReadError):
            if not self.ready:
                self._tls.do_handshake()
                self.ready = True
            # Right after the handshake, too: data may have come with its last packet, and nothing need follow.
            # All at once: `end` fails while there are records that nobody has read.
            self._decrypt()

    def _decrypt(self) -> None:
        try:
            while part := self._tls.read(_CHUNK):
                self._plaintext += part
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            pass
        # The other side's close_notify is an empty read before we have sent ours, and an error afterwards.
        self.ended = True


def shake_hands(codec: TlsCodec, connection: socket.socket) -> None:
    """Do the handshake over `connection`, a blocking socket. Raises OSError; a failure's alert is sent before."""
    while not codec.ready:
        connection.sendall(codec.take_outgoing())
        try:
            codec.feed(connection.recv(_CHUNK))
        except ssl.SSLError:
            with suppress(OSError):
                connection.sendall(codec.take_outgoing())
            raise
    connection.sendall(codec.take_outgoing())
