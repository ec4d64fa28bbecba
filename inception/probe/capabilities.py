"""Find the capabilities that the engine can give its containers, and whether it can start a `--privileged` one.

An engine must know the name of a capability: Docker 20.10 refuses all after AUDIT_READ, whatever the kernel has, and
23.0 and later refuse those they do not hold themselves. It must also hold the capability: 20.10 accepts a name that
its own bounding set lacks, and the container then fails to start.
"""

from __future__ import annotations

import re

import docker
from docker.errors import APIError, NotFound

from inception.plan.light_dataclasses import dataclass
from inception.plan.privileges import NAMES

_ABSENT_IMAGE = "inception/asks-about-capabilities:none"
"""Name of an image that does not exist: an engine checks capabilities first, so the request creates nothing."""

_REFUSED_NAME = re.compile(r'"CAP_([A-Z_]+)"')


@dataclass(frozen=True, kw_only=True)
class Capabilities:
    """Capabilities of an engine's containers: `given` can be added, `privileged` is whether `--privileged` works."""

    given: tuple[str, ...]
    privileged: bool


def decide(*, known: tuple[str, ...], held: tuple[str, ...]) -> Capabilities:
    """Return what an engine can give that knows the names `known` and holds `held` itself.

    `--privileged` asks for every capability that the engine knows, so one that it does not hold is enough to fail it.
    """
    return Capabilities(given=tuple(name for name in known if name in held), privileged=set(known) <= set(held))


def ask_known(client: docker.APIClient) -> tuple[str, ...]:
    """Return the names that the engine accepts in `CapAdd`. Creates nothing. Raises docker.errors.APIError."""
    asked = list(NAMES)
    while asked:
        refused = _refused_name(client, asked)
        if refused is None:
            break
        asked.remove(refused)
    return tuple(asked)


def _refused_name(client: docker.APIClient, asked: list[str]) -> str | None:
    """Return the first of the names `asked` that the engine refuses, or None."""
    try:
        client.create_container(_ABSENT_IMAGE, ["true"], host_config=client.create_host_config(cap_add=asked))
    except NotFound:
        return None
    except APIError as error:
        named = _REFUSED_NAME.search(error.explanation or "")
        if named is None or named[1] not in asked:
            raise
        return named[1]
    raise AssertionError(f"an image called {_ABSENT_IMAGE} exists")
