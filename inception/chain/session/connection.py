"""Start an exec and take over its connection (Docker says "hijack"): bytes both ways, and each way can end alone.

The Docker SDK hands out such a connection too (`exec_start(socket=True)`), but as a different private object for each
kind of address; it loses output that came in one packet with the answer's header; and Python's TLS socket cannot end
one way alone. So we make this one request ourselves.
"""

from __future__ import annotations

import http.client
import io
import json
import select
import socket
import ssl
from urllib.parse import urlsplit

import docker
from docker.transport import UnixHTTPAdapter

from inception.chain.tls import TlsCodec, shake_hands
from inception.engine.ssh import SshAdapter, SshStream
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
        """Return the socket's descriptor, to be polled."""
        return self._connection.fileno()

    @property
    def waiting(self) -> int:
        """Number of bytes that have not been sent yet."""
        return len(self._waiting)

    def put(self, data: bytes) -> None:
        """Queue `data` to be sent."""
        self._waiting += data

    def end(self) -> None:
        """End what we send, once all of it is sent; what the other side sends goes on."""
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
        """Make `data` the result of the next `receive`."""
        self._received = data

    @property
    def readable(self) -> bool:
        """Whether `receive` returns something at once, even if the socket does not poll as readable."""
        return bool(self._received) or self._over

    def receive(self) -> bytes | None:
        """Return what has come: None if nothing has, empty at the end. Raises OSError if the connection broke."""
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
        """Close the socket; what has not been sent is lost."""
        self._connection.close()

    def reason(self) -> str | None:
        """Return the reason why the other side has ended the connection, None if that is not known."""
        return None

    def _decoded(self, data: bytes) -> bytes | None:
        return data

    def _shut_when_sent(self) -> None:
        if self._ended and not self._waiting:
            self._connection.shutdown(socket.SHUT_WR)


class TlsExecConnection(ExecConnection):
    """A TLS connection that never waits, once the handshake is done."""

    def __init__(self, connection: socket.socket, context: ssl.SSLContext, server_hostname: str) -> None:
        self._codec = TlsCodec(context, server_hostname=server_hostname)
        shake_hands(self._codec, connection)
        super().__init__(connection)
        self._received = self._codec.take_plaintext()
        self._over = self._codec.ended

    def put(self, data: bytes) -> None:
        """Queue `data` to be sent, encrypted."""
        self._codec.write(data)
        super().put(self._codec.take_outgoing())

    def end(self) -> None:
        """End what we send, by a close_notify; the socket stays open for TLS's own messages."""
        self._codec.end()
        super().put(self._codec.take_outgoing())

    def _decoded(self, data: bytes) -> bytes | None:
        self._codec.feed(data)
        super().put(self._codec.take_outgoing())  # The protocol's own answers, to a change of keys for one.
        self._over = self._codec.ended
        return self._codec.take_plaintext() or (b"" if self._over else None)


class SshExecConnection(ExecConnection):
    """A connection through ssh, which it ends when it is closed."""

    def __init__(self, stream: SshStream) -> None:
        super().__init__(stream.socket)
        self._stream = stream

    def close(self) -> None:
        """End ssh; what has not been sent is lost."""
        self._stream.close()

    def reason(self) -> str | None:
        """Return the reason why ssh has ended."""
        return self._stream.reason()


def open_exec_connection(client: docker.APIClient, exec_id: str, *, terminal: bool) -> ExecConnection:
    """Start the exec `exec_id` and return the connection to its command.

    Raises EngineError if the engine refuses, OSError if it cannot be reached.
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
    if isinstance(adapter, SshAdapter):
        return SshExecConnection(adapter.dial())
    address = urlsplit(client.base_url)
    if address.hostname is None:
        raise EngineError(f"cannot open a session over {client.base_url}")
    connection = socket.create_connection((address.hostname, address.port or _DEFAULT_PORT), client.timeout)
    # Each keystroke is a packet of its own: do not hold it back until the one before is acknowledged (tcp(7)).
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if address.scheme == "http":
        return ExecConnection(connection)
    return TlsExecConnection(connection, _tls_context(client), address.hostname)


def _tls_context(client: docker.APIClient) -> ssl.SSLContext:
    """Return a context with the certificates that the SDK's own connections use."""
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
    """The answer to a request on `connection`; `rest` is what came behind its head.

    Its methods raise TimeoutError after `timeout_s` seconds of silence.
    """

    def __init__(self, connection: ExecConnection, timeout_s: float | None) -> None:
        self._connection = connection
        self._timeout_s = timeout_s
        self.rest = b""
        self._length = 0

    def read_head(self) -> int:
        """Read the head and return the status. Raises EngineError if the answer is not HTTP."""
        received = b""
        while _HEAD_END not in received:
            try:
                part = self._next()
            except ConnectionError:
                part = b""
            if not part or len(received) > _HEAD_LIMIT:
                why = None if part else self._connection.reason()
                raise EngineError(f"the engine broke off the session before it began{f': {why}' if why else ''}")
            received += part
        head, self.rest = received.split(_HEAD_END, 1)
        first, _, fields = head.partition(b"\r\n")
        self._length = int(http.client.parse_headers(io.BytesIO(fields + _HEAD_END)).get("Content-Length", 0))
        try:
            return int(first.split()[1])
        except (IndexError, ValueError) as error:
            raise EngineError(f"the engine does not speak HTTP: {first[:80]!r}") from error

    def read_message(self) -> str:
        """Read the body and return the engine's error message, in one line."""
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
