"""Compile a level's payload with the Python of its image, once for both, so that no chain's first level has to.

A level's own byte code is no source for another chain's: whoever worked in that level could have changed it.
"""

from __future__ import annotations

import io
import logging
import shutil
import tarfile
import tempfile
from pathlib import Path

import docker
from requests.exceptions import RequestException

from inception.payload import payload_archive, payload_digest, payload_files
from inception.places import locked, make_private, state_directory
from inception.probe.helper_container import helper_container

COMPILE = ("python3", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash")
"""Command that compiles a directory to byte code which is compared with no source: a digest of all of it names it."""
_PAYLOAD = "/opt/inception"
_KEPT = 8
"""Sets of byte code on this machine, of some 1 MB each: the latest ones."""
_log = logging.getLogger(__name__)


def ensure_byte_code(client: docker.APIClient, image_id: str) -> None:
    """Compile the payload with the Python of an image unless that is done; without success a level does it.

    Raises InceptionError if the state directory cannot be made, and OSError.
    """
    place = byte_code_of(image_id)
    if place.exists():
        return
    with locked("byte-code.lock"):
        if place.exists():  # Another client has just compiled it.
            return
        make_private(place.parent)
        with tempfile.TemporaryDirectory(dir=place.parent) as scratch:
            made = Path(scratch, "made")
            made.mkdir()
            try:
                _unpack(_compile(client, image_id), made)
            except (docker.errors.DockerException, RequestException, tarfile.TarError) as error:
                _log.debug("the payload was not compiled by image %s: %s", image_id, error)
                return
            made.rename(place)
        _remove_old(place.parent)


def byte_code_of(image_id: str) -> Path:
    """Return the directory with the payload's byte code for levels of an image, laid out as the payload is.

    It may not be there.
    """
    image = image_id.removeprefix("sha256:")[:12]
    return state_directory() / "byte-code" / f"{image}-{payload_digest()[:12]}"


def _compile(client: docker.APIClient, image_id: str) -> bytes:
    """Return a tar archive of the payload as compiled in a container.

    Raises DockerException, also if it cannot be compiled, and RequestException.
    """
    with helper_container(client, image_id, (*COMPILE, _PAYLOAD)) as container:
        client.put_archive(container, "/", payload_archive(_PAYLOAD.removeprefix("/")))
        client.start(container)
        if status := client.wait(container)["StatusCode"]:
            raise docker.errors.DockerException(f"compileall ended with status {status}")
        chunks, _ = client.get_archive(container, f"{_PAYLOAD}/inception")
        return b"".join(chunks)


def _unpack(archive: bytes, directory: Path) -> None:
    """Write each file of byte code in `archive` that belongs to the payload below `directory`.

    Raises TarError and OSError.
    """
    sources = set(payload_files())
    with tarfile.open(fileobj=io.BytesIO(archive)) as members:
        for member in members:
            path = Path(member.name)
            source = path.parent.parent / f"{path.name.partition('.')[0]}.py"
            ours = source in sources and path.parent.name == "__pycache__" and path.suffix == ".pyc"
            if ours and (content := members.extractfile(member)) is not None:
                (directory / path).parent.mkdir(parents=True, exist_ok=True)
                (directory / path).write_bytes(content.read())


def _remove_old(directory: Path) -> None:
    """Remove all but the latest sets. One that a chain copies just now is whole again for the next chain."""
    found = sorted((it for it in directory.iterdir() if it.is_dir()), key=lambda it: it.stat().st_mtime, reverse=True)
    for old in found[_KEPT:]:
        shutil.rmtree(old, ignore_errors=True)
