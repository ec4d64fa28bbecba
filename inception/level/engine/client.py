"""Clients of an engine by the Docker SDK. A runner needs them only to load an image (see `api.client`)."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path

import docker
from docker.constants import DEFAULT_DOCKER_API_VERSION
from requests import Response
from requests.exceptions import RequestException

from inception.level.api.client import ask_version, older
from inception.level.failure import PhaseError
from inception.plan.chain import ChainPlan

ENGINE_GONE = (docker.errors.DockerException, RequestException, OSError)
"""Exceptions raised where no engine answers, or where one answers with an error."""
_UNIX = "unix://"
_log = logging.getLogger(__name__)
_LOADED = re.compile(r"^Loaded image(?: ID)?: (\S+)", re.MULTILINE)
_negotiated: dict[str, tuple[int, str]] = {}
"""By address of an engine: the time stamp of its socket, which a new engine makes anew, and the version spoken."""


def connect_level(plan: ChainPlan, number: int) -> docker.APIClient:
    """Return a client of the engine of level `number`; its requests may take as long as the longest phase."""
    return connect(f"unix://{plan.paths.socket(number)}", timeout_s=int(plan.limits.image_s))


def connect(address: str, *, timeout_s: int) -> docker.APIClient:
    """Return a client of the engine at the unix socket `address`, with the version of the API that both know.

    Raises no error where no engine answers: the client's first request does.
    """
    version = api_version(address, timeout_s=timeout_s)
    return logged(docker.APIClient(base_url=address, version=version, timeout=timeout_s), address)


def api_version(address: str, *, timeout_s: float) -> str:
    """Return the version to speak to the engine at `address`, asked once for each engine; the SDK's if none answers."""
    stamp, version = _negotiated.get(address, (None, DEFAULT_DOCKER_API_VERSION))
    try:
        if stamp != _time_stamp(address):
            version = negotiate(address, timeout_s=timeout_s)
    except ENGINE_GONE:
        _log.debug("%s: no engine answers with its version", address)
    return version


def negotiate(address: str, *, timeout_s: float) -> str:
    """Wait until the engine at `address` answers; return the newest version of the API that it and the SDK know.

    Raises one of ENGINE_GONE if it does not answer within `timeout_s` seconds.
    """
    stamp = _time_stamp(address)
    version = older(ask_version(address.removeprefix(_UNIX), timeout_s), DEFAULT_DOCKER_API_VERSION)
    _negotiated[address] = stamp, version
    return version


def _time_stamp(address: str) -> int:
    return Path(address.removeprefix(_UNIX)).stat().st_mtime_ns


def logged(client: docker.APIClient, address: str) -> docker.APIClient:
    """Log each answer of the engine at `address` to `client` at level DEBUG; return `client`."""

    def log(response: Response, **_: object) -> None:
        request, took_ms = response.request, response.elapsed / timedelta(milliseconds=1)
        _log.debug("%s: %s %s: %d in %.1f ms", address, request.method, request.path_url, response.status_code, took_ms)

    client.hooks["response"].append(log)
    return client


def id_of_image(client: docker.APIClient, image: str) -> str | None:
    """Return the id of `image` in the engine; None if it is not there, or so damaged that the engine reports an error.

    It depends on the image store: that of a configuration, or, in containerd's, of a manifest.
    """
    try:
        return str(client.inspect_image(image)["Id"])
    except docker.errors.APIError as error:
        _log.debug("image %s: %s", image, error)
        return None


def load_tarball(client: docker.APIClient, tarball: Path) -> tuple[str, ...]:
    """Load a tarball; return the names (or ids) of its images. Raises PhaseError if the engine refuses."""
    loaded: list[str] = []
    with tarball.open("rb") as stream:
        for message in client.load_image(stream):
            if "error" in message:
                raise PhaseError(f"docker load: {message['error']}")
            loaded += _LOADED.findall(message.get("stream", ""))
    return tuple(dict.fromkeys(loaded))


def load_as(client: docker.APIClient, tarball: Path, image: str) -> None:
    """Load the one image of a tarball and name it `image`. Raises PhaseError, docker.errors.APIError."""
    name_images(client, load_tarball(client, tarball), (image,))


def name_images(client: docker.APIClient, loaded: Sequence[str], names: Iterable[str]) -> None:
    """Give the one image that was `loaded` those of `names` that it lacks; several have the names of their archive.

    A Podman saves `app:1` as `localhost/app:1`, which is another name to a Docker. Raises docker.errors.APIError.
    """
    if len(loaded) == 1:
        for name in names:
            if name not in loaded:
                client.tag(loaded[0], name)


def load_preload(client: docker.APIClient, tarball: Path, names: Iterable[str]) -> tuple[str, ...]:
    """Load the images of a preload, give them their names and return their ids in this engine.

    Raises PhaseError, also for an archive without an image, and docker.errors.APIError.
    """
    loaded = load_tarball(client, tarball)
    if not loaded:
        raise PhaseError(f"{', '.join(names) or tarball.name}: the engine found no image in the archive")
    name_images(client, loaded, names)
    return tuple(dict.fromkeys(str(client.inspect_image(it)["Id"]) for it in loaded))
