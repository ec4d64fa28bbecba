"""Make the seed of an image: a volume of the level-0 engine that every level grafts the image from.

The volume holds `image.tar` (the output of `docker save`, for levels that load it), `data-root/` (of an engine that
has loaded it) and, written last, `seed.json`. An image has a seed for each image store that was asked for.
"""

from __future__ import annotations

import io
import json
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO

import docker
from docker.types import Mount

from inception.engine.translate import translated
from inception.errors import ImageError
from inception.payload import payload_archive
from inception.places import locked
from inception.plan.chain import seed_volume_name
from inception.plan.paths import SEED_DIRECTORY
from inception.plan.privileges import Privileges
from inception.plan.protocol import Program
from inception.plan.request import ImageStore

LABEL_SEED = "inception.seed"
"""Label of a seed's volume: the id of the image."""
LABEL_STORE = "inception.image-store"
"""Label of a seed's volume: the image store that was asked for."""
_PAYLOAD = "/opt/inception"
_CHUNK = 1 << 20


def ensure_seed(
    client: docker.APIClient,
    *,
    image: str,
    image_id: str,
    store: ImageStore,
    privileges: Privileges,
    patience: float,
    on_message: Callable[[str], None],
) -> str:
    """Make the seed of `image` for engines that use `store` unless it is there and complete; return the volume's name.

    Raises ImageError if the engine in the image cannot make it, and EngineError.
    """
    volume = seed_volume_name(image_id, store)
    with locked(f"{volume}.lock"), translated("making the seed"):
        if _is_complete(client, volume, image_id):
            return volume
        on_message(f"making the seed of {image}, once for this image")
        _remove_volume(client, volume)
        client.create_volume(volume, labels={LABEL_SEED: image_id, LABEL_STORE: store.value})
        try:
            _fill(client, volume, image, [Program.MAKE_SEED, image, str(patience), store.value], privileges)
        except BaseException:
            _remove_volume(client, volume)
            raise
    return volume


def _remove_volume(client: docker.APIClient, volume: str) -> None:
    try:
        client.remove_volume(volume, force=True)
    except docker.errors.NotFound:
        return


def _is_complete(client: docker.APIClient, volume: str, image_id: str) -> bool:
    try:
        client.inspect_volume(volume)
    except docker.errors.NotFound:
        return False
    with _container(client, volume, image_id, command=["true"], privileges=None) as container:
        try:
            chunks, _ = client.get_archive(container, str(SEED_DIRECTORY / "seed.json"))
        except docker.errors.NotFound:
            return False
        with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
            member = archive.extractfile("seed.json")
            return member is not None and "image_id" in json.load(member)


@contextmanager
def _container(
    client: docker.APIClient, volume: str, image: str, *, command: list[str], privileges: Privileges | None
) -> Iterator[str]:
    """Create a container of `image` with the seed's volume, writable, not started; remove it after the block."""
    created = client.create_container(
        image=image,
        # Any image can be a chain's, also one with an entrypoint, such as the standalone image.
        entrypoint=command,
        environment={"PYTHONPATH": _PAYLOAD},
        labels={LABEL_SEED: image},
        host_config=client.create_host_config(
            mounts=[Mount(str(SEED_DIRECTORY), volume, type="volume", no_copy=True)],
            network_mode="none",
            privileged=privileges is not None and privileges.privileged,
            cap_add=list(privileges.capabilities) if privileges and privileges.capabilities else None,
            security_opt=["seccomp=unconfined", "apparmor=unconfined", "label=disable"] if privileges else None,
            tmpfs={"/run": "mode=755"},
        ),
    )
    try:
        yield created["Id"]
    finally:
        client.remove_container(created["Id"], force=True, v=True)


def _fill(client: docker.APIClient, volume: str, image: str, program: list[str], privileges: Privileges) -> None:
    command = ["tini", "-s", "--", "python3", "-m", *program]
    with _container(client, volume, image, command=command, privileges=privileges) as container:
        client.put_archive(container, "/", payload_archive(_PAYLOAD.removeprefix("/")))
        with tempfile.TemporaryFile() as tarball:
            for chunk in client.get_image(image, chunk_size=_CHUNK):
                tarball.write(chunk)
            client.put_archive(container, str(SEED_DIRECTORY), _wrapped(tarball, "image.tar"))
        client.start(container)
        status = client.wait(container)["StatusCode"]
        if status != 0:
            log = client.logs(container, tail=1).decode(errors="replace").strip()
            raise ImageError(
                f"the seed of {image} could not be made: {log or f'status {status}'}",
                remedy="check the image with `inception image verify`, or use another --image or --image-store",
            )


def _wrapped(file: IO[bytes], name: str) -> Iterator[bytes]:
    """Yield `file` as the one member of a tar archive, in chunks: it may be larger than memory."""
    size = file.tell()
    file.seek(0)
    header = tarfile.TarInfo(name)
    header.size = size
    yield header.tobuf()
    while chunk := file.read(_CHUNK):
        yield chunk
    yield bytes(-size % tarfile.BLOCKSIZE + 2 * tarfile.BLOCKSIZE)
