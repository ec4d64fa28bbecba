"""`python -m tests.bench`: ours, the naive way and the floor in one run on one machine; a table, and bench.json."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from inception.chain.prepare import prepare
from inception.chain.running import RunningChain
from inception.engine.connect import Engine, EngineChoice, connect
from inception.plan.formats.size import show_size
from tests.bench.floor import measure_floor
from tests.bench.naive import descend_naively
from tests.bench.ours import Costs, Descent, descend, fit_levels, kick, make_request, measure_costs
from tests.bench.record import changes, figures, read_figures, readme_table
from tests.bench.results import Results
from tests.bench.startup import measure_startup


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to measure."""

    depths: tuple[int, ...]
    naive_depths: tuple[int, ...]
    runs: int
    output: Path


@dataclass(frozen=True, kw_only=True)
class Target:
    """One promise: `value` is to be `limit` at most."""

    name: str
    value: float
    limit: float
    show: Callable[[float], str]


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _seconds(value: float) -> str:
    return f"{value:.2f} s" if value >= 0.1 else f"{value * 1000:.1f} ms"


def _size(value: float) -> str:
    return show_size(round(value))


def _options() -> Options:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--depths", type=int, nargs="+", default=[4, 8, 16, 32])
    parser.add_argument("--naive-depths", type=int, nargs="*", default=[4, 8])
    parser.add_argument("--runs", type=int, default=3, help="of ours and of the floor; the median counts")
    parser.add_argument("--output", type=Path, default=Path("bench.json"))
    found = parser.parse_args()
    return Options(
        depths=tuple(sorted(found.depths)),
        naive_depths=tuple(found.naive_depths),
        runs=found.runs,
        output=found.output,
    )


def measure(engine: Engine, options: Options) -> Results:
    """Measure everything, one after the other."""
    plan = prepare(engine, make_request(1, "first"), _say)
    ours: dict[int, list[Descent]] = {depth: [] for depth in options.depths}
    floors = []
    # In turns: what else the machine is at then hits all of them alike.
    for turn in range(options.runs):
        _say(f"turn {turn + 1} of {options.runs}: the floor, then depths {', '.join(map(str, options.depths))}")
        floors.append(measure_floor(engine, _say))
        for depth in options.depths:
            ours[depth].append(descend(engine, make_request(depth, "ours"), _say))
    found: list[Costs] = []

    def at_bottom(chain: RunningChain) -> None:
        found.append(measure_costs(engine, chain))

    _say("memory and disk of a quiet chain")
    quiet = descend(engine, make_request(options.depths[-1], "ours"), _say, at_bottom)
    _say("kicks")
    kicks_s = {depth: kick(engine, depth, _say) for depth in options.depths}
    _say("the naive way")
    image = plan.level(1).image
    naive = {depth: descend_naively(engine.client, image, plan.privileges, depth) for depth in options.naive_depths}
    _say("the command line")
    deepest = ours[options.depths[-1]]
    return Results(
        ours={depth: _median(descents) for depth, descents in ours.items()},
        naive=naive,
        floors=tuple(floors),
        kicks_s=kicks_s,
        costs=found[0],
        quiet=quiet,
        fit=fit_levels(_median(deepest)),
        startup=measure_startup(options.depths[0]),
    )


def _median(descents: list[Descent]) -> Descent:
    return sorted(descents, key=lambda it: it.down_s)[len(descents) // 2]


def targets(results: Results) -> tuple[Target, ...]:
    """The promises on the reference machine."""
    eight = results.ours.get(8) or next(iter(results.ours.values()))
    deepest = max(results.ours)
    up_s = results.ours[deepest].up_s / deepest
    return (
        Target(name=f"a level at depth {eight.depth} by the floor", value=eight.level_s / results.floor_s, limit=0.8,
               show=lambda value: f"{value:.2f} times"),
        Target(name=f"unwinding a level at depth {deepest}", value=up_s, limit=0.08, show=_seconds),
        Target(name=f"unwinding a quiet level at depth {deepest}", value=results.quiet.up_s / deepest, limit=0.08,
               show=_seconds),
        Target(name=f"kick of {deepest} levels", value=results.kicks_s[deepest], limit=3.0, show=_seconds),
        Target(name="disk a level", value=results.costs.disk, limit=5e6, show=_size),
        Target(name="memory a quiet level (PSS)", value=results.costs.memory_mean, limit=45e6, show=_size),
        Target(name="inception plan", value=results.startup.plan_s, limit=0.15, show=_seconds),
        Target(name="inception --help", value=results.startup.help_s, limit=0.3, show=_seconds),
    )  # fmt: skip


def print_table(results: Results) -> None:
    """The results for people."""
    floor = results.floors[0]
    print(f"the floor under a level: {_seconds(results.floor_s)} (", end="")
    print(", ".join(f"{name.removesuffix('_s')} {_seconds(seconds)}" for name, seconds in asdict(floor).items()) + ")")
    print(
        f"{'depth':>5}  {'way':<6} {'down':>8} {'a level':>8} {'up a level':>10} {'kick':>8}  "
        f"{'ours/floor':>10} {'naive/ours':>10}"
    )
    for depth, descent in results.ours.items():
        kick_s = _seconds(results.kicks_s[depth])
        print(_row("ours", descent) + f" {kick_s:>8}  {descent.level_s / results.floor_s:>10.2f}")
        if depth in results.naive:
            naive = results.naive[depth]
            ratio = naive.down_s / descent.down_s
            print(_row("naive", naive) + f" {'':>8}  {naive.level_s / results.floor_s:>10.2f} {ratio:>10.1f}")
    profiled = results.ours[min(results.ours, key=lambda depth: abs(depth - 8))]
    rest_s = profiled.level_s - sum(seconds for _, seconds in profiled.phases_s)
    parts = [*profiled.phases_s, ("the runner's start", rest_s)]
    print(f"a level at depth {profiled.depth}: " + ", ".join(f"{name} {_seconds(value)}" for name, value in parts))
    if results.fit:
        print(
            f"a level's time grows with the power {results.fit.exponent:.2f} of depth, to depth {results.costs.depth}"
        )
    print(f"a key at the bottom comes back in {_seconds(results.startup.echo_s)}; ", end="")
    print(f"inception plan takes {_seconds(results.startup.plan_s)}")
    for target in targets(results):
        verdict = "met" if target.value <= target.limit else "MISSED"
        print(f"{target.name:<44} {target.show(target.value):>10}, at most {target.show(target.limit):>10}: {verdict}")


def _row(way: str, descent: Descent) -> str:
    up_s = descent.up_s / descent.depth
    return f"{descent.depth:>5}  {way:<6} {descent.down_s:>6.2f} s {descent.level_s:>6.2f} s {up_s:>8.2f} s"


def main() -> None:
    options = _options()
    with connect(EngineChoice.AUTO, on_message=_say) as engine:
        results = measure(engine, options)
        machine = {
            "kernel": platform.release(),
            "machine": platform.machine(),
            "cpus": os.cpu_count(),
            "engine": engine.client.version()["Version"],
            "load": os.getloadavg(),
        }
    print_table(results)
    print("\n".join(["for the README:", *readme_table(results, machine)]))
    now = figures(results)
    if (before := read_figures(options.output)) is not None:
        print("against the run before:", *(changes(before, now) or ["nothing changed"]), sep="\n")
    missed = [target.name for target in targets(results) if target.value > target.limit]
    report = {"machine": machine, **asdict(results), "floor_s": results.floor_s, "figures": now, "missed": missed}
    options.output.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
