"""Prints a plan and a comparison of reports as tables; programs ask for JSON instead."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from inception.cli.branches import branch_of, depth_text
from inception.plan.chain import ChainPlan
from inception.plan.engine.preloads import show_preload
from inception.plan.engine.proxies import mask_credentials
from inception.plan.engine.seeds import preloads_in
from inception.plan.estimate import Estimate
from inception.plan.formats.size import show_size

if TYPE_CHECKING:
    from inception.stress.report.compare import Comparison  # It would cost `plan` a fifth of its time.

_WIDE = 160
_HEADINGS = (
    "level",
    "container",
    "engine",
    "store",
    "pid namespace",
    "cgroup namespace",
    "bridge",
    "networks",
    "data-root",
)


def plan_table(plan: ChainPlan, *, missing: Sequence[str]) -> None:
    """Print a plan: the settings of the whole chain, then a row for each level. The `missing` images will be built."""
    # Without a terminal there is no width to keep to: nothing is cut.
    console = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDE)
    for name, value in _settings_of_chain(plan, missing):
        console.print(f"{name:<15} {value}", soft_wrap=True)
    console.print(_table_of_levels(plan))


def _settings_of_chain(plan: ChainPlan, missing: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the name and the value of each setting of the whole chain."""
    granted = plan.privileges
    yield "chain", plan.name
    yield "depth", depth_text(plan.shape)
    yield from _images(plan, missing)
    yield "image transfer", plan.image_transfer.value
    yield (
        "privileges",
        "--privileged" if granted.privileged else f"{len(granted.capabilities)} capabilities, unconfined",
    )
    yield "network", f"{plan.network.value}, mtu {plan.mtu}"
    yield from _ways_outward(plan)
    yield from (("mount", str(mount)) for mount in plan.mounts)
    yield from (("preload", show_preload(preload)) for preload in preloads_in(plan.seeds))
    yield "takes about", _show_estimate(plan.estimate)
    yield "run directory", plan.run_directory


def _table_of_levels(plan: ChainPlan) -> Table:
    """Return a table with a row for each level."""
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    limits = ("limits",) if any(str(level.resources) for level in plan.levels) else ()
    for heading in (*_HEADINGS, *limits):
        table.add_column(heading, no_wrap=True)
    for level in plan.levels:
        size = "" if level.storage.size is None else f" {level.storage.size / 1e9:.1f} GB"
        table.add_row(
            str(level.number) if plan.shape.is_line else f"{branch_of(plan.shape, level.number)[0]}{level}",
            level.container,
            plan.seed_of(level.number).engine_version or "unknown",
            plan.seed_of(level.number).store.value + (f", {level.runtime}" if level.runtime else ""),
            level.pid_namespace.value,
            level.cgroup_namespace.value,
            level.subnet.bridge,
            str(level.subnet.network_count),
            level.storage.kind.value + size,
            *(str(level.resources) for _ in limits),
        )
    return table


def _images(plan: ChainPlan, missing: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield a row for each image, with its levels where there are several."""
    by_image: dict[str, list[int]] = {}
    for level in plan.levels:
        by_image.setdefault(level.image, []).append(level.number)
    for image, numbers in by_image.items():
        name = "image" if len(by_image) == 1 else f"image {_show_levels(numbers)}"
        yield name, image + ("  (missing: it will be built)" if image in missing else "")


def _show_levels(numbers: Sequence[int]) -> str:
    """Return level numbers as ranges: `1,3-5`."""
    runs = [[number for _, number in run] for _, run in groupby(enumerate(numbers), lambda it: it[1] - it[0])]
    return ",".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def _ways_outward(plan: ChainPlan) -> Iterator[tuple[str, str]]:
    """Yield the rows of a plan for proxies, registries and authorities, if it has any, and remarks on them."""
    outward = plan.outward
    if outward.proxies.addresses:
        yield "proxies", ", ".join(map(mask_credentials, outward.proxies.addresses))
    if outward.registry_mirrors:
        yield "mirrors", ", ".join(map(mask_credentials, outward.registry_mirrors))
    if outward.insecure_registries:
        yield "insecure", ", ".join(outward.insecure_registries)
    for remark in plan.remarks:
        yield "warning", remark


def comparison_table(comparison: Comparison) -> None:
    """Print the change of each cost from one report to another."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDE)
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for heading in ("cost", "change", "noise", "verdict"):
        table.add_column(heading, no_wrap=True)
    table.add_row("depth", f"{comparison.depth[0]} -> {comparison.depth[1]}", "", _direction(*comparison.depth))
    table.add_row(
        "left behind", f"{comparison.leaks[0]} -> {comparison.leaks[1]}", "", _direction(*comparison.leaks[::-1])
    )
    for it in comparison.differences:
        table.add_row(it.name, f"{it.change.ratio - 1:+.1%}", f"{it.change.noise - 1:.1%}", it.verdict)
    console.print(table)


def _direction(before: int, after: int) -> str:
    if before == after:
        return "same"
    return "better" if after > before else "worse"


def _show_estimate(estimate: Estimate) -> str:
    disk = f"{show_size(estimate.disk)} of disk, " if estimate.disk else ""
    return f"{show_size(estimate.memory)} of memory, {disk}{estimate.seconds:.0f} s down and up"
