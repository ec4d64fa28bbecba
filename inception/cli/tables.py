"""Tables for people; programs ask for JSON instead."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.table import Table

from inception.plan.chain import ChainPlan

_WIDE = 160


def plan_table(plan: ChainPlan, *, image_is_missing: bool) -> None:
    """Print a plan: what holds for the whole chain, then a row a level."""
    # A program that reads this gets whole words, however narrow its terminal would be.
    console = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDE)
    granted = plan.privileges
    privileges = "--privileged" if granted.privileged else f"{len(granted.capabilities)} capabilities, unconfined"
    missing = "  (missing: it will be built)" if image_is_missing else ""
    for name, value in (
        ("chain", plan.name),
        ("depth", str(plan.depth)),
        ("image", plan.image + missing),
        ("image transfer", plan.image_transfer.value),
        ("privileges", privileges),
        ("network", f"{plan.network.value}, mtu {plan.mtu}"),
        ("run directory", plan.run_directory),
    ):
        console.print(f"{name:<15} {value}", soft_wrap=True)
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for heading in ("level", "container", "pid namespace", "cgroup namespace", "bridge", "data-root"):
        table.add_column(heading, no_wrap=True)
    for level in plan.levels:
        size = "" if level.storage.size is None else f" {level.storage.size / 1e9:.1f} GB"
        table.add_row(
            str(level.number),
            level.container,
            level.pid_namespace.value,
            level.cgroup_namespace.value,
            level.subnet.bridge,
            level.storage.kind.value + size,
        )
    console.print(table)
