"""A fleet as files: the reports of its machines, fleet.json and fleet.html."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from inception.errors import InceptionError, UsageError
from inception.fleet.report.merge import check_numbers
from inception.fleet.report.page import page
from inception.fleet.report.record import FleetReport, MissingMachine
from inception.fleet.transport import from_lines, is_carrier
from inception.plan.light_dataclasses import dataclass
from inception.stress.report.files import REPORT, read_report
from inception.stress.report.record import Report

FLEET = "fleet.json"
PAGE = "fleet.html"
REASON = "no-report.txt"
"""File of a machine that sent no report; it holds the reason."""


@dataclass(frozen=True, kw_only=True)
class FleetFiles:
    """Reports by their machines' names, and the machines without one."""

    reports: Mapping[str, Report]
    missing: tuple[MissingMachine, ...]


def read_machines(places: Sequence[Path]) -> FleetFiles:
    """Read the reports in `places`: files, logs of nodes, directories of one report or with a directory a machine.

    A machine whose file is no report is missing. Raises UsageError if a place has no machine, or none has a report.
    """
    found = [it for place in places for it in _machines_in(place)]
    reports: dict[str, Report] = {}
    missing = []
    for name, path in _named(found):
        try:
            report = _read(path)
            check_numbers(report)
        except UsageError as error:
            missing.append(MissingMachine(name=name, reason=_reason(path) or error.message))
        except ValueError as error:
            missing.append(MissingMachine(name=name, reason=f"its report is not plausible: {error}"))
        else:
            reports[name] = report
    if not reports:
        raise UsageError(f"none of {len(found)} machines has a report", remedy=f"the first: {missing[0].reason}")
    return FleetFiles(reports=reports, missing=tuple(missing))


def _machines_in(place: Path) -> Iterator[Path]:
    """Yield the file of a report, or each directory in `place` that is a machine's."""
    try:
        if place.is_file() or (place / REPORT).exists():
            yield place
            return
        inside = sorted(it for it in place.iterdir() if (it / REPORT).exists() or (it / REASON).exists())
    except OSError as error:
        raise UsageError(f"cannot read {place}: {error.strerror}", remedy="name directories of reports") from error
    if not inside:
        raise UsageError(
            f"{place} holds no report", remedy=f"name a directory with {REPORT}, or one that holds such directories"
        )
    yield from inside


def _read(path: Path) -> Report:
    """Return the report in a file or a directory, or in the log of a node. Raises UsageError."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
    if not any(map(is_carrier, lines)):
        return read_report(path)
    try:
        text = from_lines(lines)
        if text is None:
            raise UsageError(f"{path} has a part of a report alone", remedy="take the whole log of the node")
        return Report.from_json(text)
    except ValueError as error:
        raise UsageError(f"{path} has no report in it: {error}", remedy="take the node's log again") from error


def _reason(path: Path) -> str | None:
    try:
        return (path / REASON).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None


def _named(paths: Sequence[Path]) -> list[tuple[str, Path]]:
    """Return each path with its machine's name: as many of its last parts as it takes to tell all apart."""
    places = [_directory(it) for it in paths]
    twice = [place for place, count in Counter(places).items() if count > 1]
    if twice:
        raise UsageError(f"the machine {twice[0]} is named twice", remedy="name each machine once")
    lengths = [1] * len(places)
    while True:
        names = ["/".join(it.parts[-length:]) for it, length in zip(places, lengths, strict=True)]
        counts = Counter(names)
        if max(counts.values(), default=1) == 1:
            return list(zip(names, paths, strict=True))
        lengths = [length + (counts[name] > 1) for name, length in zip(names, lengths, strict=True)]


def _directory(path: Path) -> Path:
    """Return the path that names the machine: its directory, or its file without the ending."""
    resolved = path.resolve()
    if path.is_dir():
        return resolved
    return resolved.parent if resolved.name == REPORT else resolved.with_suffix("")


def read_fleet(path: Path) -> FleetReport:
    """Return the fleet in a file, or in a directory that `write_fleet` wrote to. Raises UsageError if there is none."""
    file = path / FLEET if path.is_dir() else path
    try:
        return FleetReport.from_json(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}", remedy=f"name a {FLEET}, or its directory") from error
    except ValueError as error:
        raise UsageError(f"{file} is no fleet: {error}", remedy="name one of this version of inception") from error


def write_fleet(fleet: FleetReport, directory: Path) -> None:
    """Write fleet.json and fleet.html to `directory`. Raises InceptionError."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        (directory / FLEET).write_text(fleet.to_json(), encoding="utf-8")
        (directory / PAGE).write_text(page(fleet), encoding="utf-8")
    except OSError as error:
        raise InceptionError(
            f"cannot write to {directory}: {error.strerror}", remedy="name another --output"
        ) from error
