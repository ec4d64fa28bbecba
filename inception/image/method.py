"""The ways of building the level image. A file of its own, so that the command line need not load the rest."""

from __future__ import annotations

from enum import StrEnum


class BuildMethod(StrEnum):
    """How the level image is made: from a Dockerfile, with mmdebstrap, or whichever of the two works here."""

    AUTO = "auto"
    DOCKERFILE = "dockerfile"
    MMDEBSTRAP = "mmdebstrap"
