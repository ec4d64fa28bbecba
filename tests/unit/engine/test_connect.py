"""Connecting, against small servers of our own: what each kind of answer, and none, leads to."""

from __future__ import annotations

import json
import os
import shutil
import socket
import socketserver
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import certifi
import pytest

from inception.engine import client, connect, endpoint
from inception.engine.connect import EngineChoice
from inception.engine.private import lease
from inception.engine.private.lease import MissingRequirement
from inception.errors import EngineError, EngineUnreachable, UsageError

VERSION = {"ApiVersion": "1.41", "Version": "20.10.24"}


class Answer(BaseHTTPRequestHandler):
    """Answers each request with one JSON value."""

    value: object = VERSION
    status = 200
    asked: list[str]

    def address_string(self) -> str:
        return "a socket"  # Of a unix socket, the base class would look for a host.

    def log_message(self, *_args: object) -> None:
        return

    def do_GET(self) -> None:
        type(self).asked.append(self.path)
        body = json.dumps(self.value).encode()
        self.send_response(self.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def answering(value: object = VERSION, status: int = 200) -> type[Answer]:
    return type("ThisAnswer", (Answer,), {"value": value, "status": status, "asked": []})


class UnixServer(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


class TcpServer(socketserver.ThreadingTCPServer):
    daemon_threads = True


@contextmanager
def serving(server: socketserver.BaseServer) -> Iterator[None]:
    with server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "docker.sock"


@pytest.fixture(autouse=True)
def _no_engine_of_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))


@pytest.fixture
def no_private(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "missing_for_private", lambda: MissingRequirement(why="needs root", remedy="be root"))


def connected(choice: EngineChoice, address: str | None = None) -> AbstractContextManager[connect.Engine]:
    return connect.connect(choice, endpoint=address, on_message=lambda _line: None)


@pytest.mark.parametrize("choice", [EngineChoice.HOST, EngineChoice.AUTO])
def test_an_engine_that_answers_is_connected(path: Path, choice: EngineChoice) -> None:
    with serving(UnixServer(str(path), answering())), connected(choice, f"unix://{path}") as engine:
        assert (engine.endpoint, engine.local, engine.private) == (f"unix://{path}", True, False)
        assert engine.client.api_version == "1.41"
        assert engine.client.timeout == client.REQUEST_TIMEOUT_S


def test_requests_are_in_the_engine_s_own_version(path: Path) -> None:
    handler = answering()
    with serving(UnixServer(str(path), handler)), connected(EngineChoice.HOST, f"unix://{path}") as engine:
        engine.client.info()
    assert handler.asked == ["/version", "/v1.41/info"]


def test_an_engine_over_tcp_is_not_local() -> None:
    server = TcpServer(("127.0.0.1", 0), answering())
    address = f"tcp://127.0.0.1:{server.server_address[1]}"
    with serving(server), connected(EngineChoice.HOST, address) as engine:
        assert not engine.local


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    """A directory with a certificate for 127.0.0.1 that is its own authority, and serves for both sides."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make certificates with")
    directory = tmp_path / "certificates"
    directory.mkdir()
    key, certificate = directory / "key.pem", directory / "cert.pem"
    request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=engine"]
    names = ["-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*request, *names, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    shutil.copy(certificate, directory / "ca.pem")
    return directory


@pytest.fixture
def tls_address(certificates: Path) -> Iterator[str]:
    """An engine over TLS that wants to see the client's certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "cert.pem", certificates / "key.pem")
    context.load_verify_locations(certificates / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    server = TcpServer(("127.0.0.1", 0), answering())
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_args: None  # type: ignore[method-assign] # It is told of clients that we turn away.
    with serving(server):
        yield f"tcp://127.0.0.1:{server.server_address[1]}"


def test_an_engine_over_tls_is_connected_with_the_right_certificates(
    monkeypatch: pytest.MonkeyPatch, certificates: Path, tls_address: str
) -> None:
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    monkeypatch.setenv("DOCKER_CERT_PATH", str(certificates))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", certifi.where())
    with connected(EngineChoice.HOST, tls_address) as engine:
        assert engine.client.base_url == tls_address.replace("tcp://", "https://")
        assert engine.client.info() == VERSION


def test_an_engine_over_tls_does_not_answer_without_certificates(tls_address: str) -> None:
    with pytest.raises(EngineError, match=r"127\.0\.0\.1"), connected(EngineChoice.HOST, tls_address):
        pass


@pytest.mark.parametrize("choice", [EngineChoice.HOST, EngineChoice.AUTO])
def test_a_named_engine_that_does_not_answer_is_an_error_at_once(path: Path, choice: EngineChoice) -> None:
    with pytest.raises(EngineUnreachable) as caught, connected(choice, f"unix://{path}"):
        pass
    assert str(caught.value) == (
        f"no Docker engine answers at unix://{path} (from the command line): No such file or directory: "
        "start it, or correct the command line"
    )


def test_a_named_engine_is_not_replaced_by_a_private_one(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "private_engine", lambda *_args: pytest.fail("a private engine was started"))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
    with pytest.raises(EngineUnreachable, match="from DOCKER_HOST"), connected(EngineChoice.AUTO):
        pass


def test_a_refused_connection_says_so(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(path))
    with pytest.raises(EngineUnreachable, match="Connection refused"), connected(EngineChoice.HOST, f"unix://{path}"):
        pass


@pytest.mark.skipif(os.geteuid() == 0, reason="root may use any socket")
def test_a_denied_socket_names_who_may_use_it(path: Path) -> None:
    with serving(UnixServer(str(path), answering())):
        path.chmod(0)
        with pytest.raises(EngineUnreachable, match="as root"), connected(EngineChoice.HOST, f"unix://{path}"):
            pass


def test_an_engine_that_hangs_is_given_up(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "CONNECT_TIMEOUT_S", 0.2)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        with pytest.raises(EngineUnreachable, match="timed out"), connected(EngineChoice.HOST, f"unix://{path}"):
            pass


@pytest.mark.usefixtures("no_private")
def test_auto_names_the_missing_requirement_of_a_private_engine(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "DEFAULT_ADDRESS", f"unix://{path}")
    with pytest.raises(EngineUnreachable) as caught, connected(EngineChoice.AUTO):
        pass
    assert str(caught.value) == (
        f"no Docker engine answers at unix://{path}: No such file or directory; a private one needs root: be root"
    )


def test_auto_starts_no_private_engine_beside_a_socket_that_was_mounted_here(
    path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(lease, "missing_for_private", lambda: None)
    monkeypatch.setattr(lease, "private_engine", lambda *_args: pytest.fail("a private engine was started"))
    mountinfo = tmp_path / "mountinfo"
    mountinfo.write_text(f"100 99 0:30 /docker.sock {path.resolve()} rw - tmpfs tmpfs rw\n")
    monkeypatch.setattr(endpoint, "DEFAULT_ADDRESS", f"unix://{path}")
    monkeypatch.setattr(endpoint, "_MOUNTINFO", mountinfo)
    with pytest.raises(EngineUnreachable), connect.connect(EngineChoice.AUTO, on_message=print):
        pass


def test_auto_starts_a_private_engine_if_the_default_does_not_answer(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private = path.with_name("private.sock")

    @contextmanager
    def started(_directory: object, _progress: Callable[[str], None]) -> Iterator[str]:
        with serving(UnixServer(str(private), answering())):
            yield f"unix://{private}"

    monkeypatch.setattr(endpoint, "DEFAULT_ADDRESS", f"unix://{path}")
    monkeypatch.setattr(lease, "missing_for_private", lambda: None)
    monkeypatch.setattr(lease, "private_engine", started)
    lines: list[str] = []
    with connect.connect(EngineChoice.AUTO, on_message=lines.append) as engine:
        assert (engine.endpoint, engine.local, engine.private) == (f"unix://{private}", True, True)
    assert lines == [f"no engine answers at unix://{path}: using a private one"]


@pytest.mark.parametrize(
    ("handler", "message"),
    [
        (answering({"message": "page not found"}, 404), "page not found"),
        (answering({"Version": "1"}), "is not a Docker engine"),
        (answering({"ApiVersion": "1.12"}), "no longer supported"),
    ],
    ids=["a web server", "some JSON", "an old engine"],
)
def test_a_server_that_is_not_an_engine_is_an_error(path: Path, handler: type[Answer], message: str) -> None:
    server = UnixServer(str(path), handler)
    with serving(server), pytest.raises(EngineError, match=message), connected(EngineChoice.AUTO, f"unix://{path}"):
        pass


def test_ssh_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with (
        pytest.raises(EngineError, match=r"ssh, .* is not installed: install openssh-client"),
        connected(EngineChoice.AUTO, "ssh://host"),
    ):
        pass


def test_a_private_engine_has_no_other_address() -> None:
    with pytest.raises(UsageError), connected(EngineChoice.PRIVATE, "unix:///x"):
        pass


def test_a_client_loads_what_starts_and_builds_only_when_it_does_either() -> None:
    rare = {"tenacity", "inception.engine.private.lease", "inception.engine.private.sweep"}
    code = f"import sys, inception.chain.prepare; print(*{rare} & sys.modules.keys())"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []
