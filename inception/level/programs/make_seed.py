"""`python -m inception.level.programs.make_seed TAG PATIENCE`: make the seed of an image, with a real engine.

The client runs it once for each image, in a container of that image whose seed directory is the volume and already
has `image.tar` in it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import docker

from inception.level.daemons import CONTAINERD_SOCKET, start_containerd, start_dockerd, wait_for_socket
from inception.level.engine_client import API_VERSION, load_as
from inception.level.graft import Seed
from inception.plan.engine_settings import DockerdConfiguration
from inception.plan.limits import TimeLimits
from inception.plan.paths import SEED_DIRECTORY

_SOCKET = Path("/run/docker.sock")
_CONTAINERD_ROOT = Path("/run/containerd-root")
_LOGS = Path("/run")


def main() -> None:
    """Load `image.tar` into a fresh data-root, and write `seed.json` last: a seed without it is not complete."""
    make_seed(Path(SEED_DIRECTORY), sys.argv[1], TimeLimits().scaled(float(sys.argv[2])))


def make_seed(directory: Path, tag: str, limits: TimeLimits) -> None:
    """Make the seed of image `tag` in `directory`. Raises PhaseError or docker.errors.DockerException."""
    seed = Seed(directory=directory, image_id="")
    containerd = start_containerd(_CONTAINERD_ROOT, _LOGS / "containerd.log")
    wait_for_socket(CONTAINERD_SOCKET, containerd, limits.containerd_s)
    settings = {
        "containerd": str(CONTAINERD_SOCKET),
        "data-root": str(seed.data_root),
        "hosts": [f"unix://{_SOCKET}"],
        "storage-driver": "overlay2",
        "bridge": "none",
        "iptables": False,
    }
    dockerd = start_dockerd(DockerdConfiguration(settings=json.dumps(settings), arguments=()), _LOGS / "dockerd.log")
    try:
        wait_for_socket(_SOCKET, dockerd, limits.dockerd_s)
        client = docker.APIClient(base_url=f"unix://{_SOCKET}", version=API_VERSION, timeout=int(limits.image_s))
        load_as(client, seed.tarball, tag)
        image_id = client.inspect_image(tag)["Id"]
        engine_version = client.version()["Version"]
    finally:
        dockerd.stop(limits.level_stop_s)
        containerd.stop(limits.level_stop_s)
    described = {"image_id": image_id, "image": tag, "engine_version": engine_version}
    (directory / "seed.json").write_text(json.dumps(described) + "\n")


if __name__ == "__main__":
    main()
