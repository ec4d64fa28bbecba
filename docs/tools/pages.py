"""Write the pages that Sphinx includes and that are made from the program: commands and files."""

from __future__ import annotations

from pathlib import Path

from docs.tools.commands import command_pages
from docs.tools.files import described
from inception.chain.forwarding.forward import Exposure, Forward
from inception.cli.output import ChainFields
from inception.fleet.report.record import FleetReport
from inception.plan.chain import ChainPlan
from inception.plan.events import Event
from inception.stress.report.record import Report

_FILES = {
    "plan": (ChainPlan,),
    "events": (Event,),
    "report": (Report,),
    "fleet": (FleetReport,),
    "ls": (ChainFields, Forward, Exposure),
}
"""Types of each file, by the beginning of the anchors of its sections."""


def write_pages(directory: Path) -> None:
    """Write all pages into `directory`; files that are there already and equal keep their time."""
    directory.mkdir(parents=True, exist_ok=True)
    pages = {page.stem: page for page in command_pages()}
    for stem, page in pages.items():
        _write(directory / f"{stem}.md", page.text)
    table = "\n".join(f"| [`inception {it.name}`]({it.stem}.md) | {it.summary} |" for it in pages.values())
    entries = "\n".join(f"{it.name} <{it.stem}>" for it in pages.values())
    _write(
        directory / "index.md",
        "# Commands\n\n`inception --depth N` is short for `inception run --depth N`. Every command takes `--verbose`, "
        "which logs engine calls, retries and decisions of the plan, and `--help`. Each option is also a variable: "
        "`--depth` is `INCEPTION_DEPTH`.\n\n"
        f"| command | does |\n| --- | --- |\n{table}\n\n```{{toctree}}\n:hidden:\n\n{entries}\n```\n",
    )
    for name, kinds in _FILES.items():
        _write(directory / f"{name}.inc", "\n\n".join(described(kind, name) for kind in kinds) + "\n")


def _write(file: Path, text: str) -> None:
    if not file.exists() or file.read_text(encoding="utf-8") != text:
        file.write_text(text, encoding="utf-8")
