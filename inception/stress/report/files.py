"""A report as files: report.json, levels.csv, junit.xml, report.html, each chart as SVG and PNG; and matrix.json."""

from __future__ import annotations

import csv
import io
from importlib.util import find_spec
from pathlib import Path

from inception.errors import InceptionError, UsageError
from inception.plan.events import Phase
from inception.stress.report.charts import PHASES, charts, phase_seconds
from inception.stress.report.junit import junit
from inception.stress.report.matrix import Matrix
from inception.stress.report.page import page
from inception.stress.report.record import LevelRecord, Report
from inception.stress.report.svg import Chart, chart_svg, printable_svg
from inception.stress.report.trace import trace

REPORT = "report.json"
MATRIX = "matrix.json"
PAGE = "report.html"
CHARTS = "charts"
_PNG_SCALE = 2.0


def read_report(path: Path) -> Report:
    """Return the report in a file, or in a directory that `write_report` made. Raises UsageError if there is none."""
    file = path / REPORT if path.is_dir() else path
    try:
        return Report.from_json(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(
            f"cannot read {file}: {error.strerror}", remedy="name a report.json, or its directory"
        ) from error
    except ValueError as error:
        raise UsageError(f"{file} is no report: {error}", remedy="name one of this version of inception") from error


def make_directory(directory: Path, file: str = REPORT) -> None:
    """Create `directory` and check that `file` can be written there. Raises UsageError."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        (directory / file).touch()
    except OSError as error:
        raise UsageError(f"cannot write to {directory}: {error.strerror}", remedy="name another --output") from error


def write_matrix(matrix: Matrix, directory: Path) -> None:
    """Write matrix.json to `directory`. Raises InceptionError."""
    try:
        _write(directory / MATRIX, matrix.to_json())
    except OSError as error:
        raise _cannot_write(directory, error) from error


def write_report(report: Report, directory: Path) -> None:
    """Write every file of `report` to `directory`; PNGs only where `can_draw_png`. Raises InceptionError."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        _write(directory / REPORT, report.to_json())
        _write(directory / "levels.csv", levels_csv(report))
        _write(directory / "junit.xml", junit(report))
        _write(directory / PAGE, page(report))
        (directory / CHARTS).mkdir(exist_ok=True)
        for chart in charts(report):
            _write(directory / CHARTS / f"{chart.name}.svg", chart_svg(chart))
            if can_draw_png():
                (directory / CHARTS / f"{chart.name}.png").write_bytes(_png(chart))
    except OSError as error:
        raise _cannot_write(directory, error) from error


def _cannot_write(directory: Path, error: OSError) -> InceptionError:
    return InceptionError(f"cannot write to {directory}: {error.strerror}", remedy="name another --output")


def write_trace(report: Report, file: Path) -> None:
    """Write `report` as a trace to `file`. Raises UsageError."""
    try:
        _write(file, trace(report))
    except OSError as error:
        raise UsageError(f"cannot write {file}: {error.strerror}", remedy="name another --trace") from error


def can_draw_png() -> bool:
    """Return whether charts can be written as PNG: it takes the optional dependency `inception-dind[report]`."""
    return find_spec("vl_convert") is not None


def _png(chart: Chart) -> bytes:
    from vl_convert import svg_to_png

    return svg_to_png(printable_svg(chart), scale=_PNG_SCALE)


def _write(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")


_HEADINGS = (
    *("cycle", "chain", "level", "ready_s"),
    *(f"{phase}_s" for phase in PHASES),
    *("unwound_s", "pss_bytes", "disk_bytes", "inodes", "mounts", "cgroups", "links", "threads"),
    *("containerd_fds", "dockerd_fds", "runner_fds", "inherited_fds", "pid_namespaces", "api_s", "run_s"),
)


def levels_csv(report: Report) -> str:
    """Return a row for each level of each chain; a value that is not known is left empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_HEADINGS)
    for cycle in report.cycles:
        for chain in cycle.chains:
            writer.writerows([cycle.number, chain.name, *_row(level)] for level in chain.levels)
    return text.getvalue()


def _row(level: LevelRecord) -> list[object]:
    took = phase_seconds(level)
    found = level.measure
    descriptors = {process.name: process.descriptors for process in found.processes} if found else {}
    programs = (Phase.CONTAINERD, Phase.DOCKERD, "runner")
    cells: list[object] = [level.number, _shown(level.ready_s)]
    cells += [_shown(took.get(phase)) for phase in PHASES]
    cells.append(_shown(level.unwound_s))
    if found:
        cells += [found.pss, found.disk, found.inodes, found.mounts, found.cgroups, found.links, found.threads]
        cells += [*(descriptors.get(program, "") for program in programs), len(found.inherited)]
    else:
        cells += [""] * 11
    return [
        *cells,
        "" if level.pid_namespaces is None else level.pid_namespaces,
        *map(_shown, (level.api_s, level.run_s)),
    ]


def _shown(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.6f}"
