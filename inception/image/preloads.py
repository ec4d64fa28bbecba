"""Look up the images that levels are to have from their start, at level 0 or in archives, and write them to files."""

from __future__ import annotations

import hashlib
import json
import lzma
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import IO, Any

import docker

from inception.engine.translate import reason, translated
from inception.errors import ImageError
from inception.plan.engine.preloads import Preload, distinct_preloads, is_archive

_CHUNK_BYTES = 1 << 20
_MANIFEST = "manifest.json"
_JSON_LIMIT = 16 << 20
"""Bytes of a manifest or of a configuration that are read."""
_NO_NAME = "<none>"
_SAVED = "give a file that `docker save` wrote"


def find_preloads(client: docker.APIClient, sources: Iterable[str]) -> tuple[Preload, ...]:
    """Return the preloads that `sources` name: images on the engine of `client`, or archives by absolute paths.

    Raises ImageError for one that is not there or holds no image, and EngineError.
    """
    return distinct_preloads(_in_archive(Path(it)) if is_archive(it) else _on_engine(client, it) for it in sources)


def _on_engine(client: docker.APIClient, name: str) -> Preload:
    with translated(f"looking for image {name}"):
        try:
            found = client.inspect_image(name)
        except docker.errors.APIError as error:
            # An engine answers so for what cannot be a name, too.
            if error.status_code not in {HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND}:
                raise
            why = "" if error.status_code == HTTPStatus.NOT_FOUND else f": {reason(error)}"
            raise ImageError(
                f"preload {name} is no image of level 0{why}",
                remedy="`docker pull`, build or load it there, or give an archive that `docker save` wrote",
            ) from error
    return Preload(
        source=name,
        identity=found["Id"],
        names=_known(found.get("RepoTags")),
        digests=_known(found.get("RepoDigests")),
        size=int(found["Size"]),
    )


def _known(names: Iterable[str] | None) -> tuple[str, ...]:
    return tuple(sorted(name for name in names or () if _NO_NAME not in name))


def _in_archive(file: Path) -> Preload:
    """Return the preload of all images in `file`, named by what it holds: the file may change. Raises ImageError."""
    try:
        with tarfile.open(file) as archive:
            images = _json_in(archive, _MANIFEST)
            names = [name for image in images for name in image.get("RepoTags") or ()]
            whole = hashlib.sha256()
            for image in images:
                whole.update(hashlib.sha256(_read(archive, image["Config"])).digest())
        size = file.stat().st_size
    except OSError as error:
        raise ImageError(f"preload {file} cannot be read: {error.strerror or error}", remedy=_SAVED) from error
    except (EOFError, tarfile.TarError, zlib.error, lzma.LZMAError) as error:
        raise ImageError(f"preload {file} is no archive, or not a whole one", remedy=_SAVED) from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ImageError(f"preload {file} holds no image", remedy=_SAVED) from error
    if not images:
        raise ImageError(f"preload {file} holds no image", remedy=_SAVED)
    return Preload(source=str(file), identity=f"archive:{whole.hexdigest()}", names=_known(names), size=size)


def _json_in(archive: tarfile.TarFile, name: str) -> list[dict[str, Any]]:
    value = json.loads(_read(archive, name))
    if not isinstance(value, list):
        raise TypeError(name)
    return value


def _read(archive: tarfile.TarFile, name: str) -> bytes:
    """Return the content of a small file in an archive. Raises KeyError if it has none, ValueError if it is large."""
    member = archive.extractfile(name)
    content = b"" if member is None else member.read(_JSON_LIMIT + 1)
    if len(content) > _JSON_LIMIT:
        raise ValueError(name)
    return content


@contextmanager
def opened(client: docker.APIClient, preload: Preload, place: IO[bytes]) -> Iterator[IO[bytes]]:
    """Give the archive with the preload, from its beginning: its own file, or what the engine saves into `place`."""
    if preload.is_archive:
        with Path(preload.source).open("rb") as file:
            yield file
        return
    with translated(f"saving image {preload.source}"):
        for chunk in client.get_image(preload.saved_as, chunk_size=_CHUNK_BYTES):
            place.write(chunk)
    place.flush()
    place.seek(0)
    yield place
