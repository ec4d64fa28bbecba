"""The engines that are tried: outside, as level 0, and inside, in the levels."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from inception.plan.request import ImageStore


class Program(StrEnum):
    """Program that serves Docker's API."""

    DOCKER = "docker"
    PODMAN = "podman"


@dataclass(frozen=True, kw_only=True)
class Kind:
    """An engine as level 0: `suite` is the Debian suite that it comes from, `version` how its own begins."""

    name: str
    suite: str
    program: Program
    version: str
    store: ImageStore = ImageStore.OVERLAY2


@dataclass(frozen=True, kw_only=True)
class Inside:
    """The engine of all levels: that of the level image of `suite`, with its image store."""

    name: str
    suite: str
    version: str
    store: ImageStore = ImageStore.OVERLAY2


OUTSIDE = (
    Kind(name="docker-20.10", suite="bookworm", program=Program.DOCKER, version="20.10"),
    Kind(name="docker-28.5-overlay2", suite="forky", program=Program.DOCKER, version="28.5"),
    Kind(
        name="docker-28.5-containerd",
        suite="forky",
        program=Program.DOCKER,
        version="28.5",
        store=ImageStore.CONTAINERD,
    ),
    Kind(name="podman-4.3", suite="bookworm", program=Program.PODMAN, version="4.3"),
    Kind(name="podman-5.8", suite="forky", program=Program.PODMAN, version="5.8"),
)
INSIDE = (
    Inside(name="20.10", suite="bookworm", version="20.10"),
    Inside(name="26.1", suite="trixie", version="26.1"),
    Inside(name="28.5-overlay2", suite="forky", version="28.5"),
    Inside(name="28.5-containerd", suite="forky", version="28.5", store=ImageStore.CONTAINERD),
)


def kind_named(name: str) -> Kind:
    """Return the engine outside of that name. Raises KeyError."""
    return {kind.name: kind for kind in OUTSIDE}[name]
