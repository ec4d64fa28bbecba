"""Finds what a cycle left behind, apart from what others on the same host have started meanwhile."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from inception.plan.light_dataclasses import dataclass
from inception.stress.inventory import Thing

_CONTAINER = "container"
_SHORT = 12
"""Length of the short form of a container's id."""
_ID = re.compile(r"[0-9a-f]{12,64}")
_CLIENT = re.compile(r" (\S*/)?inception( |$)")
"""A running `inception`: a campaign starts none."""
_ENTRY = "run directory entry"
# An engine makes these for a container, or they run inside one, with no name that says whose they are.
_NAMELESS = frozenset({"link", "mount", "process", "route", "rule", "TCP listener", "unix socket", "volume"})


@dataclass(frozen=True, kw_only=True)
class OwnChains:
    """The campaign's chains by name, and the directory of their run directories."""

    chains: frozenset[str]
    run_root: PurePosixPath


def leaked(before: Iterable[Thing], after: Iterable[Thing], ours: OwnChains) -> frozenset[Thing]:
    """Return the things that are new and not known to belong to others.

    A thing that names one of our chains is always ours. A thing of another's container is not ours; while a new one of
    those is there, things without a name are taken to be its own.
    """
    grown = frozenset(after) - frozenset(before)
    foreign = {
        thing.name.split()[0][:_SHORT]
        for thing in after
        if thing.kind == _CONTAINER and not _names_one_of(thing, ours.chains)
    }
    newcomers = {it for it in foreign if any(it in thing.name for thing in grown if thing.kind == _CONTAINER)}
    return frozenset(
        thing
        for thing in grown
        if _names_one_of(thing, ours.chains)
        or not (
            any(it[:_SHORT] in foreign for it in _ID.findall(thing.name))
            or _is_another_chain(thing, ours)
            or _CLIENT.search(thing.name)
            or (newcomers and thing.kind in _NAMELESS)
        )
    )


def _names_one_of(thing: Thing, chains: frozenset[str]) -> bool:
    words = set(re.split(r"[^a-z0-9-]+", thing.name))
    levels = {f"inception-{chain}-" for chain in chains}
    return bool(words & chains) or any(word.startswith(tuple(levels)) for word in words if levels)


def _is_another_chain(thing: Thing, ours: OwnChains) -> bool:
    """Return whether the thing is in, or was started from, the run directory of a chain that is not ours."""
    found = re.search(re.escape(f"{ours.run_root}/") + r"([a-z0-9-]+)", thing.name)
    if found is not None:
        return found[1] not in ours.chains
    return thing.kind == _ENTRY
