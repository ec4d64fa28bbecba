"""Requests as a runner sends them, to an engine that answers each alike."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from inception.level.api.client import ENGINE_GONE, ApiError, EngineApi, NotFoundError, ask_version

_ENDED_S = 5


class FakeEngine:
    """An engine of API 1.41 at a unix socket: it answers a ping, and every other request with `answer`."""

    def __init__(self, path: Path, answer: bytes) -> None:
        self.path = path
        self.requests: list[str] = []
        self.bodies: list[str] = []
        self._answer = answer
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as stream:
                request = stream.readline().decode().strip()
                headers = http.client.parse_headers(stream)
                self.bodies.append(stream.read(int(headers.get("Content-Length", 0))).decode())
                if "_ping" in request:
                    connection.sendall(b"HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Length: 0\r\n\r\n")
                else:
                    self.requests.append(request)
                    connection.sendall(self._answer)

    def close(self) -> None:
        """End it."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


Start = Callable[..., tuple[FakeEngine, EngineApi]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Give a function that starts an engine which answers with a status and JSON, or with bytes as they are."""
    with ExitStack() as stack:

        def started(
            status: int = 200, body: object = None, *, raw: bytes | None = None
        ) -> tuple[FakeEngine, EngineApi]:
            text = b"" if body is None else json.dumps(body).encode()
            answer = b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%b" % (status, len(text), text)
            engine = FakeEngine(tmp_path / "socket", answer if raw is None else raw)
            stack.callback(engine.close)
            return engine, EngineApi(engine.path, timeout_s=_ENDED_S)

        yield started


def test_a_container_is_created_as_the_configuration_says(start: Start) -> None:
    engine, api = start(201, {"Id": "1", "Warnings": []})
    assert api.create_container_from_config({"Image": "level:1"}, "a level")["Id"] == "1"
    assert engine.requests == ["POST /v1.41/containers/create?name=a+level HTTP/1.0"]
    assert json.loads(engine.bodies[-1]) == {"Image": "level:1"}


@pytest.mark.parametrize(
    ("call", "request_line"),
    [
        (lambda api: api.start("x"), "POST /v1.41/containers/x/start HTTP/1.0"),
        (lambda api: api.kill("x"), "POST /v1.41/containers/x/kill HTTP/1.0"),
        (lambda api: api.rename("x", "y"), "POST /v1.41/containers/x/rename?name=y HTTP/1.0"),
        (lambda api: api.remove("x"), "DELETE /v1.41/containers/x?force=1&v=1 HTTP/1.0"),
        (lambda api: api.remove("x", volumes=False), "DELETE /v1.41/containers/x?force=1&v=0 HTTP/1.0"),
        (lambda api: api.remove_volume("x"), "DELETE /v1.41/volumes/x HTTP/1.0"),
    ],
)
def test_requests_without_an_answer(start: Start, call: Callable[[EngineApi], None], request_line: str) -> None:
    engine, api = start(204)
    call(api)
    assert engine.requests == [request_line]


def test_wait_returns_the_status_of_the_container(start: Start) -> None:
    assert start(200, {"StatusCode": 70})[1].wait("x", timeout_s=None) == 70


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
        b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"Status',
    ],
    ids=["at once", "before a chunk", "without a length", "in the middle"],
)
def test_an_engine_that_ends_while_it_is_waited_for_is_gone(start: Start, answer: bytes) -> None:
    _, api = start(raw=answer)
    with pytest.raises(ENGINE_GONE):
        api.wait("x", timeout_s=None)


def test_an_engine_that_says_nothing_is_waited_for_as_long_as_allowed(tmp_path: Path, start: Start) -> None:
    _, api = start(204)
    api.start("x")  # The version is known then.
    (tmp_path / "socket").unlink()
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "socket"))
        silent.listen()
        with pytest.raises(TimeoutError):
            api.wait("x", timeout_s=0.05)


def test_running_containers_may_be_chosen_by_a_label(start: Start) -> None:
    engine, api = start(200, [{"Id": "1"}, {"Id": "2"}])
    assert api.running() == ["1", "2"]
    api.running(label="inception.level=3")
    assert engine.requests[0] == "GET /v1.41/containers/json HTTP/1.0"
    assert engine.requests[1].split("?")[1].startswith("filters=%7B%22label%22%3A+%5B%22inception.level%3D3%22%5D%7D")


def test_an_image_is_found_by_its_name(start: Start) -> None:
    engine, api = start(200, {"Id": "sha256:1"})
    assert api.image_id("registry:5000/a level:1") == "sha256:1"
    assert engine.requests == ["GET /v1.41/images/registry:5000/a%20level:1/json HTTP/1.0"]


def test_all_images_are_listed_by_their_ids(start: Start) -> None:
    engine, api = start(200, [{"Id": "sha256:1", "RepoTags": ["level:1"]}, {"Id": "sha256:2", "RepoTags": None}])
    assert api.image_ids() == {"sha256:1", "sha256:2"}
    assert engine.requests == ["GET /v1.41/images/json?all=1 HTTP/1.0"]


@pytest.mark.parametrize("status", [404, 500])
def test_an_image_that_is_not_there_or_damaged_has_no_id(start: Start, status: int) -> None:
    assert start(status, {"message": "no"})[1].image_id("level:1") is None


@pytest.mark.parametrize(("status", "kind"), [(404, NotFoundError), (409, ApiError), (500, ApiError)])
@pytest.mark.parametrize("body", [{"message": "it says no"}, "it says no"])
def test_a_refusal_is_raised_with_its_words(start: Start, status: int, kind: type[ApiError], body: object) -> None:
    _, api = start(status, body)
    with pytest.raises(kind, match="it says no") as raised:
        api.start("x")
    assert raised.value.status == status
    assert isinstance(raised.value, NotFoundError) == (status == 404)


def test_no_engine_has_no_version(tmp_path: Path) -> None:
    with pytest.raises(ENGINE_GONE):
        ask_version(str(tmp_path / "none"), 1)


def test_a_runner_does_without_the_docker_sdk() -> None:
    modules = "inception.level.runner, inception.level.children"
    absent = ("docker", "requests", "tenacity", "http", "ssl")
    script = f"import sys, {modules}; sys.exit(any(name in sys.modules for name in {absent}))"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
