"""Connect to the level-0 engine: the host's own, or a private one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from enum import StrEnum

import docker

from inception.engine.client import is_socket, open_client
from inception.engine.endpoint import Endpoint, find_endpoint, is_mounted
from inception.engine.private.layout import private_engine_directory
from inception.engine.ssh import is_ssh
from inception.engine.translate import is_denied
from inception.errors import EngineUnreachable, UsageError
from inception.plan.light_dataclasses import dataclass


class EngineChoice(StrEnum):
    """Engine that runs level 1: the host's, a private one, or the host's if it answers and else a private one."""

    HOST = "host"
    PRIVATE = "private"
    AUTO = "auto"


@dataclass(frozen=True, kw_only=True)
class Engine:
    """A connection to the level-0 engine.

    `local` engines listen on a socket of this machine; `private` ones were started by inception.
    """

    client: docker.APIClient
    endpoint: str
    local: bool
    private: bool


@contextmanager
def connect(
    choice: EngineChoice, *, endpoint: str | None = None, on_message: Callable[[str], None]
) -> Iterator[Engine]:
    """Connect to the engine of `choice`; a private one stops once its last client has left.

    `endpoint` (an address as in DOCKER_HOST) takes precedence. An engine that the user named is never replaced by
    another. `on_message` gets lines for the user about slow steps.
    Raises EngineUnreachable, EngineError, and UsageError for a wrong address.
    """
    if choice is EngineChoice.PRIVATE:
        if endpoint is not None:
            raise UsageError(
                f"a private engine has an address of its own, so {endpoint} cannot be one",
                remedy="leave out one of the two, --engine private or the address",
            )
        with _private(on_message) as engine:
            yield engine
        return
    place = find_endpoint(endpoint, os.environ)
    try:
        client = _open(place)
    except EngineUnreachable as silence:
        # A socket that was mounted into a container names the engine to use.
        if choice is EngineChoice.HOST or place.named or is_mounted(place.address):
            raise EngineUnreachable(silence.message, remedy=_remedy(place, silence)) from silence
        # Not at the top: with tenacity it takes 15 ms, and few clients need a private engine.
        from inception.engine.private import lease

        if (missing := lease.missing_for_private()) is not None:
            remedy = _remedy(place, silence) if is_denied(silence) else missing.remedy
            raise EngineUnreachable(f"{silence.message}; a private one {missing.why}", remedy=remedy) from silence
    else:
        with closing(client):
            yield Engine(client=client, endpoint=place.address, local=is_socket(place.address), private=False)
        return
    on_message(f"no engine answers at {place.address}: using a private one")
    with _private(on_message) as engine:
        yield engine


@contextmanager
def connect_to(engine: str, on_message: Callable[[str], None]) -> Iterator[Engine]:
    """Connect to the engine that `engine` names: host, private, auto, or an address. Raises as `connect` does."""
    choices = {choice.value: choice for choice in EngineChoice}
    if engine in choices:
        with connect(choices[engine], on_message=on_message) as level_0:
            yield level_0
    else:
        with connect(EngineChoice.HOST, endpoint=engine, on_message=on_message) as level_0:
            yield level_0


def _open(place: Endpoint) -> docker.APIClient:
    return open_client(place.address, origin=place.origin if place.named else None, tls=place.tls)


@contextmanager
def _private(on_message: Callable[[str], None]) -> Iterator[Engine]:
    from inception.engine.private import lease

    directory = private_engine_directory()
    with lease.private_engine(directory, on_message) as address, closing(open_client(address)) as client:
        yield Engine(client=client, endpoint=address, local=True, private=True)


def _remedy(place: Endpoint, silence: EngineUnreachable) -> str:
    if is_denied(silence):
        return "run this as root, or as a member of the socket's group"
    if is_ssh(place.address):
        return f"make this work first: ssh {place.address} docker version"
    if place.named:
        return f"start it, or correct {place.origin}"
    return "start it, name another with DOCKER_HOST, or let inception start its own with --engine private"
