"""What a cycle left behind, told from what others on the same host have started meanwhile."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from inception.stress.inventory import Thing

_CONTAINER = "container"
_SHORT = 12
"""Characters of a container's id that name it."""
_ID = re.compile(r"[0-9a-f]{12,64}")
_CLIENT = re.compile(r" (\S*/)?inception( |$)")
"""The command itself: a campaign starts none."""
_ENTRY = "run directory entry"
# An engine makes these for a container, or they run inside one, with no name that says whose they are.
_NAMELESS = frozenset({"link", "mount", "process", "route", "rule", "TCP listener", "unix socket", "volume"})


@dataclass(frozen=True, kw_only=True)
class Campaigners:
    """Who is who on the host: the campaign's chains by name, and where their run directories are."""

    chains: frozenset[str]
    run_root: PurePosixPath


def leaked(before: Iterable[Thing], after: Iterable[Thing], ours: Campaigners) -> frozenset[Thing]:
    """What is there now, was not before, and is not known to be someone else's.

    What names one of our chains is ours, always. What belongs to a container that is not ours is not; while there is
    such a container that was not there before, nameless things are put down to it.
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


def _is_another_chain(thing: Thing, ours: Campaigners) -> bool:
    """Whether it lies in, or is started from, the run directory of a chain that is none of ours."""
    found = re.search(re.escape(f"{ours.run_root}/") + r"([a-z0-9-]+)", thing.name)
    if found is not None:
        return found[1] not in ours.chains
    return thing.kind == _ENTRY
