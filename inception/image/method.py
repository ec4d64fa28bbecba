"""Choices for building the level image, in a file of their own so that the command line need not load the rest."""

from __future__ import annotations

from enum import StrEnum


class BuildMethod(StrEnum):
    """Method of building the level image: by Dockerfile, by mmdebstrap, or whichever works here."""

    AUTO = "auto"
    DOCKERFILE = "dockerfile"
    MMDEBSTRAP = "mmdebstrap"


class Suite(StrEnum):
    """Debian release that the level image's packages come from, and so its engine; an older one has other files."""

    TRIXIE = "trixie"
    FORKY = "forky"
    SID = "sid"


DEFAULT_SUITE = Suite.TRIXIE
