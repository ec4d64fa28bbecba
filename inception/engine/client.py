"""A client of an engine that answers."""

from __future__ import annotations

import socket
from contextlib import closing

import docker
from docker.constants import MINIMUM_DOCKER_API_VERSION
from docker.tls import TLSConfig

from inception.engine.translate import reason, translated
from inception.errors import EngineError, EngineUnreachable
from inception.level.engine_client import logged

CONNECT_TIMEOUT_S = 5
"""Seconds for an engine to say its version. One that is alive does so in milliseconds."""
REQUEST_TIMEOUT_S = 300
"""Seconds for the answer to one request to begin. Loading an image on a slow disk is silent for minutes."""
_UNIX = "unix://"


def is_socket(address: str) -> bool:
    """Whether the engine at `address` listens on a socket of this machine."""
    return address.startswith(_UNIX)


def open_client(address: str, *, origin: str | None = None, tls: TLSConfig | None = None) -> docker.APIClient:
    """A client that speaks the API version of the engine at `address`; `origin` says who names that address.

    Raises EngineUnreachable if nothing answers there, EngineError if what does is no engine that we can use.
    """
    place = f"{address} (from {origin})" if origin else address
    try:
        with translated(f"Docker engine at {place}"):
            return _negotiated(address, place, tls)
    except EngineUnreachable as silence:
        why = reason(silence.__cause__ or silence)
        raise EngineUnreachable(f"no Docker engine answers at {place}: {why}") from silence.__cause__


def _negotiated(address: str, place: str, tls: TLSConfig | None) -> docker.APIClient:
    # The SDK asks for the version, too, but then its time limit is that of all requests, and where nothing answers
    # it leaves sockets open.
    if is_socket(address):
        _knock(address.removeprefix(_UNIX))
    with closing(_client(address, tls, timeout_s=CONNECT_TIMEOUT_S, version=MINIMUM_DOCKER_API_VERSION)) as asking:
        version = asking.version(api_version=False).get("ApiVersion")
    if not isinstance(version, str):
        raise EngineError(f"what answers at {place} is not a Docker engine", remedy="correct the address")
    return _client(address, tls, timeout_s=REQUEST_TIMEOUT_S, version=version)


def _client(address: str, tls: TLSConfig | None, *, timeout_s: int, version: str) -> docker.APIClient:
    client = docker.APIClient(base_url=address, tls=tls or False, timeout=timeout_s, version=version)
    # Where REQUESTS_CA_BUNDLE is set, requests would check the engine against that in place of its own authority.
    client.trust_env = tls is None
    return logged(client, address)


def _knock(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(CONNECT_TIMEOUT_S)
        try:
            connection.connect(path)
        except OSError as error:
            raise ConnectionError(error.errno, reason(error)) from error
