"""Make the seed of an image: a volume of the level-0 engine that every level grafts the image from.

The volume holds `image.tar` (the output of `docker save`, for levels that load it), the same for each preload,
`data-root/` (of an engine that has loaded them) and, written last, `seed.json`. An image has a seed for each engine
that is given it, each image store that was asked for and each set of preloads: the engine in a level image makes the
data-roots that the levels of that image graft from. A seed with preloads begins as a copy of the one without, one in a
store that was asked for as a copy of the one in the engine's own choice, if that is the same, and one on the engine of
a level as a copy of the level's own: copying takes a fraction of the time of loading the image.
"""

from __future__ import annotations

import io
import json
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import PurePosixPath
from typing import IO, Any

import docker
from docker.types import Mount

from inception.engine.translate import reason, translated
from inception.errors import ImageError
from inception.image.preloads import opened
from inception.image.seed_records import find_record, write_record
from inception.level.containers import with_known_capabilities
from inception.payload import payload_archive
from inception.places import locked
from inception.plan.engine.preloads import Preload, show_preload
from inception.plan.engine.seeds import SeedPlan, bases_of
from inception.plan.light_dataclasses import replace
from inception.plan.paths import BASE_SEED_DIRECTORY, SEED_DIRECTORY, SEEDS_DIRECTORY, preload_file
from inception.plan.privileges import Privileges
from inception.plan.protocol import Program
from inception.plan.request import ImageStore
from inception.probe.helper_container import create_helper, helper_from

LABEL_SEED = "inception.seed"
"""Label of a seed's volume: the id of the image."""
LABEL_STORE = "inception.image-store"
"""Label of a seed's volume: the image store that was asked for."""
LABEL_PRELOADS = "inception.preloads"
"""Label of a seed's volume: the preloads in it, for people."""
_PAYLOAD = "/opt/inception"
_CHUNK = 1 << 20


def ensure_seed(
    client: docker.APIClient,
    seed: SeedPlan,
    *,
    source: docker.APIClient,
    privileges: Privileges,
    patience: float,
    on_message: Callable[[str], None],
) -> SeedPlan:
    """Make `seed` on the engine of `client` unless it is there and complete; return it as its engine describes it.

    The image comes from the engine of `source`, the image of the engine that makes the seed is on that of `client`.
    Raises ImageError if that engine cannot make it, and EngineError.
    """
    volume = seed.volume
    with locked(f"{volume}.lock"), translated("making the seed"):
        if (description := _describe(client, seed)) is None:
            by = "" if seed.engine_image == seed.image else f" for the engine of {seed.engine_image}"
            beside = " with its preloads" if seed.preloads else ""
            on_message(f"making the seed of {seed.image}{beside}{by}, once for this image")
            _remove_volume(client, volume)
            client.create_volume(volume, labels=_labels(seed))
            try:
                _fill(client, seed, source, patience, privileges)
                description = _describe(client, seed) or {}
            except BaseException:
                _remove_volume(client, volume)
                raise
    version = description.get("engine_version") or seed.engine_version
    return replace(seed, store=_store_of(description), engine_version=version)


def _store_of(description: Mapping[str, Any]) -> ImageStore:
    # Seeds were of this store alone before they named it.
    return ImageStore(description.get("image_store", ImageStore.OVERLAY2))


def _labels(seed: SeedPlan) -> dict[str, str]:
    labels = {LABEL_SEED: seed.image_id, LABEL_STORE: seed.store.value}
    return {**labels, LABEL_PRELOADS: ", ".join(map(show_preload, seed.preloads))} if seed.preloads else labels


def _remove_volume(client: docker.APIClient, volume: str) -> None:
    try:
        client.remove_volume(volume, force=True)
    except docker.errors.NotFound:
        return


def _describe(client: docker.APIClient, seed: SeedPlan) -> dict[str, Any] | None:
    """Return the content of the seed's `seed.json`, or None if the seed is not complete."""
    try:
        volume = client.inspect_volume(seed.volume)
    except docker.errors.NotFound:
        return None
    if (recorded := find_record(volume)) is not None:
        return recorded
    with _container(client, seed, command=["true"]) as container:
        description = _read_description(client, container, SEED_DIRECTORY)
    if description is not None:
        write_record(volume, description)
    return description


def _describe_base(client: docker.APIClient, seed: SeedPlan, base: Mount) -> dict[str, Any] | None:
    """Return the content of the `seed.json` in the directory that `base` mounts, or None if there is none."""
    try:
        with _container(client, seed, command=["true"], base=base) as container:
            return _read_description(client, container, BASE_SEED_DIRECTORY)
    except docker.errors.APIError:  # There is no such directory beside the engine.
        return None


def _read_description(client: docker.APIClient, container: str, directory: PurePosixPath) -> dict[str, Any] | None:
    try:
        chunks, _ = client.get_archive(container, str(directory / "seed.json"))
    except docker.errors.NotFound:
        return None
    with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
        member = archive.extractfile("seed.json")
        description: dict[str, Any] = {} if member is None else json.load(member)
        return description if "image_id" in description else None


def _container(
    client: docker.APIClient,
    seed: SeedPlan,
    *,
    command: list[str],
    privileges: Privileges | None = None,
    base: Mount | None = None,
) -> AbstractContextManager[str]:
    """Create a container of the engine's image with the seed's volume, not started; remove it after the block.

    `base` is the mount of the seed that this one begins as a copy of.
    """
    if privileges is None:
        return helper_from(client, lambda name: _create(client, name, seed, command, base, privileged=False))
    return helper_from(
        client,
        lambda name: with_known_capabilities(
            privileges,
            lambda known: _create(
                client,
                name,
                seed,
                command,
                base,
                privileged=known.privileged,
                cap_add=list(known.capabilities) or None,
                security_opt=["seccomp=unconfined", "apparmor=unconfined", "label=disable"],
            ),
        ),
    )


def _create(
    client: docker.APIClient, name: str, seed: SeedPlan, command: list[str], base: Mount | None, **host_config: Any
) -> str:
    mounts = [Mount(str(SEED_DIRECTORY), seed.volume, type="volume", no_copy=True)]
    if base is not None:
        mounts.append(base)
    return create_helper(
        client,
        # Engines with other image stores have other ids of one image.
        seed.engine_image if seed.home else seed.engine_image_id,
        command,
        name=name,
        environment={"PYTHONPATH": _PAYLOAD},
        host_config={"mounts": mounts, "tmpfs": {"/run": "mode=755"}, **host_config},
    )


def _fill(
    client: docker.APIClient, seed: SeedPlan, source: docker.APIClient, patience: float, privileges: Privileges
) -> None:
    preloads = [json.dumps({"names": it.names, "digests": it.digests}) for it in seed.preloads]
    program = ["python3", "-m", Program.MAKE_SEED, seed.image, str(patience), seed.store.value, *preloads]
    base = _find_base(client, seed)
    command = ["tini", "-s", "--", *program]
    with _container(client, seed, command=command, privileges=privileges, base=base) as container:
        client.put_archive(container, "/", payload_archive(_PAYLOAD.removeprefix("/")))
        if base is None:
            with tempfile.TemporaryFile() as tarball:
                for chunk in source.get_image(seed.image, chunk_size=_CHUNK):
                    tarball.write(chunk)
                client.put_archive(container, str(SEED_DIRECTORY), _wrapped(tarball, "image.tar"))
        for index, preload in enumerate(seed.preloads):
            with tempfile.TemporaryFile() as place, _openable(preload), opened(source, preload, place) as archive:
                client.put_archive(container, str(SEED_DIRECTORY), _wrapped(archive, preload_file(index)))
        try:
            client.start(container)
        except docker.errors.APIError as error:
            # It lacks tini, the first program of every level.
            raise ImageError(
                f"{seed.engine_image} is not a level image: {reason(error)}",
                remedy="see `inception image ls` for those that are here, or make one with `inception image build`",
            ) from error
        status = client.wait(container)["StatusCode"]
        if status != 0:
            log = client.logs(container, tail=1).decode(errors="replace").strip()
            raise ImageError(
                f"the seed of {seed.image} could not be made by the engine of {seed.engine_image}: "
                f"{log or f'status {status}'}",
                remedy="check the image with `inception image verify`, or use another image or --image-store",
            )


def _find_base(client: docker.APIClient, seed: SeedPlan) -> Mount | None:
    """Return the mount of a complete seed that this one can begin as a copy of, or None."""
    for base in bases_of(seed):
        if _has_store(seed, base, _describe(client, base)):
            return Mount(str(BASE_SEED_DIRECTORY), base.volume, type="volume", no_copy=True, read_only=True)
    for base in (seed, *bases_of(seed)):
        # The engine may be that of a level, which has its seeds from the level above.
        mount = Mount(str(BASE_SEED_DIRECTORY), str(SEEDS_DIRECTORY / base.volume), type="bind", read_only=True)
        if _has_store(seed, base, _describe_base(client, seed, mount)):
            return mount
    return None


def _has_store(seed: SeedPlan, base: SeedPlan, description: Mapping[str, Any] | None) -> bool:
    """Return whether `base`, with its `description` if it is there and complete, has the store that `seed` needs."""
    return description is not None and seed.store in {base.store, _store_of(description)}


@contextmanager
def _openable(preload: Preload) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.filename is None:
            raise
        raise ImageError(
            f"preload {preload.source} cannot be read: {error.strerror}", remedy="put the file back, or leave it out"
        ) from error


def _wrapped(file: IO[bytes], name: str) -> Iterator[bytes]:
    """Yield `file` as the one member of a tar archive, in chunks: it may be larger than memory."""
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    header = tarfile.TarInfo(name)
    header.size = size
    yield header.tobuf()
    while chunk := file.read(_CHUNK):
        yield chunk
    yield bytes(-size % tarfile.BLOCKSIZE + 2 * tarfile.BLOCKSIZE)
