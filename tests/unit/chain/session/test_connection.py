"""Connections to commands; a thread plays the engine."""

from __future__ import annotations

import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import docker
import pytest

from inception.chain.session.connection import ExecConnection, TlsExecConnection, open_exec_connection
from inception.errors import EngineError

UPGRADED = b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
LIMIT_S = 10


@contextmanager
def engine(
    directory: Path, behave: Callable[[socket.socket], None], timeout_s: int = LIMIT_S
) -> Iterator[ExecConnection]:
    """A session with an engine that reads one request and then does as `behave` says."""

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            request = b""
            while b'"Tty"' not in request:
                request += connection.recv(4096)
            requests.append(request)
            with suppress(OSError):
                behave(connection)

    requests: list[bytes] = []
    path = directory / "engine.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            client = docker.APIClient(base_url=f"unix://{path}", version="1.41", timeout=timeout_s)
            with closing(client), closing(open_exec_connection(client, "abc", terminal=False)) as connection:
                assert requests[0].startswith(b"POST /v1.41/exec/abc/start HTTP/1.1\r\n")
                yield connection
        finally:
            thread.join(LIMIT_S)


def exchange(connection: ExecConnection, given: bytes) -> bytes:
    """Send `given`, end there, and read to the end."""
    received = b""
    connection.put(given)
    connection.end()
    while True:
        poll = select.poll()
        poll.register(connection, select.POLLIN | (select.POLLOUT if connection.waiting else 0))
        assert connection.readable or poll.poll(LIMIT_S * 1000)
        if connection.waiting:
            connection.send_some()
        if (data := connection.receive()) is not None:
            if not data:
                return received
            received += data


def read_all(connection: socket.socket) -> bytes:
    received = b""
    while data := connection.recv(65536):
        received += data
    return received


def test_output_that_comes_with_the_head_is_not_lost(tmp_path: Path) -> None:
    with engine(tmp_path, lambda connection: connection.sendall(UPGRADED + b"early")) as connection:
        assert exchange(connection, b"") == b"early"


def test_head_is_read_in_pieces(tmp_path: Path) -> None:
    def behave(connection: socket.socket) -> None:
        for place in range(0, len(UPGRADED), 7):
            connection.sendall(UPGRADED[place : place + 7])
            threading.Event().wait(0.005)

    with engine(tmp_path, behave) as connection:
        assert exchange(connection, b"") == b""


def test_engine_that_answers_200_gives_the_connection_too(tmp_path: Path) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n"
    with engine(tmp_path, lambda connection: connection.sendall(head + b"out")) as connection:
        assert exchange(connection, b"") == b"out"


def test_each_way_ends_alone(tmp_path: Path) -> None:
    def behave(connection: socket.socket) -> None:
        connection.sendall(UPGRADED + b"before ")
        count = len(read_all(connection))
        connection.sendall(b"after %d" % count)

    with engine(tmp_path, behave) as connection:
        assert exchange(connection, bytes(3_000_000)) == b"before after 3000000"


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (
            b'HTTP/1.1 409 Conflict\r\nContent-Length: 41\r\n\r\n{"message":"exec abc is already running"}',
            "the engine refused the session: exec abc is already running",
        ),
        (b"HTTP/1.1 500 No\r\nContent-Length: 6\r\n\r\nbroken", "the engine refused the session: broken"),
        (b"HTTP/1.1 500 No\r\n\r\n", "the engine refused the session: no reason given"),
        (b"SSH-2.0-OpenSSH_9.2p1\r\n\r\n", "the engine does not speak HTTP: b'SSH-2.0-OpenSSH_9.2p1'"),
        (b"HTTP/1.1 101 UPGR", "the engine broke off the session before it began"),
        (b"", "the engine broke off the session before it began"),
        (b"x" * 100_000, "the engine broke off the session before it began"),
    ],
)
def test_answer_without_a_session_is_an_error_in_one_line(tmp_path: Path, answer: bytes, message: str) -> None:
    with (
        pytest.raises(EngineError) as raised,
        engine(tmp_path, lambda connection: connection.sendall(answer)),
    ):
        pass
    assert str(raised.value) == message


def test_silent_engine_raises_timeout_error(tmp_path: Path) -> None:
    def behave(_: socket.socket) -> None:
        threading.Event().wait(1.5)

    with pytest.raises(TimeoutError), engine(tmp_path, behave, timeout_s=1):
        pass


def tls_contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """For a server and a client without certificates: what both ends say of an end is the same with them."""
    contexts = []
    for protocol in (ssl.PROTOCOL_TLS_SERVER, ssl.PROTOCOL_TLS_CLIENT):
        context = ssl.SSLContext(protocol)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("aNULL:@SECLEVEL=0")
        contexts.append(context)
    return contexts[0], contexts[1]


@contextmanager
def tls_connection(behave: Callable[[ssl.SSLSocket], None]) -> Iterator[TlsExecConnection]:
    for_server, for_client = tls_contexts()
    ours, theirs = socket.socketpair()
    theirs.settimeout(LIMIT_S)
    ours.settimeout(LIMIT_S)

    def serve() -> None:
        with for_server.wrap_socket(theirs, server_side=True) as connection:
            behave(connection)

    thread = threading.Thread(target=serve)
    thread.start()
    with closing(TlsExecConnection(ours, for_client, "engine")) as connection:
        yield connection
    thread.join(LIMIT_S)


def test_tls_each_way_ends_alone_while_output_is_on_its_way() -> None:
    def behave(connection: ssl.SSLSocket) -> None:
        connection.sendall(bytes(100_000))
        count = len(read_all(connection))
        connection.sendall(b"after %d" % count)
        connection.sendall(bytes(100_000))
        connection.shutdown(socket.SHUT_WR)

    with tls_connection(behave) as connection:
        received = exchange(connection, bytes(3_000_000))
    assert len(received) == 200_000 + len(b"after 3000000")
    assert b"after 3000000" in received


def test_tls_end_is_seen_though_the_connection_stays_open() -> None:
    seen = threading.Event()

    def behave(connection: ssl.SSLSocket) -> None:
        connection.sendall(b"last")
        connection.unwrap()
        seen.wait(LIMIT_S)

    with tls_connection(behave) as connection:
        assert exchange(connection, b"") == b"last"
        assert connection.receive() == b""
        seen.set()


def test_tls_end_is_seen_before_we_have_ended() -> None:
    def behave(connection: ssl.SSLSocket) -> None:
        connection.sendall(b"last")
        with suppress(OSError):  # We never answer the end that it says here.
            connection.unwrap()

    deadline = time.monotonic() + LIMIT_S / 2
    for _ in range(20):  # In about half of them, all of it comes with the handshake's last packet.
        with tls_connection(behave) as connection:
            received = b""
            while (data := connection.receive()) != b"":
                received += data or b""
                assert time.monotonic() < deadline, "the end is not seen"
                time.sleep(0.01)
            assert received == b"last"
