"""Client of a level's engine for its runner, which makes a dozen kinds of requests.

The Docker SDK takes 8 MB of memory and 0.1 s of CPU time to import, once a level: only what is rare uses it there
(`engine_client`). `http.client` would take 2 MB, for its headers' sake, which it parses as those of a mail.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
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


ENGINE_GONE = (ApiError, OSError)
"""Exceptions raised where no engine answers, or where one answers with an error."""
_OK, _NO_CONTENT, _NOT_MODIFIED, _BAD_REQUEST, _NOT_FOUND = 200, 204, 304, 400, 404
_CHUNK = 1 << 16


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
        """Return the ids of the running containers, or of those with a `label` (`name` or `name=value`)."""
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
        status, _, content = _exchange(self._path, method, f"/v{version}{path}", body, limit_s)
        if status >= _BAD_REQUEST:
            raise (NotFoundError if status == _NOT_FOUND else ApiError)(status, _message(content))
        if status in {_NO_CONTENT, _NOT_MODIFIED}:
            return None
        try:
            return json.loads(content)
        except ValueError as error:  # It ended in the middle of its answer.
            raise ConnectionError(f"no answer to {method} {path}: {content!r}") from error


def level_api(plan: ChainPlan, number: int) -> EngineApi:
    """Return a client of the engine of level `number`; its requests may take as long as the longest phase."""
    return EngineApi(Path(plan.paths.socket(number)), timeout_s=plan.limits.image_s)


def ask_version(path: str, timeout_s: float) -> str:
    """Wait until the engine at the socket `path` answers; return the version of the API that it names.

    The ping is sent without a version, which every engine takes, and without the SDK, which takes 5 times as long.
    Raises OSError if it does not answer within `timeout_s` seconds.
    """
    status, headers, _ = _exchange(path, "GET", "/_ping", None, timeout_s)
    if status != _OK or "api-version" not in headers:
        raise ConnectionError(f"{path} gives status {status} in place of a version")
    return headers["api-version"]


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


def _exchange(
    path: str, method: str, target: str, body: Mapping[str, Any] | None, timeout_s: float | None
) -> tuple[int, dict[str, str], bytes]:
    """Send a request to the socket `path`; return the answer's status, headers (names in lower case) and content.

    As HTTP/1.0, it is answered in one piece, and by the connection's end (RFC 1945). Raises OSError.
    """
    text = b"" if body is None else json.dumps(body).encode()
    head = f"{method} {target} HTTP/1.0\r\nHost: docker\r\nContent-Length: {len(text)}\r\n"
    kind = "" if body is None else "Content-Type: application/json\r\n"
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(timeout_s)
        connection.connect(path)
        connection.sendall(f"{head}{kind}\r\n".encode() + text)
        answer = b"".join(iter(lambda: connection.recv(_CHUNK), b""))
    top, _, content = answer.partition(b"\r\n\r\n")
    status_line, *lines = top.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    try:
        status = int(status_line.split(" ")[1])
        missing = int(headers.get("content-length", len(content))) - len(content)
    except (IndexError, ValueError) as error:
        raise ConnectionError(f"{path} gives no answer to {method} {target}: {status_line!r}") from error
    if missing:
        raise ConnectionError(f"{path} leaves out {missing} bytes of its answer to {method} {target}")
    return status, headers, content
