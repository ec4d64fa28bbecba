"""`python -m tests.bench.idle`: CPU time and wake-ups of each level of a chain that does nothing, by program."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from inception.chain.running import RunningChain
from inception.engine.connect import EngineChoice, connect
from tests.bench.ours import descend, make_request

_PROC = Path("/proc")
_SETTLE_S = 15.0
"""Seconds for a chain's programs to be done with what they do after their start."""


@dataclass(frozen=True, kw_only=True)
class Activity:
    """CPU time, in ns, and wake-ups so far, by the id of each task, and the name of its program."""

    cpu_ns: dict[str, int] = field(default_factory=dict)
    wake_ups: dict[str, int] = field(default_factory=dict)
    programs: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls) -> Activity:
        """Return the activity until now of all tasks but those of this process, which reads it."""
        activity = cls()
        ours = str(os.getpid())
        for task in _PROC.glob("[0-9]*/task/[0-9]*"):
            if task.parents[1].name == ours:
                continue
            with suppress(OSError):  # It ended meanwhile.
                status = dict(line.split(":", 1) for line in (task / "status").read_text().splitlines() if ":" in line)
                activity.cpu_ns[task.name] = int((task / "schedstat").read_text().split()[0])
                activity.wake_ups[task.name] = int(status["voluntary_ctxt_switches"])
                activity.programs[task.name] = (task.parents[1] / "comm").read_text().strip()
        return activity


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _print(before: Activity, after: Activity, *, depth: int, seconds: float) -> None:
    cpu_ns, wake_ups = Counter[str](), Counter[str]()
    for task, program in after.programs.items():
        if task in before.programs:
            cpu_ns[program] += after.cpu_ns[task] - before.cpu_ns[task]
            wake_ups[program] += after.wake_ups[task] - before.wake_ups[task]
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

    def watch(_chain: RunningChain) -> None:
        time.sleep(_SETTLE_S)
        before = Activity.read()
        time.sleep(options.seconds)
        _print(before, Activity.read(), depth=options.depth, seconds=options.seconds)

    with connect(EngineChoice.AUTO, on_message=_say) as engine:
        descend(engine, make_request(options.depth, "idle"), _say, watch)


if __name__ == "__main__":
    main()
