"""A level's engine on a TCP port of the host: for clients with the chain's certificates, on loopback."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from inception.places import run_root
from inception.stress.inventory_readers import tcp_listeners
from tests.integration.conftest import RunInception
from tests.integration.container_output import lingering

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("level_image", "unchanged_host", "own_run_root")]

_LOOPBACK = ("0100007F:", "00000000000000000000000001000000:")
"""127.0.0.1 and ::1, as /proc/net/tcp and tcp6 write them."""


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number: int = free.getsockname()[1]
        return number


def _docker(settings: dict[str, str | None], *command: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    docker = shutil.which("docker")
    assert docker is not None
    return subprocess.run(
        [docker, *command],
        env={**os.environ, **{name: value for name, value in settings.items() if value}},
        input=stdin,
        capture_output=True,
        check=False,
        timeout=60,
    )


def test_only_a_client_with_the_chains_certificates_is_let_in(run_inception: RunInception, port: int) -> None:
    before = set(tcp_listeners())
    up = run_inception("up", "--depth", "2", "--name", "open", "--publish-engine", str(port))
    assert up.returncode == 0, up.stderr.decode()
    try:
        new = set(tcp_listeners()) - before
        assert new
        assert all(listener.split()[1].startswith(_LOOPBACK) for listener in new), new

        settings = json.loads(run_inception("env", "--json").stdout)
        assert settings["DOCKER_HOST"] == f"tcp://127.0.0.1:{port}"
        assert _docker(settings, "info", "--format", "{{.Name}}").stdout == b"open-2\n"
        # The end of the input alone must get through TLS, and the answer still come back.
        sent = os.urandom(1 << 20)
        image = _docker(settings, "image", "ls", "--quiet").stdout.decode().split()[0]
        assert _docker(settings, "run", "--rm", "-i", image, *lingering("cat"), stdin=sent).stdout == sent

        bare = {"DOCKER_HOST": settings["DOCKER_HOST"]}
        assert _docker(bare, "info").returncode != 0
        with_others = {**settings, "DOCKER_CERT_PATH": _certificates_of_another_authority()}
        assert _docker(with_others, "info").returncode != 0
        assert _docker({**settings, "DOCKER_TLS_VERIFY": None}, "info").returncode != 0

        for file in (run_root() / "open" / "tls").iterdir():
            assert file.stat().st_mode & 0o077 == 0
        assert str(json.loads(run_inception("env", "--level", "1", "--json").stdout)["DOCKER_HOST"]).startswith("unix:")
    finally:
        assert run_inception("down").returncode == 0
    assert set(tcp_listeners()) <= before


def _certificates_of_another_authority() -> str:
    from inception.chain.publishing.certificates import make_certificates

    directory = run_root() / "open" / "others"
    make_certificates(directory, ("127.0.0.1", "localhost"))
    shutil.copy(run_root() / "open" / "tls" / "ca.pem", directory / "ca.pem")
    return str(directory)


def test_port_without_tls_is_published_on_request(run_inception: RunInception, port: int) -> None:
    asked = ("--publish-engine", f"1:{port}", "--insecure-plaintext")
    done = run_inception("--depth", "2", "--quiet", *asked, "--", "sh", "-c", "cat >/dev/null; echo $INCEPTION_LEVEL")
    assert (done.returncode, done.stdout) == (0, b"2\n"), done.stderr.decode()
    assert run_inception("up", "--depth", "1", "--name", "plain", *asked).returncode == 0
    try:
        settings = json.loads(run_inception("env", "--json").stdout)
        assert settings["DOCKER_TLS_VERIFY"] is None
        assert _docker(settings, "info", "--format", "{{.Name}}").stdout == b"plain-1\n"
    finally:
        assert run_inception("down").returncode == 0


def test_taken_port_is_an_error_and_nothing_is_left(run_inception: RunInception, port: int) -> None:
    with socket.create_server(("127.0.0.1", port)):
        done = run_inception("up", "--depth", "1", "--name", "shut", "--quiet", "--publish-engine", str(port))
    assert done.returncode == 125
    said = f"inception: error: cannot publish level 1 at tcp://127.0.0.1:{port}: Address already in use"
    assert done.stderr.decode().startswith(said)
    assert not list(run_root().iterdir())


@pytest.mark.parametrize(
    "arguments",
    [
        ("--publish-engine", "x"),
        ("--publish-engine", "0"),
        ("--publish-engine", "65536"),
        ("--publish-engine", "3:2376"),
        ("--publish-engine", "2376", "--publish-address", "everywhere"),
        ("--publish-engine", "2375", "--insecure-plaintext", "--publish-address", "0.0.0.0"),  # noqa: S104 refused
    ],
)
def test_bad_publications_are_refused_before_anything_starts(
    run_inception: RunInception, arguments: tuple[str, ...]
) -> None:
    done = run_inception("up", "--depth", "2", *arguments)
    assert done.returncode == 2
    assert done.stderr.count(b"\n") == 1
    assert not list(Path(run_root()).iterdir())
