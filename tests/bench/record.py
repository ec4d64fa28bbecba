"""Figures of a bench as they are kept: compared with those of the run before, and as the README's table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from tests.bench.results import Results

_NOISE = 1.1
"""Ratio of two figures that runs on one machine differ by anyhow."""
Figures = Mapping[str, float]
"""Figures by name. All times are multiples of the floor of their run, so that a slower day makes no difference."""


def figures(results: Results) -> Figures:
    """Return the figures of a run that are worth keeping; less is better of each."""
    floor_s = results.floor_s
    found = {}
    for depth, descent in results.ours.items():
        found[f"a level at depth {depth}, floors"] = descent.level_s / floor_s
        found[f"a level up at depth {depth}, floors"] = descent.up_s / depth / floor_s
        found[f"kick of {depth} levels, floors"] = results.kicks_s[depth] / floor_s
    return {
        **found,
        "a quiet level up, floors": results.quiet.up_s / results.quiet.depth / floor_s,
        "inception --help, floors": results.startup.help_s / floor_s,
        "inception plan, floors": results.startup.plan_s / floor_s,
        "a key at the bottom, floors": results.startup.echo_s / floor_s,
        "memory a level, MB": results.costs.memory_mean / 1e6,
        "disk a level, MB": results.costs.disk / 1e6,
    }


def read_figures(report: Path) -> Figures | None:
    """Return the figures in a bench.json; None if there is none, or one that an older bench wrote."""
    if not report.exists():
        return None
    found: Figures | None = json.loads(report.read_text()).get("figures")
    return found


def changes(before: Figures, now: Figures) -> list[str]:
    """Return one line for each figure that both runs have and that is not the same, the most worsened first."""
    ratios = {name: now[name] / before[name] for name in now if before.get(name)}
    lines = []
    for name, ratio in sorted(ratios.items(), key=lambda it: -it[1]):
        if 1 / _NOISE <= ratio <= _NOISE:
            continue
        word = "WORSE" if ratio > 1 else "better"
        lines.append(f"{name:<44} {before[name]:>9.3f} {now[name]:>9.3f} {ratio:>7.2f} times: {word}")
    return lines


def readme_table(results: Results, machine: Mapping[str, object]) -> list[str]:
    """Return the lines of the README's table, the machine named before it."""
    floor = f"{results.floor_s:.2f} s"
    lines = [
        f"One run on {machine['cpus']} cores (Linux {machine['kernel']}, Docker {machine['engine']} outside):",
        "",
        f"| depth | a level, down | times the floor ({floor}) | naive, times ours | a level, up | kick |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for depth, ours in results.ours.items():
        naive = f"{results.naive[depth].down_s / ours.down_s:.1f} | " if depth in results.naive else "| "
        by_floor, up_s, kick_s = ours.level_s / results.floor_s, ours.up_s / depth, results.kicks_s[depth]
        lines.append(f"| {depth} | {ours.level_s:.2f} s | {by_floor:.2f} | {naive}{up_s:.2f} s | {kick_s:.2f} s |")
    return lines
