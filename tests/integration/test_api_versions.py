"""Levels whose engine knows no version of the API above 1.41; test_image_stores has one that takes none below 1.44."""

from __future__ import annotations

import io
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from inception import attach
from inception.chain.prepare import prepare
from inception.engine.connect import Engine
from inception.errors import ImageError
from inception.image.host_engine import copy_host_engine, find_host_engine
from inception.image.store import remove_image
from inception.plan.request import Request
from tests.integration.conftest import RunInception
from tests.integration.container_output import output_of_container

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("own_run_root")]

TAG = "inception-level-test:old"
NEWEST = "1.41"
"""Version of the API of Docker 20.10, which Debian bookworm has."""
INSTALL = """
cd /opt/engine
cp -R root/. /
for library in libraries/*; do
    ldconfig -p | grep -q "^[[:space:]]*${library#*/} " || cp "$library" /usr/local/lib/
done
ldconfig
"""
"""As the recipe's `finish` does it."""


@pytest.fixture(scope="module")
def old_image(engine: Engine, level_image: str) -> Iterator[str]:
    """The level image with this machine's own engine in it, as `--engine-from-host` puts it there."""
    client = engine.client
    if (version := client.version()["ApiVersion"]) != NEWEST:
        pytest.skip(f"the engine here speaks {version}; with Docker 20.10, of Debian bookworm, this test runs")
    try:
        files = find_host_engine()
    except ImageError as error:
        pytest.skip(error.message)
    container = client.create_container(level_image, ["sh", "-ec", INSTALL])["Id"]
    try:
        with tempfile.TemporaryDirectory(prefix="old-engine-") as name:
            copy_host_engine(files, Path(name))
            client.put_archive(container, "/", _packed(Path(name)))
        client.start(container)
        assert client.wait(container)["StatusCode"] == 0
        repository, _, tag = TAG.partition(":")
        client.commit(container, repository=repository, tag=tag, changes=['CMD ["bash"]'])
    finally:
        client.remove_container(container, force=True)
    prepare(engine, Request(depth=1, name="warm-up", image=TAG), print)
    yield TAG
    remove_image(client, TAG)


def _packed(directory: Path) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.add(directory, arcname="opt/engine")
    return buffer.getvalue()


@pytest.mark.usefixtures("old_image", "unchanged_host")
def test_levels_1_to_3_of_an_engine_that_knows_1_41_at_most(run_inception: RunInception) -> None:
    started = run_inception("up", "--depth", "3", "--name", "old", "--image", TAG, "--image-transfer", "graft")
    assert started.returncode == 0, started.stderr
    try:
        with attach("old") as levels:
            assert [levels[number].version()["ApiVersion"] for number in (1, 2, 3)] == [NEWEST] * 3
            assert output_of_container(levels.bottom, TAG, ["echo", "whole"]) == b"whole\n"
        executed = run_inception("exec", "old", "--", "docker", "version", "--format", "{{.Server.APIVersion}}")
        assert (executed.returncode, executed.stdout.decode().strip()) == (0, NEWEST)
    finally:
        run_inception("down", "old")
