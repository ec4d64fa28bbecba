"""The files of a fleet and the command that makes them; a page stays small and escapes whatever it shows."""

from __future__ import annotations

import json
import time
from dataclasses import fields, replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from inception.cli.main import run_arguments
from inception.errors import UsageError
from inception.fleet.report.charts import MAX_NAMED, charts
from inception.fleet.report.compare import compare_fleets
from inception.fleet.report.files import FLEET, PAGE, REASON, read_fleet, read_machines, write_fleet
from inception.fleet.report.merge import merge
from inception.fleet.report.page import page
from inception.fleet.report.record import FleetReport, MissingMachine
from inception.fleet.transport import to_lines
from inception.stress.report.files import REPORT, write_report
from inception.stress.report.record import Environment
from tests.factories.fleets import fleet_reports, machine_report, write_machines

_MAX_SECONDS = 30
"""Processor time for a thousand machines; it takes some 3 s on an idle machine."""
_MAX_BYTES = 2_000_000
_HOSTILE = """<script>alert("1")</script> & 'two' "three" onload="x" </title></style></pre>"""


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert "onload" not in dict(attrs)
        self.tags.add(tag)
        if tag not in {"meta", "link"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def _tags(text: str) -> _Tags:
    parser = _Tags()
    parser.feed(text)
    parser.close()
    assert parser.open == []
    return parser


@pytest.mark.slow
def test_thousand_machines_are_merged_in_seconds_to_a_page_of_moderate_size(tmp_path: Path) -> None:
    reports = fleet_reports(100)
    many = {f"{name}-{copy}": report for name, report in reports.items() for copy in range(10)}
    write_machines(many, tmp_path / "machines")
    begun = time.process_time()
    assert run_arguments(["report", "merge", str(tmp_path / "machines"), "--output", str(tmp_path / "fleet")]) == 0
    assert time.process_time() - begun < _MAX_SECONDS
    text = (tmp_path / "fleet" / PAGE).read_text()
    assert len(text) < _MAX_BYTES
    assert len(read_fleet(tmp_path / "fleet").machines) == 1000
    # What is like most is folded: the open tables are those that a reader can look through.
    assert "970 machines like most</summary>" in text


def test_chart_has_a_line_for_each_machine_and_few_of_them_in_colour() -> None:
    many, few = merge(fleet_reports(120)), merge(fleet_reports(3))
    for fleet, named in ((many, 2), (few, 3)):
        (chart,) = (it for it in charts(fleet) if it.name == "ready_s")
        kinds = [mark.attributes.get("class", "") for mark in chart.marks if mark.tag == "path"]
        coloured = sum(kind.startswith("line") for kind in kinds)
        median = fleet is many
        assert coloured == named + median
        assert len(kinds) == len(fleet.machines) + median
        assert coloured <= MAX_NAMED + 1


def test_deep_chains_are_drawn_at_some_of_their_levels() -> None:
    fleet = merge({"deep": machine_report(depth=200, cycles=1)})
    (chart,) = (it for it in charts(fleet) if it.name == "ready_s")
    assert chart.note.endswith("One level in 4 is shown.")


def test_level_that_was_not_measured_is_a_gap() -> None:
    made = machine_report(depth=3, cycles=1)
    (cycle,) = made.cycles
    (chain,) = cycle.chains
    first, second, third = chain.levels
    levels = (first, replace(second, run_s=None), third)
    gap = replace(made, cycles=(replace(cycle, chains=(replace(chain, levels=levels),)),))
    (chart,) = (it for it in charts(merge({"gap": gap, "whole": made})) if it.name == "run_s")
    paths = {it.title.split(":")[0]: it.attributes["d"] for it in chart.marks if it.tag == "path"}
    assert (paths["gap"].count("M"), paths["gap"].count("h4")) == (2, 2)
    assert (paths["whole"].count("M"), paths["whole"].count("L")) == (1, 2)


def _hostile_fleet() -> FleetReport:
    where = {it.name: _HOSTILE for it in fields(Environment) if isinstance(getattr(_environment(), it.name), str)}
    reports = {f"n{it}": machine_report() for it in range(6)}
    hostile = machine_report(wall_at=3, leaks=(_HOSTILE,), speed=4, **where)  # type: ignore[arg-type]
    wall = replace(hostile.cycles[0].chains[0].wall, title=_HOSTILE, message=_HOSTILE)  # type: ignore[type-var]
    cycles = tuple(replace(it, chains=(replace(it.chains[0], wall=wall),)) for it in hostile.cycles)
    fleet = merge(
        {**reports, _HOSTILE: replace(hostile, cycles=cycles)}, [MissingMachine(name=_HOSTILE, reason=_HOSTILE)]
    )
    old = merge({**reports, _HOSTILE: machine_report()})
    return replace(fleet, comparison=compare_fleets(old, fleet))


def _environment() -> Environment:
    return machine_report().environment


def test_page_escapes_whatever_a_fleet_holds() -> None:
    found = _tags(page(_hostile_fleet()))
    assert "script" not in found.tags
    assert sum(_HOSTILE in it for it in found.text) >= 10


@pytest.mark.parametrize("fleet", [merge({}), merge({"a": machine_report()}), merge(fleet_reports(9))])
def test_page_of_any_fleet_is_balanced(fleet: FleetReport) -> None:
    assert "script" not in _tags(page(fleet)).tags


def test_page_names_what_was_compared() -> None:
    text = page(_hostile_fleet())
    assert "<h2>Against the fleet before</h2>" in text
    assert "reached, now wall" in text


def test_machines_are_named_by_their_directories(tmp_path: Path) -> None:
    write_machines({"a": machine_report(), "b": machine_report()}, tmp_path / "fleet")
    write_report(machine_report(), tmp_path / "x" / "c")
    (tmp_path / "d.json").write_text(machine_report().to_json())
    found = read_machines([tmp_path / "fleet", tmp_path / "x" / "c", tmp_path / "d.json"])
    assert list(found.reports) == ["a", "b", "c", "d"]
    assert list(read_machines([tmp_path / "fleet" / "a" / REPORT]).reports) == ["a"]


def test_machines_with_one_name_are_told_apart_by_their_parents(tmp_path: Path) -> None:
    for name in ("east", "west"):
        write_machines({"node-1": machine_report(), name: machine_report()}, tmp_path / name)
    found = read_machines([tmp_path / "east", tmp_path / "west"])
    assert set(found.reports) == {"east/node-1", "east", "west/node-1", "west"}
    with pytest.raises(UsageError, match="is named twice"):
        read_machines([tmp_path / "east", tmp_path / "east" / "node-1"])


def test_machine_without_a_readable_report_is_named_and_the_others_count(tmp_path: Path) -> None:
    write_machines({"good": machine_report()}, tmp_path)
    for name, file, text in (
        ("broken", REPORT, "{"), ("begun", REPORT, ""), ("lost", REASON, "the node is down\n")
    ):  # fmt: skip
        (tmp_path / name).mkdir()
        (tmp_path / name / file).write_text(text)
    found = read_machines([tmp_path])
    assert list(found.reports) == ["good"]
    assert [it.name for it in found.missing] == ["begun", "broken", "lost"]
    assert found.missing[2].reason == "the node is down"


@pytest.mark.parametrize(
    ("value", "odd"),
    [
        ('"begun": 1700000000.0', '"begun": 1e300'),
        ('"seconds": 30.0', '"seconds": NaN'),
        ('"memory": 25769803776', f'"memory": {"9" * 400}'),
        ('"ready_s": 0.909', '"ready_s": Infinity'),
        ('"number": 1', '"number": -1'),
        ('"pss": 40000000', f'"pss": {"9" * 400}'),
    ],
)
def test_machine_with_impossible_numbers_is_named_and_the_others_count(value: str, odd: str, tmp_path: Path) -> None:
    write_machines({"good": machine_report(), "odd": machine_report()}, tmp_path)
    file = tmp_path / "odd" / REPORT
    text = file.read_text()
    assert value in text
    file.write_text(text.replace(value, odd))
    found = read_machines([tmp_path])
    assert list(found.reports) == ["good"]
    assert [it.reason.split(":")[0] for it in found.missing] == ["its report is not plausible"]
    page(merge(found.reports, found.missing))


@pytest.mark.parametrize("arguments", [["no-such"], ["empty"], ["broken"], [], ["good", "--compare", "empty"]])
def test_what_cannot_be_merged_is_refused_in_one_line_and_nothing_is_written(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / REPORT).write_text("{")
    write_machines({"good": machine_report()}, tmp_path)
    assert run_arguments(["report", "merge", *arguments]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not (tmp_path / "fleet").exists()


def test_command_compares_judges_and_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = {f"n{it}": machine_report() for it in range(6)}
    new = {name: machine_report(speed=1.5) for name in old}
    write_machines(old, tmp_path / "old")
    write_machines({**new, "n0": machine_report(wall_at=4)}, tmp_path / "new")
    write_fleet(merge(read_machines([tmp_path / "old"]).reports), tmp_path / "before")
    merging = ["report", "merge", str(tmp_path / "new"), "--output", str(tmp_path / "after")]
    comparing = ["--compare", str(tmp_path / "before"), "--fail-on-regression", "10%"]
    assert run_arguments([*merging, *comparing, "--fail-under", "8"]) == 1
    heard = capsys.readouterr()
    assert "6 machines: 5 reached the depth, 1 met a limit" in heard.out
    assert "n0: reached, now wall; depth 8, now 3" in heard.out
    for line in ("depth under 8 on n0", "worse than before on n0", "time grew by 50%, beyond noise"):
        assert f"requirement not met: {line}" in heard.err
    assert json.loads((tmp_path / "after" / FLEET).read_text())["comparison"]["common"] == 6
    assert run_arguments([*merging, "--fail-under", "3"]) == 0
    assert run_arguments([*merging, "--fail-on-regression", "10%"]) == 2


def test_report_of_one_campaign_is_still_rendered_without_a_word_more(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_report(machine_report(), tmp_path)
    for words in (["report"], ["report", "render"], ["report", "--output", str(tmp_path / "elsewhere")]):
        assert run_arguments([*words, str(tmp_path)]) == 0
        assert capsys.readouterr().out.strip().endswith("report.html")
    assert (tmp_path / "elsewhere" / "report.html").exists()
    assert run_arguments(["report", "--schema"]) == 0
    assert '"Report"' in capsys.readouterr().out
    assert run_arguments(["report", "merge", "--schema"]) == 0
    assert '"FleetReport"' in capsys.readouterr().out


def test_logs_of_nodes_are_read_as_reports_and_a_part_is_named(tmp_path: Path) -> None:
    report = machine_report(cycles=60)
    lines = list(to_lines(report.to_json()))
    assert len(lines) > 1
    (tmp_path / "a.log").write_text("\n".join(["inception: level 1 of 8 is ready", *lines, "bye"]))
    (tmp_path / "b.log").write_text("\n".join(lines[1:]))
    found = read_machines([tmp_path / "a.log", tmp_path / "b.log"])
    assert found.reports == {"a": report}
    (missing,) = found.missing
    assert missing.name == "b"
    assert missing.reason.endswith("b.log has a part of a report alone")
