"""The containers, networks, volumes and images of an engine: read them, and remove those that are new."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, fields
from http import HTTPStatus

import docker
from requests.exceptions import RequestException

_AT_ONCE = 8
"""Things removed at the same time."""
_REMOVAL_LIMIT_S = 30
"""Seconds for a container that is being removed by somebody else."""


class NotRestored(Exception):
    """Error: an engine lacks what it held before, keeps what is new, or no longer answers."""


@dataclass(frozen=True, kw_only=True)
class Contents:
    """Things in an engine: ids of containers and networks, names of volumes, ids of images with each of their tags."""

    containers: frozenset[str]
    networks: frozenset[str]
    volumes: frozenset[str]
    images: frozenset[tuple[str, str | None]]

    @classmethod
    def of(cls, client: docker.APIClient) -> Contents:
        """Read what the engine holds. Raises docker.errors.APIError or RequestException."""
        return cls(
            containers=frozenset(it["Id"] for it in client.containers(all=True)),
            networks=frozenset(it["Id"] for it in client.networks()),
            volumes=frozenset(it["Name"] for it in client.volumes()["Volumes"] or ()),
            images=frozenset((it["Id"], tag) for it in client.images() for tag in it["RepoTags"] or (None,)),
        )


@contextmanager
def restored(client: docker.APIClient) -> Iterator[None]:
    """Remove at the end what the engine did not hold at the beginning. Raises NotRestored."""
    before = Contents.of(client)
    try:
        yield
    finally:
        restore(client, before)


def restore(client: docker.APIClient, before: Contents) -> None:
    """Remove what is new since `before`, and the build cache. Raises NotRestored."""
    try:
        now = Contents.of(client)
        if now != before:
            _remove_new(client, before, now)
            now = Contents.of(client)
        client.prune_builds(all=True)
    except (docker.errors.DockerException, RequestException) as error:
        raise NotRestored(f"the engine cannot be restored: {error}") from error
    if now != before:
        raise NotRestored("; ".join(_differences(before, now)))


def _remove_new(client: docker.APIClient, before: Contents, now: Contents) -> None:
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as threads:

        def remove_all(remove: Callable[[str], None], things: Iterable[str]) -> None:
            list(threads.map(remove, things))

        remove_all(lambda it: _remove_container(client, it), now.containers - before.containers)
        # Nothing uses these any more. An anonymous volume is gone with its container.
        remove_all(lambda it: _unless_gone(client.remove_network, it), now.networks - before.networks)
        remove_all(lambda it: _unless_gone(client.remove_volume, it), now.volumes - before.volumes)
    _remove_images(client, removable(before, now))


def removable(before: Contents, now: Contents) -> frozenset[str]:
    """Return the ids of new images, and the new tags of those that were there before."""
    known = {identity for identity, _ in before.images}
    new = now.images - before.images
    return frozenset(tag if identity in known and tag else identity for identity, tag in new)


def _remove_images(client: docker.APIClient, images: frozenset[str]) -> None:
    """Remove `images`, those that others are made from last. Raises docker.errors.APIError."""
    while images:
        in_use = frozenset(it for it in images if not _try_to_remove(client, it))
        if in_use == images:
            return
        images = in_use


def _try_to_remove(client: docker.APIClient, image: str) -> bool:
    try:
        _unless_gone(lambda it: client.remove_image(it, force=True), image)
    except docker.errors.APIError as error:
        if error.status_code != HTTPStatus.CONFLICT:
            raise
        return False
    return True


def _remove_container(client: docker.APIClient, container: str) -> None:
    try:
        _unless_gone(lambda it: client.remove_container(it, force=True, v=True), container)
    except docker.errors.APIError as error:
        if error.status_code != HTTPStatus.CONFLICT:
            raise
        # Its removal is in progress, as that of a container with --rm.
        _unless_gone(lambda it: client.wait(it, condition="removed", timeout=_REMOVAL_LIMIT_S), container)


def _unless_gone(remove: Callable[[str], object], thing: str) -> None:
    try:
        remove(thing)
    except docker.errors.NotFound:
        return


def _differences(before: Contents, now: Contents) -> Iterator[str]:
    """Yield a line for each kind of thing that differs."""
    for field in fields(Contents):
        old, new = getattr(before, field.name), getattr(now, field.name)
        if gone := old - new:
            yield f"{field.name} that were there are gone: {_listed(gone)}"
        if left := new - old:
            yield f"{field.name} cannot be removed: {_listed(left)}"


def _listed(things: frozenset[object]) -> str:
    return ", ".join(sorted(map(str, things)))
