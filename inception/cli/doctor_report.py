"""What `doctor` found: a table for a terminal, plain lines for a file, JSON for a program."""

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
    """Print everything, as one JSON object."""
    report = {"checks": [asdict(finding) for finding in findings], "reach": [asdict(one) for one in limits]}
    print(json.dumps(report, indent=2))


def print_report(findings: Sequence[Finding], limits: Sequence[DepthLimit]) -> None:
    """Print every check, and how deep the host should let a chain go."""
    show = _print_table if sys.stdout.isatty() else _print_lines
    show(findings)
    print(f"\n{_count(findings)}\n")
    if any(finding.status is CheckStatus.FAIL for finding in findings):
        print("once what fails is remedied:")
    for one in limits:
        print(f"{one.depth} levels with --pid {one.mode}; then stops it: {one.wall}")
    if not limits:
        print("how deep a chain could go is not known: the machine could not be read")


def _print_table(findings: Sequence[Finding]) -> None:
    console = Console(highlight=False)
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("verdict", no_wrap=True)
    table.add_column("check", no_wrap=True)
    table.add_column("measured, and why it matters")
    for finding in findings:
        told = Text(finding.measured)
        told.append(f"\n{finding.why}", style="dim")
        if finding.remedy is not None:
            told.append("\n$ ", style="dim").append(finding.remedy, style="cyan")
        table.add_row(Text(finding.status.value, style=_STYLES[finding.status]), finding.name, told)
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
