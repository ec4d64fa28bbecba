"""Versions of dockerd, such as 26.1.5+dfsg1: reading one, and the abilities that it implies."""

from __future__ import annotations

import re

_FIRST_WITH_NETWORK_OPTIONS = 24
"""First major version of dockerd with `default-network-opts`."""
_FIRST_WITH_CONTAINERD_STORE = 24
"""First major version of dockerd that can keep images in containerd's store, if it is asked to."""


def parse_engine_version(answer: str) -> str:
    """Return the version in the answer to `dockerd --version`, "Docker version 28.5.2, build 89c5e8f"; "" if none."""
    version = re.search(r"version (\S+?),", answer)
    return "" if version is None else version[1]


def has_network_options(engine_version: str) -> bool:
    """Return whether a dockerd of that version knows `default-network-opts`."""
    return _is_from(_FIRST_WITH_NETWORK_OPTIONS, engine_version)


def has_containerd_store(engine_version: str) -> bool:
    """Return whether a dockerd of that version can keep its images in containerd's store."""
    return _is_from(_FIRST_WITH_CONTAINERD_STORE, engine_version)


def _is_from(first: int, engine_version: str) -> bool:
    major = engine_version.partition(".")[0]
    # A version that is no number is a build of today's source.
    return not major.isdecimal() or int(major) >= first
