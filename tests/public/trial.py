"""Run a suite in a container, on the engine whose socket the container is given."""

from __future__ import annotations

import io
import json
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker

from tests.public.fetch import Fetched
from tests.public.images import TESTER, build_images
from tests.public.outcome import Trial, fold
from tests.public.recorder import OUTCOMES, UNKNOWN
from tests.public.suite import Suite

_NAME = "inception-public"
_NO_TAG = "<none>:<none>"
_TEST_LIMIT_S = 120
_RUN = """
cp -a /suite "$1/suite" && mkdir "$1/tmp" && cd "$1/suite" && export TMPDIR="$1/tmp" && shift
exec python3 -m pytest -o addopts= -p no:cacheprovider -p recorder "$@"
"""


@dataclass(frozen=True, kw_only=True)
class Place:
    """The engine of a level: a client, and its socket as its own machine sees it."""

    level: int
    client: docker.APIClient
    socket: str


def run_suite(place: Place, suite: Suite, fetched: Fetched, log: Path) -> Trial:
    """Run `suite` on the engine at `place` and return what came out; pytest's words go to `log`.

    What the suite made is removed. Raises BuildError, and APIError if the engine refuses.
    """
    client = place.client
    # The tests mount files of theirs into containers, so these lie at one path here and on the engine's machine.
    with tempfile.TemporaryDirectory(prefix="inception-public-") as directory, _left_as_found(client):
        build_images(client, suite, fetched)
        mounts = [f"{directory}:{directory}", f"{place.socket}:/var/run/docker.sock"]
        container = client.create_container(
            TESTER,
            ["sh", "-ec", _RUN, "sh", directory, f"--timeout={_TEST_LIMIT_S}", *suite.tests],
            name=_NAME,
            environment={"PYTHONPATH": "/packages:/", "PYTHONUNBUFFERED": "1", **suite.environment},
            host_config=client.create_host_config(
                binds=mounts, network_mode="host", init=True, security_opt=["seccomp=unconfined", "apparmor=unconfined"]
            ),
        )
        began = time.monotonic()
        client.start(container)
        with log.open("ab") as file:
            for piece in client.logs(container, stream=True, follow=True):
                file.write(piece)
                file.flush()
        return Trial(
            level=place.level,
            version=client.version()["Version"],
            results=fold(_read(client, container["Id"], OUTCOMES).splitlines()),
            seconds=time.monotonic() - began,
            unknown=tuple(json.loads(_read(client, container["Id"], UNKNOWN))),
        )


def _read(client: docker.APIClient, container: str, path: Path) -> str:
    pieces, _ = client.get_archive(container, str(path))
    with tarfile.open(fileobj=io.BytesIO(b"".join(pieces))) as archive:
        file = archive.extractfile(path.name)
        assert file is not None
        return file.read().decode()


@contextmanager
def _left_as_found(client: docker.APIClient) -> Iterator[None]:
    """Remove the containers, networks, volumes and images that come up meanwhile."""
    before = _holdings(client)
    try:
        yield
    finally:
        after = _holdings(client)
        for it in after.containers - before.containers:
            client.remove_container(it, force=True, v=True)
        for it in after.networks - before.networks:
            client.remove_network(it)
        for it in _holdings(client).volumes - before.volumes:
            client.remove_volume(it, force=True)
        for it in after.images - before.images:
            with suppress(docker.errors.ImageNotFound):  # One that fell with the last that was made from it.
                client.remove_image(it, force=True)


@dataclass(frozen=True, kw_only=True)
class _Holdings:
    """Contents of an engine: ids and names of its things, tags of its images, and ids of those without a tag."""

    containers: frozenset[str]
    networks: frozenset[str]
    volumes: frozenset[str]
    images: frozenset[str]


def _holdings(client: docker.APIClient) -> _Holdings:
    return _Holdings(
        containers=frozenset(it["Id"] for it in client.containers(all=True)),
        # Those of a swarm go with it, some time after a node has left it, and nobody can remove them then.
        networks=frozenset(it["Id"] for it in client.networks() if it["Scope"] == "local"),
        volumes=frozenset(it["Name"] for it in client.volumes()["Volumes"] or ()),
        images=frozenset(name for it in client.images() for name in _names(it)),
    )


def _names(image: dict[str, Any]) -> list[str]:
    return [tag for tag in image["RepoTags"] or () if tag != _NO_TAG] or [image["Id"]]
