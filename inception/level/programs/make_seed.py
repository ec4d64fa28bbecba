"""`python -m inception.level.programs.make_seed TAG PATIENCE STORE PRELOAD...`: make a seed, with a real engine.

The client runs it once for each image, image store and set of preloads, in a container of that image whose seed
directory is the volume and already has `image.tar` and the archives of the preloads in it. Where the container has
another seed to begin with, that is copied instead of `image.tar`, and the engine has the image already.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from inception.level.early.daemons import start_containerd
from inception.level.early.processes import Daemon
from inception.level.engine.client import connect, id_of_image, load_as, load_preload
from inception.level.engine.daemons import (
    CONTAINERD_SOCKET,
    image_settings,
    start_dockerd,
    wait_for_socket,
)
from inception.level.failure import PhaseError
from inception.level.images.graft import data_root_in, tarball_in
from inception.level.images.store import store_in_use, store_settings
from inception.plan.directories import CONTAINERD_ROOT
from inception.plan.engine.settings import DockerdConfiguration, SettingsFile, configure
from inception.plan.engine.versions import has_containerd_store, parse_engine_version
from inception.plan.paths import BASE_SEED_DIRECTORY, SEED_DIRECTORY, preload_file
from inception.plan.request import ImageStore
from inception.plan.time_limits import TimeLimits

_SOCKET = Path("/run/docker.sock")
_LOGS = Path("/run")
_VERSION_WITHOUT_OPTIONS = "0"
"""Version of an engine that is given no settings which only newer ones know: its own is not known yet."""


def main() -> None:
    """Load the archives into a fresh data-root, and write `seed.json` last: a seed without it is not complete."""
    _, tag, patience, store, *preloads = sys.argv
    limits = TimeLimits().scaled(float(patience))
    try:
        make_seed(Path(SEED_DIRECTORY), tag, ImageStore(store), limits, tuple(map(json.loads, preloads)))
    except PhaseError as error:
        sys.exit(str(error))


def make_seed(
    directory: Path,
    tag: str,
    store: ImageStore,
    limits: TimeLimits,
    preloads: Sequence[Mapping[str, Sequence[str]]] = (),
) -> None:
    """Make the seed of image `tag` in `directory`, for engines that use `store`, with the `names` of each preload.

    AUTO is the store that the engine uses by itself. Raises PhaseError or docker.errors.DockerException.
    """
    check_store(store, subprocess.run(("dockerd", "--version"), capture_output=True, text=True, check=False).stdout)
    data_root = data_root_in(directory)
    copy_base_seed(Path(BASE_SEED_DIRECTORY), directory)
    containerd = start_containerd(data_root, _LOGS / "containerd.log")
    wait_for_socket(CONTAINERD_SOCKET, containerd, limits.containerd_s)
    dockerd = start_dockerd(dockerd_configuration(data_root, store), _LOGS / "dockerd.log")
    try:
        wait_for_dockerd(dockerd, store, limits)
        with connect(f"unix://{_SOCKET}", timeout_s=int(limits.image_s)) as client:
            used = store_in_use(client.info())
            if store not in {ImageStore.AUTO, used}:
                raise PhaseError(f"its engine has no image store {store}, but {used}")
            # A copied data-root has it, unless the tag is new to it.
            if (image_id := id_of_image(client, tag)) is None:
                load_as(client, tarball_in(directory), tag)
                image_id = client.inspect_image(tag)["Id"]
            loaded = [
                load_preload(client, directory / preload_file(index), preload["names"])
                for index, preload in enumerate(preloads)
            ]
            engine_version = client.version()["Version"]
    finally:
        dockerd.stop(limits.level_stop_s)
        containerd.stop(limits.level_stop_s)
    if used is not ImageStore.CONTAINERD:
        shutil.rmtree(data_root / CONTAINERD_ROOT)
        for preload, ids in zip(preloads, loaded, strict=True):
            name_by_digests(data_root, ids, preload["digests"])
    described = {
        "image_id": image_id,
        "image": tag,
        "engine_version": engine_version,
        "image_store": used,
        "preloads": [
            {"image_ids": ids, "names": preload["names"]} for preload, ids in zip(preloads, loaded, strict=True)
        ],
    }
    (directory / "seed.json").write_text(json.dumps(described) + "\n")


def copy_base_seed(base: Path, directory: Path) -> None:
    """Copy data-root and image of the seed in `base`, if it is there, to `directory`. Raises PhaseError."""
    if not base.exists():
        return
    sources = (data_root_in(base), tarball_in(base))
    copied = subprocess.run(("cp", "--archive", *sources, directory), capture_output=True, text=True, check=False)
    if copied.returncode != 0:
        raise PhaseError(f"the seed to begin with cannot be copied: {copied.stderr.strip()}")


def name_by_digests(data_root: Path, image_ids: Sequence[str], digests: Iterable[str]) -> None:
    """Give an image in overlay2's store of a stopped engine names like `app@sha256:...`, which no archive carries.

    An archive has no manifest of a registry, whose digest this is. In containerd's store an image is its manifest.
    """
    file = data_root / "image" / ImageStore.OVERLAY2 / "repositories.json"
    known = json.loads(file.read_text())
    for name in digests:
        known["Repositories"].setdefault(name.partition("@")[0], {})[name] = image_ids[0]
    file.write_text(json.dumps(known))


def check_store(store: ImageStore, answer: str) -> None:
    """Raise PhaseError if the dockerd that gives `answer` to --version is too old for `store`."""
    version = parse_engine_version(answer)
    if store is ImageStore.CONTAINERD and not has_containerd_store(version):
        raise PhaseError(f"Docker {version} cannot keep images in containerd's store, and 24 is the first that can")


def wait_for_dockerd(dockerd: Daemon, store: ImageStore, limits: TimeLimits) -> None:
    """Wait until `dockerd` takes connections. Raises PhaseError, which names a `store` that was asked for."""
    try:
        wait_for_socket(_SOCKET, dockerd, limits.dockerd_s)
    except PhaseError as error:
        if store is ImageStore.AUTO:
            raise
        raise PhaseError(f"its engine does not start with image store {store}: {error}") from error


def dockerd_configuration(data_root: Path, store: ImageStore) -> DockerdConfiguration:
    """Return the configuration of the dockerd that makes a seed. With AUTO the image's own file chooses the store."""
    own = {
        "containerd": str(CONTAINERD_SOCKET),
        "data-root": str(data_root),
        "hosts": [f"unix://{_SOCKET}"],
        "bridge": "none",
        "iptables": False,
    }
    return configure(
        own,
        needed=frozenset(own),
        files=image_settings(),
        fixed=SettingsFile(source="image store", text="" if store is ImageStore.AUTO else store_settings(store)),
        engine_version=_VERSION_WITHOUT_OPTIONS,
    )


if __name__ == "__main__":
    main()
