"""The version of the API is the engine's or the SDK's, and a loaded image gets the chain's name for it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import Mock

import docker
import pytest
from docker.constants import DEFAULT_DOCKER_API_VERSION

from inception.level.engine.client import (
    ENGINE_GONE,
    api_version,
    connect,
    id_of_image,
    load_as,
    load_preload,
    negotiate,
)
from inception.level.failure import PhaseError


def _engine(*messages: dict[str, str]) -> Mock:
    return Mock(load_image=Mock(return_value=iter(messages)))


@pytest.fixture
def tarball(tmp_path: Path) -> Path:
    file = tmp_path / "image.tar"
    file.touch()
    return file


@pytest.mark.parametrize(
    "said", ["Loaded image: localhost/level:1", "Loaded image ID: sha256:0123"], ids=["from Podman", "without a name"]
)
def test_an_image_of_another_name_is_tagged(said: str, tarball: Path) -> None:
    engine = _engine({"status": "Loading layer"}, {"stream": f"{said}\n"})
    load_as(engine, tarball, "level:1")
    engine.tag.assert_called_once_with(said.rsplit(maxsplit=1)[-1], "level:1")


def test_an_image_of_that_name_is_left_alone(tarball: Path) -> None:
    engine = _engine({"stream": "Loaded image: level:1\n"})
    load_as(engine, tarball, "level:1")
    engine.tag.assert_not_called()


def test_a_refusal_to_load_is_raised(tarball: Path) -> None:
    with pytest.raises(PhaseError, match="no space left"):
        load_as(_engine({"error": "no space left"}), tarball, "level:1")


class FakeEngine:
    """An engine at a unix socket that answers each request with `answer`, and keeps the requests."""

    def __init__(self, path: Path, answer: str) -> None:
        self.address = f"unix://{path}"
        self.requests: list[str] = []
        self._answer = answer.encode()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            with connection:
                if not (request := connection.recv(4096)):
                    return
                self.requests.append(request.decode().splitlines()[0])
                connection.sendall(self._answer)

    def stop(self) -> None:
        """End it, and remove its socket."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(self.address.removeprefix("unix://"))
        self._thread.join()
        self._listener.close()
        Path(self.address.removeprefix("unix://")).unlink()


def _pong(version: str) -> str:
    return f"HTTP/1.1 200 OK\r\nApi-Version: {version}\r\nContent-Length: 2\r\n\r\nOK"


@pytest.fixture
def engines() -> Iterator[list[FakeEngine]]:
    """A list for engines that are stopped after the test."""
    started: list[FakeEngine] = []
    yield started
    for engine in started:
        engine.stop()


@pytest.mark.parametrize(
    ("known", "spoken"),
    [
        ("1.41", "1.41"),
        ("1.9", "1.9"),
        (DEFAULT_DOCKER_API_VERSION, DEFAULT_DOCKER_API_VERSION),
        ("1.100", DEFAULT_DOCKER_API_VERSION),
    ],
)
def test_version_is_the_lower_of_the_engines_and_the_sdks(
    known: str, spoken: str, engines: list[FakeEngine], tmp_path: Path
) -> None:
    engine = FakeEngine(tmp_path / "socket", _pong(known))
    engines.append(engine)
    assert api_version(engine.address, timeout_s=5) == spoken


def test_version_is_asked_once_and_again_of_an_engine_that_replaces_the_first(
    engines: list[FakeEngine], tmp_path: Path
) -> None:
    first = FakeEngine(tmp_path / "socket", _pong("1.41"))
    for _ in range(3):
        assert connect(first.address, timeout_s=5).api_version == "1.41"
    assert first.requests == ["GET /_ping HTTP/1.0"]
    first.stop()
    # A request while none answers is sent with the version that was known, and fails by itself.
    assert api_version(first.address, timeout_s=5) == "1.41"
    engines.append(FakeEngine(tmp_path / "socket", _pong("1.44")))
    assert api_version(first.address, timeout_s=5) == "1.44"


def test_version_is_the_sdks_where_no_engine_answers(tmp_path: Path) -> None:
    assert connect(f"unix://{tmp_path}/socket", timeout_s=5).api_version == DEFAULT_DOCKER_API_VERSION


@pytest.mark.parametrize(
    "answer",
    ["", "SSH-2.0-OpenSSH\r\n", "HTTP/1.1 503 Unavailable\r\nApi-Version: 1.44\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n"],
    ids=["nothing", "no HTTP", "an error", "no version"],
)
def test_an_answer_without_a_version_is_no_engine(answer: str, engines: list[FakeEngine], tmp_path: Path) -> None:
    engine = FakeEngine(tmp_path / "socket", answer)
    engines.append(engine)
    with pytest.raises(ENGINE_GONE):
        negotiate(engine.address, timeout_s=5)


def test_a_damaged_image_has_no_id() -> None:
    damaged = docker.errors.APIError("500 Server Error", explanation="layer does not exist")
    assert id_of_image(Mock(inspect_image=Mock(side_effect=damaged)), "level:1") is None
    assert id_of_image(Mock(inspect_image=Mock(return_value={"Id": "sha256:1"})), "level:1") == "sha256:1"


def test_a_preload_gets_the_names_that_its_archive_lacks(tarball: Path) -> None:
    engine = _engine({"stream": "Loaded image: app:1\n"})
    engine.inspect_image.return_value = {"Id": "sha256:a"}
    assert load_preload(engine, tarball, ["app:1", "app:latest"]) == ("sha256:a",)
    engine.tag.assert_called_once_with("app:1", "app:latest")


def test_several_images_of_an_archive_keep_its_names(tarball: Path) -> None:
    engine = _engine({"stream": "Loaded image: one:1\nLoaded image: one:2\n"}, {"stream": "Loaded image: two:1\n"})
    engine.inspect_image.side_effect = lambda name: {"Id": name.partition(":")[0]}
    assert load_preload(engine, tarball, ["one:1", "one:2", "two:1"]) == ("one", "two")
    engine.tag.assert_not_called()


def test_an_archive_in_which_the_engine_finds_no_image_is_refused(tarball: Path) -> None:
    with pytest.raises(PhaseError, match="app:1: the engine found no image"):
        load_preload(_engine(), tarball, ["app:1"])
