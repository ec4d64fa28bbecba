"""`python -m tests.bench.idle`: CPU time and wake-ups of each level of a chain that does nothing, by program."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from inception.chain.running import RunningChain
from inception.engine.connect import EngineChoice, connect
from tests.bench.ours import descend, make_request

_PROC = Path("/proc")
_SETTLE_S = 15.0
"""Seconds for a chain's programs to be done with what they do after their start, and once its runners stand by."""


class Task(NamedTuple):
    """Keep what the kernel counts of a task since its start: CPU time in ns, and wake-ups."""

    program: str
    cpu_ns: int
    wake_ups: int


def read_tasks() -> dict[str, Task]:
    """Return all tasks by their id, but for those of this process, which reads them."""
    tasks = {}
    ours = str(os.getpid())
    for task in _PROC.glob("[0-9]*/task/[0-9]*"):
        process = task.parents[1]
        if process.name == ours:
            continue
        with suppress(OSError):  # It ended meanwhile.
            status = dict(line.split(":", 1) for line in (task / "status").read_text().splitlines() if ":" in line)
            tasks[task.name] = Task(
                program=(process / "comm").read_text().strip(),
                cpu_ns=int((task / "schedstat").read_text().split()[0]),
                wake_ups=int(status["voluntary_ctxt_switches"]),
            )
    return tasks


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _print(before: Mapping[str, Task], after: Mapping[str, Task], *, depth: int, seconds: float) -> None:
    cpu_ns, wake_ups = Counter[str](), Counter[str]()
    for number in before.keys() & after.keys():
        earlier, later = before[number], after[number]
        cpu_ns[later.program] += later.cpu_ns - earlier.cpu_ns
        wake_ups[later.program] += later.wake_ups - earlier.wake_ups
    print(f"{'program':<16} {'CPU, of a level':>16} {'wake-ups, of a level':>21}")
    for program, used_ns in [("all", cpu_ns.total()), *cpu_ns.most_common(6)]:
        woken = wake_ups.total() if program == "all" else wake_ups[program]
        print(f"{program:<16} {used_ns / seconds / depth / 1e6:>11.2f} ms/s {woken / seconds / depth:>19.1f}/s")


def main() -> None:
    """Start a chain, leave it alone, and print what its programs and its engine at level 0 took meanwhile."""
    parser = argparse.ArgumentParser(prog="tests.bench.idle", description=__doc__)
    parser.add_argument("--depth", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()

    def watch(chain: RunningChain) -> None:
        time.sleep(chain.plan.limits.quiet_s + _SETTLE_S)
        before = read_tasks()
        time.sleep(options.seconds)
        _print(before, read_tasks(), depth=options.depth, seconds=options.seconds)

    with connect(EngineChoice.AUTO, on_message=_say) as engine:
        descend(engine, make_request(options.depth, "idle"), _say, watch)


if __name__ == "__main__":
    main()
