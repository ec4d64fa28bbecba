"""Choices for building the level image, in a file of their own so that the command line need not load the rest."""

from __future__ import annotations

from enum import StrEnum


class BuildMethod(StrEnum):
    """Method of building the level image: by Dockerfile, by mmdebstrap, of a client image's own root, or what works."""

    AUTO = "auto"
    DOCKERFILE = "dockerfile"
    MMDEBSTRAP = "mmdebstrap"
    OWN_ROOT = "own-root"


class Suite(StrEnum):
    """Debian release that the level image's packages come from, and so its engine."""

    BOOKWORM = "bookworm"
    TRIXIE = "trixie"
    FORKY = "forky"
    SID = "sid"


DEFAULT_SUITE = Suite.TRIXIE
LACKING = {
    # Its docker.io has the client in it, and its docker-compose is a program of its own, in Python.
    Suite.BOOKWORM: frozenset({"docker-cli", "docker-buildx", "docker-compose"}),
}
"""Packages of the recipe that a release does not have, or not as the recipe means them."""
NEEDED = {
    # Its requests knows no charset-normalizer as new as its own, and says so in a warning.
    Suite.BOOKWORM: ("chardet",),
}
"""Words in those lines of `remove.txt` that a release goes without."""
