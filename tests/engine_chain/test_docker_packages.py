"""Level images with Docker's own packages, from a repository on this machine: `make test-engine-chain`."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from inception.chain.publishing.host_names import client_address
from inception.engine.connect import Engine
from inception.image.store import find_image, remove_image
from tests.engine_chain.docker_repository import CHANNEL, MARK, SUITE, make_repository, served
from tests.integration.conftest import RunInception

LIMIT_S = 400
pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.usefixtures("own_run_root"),
    pytest.mark.timeout(3 * LIMIT_S),
    pytest.mark.skipif(shutil.which("gpg") is None, reason="gpg signs the repository"),
]

OLDER, NEWER = "28.9.9", "29.1.5"
BASE = f"debian:{SUITE}-slim"
WORK = 'docker run --rm "$INCEPTION_IMAGE" cat /' + MARK


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the directory of a repository with two versions of Docker, and its key."""
    directory = tmp_path_factory.mktemp("repository")
    make_repository(directory, (OLDER, NEWER))
    return directory


def _options(repository: Path, url: str, version: str) -> Sequence[str]:
    chosen = ("--docker-channel", CHANNEL, "--docker-version", version)
    return (*chosen, "--apt-url", url, "--apt-key", str(repository / "key.asc"))


def _build(run_inception: RunInception, engine: Engine, *options: str) -> Iterator[str]:
    done = run_inception("image", "build", *options, timeout_s=LIMIT_S)
    assert done.returncode == 0, done.stderr.decode()
    tag = done.stdout.decode().strip()
    try:
        yield tag
    finally:
        remove_image(engine.client, tag)


def _check(run_inception: RunInception, tag: str, version: str) -> None:
    """Descend two levels of the image, and run a container at the bottom that tells Docker's version."""
    started = run_inception("up", "--depth", "2", "--name", "docker", "--image", tag, timeout_s=LIMIT_S)
    assert started.returncode == 0, started.stderr.decode()
    try:
        assert run_inception("exec", "docker", "--", "sh", "-c", WORK).stdout.decode().startswith(f"5:{version}-")
    finally:
        run_inception("down", "docker")
    verified = run_inception("image", "verify", tag, "--json", timeout_s=LIMIT_S)
    assert verified.returncode == 0, verified.stdout
    assert {"docker-init", "runc"} <= {check["name"] for check in json.loads(verified.stdout)}


def test_mmdebstrap_takes_the_version_of_dockers_packages_that_was_asked_for(
    engine: Engine, run_inception: RunInception, repository: Path
) -> None:
    with served(repository, "127.0.0.1") as url:
        options = ("--method", "mmdebstrap", *_options(repository, url, "28"))
        for tag in _build(run_inception, engine, *options):
            assert ":docker28-" in tag
            _check(run_inception, tag, OLDER)
        refused = run_inception("image", "build", "--method", "mmdebstrap", *_options(repository, url, "27"))
    assert refused.returncode == 125
    assert b"docker-ce" in refused.stderr.splitlines()[-1]


@pytest.fixture
def debian_base(engine: Engine) -> Iterator[str]:
    """Give the base image of the Dockerfile, made here as a registry would give it."""
    missing = find_image(engine.client, BASE) is None
    if missing:
        command = ("mmdebstrap", "--quiet", "--variant=apt", "--skip=output/dev", SUITE, "-")
        repository, _, tag = BASE.partition(":")
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            engine.client.import_image_from_stream(process.stdout, repository=repository, tag=tag)
        assert process.returncode == 0
    yield BASE
    if missing:
        engine.client.remove_image(BASE)


@pytest.mark.usefixtures("debian_base")
def test_a_dockerfile_takes_the_version_of_dockers_packages_that_was_asked_for(
    engine: Engine, run_inception: RunInception, repository: Path
) -> None:
    # An address that a build reaches also where the engine has a network of its own.
    with served(repository, client_address("0.0.0.0")) as url:  # noqa: S104 a question, not a listener
        for tag in _build(run_inception, engine, "--method", "dockerfile", *_options(repository, url, "29")):
            assert ":docker29-" in tag
            _check(run_inception, tag, NEWER)
