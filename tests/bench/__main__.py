"""`python -m tests.bench`: print the table and write bench.json."""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import time
from dataclasses import asdict
from pathlib import Path

from inception.chain.prepare import prepare
from inception.chain.running import running
from inception.engine.connect import Engine, EngineChoice, connect
from inception.image.recipe import default_tag
from inception.plan.events import Event, Phase, State
from inception.plan.request import Request
from tests.bench.naive import Descent, descend_naively


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def descend(engine: Engine, depth: int) -> Descent:
    """Go `depth` levels down our way and up again."""
    ready_s: list[float] = []
    plan = prepare(engine, Request(depth=depth, name=f"bench-{depth}", image=default_tag()), _say)
    begun_s = time.monotonic()

    def show(event: Event) -> None:
        if event.phase is Phase.READY and event.state is State.END:
            ready_s.append(event.monotonic_s - begun_s)

    with running(engine.client, plan, show):
        down_s = time.monotonic() - begun_s
        turned_s = time.monotonic()
    return Descent(depth=depth, down_s=down_s, up_s=time.monotonic() - turned_s, ready_s=tuple(ready_s))


def _median(descents: list[Descent]) -> Descent:
    return sorted(descents, key=lambda it: it.down_s)[len(descents) // 2]


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--depths", type=int, nargs="+", default=[2, 4, 8])
    parser.add_argument("--naive-depths", type=int, nargs="*", default=[4, 8])
    parser.add_argument("--runs", type=int, default=3, help="of ours; the median counts")
    parser.add_argument("--output", type=Path, default=Path("bench.json"))
    options = parser.parse_args()
    with connect(EngineChoice.AUTO, progress=_say) as engine:
        plan = prepare(engine, Request(depth=1, name="bench", image=default_tag()), _say)
        ours = {depth: [descend(engine, depth) for _ in range(options.runs)] for depth in options.depths}
        naive = {
            depth: descend_naively(engine.client, plan.image, plan.privileges, depth) for depth in options.naive_depths
        }
    medians = {depth: _median(descents) for depth, descents in ours.items()}
    print(f"{'depth':>5}  {'way':<6} {'down':>8} {'a level':>8} {'up a level':>10}  {'naive/ours':>10}")
    for depth, descent in medians.items():
        _print_row("ours", descent, "")
        if depth in naive:
            _print_row("naive", naive[depth], f"{naive[depth].level_s / descent.level_s:.1f}")
    growth = None
    if len(medians) > 1:
        shallow, deep = medians[min(medians)], medians[max(medians)]
        growth = deep.level_s / shallow.level_s
        print(f"a level at depth {deep.depth} takes {growth:.2f} times one at depth {shallow.depth}")
    report = {
        "machine": {"kernel": platform.release(), "machine": platform.machine(), "engine": engine.endpoint},
        "ours": {depth: [asdict(it) for it in descents] for depth, descents in ours.items()},
        "naive": {depth: asdict(it) for depth, it in naive.items()},
        "growth": growth,
        "median_level_s": statistics.median(it.level_s for it in medians.values()),
    }
    options.output.write_text(json.dumps(report, indent=2) + "\n")


def _print_row(way: str, descent: Descent, ratio: str) -> None:
    up_s = descent.up_s / descent.depth
    print(
        f"{descent.depth:>5}  {way:<6} {descent.down_s:>6.2f} s {descent.level_s:>6.2f} s {up_s:>8.2f} s  {ratio:>10}"
    )


if __name__ == "__main__":
    main()
