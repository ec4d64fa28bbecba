"""List, export, load and remove the level images on an engine, each with its seed."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import docker

from inception.engine.translate import reason, translated
from inception.errors import ImageError
from inception.image.recipe import LABEL_ENGINE, LABEL_MADE_OF, LABEL_RECIPE, LABEL_WAY
from inception.plan.engine.seeds import ImageFacts, is_seed_of
from inception.plan.light_dataclasses import dataclass

_CHUNK_BYTES = 1 << 20
_LOADED = re.compile(r"Loaded image(?: ID)?: (\S+)")
"""A line of the engine about an image that it has loaded, with its tag, or its id if it has none."""


@dataclass(frozen=True, kw_only=True)
class StoredImage:
    """Level image on an engine. `size_bytes` is unpacked, `created_s` Unix time, `engine_version` empty if unknown.

    `seed` is the volume of its seed if any, the first of several. `made_of` is the id of the level image that this one
    is made of: see `image.standalone`.
    """

    tags: tuple[str, ...]
    image_id: str
    size_bytes: int
    created_s: int
    recipe: str
    way: str
    engine_version: str
    seed: str | None
    made_of: str | None


def find_image(client: docker.APIClient, tag: str) -> str | None:
    """Return the id of the image with `tag` (or id) on the engine, or None. Raises EngineError."""
    with translated(f"looking for image {tag}"):
        try:
            image_id: str = client.inspect_image(tag)["Id"]
        except docker.errors.NotFound:
            return None
    return image_id


def read_image(client: docker.APIClient, name: str) -> ImageFacts | None:
    """Return the facts of the image with the tag or id `name`, or None if it is not there. Raises EngineError."""
    with translated(f"looking for image {name}"):
        try:
            found = client.inspect_image(name)
        except docker.errors.NotFound:
            return None
    labels = (found.get("Config") or {}).get("Labels") or {}
    return ImageFacts(
        name=name, image_id=found["Id"], size=int(found["Size"]), engine_version=labels.get(LABEL_ENGINE, "")
    )


def list_images(client: docker.APIClient) -> tuple[StoredImage, ...]:
    """Return every level image that inception built on the engine: those made of others first, then the newest.

    Raises EngineError.
    """
    with translated("listing level images"):
        images = client.images(filters={"label": LABEL_RECIPE})
        # Docker does not list an untagged image while another is made of it, nor a build's intermediate images: of
        # these only the former are level images.
        bases = {image["Labels"].get(LABEL_MADE_OF) for image in images} - {image["Id"] for image in images}
        images += [it for it in client.images(all=True, filters={"label": LABEL_RECIPE}) if it["Id"] in bases]
        volumes = _volumes(client)
    stored = (
        StoredImage(
            # An engine before 24 has a tag <none>:<none> for an image without any.
            tags=tuple(tag for tag in image.get("RepoTags") or () if tag != "<none>:<none>"),
            image_id=image["Id"],
            size_bytes=image["Size"],
            created_s=image["Created"],
            recipe=image["Labels"][LABEL_RECIPE],
            way=image["Labels"].get(LABEL_WAY, ""),
            engine_version=image["Labels"].get(LABEL_ENGINE, ""),
            seed=next((volume for volume in volumes if is_seed_of(volume, image["Id"])), None),
            made_of=image["Labels"].get(LABEL_MADE_OF),
        )
        for image in images
    )
    return tuple(sorted(stored, key=lambda image: (image.made_of is None, -image.created_s)))


def stored_image(client: docker.APIClient, tag: str) -> StoredImage:
    """Return the level image with this tag. Raises ImageError if there is none, and EngineError."""
    for image in list_images(client):
        if tag in image.tags:
            return image
    raise _not_there(tag)


def remove_image(client: docker.APIClient, name: str) -> None:
    """Remove the image with the tag or id `name`, its seed, and the images made of it.

    Raises ImageError if there is none or a container uses it; nothing is removed then. Raises EngineError.
    """
    image_id = find_image(client, name)
    if image_id is None:
        raise _not_there(name)
    users = _containers_of(client, image_id)
    if users:
        raise ImageError(
            f"image {name} is in use by {', '.join(users)}",
            remedy="end the chains or remove the containers that use it",
        )
    _remove_made_of(client, image_id)
    _remove_seeds(client, image_id)
    # The engine has removed it already if it had no tag: with the last image made of it.
    with translated(f"removing image {name}"), suppress(docker.errors.NotFound):
        client.remove_image(name)


def remove_superseded(client: docker.APIClient) -> None:
    """Remove the untagged level images, which newer ones replaced, and their seeds, unless a container uses them."""
    for image in list_images(client):
        if not image.tags and not _containers_of(client, image.image_id):
            _remove_made_of(client, image.image_id)
            _remove_seeds(client, image.image_id)
            with translated("removing an older level image"), suppress(docker.errors.NotFound):
                client.remove_image(image.image_id)


def export_image(client: docker.APIClient, name: str, path: Path) -> int:
    """Write the image to `path` as `docker save` does; return the bytes written. Never leaves part of a file.

    Raises ImageError if there is no such image or `path` cannot be written, and EngineError.
    """
    if find_image(client, name) is None:
        raise _not_there(name)
    try:
        descriptor, part = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            for chunk in _saved(client, name):
                file.write(chunk)
            size = file.tell()
        Path(part).chmod(0o644)
        Path(part).replace(path)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        Path(part).unlink(missing_ok=True)
    return size


def load_image(client: docker.APIClient, path: Path) -> tuple[str, ...]:
    """Load the images of an archive that `export_image` or `docker save` wrote; return their tags, or ids.

    Raises ImageError if `path` cannot be read or is no such archive, and EngineError.
    """
    remedy = "give a file that inception image export or docker save wrote"
    try:
        with path.open("rb") as file, translated(f"loading {path}"):
            messages = list(client.load_image(file))
    except OSError as error:
        raise ImageError(f"{path} cannot be read: {error.strerror}", remedy=remedy) from error
    if refusals := [message["error"] for message in messages if "error" in message]:
        raise ImageError(f"{path} cannot be loaded: {refusals[0].strip()}", remedy=remedy)
    names = tuple(found[1] for message in messages if (found := _LOADED.match(message.get("stream", ""))))
    if not names:
        raise ImageError(f"{path} holds no image", remedy=remedy)
    return names


def _saved(client: docker.APIClient, name: str) -> Iterator[bytes]:
    with translated(f"exporting image {name}"):
        yield from client.get_image(name, chunk_size=_CHUNK_BYTES)


def _not_there(name: str) -> ImageError:
    return ImageError(
        f"image {name} is not on this engine", remedy="see inception image ls, or make it with inception image build"
    )


def _unwritable(path: Path, error: OSError) -> ImageError:
    return ImageError(f"{path} cannot be written: {error.strerror}", remedy="name a file in a directory with room")


def _containers_of(client: docker.APIClient, image_id: str) -> tuple[str, ...]:
    with translated("listing the containers of the image"):
        containers = client.containers(all=True, filters={"ancestor": image_id})
    return tuple(sorted(container["Names"][0].removeprefix("/") for container in containers))


def _remove_made_of(client: docker.APIClient, image_id: str) -> None:
    for image in list_images(client):
        if image.made_of == image_id:
            _remove_seeds(client, image.image_id)
            with translated(f"removing image {', '.join(image.tags) or image.image_id}"):
                client.remove_image(image.image_id, force=True)


def _volumes(client: docker.APIClient) -> tuple[str, ...]:
    """Return the names of the engine's volumes, the shortest first: an image's own seed before others."""
    names = (volume["Name"] for volume in client.volumes().get("Volumes") or ())
    return tuple(sorted(names, key=lambda name: (len(name), name)))


def _remove_seeds(client: docker.APIClient, image_id: str) -> None:
    """Remove the seeds of the image, and those that the engine in it has made."""
    with translated("looking for seeds"):
        volumes = _volumes(client)
    for volume in volumes:
        if is_seed_of(volume, image_id):
            _remove_seed(client, volume)


def _remove_seed(client: docker.APIClient, volume: str) -> None:
    with translated(f"removing the seed {volume}"):
        try:
            client.remove_volume(volume)
        except docker.errors.NotFound:
            return
        except docker.errors.APIError as error:
            raise ImageError(
                f"the seed {volume} stays: {reason(error)}",
                remedy="end the chains or remove the containers that use it",
            ) from error
