"""Methods of building the level image, in a file of their own so that the command line need not load the rest."""

from __future__ import annotations

from enum import StrEnum


class BuildMethod(StrEnum):
    """Method of building the level image: by Dockerfile, by mmdebstrap, or whichever works here."""

    AUTO = "auto"
    DOCKERFILE = "dockerfile"
    MMDEBSTRAP = "mmdebstrap"
