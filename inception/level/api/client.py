"""Client of a level's engine for its runner, which makes a dozen kinds of requests.

The Docker SDK takes 8 MB of memory and 0.1 s of CPU time to import, once a level: only what is rare uses it there
(`engine_client`).
"""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Mapping
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from inception.plan.chain import ChainPlan

API_VERSION = "1.44"
"""Newest version of the API whose requests are known here."""


class ApiError(Exception):
    """The engine refuses a request, with an HTTP status and a message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class NotFoundError(ApiError):
    """The engine does not know the container or the image."""


ENGINE_GONE = (ApiError, OSError, http.client.HTTPException)
"""Exceptions raised where no engine answers, or where one answers with an error."""


class _Connection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str, timeout_s: float | None) -> None:
        super().__init__("docker", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class EngineApi:
    """Requests to the engine at the unix socket `path`, each of which may take `timeout_s` seconds.

    Every method raises ApiError, or another of ENGINE_GONE.
    """

    def __init__(self, path: Path, *, timeout_s: float) -> None:
        self._path = str(path)
        self._timeout_s = timeout_s

    def create_container_from_config(self, config: Mapping[str, Any], name: str) -> dict[str, Any]:
        """Create a container as `config` says, which has the form of the API; return the answer, with its `Id`."""
        created: dict[str, Any] = self._ask("POST", f"/containers/create?{urlencode({'name': name})}", config)
        return created

    def start(self, container: str) -> None:
        """Start a container."""
        self._ask("POST", f"/containers/{container}/start")

    def wait(self, container: str, *, timeout_s: float | None) -> int:
        """Wait until a container is not running; return its exit status. Raises TimeoutError after `timeout_s` s."""
        answer = self._ask("POST", f"/containers/{container}/wait", timeout_s=timeout_s)
        return int(answer["StatusCode"])

    def kill(self, container: str) -> None:
        """Kill a container's main process."""
        self._ask("POST", f"/containers/{container}/kill")

    def inspect_container(self, container: str) -> dict[str, Any]:
        """Return what the engine knows of a container, in the form of the API."""
        known: dict[str, Any] = self._ask("GET", f"/containers/{container}/json")
        return known

    def rename(self, container: str, name: str) -> None:
        """Give a container another name."""
        self._ask("POST", f"/containers/{container}/rename?{urlencode({'name': name})}")

    def remove(self, container: str, *, volumes: bool = True) -> None:
        """Remove a container, running or not, with its anonymous volumes unless `volumes` is false."""
        self._ask("DELETE", f"/containers/{container}?{urlencode({'force': 1, 'v': int(volumes)})}")

    def remove_volume(self, volume: str) -> None:
        """Remove a volume."""
        self._ask("DELETE", f"/volumes/{volume}")

    def info(self) -> dict[str, Any]:
        """Return what the engine says of itself."""
        told: dict[str, Any] = self._ask("GET", "/info")
        return told

    def running(self, *, label: str | None = None) -> list[str]:
        """Return the ids of the running containers, or of those with a `label` (`name=value`)."""
        query = "" if label is None else "?" + urlencode({"filters": json.dumps({"label": [label]})})
        return [str(container["Id"]) for container in self._ask("GET", f"/containers/json{query}")]

    def image_id(self, image: str) -> str | None:
        """Return the id of `image`; None if it is not there, or so damaged that the engine reports an error.

        It depends on the image store: that of a configuration, or, in containerd's, of a manifest.
        """
        try:
            return str(self._ask("GET", f"/images/{quote(image, safe='/:')}/json")["Id"])
        except ApiError:
            return None

    def image_ids(self) -> frozenset[str]:
        """Return the ids of all images, those without a name, too."""
        return frozenset(str(image["Id"]) for image in self._ask("GET", "/images/json?all=1"))

    def _ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, timeout_s: float | None = -1
    ) -> Any:  # noqa: ANN401 JSON holds anything
        version = _version(self._path, self._timeout_s)
        limit_s = self._timeout_s if timeout_s == -1 else timeout_s
        with closing(_Connection(self._path, limit_s)) as connection:
            text, headers = (None, {}) if body is None else (json.dumps(body), {"Content-Type": "application/json"})
            connection.request(method, f"/v{version}{path}", text, headers)
            response = connection.getresponse()
            content = response.read()
        if response.status >= http.client.BAD_REQUEST:
            kind = NotFoundError if response.status == http.client.NOT_FOUND else ApiError
            raise kind(response.status, _message(content))
        if response.status in {http.client.NO_CONTENT, http.client.NOT_MODIFIED}:
            return None
        try:
            return json.loads(content)
        except ValueError as error:  # It ended in the middle of its answer.
            raise http.client.HTTPException(f"no answer to {method} {path}: {content!r}") from error


def level_api(plan: ChainPlan, number: int) -> EngineApi:
    """Return a client of the engine of level `number`; its requests may take as long as the longest phase."""
    return EngineApi(Path(plan.paths.socket(number)), timeout_s=plan.limits.image_s)


def ask_version(path: str, timeout_s: float) -> str:
    """Wait until the engine at the socket `path` answers; return the version of the API that it names.

    The ping is sent without a version, which every engine takes, and without the SDK, which takes 5 times as long.
    Raises OSError or HTTPException if it does not answer within `timeout_s` seconds.
    """
    with closing(_Connection(path, timeout_s)) as connection:
        connection.request("GET", "/_ping")
        response = connection.getresponse()
        response.read()
        version = response.getheader("Api-Version")
    if response.status != http.client.OK or version is None:
        raise http.client.HTTPException(f"status {response.status} in place of a version")
    return version


def older(first: str, second: str) -> str:
    """Return the older of two versions, such as 1.41."""
    return min(first, second, key=lambda version: tuple(int(number) for number in version.split(".")))


@cache
def _version(path: str, timeout_s: float) -> str:
    """Return the version to speak to the engine at `path`: a dockerd that is restarted is the same program."""
    return older(ask_version(path, timeout_s), API_VERSION)


def _message(content: bytes) -> str:
    try:
        return str(json.loads(content)["message"])
    except (ValueError, KeyError, TypeError):
        return content.decode(errors="replace")
