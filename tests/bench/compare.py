"""`python -m tests.bench.compare COMMIT`: levels of this checkout against those of another commit, in turns.

Both go down on one machine within one run, so that what else it is at hits them alike. The table has medians, and the
ratio of this checkout to the other one: below 1 is better. CPU time says most on a machine that others use, too.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median

_HERE = Path(__file__).parents[2]
_ONCE = """
import json, sys
from tests.bench.ours import descend, make_request, measure_costs
from inception.engine.connect import EngineChoice, connect
depth, found = int(sys.argv[1]), {}
def at_bottom(chain):
    usage = engine.client.stats(chain.plan.level(1).container, stream=False)["cpu_stats"]["cpu_usage"]
    found["CPU time a level, s"] = usage["total_usage"] / 1e9 / depth
    found["memory a level, MB"] = measure_costs(engine, chain).memory_mean / 1e6
def say(line):
    print(line, file=sys.stderr)
with connect(EngineChoice.AUTO, on_message=say) as engine:
    it = descend(engine, make_request(depth, "compare"), say, at_bottom)
found |= {"a level down, s": it.level_s, "a level up, s": it.up_s / depth}
print(json.dumps(found | {f"{name}, s": seconds for name, seconds in it.phases_s}))
"""
"""Program that goes down and up once, by the code of the checkout that it runs in."""


def check_out(commit: str, directory: Path) -> Path:
    """Return a checkout of `commit` below `directory`. Raises CalledProcessError if there is no such commit."""
    name = _git("rev-parse", "--verify", f"{commit}^{{commit}}").strip()
    target = directory / name
    if not target.exists():
        target.mkdir(parents=True)
        archive = subprocess.run(("git", "-C", _HERE, "archive", name), stdout=subprocess.PIPE, check=True)
        subprocess.run(("tar", "-x", "-C", target), input=archive.stdout, check=True)
    return target


def _git(*arguments: str) -> str:
    return subprocess.run(("git", "-C", _HERE, *arguments), stdout=subprocess.PIPE, text=True, check=True).stdout


def descend_once(checkout: Path, depth: int) -> dict[str, float]:
    """Return the figures of one chain of the code in `checkout`, by name and unit."""
    done = subprocess.run(
        (sys.executable, "-c", _ONCE, str(depth)),
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": str(checkout)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def print_ratios(old: Sequence[dict[str, float]], new: Sequence[dict[str, float]]) -> None:
    """Print the medians of both, and the median of the ratios of each turn, for every figure that both have."""
    print(f"{'':<20} {'old':>9} {'new':>9} {'new/old':>9}")
    for name in new[0]:
        if name in old[0]:
            pairs = [(before[name], after[name]) for before, after in zip(old, new, strict=True)]
            before, after = (median(it) for it in zip(*pairs, strict=True))
            ratio = median(after / before for before, after in pairs)
            print(f"{name:<20} {before:>9.3f} {after:>9.3f} {ratio:>9.2f}")


def main() -> None:
    """Go down in turns, print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.compare", description=__doc__)
    parser.add_argument("commit", help="the other commit")
    parser.add_argument("--depth", type=int, default=8)
    parser.add_argument("--turns", type=int, default=5)
    chosen = parser.parse_args()
    other = check_out(chosen.commit, _HERE / ".cache" / "compare")
    found: dict[Path, list[dict[str, float]]] = {other: [], _HERE: []}
    for turn in range(chosen.turns + 1):
        for checkout, figures in found.items():
            measured = descend_once(checkout, chosen.depth)
            if turn:  # The first makes seeds and fills caches.
                figures.append(measured)
    print_ratios(found[other], found[_HERE])


if __name__ == "__main__":
    main()
