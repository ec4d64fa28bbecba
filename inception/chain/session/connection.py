"""A connection that the engine has given over to one command: bytes both ways, each way ended for itself.

The Docker SDK hands out such a connection too (`exec_start(socket=True)`), but as a different private object for each
kind of address; it loses output that came in one packet with the answer's header; and Python's TLS socket cannot end
one way alone. So the one request that takes a connection over is made here.
"""

from __future__ import annotations

import http.client
import io
import json
import select
import socket
import ssl
from contextlib import suppress
from urllib.parse import urlsplit

import docker
from docker.transport import UnixHTTPAdapter

from inception.errors import EngineError

_CHUNK = 64 * 1024
_HEAD_LIMIT = 64 * 1024
_HEAD_END = b"\r\n\r\n"
_DEFAULT_PORT = 2375


class ExecConnection:
    """A plain socket that never waits."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self._connection = connection
        self._waiting = bytearray()
        self._received = b""
        self._ended = False
        self._over = False

    def fileno(self) -> int:
        return self._connection.fileno()

    @property
    def waiting(self) -> int:
        """How many bytes have not been sent yet."""
        return len(self._waiting)

    def put(self, data: bytes) -> None:
        """Queue `data` to be sent."""
        self._waiting += data

    def end(self) -> None:
        """Let the other side see the end of what we send, once all of it is sent; what it sends goes on."""
        self._ended = True
        self._shut_when_sent()

    def send_some(self) -> None:
        """Send what the socket takes. Raises OSError if the other side is gone."""
        try:
            sent = self._connection.send(self._waiting[:_CHUNK])
        except BlockingIOError:
            return
        del self._waiting[:sent]
        self._shut_when_sent()

    def drop(self) -> None:
        """Forget what has not been sent."""
        self._waiting.clear()

    def give_back(self, data: bytes) -> None:
        """Have `data` come first at the next `receive`."""
        self._received = data

    @property
    def readable(self) -> bool:
        """Whether `receive` has something whatever the socket says."""
        return bool(self._received) or self._over

    def receive(self) -> bytes | None:
        """What has come: None if nothing has, empty at the end. Raises OSError if the connection broke."""
        if self._received:
            data, self._received = self._received, b""
            return data
        if self._over:
            return b""
        try:
            return self._decoded(self._connection.recv(_CHUNK))
        except BlockingIOError:
            return None

    def close(self) -> None:
        self._connection.close()

    def _decoded(self, data: bytes) -> bytes | None:
        return data

    def _shut_when_sent(self) -> None:
        if self._ended and not self._waiting:
            self._connection.shutdown(socket.SHUT_WR)


class TlsExecConnection(ExecConnection):
    """A TLS connection: encrypted in memory, because only so can we say "the end" without reading first.

    TLS ends one way with a close_notify (RFC 8446, 6.1). `SSLSocket.unwrap` sends it, but then reads the other side's
    at once, and breaks the connection if there is still data before that.
    """

    def __init__(self, connection: socket.socket, context: ssl.SSLContext, server_hostname: str) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_hostname)
        self._shake_hands(connection)
        super().__init__(connection)
        self._received = self._decrypted()  # What came with the handshake's last packet: no other need follow it.

    def _shake_hands(self, connection: socket.socket) -> None:
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                connection.sendall(self._outgoing.read())
                self._feed(connection.recv(_CHUNK))
            else:
                connection.sendall(self._outgoing.read())
                return

    def _feed(self, data: bytes) -> None:
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    def put(self, data: bytes) -> None:
        self._tls.write(data)
        super().put(self._outgoing.read())

    def end(self) -> None:
        with suppress(ssl.SSLWantReadError):  # It wants the other side's, which comes when the command has ended.
            self._tls.unwrap()
        super().put(self._outgoing.read())

    def _decoded(self, data: bytes) -> bytes | None:
        self._feed(data)
        plain = self._decrypted()
        return plain or (b"" if self._over else None)

    def _decrypted(self) -> bytes:
        """All that can be made of what has come."""
        plain = bytearray()
        try:
            while part := self._tls.read(_CHUNK):
                plain += part
            self._over = True  # As long as we have not said it ourselves, TLS tells the end by an empty read.
        except ssl.SSLWantReadError:
            pass
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            self._over = True  # Said by TLS, so that the socket may not say so too.
        super().put(self._outgoing.read())  # The protocol's own answers, to a change of keys for one.
        return bytes(plain)


def open_exec_connection(client: docker.APIClient, exec_id: str, *, terminal: bool) -> ExecConnection:
    """Start the command that `exec_id` stands for and take over the connection to it.

    Raises EngineError if the engine refuses, or if its address is of a kind that cannot be taken over.
    """
    connection = _dial(client)
    try:
        _request_takeover(connection, client, exec_id, terminal=terminal)
    except BaseException:
        connection.close()
        raise
    return connection


def _dial(client: docker.APIClient) -> ExecConnection:
    adapter = client.get_adapter(client.base_url)
    if isinstance(adapter, UnixHTTPAdapter):
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(client.timeout)
        connection.connect(adapter.socket_path)
        return ExecConnection(connection)
    address = urlsplit(client.base_url)
    if address.scheme not in ("http", "https") or address.hostname is None:
        raise EngineError(
            f"no session can be had over {client.base_url}",
            remedy="use a unix socket or TCP, for instance `ssh -L ./docker.sock:/var/run/docker.sock HOST`",
        )
    connection = socket.create_connection((address.hostname, address.port or _DEFAULT_PORT), client.timeout)
    # Each keystroke is a packet of its own: do not hold it back until the one before is acknowledged (tcp(7)).
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if address.scheme == "http":
        return ExecConnection(connection)
    return TlsExecConnection(connection, _tls_context(client), address.hostname)


def _tls_context(client: docker.APIClient) -> ssl.SSLContext:
    """What the SDK's own connections are checked against and shown."""
    authority = client.verify if isinstance(client.verify, str) else None
    context = ssl.create_default_context(cafile=authority)
    if not client.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if isinstance(client.cert, tuple):
        context.load_cert_chain(*client.cert)
    return context


def _request_takeover(connection: ExecConnection, client: docker.APIClient, exec_id: str, *, terminal: bool) -> None:
    body = json.dumps({"Detach": False, "Tty": terminal}).encode()
    head = (
        f"POST /v{client.api_version}/exec/{exec_id}/start HTTP/1.1\r\n"
        "Host: docker\r\n"
        "Content-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n"
        "Connection: Upgrade\r\n"
        "Upgrade: tcp\r\n\r\n"
    )
    connection.put(head.encode() + body)
    answer = _Answer(connection, client.timeout)
    status = answer.read_head()
    # An engine that does not know the upgrade takes the connection over all the same, and says 200.
    if status not in (http.client.SWITCHING_PROTOCOLS, http.client.OK):
        raise EngineError(f"the engine refused the session: {answer.read_message()}")
    connection.give_back(answer.rest)


class _Answer:
    """The answer to a request on `connection`, within `timeout_s` seconds of silence. `rest` came behind its head."""

    def __init__(self, connection: ExecConnection, timeout_s: float | None) -> None:
        self._connection = connection
        self._timeout_s = timeout_s
        self.rest = b""
        self._length = 0

    def read_head(self) -> int:
        """The status; raises EngineError if what comes is not HTTP."""
        received = b""
        while _HEAD_END not in received:
            part = self._next()
            if not part or len(received) > _HEAD_LIMIT:
                raise EngineError("the engine broke off the session before it began")
            received += part
        head, self.rest = received.split(_HEAD_END, 1)
        first, _, fields = head.partition(b"\r\n")
        self._length = int(http.client.parse_headers(io.BytesIO(fields + _HEAD_END)).get("Content-Length", 0))
        try:
            return int(first.split()[1])
        except (IndexError, ValueError) as error:
            raise EngineError(f"the engine does not speak HTTP: {first[:80]!r}") from error

    def read_message(self) -> str:
        """What the engine says of an error."""
        while len(self.rest) < self._length and (part := self._next()):
            self.rest += part
        try:
            return " ".join(json.loads(self.rest)["message"].split())
        except (ValueError, KeyError, TypeError):
            return self.rest.decode(errors="replace").strip() or "no reason given"

    def _next(self) -> bytes:
        timeout_ms = None if self._timeout_s is None else self._timeout_s * 1000
        while True:
            poll = select.poll()
            poll.register(self._connection, select.POLLIN | (select.POLLOUT if self._connection.waiting else 0))
            ready = dict(poll.poll(timeout_ms))
            if not ready:
                raise TimeoutError("timed out")
            if self._connection.waiting:
                self._connection.send_some()
            if (data := self._connection.receive()) is not None:
                return data
