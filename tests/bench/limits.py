"""`python -m tests.bench.limits`: levels with a limit each, whose control groups nest, against levels without.

Limits that nothing comes near are set on every level (`--pids 1-:N`), so that each has control groups below those of
the level above, as deep as the chain. The table has the time that a level takes, of all levels and of the deepest
quarter, and that of work at the bottom: a process that starts and ends, and 4 MiB that are charged a page at a time.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass, replace
from statistics import median

from inception.chain.level_clients import Levels
from inception.chain.running import RunningChain
from inception.engine.connect import Engine, EngineChoice, connect
from inception.plan.request import Request
from inception.plan.resources import Resource, parse_limit
from tests.bench.ours import Descent, descend, make_request

_PIDS = 100_000
_WORK = """
import json, mmap, os, time

def measured(work, count):
    begun_s = time.monotonic()
    for _ in range(count):
        work()
    return (time.monotonic() - begun_s) / count

def start():
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)

def charge():
    with mmap.mmap(-1, 1 << 22) as memory:
        for page in range(0, len(memory), mmap.PAGESIZE):
            memory[page] = 1

print(json.dumps([measured(start, 500), measured(charge, 50)]))
"""


@dataclass(frozen=True, kw_only=True)
class Course:
    """A descent, and at its bottom the seconds to start and end a process, and to charge 4 MiB of memory."""

    descent: Descent
    process_s: float
    memory_s: float


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def measure(engine: Engine, request: Request) -> Course:
    """Go down and up again as `request` says, and work at the bottom in between."""
    found: list[float] = []

    def work(chain: RunningChain) -> None:
        bottom = chain.plan.level(request.depth)
        with Levels(chain.plan) as levels:
            status, output = levels[bottom.above].containers.get(bottom.container).exec_run(["python3", "-c", _WORK])
        if status != 0 or not isinstance(output, bytes):
            raise SystemExit(f"the work at the bottom ended with status {status}: {output!r}")
        found.extend(json.loads(output))

    descent = descend(engine, request, _say, work)
    return Course(descent=descent, process_s=found[0], memory_s=found[1])


def main() -> None:
    """Print a row for each depth, with limits and without."""
    parser = argparse.ArgumentParser(prog="tests.bench.limits", description=__doc__)
    parser.add_argument("--depths", type=int, nargs="+", default=[4, 32], help="each 2 or more")
    parser.add_argument("--turns", type=int, default=2)
    options = parser.parse_args()
    with connect(EngineChoice.AUTO, on_message=_say) as engine:
        print(f"{'depth':>5}  {'limits':<6} {'a level':>8} {'deepest':>8} {'process':>9} {'4 MiB':>8}")
        for depth in options.depths:
            plain = make_request(depth, "plain")
            limited = replace(
                plain, name=f"bench-limits-{depth}", resources=(parse_limit(Resource.PIDS, f"1-:{_PIDS}"),)
            )
            ways = {"none": plain, "each": limited}
            courses: dict[str, list[Course]] = {way: [] for way in ways}
            for _ in range(options.turns):
                for way, request in ways.items():
                    courses[way].append(measure(engine, request))
            for way, each in courses.items():
                level_s = median(it.descent.level_s for it in each)
                deepest_s = median(median(it.descent.levels_s[-max(1, depth // 4) :]) for it in each)
                process_s, memory_s = (median(it.process_s for it in each), median(it.memory_s for it in each))
                print(
                    f"{depth:>5}  {way:<6} {level_s:>6.2f} s {deepest_s:>6.2f} s {process_s * 1e6:>6.0f} us "
                    f"{memory_s * 1e3:>5.2f} ms",
                    flush=True,
                )


if __name__ == "__main__":
    main()
