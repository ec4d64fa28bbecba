"""Print the findings of `doctor`: a table on a terminal, plain lines into a file, JSON for a program."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Console
from rich.table import Table
from rich.text import Text

from inception.probe.checks.check import CheckStatus, Finding
from inception.probe.depth_limit import DepthLimit

_STYLES = {CheckStatus.PASS: "green", CheckStatus.WARN: "yellow", CheckStatus.FAIL: "bold red", CheckStatus.SKIP: "dim"}


def print_report_json(findings: Sequence[Finding], limits: Sequence[DepthLimit]) -> None:
    """Print all findings and limits as one JSON object."""
    report = {"checks": [asdict(finding) for finding in findings], "reach": [asdict(one) for one in limits]}
    print(json.dumps(report, indent=2))


def print_report(findings: Sequence[Finding], limits: Sequence[DepthLimit]) -> None:
    """Print every check, and the greatest depths that the host should carry."""
    show = _print_table if sys.stdout.isatty() else _print_lines
    show(findings)
    print(f"\n{_count(findings)}\n")
    if any(finding.status is CheckStatus.FAIL for finding in findings):
        print("after the failed checks are remedied:")
    for one in limits:
        print(f"{one.depth} levels with --pid {one.mode}; the next is stopped by: {one.wall}")
    if not limits:
        print("the greatest depth is not known: the machine could not be examined")


def _print_table(findings: Sequence[Finding]) -> None:
    console = Console(highlight=False)
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("verdict", no_wrap=True)
    table.add_column("check", no_wrap=True)
    table.add_column("measured, and why it matters")
    for finding in findings:
        details = Text(finding.measured)
        details.append(f"\n{finding.why}", style="dim")
        if finding.remedy is not None:
            details.append("\n$ ", style="dim").append(finding.remedy, style="cyan")
        table.add_row(Text(finding.status.value, style=_STYLES[finding.status]), finding.name, details)
    console.print(table)


def _print_lines(findings: Sequence[Finding]) -> None:
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        print(f"{finding.status.value}  {finding.name:<{width}}  {finding.measured}")
        print(f"      {'':<{width}}  {finding.why}")
        if finding.remedy is not None:
            print(f"      {'':<{width}}  $ {finding.remedy}")


def _count(findings: Sequence[Finding]) -> str:
    numbers = {status: sum(finding.status is status for finding in findings) for status in CheckStatus}
    return ", ".join(f"{number} {status.value}" for status, number in numbers.items() if number)
