"""Open a client of an engine, once the engine answers."""

from __future__ import annotations

import socket
from contextlib import closing

import docker
from docker.constants import MINIMUM_DOCKER_API_VERSION
from docker.tls import TLSConfig

from inception.engine import ssh
from inception.engine.translate import reason, translated
from inception.errors import EngineError, EngineUnreachable
from inception.level.engine.client import logged

CONNECT_TIMEOUT_S = 5
"""Seconds for an engine to answer with its version. A running one does so in milliseconds."""
REQUEST_TIMEOUT_S = 300
"""Seconds for the answer to one request to begin. Loading an image on a slow disk is silent for minutes."""
_UNIX = "unix://"


def is_socket(address: str) -> bool:
    """Return whether `address` is a unix socket of this machine."""
    return address.startswith(_UNIX)


def open_client(address: str, *, origin: str | None = None, tls: TLSConfig | None = None) -> docker.APIClient:
    """Return a client with the API version of the engine at `address`; `origin` is where that address comes from.

    Raises EngineUnreachable if nothing answers there, EngineError if the answer is not a usable engine's.
    """
    place = f"{address} (from {origin})" if origin else address
    try:
        with translated(f"Docker engine at {place}"):
            return _negotiated(address, place, tls)
    except EngineUnreachable as silence:
        why = reason(silence.__cause__ or silence)
        raise EngineUnreachable(f"no Docker engine answers at {place}: {why}") from silence.__cause__


def _negotiated(address: str, place: str, tls: TLSConfig | None) -> docker.APIClient:
    # The SDK can negotiate the version itself, but then with the time limit of all requests, and it leaves sockets
    # open if nothing answers.
    if is_socket(address):
        _check_connects(address.removeprefix(_UNIX))
    connect_s = ssh.CONNECT_TIMEOUT_S if ssh.is_ssh(address) else CONNECT_TIMEOUT_S
    with closing(_client(address, tls, timeout_s=connect_s, version=MINIMUM_DOCKER_API_VERSION)) as asking:
        version = asking.version(api_version=False).get("ApiVersion")
    if not isinstance(version, str):
        raise EngineError(f"the server at {place} is not a Docker engine", remedy="correct the address")
    return _client(address, tls, timeout_s=REQUEST_TIMEOUT_S, version=version)


def _client(address: str, tls: TLSConfig | None, *, timeout_s: int, version: str) -> docker.APIClient:
    if ssh.is_ssh(address):
        return logged(ssh.ssh_client(address, timeout_s=timeout_s, version=version), address)
    client = docker.APIClient(base_url=address, tls=tls or False, timeout=timeout_s, version=version)
    # Where REQUESTS_CA_BUNDLE is set, requests would check the engine against that in place of its own authority.
    client.trust_env = tls is None
    return logged(client, address)


def _check_connects(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(CONNECT_TIMEOUT_S)
        try:
            connection.connect(path)
        except OSError as error:
            raise ConnectionError(error.errno, reason(error)) from error
