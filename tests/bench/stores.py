"""`python -m tests.bench.stores`: levels whose images are in containerd's store against those on overlay2, in one run.

Both engines are of one level image; the image is grafted and loaded. A table, and a line for the promise.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from inception.engine.connect import Engine, EngineChoice, connect
from inception.image.method import Suite
from inception.plan.request import ImageStore, ImageTransfer, Request, parse_level_store
from tests.bench.ours import Descent, descend
from tests.engines.level_images import make_level_image, put_on_engine

_LIMIT = 1.1
"""Times that a level of overlay2 may take in containerd's store."""
_LEVELS = 8
"""Least number of levels of each way in a turn."""


@dataclass(frozen=True, kw_only=True)
class Way:
    """A way to give the levels of a chain of `depth` their image."""

    store: ImageStore
    transfer: ImageTransfer
    depth: int

    def request(self, image: str) -> Request:
        """Return the request of the chain."""
        return Request(
            depth=self.depth,
            name=f"bench-{self.transfer}-{self.store}"[:24],
            image=image,
            image_store=(parse_level_store(self.store),),
            image_transfer=self.transfer,
        )


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _ways(depths: list[int], load_depths: list[int]) -> Iterator[Way]:
    """Yield the ways so that those to be compared follow one another."""
    for depth in depths:
        for transfer in (ImageTransfer.GRAFT, *((ImageTransfer.LOAD,) if depth in load_depths else ())):
            for store in (ImageStore.OVERLAY2, ImageStore.CONTAINERD):
                yield Way(store=store, transfer=transfer, depth=depth)


def measure(engine: Engine, image: str, ways: list[Way], runs: int) -> dict[Way, list[Descent]]:
    """Descend each of the `ways` in turns: what else the machine is at hits all of them alike. Loads go once.

    Shallow chains are repeated, until as many levels are measured as in one of depth 8.
    """
    found: dict[Way, list[Descent]] = {way: [] for way in ways}
    depths = list(dict.fromkeys(way.depth for way in ways))
    for turn in range(runs):
        for depth in depths:
            for again in range(max(1, _LEVELS // depth)):
                first = turn == again == 0
                compared = [it for it in ways if it.depth == depth and (first or it.transfer is ImageTransfer.GRAFT)]
                # Each second time the other way round, so that none is always the first.
                for way in compared if (turn + again) % 2 == 0 else reversed(compared):
                    _say(f"turn {turn + 1} of {runs}: {way.transfer} {way.store} to depth {way.depth}")
                    found[way].append(descend(engine, way.request(image), _say))
    return found


def print_table(found: dict[Way, list[Descent]]) -> bool:
    """Print the results; return whether grafts keep the promise."""
    print(f"{'depth':>5}  {'image':<6} {'store':<11} {'a level':>8} {'up a level':>10} {'by overlay2':>12}")
    met = True
    for way, descents in found.items():
        level_s = _level_s(descents)
        row = f"{way.depth:>5}  {way.transfer:<6} {way.store:<11} {level_s:>6.2f} s"
        row += f" {median(it.up_s for it in descents) / way.depth:>8.2f} s"
        if way.store is ImageStore.CONTAINERD:
            other = Way(store=ImageStore.OVERLAY2, transfer=way.transfer, depth=way.depth)
            times = level_s / _level_s(found[other])
            met = met and (times <= _LIMIT or way.transfer is ImageTransfer.LOAD)
            row += f" {times:>12.2f}"
        print(row)
    for way, descents in found.items():
        phases = ", ".join(f"{name} {_phase_s(descents, name):.3f}" for name, _ in descents[0].phases_s)
        print(f"seconds of {way.transfer} {way.store} to depth {way.depth}: {phases}")
    print(f"a graft takes {_LIMIT} times overlay2's at most: {'met' if met else 'MISSED'}")
    return met


def _level_s(descents: list[Descent]) -> float:
    return median(it.level_s for it in descents)


def _phase_s(descents: list[Descent], name: str) -> float:
    return median(dict(it.phases_s)[name] for it in descents)


def _image(engine: Engine) -> str:
    """Return the tag of a level image whose engine has both stores, made if it is missing. Raises NoLevelImage."""
    image = make_level_image(Suite.FORKY)
    put_on_engine(engine.client, image)
    return image.tag


def main() -> int:
    """Return 1 if a graft takes too long."""
    parser = argparse.ArgumentParser(prog="tests.bench.stores", description=__doc__)
    parser.add_argument("--depths", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--load-depths", type=int, nargs="*", default=[1, 8], help="those at which it is loaded, too")
    parser.add_argument("--runs", type=int, default=3, help="of each graft; the median counts")
    options = parser.parse_args()
    with connect(EngineChoice.AUTO, on_message=_say) as engine:
        ways = list(_ways(options.depths, options.load_depths))
        found = measure(engine, _image(engine), ways, options.runs)
    return 0 if print_table(found) else 1


if __name__ == "__main__":
    sys.exit(main())
